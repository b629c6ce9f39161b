//! Is the process alive (`/health`), can it serve (`/ready`).

use super::State;
use crate::problem::Problem;
use std::time::Duration;
use tokio::time::timeout;

/// Whoever asks whether we are ready does not wait long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Alive: 200.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// 200 if the database takes what is written within `PATIENCE`, else 503.
pub(super) async fn ready(service: State) -> Result<&'static str, Problem> {
    let writable = timeout(PATIENCE, service.db.is_writable()).await;
    if writable.unwrap_or(false) { Ok("ready\n") } else { Err(Problem::Database) }
}
