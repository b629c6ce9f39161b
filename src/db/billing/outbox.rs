//! The meter outbox in SQL: lines become batches in one transaction, a claim is stored before the call, what came of it
//! after. When to send, again or never, is decided in `billing::outbox`.

use super::seconds;
use crate::billing::outbox::{self, Batch, Delivery, Next, Parked, UsageLine};
use crate::billing::{MeterEvent, MeterOutcome};
use crate::db::{Db, Fault, Kind, Write, signed, unsigned};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Lines sealed in one transaction.
const LINES: i64 = 4_096;

/// Lines that are being sealed; nobody sees the mark outside the transaction.
const SEALING: &str = "sealing";

const DAY: i64 = 86_400;

/// A batch that is this sender's to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What is sent.
    pub event: MeterEvent,
    /// As it was stored with the claim.
    delivery: Delivery,
}

/// What became of batches that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Recorded at Stripe.
    pub done: usize,
    /// To be sent again.
    pub waiting: usize,
    /// For the operator to look at.
    pub parked: usize,
}

/// A batch that is not sent any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// What was not sent, or perhaps was.
    pub event: MeterEvent,
    /// Why.
    pub why: Parked,
}

impl Db {
    /// Puts new usage into batches, a share at a time. How many lines there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn seal_usage(&self, installation: &str) -> Result<usize, Fault> {
        let new = sqlx::query("SELECT id FROM usage_line WHERE batch IS NULL LIMIT 1");
        if new.fetch_optional(&self.readers).await?.is_none() {
            return Ok(0);
        }
        let mut transaction = self.write().await?;
        // One sealer at a time: what another has sealed is then seen.
        sqlx::query("UPDATE installation SET one = one").execute(&mut *transaction).await?;
        let rows = sqlx::query(
            "UPDATE usage_line SET batch = $1 WHERE id IN (SELECT id FROM usage_line WHERE batch IS NULL \
             ORDER BY stripe_customer, at_s LIMIT $2) RETURNING id, stripe_customer, at_s, instances",
        )
        .bind(SEALING)
        .bind(LINES)
        .fetch_all(&mut *transaction)
        .await?;
        let lines = rows.iter().map(line).collect::<Result<Vec<_>, Fault>>()?;
        for batch in outbox::seal(installation, &lines) {
            store(&mut transaction, &batch).await?;
        }
        transaction.commit().await?;
        Ok(lines.len())
    }

    /// Claims up to `most` batches that are due at `now`, in seconds since 1970 UTC; the claims are stored when this
    /// returns. Batches that must not be sent any more are parked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_usage(&self, most: usize, now: i64) -> Result<Vec<Claimed>, Fault> {
        let mut transaction = self.write().await?;
        let rows = sqlx::query(
            "SELECT identifier, stripe_customer, at_s, instances, delivery FROM meter_batch \
             WHERE state = 'open' AND next_at_s <= $1 ORDER BY next_at_s, identifier LIMIT $2",
        )
        .bind(now)
        .bind(signed(most as u64))
        .fetch_all(&mut *transaction)
        .await?;
        let mut claimed = Vec::with_capacity(rows.len());
        let due = rows.iter().map(|row| Ok((event(row)?, row.try_get::<String, _>(4)?)));
        let mut due = due.collect::<Result<Vec<_>, Fault>>()?;
        // Rows are locked in one order everywhere, so that two gateways never wait for each other.
        due.sort_unstable_by(|(one, _), (other, _)| one.identifier.cmp(&other.identifier));
        for (event, text) in due {
            let next = outbox::claim(&event, &delivery(&text)?, now);
            let ours = advance(&mut transaction, &event.identifier, &text, &next).await?;
            if let (true, Next::Send(delivery)) = (ours, next) {
                claimed.push(Claimed { event, delivery });
            }
        }
        if !rows.is_empty() {
            transaction.commit().await?;
        }
        Ok(claimed)
    }

    /// Stores what became of claimed batches at `now`.
    ///
    /// # Errors
    /// The database fails: then the claims hold until they lapse, and the batches are sent again under the same names.
    pub async fn settle_usage(&self, sent: &[(Claimed, MeterOutcome)], now: i64) -> Result<Settled, Fault> {
        let mut transaction = self.write().await?;
        let mut settled = Settled::default();
        let mut sent: Vec<_> = sent.iter().collect();
        sent.sort_unstable_by(|(one, _), (other, _)| one.event.identifier.cmp(&other.event.identifier));
        for (claimed, outcome) in sent {
            let next = outbox::settle(&claimed.event, &claimed.delivery, outcome, now);
            let text = stored(&claimed.delivery)?;
            let ours = advance(&mut transaction, &claimed.event.identifier, &text, &next).await?;
            match next {
                Next::Done => settled.done += 1,
                Next::Wait(_) | Next::Send(_) => settled.waiting += 1,
                Next::Park(_) => settled.parked += usize::from(ours),
            }
        }
        transaction.commit().await?;
        Ok(settled)
    }

    /// Claims left by a gateway that died need not lapse where no other can hold one: on a file of SQLite, at the start.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release_claims(&self) -> Result<(), Fault> {
        if self.kind == Kind::Postgres {
            return Ok(());
        }
        let mut transaction = self.write().await?;
        let rows = sqlx::query("SELECT identifier, delivery FROM meter_batch WHERE state = 'open'")
            .fetch_all(&mut *transaction)
            .await?;
        for row in rows {
            let (identifier, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let left = delivery(&text)?;
            if left.claimed_at.is_some() {
                let free = Next::Wait(Delivery { next_at: seconds(), ..left });
                advance(&mut transaction, &identifier, &text, &free).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Batches that an operator has to look at, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn parked_usage(&self) -> Result<Vec<Stuck>, Fault> {
        let rows = sqlx::query(
            "SELECT identifier, stripe_customer, at_s, instances, parked FROM meter_batch WHERE state = 'parked' \
             ORDER BY at_s, identifier",
        )
        .fetch_all(&self.readers)
        .await?;
        let damaged = |_| Fault::Failing("a parked batch is damaged");
        let stuck = |row: &AnyRow| {
            let why: String = row.try_get(4)?;
            Ok(Stuck { event: event(row)?, why: serde_json::from_str(&why).map_err(damaged)? })
        };
        rows.iter().map(stuck).collect()
    }
}

async fn store(transaction: &mut Write, batch: &Batch) -> Result<(), Fault> {
    let event = &batch.event;
    sqlx::query(
        "INSERT INTO meter_batch (identifier, stripe_customer, at_s, instances, delivery, next_at_s, state) \
         VALUES ($1, $2, $3, $4, $5, 0, 'open')",
    )
    .bind(&event.identifier)
    .bind(&event.stripe_customer)
    .bind(event.at)
    .bind(signed(event.value))
    .bind(stored(&batch.delivery)?)
    .execute(&mut **transaction)
    .await?;
    let day = event.at.div_euclid(DAY);
    let marked = sqlx::query(
        "UPDATE usage_line SET batch = $1 WHERE batch = $2 AND stripe_customer = $3 AND at_s >= $4 AND at_s < $5",
    )
    .bind(&event.identifier)
    .bind(SEALING)
    .bind(&event.stripe_customer)
    .bind(day.saturating_mul(DAY))
    .bind(day.saturating_add(1).saturating_mul(DAY))
    .execute(&mut **transaction)
    .await?;
    if marked.rows_affected() == batch.lines.len() as u64 {
        Ok(())
    } else {
        Err(Fault::Failing("usage lines were not sealed as they were counted"))
    }
}

/// Takes a batch from the delivery in `from` on to the next; false if another sender took it on meanwhile. What is
/// recorded at Stripe is done, whoever sent it.
async fn advance(transaction: &mut Write, identifier: &str, from: &str, next: &Next) -> Result<bool, Fault> {
    let changed = match next {
        Next::Send(to) | Next::Wait(to) => sqlx::query(
            "UPDATE meter_batch SET delivery = $3, next_at_s = $4 \
                 WHERE identifier = $1 AND state = 'open' AND delivery = $2",
        )
        .bind(identifier)
        .bind(from)
        .bind(stored(to)?)
        .bind(to.next_at),
        Next::Done => {
            sqlx::query("UPDATE meter_batch SET state = 'done' WHERE identifier = $1 AND state <> 'done'")
                .bind(identifier)
        }
        Next::Park(why) => {
            tracing::warn!(identifier, ?why, "usage is not told to Stripe; see `veilgate billing parked`");
            sqlx::query(
                "UPDATE meter_batch SET state = 'parked', parked = $3 \
                 WHERE identifier = $1 AND state = 'open' AND delivery = $2",
            )
            .bind(identifier)
            .bind(from)
            .bind(serde_json::to_string(why).map_err(|_| NO_JSON)?)
        }
    };
    Ok(changed.execute(&mut **transaction).await?.rows_affected() > 0)
}

const NO_JSON: Fault = Fault::Failing("a batch has no JSON form");

fn stored(delivery: &Delivery) -> Result<String, Fault> {
    serde_json::to_string(delivery).map_err(|_| NO_JSON)
}

fn delivery(text: &str) -> Result<Delivery, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::Failing("the state of a batch is damaged"))
}

fn line(row: &AnyRow) -> Result<UsageLine, Fault> {
    Ok(UsageLine {
        id: row.try_get(0)?,
        stripe_customer: row.try_get(1)?,
        at: row.try_get(2)?,
        count: unsigned(row.try_get(3)?),
    })
}

fn event(row: &AnyRow) -> Result<MeterEvent, Fault> {
    Ok(MeterEvent {
        identifier: row.try_get(0)?,
        stripe_customer: row.try_get(1)?,
        at: row.try_get(2)?,
        value: unsigned(row.try_get(3)?),
    })
}
