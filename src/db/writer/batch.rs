//! One transaction of the writer. On PostgreSQL locks are taken in one order, heads of chains by project, months by customer,
//! names by project, so that two gateways never wait for each other; on SQLite a transaction has all there are.

use super::commit::commit;
use super::{Ask, Reply, Settled, Settlement, Terms, Ticket};
use crate::audit::checkpoint::EntryReceipt;
use crate::audit::event::Event;
use crate::db::chain::{self, Appended, Tip};
use crate::db::crosswalk::{self, Entries};
use crate::db::script::Script;
use crate::db::usage::{self, Added, Locked, Month};
use crate::db::{Db, Fault, Kind, Write, account, catalog, now, signed, unsigned};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// How long the database may take before a commit, to commit, and to tell whether it did. SQLite waits for 10 seconds
/// itself where another process holds its lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// A database that hangs is as good as none.
pub(super) const SILENT: Fault = Fault::Down("it does not answer in time");

/// A chain does not end where it was gone on from, or a month has not begun.
const OTHERWISE: Fault = Fault::Failing("an account is not what it was");

type Customer = (String, Month);

/// What a batch has locked, and what it adds.
struct Batch<'a> {
    terms: &'a Terms,
    transaction: Write,
    now: i64,
    months: BTreeMap<Customer, Locked>,
    added: BTreeMap<Customer, Added>,
    tips: BTreeMap<String, Tip>,
    /// New entries by project.
    events: BTreeMap<String, Vec<(i64, Event)>>,
    /// New names by project.
    names: BTreeMap<String, Vec<Entries>>,
}

/// What a job comes to, before the chain's entries are made.
enum Pending {
    Reply(Result<Reply, Fault>),
    /// Useless objects; the place of the last entry among its project's new ones.
    Settled {
        useless: Vec<String>,
        last: Option<(String, usize)>,
    },
}

/// What stands in a transaction that is to be committed.
type Prepared = (Write, Vec<Pending>, Chained);

/// How a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Chains end where they were left here, months have begun: mostly that is so, and asking takes longer than writing.
    Trusting,
    /// What is gone on from is looked at and locked.
    Looking,
}

/// Writes all jobs in one transaction; their answers in the same order.
pub(super) async fn write(db: &Db, terms: &Terms, asks: &[&Ask]) -> Result<Vec<Result<Reply, Fault>>, Fault> {
    let keys = terms.marks.missing(keys(asks), now());
    let attempt = |care| timeout(PATIENCE, prepare(db, terms, asks, &keys, care));
    let mut prepared = attempt(Care::Trusting).await.unwrap_or(Err(SILENT));
    // The entries of whoever went on before us are there already.
    if matches!(prepared, Err(OTHERWISE | Fault::Exists)) {
        prepared = attempt(Care::Looking).await.unwrap_or(Err(SILENT));
    }
    let (transaction, pending, mut chained) = prepared?;
    let newest = chained.values().find_map(|appended| appended.entries.last());
    commit(db, &terms.keeper, transaction, newest).await?;
    terms.marks.made(&keys, now());
    let answers = pending.into_iter().map(|pending| answer(pending, &chained)).collect();
    while let Some((project, appended)) = chained.pop_first() {
        // Gateways that share PostgreSQL would find each other's entries more often than their own.
        if db.kind == Kind::Sqlite {
            terms.ends.leave(&project, appended.tip);
        }
    }
    Ok(answers)
}

/// Does all but commit; `keys` are marked as used.
async fn prepare(
    db: &Db,
    terms: &Terms,
    asks: &[&Ask],
    keys: &BTreeSet<&str>,
    care: Care,
) -> Result<Prepared, Fault> {
    // A reservation that is lost with the power is lost with its request; one given back must not come back.
    let durable = !asks.iter().all(|ask| matches!(ask, Ask::Reserve(..) | Ask::Sent { .. } | Ask::Flush));
    let transaction = if durable { db.write().await? } else { db.write_relaxed().await? };
    let mut batch = Batch {
        terms,
        transaction,
        now: now(),
        months: BTreeMap::new(),
        added: BTreeMap::new(),
        tips: BTreeMap::new(),
        events: BTreeMap::new(),
        names: BTreeMap::new(),
    };
    batch.lock(asks, care).await?;
    let mut pending = Vec::with_capacity(asks.len());
    for ask in asks {
        pending.push(batch.take(ask).await?);
    }
    let chained = batch.write(care).await?;
    account::mark_used(&mut batch.transaction, keys, batch.now).await?;
    Ok((batch.transaction, pending, chained))
}

type Chained = BTreeMap<String, Appended>;

