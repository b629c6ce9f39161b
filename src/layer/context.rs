//! The only three values that layers and handlers exchange, as extensions of request
//! and response: who calls, what is left to them, what was done.

use crate::deid::engine::Engine;
use crate::deid::receipt::Receipt;
use crate::deid::refusal::Refusal;

/// Who calls, put into the request by `identify`.
#[derive(Clone)]
pub struct Caller {
    /// The customer who answers for the call.
    pub customer: String,
    /// The project under whose secret pseudonyms are made.
    pub project: String,
    /// Name of the API key, not the key.
    pub key: String,
    /// What the customer pays for.
    pub tier: Tier,
    /// The key's own requests a minute, 0 for no bound; `None`: its tier's.
    pub rate: Option<u32>,
    /// Decides about the project's instances.
    pub engine: Engine,
}

/// What a customer pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Nothing.
    Free,
    /// By the month or by the year.
    Pro,
    /// By contract.
    Enterprise,
}

impl Tier {
    /// Reads a tier's word; `annual` is [`Tier::Pro`] paid by the year.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "free" => Some(Self::Free),
            "pro" | "annual" => Some(Self::Pro),
            "enterprise" => Some(Self::Enterprise),
            _ => None,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// What is left to the caller, put into the request by the quota layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Instances that may still be handled; `None` for no bound.
    pub instances: Option<u64>,
}

impl Allowance {
    /// No bound.
    pub fn unlimited() -> Self {
        Self { instances: None }
    }
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
}

/// What became of one instance.
#[derive(Clone)]
pub enum Done {
    /// Pseudonymized and delivered.
    Delivered(Box<Receipt>),
    /// Pseudonymized, but its destination did not take it; the Failure Reason.
    Undelivered(Box<Receipt>, u16),
    /// Refused.
    Refused(Refusal),
    /// No instance could be made out.
    Unreadable,
}

impl Tally {
    /// How many instances were delivered.
    pub fn delivered(&self) -> usize {
        self.instances.iter().filter(|done| matches!(done, Done::Delivered(_))).count()
    }
}
