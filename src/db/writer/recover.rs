//! Settles for gateways that died: their reservations are given back, and the chain tells that a request was
//! interrupted, whose instances may or may not have arrived.

use super::debts::interrupted;
use super::{Ask, Job, Ticket, ask_through};
use crate::db::usage::Month;
use crate::db::{Db, Fault, Kind, now};
use sqlx::Row;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often a gateway says that it lives.
const BEAT: Duration = Duration::from_secs(5);

/// Silent for so long, in milliseconds, a gateway is dead.
const DEAD: i64 = 60_000;

/// Reservations taken up at a time.
const MOST: i64 = 256;

pub(super) async fn run(db: Db, gateway: String, jobs: mpsc::WeakSender<Job>) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let Some(jobs) = jobs.upgrade() else { return };
        if let Err(fault) = sweep(&db, &gateway, &jobs).await {
            tracing::warn!(%fault, "reservations of other gateways were not looked after");
        }
    }
}

async fn sweep(db: &Db, gateway: &str, jobs: &mpsc::Sender<Job>) -> Result<(), Fault> {
    db.beat(gateway).await?;
    let orphans = db.orphans(gateway).await?;
    if !orphans.is_empty() {
        tracing::warn!(requests = orphans.len(), "settling requests of a gateway that died");
    }
    for ticket in orphans {
        let settlement = interrupted(ticket).ok_or(Fault::Failing("a reservation is damaged"))?;
        ask_through(jobs, Ask::Recover(Box::new(settlement))).await?;
    }
    Ok(())
}

impl Db {
    /// Tells other gateways that this one lives, and forgets those that died and left nothing.
    async fn beat(&self, gateway: &str) -> Result<(), Fault> {
        let mut transaction = self.write_relaxed().await?;
        sqlx::query(
            "INSERT INTO gateway (id, seen_ms) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms",
        )
        .bind(gateway)
        .bind(now())
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM gateway WHERE seen_ms < $1")
            .bind(now().saturating_sub(DEAD))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Reservations of gateways that do not live. A file of SQLite is served by one gateway: any other is dead.
    async fn orphans(&self, gateway: &str) -> Result<Vec<Ticket>, Fault> {
        let alive = if self.kind == Kind::Sqlite { now() } else { now().saturating_sub(DEAD) };
        let rows = sqlx::query(
            "SELECT id, customer_id, month, project_id, api_key_id, action FROM reservation WHERE gateway <> $1 \
             AND gateway NOT IN (SELECT id FROM gateway WHERE seen_ms > $2) ORDER BY made_ms LIMIT $3",
        )
        .bind(gateway)
        .bind(alive)
        .bind(MOST)
        .fetch_all(&self.readers)
        .await?;
        let ticket = |row: &sqlx::any::AnyRow| {
            Ok(Ticket {
                id: row.try_get(0)?,
                customer: row.try_get(1)?,
                month: Month::stored(row.try_get(2)?),
                project: row.try_get(3)?,
                key: row.try_get(4)?,
                action: super::action(&row.try_get::<String, _>(5)?),
                reserves: true,
            })
        };
        rows.iter().map(ticket).collect()
    }
}
