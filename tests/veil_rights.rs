//! Who may learn pseudonyms of originals of his choice behind the veil: whoever sends an instance that he made, and reads
//! its new names off the answer, needs the same right as one who asks for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod accounts;
mod stow;
mod support;

use accounts::{admin, told};
use serde_json::{Value, json};
use stow::{RESPOND, ct, push};
use support::http::{Request, Response};
use support::multipart::{self, Part};
use support::server::Server;

/// A gateway whose veil hides a server that no push asks.
fn veiled(folder: &std::path::Path) -> Server {
    let settings = [("VEILGATE_ORIGIN", "veil"), ("VEILGATE_DOWNSTREAM_URL", "http://127.0.0.1:1/dicom-web")];
    accounts::start(folder, &settings)
}

fn office(server: &Server, project: &str) -> String {
    accounts::text(&told(server, &["key", "add", project, "office", "--right", "reidentify"]), "key")
}

/// Every way to send an instance and to be told something of what becomes of it.
fn ways() -> Vec<(&'static str, Request)> {
    let alone =
        |path: &str| Request::new("POST", path).header("Content-Type", "application/dicom").body(ct(1));
    let mut file = Part::new("application/dicom", ct(1));
    file.headers
        .push(("Content-Disposition".to_owned(), "form-data; name=\"files\"; filename=\"a.dcm\"".to_owned()));
    let form = multipart::write(&[file], "XX", "\r\n");
    let form = |path: &str| {
        let request = Request::new("POST", path).header("Content-Type", "multipart/form-data; boundary=XX");
        request.body(form.clone())
    };
    vec![
        ("into the archive", push(&[ct(1)])),
        ("asked back", push(&[ct(1)]).header("Accept", RESPOND)),
        ("asked back by the query", {
            let mut request = push(&[ct(1)]);
            request.target = "/dicom-web/studies?accept=application/zip".to_owned();
            request
        }),
        ("for a study", {
            let mut request = push(&[ct(1)]);
            request.target = "/dicom-web/studies/2.25.71".to_owned();
            request
        }),
        ("the page", alone("/api/deidentify")),
        ("the page's form", form("/api/deidentify")),
        ("the vault", form("/v1/anonymize")),
        ("a preview", alone("/v1/preview")),
        ("a preview's picture", alone("/v1/preview/image?side=after")),
    ]
}

fn send(server: &Server, key: &str, request: Request) -> Response {
    server.send_bare(request.header("X-API-Key", key))
}

#[test]
fn behind_the_veil_nothing_is_told_of_what_is_sent_without_the_right() {
    let folder = tempfile::tempdir().unwrap();
    let server = veiled(folder.path());
    let office = office(&server, "default");
    let asked = json!({ "uids": ["2.25.71"], "patients": [{ "patient_id": "RIG-0001" }] }).to_string();
    let ask = Request::new("POST", "/v1/pseudonym").header("Content-Type", "application/json").body(asked);
    let names = send(&server, &office, ask).json();
    let names = ["uids", "patients"].map(|kind| names[kind][0].as_str().unwrap().to_owned());
    for (way, request) in ways() {
        let answer = send(&server, &server.key, request);
        assert_eq!(answer.status, 403, "{way}: {}", answer.text());
        let problem = answer.json();
        assert!(problem.to_string().contains("reidentify"), "{way}: {problem}");
        let all = format!("{:?} {}", answer.headers, answer.text());
        assert!(names.iter().all(|name| !all.contains(name)), "{way}: {all}");
    }
    for (way, request) in ways() {
        let answer = send(&server, &office, request);
        assert_eq!(answer.status, 200, "{way}: {}", answer.text());
    }
    let audited = server.send(Request::new("GET", "/v1/audit?limit=1000")).json();
    let refused: Vec<&Value> = audited["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["body"]["event"])
        .filter(|event| event["kind"] == "request" && event["outcome"] == "refused")
        .collect();
    assert_eq!(refused.len(), ways().len(), "each attempt is on record: {refused:?}");
}

#[test]
fn the_body_of_who_lacks_the_right_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = veiled(folder.path());
    for path in ["/dicom-web/studies", "/api/deidentify", "/v1/anonymize", "/v1/preview", "/v1/preview/image"]
    {
        let mut request = push(&[ct(1)]).expect_continue();
        request.target = path.to_owned();
        let answer = send(&server, &server.key, request);
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
}

#[test]
fn a_project_follows_when_its_origin_becomes_the_veil_and_is_none_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = accounts::start(folder.path(), &[]);
    let sends = |way: &str| {
        let (_, request) = ways().into_iter().find(|(it, _)| *it == way).unwrap();
        send(&server, &server.key, request).status
    };
    let change = |origin: &str| {
        let change = json!({ "origin": origin, "downstream_url": "http://127.0.0.1:1/dicom-web" });
        let answer = admin(&server, "PATCH", "/projects/default", &change);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    for (origin, status) in [("archive", 200), ("veil", 403), ("downstream", 200)] {
        change(origin);
        for way in ["into the archive", "asked back", "the page", "the vault", "a preview"] {
            assert_eq!(sends(way), status, "{way} with {origin}");
        }
    }
}

#[test]
fn what_is_sent_into_the_archive_behind_the_veil_has_no_retrieve_url() {
    let folder = tempfile::tempdir().unwrap();
    let server = veiled(folder.path());
    let answer = send(&server, &office(&server, "default"), push(&[ct(1)]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["00081190"], json!({ "vr": "UR" }));
    assert!(!answer.text().contains("/studies/"), "{}", answer.text());
    assert_eq!(answer.header("location"), None);
}
