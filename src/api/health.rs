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

/// 200 if database and archive take what is written within `PATIENCE`, else 503, which says who does not.
pub(super) async fn ready(service: State) -> Result<&'static str, Problem> {
    let database = timeout(PATIENCE, service.db.is_writable());
    let archive = timeout(PATIENCE, service.archive.is_writable());
    match tokio::join!(database, archive) {
        (Ok(true), Ok(true)) => Ok("ready\n"),
        (Ok(true), _) => Err(Problem::Storage),
        _ => Err(Problem::Database),
    }
}
