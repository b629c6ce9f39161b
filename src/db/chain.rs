//! The audit chains in SQL: a project's head is locked first, or changed only if it is what it was, so that no fork can
//! come about; entries, checkpoints and closing records are stored as canonical text. What an entry is, and what a verifier
//! finds, is `audit`'s; reading is `reading`'s and `export`'s, deleting `retention`'s, what the second sink has had
//! `cursor`'s.
//!
//! Nothing is appended to an end that does not carry our signature: whoever writes a chain anew in the database cannot
//! have it signed by going on with it.

mod cursor;
mod export;
mod reading;
mod retention;

pub use export::Export;
pub use reading::{Snapshot, Walk};

use super::script::{Script, Value};
use super::{Db, Fault, Write, signed, unsigned};
use crate::audit::chain::{Head, Sealed};
use crate::audit::checkpoint::{Checkpoint, Signed};
use crate::audit::digest::Digest;
use crate::audit::event::Event;
use crate::audit::key::{PublicKey, SigningKey};
use crate::audit::value::{Id, Time};
use sqlx::Row;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The chain of acts that belong to no project: customers, the master key.
pub const GATEWAY: &str = "gateway";

/// Going on would put our signature on what somebody else made of the chain.
const NOT_OURS: Fault =
    Fault::Failing("the end of an audit chain is not what was signed: see `veilgate audit verify`");

/// Rows written by one statement. Few sizes, so that few statements are prepared.
const ROWS: [usize; 3] = [64, 8, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| ROWS.map(insert));

/// Under which key chains are written, and how often a checkpoint is kept for good.
#[derive(Clone)]
pub struct Keeper {
    key: Arc<SigningKey>,
    entries: u64,
    time: Duration,
    /// The checkpoint that was signed last, by project. A row that has it needs no second look at its signature, which
    /// would cost more than all else that is computed for a request.
    latest: Arc<Mutex<HashMap<String, String>>>,
}

impl Keeper {
    /// Keeps a checkpoint at the latest after so many `entries` and, if there are new ones, after `time`.
    pub fn new(key: SigningKey, entries: u64, time: Duration) -> Self {
        Self { key: Arc::new(key), entries, time, latest: Arc::default() }
    }

