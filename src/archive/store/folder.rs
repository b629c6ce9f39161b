//! A folder as a store: each object a file, safe on disk before it has its name.

use super::Unusable;
use object_store::local::LocalFileSystem;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use walkdir::{DirEntry, WalkDir};

/// The store in `folder`, which exists.
pub(super) fn open(folder: &Path) -> Result<LocalFileSystem, Unusable> {
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|_| Unusable::Folder)?;
    Ok(store.with_fsync(true))
}

/// Removes files that a run, ended before `before`, was still writing. Returns how many.
pub(super) async fn sweep_staged(folder: PathBuf, before: SystemTime) -> usize {
    let sweep = move || {
        let entries = WalkDir::new(folder).into_iter().filter_map(Result::ok);
        let staged = entries.filter(|entry| is_staged(entry) && is_older(entry, before));
        staged.filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
    };
    tokio::task::spawn_blocking(sweep).await.unwrap_or_default()
}

/// `NAME#NUMBER`, which the store's own listing leaves out.
fn is_staged(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let number = name.rsplit_once('#').map(|(_, number)| number);
    entry.file_type().is_file()
        && number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_older(entry: &DirEntry, before: SystemTime) -> bool {
    let changed = entry.metadata().ok().and_then(|it| it.modified().ok());
    changed.is_some_and(|at| at < before)
}
