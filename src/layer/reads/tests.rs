//! Tests of the meter of reads around a stub that gives so many instances.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::db::account::Quota;
use crate::db::usage::Month;
use crate::layer::context::tests::called;
use crate::layer::quota::tests::Rig;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

/// One request for `instances`, whose answer has three pieces of 100 bytes; how often the stub was asked.
async fn ask(rig: &Rig, spend: bool, method: Method, instances: u64) -> (Response, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let stub = {
        let asked = Arc::clone(&asked);
        move || {
            asked.fetch_add(1, Ordering::SeqCst);
            let pieces = (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[7; 100])));
            let mut response = Body::from_stream(futures_util::stream::iter(pieces)).into_response();
            if instances > 0 {
                response.extensions_mut().insert(Tally { read: instances, ..Tally::default() });
            }
            std::future::ready(response)
        }
    };
    let reads = Reads { writer: rig.writer.clone(), spend };
    let app = Router::new().route("/", get(stub)).layer(from_fn_with_state(reads, self::reads));
    let mut request = Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
    request.extensions_mut().insert(rig.caller.clone());
    request.extensions_mut().insert(called(&format!("r{instances}")));
    let response = app.oneshot(request).await.unwrap();
    let response = match response.extensions().get::<Ticket>().cloned() {
        Some(ticket) if read(&response) > 0 => leaving(response, rig.writer.clone(), ticket),
        _ => response,
    };
    (response, asked.load(Ordering::SeqCst))
}

async fn bytes_counted(rig: &Rig) -> u64 {
    rig.writer.flush().await.unwrap();
    rig.usage().await.read_bytes
}

#[tokio::test]
async fn what_is_read_gets_a_ticket_and_no_reservation() {
    let rig = Rig::new(Quota::Own(0)).await;
    let (response, _) = ask(&rig, false, Method::GET, 5).await;
    let extensions = response.extensions();
    assert_eq!(extensions.get::<Tally>().unwrap().read, 5);
    assert_eq!(extensions.get::<Ticket>().unwrap().action, Action::Retrieve);
    assert!(extensions.get::<Spent>().is_none(), "a spent quota does not matter");
    assert_eq!((response.status(), rig.usage().await.reserved), (StatusCode::OK, 0));
}

#[tokio::test]
async fn what_gives_nothing_and_head_count_nothing() {
    let rig = Rig::new(Quota::Own(10)).await;
    for (method, instances) in [(Method::GET, 0), (Method::HEAD, 5)] {
        for spend in [false, true] {
            let (response, _) = ask(&rig, spend, method.clone(), instances).await;
            let extensions = response.extensions();
            assert!(extensions.get::<Spent>().is_none() && extensions.get::<Tally>().is_none());
        }
    }
    assert_eq!(bytes_counted(&rig).await, 0);
}

#[tokio::test]
async fn where_reads_spend_the_quota_an_answer_comes_whole_or_not_at_all() {
    let rig = Rig::new(Quota::Own(10)).await;
    let (response, _) = ask(&rig, true, Method::GET, 7).await;
    assert_eq!(response.extensions().get::<Spent>(), Some(&Spent(7)));
    assert_eq!((response.status(), rig.usage().await.reserved), (StatusCode::OK, 7));
    let (response, asked) = ask(&rig, true, Method::GET, 4).await;
    assert_eq!((response.status(), asked), (StatusCode::TOO_MANY_REQUESTS, 1));
    let after: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!(after.abs_diff(Month::now().left()) <= 2, "{after}");
    let extensions = response.extensions();
    assert!(extensions.get::<Ticket>().is_some(), "the settlement gives back what was reserved");
    assert!(extensions.get::<Tally>().is_none() && extensions.get::<Spent>().is_none());
}

#[tokio::test]
async fn a_spent_month_is_answered_before_anything_is_done() {
    let rig = Rig::new(Quota::Own(0)).await;
    let (response, asked) = ask(&rig, true, Method::GET, 1).await;
    assert_eq!((response.status(), asked), (StatusCode::TOO_MANY_REQUESTS, 0));
}

#[tokio::test]
async fn without_a_database_what_spends_the_quota_is_503() {
    let rig = Rig::new(Quota::Unlimited).await;
    rig.db.close().await;
    let (response, asked) = ask(&rig, true, Method::GET, 1).await;
    assert_eq!((response.status(), asked), (StatusCode::SERVICE_UNAVAILABLE, 0));
    assert!(response.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn bytes_count_as_far_as_they_left() {
    let rig = Rig::new(Quota::Unlimited).await;
    let (whole, _) = ask(&rig, false, Method::GET, 1).await;
    assert_eq!(axum::body::to_bytes(whole.into_body(), 1000).await.unwrap().len(), 300);
    assert_eq!(bytes_counted(&rig).await, 300);
    let (cut_off, _) = ask(&rig, true, Method::GET, 2).await;
    let mut pieces = cut_off.into_body().into_data_stream();
    assert_eq!(pieces.next().await.unwrap().unwrap().len(), 100);
    drop(pieces);
    assert_eq!(bytes_counted(&rig).await, 400, "the client went away after the first piece");
    let (never, _) = ask(&rig, false, Method::GET, 1).await;
    drop(never);
    assert_eq!(bytes_counted(&rig).await, 400);
}
