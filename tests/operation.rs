//! What an operator sees: who may read the metrics and what they count, names of requests, the log in JSON, what other servers
//! are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;
mod watch;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use stow::double::{Double, Manner, header};
use stow::{RESPOND, burned_in, ct, large_ct, push, push_parts, stored};
use support::http::Request;
use support::multipart::Part;
use support::rig;
use support::server::Server;
use watch::{TOKEN, ask, lines, scrape};

const UUID: &str = "0af76519-16cd-43dd-8448-eb211c80319c";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Asks until it is so: what is counted when an answer has left may come a moment later.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "not so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn metrics_open_to_their_token_and_to_the_admin_key_and_are_not_there_without_either() {
    let none = Server::start();
    assert_eq!(ask(&none, TOKEN).status, 404);
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_ADMIN_KEY", "an admin key of the tests")]);
    assert_eq!(ask(&server, TOKEN).status, 200);
    assert_eq!(ask(&server, "an admin key of the tests").status, 200);
    assert_eq!(ask(&server, "a token for the metrics of test").status, 401);
    assert_eq!(ask(&server, &server.key).status, 401, "an API key");
    let bare = server.send_bare(Request::new("GET", "/metrics"));
    assert_eq!(bare.status, 401);
    assert!(bare.header("www-authenticate").unwrap().starts_with("Bearer"));
    let text = scrape(&server);
    let refused = |reason| text.count("veilgate_requests_refused_total", &[("reason", reason)]);
    assert_eq!((refused("bad-token"), refused("no-token")), (2.0, 1.0));
}

#[test]
fn what_was_pushed_pulled_and_refused_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_RATE_ENTERPRISE", "60")]);
    let parts = [ct(1), ct(2), burned_in(3), b"no DICOM at all".to_vec()].map(Part::dicom);
    let answer = server.send(push_parts(&parts));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let study = server.send(Request::new("GET", "/dicom-web/studies").header("Accept", stow::JSON)).json();
    let study = study[0]["0020000D"]["Value"][0].as_str().unwrap().to_owned();
    let pulled = server.send(Request::new("GET", &format!("/dicom-web/studies/{study}")));
    assert_eq!(pulled.status, 200);
    server.send(Request::new("GET", "/nowhere/Rigpatient"));
    server.send(Request::new("MARK", "/health"));
    soon("all answers have left", || scrape(&server).count("veilgate_requests_running", &[]) == 1.0);
    let text = scrape(&server);
    let count = |name: &str, labels: &[(&str, &str)]| text.count(&format!("veilgate_{name}"), labels);
    assert_eq!(count("instances_total", &[("outcome", "delivered")]), 2.0);
    assert_eq!(count("instances_total", &[("outcome", "refused")]), 2.0);
    assert_eq!(count("instances_refused_total", &[("reason", "pixels")]), 1.0);
    assert_eq!(count("instances_refused_total", &[("reason", "malformed")]), 1.0);
    assert_eq!(count("instances_read_total", &[]), 2.0);
    let stow = [("route", "/dicom-web/studies"), ("method", "POST"), ("status", "2xx")];
    assert_eq!(count("requests_total", &stow), 1.0);
    let wado = [("route", "/dicom-web/studies/{study}"), ("method", "GET"), ("status", "2xx")];
    assert_eq!(count("requests_total", &wado), 1.0);
    assert_eq!(count("requests_total", &[("route", "none"), ("status", "4xx")]), 1.0);
    assert_eq!(count("requests_total", &[("route", "/health"), ("method", "other")]), 1.0);
    assert_eq!(count("request_seconds_count", &[("route", "/dicom-web/studies"), ("method", "POST")]), 1.0);
    assert_eq!(count("requests_refused_total", &[("reason", "not-found")]), 1.0);
    let sent: usize = parts.iter().map(|part| part.body.len()).sum();
    assert!(count("received_bytes_total", &[]) >= sent as f64);
    assert!(count("sent_bytes_total", &[]) >= pulled.body.len() as f64);
    assert!(count("instance_bytes_total", &[("direction", "in")]) >= (ct(1).len() + ct(2).len()) as f64);
    assert!(count("commit_seconds_count", &[]) >= 3.0);
    assert_eq!(count("database_up", &[]), 1.0);
    let length = entries(&server);
    assert!(length >= 7.0, "{length}");
    assert_eq!(count("audit_entries", &[]), length, "of all chains");
    assert!(count("audit_checkpoint_timestamp_seconds", &[]) > 1.7e9);
    assert!(count("build_info", &[("version", env!("CARGO_PKG_VERSION"))]) == 1.0);
    assert!(text.get("process_resident_memory_bytes", &[]).is_some());
    assert!(!text.0.contains("Rigpatient") && !text.0.contains("MARK") && !text.0.contains(&study));
    for _ in 0..60 {
        server.send(Request::new("GET", "/v1/usage"));
    }
    let text = scrape(&server);
    let refused = text.count("veilgate_rate_refusals_total", &[]);
    assert!(refused > 10.0, "{refused}");
    assert_eq!(text.count("veilgate_requests_refused_total", &[("reason", "too-often")]), refused);
}

