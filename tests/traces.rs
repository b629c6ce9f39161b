//! Traces: which spans a collector gets of a request, how they hang together, and that nobody waits for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "otlp")]

mod stow;
mod support;
mod watch;

#[path = "watch/collector.rs"]
mod collector;

use collector::{Collector, said};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::time::{Duration, Instant};
use stow::double::{Double, Manner, header};
use stow::{burned_in, ct, push};
use support::http::Request;
use support::rig;
use watch::scrape;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_request_its_settlement_and_what_it_asks_of_others_are_one_trace() {
    let (collector, double) = (Collector::start(), Double::start(Manner::Store));
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_OTLP_ENDPOINT", collector.url.as_str()),
        ("VEILGATE_OTLP_HEADERS", "Authorization: Bearer of-the-collector"),
        ("VEILGATE_DESTINATION", "forward"),
        ("VEILGATE_DOWNSTREAM_URL", double.url.as_str()),
    ];
    let server = watch::start(folder.path(), &settings);
    assert_eq!(server.send(push(&[ct(1)]).header("traceparent", PARENT)).status, 200);
    let request = &collector.spans("POST /dicom-web/studies", 1)[0];
    assert_eq!(hex(&request.trace_id), &PARENT[3..35]);
    assert_eq!(hex(&request.parent_span_id), &PARENT[36..52]);
    assert_eq!(request.kind, SpanKind::Server as i32);
    let told = |name| said(request, name);
    assert_eq!(told("http.route").as_deref(), Some("/dicom-web/studies"));
    assert_eq!(told("http.request.method").as_deref(), Some("POST"));
    assert_eq!(told("http.response.status_code").as_deref(), Some("200"));
    assert!(told("veilgate.project").is_some_and(|project| !project.is_empty()));
    assert!(request.end_time_unix_nano > request.start_time_unix_nano);
    let store = &collector.spans("POST", 1)[0];
    let settle = &collector.spans("settle", 1)[0];
    for part in [store, settle] {
        assert_eq!((&part.trace_id, &part.parent_span_id), (&request.trace_id, &request.span_id));
    }
    assert_eq!(store.kind, SpanKind::Client as i32);
    let heard = double.seen(|seen| header(&seen.heads[0], "traceparent").unwrap());
    assert_eq!(heard, format!("00-{}-{}-01", hex(&store.trace_id), hex(&store.span_id)));
    let head = collector.seen(|seen| seen.heads[0].clone());
    assert!(head.starts_with("POST /v1/traces "), "{head}");
    assert_eq!(header(&head, "authorization").as_deref(), Some("Bearer of-the-collector"));
    assert_eq!(header(&head, "content-type").as_deref(), Some("application/x-protobuf"));
}

#[test]
fn refusals_are_named_by_their_code_and_what_a_client_does_not_want_sampled_is_not() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_OTLP_ENDPOINT", &collector.url)]);
    let quiet = PARENT.replace("-01", "-00");
    assert_eq!(server.send(Request::new("GET", "/v1/usage").header("traceparent", &quiet)).status, 200);
    assert_eq!(server.send(push(&[burned_in(1)])).status, 409);
    assert_eq!(server.send(Request::new("GET", "/nowhere/at/all")).status, 404);
    let lost = &collector.spans("GET none", 1)[0];
    assert_eq!(said(lost, "error.type").as_deref(), Some("not-found"));
    assert!(lost.parent_span_id.is_empty(), "a trace of its own");
    collector.spans("POST /dicom-web/studies", 1);
    assert_eq!(server.stop().code(), Some(0));
    assert!(collector.seen(|seen| seen.spans.iter().all(|span| !span.name.contains("usage"))));
}

#[test]
fn what_waits_is_sent_when_the_server_stops_and_a_dead_collector_holds_up_nobody() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_OTLP_ENDPOINT", &collector.url)]);
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    assert_eq!(server.stop().code(), Some(0));
    assert!(collector.seen(|seen| seen.spans.iter().any(|span| span.name == "POST /dicom-web/studies")));
    let nobody = format!("http://127.0.0.1:{}/v1/traces", rig::free_port());
    let other = tempfile::tempdir().unwrap();
    let server = watch::start(other.path(), &[("VEILGATE_OTLP_ENDPOINT", &nobody)]);
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    let until = Instant::now() + Duration::from_secs(15);
    while scrape(&server).count("veilgate_spans_dropped_total", &[]) == 0.0 {
        assert!(Instant::now() < until, "spans are lost unseen");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(server.said().contains("the collector of traces does not take spans"));
}
