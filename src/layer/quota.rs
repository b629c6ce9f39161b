//! Instances a month: one is reserved before a byte of the body is read, more as instances come. Who has how many is
//! `db::usage`'s; counting and giving back is the settlement's.

use super::context::{Caller, RequestId};
use crate::db::usage::Month;
use crate::db::writer::{Ticket, Writer};
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

struct Reserved {
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
    fn keep(mut self) -> Option<Ticket> {
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
    let Some(ticket) = ticket(&request) else {
        return Problem::Internal("a request without caller reached the quota").into_response();
    };
    let held = Held(Some((writer.clone(), ticket.clone())));
    let reserved = Arc::new(Reserved { writer, ticket, left: Mutex::default() });
    let mut response = match reserved.reserve(1).await {
        Err(_) => Problem::Database.into_response(),
        Ok(()) if !reserved.is_open() => {
            Problem::QuotaSpent { retry_after: reserved.ticket.month.left() }.into_response()
        }
        Ok(()) => {
            request.extensions_mut().insert(Allowance(Some(reserved)));
            next.run(request).await
        }
    };
    if let Some(ticket) = held.keep() {
        response.extensions_mut().insert(ticket);
    }
    response
}

impl Reserved {
    /// True if an instance can be taken without asking.
    fn is_open(&self) -> bool {
        let left = self.left();
        left.unbounded || left.instances > 0
    }
}

fn ticket(request: &Request) -> Option<Ticket> {
    let (caller, id) = (request.extensions().get::<Caller>()?, request.extensions().get::<RequestId>()?);
    Some(Ticket {
        id: id.0.clone(),
        customer: caller.customer.clone(),
        month: Month::now(),
        project: caller.project.clone(),
        key: caller.key.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::audit::key::SigningKey;
    use crate::db::Db;
    use crate::db::account::{CustomerWish, Quota};
    use crate::db::chain::Keeper;
    use crate::db::tests::{founded, hand};
    use crate::db::usage::Quotas;
    use crate::db::writer::Terms;
    use crate::layer::context::tests::caller;
    use axum::body::{Body, Bytes};
    use axum::http::{StatusCode, header};
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use axum::{Extension, Router};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tower::ServiceExt;

    const QUOTAS: Quotas = Quotas { free: Some(50), pro: Option::None, enterprise: Option::None };

    /// The layer before a stub, on a database of its own.
    struct Rig {
        db: Db,
        writer: Writer,
        caller: Caller,
        read: Arc<AtomicBool>,
        _folder: tempfile::TempDir,
    }

    impl Rig {
        async fn new(quota: Quota) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (db, project) = founded(folder.path()).await;
            let hand = hand(&db, &crate::db::seal::MasterKey::new([1; 32])).await;
            let wish = CustomerWish { quota: Some(quota), ..CustomerWish::default() };
            db.change_customer(&hand, "default", wish).await.unwrap();
            let owner = db.key_owner([3; 32]).await.unwrap().unwrap();
            let keeper = Keeper::new(SigningKey::from_seed(&[5; 32]), 10, Duration::from_secs(60));
            let terms = Terms { keeper, quotas: QUOTAS, gateway: "g".to_owned() };
            let caller = Caller { customer: owner.customer, ..caller(&project, &owner.key, owner.tier) };
            let writer = Writer::start(db.clone(), terms);
            Self { db, writer, caller, read: Arc::default(), _folder: folder }
        }

        /// The stub takes instances until there are no more, puts the first back, and takes it again.
        async fn ask(&self, most: usize) -> Response {
            let stub = move |Extension(allowance): Extension<Allowance>, body: Body| async move {
                let _ = axum::body::to_bytes(body, 9).await;
                let mut taken = 0;
                while taken < most && allowance.take().await.is_ok() {
                    taken += 1;
                }
                allowance.put_back();
                let again = allowance.take().await.is_ok();
                format!("{taken} {again} {}", allowance.is_spent())
            };
            let app =
                Router::new().route("/", post(stub)).layer(from_fn_with_state(self.writer.clone(), quota));
            let read = Arc::clone(&self.read);
            let body = futures_util::stream::once(async move {
                read.store(true, Ordering::SeqCst);
                Ok::<_, std::io::Error>(Bytes::from_static(b"body"))
            });
            let mut request = Request::post("/").body(Body::from_stream(body)).unwrap();
            request.extensions_mut().insert(self.caller.clone());
            request.extensions_mut().insert(RequestId("r1".to_owned()));
            app.oneshot(request).await.unwrap()
        }

        async fn reserved(&self) -> u64 {
            self.db.usage(&QUOTAS, &self.caller.customer, &Month::now()).await.unwrap().reserved
        }
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 99).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_spent_month_is_answered_before_the_body_is_read_with_the_time_that_is_left() {
        let rig = Rig::new(Quota::Own(0)).await;
        let response = rig.ask(1).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let after: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!(after.abs_diff(Month::now().left()) <= 2, "{after}");
        assert!(!rig.read.load(Ordering::SeqCst), "the body was read");
    }

    #[tokio::test]
    async fn a_month_that_ends_within_a_request_gives_all_that_was_left_and_no_more() {
        let rig = Rig::new(Quota::Own(10)).await;
        let response = rig.ask(100).await;
        assert!(response.extensions().get::<Ticket>().is_some(), "the settlement gets the ticket");
        assert_eq!(text(response).await, "10 true true");
        assert_eq!(rig.reserved().await, 10, "what was put back is not reserved twice");
        assert!(rig.read.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn few_instances_reserve_few_and_no_bound_reserves_none() {
        let rig = Rig::new(Quota::Own(1000)).await;
        assert_eq!(text(rig.ask(3).await).await, "3 true false");
        assert!((3..=7).contains(&rig.reserved().await), "{}", rig.reserved().await);
        let rig = Rig::new(Quota::Unlimited).await;
        assert_eq!(text(rig.ask(200).await).await, "200 true false");
        assert_eq!(rig.reserved().await, 0);
    }

    #[tokio::test]
    async fn nobody_is_served_while_the_database_is_down() {
        let rig = Rig::new(Quota::Unlimited).await;
        rig.db.close().await;
        let response = rig.ask(1).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        assert!(!rig.read.load(Ordering::SeqCst), "the body was read");
    }
}
