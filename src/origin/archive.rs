//! Origin: the embedded archive. It holds what is pseudonymized already, so nothing is translated.

mod object;
mod retrieve;
mod search;

use super::recent::Recent;
use super::stored::{Decoders, Stored};
use super::{Answer, Given, Model, Origin, Page, Parts};
use crate::archive::Archive;
use crate::db::Db;
use crate::db::held::Place;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::raster::decode;
use crate::raster::wish::Wish;
use std::sync::Arc;

/// Most bytes that are remembered of all objects together.
const MOST: u64 = 64 << 20;

/// The embedded archive as an origin. Cheap to clone.
#[derive(Clone)]
pub struct ArchiveOrigin {
    db: Db,
    archive: Archive,
    /// What is known of objects, which never change.
    known: Arc<Recent<Arc<Stored>>>,
    decoders: Decoders,
}

impl ArchiveOrigin {
    /// The archive, and the database that holds its catalog.
    pub fn new(archive: Archive, db: Db, decoders: Decoders) -> Self {
        Self { db, archive, known: Arc::new(Recent::new(MOST)), decoders }
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
