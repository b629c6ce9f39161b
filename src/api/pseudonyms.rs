//! A project's own pseudonyms of patients as CSV, in and out, for keys with the right to.

use super::{State, body, on_record};
use crate::audit::action::Action;
use crate::db::Fault;
use crate::db::account::{Hand, Right};
use crate::db::pseudonyms::MOST;
use crate::deid::own_pseudonyms::{Mistake, OwnPseudonyms};
use crate::layer::context::{Asked, Caller};
use crate::problem::{Names, Problem};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

/// GET /v1/pseudonyms.
pub(super) async fn export(service: State, Extension(caller): Extension<Caller>) -> Response {
    let export = async {
        caller.must(Right::Reidentify)?;
        let (db, project) = (&service.db, &caller.project);
        let own = service.keys.with(|key| async move { db.pseudonyms(&key, project).await }).await?;
        Ok((Extension(Asked { found: own.len(), unknown: 0 }), csv(&own)).into_response())
    };
    on_record(Action::Reidentify, export.await)
}

/// PUT /v1/pseudonyms: the whole table. Its change is on record with the change itself.
pub(super) async fn import(service: State, Extension(caller): Extension<Caller>, body: Body) -> Response {
    let import = async {
        caller.must(Right::Reidentify)?;
        let table = body::bounded(body, MOST).await?;
        let hand = &Hand::caller(service.keeper.clone(), &caller.key);
        let (db, project, table) = (&service.db, &caller.project, &table);
        let set = async move |key| db.set_pseudonyms(hand, &key, project, table).await;
        imported(service.keys.with(set).await)
    };
    on_record(Action::ChangePseudonyms, import.await)
}

/// The table as a client gets it.
pub(super) fn csv(own: &OwnPseudonyms) -> Response {
    ([(CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], own.to_csv()).into_response()
}

/// How many were taken, or why none was.
pub(super) fn imported(set: Result<Result<u64, Vec<Mistake>>, Fault>) -> Result<Response, Problem> {
    match set.map_err(Problem::of_account)? {
        Ok(count) => Ok(Json(json!({ "pseudonyms": count })).into_response()),
        Err(mistakes) => Err(Problem::Names(Names::Table(mistakes))),
    }
}
