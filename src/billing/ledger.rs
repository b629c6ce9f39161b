//! The facts known of one subscription, gathered from events in any order. What they entitle to is told in `standing`.
//!
//! Every field only ever moves up in a fixed order: the latest word wins, the latest time stays. So applying the same
//! events in any order, any number of times, ends in the same ledger; a lost and redelivered event is no special case.

use super::event::{About, Change, CheckoutPayment, Event, Kind, Snapshot};
use serde::{Deserialize, Serialize};

/// What is stored per Stripe subscription: one row, keyed by the subscription's id, found again by [`Ledger::reference`].
///
/// It stands for itself: it is made by the first event, whether or not any customer of that reference exists yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// The customer reference given at checkout; to be indexed.
    pub reference: Option<Dated<String>>,
    /// Stripe's customer, for the portal and for meter events; to be indexed.
    pub stripe_customer: Option<Dated<String>>,
    /// The last word on the subscription itself.
    pub latest: Option<Dated<Snapshot>>,
    /// Latest time at which a payment is known to have succeeded, or a trial to have been granted.
    pub paid_at: Option<i64>,
    /// Latest time that a paid invoice says it pays for.
    pub paid_through: Option<i64>,
    /// Latest time at which a payment is known to have failed.
    pub failed_at: Option<i64>,
    /// Time of the latest event applied, by Stripe's clock.
    pub last_event: Option<i64>,
}

/// A value and how late a word it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// Its place in time.
    pub order: Order,
    /// The value.
    pub value: T,
}

/// The order of words about a subscription; compared field by field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Order {
    /// The subscription has ended for good: nothing said about an earlier state can bring it back.
    pub ended: bool,
    /// Stripe's time in seconds.
    pub at: i64,
    /// Of two words in one second.
    pub change: Change,
    /// Our time of a reading back, 0 for events.
    pub read_at: i64,
    /// Last resort, so that the order is total: the event's id.
    pub event: String,
}

/// What applying did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// The ledger is not what it was: store it.
    pub changed: bool,
    /// Reading the subscription back would settle a doubt: two events of one second describe it differently, or it is
    /// paid and not yet described.
    pub read_back: bool,
}

/// What was known when a reading back began; see [`Ledger::mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(Option<i64>);

/// A subscription as read back from Stripe by [`Stripe::subscription`](super::Stripe::subscription).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Whom it is about.
    pub about: About,
    /// The subscription now.
    pub snapshot: Snapshot,
    /// When it was made, by Stripe's clock.
    pub created: i64,
    /// If its latest invoice is paid: when, and until when it pays.
    pub paid: Option<(i64, Option<i64>)>,
}

impl Ledger {
    /// Apply an event of this subscription. Doubled, late and out-of-order events are safe.
    pub fn apply(&mut self, event: &Event) -> Applied {
        let before = self.clone();
        let order =
            |ended, change| Order { ended, at: event.created, change, read_at: 0, event: event.id.clone() };
        let mut read_back = false;
        match &event.kind {
            Kind::CheckoutCompleted(CheckoutPayment::Paid | CheckoutPayment::Trial)
            | Kind::AsyncPaymentSucceeded => raise(&mut self.paid_at, event.created),
            Kind::InvoicePaid(through) => self.pay(event.created, *through),
            Kind::InvoicePaymentFailed | Kind::AsyncPaymentFailed => {
                raise(&mut self.failed_at, event.created);
            }
            Kind::Subscription(change, snapshot) => {
                let order = order(snapshot.status.is_final(), *change);
                read_back = self.rivals(&order, snapshot);
                settle(&mut self.latest, order, snapshot);
            }
            Kind::CheckoutCompleted(CheckoutPayment::Unpaid) => {}
            Kind::Other => return Applied::default(),
        }
        self.name(&event.about, &order(false, Change::Updated));
        raise(&mut self.last_event, event.created);
        let unknown = self.paid_at.is_some() && self.latest.is_none();
        Applied { changed: *self != before, read_back: read_back || unknown }
    }

    /// To be taken before a reading back is begun: an event that comes in while it is under way then stays the later word.
    pub fn mark(&self) -> Mark {
        Mark(self.last_event)
    }

    /// Apply a reading back that was begun at `mark` and ended at `read_at` by our clock. It outweighs every event known
    /// at the mark, and none that came later; of two, the later outweighs.
    pub fn apply_read_back(&mut self, mark: Mark, read: &ReadBack, read_at: i64) -> Applied {
        let before = self.clone();
        // Stripe's and our clocks are never compared: it is as late as the latest event it must have known.
        let at = mark.0.unwrap_or(read.created).max(read.created);
        let order = |ended| Order { ended, at, change: Change::ReadBack, read_at, event: String::new() };
        settle(&mut self.latest, order(read.snapshot.status.is_final()), &read.snapshot);
        if let Some((paid_at, through)) = read.paid {
            self.pay(paid_at, through);
        }
        self.name(&read.about, &order(false));
        Applied { changed: *self != before, read_back: false }
    }

    /// Whether a payment failed that neither a later payment nor a later word on the subscription has made good.
    pub fn is_failing(&self) -> bool {
        let settled = |failed: i64| {
            // An event of the same second may be the one before the failure; a reading back is not.
            let word = self.latest.as_ref().map(|it| (it.order.at, it.order.change == Change::ReadBack));
            word > Some((failed, false))
        };
        self.failed_at > self.paid_at && self.failed_at.is_some_and(|failed| !settled(failed))
    }

    fn pay(&mut self, at: i64, through: Option<i64>) {
        raise(&mut self.paid_at, at);
        if let Some(through) = through {
            raise(&mut self.paid_through, through);
        }
    }

    fn name(&mut self, about: &About, order: &Order) {
        if let Some(reference) = &about.reference {
            settle(&mut self.reference, order.clone(), reference);
        }
        if let Some(customer) = &about.stripe_customer {
            settle(&mut self.stripe_customer, order.clone(), customer);
        }
    }

    fn rivals(&self, order: &Order, snapshot: &Snapshot) -> bool {
        self.latest.as_ref().is_some_and(|known| {
            let same = (known.order.ended, known.order.at, known.order.change)
                == (order.ended, order.at, order.change);
            same && known.order.event != order.event && known.value != *snapshot
        })
    }
}

fn raise(slot: &mut Option<i64>, to: i64) {
    *slot = (*slot).max(Some(to));
}

/// Take the value if it is a later word than the one held.
fn settle<T: Clone>(slot: &mut Option<Dated<T>>, order: Order, value: &T) {
    if slot.as_ref().is_none_or(|held| held.order < order) {
        *slot = Some(Dated { order, value: value.clone() });
    }
}
