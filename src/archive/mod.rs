//! The embedded archive: bytes of instances in an object store, their index through `db`.
//! An object is whole and safe before the catalog names it; what the catalog does not name
//! is not there, and is swept. Kinds of object stores are told apart in `store` alone.

pub mod describe;
mod name;
mod probe;
mod reader;
mod store;
mod writer;

pub use probe::try_out;
pub use store::{Bucket, Site, Trouble, Unusable};
pub use writer::Writer;

use crate::db::{self, Db};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;
use store::Store;

/// What is written to see whether anything can be: of an empty object a full disk takes the name.
const PROBE: &[u8] = &[0; 4096];

/// The archive. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    store: Arc<Store>,
    db: Db,
    /// Bytes read from objects.
    read: Arc<AtomicU64>,
}

/// Why the archive fails. Never holds a name or value of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The object store. Another attempt may succeed.
    #[error(transparent)]
    Store(#[from] Trouble),
    /// An object is not there, or too short, though the catalog names it.
    #[error("an object that the catalog names is missing or too short")]
    Lost,
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] db::Fault),
}

impl From<object_store::Error> for Fault {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Lost,
            error => Self::Store(error.into()),
        }
    }
}

impl Archive {
    /// The archive of this site; a folder exists. Nothing is asked of a server yet.
    ///
    /// # Errors
    /// The site cannot be used.
    pub fn open(site: &Site, db: Db) -> Result<Self, Unusable> {
        Ok(Self { store: Arc::new(Store::open(site)?), db, read: Arc::default() })
    }

    /// Before the first request: is the store there, and does it let us in? What an earlier
    /// run held in memory is gone, and the catalog forgets it.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub async fn prepare(&self) -> Result<(), Unusable> {
        self.store.check().await?;
        if let Some(shelf) = self.store.shelf {
            self.db.forget_shelf(shelf).await?;
        }
        Ok(())
    }

    /// A writer for one new object of a project.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn writer(&self, project: &str) -> Result<Writer, Fault> {
        let name = name::new(project, self.store.shelf).map_err(|_| Trouble::Failed)?;
        Ok(Writer::new(Arc::clone(&self.store.objects), ObjectPath::from(name)))
    }

    /// Removes objects that the catalog does not name. What cannot be removed now, so many, is
    /// swept later.
    pub async fn remove(&self, objects: impl Iterator<Item = &str>) -> usize {
        let paths: Vec<_> = objects.map(|object| Ok(ObjectPath::from(object))).collect();
        let mut removed = self.store.objects.delete_stream(stream::iter(paths).boxed());
        let mut left = 0;
        while let Some(removed) = removed.next().await {
            left += usize::from(!matches!(removed, Ok(_) | Err(object_store::Error::NotFound { .. })));
        }
        left
    }

    /// True if it takes what is written.
    pub async fn is_writable(&self) -> bool {
        let probe = ObjectPath::from("ready-probe");
        // Gateways that share the archive share the object too: one may have taken away what another wrote.
        let written = self.store.objects.put(&probe, PutPayload::from_static(PROBE)).await.is_ok();
        let _ = self.store.objects.delete(&probe).await;
        written
    }

    /// Removes what was written `before` and never came to be: whole objects that are not
    /// in the catalog, and parts of objects. Returns how many.
    ///
    /// # Errors
    /// The object store or the catalog fails.
    pub async fn sweep(&self, before: SystemTime) -> Result<usize, Fault> {
        let mut swept = 0;
        let mut objects = self.store.objects.list(None);
        while let Some(object) = objects.try_next().await? {
            let old = SystemTime::from(object.last_modified) < before;
            if old && self.db.is_orphan(object.location.as_ref()).await? {
                self.store.objects.delete(&object.location).await?;
                swept += 1;
            }
        }
        Ok(swept + self.store.sweep_parts(before).await?)
    }
}

#[cfg(test)]
mod tests;
