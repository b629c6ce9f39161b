//! Instances that are read: which answers count, what they count as, and what becomes of it where `quota.reads` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod accounts;
mod stow;
mod support;

use accounts::{admin, key, pushed, start, text, told, usage};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use stow::{ct, large_ct};
use support::http::{Request, Response};
use support::server::Server;

const SPENDING: [(&str, &str); 1] = [("VEILGATE_QUOTA_READS", "true")];
const RELATED: &str = "multipart/related; type=\"application/dicom\"";

/// Pushes instances; the paths of the first one's study, series and itself.
fn stored(server: &Server, key: &str, instances: &[Vec<u8>]) -> [String; 3] {
    let answer = pushed(server, key, instances);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
    let path = &url[url.find("/dicom-web/").unwrap()..];
    let series = path.split_once("/instances/").unwrap().0;
    [series.split_once("/series/").unwrap().0, series, path].map(str::to_owned)
}

fn get(server: &Server, key: &str, target: &str, accept: &str) -> Response {
    let request = Request::new("GET", target).header("X-API-Key", key).header("Accept", accept);
    server.send_bare(request)
}

fn read(server: &Server, key: &str) -> u64 {
    usage(server, key)["read_mtd"].as_u64().unwrap()
}

/// Bytes are counted when they have left, and written within a second.
fn await_bytes(server: &Server, key: &str, bytes: u64) {
    let until = Instant::now() + Duration::from_secs(20);
    while usage(server, key)["read_bytes_mtd"] != json!(bytes) {
        assert!(Instant::now() < until, "{bytes} expected: {}", usage(server, key));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A customer with this quota, whose key is returned.
fn customer(server: &Server, quota: &str) -> String {
    told(server, &["customer", "add", "small", "--quota", quota, "--tier", "enterprise"]);
    told(server, &["project", "add", "small", "p"]);
    key(server, "p", "k")
}

#[test]
fn each_instance_of_which_an_answer_gives_something_counts_once_for_that_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let key = server.key.clone();
    let [study, series, instance] = stored(&server, &key, &[ct(1), ct(2), ct(3)]);
    let uids: Vec<&str> = instance.split('/').skip(3).step_by(2).collect();
    let by_query =
        format!("/wado?requestType=WADO&studyUID={}&seriesUID={}&objectUID={}", uids[0], uids[1], uids[2]);
    let octets = "multipart/related; type=application/octet-stream; transfer-syntax=*";
    let cases = [
        (study.clone(), RELATED, 3),
        (study.clone(), "application/zip", 3),
        (series.clone(), RELATED, 3),
        (instance.clone(), RELATED, 1),
        (instance.clone(), "application/dicom; transfer-syntax=*", 1),
        (format!("{instance}/frames/1"), octets, 1),
        (format!("{instance}/bulk/7FE00010"), "*/*", 1),
        (format!("{instance}/rendered"), "image/png", 1),
        (format!("{series}/rendered"), "multipart/related; type=\"image/jpeg\"", 3),
        (format!("{study}/thumbnail"), "image/jpeg", 1),
        (format!("{by_query}&contentType=application/dicom"), "*/*", 1),
    ];
    let (mut instances, mut bytes) = (0, 0);
    for (target, accept, count) in cases {
        let answer = get(&server, &key, &target, accept);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        instances += count;
        bytes += answer.body.len() as u64;
        assert_eq!(read(&server, &key), instances, "{target} {accept}");
    }
    await_bytes(&server, &key, bytes);
    let used = usage(&server, &key);
    assert_eq!(used["files_used_mtd"], 3, "what was pushed is another meter: {used}");
}

#[test]
fn what_describes_finds_or_gives_nothing_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let key = server.key.clone();
    let [study, _, instance] = stored(&server, &key, &[ct(1)]);
    let first = get(&server, &key, &instance, "application/dicom; transfer-syntax=*");
    let tag = first.header("etag").unwrap();
    await_bytes(&server, &key, first.body.len() as u64);
    for target in
        ["/dicom-web/studies".to_owned(), format!("{study}/metadata"), format!("{instance}/metadata")]
    {
        assert_eq!(get(&server, &key, &target, "application/dicom+json").status, 200);
    }
    let metadata =
        get(&server, &key, &format!("{study}/metadata"), "multipart/related; type=\"application/dicom+xml\"");
    assert_eq!(metadata.status, 200);
    let known = Request::new("GET", &instance).header("X-API-Key", &key).header("If-None-Match", tag);
    assert_eq!(server.send_bare(known.header("Accept", "application/dicom; transfer-syntax=*")).status, 304);
    assert_eq!(get(&server, &key, &format!("{instance}/frames/9"), "*/*").status, 404);
    let head = Request::new("HEAD", &instance).header("X-API-Key", &key).header("Accept", RELATED);
    assert_eq!(server.send_bare(head).status, 200);
    std::thread::sleep(Duration::from_millis(1500));
    let used = usage(&server, &key);
    assert_eq!((&used["read_mtd"], &used["read_bytes_mtd"]), (&json!(1), &json!(first.body.len())));
}

