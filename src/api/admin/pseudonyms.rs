//! A project's own pseudonyms of patients over the admin API, as CSV. Both ways are on record in the project's chain.

use super::State;
use crate::api::body;
use crate::api::pseudonyms::{csv, imported};
use crate::db::account::Hand;
use crate::db::pseudonyms::MOST;
use crate::problem::Problem;
use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;

pub(super) async fn export(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(project): Path<String>,
) -> Result<Response, Problem> {
    let export = async |key| admin.db.export_pseudonyms(&hand, &key, &project).await;
    admin.keys.with(export).await.map(|own| csv(&own)).map_err(Problem::of_account)
}

pub(super) async fn import(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(project): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let table = body::bounded(body, MOST).await?;
    let import = async |key| admin.db.set_pseudonyms(&hand, &key, &project, &table).await;
    imported(admin.keys.with(import).await)
}
