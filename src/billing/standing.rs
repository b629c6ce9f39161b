//! What the ledgers of a customer entitle to at a given time: tier, until when, and why. Pure; nothing is stored here.

use super::event::{Plan, Snapshot, Status};
use super::ledger::Ledger;
use super::settings::Prices;
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A tier that payment gives. Tiers that are agreed by hand are the account's business, and outrank these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing is paid.
    #[default]
    Free,
    /// The monthly plan.
    Pro,
    /// The annual plan.
    Annual,
}

impl Tier {
    /// The name used in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Annual => "annual",
        }
    }
}

impl From<Plan> for Tier {
    fn from(plan: Plan) -> Self {
        match plan {
            Plan::Monthly => Self::Pro,
            Plan::Annual => Self::Annual,
        }
    }
}

/// How long entitlement outlasts what is paid, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// After a period's end without any word from Stripe. Stripe delivers a webhook again for three days.
    pub renewal_grace: i64,
    /// After the paid time while Stripe still tries to collect.
    pub dunning_grace: i64,
    /// A subscription ended before its period does: true keeps the tier to the end of the time paid for, false ends it
    /// with the subscription.
    pub cancelled_keeps_paid_time: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Terms { renewal_grace: 3 * DAY, dunning_grace: 7 * DAY, cancelled_keeps_paid_time: true }
    }
}

/// Why a customer stands as they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no subscription.
    NoSubscription,
    /// In trial.
    Trial,
    /// Paid.
    Paid,
    /// There is a subscription, but no payment has come (yet).
    AwaitingPayment,
    /// A payment failed; the tier lasts to the end of the grace.
    PaymentOverdue,
    /// Cancelled; the tier lasts to the end of the time paid for.
    Cancelled,
    /// A subscription to something that the settings know no plan for: the operator's to mend.
    UnknownPlan,
    /// What was paid for has run out.
    Ended,
}

/// What a customer is entitled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The tier now.
    pub tier: Tier,
    /// When it falls back to free if nothing more is heard; None on free. To be stored beside the tier, so that it
    /// lapses by itself.
    pub until: Option<i64>,
    /// Why.
    pub reason: Reason,
    /// When the subscription is set to end, if it is.
    pub cancels_at: Option<i64>,
    /// There is a subscription that has not ended: changes belong into the portal, a second checkout would charge twice.
    pub subscribed: bool,
    /// There has been a subscription: no second trial.
    pub returning: bool,
}

/// The standing of a customer at `now`, from the ledgers of all subscriptions of that reference, in any order.
pub fn standing<'a>(
    ledgers: impl IntoIterator<Item = &'a Ledger>,
    prices: &Prices,
    terms: &Terms,
    now: i64,
) -> Standing {
    let mut best = Standing {
        tier: Tier::Free,
        until: None,
        reason: Reason::NoSubscription,
        cancels_at: None,
        subscribed: false,
        returning: false,
    };
    for ledger in ledgers {
        let one = alone(ledger, prices, terms, now);
        let (subscribed, returning) = (best.subscribed || one.subscribed, best.returning || one.returning);
        if rank(&one) > rank(&best) {
            best = one;
        }
        (best.subscribed, best.returning) = (subscribed, returning);
    }
    best
}

/// Which of two subscriptions speaks for the customer: the higher tier, then the longer one, then the livelier reason.
fn rank(one: &Standing) -> (Tier, Option<i64>, bool, u8) {
    let reason = match one.reason {
        Reason::NoSubscription => 0,
        Reason::Ended => 1,
        Reason::Cancelled => 2,
        Reason::UnknownPlan => 3,
        Reason::AwaitingPayment => 4,
        Reason::PaymentOverdue => 5,
        Reason::Trial => 6,
        Reason::Paid => 7,
    };
    (one.tier, one.until, one.subscribed, reason)
}

