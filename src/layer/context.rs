//! The only three values that layers and handlers exchange, as extensions of request
//! and response: who calls, what is left to them, what was done. `RequestId` is the layers' own.

use crate::db::account::{Right, Rights, Tier};
use crate::db::crosswalk::Crosswalk;
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::refusal::FailureReason;
use crate::destination::{Custody, Target};
use crate::problem::Problem;

/// The request's name, made by `trace`.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

/// Who calls, put into the request by `identify`.
#[derive(Clone)]
pub struct Caller {
    /// The customer who answers for the call.
    pub customer: String,
    /// The project under whose secret pseudonyms are made.
    pub project: String,
    /// Name of the API key, not the key.
    pub key: String,
    /// The customer's tier.
    pub tier: Tier,
    /// The key's own rate: requests a minute.
    pub rate: Option<u64>,
    /// What the key may do beyond what every key may.
    pub rights: Rights,
    /// Decides about the project's instances.
    pub engine: Engine,
    /// What the project's pseudonyms stand for.
    pub crosswalk: Crosswalk,
    /// What is pushed is entered there, too.
    pub keeps_pushed: bool,
    /// Where the project's instances go, if it is not where the server's settings say.
    pub target: Option<Target>,
}

impl Caller {
    /// Refuses who lacks a right.
    ///
    /// # Errors
    /// The key lacks it.
    pub fn must(&self, right: Right) -> Result<(), Problem> {
        if self.rights.has(right) { Ok(()) } else { Err(Problem::NoRight(right)) }
    }
}

pub use super::quota::Allowance;

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
}

/// What became of one instance.
#[derive(Clone)]
pub enum Done {
    /// Pseudonymized and delivered.
    Delivered(Box<Receipt>),
    /// Pseudonymized, but its destination did not take it; the Failure Reason.
    Undelivered(Box<Receipt>, u16),
    /// Refused.
    Refused(Box<Refused>),
    /// Never came to be looked at: its names, if they are known, and the Failure Reason.
    Unread(Option<Box<Names>>, FailureReason),
}

impl Tally {
    /// How many instances were delivered.
    pub fn delivered(&self) -> usize {
        self.instances.iter().filter(|done| matches!(done, Done::Delivered(_))).count()
    }
}