/// Lengths of all chains, by the command that verifies them.
fn entries(server: &Server) -> f64 {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"));
    if let Some(url) = support::server::postgres_for(server.data()) {
        command.env("VEILGATE_DATABASE", url).env_remove("VEILGATE_TEST_DATABASE");
    }
    let output = command.args(["audit", "verify", "--data"]).arg(server.data()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let lengths =
        told.lines().filter_map(|line| line.strip_prefix("project ")?.split("up to number ").nth(1));
    let number =
        |rest: &str| rest.split(|end: char| !end.is_ascii_digit()).next().unwrap().parse::<f64>().unwrap();
    lengths.map(number).sum()
}

#[test]
fn who_is_over_the_quota_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_QUOTA_ENTERPRISE", "1")]);
    assert_eq!(server.send(push(&[ct(1), ct(2)])).status, 202);
    assert_eq!(server.send(push(&[ct(3)])).status, 429);
    let text = scrape(&server);
    assert_eq!(text.count("veilgate_quota_refusals_total", &[]), 2.0, "one instance, one request");
    assert_eq!(text.count("veilgate_requests_refused_total", &[("reason", "quota-spent")]), 1.0);
}

#[test]
fn an_answer_that_does_not_fit_into_memory_is_seen_in_the_spool_and_gone_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_LIMITS_SPOOL_MEMORY", "64 KiB")]);
    let request = push(&[large_ct(1, 64 << 20)]).header("Accept", RESPOND).header("X-API-Key", &server.key);
    let mut head =
        format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", request.target, request.body.len());
    request.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    // The answer is begun and not taken.
    stream.read_exact(&mut [0; 12]).unwrap();
    let text = scrape(&server);
    assert_eq!(text.count("veilgate_spool_files", &[]), 1.0);
    assert!(text.count("veilgate_spool_bytes", &[]) >= f64::from(63 << 20));
    assert_eq!(text.count("veilgate_requests_running", &[]), 2.0, "it, and the scrape");
    drop(stream);
    soon("the file is closed", || scrape(&server).count("veilgate_spool_files", &[]) == 0.0);
    assert_eq!(scrape(&server).count("veilgate_spool_bytes", &[]), 0.0);
}

#[test]
fn a_server_that_does_not_answer_is_counted_and_seen_as_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}/dicom-web", rig::free_port());
    let settings = [
        ("VEILGATE_ORIGIN", "downstream"),
        ("VEILGATE_DOWNSTREAM_URL", url.as_str()),
        ("VEILGATE_DOWNSTREAM_RETRIES", "0"),
    ];
    let server = watch::start(folder.path(), &settings);
    assert_eq!(scrape(&server).count("veilgate_downstream_resting", &[]), 0.0);
    for _ in 0..7 {
        server.send(Request::new("GET", "/dicom-web/studies"));
    }
    let text = scrape(&server);
    let outcome = |outcome| text.count("veilgate_downstream_requests_total", &[("outcome", outcome)]);
    assert_eq!((outcome("unreachable"), outcome("resting")), (5.0, 2.0));
    assert_eq!(text.count("veilgate_downstream_resting", &[]), 1.0);
    assert_eq!(text.count("veilgate_requests_refused_total", &[("reason", "downstream")]), 7.0);
}

