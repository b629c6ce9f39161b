//! What is kept of payments: Stripe's events, a ledger for each subscription, and the tier that follows for the customer.
//! What events mean and entitle to is `billing`'s. Usage on its way to Stripe is in `outbox`.
//!
//! Everything is done under the lock of the chain `gateway`, where changes of tier are told: so two deliveries at once,
//! also at two gateways, never see half of each other.

mod outbox;
#[cfg(test)]
mod tests;

pub use outbox::{Claimed, Settled, Stuck};

use super::account::Tier;
use super::chain::{self, GATEWAY, Keeper, Tip};
use super::{Db, Fault, Write, now};
use crate::audit::action::{Action, Outcome};
use crate::audit::event::{By, Event as Entry};
use crate::audit::value::Id;
use crate::billing::{self, Event, Kind, Ledger, Mark, Prices, ReadBack, Reason, Standing, Terms, standing};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// Customers looked after at a time.
const MOST: i64 = 100;

/// By what payments are judged, and under which key changes of tier are told.
#[derive(Clone)]
pub struct Rules {
    /// What is sold.
    pub prices: Prices,
    /// How long a tier outlasts what is paid.
    pub terms: Terms,
    /// Writes the chain.
    pub keeper: Keeper,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// It had not been taken before.
    pub fresh: bool,
    /// Reading this subscription back would settle a doubt; what was known before is the mark.
    pub read_back: Option<(String, Mark)>,
}

/// A customer who wants to buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    /// The name under which Stripe's events tell of it.
    pub reference: String,
    /// Stripe's customer, from an earlier purchase.
    pub stripe_customer: Option<String>,
    /// What it is entitled to.
    pub standing: Standing,
}

/// A ledger as it is stored.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    #[serde(flatten)]
    ledger: Ledger,
    /// Reading back would settle something, and has not been done.
    doubt: bool,
}

impl From<billing::Tier> for Tier {
    /// Month or year is a matter of price: both entitle to the same.
    fn from(paid: billing::Tier) -> Self {
        match paid {
            billing::Tier::Free => Self::Free,
            billing::Tier::Pro | billing::Tier::Annual => Self::Pro,
        }
    }
}

impl Db {
    /// Takes an authentic event, once: applies it to its subscription and the customer's tier. A payment for a customer
    /// that is not there yet is kept.
    ///
    /// # Errors
    /// The database fails; then nothing was taken.
    pub async fn take_event(&self, rules: &Rules, event: &Event) -> Result<Taken, Fault> {
        let mut books = Books::open(self, rules).await?;
        let fresh = books.is_first(&event.id).await?;
        let subscription = event.about.subscription.as_deref().filter(|_| event.kind != Kind::Other);
        let Some(subscription) = subscription else {
            books.close().await?;
            return Ok(Taken { fresh, read_back: None });
        };
        let mut stored = books.read(subscription).await?;
        // The answer to an earlier delivery may have been lost before its doubt was settled.
        let mut read_back = stored.doubt;
        if fresh {
            let applied = stored.ledger.apply(event);
            read_back = applied.read_back;
            stored.doubt |= applied.read_back;
            books.write(subscription, &stored).await?;
        }
        books.close().await?;
        let read_back = read_back.then(|| (subscription.to_owned(), stored.ledger.mark()));
        Ok(Taken { fresh, read_back })
    }

