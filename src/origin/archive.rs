//! Origin: the embedded archive. It holds what is pseudonymized already, so nothing is translated.

mod object;
mod retrieve;
mod search;

use super::recent::Recent;
use super::stored::{Decoders, Stored};
use super::{Answer, Model, Origin, Page, Parts};
use crate::archive::Archive;
use crate::db::Db;
use crate::db::held::Place;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::raster::wish::Wish;
use std::sync::Arc;

/// Most bytes that are remembered of all objects together.
const MOST: u64 = 64 << 20;

/// A project's part of the embedded archive as an origin. Cheap to clone.
#[derive(Clone)]
pub struct ArchiveOrigin {
    project: Arc<str>,
    db: Db,
    archive: Archive,
    /// What is known of objects, which never change.
    known: Arc<Recent<Arc<Stored>>>,
    decoders: Decoders,
}

impl ArchiveOrigin {
    /// The archive, and the database that holds its catalog.
    pub fn new(archive: Archive, db: Db, project: &str, decoders: Decoders) -> Self {
        Self { project: project.into(), db, archive, known: Arc::new(Recent::new(MOST)), decoders }
    }

    /// The same archive for another project; what bounds all together is shared.
    pub fn of(&self, project: &str) -> Self {
        Self { project: project.into(), ..self.clone() }
    }
}

impl Origin for ArchiveOrigin {
    fn search<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(search::search(&self.db, &self.project, query))
    }

    fn syntax<'a>(&'a self, place: &'a Place) -> Answer<'a, String> {
        Box::pin(self.syntax(place))
    }

    fn instances<'a>(&'a self, place: &'a Place, wishes: &'a [SyntaxWish]) -> Answer<'a, Parts> {
        Box::pin(self.instances(place, wishes))
    }

    fn metadata<'a>(&'a self, place: &'a Place, form: Model, root: &'a str) -> Answer<'a, Parts> {
        Box::pin(self.metadata(place, form, root))
    }

    fn frames<'a>(&'a self, place: &'a Place, numbers: &'a [u32], given: As) -> Answer<'a, Parts> {
        Box::pin(self.frames(place, numbers, given))
    }

    fn bulk<'a>(&'a self, place: &'a Place, path: &'a BulkPath, given: As) -> Answer<'a, Parts> {
        Box::pin(self.bulk(place, path, given))
    }

    fn rendered<'a>(&'a self, place: &'a Place, frame: Option<u32>, wish: Wish) -> Answer<'a, Parts> {
        Box::pin(self.rendered(place, frame, wish))
    }

    fn thumbnail<'a>(&'a self, place: &'a Place, frame: Option<u32>, wish: Wish) -> Answer<'a, Parts> {
        Box::pin(self.thumbnail(place, frame, wish))
    }
}

#[cfg(test)]
mod tests;
