//! Search as clients really ask: OHIF's query strings, the reference Python client, HEAD, other hosts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod searched;
mod stow;
mod support;

use searched::{instance, start, value};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use stow::{JSON, push};
use support::http::Request;
use support::rig;
use support::server::Server;

/// The answer to HEAD, whole.
fn head(server: &Server, target: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let request = format!(
        "HEAD {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nConnection: close\r\n\r\n",
        server.key
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn retrieve_urls_stand_under_the_public_base_whatever_host_is_asked() {
    let rig = start();
    let study = rig.large_study();
    let base = "https://gateway.example.org/dicom-web/studies";
    assert_eq!(value(&study, "00081190"), format!("{base}/{}", value(&study, "0020000D")));
    for instance in rig.found("/instances") {
        let [study, series, uid] = ["0020000D", "0020000E", "00080018"].map(|tag| value(&instance, tag));
        assert_eq!(value(&instance, "00081190"), format!("{base}/{study}/series/{series}/instances/{uid}"));
    }
    let forged = Request::new("GET", "/dicom-web/studies").header("Forwarded", "host=evil.example.org");
    assert!(!rig.server.send(forged).text().contains("evil"));
}

#[test]
fn c01_to_c04_what_ohif_sends_is_answered() {
    let rig = start();
    let list =
        "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030";
    let study = rig.large_study();
    let (uid, patient, date) =
        (value(&study, "0020000D"), value(&study, "00100020"), value(&study, "00080020"));
    let part = &patient[2..6];
    for (query, count) in [
        (list.to_owned(), 3),
        (format!("{list}&StudyInstanceUID={uid}"), 1),
        (format!("00100020={patient}&{list}"), 2),
        (format!("PatientName=*{part}*&{list}"), 2),
        (format!("PatientName=*{}*&{list}", part.to_lowercase()), 2),
        (format!("00100020=*{part}*&{list}"), 2),
        (format!("AccessionNumber=*x*&{list}"), 0),
        (format!("StudyDescription=*x*&{list}"), 0),
        (format!("ModalitiesInStudy=MR&{list}"), 1),
        (format!("StudyDate={date}-{date}&00100020={patient}&{list}"), 2),
        (format!("StudyDate=19700102-19700103&{list}"), 0),
        (format!("StudyInstanceUID={uid}%5C1.2.3&{list}"), 1),
        (format!("StudyInstanceUID={uid},1.2.3&{list}"), 1),
        (format!("PatientName=%2A{part}%2A&limit=25"), 2),
    ] {
        assert_eq!(rig.found(&format!("/studies?{query}")).len(), count, "{query}");
    }
    for query in
        ["?includefield=0008103E%2C00080021", "?includefield=00080021%2C00080031%2C0008103E%2C00200011", ""]
    {
        let series = rig.found(&format!("/studies/{uid}/series{query}"));
        assert_eq!(series.len(), 2, "{query}");
        assert_eq!(value(&series[0], "0020000D"), uid);
    }
    let one = value(&rig.found(&format!("/studies/{uid}/series?Modality=CT"))[0], "0020000E");
    assert_eq!(rig.found(&format!("/studies/{uid}/series?SeriesInstanceUID={one}")).len(), 1);
    let first = rig.found(&format!("/studies/{uid}/series/{one}/instances?limit=1&includefield=00080018"));
    assert_eq!((first.len(), value(&first[0], "00200013")), (1, "1".into()));
}

#[test]
fn c33_c31_head_slashes_and_missing_keys_are_answered_like_elsewhere() {
    let rig = start();
    let head = head(&rig.server, "/dicom-web/studies");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: application/dicom+json\r\n"),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "no body");
    assert_eq!(rig.found("//studies/").len(), 3);
    let bare =
        rig.server.send_bare(Request::new("GET", "/dicom-web/studies").header("Origin", "http://viewer"));
    assert_eq!(bare.status, 401);
    assert!(bare.header("access-control-expose-headers").unwrap().to_lowercase().contains("warning"));
    let answer = rig.ask("/studies", JSON);
    assert!(answer.header("x-audit-sha256").is_some(), "a search is on record");
}

#[test]
fn a_searched_study_counts_its_instances_again_when_one_is_sent_twice() {
    let rig = start();
    let again = rig.server.send(push(&[instance("2.25.1", "2.25.11", "CT", "A", 1)]));
    assert_eq!(again.status, 200);
    assert_eq!(value(&rig.large_study(), "00201208"), "4");
    assert_eq!(rig.found("/instances").len(), 6);
}

#[test]
fn the_reference_client_searches_every_level_and_pages_to_the_end() {
    let rig = start();
    let url = format!("{}/dicom-web", rig.server.url);
    let search = |level: &str, arguments: Value| {
        let arguments = arguments.to_string();
        rig::dicomweb_client("search", &url, &rig.server.key, &[level.as_ref(), arguments.as_ref()])
    };
    let study = value(&rig.large_study(), "0020000D");
    for (level, arguments, count) in [
        ("studies", json!({}), 3),
        ("studies", json!({"limit": 1, "get_remaining": true}), 3),
        ("studies", json!({"search_filters": {"StudyInstanceUID": study}}), 1),
        ("studies", json!({"search_filters": {"PatientName": "P*"}, "fields": ["StudyDescription"]}), 3),
        ("series", json!({"study_instance_uid": study}), 2),
        ("series", json!({"search_filters": {"Modality": "MR"}, "fuzzymatching": false}), 1),
        ("instances", json!({"study_instance_uid": study, "limit": 3, "offset": 3}), 1),
        ("instances", json!({}), 6),
    ] {
        let Some((answer, code)) = search(level, arguments.clone()) else { return };
        assert_eq!(
            (code, answer[level].as_array().map(Vec::len)),
            (0, Some(count)),
            "{level} {arguments}: {answer}"
        );
    }
}