impl Batch<'_> {
    async fn lock(&mut self, asks: &[&Ask], care: Care) -> Result<(), Fault> {
        let settlements = asks.iter().filter_map(|ask| match ask {
            Ask::Settle(settlement) | Ask::Recover(settlement) => Some(settlement),
            _ => None,
        });
        let mut projects: Vec<&str> = settlements.map(|it| it.project.as_str()).collect();
        projects.sort_unstable();
        projects.dedup();
        for project in projects {
            let tip = match self.terms.ends.take(project) {
                Some(tip) if care == Care::Trusting => tip,
                _ => chain::lock(&mut self.transaction, &self.terms.keeper, project).await?,
            };
            self.tips.insert(project.to_owned(), tip);
        }
        // What is only counted is locked by the adding itself.
        if !asks.iter().any(|ask| minds_quota(ask)) {
            return Ok(());
        }
        let customers: BTreeSet<Customer> = asks.iter().filter_map(|ask| customer(ask)).collect();
        for (customer, month) in customers {
            let locked = usage::lock(&mut self.transaction, &self.terms.quotas, &customer, &month).await?;
            self.months.insert((customer, month), locked);
        }
        Ok(())
    }

    async fn take(&mut self, ask: &Ask) -> Result<Pending, Fault> {
        Ok(match ask {
            Ask::Reserve(ticket, wanted) => {
                Pending::Reply(Ok(Reply::Reserved(self.reserve(ticket, *wanted).await?)))
            }
            Ask::Release(ticket) => {
                self.give_back(ticket).await?;
                Pending::Reply(Ok(Reply::Done))
            }
            Ask::Sent { customer, month, bytes } => {
                let added = self.added(customer, month);
                added.read_bytes = added.read_bytes.saturating_add(signed(*bytes));
                Pending::Reply(Ok(Reply::Done))
            }
            Ask::Flush => Pending::Reply(Ok(Reply::Done)),
            Ask::Settle(settlement) => self.settle(settlement, false).await?,
            Ask::Recover(settlement) => self.settle(settlement, true).await?,
        })
    }

    fn added(&mut self, customer: &str, month: &Month) -> &mut Added {
        self.added.entry((customer.to_owned(), month.clone())).or_default()
    }

    /// What is left of a ticket's month; `None` for no bound.
    fn left(&mut self, ticket: &Ticket) -> Result<Option<u64>, Fault> {
        let month = (ticket.customer.clone(), ticket.month.clone());
        let added = self.added.entry(month.clone()).or_default();
        Ok(self.months.get(&month).ok_or(Fault::Missing)?.left(added))
    }

    async fn reserve(&mut self, ticket: &Ticket, wanted: u64) -> Result<Option<u64>, Fault> {
        let gateway = self.terms.gateway.clone();
        let made = self.now;
        let granted = self.left(ticket)?.map(|left| left.min(wanted));
        if granted == Some(0) {
            return Ok(granted);
        }
        let amount = granted.unwrap_or_default();
        let added = self.added(&ticket.customer, &ticket.month);
        added.reserved = added.reserved.saturating_add(signed(amount));
        sqlx::query(
            "INSERT INTO reservation (id, gateway, customer_id, month, project_id, api_key_id, amount, made_ms, action) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET amount = reservation.amount + excluded.amount",
        )
        .bind(&ticket.id)
        .bind(gateway)
        .bind(&ticket.customer)
        .bind(ticket.month.as_str())
        .bind(&ticket.project)
        .bind(&ticket.key)
        .bind(signed(amount))
        .bind(made)
        .bind(super::word(ticket.action))
        .execute(&mut *self.transaction)
        .await?;
        Ok(granted)
    }

    /// Gives a reservation back; how many instances it held, or nothing if it is gone or never was.
    async fn give_back(&mut self, ticket: &Ticket) -> Result<Option<u64>, Fault> {
        if !ticket.reserves {
            return Ok(None);
        }
        let row = sqlx::query("DELETE FROM reservation WHERE id = $1 RETURNING amount")
            .bind(&ticket.id)
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let amount: i64 = row.try_get(0)?;
        let added = self.added(&ticket.customer, &ticket.month);
        added.reserved = added.reserved.saturating_sub(amount);
        Ok(Some(unsigned(amount)))
    }

    async fn settle(&mut self, settlement: &Settlement, recovery: bool) -> Result<Pending, Fault> {
        if let Some(ticket) = &settlement.ticket {
            let reserved = self.give_back(ticket).await?;
            if recovery && reserved.is_none() {
                return Ok(Pending::Settled { useless: Vec::new(), last: None });
            }
            if !self.count(ticket, settlement).await? {
                return Ok(Pending::Reply(Err(Fault::Spent)));
            }
        }
        let useless = catalog::enter(&mut self.transaction, &settlement.project, &settlement.stored).await?;
        if !settlement.names.is_empty() {
            self.names.entry(settlement.project.clone()).or_default().push(settlement.names.clone());
        }
        let events = self.events.entry(settlement.project.clone()).or_default();
        events.extend(settlement.events.iter().cloned());
        let last = events.len().checked_sub(1).filter(|_| !settlement.events.is_empty());
        Ok(Pending::Settled { useless, last: last.map(|last| (settlement.project.clone(), last)) })
    }

    /// Counts what was done. False if the month does not hold it, which can only be if the reservation was taken for a
    /// dead gateway's and given back.
    async fn count(&mut self, ticket: &Ticket, settlement: &Settlement) -> Result<bool, Fault> {
        let used = settlement.used;
        if used > 0 && self.left(ticket)?.is_some_and(|left| left < used) {
            return Ok(false);
        }
        let added = self.added(&ticket.customer, &ticket.month);
        added.used = added.used.saturating_add(signed(used));
        added.read = added.read.saturating_add(signed(settlement.read));
        if !settlement.charged || used == 0 {
            return Ok(true);
        }
        let month = self.months.get(&(ticket.customer.clone(), ticket.month.clone()));
        let Some(stripe) = month.and_then(|month| month.stripe_customer.clone()) else { return Ok(true) };
        sqlx::query(
            "INSERT INTO usage_line (id, customer_id, stripe_customer, at_s, instances) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(random()?)
        .bind(&ticket.customer)
        .bind(stripe)
        .bind(self.now.div_euclid(1000))
        .bind(signed(used))
        .execute(&mut *self.transaction)
        .await?;
        Ok(true)
    }

    /// Writes what was gathered: months first, chains last.
    async fn write(&mut self, care: Care) -> Result<Chained, Fault> {
        let mut script = Script::default();
        for ((customer, month), added) in &self.added {
            // Those that are locked have begun.
            if care == Care::Looking && self.months.is_empty() {
                usage::begin(&mut self.transaction, customer, month).await?;
            }
            usage::add(&mut script, customer, month, added);
        }
        if !self.names.is_empty() && !std::mem::take(&mut script).run(&mut self.transaction).await? {
            return Err(OTHERWISE);
        }
        for (project, names) in &self.names {
            crosswalk::insert(&mut self.transaction, project, names).await?;
        }
        let chained = self.chain(&mut script)?;
        if script.run(&mut self.transaction).await? { Ok(chained) } else { Err(OTHERWISE) }
    }

    fn chain(&mut self, script: &mut Script) -> Result<Chained, Fault> {
        let mut chained = Chained::new();
        for (project, events) in std::mem::take(&mut self.events) {
            let Some(tip) = self.tips.remove(&project).filter(|_| !events.is_empty()) else { continue };
            let dated = events.into_iter().map(|(at, event)| Ok((chain::time(at)?, event)));
            let events = dated.collect::<Result<Vec<_>, Fault>>()?;
            chained.insert(project, chain::extend(script, &self.terms.keeper, tip, events, self.now)?);
        }
        Ok(chained)
    }
}

