//! What requests leave behind, written by one task with group commit: usage and its reservations, audit entries, lines
//! for billing, the archive's catalog and new names, everything of one request in one transaction. The transaction is `batch`'s.
//!
//! A request first reserves, then settles. A settlement gives back what it reserved and counts what was done; a gateway
//! that died leaves reservations, which `recover` settles with an audit entry that says so; what an outage of the
//! database leaves open is in `debts`, what left after its request was settled in `sent`.

mod batch;
mod commit;
mod debts;
mod ends;
mod recover;
mod sent;
mod wal;

use super::account::Marks;
use super::chain::Keeper;
use super::crosswalk::Entries;
use super::usage::{Month, Quotas};
use super::{Db, Fault, catalog};
use crate::audit::action::Action;
use crate::audit::checkpoint::EntryReceipt;
use crate::audit::event::Event;
use crate::metrics::metrics;
use debts::Debts;
use ends::Ends;
use sent::Sent;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Requests that may wait for the writer.
const QUEUE: usize = 4096;

/// Requests written in one transaction at most.
const BATCH: usize = 512;

/// How often what an outage left open is tried again.
const DEBTS_AGAIN: Duration = Duration::from_secs(1);

/// What the writer is told.
#[derive(Clone)]
pub struct Terms {
    /// Under which key chains are written.
    pub keeper: Keeper,
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// This gateway's own name, new at each start.
    pub gateway: String,
    marks: Arc<Marks>,
    ends: Arc<Ends>,
}

impl Terms {
    /// Chains under `keeper`, months of `quotas`, reservations of `gateway`.
    pub fn new(keeper: Keeper, quotas: Quotas, gateway: String) -> Self {
        Self { keeper, quotas, gateway, marks: Arc::default(), ends: Arc::default() }
    }
}

/// The one who writes. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    sent: Sent,
}

/// Whose instances are counted and reserved, for which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Name of the request; the reservation's too.
    pub id: String,
    /// Who pays.
    pub customer: String,
    /// In which month.
    pub month: Month,
    /// Under which project.
    pub project: String,
    /// Name of the API key.
    pub key: String,
    /// What the request wants: to store or to retrieve.
    pub action: Action,
    /// Whether something may be reserved under this name.
    pub reserves: bool,
}

/// What one request leaves behind.
#[derive(Clone)]
pub struct Settlement {
    /// The project whose chain tells of it.
    pub project: String,
    /// Name of the API key.
    pub key: String,
    /// In whose month it counts, and what it reserved, if it did.
    pub ticket: Option<Ticket>,
    /// Instances that count against the quota; no more without a ticket than none.
    pub used: u64,
    /// Instances that are read; none without a ticket.
    pub read: u64,
    /// Whether what counts is told to billing.
    pub charged: bool,
    /// Whether the instances have left for another server: then they count also where the answer is withheld.
    pub left: bool,
    /// The chain's entries, the request's own last, with milliseconds since 1970 UTC.
    pub events: Vec<(i64, Event)>,
    /// Instances that lie in the archive and are to be found from now on.
    pub stored: Vec<catalog::Entry>,
    /// Names that the crosswalk is to have from now on.
    pub names: Entries,
}

/// What became of a settlement.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Of the last entry; `None` if there was none.
    pub receipt: Option<EntryReceipt>,
    /// Objects of the archive that are now of no use.
    pub useless: Vec<String>,
}

enum Ask {
    /// Reserve up to so many instances.
    Reserve(Ticket, u64),
    Settle(Box<Settlement>),
    /// Settle what a dead gateway or an outage left open, unless that was done.
    Recover(Box<Settlement>),
    /// Give a reservation back.
    Release(Ticket),
    /// Count bytes that have left.
    Sent {
        customer: String,
        month: Month,
        bytes: u64,
    },
    /// Nothing; what is done for it is in what is written before the answer.
    Flush,
}

enum Reply {
    /// Instances reserved; `None` for no bound.
    Reserved(Option<u64>),
    Settled(Box<Settled>),
    Done,
}

struct Job {
    ask: Ask,
    /// `None` if nobody waits.
    reply: Option<oneshot::Sender<Result<Reply, Fault>>>,
}

impl Job {
    fn answer(self, answer: Result<Reply, Fault>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(answer);
        }
    }
}

