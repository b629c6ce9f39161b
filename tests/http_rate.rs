//! The rate of requests over HTTP: bursts pass, then 429 with a true Retry-After; what needs no key is never counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::thread::sleep;
use std::time::Duration;
use stow::{ct, large_ct, push};
use support::http::Request;
use support::server::Server;

/// A server whose keys get a token every two seconds and hold fifteen.
fn slow() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_RATE_ENTERPRISE", "30")]);
    (folder, server)
}

fn spend(server: &Server) {
    for _ in 0..30 {
        if server.send(push(&[ct(1)])).status == 429 {
            return;
        }
    }
    panic!("30 requests passed a bucket of 15");
}

#[test]
fn a_burst_passes_then_requests_are_refused_until_retry_after_is_over() {
    let (_folder, server) = slow();
    let first = server.send(push(&[ct(1)]));
    assert_eq!((first.status, first.header("ratelimit-remaining")), (200, Some("14")));
    spend(&server);
    let refused = server.send(push(&[ct(1)]));
    assert_eq!((refused.status, refused.header("content-type")), (429, Some("application/problem+json")));
    assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    sleep(Duration::from_secs(seconds));
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
}

#[test]
fn a_refused_request_is_not_read_and_leaves_nothing() {
    let (_folder, server) = slow();
    spend(&server);
    let large = push(&[large_ct(1, 20_000_000)]);
    for request in [large.clone().expect_continue(), large] {
        assert_eq!(server.send(request).status, 429);
    }
}

#[test]
fn what_needs_no_key_is_free() {
    let (_folder, server) = slow();
    spend(&server);
    let preflight = Request::new("OPTIONS", "/dicom-web/studies")
        .header("Origin", "http://v")
        .header("Access-Control-Request-Method", "POST");
    for (request, status) in [
        (Request::new("GET", "/health"), 200),
        (Request::new("GET", "/ready"), 200),
        (Request::new("OPTIONS", "/dicom-web/studies"), 200),
        (preflight, 204),
    ] {
        let answer = server.send(request.clone());
        assert_eq!(answer.status, status, "{} {}", request.method, request.target);
        assert_eq!(answer.header("ratelimit-limit"), None, "{} {}", request.method, request.target);
    }
    let exposed = server.send(Request::new("GET", "/health").header("Origin", "http://v"));
    assert!(exposed.header("access-control-expose-headers").unwrap().contains("RateLimit-Remaining"));
}
