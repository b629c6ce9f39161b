//! Is the process alive (`/health`), can it serve (`/ready`).

use super::State;
use crate::problem::Problem;

/// Alive: 200.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// 200 if the database answers, else 503.
pub(super) async fn ready(service: State) -> Result<&'static str, Problem> {
    if service.db.is_ready().await { Ok("ready\n") } else { Err(Problem::Database) }
}
