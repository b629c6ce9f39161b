//! The caller's own audit chain over HTTP: pages, export, checkpoints, receipts of entries; and the public key, which
//! anybody may have. What an entry holds is `audit`'s. Reading is itself put on record.

use super::{State, on_record};
use crate::audit::action::Action;
use crate::audit::chain::Sealed;
use crate::audit::checkpoint::{Checkpoint, EntryReceipt, Signed};
use crate::db::Fault;
use crate::db::chain::Export;
use crate::layer::context::Caller;
use crate::problem::Problem;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};

/// Entries of a page, unless the caller says otherwise.
const PAGE: u64 = 100;

/// Most entries of a page.
const MOST: u64 = 1000;

const JSON: &str = "application/json";

/// GET /.well-known/veilgate-audit-key.
pub(super) async fn public_key(service: State) -> Response {
    let headers = [(CONTENT_TYPE, "application/x-pem-file"), (CACHE_CONTROL, "no-cache")];
    (headers, service.keeper.public().to_pem()).into_response()
}

/// Which entries to read.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Those after this number.
    #[serde(default)]
    after: u64,
    /// At most so many.
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Page {
    entries: Vec<Sealed>,
    /// Where the chain ends, signed now.
    head: Signed<Checkpoint>,
    /// What to ask for as `after` next; nothing at the end.
    next: Option<u64>,
}

/// GET /v1/audit.
pub(super) async fn page(
    service: State,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let page = async {
        let Query(wanted) = wanted.map_err(|_| Problem::BadParameter("after, or limit"))?;
        let limit = wanted.limit.unwrap_or(PAGE).clamp(1, MOST);
        let entries = service.db.audit_entries(&caller.project, wanted.after, limit).await?;
        let head = service.db.audit_end(&service.keeper, &caller.project).await?;
        let last = entries.last().map(|entry| entry.body.sequence);
        let next = last.filter(|last| *last < head.body.sequence);
        let text = serde_json::to_string(&Page { entries, head, next });
        Ok(json(text.map_err(|_| Problem::Internal("a page of the audit was not written"))?))
    };
    on_record(Action::ReadAudit, page.await)
}

/// GET /v1/audit/export: the lines of `audit::export`, up to the end as it is now.
pub(super) async fn export(service: State, Extension(caller): Extension<Caller>) -> Response {
    let export = async {
        let export = Export::begin(&service.db, &service.keeper, &caller.project).await?;
        let lines = stream::try_unfold(export, async |mut export: Export| {
            let lines =
                export.next().await.inspect_err(|fault| tracing::error!(%fault, "an export broke off"))?;
            Ok::<_, Fault>(lines.map(|lines| (Bytes::from(lines), export)))
        });
        Ok(([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
    };
    on_record(Action::ExportAudit, export.await)
}

/// POST /v1/audit/checkpoint: signs the end of the chain and keeps the checkpoint for good.
pub(super) async fn checkpoint(service: State, Extension(caller): Extension<Caller>) -> Response {
    let kept = service.db.keep_checkpoint(&service.keeper, &caller.project).await;
    let answer = match kept {
        Ok(checkpoint) => Ok(json(checkpoint.canonical() + "\n")),
        Err(Fault::Missing) => Err(Problem::NotFound),
        Err(fault) => Err(fault.into()),
    };
    on_record(Action::KeepCheckpoint, answer)
}

/// GET /v1/audit/entries/{sequence}/receipt: a receipt that also shows that the entry is still there.
pub(super) async fn receipt(
    service: State,
    Extension(caller): Extension<Caller>,
    sequence: Result<Path<u64>, PathRejection>,
) -> Response {
    let receipt = async {
        let Path(sequence) = sequence.map_err(|_| Problem::NotFound)?;
        let before = sequence.checked_sub(1).ok_or(Problem::NotFound)?;
        let entries = service.db.audit_entries(&caller.project, before, 1).await?;
        let entry =
            entries.first().filter(|entry| entry.body.sequence == sequence).ok_or(Problem::NotFound)?;
        let end = service.db.audit_end(&service.keeper, &caller.project).await?;
        let receipt = EntryReceipt::new(entry, end);
        let receipt =
            receipt.map_err(|_| Problem::Internal("an audit chain ends before one of its entries"))?;
        Ok(json(receipt.canonical() + "\n"))
    };
    on_record(Action::ReadAudit, receipt.await)
}

/// JSON; what is to be kept is a line, so that one may be appended to the other.
fn json(text: String) -> Response {
    ([(CONTENT_TYPE, JSON)], text).into_response()
}
