//! Bytes of answers that left since the last transaction. They leave after their request was settled, so they are summed
//! up here and written with whatever is written next, a second later at the latest. A gateway that is killed loses that
//! second, and the bytes of answers that it was still sending; instances are settled before and never lost.

use super::{Ask, Job};
use crate::db::usage::Month;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes by customer and month.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<Mutex<BTreeMap<(String, Month), u64>>>);

impl Sent {
    pub(super) fn add(&self, customer: &str, month: &Month, bytes: u64) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry((customer.to_owned(), month.clone())).or_default();
        *sum = sum.saturating_add(bytes);
    }

    /// Adds what has come together to the jobs of the next transaction.
    pub(super) fn join(&self, jobs: &mut Vec<Job>) {
        let sums = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let job = |((customer, month), bytes)| Job { ask: Ask::Sent { customer, month, bytes }, reply: None };
        jobs.extend(sums.into_iter().map(job));
    }
}