impl Writer {
    /// Starts the task that writes, and beside it those that settle for gateways which died and bring what is written into
    /// the database's file. All end with the last clone.
    pub fn start(db: Db, terms: Terms) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Self { jobs, sent: Sent::default() };
        tokio::spawn(recover::run(db.clone(), terms.gateway.clone(), writer.jobs.downgrade()));
        tokio::spawn(wal::run(db.clone(), writer.jobs.downgrade()));
        tokio::spawn(run(db, terms, queue, writer.sent.clone()));
        writer
    }

    /// Reserves up to `instances` more for a request. How many were; none if the month is spent, `None` if there is no
    /// bound.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reserve(&self, ticket: Ticket, instances: u64) -> Result<Option<u64>, Fault> {
        match self.ask(Ask::Reserve(ticket, instances)).await? {
            Reply::Reserved(granted) => Ok(granted),
            Reply::Settled(_) | Reply::Done => Ok(Some(0)),
        }
    }

    /// Writes what a request leaves behind. Once this returns it is safe on disk.
    ///
    /// # Errors
    /// The database fails, or the quota does not hold what was done without reservation: then nothing was written.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, Fault> {
        let started = Instant::now();
        let settled = self.ask(Ask::Settle(Box::new(settlement))).await.and_then(settled);
        metrics().commit_seconds.observe(started.elapsed().as_secs_f64());
        settled
    }

    /// Gives back what a request reserved that comes to no settlement. Does not wait.
    pub fn release(&self, ticket: Ticket) {
        // Where the queue is full, the reservation is settled like that of a dead gateway.
        let _ = self.jobs.try_send(Job { ask: Ask::Release(ticket), reply: None });
    }

    /// Counts bytes that have left for a reader. Does not wait.
    pub fn sent(&self, customer: &str, month: &Month, bytes: u64) {
        self.sent.add(customer, month, bytes);
    }

    /// Returns once all that was counted before is written.
    ///
    /// # Errors
    /// The database fails.
    pub async fn flush(&self) -> Result<(), Fault> {
        self.ask(Ask::Flush).await.map(drop)
    }

    /// Requests that wait to be written.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity().saturating_sub(self.jobs.capacity())
    }

    async fn ask(&self, ask: Ask) -> Result<Reply, Fault> {
        ask_through(&self.jobs, ask).await
    }
}

/// As a reservation keeps it.
fn word(action: Action) -> &'static str {
    if action == Action::Retrieve { "retrieve" } else { "store" }
}

fn action(word: &str) -> Action {
    if word == "retrieve" { Action::Retrieve } else { Action::Store }
}

fn settled(reply: Reply) -> Result<Settled, Fault> {
    match reply {
        Reply::Settled(settled) => Ok(*settled),
        Reply::Reserved(_) | Reply::Done => Err(Fault::Failing("the writer gave another answer")),
    }
}

async fn ask_through(jobs: &mpsc::Sender<Job>, ask: Ask) -> Result<Reply, Fault> {
    const ENDED: Fault = Fault::Down("its writer has ended");
    let (reply, answer) = oneshot::channel();
    jobs.send(Job { ask, reply: Some(reply) }).await.map_err(|_| ENDED)?;
    answer.await.map_err(|_| ENDED)?
}

async fn run(db: Db, terms: Terms, mut queue: mpsc::Receiver<Job>, sent: Sent) {
    let mut jobs = Vec::with_capacity(BATCH);
    let mut debts = Debts::default();
    loop {
        let waiting = timeout(DEBTS_AGAIN, queue.recv_many(&mut jobs, BATCH)).await;
        if waiting == Ok(0) {
            return;
        }
        sent.join(&mut jobs);
        debts.join(&mut jobs);
        if !jobs.is_empty() {
            serve(&db, &terms, std::mem::take(&mut jobs), &mut debts).await;
        }
    }
}

/// Writes all jobs at once; if one of them is refused, each alone, so that it sinks no other.
async fn serve(db: &Db, terms: &Terms, jobs: Vec<Job>, debts: &mut Debts) {
    let asks: Vec<&Ask> = jobs.iter().map(|job| &job.ask).collect();
    match batch::write(db, terms, &asks).await {
        Ok(replies) => {
            for (job, reply) in jobs.into_iter().zip(replies) {
                job.answer(reply);
            }
        }
        Err(fault) if jobs.len() == 1 || fault.is_outage() => {
            for job in jobs {
                debts.fail(job, fault);
            }
        }
        Err(_) => {
            for job in jobs {
                match batch::write(db, terms, &[&job.ask]).await {
                    Ok(replies) => job.answer(replies.into_iter().next().unwrap_or(Ok(Reply::Done))),
                    Err(fault) => debts.fail(job, fault),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
