//! Is the process alive (`/health`), can it serve (`/ready`).

use super::State;
use crate::problem::Problem;
use axum::http::header;
use axum::response::IntoResponse;

const ALIVE: &str = concat!("{\"status\":\"ok\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

/// Alive: 200, and which version. Asks nothing of anybody, so that it stays quick.
pub(super) async fn health() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], ALIVE)
}

/// 200 if the database answers, else 503.
pub(super) async fn ready(service: State) -> Result<&'static str, Problem> {
    if service.db.is_ready().await { Ok("ready\n") } else { Err(Problem::Database) }
}
