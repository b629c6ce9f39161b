//! Is the process alive (`/health`), can it serve (`/ready`).

use super::State;
use crate::problem::Problem;
use axum::http::header;
use axum::response::IntoResponse;
use std::time::Duration;
use tokio::time::timeout;

/// Whoever asks whether we are ready does not wait long.
const PATIENCE: Duration = Duration::from_secs(3);

const ALIVE: &str = concat!("{\"status\":\"ok\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

/// Alive: 200, and which version. Asks nothing of anybody, so that it stays quick.
pub(super) async fn health() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], ALIVE)
}

/// 200 if the database takes what is written within `PATIENCE`, else 503.
pub(super) async fn ready(service: State) -> Result<&'static str, Problem> {
    let writable = timeout(PATIENCE, service.db.is_writable()).await;
    if writable.unwrap_or(false) { Ok("ready\n") } else { Err(Problem::Database) }
}
