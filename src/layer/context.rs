//! The only three values that layers and handlers exchange, as extensions of request
//! and response: who calls, what is left to them, what was done. `RequestId` is the layers' own.

use crate::db::account::{Right, Rights, Source, Tier};
use crate::db::crosswalk::Crosswalk;
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::refusal::FailureReason;
use crate::destination::{Custody, Target};
use crate::origin::{Origin, Place};
use crate::problem::Problem;
use std::sync::Arc;

/// The request's names, made by `trace`.
#[derive(Clone)]
pub(super) struct RequestId {
    /// As it is called outside, also by clients.
    pub(super) told: String,
    /// No other request's: what is kept of a request in the database goes by this one.
    pub(super) own: String,
}

/// Who calls, put into the request by `identify`.
#[derive(Clone)]
pub struct Caller {
    /// The customer who answers for the call.
    pub customer: String,
    /// The project under whose secret pseudonyms are made.
    pub project: String,
    /// Name of the API key, not the key; of a caller with a token, the name made of its subject.
    pub key: String,
    /// The customer's tier.
    pub tier: Tier,
    /// The key's own rate: requests a minute.
    pub rate: Option<u64>,
    /// What key or token may do beyond what every key may.
    pub rights: Rights,
    /// Decides about the project's instances.
    pub engine: Engine,
    /// What the project's pseudonyms stand for.
    pub crosswalk: Crosswalk,
    /// What is pushed is entered there, too.
    pub keeps_pushed: bool,
    /// Where the project's instances go that are not asked back.
    pub target: Target,
    /// Where the project's pulled resources come from.
    pub origin: Arc<dyn Origin>,
    /// Which of the origins that is. Behind the veil whoever learns what a name becomes learns it of the patients there.
    pub source: Source,
}

impl Caller {
    /// Refuses who lacks a right.
    ///
    /// # Errors
    /// Key or token lacks it.
    pub fn must(&self, right: Right) -> Result<(), Problem> {
        if self.rights.has(right) { Ok(()) } else { Err(Problem::NoRight(right)) }
    }

    /// Refuses who may not be told what becomes of an instance that he sends. Behind the veil who makes one with names of
    /// his choice would read the pseudonyms of originals and the shift of their dates off the answer, and those of one
    /// patient after the other: that needs the right that asking for them needs.
    ///
    /// # Errors
    /// The origin is the veil, and key or token lacks the right.
    pub fn may_send(&self) -> Result<(), Problem> {
        if self.source == Source::Veil { self.must(Right::Reidentify) } else { Ok(()) }
    }

    /// As `may_send`, where the instance itself comes back: what a project leads back it gives to nobody but the origin.
    ///
    /// # Errors
    /// As `may_send`; or the project restores.
    pub fn may_have_back(&self) -> Result<(), Problem> {
        self.may_send()?;
        if self.restores() { Err(Problem::OnlyRestores) } else { Ok(()) }
    }

    /// True unless what is sent comes to lie in the archive, and what is pulled comes from elsewhere: no URL of the
    /// project's leads to it then.
    pub fn has_links(&self) -> bool {
        self.source == Source::Archive || !matches!(self.target, Target::Archive(_))
    }

    /// True if what is sent is led back to its originals instead of being pseudonymized.
    pub fn restores(&self) -> bool {
        matches!(self.target, Target::Restore(_))
    }
}

pub use super::quota::Allowance;

/// How many names were asked for, of those that no instance came with; put into the response by handlers for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Answered.
    pub found: usize,
    /// Not known.
    pub unknown: usize,
}

/// What was done, put into the response by handlers, settled by the audit layer.
#[derive(Clone, Default)]
pub struct Tally {
    /// One entry for each instance of the request, in the order sent.
    pub instances: Vec<Done>,
    /// Bytes of instances that came in.
    pub bytes_in: u64,
    /// Bytes of instances that went out.
    pub bytes_out: u64,
    /// Where the instances wait for the account.
    pub custody: Custody,
    /// Instances of which the answer gives file, frames, bulk data or picture.
    pub read: u64,
    /// What the answer gives something of, which is there: by pseudonyms, unless the profile retains UIDs.
    pub given: Option<Place>,
}