#[test]
fn operators_see_what_a_customer_read_and_the_chain_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let key = customer(&server, "50");
    let [study, ..] = stored(&server, &key, &[ct(1), ct(2)]);
    let bytes = get(&server, &key, &study, RELATED).body.len() as u64;
    await_bytes(&server, &key, bytes);
    let shown = told(&server, &["customer", "show", "small"]);
    assert_eq!((&shown["month_read"], &shown["month_read_bytes"]), (&json!(2), &json!(bytes)), "{shown}");
    let listed = told(&server, &["customer", "list"])["customers"].clone();
    let small = listed.as_array().unwrap().iter().find(|it| it["name"] == "small").unwrap().clone();
    assert_eq!((&small["month_read"], &small["month_used"]), (&json!(2), &json!(2)), "{listed}");
    let path = format!("/customers/{}/usage", text(&shown, "id"));
    let told = admin(&server, "GET", &path, &Value::Null).json();
    assert_eq!((&told["read"], &told["read_bytes"], &told["used"]), (&json!(2), &json!(bytes), &json!(2)));
    let chain = server.send_bare(Request::new("GET", "/v1/audit").header("X-API-Key", &key)).json();
    let entries = chain["entries"].as_array().unwrap();
    let retrieved = entries.iter().find(|entry| entry.to_string().contains("\"retrieve\"")).unwrap();
    assert!(retrieved.to_string().contains("\"instances_done\":2"), "{retrieved}");
}

#[test]
fn where_reads_spend_the_quota_what_it_does_not_hold_whole_is_429_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &SPENDING);
    let key = customer(&server, "8");
    let [study, _, instance] = stored(&server, &key, &[ct(1), ct(2), ct(3)]);
    assert_eq!(get(&server, &key, &study, RELATED).status, 200);
    let used = usage(&server, &key);
    assert_eq!((&used["files_used_mtd"], &used["read_mtd"]), (&json!(6), &json!(3)), "{used}");
    let refused = get(&server, &key, &study, RELATED);
    assert_eq!(refused.status, 429, "{}", refused.text());
    let left: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 86_400).contains(&left), "{left}");
    assert_eq!(usage(&server, &key)["files_used_mtd"], 6, "what was reserved for it is given back");
    // One by a push, one by a picture: one month for both.
    assert_eq!(pushed(&server, &key, &[ct(4)]).status, 200);
    assert_eq!(get(&server, &key, &format!("{instance}/rendered"), "image/jpeg").status, 200);
    for target in [format!("{instance}/rendered"), instance.clone()] {
        assert_eq!(get(&server, &key, &target, "*/*").status, 429);
    }
    assert_eq!(pushed(&server, &key, &[ct(5)]).status, 429);
    for free in ["/dicom-web/studies".to_owned(), format!("{study}/metadata")] {
        assert_eq!(get(&server, &key, &free, "application/dicom+json").status, 200);
    }
    let used = usage(&server, &key);
    assert_eq!((&used["files_used_mtd"], &used["read_mtd"]), (&json!(8), &json!(4)), "{used}");
}

#[test]
fn two_hundred_readers_at_once_never_exceed_the_quota_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &SPENDING);
    let key = customer(&server, "92");
    let [study, _, instance] = stored(&server, &key, &[ct(1), ct(2)]);
    let given: u64 = std::thread::scope(|scope| {
        let reader = |number: usize| {
            let (target, count) = if number.is_multiple_of(3) { (&study, 2) } else { (&instance, 1) };
            let (server, key) = (&server, &key);
            scope.spawn(move || match get(server, key, target, RELATED).status {
                200 => count,
                status => {
                    assert_eq!(status, 429);
                    0
                }
            })
        };
        let readers: Vec<_> = (0..200).map(reader).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    let used = usage(&server, &key);
    assert_eq!((&used["files_used_mtd"], &used["read_mtd"]), (&json!(given + 2), &json!(given)), "{used}");
    assert!(given <= 90, "{given} of 90");
    // What refused requests gave back is there to be read, to the last one.
    let rest = (0..90 - given).filter(|_| get(&server, &key, &instance, RELATED).status == 200).count();
    assert_eq!((rest as u64, get(&server, &key, &instance, RELATED).status), (90 - given, 429));
}

#[test]
fn a_client_that_goes_away_has_read_the_instance_and_the_bytes_that_left() {
    const PIXELS: usize = 64 << 20;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &SPENDING);
    let key = server.key.clone();
    let [_, _, instance] = stored(&server, &key, &[large_ct(1, PIXELS)]);
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!("GET {instance} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nAccept: {RELATED}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 100_000]).unwrap();
    let used = usage(&server, &key);
    assert_eq!(
        (&used["files_used_mtd"], &used["read_mtd"]),
        (&json!(2), &json!(1)),
        "settled before it left"
    );
    assert_eq!(used["read_bytes_mtd"], 0, "and its bytes are told when it ends");
    drop(stream);
    let until = Instant::now() + Duration::from_secs(20);
    let bytes = loop {
        let bytes = usage(&server, &key)["read_bytes_mtd"].as_u64().unwrap();
        if bytes > 0 || Instant::now() > until {
            break bytes;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!((90_000..PIXELS as u64).contains(&bytes), "{bytes}");
}

#[test]
fn a_stop_loses_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let key = server.key.clone();
    let [study, ..] = stored(&server, &key, &[ct(1)]);
    let bytes = get(&server, &key, &study, RELATED).body.len() as u64;
    assert!(server.stop().success());
    let server = start(folder.path(), &[]);
    await_bytes(&server, &key, bytes);
    assert_eq!(read(&server, &key), 1);
}
