//! What is written comes into SQLite's file, and no commit is held up by that.

use super::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Longer than it takes with much to spare.
const SOON: Duration = Duration::from_secs(20);

/// The database's file, if it has a log beside it: only SQLite's has.
fn file(rig: &Rig) -> Option<PathBuf> {
    let mut log = fs::read_dir(rig.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let log = log.find(|path| path.to_string_lossy().ends_with("-wal"))?;
    Some(PathBuf::from(log.to_string_lossy().trim_end_matches("-wal")))
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[tokio::test]
async fn what_is_committed_is_brought_into_the_file_beside_the_commits() {
    let rig = rig(None).await;
    let Some(file) = file(&rig) else { return };
    let writer = rig.writer("one");
    let before = size(&file);
    for number in 0..60 {
        let mut ticket = rig.ticket(&number.to_string());
        ticket.reserves = false;
        writer.settle(rig.settlement(Some(ticket), 1)).await.unwrap();
    }
    let started = Instant::now();
    while size(&file) <= before {
        assert!(started.elapsed() < SOON, "it is still in the log alone");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
