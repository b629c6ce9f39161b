//! The rules of the meter outbox: how usage lines become batches, when each is sent, and when it is done. Plain data and
//! pure functions; storing them is the database's, sending is [`Stripe::meter_events`](super::Stripe::meter_events).
//!
//! # Why nothing is lost or doubled
//! 1. A [`UsageLine`] is written in the transaction that counts the usage.
//! 2. [`seal`] puts lines into [`Batch`]es; batch and its lines' marks are one transaction, so a line is in one batch.
//!    The identifier follows from the first line, so it is never used for anything else.
//! 3. [`claim`] is stored **before** the call: after a crash the stored claim tells that the batch may have been sent.
//! 4. The same identifier is sent again until Stripe says recorded or duplicate ([`settle`]).
//! 5. Stripe promises to know an identifier for a day only. A batch that may have been recorded longer ago is not sent
//!    again but [`Next::Park`]ed for the operator, as is one too old to be taken: told, neither dropped nor doubled.

use super::meter::{MeterEvent, MeterOutcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Usage older than this is not taken by Stripe; an hour is kept for clocks and the way.
pub const OLDEST: i64 = 35 * DAY - HOUR;
/// Usage may be dated this far ahead; Stripe takes 5 minutes.
pub const AHEAD: i64 = 240;
/// Stripe knows an identifier for at least 24 hours; an hour is kept for clocks and the way.
pub const DOUBT: i64 = 23 * HOUR;
/// A claim holds this long: other senders keep off, and a call must be over by then. A batch sent by two all the same is
/// a duplicate at Stripe.
pub const LEASE: i64 = 120;
/// The first delay before sending again; it doubles up to [`LONGEST_DELAY`].
pub const FIRST_DELAY: i64 = 15;
/// The longest delay before sending again.
pub const LONGEST_DELAY: i64 = HOUR;

/// Usage of one request, as the settlement writes it: only for customers of Stripe's, as nobody else is metered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageLine {
    /// The row's id, unique in this database and never used again.
    pub id: i64,
    /// Stripe's customer at that time.
    pub stripe_customer: String,
    /// When.
    pub at: i64,
    /// Instances.
    pub count: u64,
}

/// Lines of one customer and UTC day, sent as one meter event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What is sent.
    pub event: MeterEvent,
    /// Ids of the lines in it.
    pub lines: Vec<i64>,
    /// How far sending has come.
    pub delivery: Delivery,
}

/// How far the sending of a batch has come; stored with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Claims so far.
    pub attempts: u32,
    /// Not to be sent before.
    pub next_at: i64,
    /// Begun and not settled: after a crash nobody knows what became of it.
    pub claimed_at: Option<i64>,
    /// Since when Stripe may have recorded it without our knowing.
    pub doubtful_since: Option<i64>,
}

/// What to do with a batch now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Store this delivery, then send.
    Send(Delivery),
    /// Store this delivery; its `next_at` tells when to ask again.
    Wait(Delivery),
    /// Recorded: the batch is done.
    Done,
    /// Not to be sent any more; an operator has to look.
    Park(Parked),
}

/// Why a batch is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parked {
    /// Older than Stripe takes.
    TooOld,
    /// Perhaps recorded, too long ago to be sent again safely: compare with the meter's summary of that day.
    Doubtful,
    /// Refused for good: customer unknown to Stripe, value not taken.
    Refused,
}

/// Put lines into batches, one per customer and UTC day of the lines given. `installation` is this database's own random
/// id (at most 32 characters), which keeps two gateways on one Stripe account apart. Lines of no instances are left out.
pub fn seal(installation: &str, lines: &[UsageLine]) -> Vec<Batch> {
    let mut groups: BTreeMap<(&str, i64), Vec<&UsageLine>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.count > 0) {
        groups.entry((&line.stripe_customer, line.at.div_euclid(DAY))).or_default().push(line);
    }
    groups.into_iter().filter_map(|((customer, _), lines)| batch(installation, customer, &lines)).collect()
}

fn batch(installation: &str, customer: &str, lines: &[&UsageLine]) -> Option<Batch> {
    let first = lines.iter().map(|line| line.id).min()?;
    let event = MeterEvent {
        identifier: format!("veilgate-{installation}-{first}"),
        stripe_customer: customer.to_owned(),
        at: lines.iter().map(|line| line.at).max()?,
        value: lines.iter().fold(0, |sum, line| sum.saturating_add(line.count)),
    };
    let lines = lines.iter().map(|line| line.id).collect();
    Some(Batch { event, lines, delivery: Delivery::default() })
}

/// Whether and how to begin sending a batch at `now`. A claim left over by a crash makes it doubtful from then on.
pub fn claim(event: &MeterEvent, delivery: &Delivery, now: i64) -> Next {
    let mut next = Delivery { doubtful_since: delivery.doubtful_since.or(delivery.claimed_at), ..*delivery };
    if now < next.next_at {
        return Next::Wait(*delivery);
    }
    if next.doubtful_since.is_some_and(|since| now.saturating_sub(since) >= DOUBT) {
        return Next::Park(Parked::Doubtful);
    }
    if now.saturating_sub(event.at) >= OLDEST {
        let doubt = next.doubtful_since.is_some();
        return Next::Park(if doubt { Parked::Doubtful } else { Parked::TooOld });
    }
    let early = event.at.saturating_sub(AHEAD);
    if now < early {
        next.next_at = early;
        return Next::Wait(next);
    }
    next.attempts = next.attempts.saturating_add(1);
    next.claimed_at = Some(now);
    next.next_at = now.saturating_add(LEASE);
    Next::Send(next)
}

/// What follows from the outcome of a claimed batch at `now`.
pub fn settle(event: &MeterEvent, claimed: &Delivery, outcome: &MeterOutcome, now: i64) -> Next {
    match outcome {
        MeterOutcome::Recorded | MeterOutcome::Duplicate => Next::Done,
        // What Stripe refuses now it may have taken before: a customer deleted since, say.
        MeterOutcome::Refused(_) if claimed.doubtful_since.is_some() => Next::Park(Parked::Doubtful),
        MeterOutcome::Refused(_) => Next::Park(Parked::Refused),
        MeterOutcome::Later(fault) => {
            let doubt = claimed.claimed_at.filter(|_| fault.may_be_done());
            Next::Wait(Delivery {
                attempts: claimed.attempts,
                next_at: now.saturating_add(delay(&event.identifier, claimed.attempts)),
                claimed_at: None,
                doubtful_since: claimed.doubtful_since.or(doubt),
            })
        }
    }
}

/// Seconds before sending again: doubling, up to an hour, and up to a quarter more by the identifier's hash, so that a
/// backlog does not come back all at once.
pub fn delay(identifier: &str, attempts: u32) -> i64 {
    let doubled = FIRST_DELAY << attempts.saturating_sub(1).min(8);
    let delay = doubled.min(LONGEST_DELAY);
    let digest = Sha256::new().chain_update(identifier).chain_update(attempts.to_be_bytes()).finalize();
    let spread = digest.first().copied().map_or(0, i64::from);
    delay + delay * spread / 1_024
}
