//! The embedded archive: bytes of instances in an object store (a folder), their index
//! through `db`. An object is written whole and safe on disk before the catalog names
//! it; what the catalog does not name is not there, and is swept at the next start.

pub mod describe;
mod reader;
mod writer;

pub use writer::Writer;

use crate::db::seal::hex;
use crate::db::{self, Db};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

/// The archive. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    db: Db,
    /// Bytes read from objects.
    read: Arc<AtomicU64>,
}

/// Why the archive fails. Never holds a name or value of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The object store.
    #[error("the object store fails")]
    Store,
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] db::Fault),
}

impl From<object_store::Error> for Fault {
    fn from(_: object_store::Error) -> Self {
        Self::Store
    }
}

impl Archive {
    /// The archive in `folder`, which exists.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path, db: Db) -> Result<Self, Fault> {
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self { store: Arc::new(store), db, read: Arc::default() })
    }

    /// A writer for one new object of a project. Its name is random: UIDs do not belong
    /// into file names, and two writers of the same instance never meet.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn writer(&self, project: &str) -> Result<Writer, Fault> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Fault::Store)?;
        let name = hex(&bytes);
        let (shard, rest) = name.split_at_checked(2).unwrap_or_default();
        Ok(Writer::new(Arc::clone(&self.store), ObjectPath::from(format!("{project}/{shard}/{rest}.dcm"))))
    }

    /// Removes objects that the catalog does not name. What cannot be removed now is
    /// swept at the next start.
    pub async fn remove(&self, objects: impl Iterator<Item = &str>) {
        for object in objects {
            let _ = self.store.delete(&ObjectPath::from(object)).await;
        }
    }

    /// True if it takes what is written.
    pub async fn is_writable(&self) -> bool {
        let probe = ObjectPath::from("ready-probe");
        // Gateways that share the archive share the object too: one may have taken away what another wrote.
        let written = self.store.put(&probe, PutPayload::new()).await.is_ok();
        let _ = self.store.delete(&probe).await;
        written
    }

    /// Removes what an earlier run, ended before `started`, left behind: parts of
    /// objects, and whole objects that never came into the catalog. Returns how many.
    ///
    /// # Errors
    /// The object store or the catalog fails.
    pub async fn sweep(&self, folder: &Path, started: SystemTime) -> Result<usize, Fault> {
        let mut swept = sweep_staged(folder, started);
        let mut objects = self.store.list(None);
        while let Some(object) = objects.try_next().await? {
            let old = SystemTime::from(object.last_modified) < started;
            if old && self.db.is_orphan(object.location.as_ref()).await? {
                self.store.delete(&object.location).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Files that the object store was still writing: `NAME#NUMBER`, which its own listing
/// leaves out.
fn sweep_staged(folder: &Path, started: SystemTime) -> usize {
    let staged = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let number = name.rsplit_once('#').map(|(_, number)| number);
        let old = entry.metadata().ok().and_then(|it| it.modified().ok()).is_some_and(|at| at < started);
        let part = number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()));
        entry.file_type().is_file() && part && old
    };
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    entries.filter(staged).filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
}

#[cfg(test)]
mod tests;