#[test]
fn a_request_keeps_the_name_that_a_proxy_gave_it_and_another_text_is_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_LOG_FORMAT", "json")]);
    let named = |name: &str| {
        let request = Request::new("GET", "/v1/usage").header("X-Request-Id", name);
        server.send(request).header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(named(UUID), UUID);
    for bad in ["Rigpatient^Rosa", "19560229", "1.2.840.113619.2.1", "00000000000000000000000019560229", ""] {
        let made = named(bad);
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad}: {made}");
        assert_ne!(made, bad);
    }
    let refused = server.send_bare(Request::new("GET", "/nowhere").header("X-Request-Id", UUID));
    assert_eq!((refused.status, refused.header("x-request-id")), (404, Some(UUID)));
    soon("the log has its lines", || {
        let named = |line: &serde_json::Value| line["span"]["id"] == UUID;
        lines(&server).into_iter().filter(named).count() == 2
    });
    let line = lines(&server).into_iter().find(|line| line["span"]["id"] == UUID).unwrap();
    assert_eq!((&line["span"]["route"], &line["fields"]["status"]), (&"/v1/usage".into(), &200.into()));
    let refused = lines(&server).into_iter().find(|line| line["fields"]["status"] == 404).unwrap();
    assert_eq!(refused["fields"]["reason"], "not-found");
    assert!(!server.said().contains("Rigpatient"));
    // The audit chain calls it so, too.
    let chain = server.send(Request::new("GET", "/v1/audit?limit=100")).text();
    assert!(chain.contains(UUID), "{chain}");
}

#[test]
fn one_name_for_many_requests_confuses_no_reservation() {
    let folder = tempfile::tempdir().unwrap();
    let server = watch::start(folder.path(), &[("VEILGATE_QUOTA_ENTERPRISE", "6")]);
    let push_named = |number: u32| {
        let request = push(&[ct(2 * number), ct(2 * number + 1)]).header("X-Request-Id", UUID);
        stored(&server.send(request)).len()
    };
    let done: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (1..=6).map(|number| scope.spawn(move || push_named(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    let usage = server.send(Request::new("GET", "/v1/usage")).json();
    assert_eq!(usage["files_used_mtd"], done);
    assert!(done <= 6, "{done} of 6");
}

#[test]
fn the_downstream_server_hears_whose_request_it_is_and_where_in_the_trace() {
    let double = Double::start(Manner::Store);
    let folder = tempfile::tempdir().unwrap();
    let settings = [("VEILGATE_DESTINATION", "forward"), ("VEILGATE_DOWNSTREAM_URL", double.url.as_str())];
    let server = watch::start(folder.path(), &settings);
    let request = push(&[ct(1), large_ct(2, 3_000_000)]);
    let request = request.header("X-Request-Id", UUID).header("traceparent", PARENT);
    let answer = server.send(request.header("tracestate", "rig=Rigpatient"));
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some(UUID)));
    assert_eq!(server.send(push(&[ct(3)]).header("traceparent", "00-Rigpatient-1-01")).status, 200);
    let heads = double.seen(|seen| seen.heads.clone());
    assert_eq!(heads.len(), 3);
    let parents: Vec<String> = heads.iter().map(|head| header(head, "traceparent").unwrap()).collect();
    for (head, parent) in heads.iter().zip(&parents).take(2) {
        assert_eq!(header(head, "x-request-id").as_deref(), Some(UUID));
        assert!(parent.starts_with(&PARENT[..36]) && parent.ends_with("-01"), "{parent}");
        assert_ne!(parent, PARENT, "a span of its own");
    }
    assert_ne!(parents[0], parents[1]);
    let made = header(&heads[2], "x-request-id").unwrap();
    assert_eq!(parents[2][3..35], made, "a trace of its own, called as the request");
    assert!(parents[2].ends_with("-00"), "nobody collects it: {}", parents[2]);
    assert!(heads.iter().all(|head| !head.contains("Rigpatient") && header(head, "tracestate").is_none()));
}
