//! GET /v1/usage: what the caller's customer used of its month, as the vault tells it, and what it read.

use super::State;
use crate::db::usage::Month;
use crate::layer::context::Caller;
use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

/// Instances of requests under way count when they are done.
pub(super) async fn usage(service: State, Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    let month = Month::now();
    let usage = service.db.usage(&service.quotas, &caller.customer, &month).await?;
    let body = json!({
        "tier": usage.tier,
        "files_used_mtd": usage.used,
        "quota": usage.quota,
        "reset_at": month.reset(),
        "read_mtd": usage.read,
        "read_bytes_mtd": usage.read_bytes,
    });
    Ok(Json(body).into_response())
}
