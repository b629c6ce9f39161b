//! The second sink over real sockets and files: framing, TLS, broken connections, rotation, and the runner's cursor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

#[path = "sink/collector.rs"]
mod collector;
mod sink;
mod support;

use collector::{Collector, Manner};
use sink::{Memory, entries};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use support::authority::Authority;
use tokio::sync::oneshot;
use tokio::time::timeout;
use veilgate::audit::chain::Sealed;
use veilgate::secret::Secret;
use veilgate::sink::{Fault, Identity, Settings, Sink, Target, Unusable, dicom, fhir, run};

fn settings(target: &str) -> Settings {
    Settings { target: Target::parse(target).unwrap().unwrap(), ca: None, identity: None }
}

fn secret(pem: &[u8]) -> Secret {
    Secret::new(std::str::from_utf8(pem).unwrap())
}

fn tcp(collector: &Collector) -> Sink {
    Sink::new(settings(&format!("syslog+tcp://127.0.0.1:{}", collector.port))).unwrap()
}

fn messages(entries: &[Sealed]) -> Vec<String> {
    entries.iter().flat_map(|entry| dicom::messages(entry).into_iter().map(|message| message.xml)).collect()
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn expected(entries: &[Sealed]) -> Vec<String> {
    entries.iter().map(fhir::line).collect()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn messages_arrive_over_tcp_counted_and_framed() {
    let collector = Collector::tcp(&[]);
    let batch = entries("p", 20);
    tcp(&collector).send(&batch).await.unwrap();
    let got = collector.messages();
    assert_eq!(got.iter().map(|message| message.xml.clone()).collect::<Vec<_>>(), messages(&batch));
    for (message, entry) in got.iter().zip(&batch) {
        let header =
            format!("<85>1 {} 127.0.0.1 veilgate {} DICOM+RFC3881 -", entry.body.time, std::process::id());
        assert_eq!(message.header, header);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_batch_is_an_error_and_the_batch_comes_again() {
    let collector = Collector::tcp(&[Manner::Break(1000), Manner::Refuse]);
    let batch = entries("p", 300);
    let mut sink = tcp(&collector);
    for _ in 0..2 {
        let fault = sink.send(&batch).await.unwrap_err();
        assert!(matches!(fault, Fault::CutOff(_) | Fault::Unreachable(_)), "{fault:?}");
    }
    sink.send(&batch).await.unwrap();
    let got: Vec<String> = collector.messages().into_iter().map(|message| message.xml).collect();
    assert_eq!(got, messages(&batch), "only the whole batch counts");
}

#[tokio::test]
async fn a_collector_that_keeps_the_connection_open_has_taken_the_batch() {
    let collector = Collector::tcp(&[Manner::StayOpen]);
    let batch = entries("p", 2);
    timeout(Duration::from_secs(20), tcp(&collector).send(&batch)).await.unwrap().unwrap();
    until("the messages", || collector.messages().len() == 2).await;
}

#[tokio::test]
async fn nobody_listening_is_an_error() {
    let mut sink = Sink::new(settings("syslog+tcp://127.0.0.1:1")).unwrap();
    assert!(matches!(sink.send(&entries("p", 1)).await, Err(Fault::Unreachable(_))));
    assert_eq!(sink.send(&[]).await, Ok(()), "nothing to send needs nobody");
}

#[tokio::test]
async fn messages_arrive_over_tls_only_if_the_collector_is_the_one_named() {
    let authority = Authority::new();
    let collector = Collector::tls(&authority, "localhost", false);
    let at = |host: &str| settings(&format!("syslog+tls://{host}:{}", collector.port));
    let trusting = |host: &str| Settings { ca: Some(authority.pem()), ..at(host) };
    let batch = entries("p", 5);
    Sink::new(trusting("localhost")).unwrap().send(&batch).await.unwrap();
    assert_eq!(collector.messages().len(), 5);
    let stranger = Settings { ca: Some(Authority::new().pem()), ..at("localhost") };
    for settings in [stranger, trusting("127.0.0.1")] {
        let sent = Sink::new(settings).unwrap().send(&batch).await;
        assert!(matches!(sent, Err(Fault::Unreachable(_))), "{sent:?}");
    }
    assert_eq!(collector.messages().len(), 5, "nothing more arrived");
}

#[tokio::test]
async fn a_collector_that_asks_who_we_are_is_shown_our_certificate() {
    let authority = Authority::new();
    let collector = Collector::tls(&authority, "localhost", true);
    let (certificates, key) = authority.issue("gateway");
    let nameless = Settings {
        ca: Some(authority.pem()),
        ..settings(&format!("syslog+tls://localhost:{}", collector.port))
    };
    let batch = entries("p", 3);
    let sent = Sink::new(nameless.clone()).unwrap().send(&batch).await;
    assert!(matches!(sent, Err(Fault::CutOff(_) | Fault::Unreachable(_))), "{sent:?}");
    let named = Settings { identity: Some(Identity { certificates, key: secret(&key) }), ..nameless };
    assert!(!format!("{named:?}").contains("PRIVATE"));
    Sink::new(named).unwrap().send(&batch).await.unwrap();
    assert_eq!(collector.messages().len(), 3);
}

#[test]
fn settings_that_cannot_be_used_are_told() {
    let tls = |ca: &[u8]| Settings { ca: Some(ca.to_vec()), ..settings("syslog+tls://localhost") };
    assert_eq!(Sink::new(tls(b"none")).err(), Some(Unusable::Authorities));
    let pem = Authority::new().pem();
    let identity = Identity { certificates: pem.clone(), key: secret(b"none") };
    let bad = Settings { identity: Some(identity), ..tls(&pem) };
    assert_eq!(Sink::new(bad).err(), Some(Unusable::Identity));
    let nameless = Settings { ca: Some(pem), ..settings("syslog+tls://a_b..c") };
    assert_eq!(Sink::new(nameless).err(), Some(Unusable::Host));
}

#[tokio::test]
async fn lines_are_appended_to_a_file_that_only_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let batch = entries("p", 4);
    let target = || settings(&format!("fhir:{}", path.display()));
    let mut sink = Sink::new(target()).unwrap();
    sink.send(&batch[..2]).await.unwrap();
    sink.send(&batch[2..3]).await.unwrap();
    Sink::new(target()).unwrap().send(&batch[3..]).await.unwrap();
    assert_eq!(lines(&path), expected(&batch));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_that_was_rotated_away_is_opened_anew_and_a_torn_line_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
    let batch = entries("p", 4);
    let mut sink = Sink::new(settings(&format!("fhir:{}", path.display()))).unwrap();
    sink.send(&batch[..1]).await.unwrap();
    std::fs::rename(&path, &old).unwrap();
    sink.send(&batch[1..2]).await.unwrap();
    assert_eq!((lines(&old), lines(&path)), (expected(&batch[..1]), expected(&batch[1..2])));
    std::fs::write(&old, format!("{}\n{{\"resourceType\":\"Aud", fhir::line(&batch[2]))).unwrap();
    std::fs::rename(&old, &path).unwrap();
    sink.send(&batch[3..]).await.unwrap();
    assert_eq!(lines(&path), expected(&batch[2..]));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(sink.send(&batch[3..]).await, Err(Fault::File(_))));
}

#[tokio::test]
async fn a_file_that_is_no_log_of_lines_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
    let mut sink = Sink::new(settings(&format!("fhir:{}", path.display()))).unwrap();
    assert!(matches!(sink.send(&entries("p", 1)).await, Err(Fault::File(_))));
    assert_eq!(path.metadata().unwrap().len(), 100_000);
}

#[tokio::test]
async fn the_runner_sends_everything_over_outages_of_both_sides_and_stops_when_told() {
    let collector = Collector::tcp(&[Manner::Refuse, Manner::Break(200)]);
    let all = [entries("p", 1200), entries("q", 3)].concat();
    let source = Memory::of(all.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(run(tcp(&collector), source.clone(), async {
        let _ = stopped.await;
    }));
    until("the first entries", || (source.cursor("p"), source.cursor("q")) == (1200, 3)).await;
    source.fail(true);
    let late = sink::chain(
        "r",
        [veilgate::audit::event::Event::act(
            &sink::by(veilgate::audit::action::Action::MakeKey),
            veilgate::audit::action::Outcome::Done,
            None,
        )],
    );
    source.add(late.clone());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    source.fail(false);
    until("the late entry", || source.cursor("r") == 1).await;
    let got: Vec<String> = collector.messages().into_iter().map(|message| message.xml).collect();
    assert_eq!(got, messages(&[all, late].concat()));
    stop.send(()).unwrap();
    timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
}
