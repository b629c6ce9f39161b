//! Origin: the embedded archive. It holds what is pseudonymized already, so nothing is translated.

mod search;

use super::{Answer, Origin, Page};
use crate::archive::Archive;
use crate::db::Db;
use crate::dicomweb::query::Query;

/// The embedded archive as an origin. Cheap to clone.
#[derive(Clone)]
pub struct ArchiveOrigin {
    db: Db,
    archive: Archive,
}

impl ArchiveOrigin {
    /// The archive, and the database that holds its catalog.
    pub fn new(archive: Archive, db: Db) -> Self {
        Self { db, archive }
    }
}

impl Origin for ArchiveOrigin {
    fn search<'a>(&'a self, project: &'a str, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(search::search(&self.db, project, query))
    }
}