    fn signed_last(&self, project: &Id, text: &str) -> bool {
        self.latest().get(project.as_str()).is_some_and(|latest| latest == text)
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The end of a chain: locked, or as it was left.
pub(super) struct Tip {
    head: Head,
    /// As it was signed; empty at the beginning.
    checkpoint: String,
    kept_sequence: u64,
    kept_ms: i64,
}

/// What was appended: the entries as they are stored, the checkpoint at the new end, and that end.
pub(super) struct Appended {
    pub(super) entries: Vec<Sealed>,
    pub(super) checkpoint: Signed<Checkpoint>,
    pub(super) tip: Tip,
}

/// Locks the end of a chain until the transaction ends. A chain that is not there yet begins.
pub(super) async fn lock(transaction: &mut Write, keeper: &Keeper, project: &str) -> Result<Tip, Fault> {
    const LOCK: &str = "UPDATE audit_head SET sequence = sequence WHERE project_id = $1 \
        RETURNING sequence, hash, kept_sequence, kept_ms, checkpoint";
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
    let head = Head { project: id, sequence: unsigned(row.try_get(0)?), hash };
    let checkpoint: Option<String> = row.try_get(4)?;
    if !is_ours(keeper, &head, checkpoint.as_deref()) {
        return Err(Fault::Failing(
            "the head of an audit chain is not what was signed: `veilgate audit verify`",
        ));
    }
    let checkpoint = checkpoint.unwrap_or_default();
    Ok(Tip { head, checkpoint, kept_sequence: unsigned(row.try_get(2)?), kept_ms: row.try_get(3)? })
}

/// True if this end was signed by our key, or is the beginning.
fn is_ours(keeper: &Keeper, head: &Head, checkpoint: Option<&str>) -> bool {
    let Some(text) = checkpoint else { return *head == Head::genesis(&head.project, keeper.public()) };
    Signed::<Checkpoint>::parse(text).is_ok_and(|signed| {
        let Checkpoint { project, sequence, hash, .. } = &signed.body;
        let same = (project, *sequence, *hash) == (&head.project, head.sequence, head.hash);
        same && (keeper.signed_last(&head.project, text) || signed.holds_under(keeper.public()))
    })
}

/// Appends events at an end, and signs it. Where the chain does not end there any more, the script says so, and must be
/// undone.
pub(super) fn extend(
    script: &mut Script,
    keeper: &Keeper,
    tip: Tip,
    events: Vec<(Time, Event)>,
    now: i64,
) -> Result<Appended, Fault> {
    let full = |_| Fault::Failing("an audit chain is full");
    let (head, entries) = tip.head.clone().append(events).map_err(full)?;
    let due = head.sequence >= tip.kept_sequence.saturating_add(keeper.entries)
        || u128::from(unsigned(now.saturating_sub(tip.kept_ms))) >= keeper.time.as_millis();
    let (checkpoint, tip) = sign(script, keeper, &tip, head, due, now)?;
    store(script, &entries);
    Ok(Appended { entries, checkpoint, tip })
}

/// Appends events at a locked end, and signs it. The entries as they are stored.
pub(super) async fn append(
    transaction: &mut Write,
    keeper: &Keeper,
    tip: Tip,
    events: Vec<(Time, Event)>,
    now: i64,
) -> Result<Vec<Sealed>, Fault> {
    let mut script = Script::default();
    let appended = extend(&mut script, keeper, tip, events, now)?;
    run(script, transaction).await?;
    Ok(appended.entries)
}

/// Signs a new end in place of `before` and writes it into the head's row. The checkpoint is kept for good too if it is due.
fn sign(
    script: &mut Script,
    keeper: &Keeper,
    before: &Tip,
    head: Head,
    due: bool,
    now: i64,
) -> Result<(Signed<Checkpoint>, Tip), Fault> {
    let signed_now = Checkpoint::sign(&head, time(now)?, &keeper.key);
    let checkpoint = signed_now.canonical();
    keeper.latest().insert(head.project.as_str().to_owned(), checkpoint.clone());
    let (kept_sequence, kept_ms) =
        if due { (head.sequence, now) } else { (before.kept_sequence, before.kept_ms) };
    let tip = Tip { head, checkpoint, kept_sequence, kept_ms };
    script.add(
        "UPDATE audit_head SET sequence = $2, hash = $3, checkpoint = $4, kept_sequence = $5, kept_ms = $6 \
         WHERE project_id = $1 AND sequence = $7 AND hash = $8 AND COALESCE(checkpoint, '') = $9 \
         AND kept_sequence = $10",
        [
            tip.head.project.as_str().into(),
            signed(tip.head.sequence).into(),
            tip.head.hash.to_hex().into(),
            tip.checkpoint.as_str().into(),
            signed(kept_sequence).into(),
            kept_ms.into(),
            signed(before.head.sequence).into(),
            before.head.hash.to_hex().into(),
            before.checkpoint.as_str().into(),
            signed(before.kept_sequence).into(),
        ],
        1,
    );
    if due {
        keep(script, &tip);
    }
    Ok((signed_now, tip))
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
    let entries = append(transaction, keeper, tip, vec![(time(now)?, event)], now).await?;
    entries.into_iter().next().ok_or(Fault::Failing("an audit entry was not made"))
}

async fn run(script: Script, transaction: &mut Write) -> Result<(), Fault> {
    if script.run(transaction).await? {
        Ok(())
    } else {
        Err(Fault::Failing("the end of an audit chain moved"))
    }
}

/// Keeps the checkpoint of an end for good; one that was kept there before stays.
fn keep(script: &mut Script, tip: &Tip) {
    script.add(
        "INSERT INTO audit_checkpoint (project_id, sequence, body) VALUES ($1, $2, $3) \
         ON CONFLICT (project_id, sequence) DO UPDATE SET body = audit_checkpoint.body",
        [tip.head.project.as_str().into(), signed(tip.head.sequence).into(), tip.checkpoint.as_str().into()],
        1,
    );
}

impl Db {
    /// Writes an act into a chain, at the present time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn act(&self, keeper: &Keeper, project: &str, event: Event) -> Result<Sealed, Fault> {
        let mut transaction = self.write().await?;
        let entry = record(&mut transaction, keeper, project, event).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// Signs the end of a chain now, and keeps the checkpoint for good.
    ///
    /// # Errors
    /// The database fails, or the chain has no entry yet.
    pub async fn keep_checkpoint(&self, keeper: &Keeper, project: &str) -> Result<Signed<Checkpoint>, Fault> {
        let mut transaction = self.write().await?;
        let tip = lock(&mut transaction, keeper, project).await?;
        if tip.head.sequence == 0 {
            return Err(Fault::Missing);
        }
        let mut script = Script::default();
        let (checkpoint, _) = sign(&mut script, keeper, &tip, tip.head.clone(), true, super::now())?;
        run(script, &mut transaction).await?;
        transaction.commit().await?;
        Ok(checkpoint)
    }

    /// Keeps a checkpoint of each chain that has new entries and none kept for the keeper's time.
    ///
    /// # Errors
    /// The database fails for one of them; the others are done all the same.
    pub async fn keep_due(&self, keeper: &Keeper) -> Result<(), Fault> {
        let time = i64::try_from(keeper.time.as_millis()).unwrap_or(i64::MAX);
        let due: Vec<String> = sqlx::query_scalar(
            "SELECT project_id FROM audit_head WHERE sequence > kept_sequence AND kept_ms <= $1",
        )
        .bind(super::now().saturating_sub(time))
        .fetch_all(&self.readers)
        .await?;
        let mut done = Ok(());
        for project in &due {
            done = done.and(self.keep_checkpoint(keeper, project).await.map(drop));
        }
        done
    }
}

/// The time of an entry.
pub(super) fn time(now: i64) -> Result<Time, Fault> {
    Time::from_unix_millis(now).map_err(|_| Fault::Failing("the clock is out of bounds"))
}

fn store(script: &mut Script, mut entries: &[Sealed]) {
    for (rows, statement) in ROWS.iter().zip(INSERTS.iter()) {
        while let Some((now, rest)) = entries.split_at_checked(*rows) {
            let values = now.iter().flat_map(|entry| -> [Value; 4] {
                [
                    entry.body.project.as_str().into(),
                    signed(entry.body.sequence).into(),
                    entry.hash.to_hex().into(),
                    entry.body.canonical().into(),
                ]
            });
            script.add(statement, values, *rows as u64);
            entries = rest;
        }
    }
}

fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * 4;
        format!("(${}, ${}, ${}, ${})", first + 1, first + 2, first + 3, first + 4)
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO audit_entry (project_id, sequence, hash, body) VALUES {}", rows.join(", "))
}