fn alone(ledger: &Ledger, prices: &Prices, terms: &Terms, now: i64) -> Standing {
    let latest = ledger.latest.as_ref().map(|it| &it.value);
    // Paid, but not a word yet on what: the events of a checkout come in any order.
    let (until, reason) = latest.map_or((None, Reason::AwaitingPayment), |it| right(ledger, it, terms));
    let tier = latest.and_then(|it| prices.plan_of(it)).map_or(Tier::Free, Tier::from);
    let holds = tier != Tier::Free && until.is_some_and(|until| until > now);
    let reason = if tier == Tier::Free && latest.is_some() { Reason::UnknownPlan } else { reason };
    Standing {
        tier: if holds { tier } else { Tier::Free },
        until: until.filter(|_| holds),
        reason: if holds { reason } else { lapsed(reason) },
        cancels_at: latest.and_then(|it| it.cancels_at),
        subscribed: latest.map_or(ledger.paid_at.is_some(), |it| is_open(it.status)),
        returning: latest.is_some_and(|it| it.status != Status::IncompleteExpired),
    }
}

/// Whether a second checkout would charge twice. A first payment that never came leaves nothing to charge.
fn is_open(status: Status) -> bool {
    !status.is_final() && status != Status::Incomplete
}

fn lapsed(reason: Reason) -> Reason {
    match reason {
        Reason::AwaitingPayment | Reason::PaymentOverdue | Reason::UnknownPlan => reason,
        _ => Reason::Ended,
    }
}

/// Until when a subscription entitles, and by what right.
fn right(ledger: &Ledger, latest: &Snapshot, terms: &Terms) -> (Option<i64>, Reason) {
    let paid = paid_until(ledger, latest);
    let after = |time: Option<i64>, grace: i64| time.map(|time| time.saturating_add(grace));
    match latest.status {
        Status::Trialing => (running(latest, paid, terms), Reason::Trial),
        // Stripe calls a subscription active also while a slow first payment is under way.
        Status::Active if ledger.paid_at.is_none() => (None, Reason::AwaitingPayment),
        Status::Active if ledger.is_failing() => (after(paid, terms.dunning_grace), Reason::PaymentOverdue),
        Status::Active => (running(latest, paid, terms), Reason::Paid),
        Status::PastDue => (after(paid, terms.dunning_grace), Reason::PaymentOverdue),
        Status::Unpaid => (paid, Reason::PaymentOverdue),
        Status::Canceled if terms.cancelled_keeps_paid_time => (paid, Reason::Cancelled),
        Status::Canceled => (paid.min(latest.ended_at.or(paid)), Reason::Cancelled),
        Status::Paused | Status::Unknown => (paid, Reason::Ended),
        Status::Incomplete => (None, Reason::AwaitingPayment),
        Status::IncompleteExpired => (None, Reason::Ended),
    }
}

/// Until when a running subscription entitles: a while past its period, as the next one may be under way unheard of;
/// not past the end that is set for it.
fn running(latest: &Snapshot, paid: Option<i64>, terms: &Terms) -> Option<i64> {
    let unheard = latest.period_end.map(|end| end.saturating_add(terms.renewal_grace));
    match latest.cancels_at {
        Some(end) if terms.cancelled_keeps_paid_time => unheard.min(paid.max(Some(end))),
        Some(end) => unheard.min(Some(end)),
        None => unheard,
    }
}

/// The end of the time that is paid for, within the current period. An invoice that says so decides. Without one, a
/// payment made in the current period pays it, and an earlier one paid up to its start: Stripe moves on to the next
/// period before it is paid.
fn paid_until(ledger: &Ledger, latest: &Snapshot) -> Option<i64> {
    let paid_at = ledger.paid_at?;
    let estimate = match latest.period_start {
        Some(start) if paid_at < start => Some(start),
        _ => latest.period_end,
    };
    match (ledger.paid_through, latest.period_end) {
        (Some(through), Some(end)) => Some(through.min(end)),
        (through, _) => through.or(estimate),
    }
}
