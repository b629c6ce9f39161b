//! Instances a month: one is reserved before a byte of the body is read, more as instances come. Who has how many is
//! `db::usage`'s; counting and giving back is the settlement's.

use super::context::{Caller, RequestId};
use crate::audit::action::Action;
use crate::db::usage::Month;
use crate::db::writer::{Ticket, Writer};
use crate::metrics::metrics;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};

/// Most instances reserved at a time.
const MOST: u64 = 64;

/// What is left to the caller, put into the request by the quota layer. Clones are of the same request.
#[derive(Clone)]
pub struct Allowance(Option<Arc<Reserved>>);

/// Why another instance cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoneLeft {
    /// The month is used up.
    #[error("the customer's instances of this month are used up")]
    Spent,
    /// Nobody knows: the database fails.
    #[error("the account cannot be reached")]
    Unknown,
}

/// What a request has reserved.
pub(super) struct Reserved {
    writer: Writer,
    ticket: Ticket,
    left: Mutex<Left>,
}

#[derive(Default)]
struct Left {
    /// Instances reserved and not taken.
    instances: u64,
    /// How many to reserve next time.
    next: u64,
    /// The month is used up.
    spent: bool,
    /// There is no bound.
    unbounded: bool,
}

impl Allowance {
    /// No bound, and nobody counts.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Takes one instance, reserving more where none is left.
    ///
    /// # Errors
    /// There is none.
    pub async fn take(&self) -> Result<(), NoneLeft> {
        match &self.0 {
            Some(reserved) => reserved.take().await,
            None => Ok(()),
        }
    }

    /// Gives one back that was taken and came to nothing.
    pub fn put_back(&self) {
        if let Some(reserved) = &self.0 {
            reserved.left().instances += 1;
        }
    }

    /// True if an instance could not be taken because the month is used up.
    pub fn is_spent(&self) -> bool {
        self.0.as_ref().is_some_and(|reserved| reserved.left().spent)
    }
}

impl Reserved {
    /// Reserves the first instance.
    ///
    /// # Errors
    /// None is left, or the database fails.
    pub(super) async fn begin(writer: Writer, ticket: Ticket) -> Result<Self, Problem> {
        let reserved = Self { writer, ticket, left: Mutex::default() };
        reserved.reserve(1).await.map_err(|_| Problem::Database)?;
        if reserved.is_open() { Ok(reserved) } else { Err(reserved.spent()) }
    }

    /// Takes so many at once, or none of them.
    ///
    /// # Errors
    /// Fewer are left, or the database fails.
    pub(super) async fn take_all(&self, instances: u64) -> Result<(), Problem> {
        let missing = {
            let left = self.left();
            if left.unbounded { 0 } else { instances.saturating_sub(left.instances) }
        };
        if missing > 0 {
            self.reserve(missing).await.map_err(|_| Problem::Database)?;
        }
        let mut left = self.left();
        match left.instances.checked_sub(instances) {
            _ if left.unbounded => Ok(()),
            Some(rest) => {
                left.instances = rest;
                Ok(())
            }
            None => Err(self.spent()),
        }
    }

    fn spent(&self) -> Problem {
        metrics().over_quota.inc();
        Problem::QuotaSpent { retry_after: self.ticket.month.left() }
    }

    /// True if an instance can be taken without asking.
    fn is_open(&self) -> bool {
        let left = self.left();
        left.unbounded || left.instances > 0
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Result<(), NoneLeft> {
        let wanted = {
            let mut left = self.left();
            if left.unbounded {
                return Ok(());
            }
            if let Some(rest) = left.instances.checked_sub(1) {
                left.instances = rest;
                return Ok(());
            }
            left.next = left.next.saturating_mul(2).clamp(1, MOST);
            left.next
        };
        self.reserve(wanted).await?;
        let mut left = self.left();
        match left.instances.checked_sub(1) {
            _ if left.unbounded => Ok(()),
            Some(rest) => {
                left.instances = rest;
                Ok(())
            }
            None => {
                left.spent = true;
                metrics().over_quota.inc();
                Err(NoneLeft::Spent)
            }
        }
    }

    async fn reserve(&self, wanted: u64) -> Result<(), NoneLeft> {
        let granted = self.writer.reserve(self.ticket.clone(), wanted).await.map_err(|fault| {
            tracing::error!(%fault, "no instances could be reserved");
            NoneLeft::Unknown
        })?;
        let mut left = self.left();
        match granted {
            Some(granted) => left.instances += granted,
            None => left.unbounded = true,
        }
        Ok(())
    }
}

/// Gives a reservation back whose request never comes to its settlement.
pub(super) struct Held(Option<(Writer, Ticket)>);

impl Held {
    pub(super) fn new(writer: &Writer, ticket: &Ticket) -> Self {
        Self(Some((writer.clone(), ticket.clone())))
    }

    /// The settlement gives it back.
    pub(super) fn keep(mut self) -> Option<Ticket> {
        self.0.take().map(|(_, ticket)| ticket)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((writer, ticket)) = self.0.take() {
            writer.release(ticket);
        }
    }
}

/// Reserves the first instance, or refuses the request; hands its ticket to the settlement.
pub(super) async fn quota(State(writer): State<Writer>, mut request: Request, next: Next) -> Response {
    // It is no pseudonymization, and counts as none.
    if request.extensions().get::<Caller>().is_some_and(Caller::restores) {
        request.extensions_mut().insert(Allowance::unlimited());
        return next.run(request).await;
    }
    let Some(ticket) = ticket(&request, Action::Store, true) else {
        return Problem::Internal("a request without caller reached the quota").into_response();
    };
    let held = Held::new(&writer, &ticket);
    let mut response = match Reserved::begin(writer, ticket).await {
        Err(problem) => problem.into_response(),
        Ok(reserved) => {
            request.extensions_mut().insert(Allowance(Some(Arc::new(reserved))));
            next.run(request).await
        }
    };
    if let Some(ticket) = held.keep() {
        response.extensions_mut().insert(ticket);
    }
    response
}

/// In whose month a request counts, and whether it reserves there; nothing if nobody knows who calls.
pub(super) fn ticket(request: &Request, action: Action, reserves: bool) -> Option<Ticket> {
    let (caller, id) = (request.extensions().get::<Caller>()?, request.extensions().get::<RequestId>()?);
    Some(Ticket {
        id: id.own.clone(),
        customer: caller.customer.clone(),
        month: Month::now(),
        project: caller.project.clone(),
        key: caller.key.clone(),
        action,
        reserves,
    })
}

#[cfg(test)]
pub(super) mod tests;
