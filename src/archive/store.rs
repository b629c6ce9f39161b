//! Where the archive's objects lie: a folder, memory, or a bucket of an S3-compatible server, each in a file of its own
//! below. All are object stores; they differ in how one is opened and tried, and in what a crash leaves in it that is
//! no object yet.

mod bucket;
mod folder;
mod uploads;

pub use bucket::{Bucket, PART};

use super::Fault;
use bucket::Open;
use object_store::ObjectStore;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::memory::InMemory;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// The shelf of objects in memory, by which the catalog forgets them at the next start.
const MEMORY: &str = "memory";

/// Where the objects lie, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// In a folder.
    Folder(PathBuf),
    /// In memory, for trials: nothing is kept.
    Memory,
    /// In a bucket.
    Bucket(Box<Bucket>),
}

/// Why the archive cannot be used at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The folder.
    #[error("the archive folder cannot be used")]
    Folder,
    /// The certificates.
    #[error("archive.ca_file holds no PEM certificates")]
    Certificates,
    /// The TLS library, or the settings together.
    #[error("the client of the archive's server cannot be set up")]
    Client,
    /// There is no such bucket.
    #[error("the archive's server has no such bucket: make the bucket that archive.url names")]
    NoBucket,
    /// The server refuses us.
    #[error(
        "the archive's server denies access: check archive.access_key_id and its secret, this machine's clock, and \
         that the key may list, read, write and delete in the bucket"
    )]
    Denied,
    /// The bucket lies elsewhere.
    #[error(
        "the archive's server wants another region or address: check archive.region and archive.endpoint"
    )]
    Elsewhere,
    /// It answers with this HTTP status.
    #[error("the archive's server answers with status {0}: check archive.endpoint")]
    Status(u16),
    /// It does not serve now.
    #[error("{0}: check archive.endpoint, and that its server runs")]
    Failing(#[from] Trouble),
    /// What was written does not come back, or cannot be removed.
    #[error("the archive's store does not give back, or not remove, what was written there")]
    Unfaithful,
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] crate::db::Fault),
}

/// What is the matter with an object store. Nothing of what it said: that may hold names and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection.
    #[error("the object store cannot be reached")]
    Unreachable,
    /// No answer.
    #[error("the object store does not answer in time")]
    TimedOut,
    /// It refuses us.
    #[error("the object store denies access")]
    Denied,
    /// Anything else.
    #[error("the object store fails")]
    Failed,
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error::{PermissionDenied, Unauthenticated};
        if matches!(error, PermissionDenied { .. } | Unauthenticated { .. }) {
            return Self::Denied;
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if let Some(http) = error.downcast_ref::<HttpError>() {
                return http.into();
            }
            cause = error.source();
        }
        Self::Failed
    }
}

impl From<&HttpError> for Trouble {
    fn from(error: &HttpError) -> Self {
        match error.kind() {
            HttpErrorKind::Connect => Self::Unreachable,
            HttpErrorKind::Timeout => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

/// An open store.
pub(super) struct Store {
    pub objects: Arc<dyn ObjectStore>,
    /// Where in their projects all objects stand, if not on many shelves.
    pub shelf: Option<&'static str>,
    kind: Kind,
}

enum Kind {
    Folder(PathBuf),
    Memory,
    Bucket(Open),
}

impl Store {
    /// Opens without asking anything of it.
    pub fn open(site: &Site) -> Result<Self, Unusable> {
        let (objects, shelf, kind): (Arc<dyn ObjectStore>, _, _) = match site {
            Site::Folder(path) => (Arc::new(folder::open(path)?), None, Kind::Folder(path.clone())),
            Site::Memory => (Arc::new(InMemory::new()), Some(MEMORY), Kind::Memory),
            Site::Bucket(bucket) => {
                let open = Open::new(bucket)?;
                (open.objects(), None, Kind::Bucket(open))
            }
        };
        Ok(Self { objects, shelf, kind })
    }

    /// Asks whether it is there and lets us in.
    pub async fn check(&self) -> Result<(), Unusable> {
        match &self.kind {
            Kind::Folder(_) | Kind::Memory => Ok(()),
            Kind::Bucket(bucket) => bucket.check().await,
        }
    }

    /// Removes what was begun `before` and never became an object. Returns how many.
    pub async fn sweep_parts(&self, before: SystemTime) -> Result<usize, Fault> {
        match &self.kind {
            Kind::Folder(path) => Ok(folder::sweep_staged(path.clone(), before).await),
            Kind::Memory => Ok(0),
            Kind::Bucket(bucket) => bucket.sweep_uploads(before).await,
        }
    }
}
