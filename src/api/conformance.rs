//! GET /conformance: what is conformed to, as data: services, media types, syntaxes, attributes of searches here; profiles
//! and actions in `profile`, clauses and deviations in `clauses`. The tables of `conformance/statement.md` are made of
//! it, and held by `tests/statement.rs`.

mod clauses;
mod profile;

use super::capabilities;
use crate::deid::{table, types};
use crate::dicom::dictionary;
use crate::dicom::syntax::{SUPPORTED, TransferSyntax};
use crate::dicomweb::levels::{self, Level};
use crate::dicomweb::syntaxes;
use crate::problem::Problem;
use crate::raster::decode::decodes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use dicom_core::Tag;
use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use serde_json::{Value, json};
use std::sync::LazyLock;

static STATEMENT: LazyLock<String> = LazyLock::new(|| statement().to_string());

/// The statement. It is made at the first request, which takes a while.
pub(super) async fn conformance() -> Result<Response, Problem> {
    let made = tokio::task::spawn_blocking(|| STATEMENT.as_str()).await;
    let text = made.map_err(|_| Problem::Internal("the conformance statement was not made"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// All of it.
pub fn statement() -> Value {
    json!({
        "product": "Veilgate",
        "version": env!("CARGO_PKG_VERSION"),
        "table": {"part": "PS3.15 Table E.1-1", "edition": table::edition(), "rows": table::rows().len()},
        "profile": profile::described(),
        "rows": profile::rows(),
        "outside_table": profile::gaps(),
        "by_vr": profile::defaults(),
        "pixel_policy": profile::pixels(),
        "services": capabilities::resources(),
        "transfer_syntaxes": SUPPORTED.iter().map(syntax).collect::<Vec<_>>(),
        "sop_classes": types::sop_classes().map(|(uid, name)| json!({"uid": uid, "name": name})).collect::<Vec<_>>(),
        "search": [level("study", Level::Study), level("series", Level::Series), level("instance", Level::Instance)],
        "clauses": clauses::counts(),
        "deviations": clauses::deviations(),
    })
}

fn syntax(syntax: &TransferSyntax) -> Value {
    // The registry leaves out the processes of JPEG that nobody writes any more.
    let name = TransferSyntaxRegistry.get(syntax.uid).map_or("JPEG, retired process", |known| known.name());
    json!({
        "uid": syntax.uid,
        "name": name,
        "goes_out_as": syntax.outgoing(),
        "media": syntaxes::media_of(syntax.uid),
        "decoded": !syntax.encapsulated || decodes(syntax.uid),
    })
}

/// The attributes that results of a level have; any other attribute of the level can be asked for and matched.
fn level(name: &str, level: Level) -> Value {
    let keywords = |tags: &[Tag]| tags.iter().map(|tag| dictionary::keyword(*tag)).collect::<Vec<_>>();
    json!({
        "level": name,
        "always": keywords(levels::always(level)),
        "if_known": keywords(levels::if_known(level)),
    })
}