/// Names of the API keys whose requests are settled, each once.
fn keys<'a>(asks: &[&'a Ask]) -> BTreeSet<&'a str> {
    let key = |ask: &&'a Ask| match ask {
        Ask::Settle(settlement) => Some(settlement.key.as_str()),
        _ => None,
    };
    asks.iter().filter_map(key).collect()
}

/// Whether an ask changes what is left of a month.
fn minds_quota(ask: &Ask) -> bool {
    match ask {
        Ask::Reserve(..) | Ask::Release(_) => true,
        Ask::Settle(settlement) | Ask::Recover(settlement) => {
            settlement.used > 0 || settlement.ticket.as_ref().is_some_and(|ticket| ticket.reserves)
        }
        Ask::Sent { .. } | Ask::Flush => false,
    }
}

/// Whose month an ask changes.
fn customer(ask: &Ask) -> Option<Customer> {
    let ticket = match ask {
        Ask::Reserve(ticket, _) | Ask::Release(ticket) => Some(ticket),
        Ask::Settle(settlement) | Ask::Recover(settlement) => settlement.ticket.as_ref(),
        Ask::Sent { customer, month, .. } => return Some((customer.clone(), month.clone())),
        Ask::Flush => None,
    };
    ticket.map(|ticket| (ticket.customer.clone(), ticket.month.clone()))
}

fn answer(pending: Pending, chained: &Chained) -> Result<Reply, Fault> {
    let (useless, last) = match pending {
        Pending::Reply(reply) => return reply,
        Pending::Settled { useless, last } => (useless, last),
    };
    let receipt = last.and_then(|(project, last)| {
        let Appended { entries, checkpoint, .. } = chained.get(&project)?;
        EntryReceipt::new(entries.get(last)?, checkpoint.clone()).ok()
    });
    Ok(Reply::Settled(Box::new(Settled { receipt, useless })))
}

/// A name for a line that no other has or had.
fn random() -> Result<i64, Fault> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Failing("the system gives no random bytes"))?;
    Ok(i64::from_be_bytes(bytes) & i64::MAX)
}
