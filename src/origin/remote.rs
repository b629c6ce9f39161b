//! Origin: a DICOMweb server that holds pseudonymized data. What it has passes through; what it does not do itself
//! (decode, render, cut ranges, name its syntaxes) is done here. Links are ours, and nothing of its errors passes.
//!
//! `Remote` talks to the server, with the names that it knows, and gives what it answers in our terms; a veil asks
//! through it with the original names. `RemoteOrigin` serves a project with it.

mod arrival;
mod described;
mod frames;
mod instances;
mod rendered;
mod search;

use super::recent::{Recent, Weighed};
use super::stored::{Pulled, Stored};
use super::{Answer, ByteStream, DataSets, Fault, Identified, Model, Origin, Page, Parts, Place};
use crate::dicom::instance::Limits;
use crate::dicom::plain::Plain;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::downstream::{BodyStream, Downstream};
use crate::raster::wish::Wish;
use futures_util::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;

/// Most bytes of transfer syntaxes that are remembered.
const LEARNED: u64 = 1 << 20;

/// A server that is asked. Cheap to clone.
#[derive(Clone)]
pub(super) struct Remote {
    client: Downstream,
    /// Transfer syntaxes of instances, by their paths at the server.
    learned: Arc<Recent<Syntax>>,
}

/// A server that holds a project's pseudonymized data, as its origin. Cheap to clone.
#[derive(Clone)]
pub struct RemoteOrigin {
    remote: Remote,
    /// Project and server: before the names of what was pulled.
    space: Arc<str>,
    pulled: Pulled,
}

/// A transfer syntax that is remembered.
#[derive(Clone)]
struct Syntax(Arc<str>);

impl Weighed for Syntax {
    fn weight(&self) -> u64 {
        // With its name, and what it takes to find it.
        400
    }
}

impl Remote {
    pub(super) fn new(client: Downstream) -> Self {
        Self { client, learned: Arc::new(Recent::new(LEARNED)) }
    }

    /// The transfer syntax that an instance is kept in.
    pub(super) async fn syntax(&self, place: &Place) -> Result<String, Fault> {
        if let Some(Syntax(known)) = self.learned.find(&place.path()) {
            return Ok(known.to_string());
        }
        Ok(self.instance(place).await?.syntax)
    }

    fn learn(&self, path: &str, syntax: &str) {
        if !syntax.is_empty() {
            self.learned.keep(path, Syntax(syntax.into()));
        }
    }
}

impl RemoteOrigin {
    /// The server that `client` talks to, for a project; `pulled` keeps what must be had whole.
    pub fn new(client: Downstream, project: &str, pulled: Pulled) -> Self {
        let space = format!("{project} {}", client.url()).into();
        Self { remote: Remote::new(client), space, pulled }
    }

    /// An instance in a spool, pulled now if it is not there.
    async fn pull(&self, place: &Place) -> Result<Arc<Stored>, Fault> {
        let name = format!("{} {}", self.space, place.path());
        self.pulled.of(&name, || async { Ok(plain(self.remote.instance(place).await?.bytes)) }).await
    }
}

/// Bytes of an answer as bytes of an origin.
fn bytes(body: BodyStream) -> ByteStream {
    body.map_err(Fault::from).boxed()
}

/// An instance in the encoding that this gateway keeps.
fn plain(bytes: ByteStream) -> ByteStream {
    super::pass::through(bytes, Plain::new(Limits::default()))
}

impl Identified for RemoteOrigin {
    fn data_sets<'a>(&'a self, place: &'a Place) -> Answer<'a, DataSets> {
        Box::pin(self.data_sets(place))
    }
}

impl Origin for RemoteOrigin {
    fn search<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(self.remote.search(query))
    }

    fn syntax<'a>(&'a self, place: &'a Place) -> Answer<'a, String> {
        Box::pin(self.remote.syntax(place))
    }

    fn instances<'a>(&'a self, place: &'a Place, wishes: &'a [SyntaxWish]) -> Answer<'a, Parts> {
        Box::pin(self.instances(place, wishes))
    }

    fn metadata<'a>(&'a self, place: &'a Place, form: Model, root: &'a str) -> Answer<'a, Parts> {
        Box::pin(self.metadata(place, form, root))
    }

    fn frames<'a>(&'a self, place: &'a Place, numbers: &'a [u32], given: As) -> Answer<'a, Parts> {
        Box::pin(async move {
            let path = place.path();
            self.remote.frames(place, &path, numbers, given, || self.pull(place)).await
        })
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