    /// Takes what a subscription read back says; `None` if Stripe does not know it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_read_back(
        &self,
        rules: &Rules,
        subscription: &str,
        mark: Mark,
        read: Option<&ReadBack>,
    ) -> Result<(), Fault> {
        let mut books = Books::open(self, rules).await?;
        let mut stored = books.read(subscription).await?;
        stored.doubt = false;
        if let Some(read) = read {
            stored.ledger.apply_read_back(mark, read, seconds());
        }
        books.write(subscription, &stored).await?;
        books.close().await
    }

    /// A customer who wants to buy: given a reference, and what was paid under it before.
    ///
    /// # Errors
    /// The database fails, or there is no such customer.
    pub async fn buyer(&self, rules: &Rules, customer: &str) -> Result<Buyer, Fault> {
        let mut books = Books::open(self, rules).await?;
        let reference: Option<String> = sqlx::query_scalar(
            "UPDATE customer SET reference = COALESCE(reference, id) WHERE id = $1 RETURNING reference",
        )
        .bind(customer)
        .fetch_optional(&mut *books.transaction)
        .await?;
        let reference = reference.ok_or(Fault::Missing)?;
        let buyer = books.restand(&reference).await?.ok_or(Fault::Missing)?;
        books.close().await?;
        Ok(buyer)
    }

    /// Looks after customers whose paid time has run out, so that the chain tells it, and after those who came after
    /// their payment. How many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn restand_due(&self, rules: &Rules) -> Result<usize, Fault> {
        let due: Vec<String> = sqlx::query_scalar(
            "SELECT reference FROM customer \
             WHERE reference IS NOT NULL AND paid_tier IS NOT NULL AND paid_until_ms <= $1 \
             UNION SELECT customer.reference FROM customer \
             JOIN subscription ON subscription.reference = customer.reference \
             WHERE customer.stripe_customer IS NULL AND subscription.stripe_customer IS NOT NULL LIMIT $2",
        )
        .bind(now())
        .bind(MOST)
        .fetch_all(&self.readers)
        .await?;
        for reference in &due {
            let mut books = Books::open(self, rules).await?;
            books.restand(reference).await?;
            books.close().await?;
        }
        Ok(due.len())
    }
}

/// A transaction under the lock of the chain `gateway`.
struct Books<'a> {
    rules: &'a Rules,
    transaction: Write,
    tip: Option<Tip>,
    entries: Vec<Entry>,
}

impl<'a> Books<'a> {
    async fn open(db: &Db, rules: &'a Rules) -> Result<Self, Fault> {
        let mut transaction = db.write().await?;
        let tip = chain::lock(&mut transaction, &rules.keeper, GATEWAY).await?;
        Ok(Self { rules, transaction, tip: Some(tip), entries: Vec::new() })
    }

    /// Tells the changes and commits.
    async fn close(mut self) -> Result<(), Fault> {
        if let Some(tip) = self.tip.take().filter(|_| !self.entries.is_empty()) {
            let now = now();
            let dated = self.entries.into_iter().map(|entry| Ok((chain::time(now)?, entry)));
            let dated = dated.collect::<Result<Vec<_>, Fault>>()?;
            chain::append(&mut self.transaction, &self.rules.keeper, tip, dated, now).await?;
        }
        Ok(self.transaction.commit().await?)
    }

