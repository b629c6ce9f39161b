//! What an outage of the database left open: reservations to be given back, entries to be made. The answers of those
//! requests were withheld; the account is settled once the database is back. Should this gateway die before, another
//! settles its reservations.

use super::{Ask, Job, Settlement, Ticket};
use crate::audit::action::Outcome;
use crate::audit::event::{By, Event};
use crate::audit::value::Id;
use crate::db::crosswalk::Entries;
use crate::db::{Fault, now};

/// More than an outage leaves open within any time that clients keep asking.
const MOST: usize = 100_000;

/// Taken up at a time.
const AT_ONCE: usize = 256;

/// Asks that are tried again.
#[derive(Default)]
pub(super) struct Debts(Vec<Ask>);

impl Debts {
    /// Adds some to the jobs of the next batch.
    pub(super) fn join(&mut self, jobs: &mut Vec<Job>) {
        let from = self.0.len().saturating_sub(AT_ONCE);
        jobs.extend(self.0.drain(from..).map(|ask| Job { ask, reply: None }));
    }

    /// A job failed: whoever waits is told; what must not be forgotten is kept, if the database as a whole is down.
    pub(super) fn fail(&mut self, job: Job, fault: Fault) {
        let Job { ask, reply } = job;
        if let Some(reply) = reply {
            let _ = reply.send(Err(fault));
        }
        let debt = if fault.is_outage() { later(ask) } else { refused(ask) };
        match debt {
            Some(debt) if self.0.len() < MOST => self.0.push(debt),
            Some(_) => tracing::error!("an open account is left to the next start: too many are open"),
            None => {}
        }
    }
}

/// What is to be done about an ask that the database refused: nobody else gives back what a living gateway reserved.
fn refused(ask: Ask) -> Option<Ask> {
    match ask {
        Ask::Settle(settlement) if settlement.left => {
            // Still reserved, it goes on counting.
            tracing::error!(delivered = settlement.used, "what was forwarded could not be accounted for");
            None
        }
        Ask::Settle(settlement) => settlement.ticket.map(Ask::Release),
        Ask::Recover(_) | Ask::Release(_) => {
            tracing::error!("a reservation could not be given back");
            None
        }
        Ask::Sent { bytes, .. } => {
            tracing::error!(bytes, "what was read could not be accounted for");
            None
        }
        Ask::Reserve(..) | Ask::Flush => None,
    }
}

/// What is to be done later about an ask that failed.
fn later(ask: Ask) -> Option<Ask> {
    match ask {
        // Whoever asked was told that it failed.
        Ask::Reserve(..) | Ask::Flush => None,
        Ask::Settle(settlement) if settlement.left => Some(Ask::Recover(settlement)),
        Ask::Settle(settlement) => {
            settlement.ticket.and_then(interrupted).map(|settlement| Ask::Recover(Box::new(settlement)))
        }
        ask @ (Ask::Recover(_) | Ask::Release(_) | Ask::Sent { .. }) => Some(ask),
    }
}

/// The account of a request that nobody knows the end of; nothing if its names are damaged.
pub(super) fn interrupted(ticket: Ticket) -> Option<Settlement> {
    let by = By {
        actor: Id::new(ticket.key.as_str()).ok()?,
        request: Some(Id::new(ticket.id.as_str()).ok()?),
        action: ticket.action,
    };
    let event = Event::request(&by, Outcome::Failed, 0, 0).because("interrupted");
    Some(Settlement {
        project: ticket.project.clone(),
        key: ticket.key.clone(),
        ticket: Some(ticket),
        used: 0,
        read: 0,
        charged: false,
        left: false,
        events: vec![(now(), event)],
        stored: Vec::new(),
        names: Entries::default(),
    })
}
