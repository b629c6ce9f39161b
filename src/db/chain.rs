//! The audit chains in SQL: a project's head is locked first, so that no fork can come about; entries, checkpoints and
//! closing records are stored as canonical text. What an entry is, and what a verifier finds, is `audit`'s.

use super::{Fault, Write, signed, unsigned};
use crate::audit::chain::{Head, Sealed};
use crate::audit::checkpoint::{Checkpoint, Signed};
use crate::audit::digest::Digest;
use crate::audit::event::Event;
use crate::audit::key::{PublicKey, SigningKey};
use crate::audit::value::{Id, Time};
use sqlx::{AssertSqlSafe, Row};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The chain of acts that belong to no project: customers, the master key.
pub const GATEWAY: &str = "gateway";

/// Rows written by one statement. Few sizes, so that few statements are prepared.
const ROWS: [usize; 3] = [64, 8, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| ROWS.map(insert));

/// Under which key chains are written, and how often a checkpoint is kept for good.
#[derive(Clone)]
pub struct Keeper {
    key: Arc<SigningKey>,
    entries: u64,
    time: Duration,
}

impl Keeper {
    /// Keeps a checkpoint at the latest after so many `entries` and, if there are new ones, after `time`.
    pub fn new(key: SigningKey, entries: u64, time: Duration) -> Self {
        Self { key: Arc::new(key), entries, time }
    }

    /// The key that verifies what is written.
    pub fn public(&self) -> &PublicKey {
        self.key.public()
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

/// A locked end of a chain.
pub(super) struct Tip {
    head: Head,
    kept_sequence: u64,
    kept_ms: i64,
}

/// Locks the end of a chain until the transaction ends. A chain that is not there yet begins.
pub(super) async fn lock(transaction: &mut Write, keeper: &Keeper, project: &str) -> Result<Tip, Fault> {
    const LOCK: &str = "UPDATE audit_head SET sequence = sequence WHERE project_id = $1 \
        RETURNING sequence, hash, kept_sequence, kept_ms";
    let id = Id::new(project).map_err(|_| Fault::Failing("a project's name fits no chain"))?;
    let mut row = sqlx::query(LOCK).bind(project).fetch_optional(&mut **transaction).await?;
    if row.is_none() {
        sqlx::query(
            "INSERT INTO audit_head (project_id, sequence, hash, kept_sequence, kept_ms) VALUES ($1, 0, $2, 0, 0) \
             ON CONFLICT (project_id) DO NOTHING",
        )
        .bind(project)
        .bind(Head::genesis(&id, keeper.public()).hash.to_hex())
        .execute(&mut **transaction)
        .await?;
        row = sqlx::query(LOCK).bind(project).fetch_optional(&mut **transaction).await?;
    }
    let row = row.ok_or(Fault::Missing)?;
    let hash: String = row.try_get(1)?;
    let hash = Digest::from_hex(&hash).ok_or(Fault::Failing("the head of an audit chain is damaged"))?;
    Ok(Tip {
        head: Head { project: id, sequence: unsigned(row.try_get(0)?), hash },
        kept_sequence: unsigned(row.try_get(2)?),
        kept_ms: row.try_get(3)?,
    })
}

/// Appends events at a locked end, and signs it. The entries as they were stored, and the checkpoint at the new end.
pub(super) async fn append(
    transaction: &mut Write,
    keeper: &Keeper,
    tip: Tip,
    events: Vec<(Time, Event)>,
    now: i64,
) -> Result<(Vec<Sealed>, Signed<Checkpoint>), Fault> {
    let full = |_| Fault::Failing("an audit chain is full");
    let (head, entries) = tip.head.append(events).map_err(full)?;
    store(transaction, &entries).await?;
    let checkpoint = Checkpoint::sign(&head, time(now)?, &keeper.key);
    let text = checkpoint.canonical();
    let due = head.sequence >= tip.kept_sequence.saturating_add(keeper.entries)
        || u128::from(unsigned(now.saturating_sub(tip.kept_ms))) >= keeper.time.as_millis();
    let (kept_sequence, kept_ms) = if due { (head.sequence, now) } else { (tip.kept_sequence, tip.kept_ms) };
    if due {
        keep(transaction, &head, &text).await?;
    }
    sqlx::query(
        "UPDATE audit_head SET sequence = $2, hash = $3, checkpoint = $4, kept_sequence = $5, kept_ms = $6 \
         WHERE project_id = $1",
    )
    .bind(head.project.as_str())
    .bind(signed(head.sequence))
    .bind(head.hash.to_hex())
    .bind(text)
    .bind(signed(kept_sequence))
    .bind(kept_ms)
    .execute(&mut **transaction)
    .await?;
    Ok((entries, checkpoint))
}

/// Locks, appends and signs in one go, at the present time: for acts, which come one at a time.
pub(super) async fn record(
    transaction: &mut Write,
    keeper: &Keeper,
    project: &str,
    event: Event,
) -> Result<Sealed, Fault> {
    let now = super::now();
    let tip = lock(transaction, keeper, project).await?;
    let (entries, _) = append(transaction, keeper, tip, vec![(time(now)?, event)], now).await?;
    entries.into_iter().next().ok_or(Fault::Failing("an audit entry was not made"))
}

async fn keep(transaction: &mut Write, head: &Head, checkpoint: &str) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit_checkpoint (project_id, sequence, body) VALUES ($1, $2, $3) \
         ON CONFLICT (project_id, sequence) DO NOTHING",
    )
    .bind(head.project.as_str())
    .bind(signed(head.sequence))
    .bind(checkpoint)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The time of an entry.
pub(super) fn time(now: i64) -> Result<Time, Fault> {
    Time::from_unix_millis(now).map_err(|_| Fault::Failing("the clock is out of bounds"))
}

async fn store(transaction: &mut Write, mut entries: &[Sealed]) -> Result<(), Fault> {
    for (rows, statement) in ROWS.iter().zip(INSERTS.iter()) {
        while let Some((now, rest)) = entries.split_at_checked(*rows) {
            let mut query = sqlx::query(AssertSqlSafe(statement.as_str()));
            for entry in now {
                query = query
                    .bind(entry.body.project.as_str().to_owned())
                    .bind(signed(entry.body.sequence))
                    .bind(entry.hash.to_hex())
                    .bind(entry.body.canonical());
            }
            query.execute(&mut **transaction).await?;
            entries = rest;
        }
    }
    Ok(())
}

fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * 4;
        format!("(${}, ${}, ${}, ${})", first + 1, first + 2, first + 3, first + 4)
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO audit_entry (project_id, sequence, hash, body) VALUES {}", rows.join(", "))
}