    /// Notes an event's id; false if it was noted before.
    async fn is_first(&mut self, event: &str) -> Result<bool, Fault> {
        let noted = sqlx::query(
            "INSERT INTO stripe_event (id, taken_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(event)
        .bind(now())
        .execute(&mut *self.transaction)
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// The ledger of a subscription; a new one if nothing was heard of it.
    async fn read(&mut self, subscription: &str) -> Result<Stored, Fault> {
        let text: Option<String> = sqlx::query_scalar("SELECT ledger FROM subscription WHERE id = $1")
            .bind(subscription)
            .fetch_optional(&mut *self.transaction)
            .await?;
        let damaged = |_| Fault::Failing("the ledger of a subscription is damaged");
        text.map_or_else(|| Ok(Stored::default()), |text| serde_json::from_str(&text).map_err(damaged))
    }

    /// Stores the ledger of a subscription; customers whom it is about, now or until now, stand as it says.
    async fn write(&mut self, subscription: &str, stored: &Stored) -> Result<(), Fault> {
        let stripe_customer = stored.ledger.stripe_customer.as_ref().map(|it| it.value.clone());
        let reference = match &stored.ledger.reference {
            Some(reference) => Some(reference.value.clone()),
            None => self.reference_of(stripe_customer.as_deref()).await?,
        };
        let before: Option<String> = sqlx::query("SELECT reference FROM subscription WHERE id = $1")
            .bind(subscription)
            .fetch_optional(&mut *self.transaction)
            .await?
            .map_or(Ok(None), |row| row.try_get(0))?;
        let text = serde_json::to_string(stored).map_err(|_| Fault::Failing("a ledger has no JSON form"))?;
        sqlx::query(
            "INSERT INTO subscription (id, reference, stripe_customer, ledger) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET reference = excluded.reference, \
             stripe_customer = excluded.stripe_customer, ledger = excluded.ledger",
        )
        .bind(subscription)
        .bind(&reference)
        .bind(stripe_customer)
        .bind(text)
        .execute(&mut *self.transaction)
        .await?;
        if let Some(before) = before.filter(|before| Some(before) != reference.as_ref()) {
            self.restand(&before).await?;
        }
        match &reference {
            Some(reference) => self.restand(reference).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whom a subscription is about that was not made at our checkout: who pays it bought here before.
    async fn reference_of(&mut self, stripe_customer: Option<&str>) -> Result<Option<String>, Fault> {
        let Some(stripe_customer) = stripe_customer else { return Ok(None) };
        let found = sqlx::query_scalar(
            "SELECT reference FROM customer WHERE stripe_customer = $1 AND reference IS NOT NULL ORDER BY id LIMIT 1",
        );
        Ok(found.bind(stripe_customer.to_owned()).fetch_optional(&mut *self.transaction).await?)
    }

    async fn ledgers(&mut self, reference: &str) -> Result<Vec<Ledger>, Fault> {
        let texts: Vec<String> =
            sqlx::query_scalar("SELECT ledger FROM subscription WHERE reference = $1 ORDER BY id")
                .bind(reference)
                .fetch_all(&mut *self.transaction)
                .await?;
        let damaged = |_| Fault::Failing("the ledger of a subscription is damaged");
        let read = |text: &String| serde_json::from_str::<Stored>(text).map(|stored| stored.ledger);
        texts.iter().map(|text| read(text).map_err(damaged)).collect()
    }

    /// Writes what a customer is entitled to now; `None` if no customer has this reference yet.
    async fn restand(&mut self, reference: &str) -> Result<Option<Buyer>, Fault> {
        let row = sqlx::query(
            "SELECT id, paid_tier, paid_until_ms, stripe_customer FROM customer WHERE reference = $1",
        )
        .bind(reference)
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (customer, known): (String, Option<String>) = (row.try_get(0)?, row.try_get(3)?);
        let held: (Option<String>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
        let ledgers = self.ledgers(reference).await?;
        let standing = standing(&ledgers, &self.rules.prices, &self.rules.terms, seconds());
        if standing.reason == Reason::UnknownPlan {
            tracing::warn!(customer, "a subscription to something that the settings know no plan for");
        }
        let named = ledgers.iter().filter_map(|ledger| ledger.stripe_customer.as_ref());
        let named = named.max_by(|one, other| one.order.cmp(&other.order)).map(|it| it.value.clone());
        let stripe_customer = named.or(known.clone());
        let tier = Some(Tier::from(standing.tier)).filter(|tier| *tier != Tier::Free);
        let until = standing.until.filter(|_| tier.is_some()).map(|until| until.saturating_mul(1000));
        let tier = tier.map(|tier| tier.word().to_owned());
        if (&tier, until, &stripe_customer) != (&held.0, held.1, &known) {
            sqlx::query(
                "UPDATE customer SET paid_tier = $2, paid_until_ms = $3, stripe_customer = $4 WHERE id = $1",
            )
            .bind(&customer)
            .bind(&tier)
            .bind(until)
            .bind(&stripe_customer)
            .execute(&mut *self.transaction)
            .await?;
        }
        if tier != held.0 {
            self.entries.push(change_of_tier(customer, &standing)?);
        }
        Ok(Some(Buyer { reference: reference.to_owned(), stripe_customer, standing }))
    }
}

fn change_of_tier(customer: String, standing: &Standing) -> Result<Entry, Fault> {
    let damaged = |_| Fault::Failing("a customer's name fits no chain");
    let by = By { actor: Id::new("stripe").map_err(damaged)?, request: None, action: Action::ChangeTier };
    let subject = Id::new(customer).map_err(damaged)?;
    Ok(Entry::act(&by, Outcome::Done, Some(subject)).because(word(standing)))
}

/// The tier that a customer now has by payment, and why.
fn word(standing: &Standing) -> &'static str {
    match (standing.tier != billing::Tier::Free, standing.reason) {
        (true, Reason::Trial) => "pro-trial",
        (true, Reason::PaymentOverdue) => "pro-overdue",
        (true, Reason::Cancelled) => "pro-cancelled",
        (true, _) => "pro-paid",
        (false, Reason::PaymentOverdue) => "free-overdue",
        (false, Reason::AwaitingPayment) => "free-unpaid",
        (false, Reason::UnknownPlan) => "free-unknown-plan",
        (false, _) => "free-ended",
    }
}

/// Seconds since 1970 UTC.
fn seconds() -> i64 {
    now().div_euclid(1000)
}
