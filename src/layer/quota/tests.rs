//! Tests of the quota layer before a stub; its rig is also that of `reads`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::audit::key::SigningKey;
use crate::db::Db;
use crate::db::account::{CustomerWish, Quota};
use crate::db::chain::Keeper;
use crate::db::tests::{founded, hand};
use crate::db::usage::{Quotas, Usage};
use crate::db::writer::Terms;
use crate::layer::context::tests::{called, caller};
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use axum::{Extension, Router};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tower::ServiceExt;

pub(crate) const QUOTAS: Quotas = Quotas { free: Some(50), pro: Option::None, enterprise: Option::None };

/// The layer before a stub, on a database of its own.
pub(crate) struct Rig {
    pub(crate) db: Db,
    pub(crate) writer: Writer,
    pub(crate) caller: Caller,
    read: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new(quota: Quota) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let hand = hand(&db, &crate::db::seal::MasterKey::new([1; 32])).await;
        let wish = CustomerWish { quota: Some(quota), ..CustomerWish::default() };
        db.change_customer(&hand, "default", wish).await.unwrap();
        let owner = db.key_owner([3; 32]).await.unwrap().unwrap();
        let keeper = Keeper::new(SigningKey::from_seed(&[5; 32]), 10, Duration::from_secs(60));
        let terms = Terms::new(keeper, QUOTAS, "g".to_owned());
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
        let app = Router::new().route("/", post(stub)).layer(from_fn_with_state(self.writer.clone(), quota));
        let read = Arc::clone(&self.read);
        let body = futures_util::stream::once(async move {
            read.store(true, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_static(b"body"))
        });
        let mut request = Request::post("/").body(Body::from_stream(body)).unwrap();
        request.extensions_mut().insert(self.caller.clone());
        request.extensions_mut().insert(called("r1"));
        app.oneshot(request).await.unwrap()
    }

    pub(crate) async fn usage(&self) -> Usage {
        self.db.usage(&QUOTAS, &self.caller.customer, &Month::now()).await.unwrap()
    }

    async fn reserved(&self) -> u64 {
        self.usage().await.reserved
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
