//! Brings what was committed from SQLite's write-ahead log into its file, beside the commits. SQLite itself would do that
//! within one of a hundred commits or so, and whoever waited for that one would wait several times as long.

use super::Job;
use crate::db::{Db, Fault, Kind};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is done.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(db: Db, jobs: mpsc::WeakSender<Job>) {
    if db.kind != Kind::Sqlite {
        return;
    }
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        if jobs.upgrade().is_none() {
            return;
        }
        if let Err(fault) = db.bring_in().await {
            // Nothing is lost: the log has it, and a commit does it where the log becomes too long.
            tracing::debug!(%fault, "the write-ahead log was not brought into the database's file");
        }
    }
}

impl Db {
    /// As far as no reader needs the file as it is. Waits for nobody, and nobody for it.
    async fn bring_in(&self) -> Result<(), Fault> {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.readers).await?;
        Ok(())
    }
}
