//! What Stripe's events mean to this gateway, free of any API version. Reading their JSON is in `reading`.

use serde::{Deserialize, Serialize};

/// One authentic event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Stripe's id (`evt_…`): the same in every delivery of the event.
    pub id: String,
    /// When it happened, by Stripe's clock.
    pub created: i64,
    /// Whom it is about.
    pub about: About,
    /// What happened.
    pub kind: Kind,
}

/// Whom an event is about, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The customer reference this gateway gave at checkout.
    pub reference: Option<String>,
    /// Stripe's customer (`cus_…`).
    pub stripe_customer: Option<String>,
    /// Stripe's subscription (`sub_…`): the key of the [`Ledger`](super::Ledger) an event is applied to. An event
    /// without one changes nothing.
    pub subscription: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `checkout.session.completed` in subscription mode.
    CheckoutCompleted(CheckoutPayment),
    /// `checkout.session.async_payment_succeeded`: a delayed means of payment has paid.
    AsyncPaymentSucceeded,
    /// `checkout.session.async_payment_failed`.
    AsyncPaymentFailed,
    /// `customer.subscription.*`, with the subscription as it then was.
    Subscription(Change, Snapshot),
    /// `invoice.paid`; until when the invoice pays, where it says so.
    InvoicePaid(Option<i64>),
    /// `invoice.payment_failed`.
    InvoicePaymentFailed,
    /// Anything else: authentic, recorded, without effect.
    Other,
}

/// How a completed checkout session is paid (`payment_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutPayment {
    /// Paid.
    Paid,
    /// Nothing is due yet: a trial.
    Trial,
    /// Not paid (yet): upgrades nobody.
    Unpaid,
}

/// Which event carried a snapshot. Of two in one second the later variant is the later word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// `customer.subscription.created`.
    Created,
    /// `customer.subscription.updated`, also `resumed` and other words that change nothing by themselves.
    Updated,
    /// `customer.subscription.paused`: the trial ended without a means of payment.
    Paused,
    /// `customer.subscription.deleted`.
    Deleted,
    /// Read back from Stripe after every event known then.
    ReadBack,
}

/// A subscription as Stripe described it once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Its state.
    pub status: Status,
    /// Price ids of all its items.
    pub prices: Vec<String>,
    /// Plan by the billing interval of its first item that is not metered: month or year.
    pub interval: Option<Plan>,
    /// Start of the current period.
    pub period_start: Option<i64>,
    /// End of the current period; in a trial the end of the trial.
    pub period_end: Option<i64>,
    /// When it will end, if that is settled.
    pub cancels_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// A plan that is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Paid each month.
    Monthly,
    /// Paid each year.
    Annual,
}

impl Plan {
    /// The name used in the API and in metadata; `month` and `year` are Stripe's words for the same.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "monthly" | "month" => Some(Self::Monthly),
            "annual" | "year" => Some(Self::Annual),
            _ => None,
        }
    }

    /// `monthly` or `annual`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }
}

/// State of a subscription in Stripe's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Running.
    Active,
    /// Running, nothing due yet.
    Trialing,
    /// The last invoice could not be collected; Stripe keeps trying.
    PastDue,
    /// Stripe gave up collecting and left it open.
    Unpaid,
    /// Ended, for good.
    Canceled,
    /// The first payment is outstanding.
    Incomplete,
    /// The first payment never came; ended for good.
    IncompleteExpired,
    /// The trial ended without a means of payment.
    Paused,
    /// A word this version does not know: entitles to nothing by itself.
    #[default]
    Unknown,
}

impl Status {
    /// From Stripe's word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "trialing" => Self::Trialing,
            "past_due" => Self::PastDue,
            "unpaid" => Self::Unpaid,
            "canceled" => Self::Canceled,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "paused" => Self::Paused,
            _ => Self::Unknown,
        }
    }

    /// Whether Stripe never leaves this state again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}
