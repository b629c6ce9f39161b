//! Origin: a veil around any origin that speaks original names. Names are led back on the way in, everything goes
//! through the project's engine on the way out; what the engine has not decided about does not come through.
//!
//! | I want to … | open |
//! |---|---|
//! | know how a pseudonym of a path is led back, or found if it was never met | `names` |
//! | change what a search may ask | `keys`, then `deid::search` |
//! | change how results are found and shown | `search`, `results` |
//! | change metadata | `metadata` |
//! | change when pixels may pass, and what of frames | `verdicts`, `pixels`, `comments` |
//! | change instances on their way | `instances` |
//! | change pictures | `rendered` |

mod comments;
mod instances;
mod keys;
mod metadata;
mod names;
mod patients;
mod pixels;
mod rendered;
mod results;
mod search;
mod verdicts;

use super::{Answer, Fault, Identified, Model, Origin, Page, Parts, Place, Pulled, RemoteOrigin};
use crate::db::crosswalk::Crosswalk;
use crate::deid::engine::Engine;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::downstream::Downstream;
use crate::raster::wish::Wish;
use names::Walks;
use patients::Patients;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use verdicts::Verdicts;

/// A project's veil. Cheap to clone.
#[derive(Clone)]
pub struct Veil(Arc<Inner>);

/// How many veils there have been. What one has spooled is not given by the next, which may name patients otherwise.
static MADE: AtomicU64 = AtomicU64::new(0);

struct Inner {
    project: String,
    number: u64,
    engine: Engine,
    crosswalk: Crosswalk,
    behind: Arc<dyn Identified>,
    pulled: Pulled,
    patients: Patients,
    verdicts: Verdicts,
    walks: Walks,
}

impl Veil {
    /// A veil for a project before a clinical server. Nothing that identifies is spooled on the way: what must be had
    /// whole is pulled through the veil.
    pub fn over_server(
        project: &str,
        engine: Engine,
        crosswalk: Crosswalk,
        client: Downstream,
        pulled: Pulled,
    ) -> Self {
        let behind = Arc::new(RemoteOrigin::new(client, project, pulled.of_nothing()));
        Self::new(project, engine, crosswalk, behind, pulled)
    }

    /// A veil for a project: its engine, its crosswalk, the origin of original names, and where rewritten instances are
    /// spooled.
    pub fn new(
        project: &str,
        engine: Engine,
        crosswalk: Crosswalk,
        behind: Arc<dyn Identified>,
        pulled: Pulled,
    ) -> Self {
        Self(Arc::new(Inner {
            project: project.to_owned(),
            number: MADE.fetch_add(1, Ordering::Relaxed),
            engine,
            crosswalk,
            behind,
            pulled,
            patients: Patients::default(),
            verdicts: Verdicts::default(),
            walks: Walks::default(),
        }))
    }
}

impl Origin for Veil {
    fn search<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        Box::pin(self.search(query))
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
