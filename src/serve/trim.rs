//! Keeps the crosswalks within their bound, beside the requests.

use crate::db::Db;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often it looks.
const BEAT: Duration = Duration::from_secs(3600);

/// Runs until its task is aborted.
pub(super) async fn run(db: Db, rows: u64) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match db.trim_crosswalks(rows).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed the longest unseen names from the crosswalk"),
            Err(fault) => tracing::warn!(%fault, "the crosswalk was not brought within its bound"),
        }
    }
}
