//! Origin: the embedded archive. It holds what is pseudonymized already, so nothing is translated.

mod frames;
mod known;
mod native;
mod pixels;
mod rendered;
mod retrieve;
mod search;

use super::{Answer, Given, Model, Origin, Page, Parts};
use crate::archive::Archive;
use crate::db::Db;
use crate::db::held::Place;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::raster::decode;
use crate::raster::wish::Wish;
use known::Memory;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The embedded archive as an origin. Cheap to clone.
#[derive(Clone)]
pub struct ArchiveOrigin {
    db: Db,
    archive: Archive,
    memory: Arc<Memory>,
    /// Frames that may be decoded or rendered at the same time.
    decoders: Arc<Semaphore>,
}

impl ArchiveOrigin {
    /// The archive, and the database that holds its catalog.
    pub fn new(archive: Archive, db: Db) -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { db, archive, memory: Arc::default(), decoders: Arc::new(Semaphore::new(at_once)) }
    }
}

impl Origin for ArchiveOrigin {
    fn search<'a>(&'a self, project: &'a str, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(search::search(&self.db, project, query))
    }

    fn syntaxes<'a>(&'a self, project: &'a str, place: &'a Place) -> Answer<'a, Vec<(String, u64)>> {
        Box::pin(self.syntaxes_of(project, place))
    }

    fn decodes(&self, transfer_syntax: &str) -> bool {
        decode::decodes(transfer_syntax)
    }

    fn instances<'a>(&'a self, project: &'a str, place: &'a Place, given: Given) -> Answer<'a, Parts> {
        Box::pin(self.instances(project, place, given))
    }

    fn metadata<'a>(
        &'a self,
        project: &'a str,
        place: &'a Place,
        form: Model,
        root: &'a str,
    ) -> Answer<'a, Parts> {
        Box::pin(self.metadata(project, place, form, root))
    }

    fn frames<'a>(
        &'a self,
        project: &'a str,
        place: &'a Place,
        numbers: &'a [u32],
        given: As,
    ) -> Answer<'a, Parts> {
        Box::pin(self.frames(project, place, numbers, given))
    }

    fn bulk<'a>(
        &'a self,
        project: &'a str,
        place: &'a Place,
        path: &'a BulkPath,
        given: As,
    ) -> Answer<'a, Parts> {
        Box::pin(self.bulk(project, place, path, given))
    }

    fn rendered<'a>(
        &'a self,
        project: &'a str,
        place: &'a Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Answer<'a, Parts> {
        Box::pin(self.rendered(project, place, frame, wish))
    }

    fn thumbnail<'a>(
        &'a self,
        project: &'a str,
        place: &'a Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Answer<'a, Parts> {
        Box::pin(self.thumbnail(project, place, frame, wish))
    }
}

#[cfg(test)]
mod tests;