/// What became of one instance.
#[derive(Clone)]
pub enum Done {
    /// Pseudonymized and delivered.
    Delivered(Box<Receipt>),
    /// Led back to its originals and delivered.
    Restored(Box<Receipt>),
    /// Pseudonymized or led back, but its destination did not take it; the Failure Reason.
    Undelivered(Box<Receipt>, u16),
    /// Refused.
    Refused(Box<Refused>),
    /// Never came to be looked at: its names, if they are known, and the Failure Reason.
    Unread(Option<Box<Names>>, FailureReason),
}

impl Tally {
    /// How many instances arrived.
    pub fn done(&self) -> usize {
        let done = |done: &&Done| matches!(done, Done::Delivered(_) | Done::Restored(_));
        self.instances.iter().filter(done).count()
    }

    /// How many instances were pseudonymized and delivered: these count.
    pub fn delivered(&self) -> usize {
        self.instances.iter().filter(|done| matches!(done, Done::Delivered(_))).count()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A request that has one name.
    pub(in crate::layer) fn called(name: &str) -> RequestId {
        RequestId { told: name.to_owned(), own: name.to_owned() }
    }
    use crate::db::tests::absent;
    use crate::deid::plan::Plan;
    use crate::deid::profile::Profile;
    use crate::deid::pseudonym::ProjectKey;
    use crate::dicomweb::accept::SyntaxWish;
    use crate::dicomweb::bulk_path::BulkPath;
    use crate::dicomweb::query::Query;
    use crate::dicomweb::representation::As;
    use crate::downstream::{self, Downstream, Servers};
    use crate::origin::{Answer, Fault, Model, Page, Parts, Place};
    use crate::raster::wish::Wish;
    use std::time::Duration;

    /// An origin that has nothing.
    struct Nowhere;

    fn nothing<'a, T: Send + 'a>() -> Answer<'a, T> {
        Box::pin(async { Err(Fault::NotFound) })
    }

    impl Origin for Nowhere {
        fn search<'a>(&'a self, _: &'a Query) -> Answer<'a, Page> {
            nothing()
        }

        fn syntax<'a>(&'a self, _: &'a Place) -> Answer<'a, String> {
            nothing()
        }

        fn instances<'a>(&'a self, _: &'a Place, _: &'a [SyntaxWish]) -> Answer<'a, Parts> {
            nothing()
        }

        fn metadata<'a>(&'a self, _: &'a Place, _: Model, _: &'a str) -> Answer<'a, Parts> {
            nothing()
        }

        fn frames<'a>(&'a self, _: &'a Place, _: &'a [u32], _: As) -> Answer<'a, Parts> {
            nothing()
        }

        fn bulk<'a>(&'a self, _: &'a Place, _: &'a BulkPath, _: As) -> Answer<'a, Parts> {
            nothing()
        }

        fn rendered<'a>(&'a self, _: &'a Place, _: Option<u32>, _: Wish) -> Answer<'a, Parts> {
            nothing()
        }

        fn thumbnail<'a>(&'a self, _: &'a Place, _: Option<u32>, _: Wish) -> Answer<'a, Parts> {
            nothing()
        }
    }

    /// A server that nobody asks.
    fn nowhere() -> Downstream {
        let settings = downstream::Settings {
            url: "http://127.0.0.1:1".to_owned(),
            credentials: downstream::Credentials::None,
            headers: Vec::new(),
            ca: None,
            connect: Duration::ZERO,
            answer: Duration::ZERO,
            concurrent: 1,
            retries: 0,
        };
        Downstream::new(settings, &Servers::default()).unwrap()
    }

    /// A caller of a tier, for tests of layers.
    pub(in crate::layer) fn caller(project: &str, key: &str, tier: Tier) -> Caller {
        let plan = Plan::new(&Profile::preset("basic").unwrap());
        let key_of_project = ProjectKey::from_bytes([7; 32]);
        Caller {
            customer: "customer".to_owned(),
            project: project.to_owned(),
            key: key.to_owned(),
            tier,
            rate: None,
            rights: Rights::default(),
            engine: Engine::new(plan, &key_of_project),
            crosswalk: Crosswalk::new(absent(), project, &key_of_project),
            keeps_pushed: false,
            target: Target::Forward(nowhere()),
            origin: Arc::new(Nowhere),
            source: Source::Archive,
        }
    }
}
