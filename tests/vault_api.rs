//! `POST /v1/anonymize` over HTTP: what clients of the vault observe of it holds here, but for the lines of
//! `conformance/deviations_vault.tsv`. Names, clients and that table stand in files of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

#[path = "vault_api/clients.rs"]
mod clients;
#[path = "vault_api/deviations.rs"]
mod deviations;
#[path = "vault_api/form.rs"]
mod form;
#[path = "vault_api/names.rs"]
mod names;
mod stow;
mod support;

use form::{Field, entries, manifest, upload};
use std::io::{Read, Write};
use stow::{burned_in, ct, large_ct};
use support::http::{Framing, Request, Response};
use support::server::Server;
use support::walk::walk;
use support::{samples, syntax};

/// Processed, failed, rejected: the three headers.
fn counts(answer: &Response) -> [usize; 3] {
    ["x-files-processed", "x-files-failed", "x-files-rejected-burnedin"]
        .map(|name| answer.header(name).unwrap().parse().unwrap())
}

/// A refused request: its status, and a `detail` that is a text.
fn refused(answer: &Response, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    answer.json()["detail"].as_str().expect("detail is a text").to_owned()
}

fn with(settings: &[(&str, &str)]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], settings);
    (folder, server)
}

#[test]
fn files_come_back_pseudonymized_in_a_zip_with_the_headers_clients_read() {
    let server = Server::start();
    let answer = server.send(upload(&[Field::file("one.dcm", ct(1)), Field::file("two.dcm", ct(2))]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=anonymized.zip"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(counts(&answer), [2, 0, 0]);
    let entries = entries(&answer);
    let names: Vec<&str> = entries.iter().map(|entry| entry.0.as_str()).collect();
    assert_eq!(names, ["out/one.dcm", "out/two.dcm", "manifest.json"]);
    for (name, bytes) in &entries[..2] {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("Rigpatient") && !text.contains("RIG-0001"), "{name} names the patient");
        assert!(walk(bytes).text(stow::SOP_INSTANCE).is_some());
    }
}

#[test]
fn the_manifest_tells_of_each_file_what_became_of_it_and_why() {
    let server = Server::start();
    let files = [("junk.dcm", b"no DICOM".to_vec()), ("good.dcm", ct(1)), ("us.dcm", burned_in(2))];
    let answer = server.send(upload(&files.clone().map(|(name, bytes)| Field::file(name, bytes))));
    assert_eq!((answer.status, counts(&answer)), (200, [1, 1, 1]));
    let told = manifest(&answer);
    assert_eq!(
        (&told["processed"], &told["failed"], &told["rejected_burned_in"]),
        (&1.into(), &1.into(), &1.into())
    );
    let file = |at: usize| &told["files"][at];
    assert_eq!((&file(0)["outcome"], &file(0)["code"]), (&"refused".into(), &"malformed".into()));
    assert_eq!((&file(2)["outcome"], &file(2)["code"]), (&"refused".into(), &"pixels".into()));
    assert!(file(2)["reason"].as_str().unwrap().contains("(0028,0301)"), "{told}");
    let out = &entries(&answer)[0];
    let done = file(1);
    assert_eq!((&done["name"], &done["entry"]), (&"good.dcm".into(), &out.0.as_str().into()));
    assert_eq!(done["sha256_in"], form::sha256(&files[1].1));
    assert_eq!(done["sha256_out"], form::sha256(&out.1));
    assert_eq!(done["sop_instance_uid"], stow::uid(&out.1));
}

#[test]
fn when_nothing_can_be_done_the_answer_is_422_with_each_reason_and_no_name() {
    let server = Server::start();
    let junk = |name: &str| Field::file(name, b"no DICOM".to_vec());
    let cases = [
        (vec![junk("Doe^Jane.dcm"), junk("Doe^Jane.dcm")], ["malformed", "malformed"]),
        (
            vec![Field::file("Doe^Jane", burned_in(1)), Field::file("Doe^Jane", burned_in(2))],
            ["pixels", "pixels"],
        ),
        (
            vec![Field::file("Doe^Jane", burned_in(1)), Field::file("Doe^Jane", Vec::new())],
            ["pixels", "malformed"],
        ),
    ];
    for (fields, codes) in cases {
        let answer = server.send(upload(&fields));
        let detail = refused(&answer, 422);
        let files = answer.json()["files"].clone();
        let found: Vec<&str> =
            files.as_array().unwrap().iter().map(|file| file["code"].as_str().unwrap()).collect();
        assert_eq!(found, codes);
        assert!(detail.contains(files[0]["reason"].as_str().unwrap()), "{detail}");
        assert!(!answer.text().contains("Jane"), "{}", answer.text());
    }
}

#[test]
fn a_form_without_a_file_is_422() {
    let server = Server::start();
    let bare = |content_type: &str, body: &[u8]| {
        Request::new("POST", "/v1/anonymize").header("Content-Type", content_type).body(body)
    };
    let cases = [
        upload(&[]),
        upload(&[Field::text("note", "files")]),
        upload(&[Field::text("files", "a name is missing")]),
        upload(&[Field::named("file", "one.dcm", ct(1))]),
        bare("multipart/form-data; boundary=XX", b""),
        bare("application/dicom", &ct(1)),
        bare("application/json", b"{\"files\": []}"),
        bare("multipart/related; boundary=XX", b"--XX\r\n\r\n\r\n--XX--\r\n"),
        Request::new("POST", "/v1/anonymize"),
        upload(&[Field::file("a.dcm", ct(1))]).header("Content-Encoding", "gzip"),
    ];
    for (number, request) in cases.into_iter().enumerate() {
        let answer = server.send(request);
        assert_eq!(answer.status, 422, "case {number}: {}", answer.text());
        assert!(answer.json()["detail"].is_string());
    }
}

#[test]
fn a_form_that_cannot_be_taken_apart_is_400() {
    let server = Server::start();
    let bare = |content_type: &str, body: &[u8]| {
        server.send(Request::new("POST", "/v1/anonymize").header("Content-Type", content_type).body(body))
    };
    let whole = form::body(&[Field::file("a.dcm", ct(1))]);
    refused(&bare("multipart/form-data", &whole), 400);
    let typed = format!("multipart/form-data; boundary={}", form::BOUNDARY);
    assert_eq!(bare(&typed, &whole).status, 200);
    for cut in [3, 10, 60, 500] {
        refused(&bare(&typed, &whole[..whole.len() - cut]), 400);
    }
    let endless = [format!("--{}\r\nX: ", form::BOUNDARY).as_bytes(), &vec![b'a'; 1 << 20]].concat();
    refused(&bare(&typed, &endless), 400);
}

#[test]
fn a_key_is_asked_for_before_the_body_is_read() {
    let server = Server::start();
    for key in [None, Some("unknown")] {
        let mut request = upload(&[Field::file("a.dcm", ct(1))]).expect_continue();
        request.body = vec![0; 100 << 20];
        let request = match key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        };
        let answer = server.send_bare(request);
        refused(&answer, 401);
        assert!(answer.header("www-authenticate").is_some());
    }
}

#[test]
fn paths_and_methods_that_are_not_there_are_told_apart() {
    let (_folder, server) = with(&[("DCM_OPEN_DOCS", "true")]);
    for path in ["/docs", "/redoc"] {
        refused(&server.send_bare(Request::new("GET", path)), 404);
    }
    assert_eq!(server.send_bare(Request::new("GET", "/openapi.json")).status, 200, "open, whatever is set");
    let answer = server.send(Request::new("GET", "/v1/anonymize"));
    refused(&answer, 405);
    assert_eq!(answer.header("allow"), Some("POST"));
    refused(&server.send_bare(Request::new("GET", "/v1/anonymize")), 401);
    refused(&server.send(Request::new("POST", "/v1/nothing")), 404);
    refused(&server.send_bare(Request::new("POST", "/v1/nothing")), 404);
    let preflight = Request::new("OPTIONS", "/v1/anonymize")
        .header("Origin", "http://page")
        .header("Access-Control-Request-Method", "POST");
    let answer = server.send_bare(preflight);
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-expose-headers").unwrap().contains("X-Files-Processed"));
}

#[test]
fn health_is_json_and_needs_no_key() {
    let server = Server::start();
    for path in ["/health", "/health/"] {
        let answer = server.send_bare(Request::new("GET", path));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let expected = serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
        assert_eq!(answer.json(), expected);
    }
    assert_eq!(server.send_bare(Request::new("HEAD", "/health")).status, 200);
}

#[test]
fn more_files_than_the_most_are_400_and_the_most_are_taken() {
    let server = Server::start();
    let files = |count| vec![Field::file("a.dcm", b"x".to_vec()); count];
    assert!(refused(&server.send(upload(&files(1001))), 400).contains("1000"));
    assert_eq!(server.send(upload(&files(1000))).json()["files"].as_array().unwrap().len(), 1000);
    let fields = vec![Field::text("note", "x"); 1001];
    refused(&server.send(upload(&fields)), 400);
    let (_folder, server) = with(&[("VEILGATE_VAULT_FILES", "2")]);
    refused(&server.send(upload(&files(3))), 400);
}

#[test]
fn a_body_too_large_is_413_by_its_length_before_it_is_sent_and_by_its_bytes() {
    let (_folder, server) = with(&[("VEILGATE_VAULT_REQUEST", "64 KiB")]);
    let large = upload(&[Field::file("a.dcm", large_ct(1, 65_536))]);
    assert!(refused(&server.send(large.clone().framing(Framing::Chunked(9000))), 413).contains("65536"));
    let mut waiting = large.clone().expect_continue();
    waiting.body = vec![0; 1 << 30];
    refused(&server.send(waiting), 413);
    assert_eq!(server.send(upload(&[Field::file("a.dcm", ct(1))])).status, 200);
}

#[test]
fn a_request_that_exceeds_the_allowance_is_429_as_a_whole_and_costs_nothing() {
    let (_folder, server) = with(&[("VEILGATE_QUOTA_ENTERPRISE", "3")]);
    let good = |count: u32| (0..count).map(|number| Field::file("a.dcm", ct(number))).collect::<Vec<_>>();
    let junk = || vec![Field::file("junk", b"junk".to_vec()); 5];
    for _ in 0..3 {
        let answer = server.send(upload(&good(4)));
        refused(&answer, 429);
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=31 * 86_400).contains(&seconds), "{seconds}");
    }
    assert_eq!(server.send(upload(&junk())).status, 422);
    let answer = server.send(upload(&[junk(), good(3)].concat()));
    assert_eq!((answer.status, counts(&answer)), (200, [3, 5, 0]), "{}", answer.text());
    refused(&server.send(upload(&good(1))), 429);
}

/// Peak resident memory of a process, in KiB; None where the system does not tell.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_huge_part_is_not_held_in_memory() {
    let huge = upload(&[Field::file("huge.dcm", large_ct(1, 160 << 20))]);
    for compression in ["stored", "fast"] {
        let (_folder, server) = with(&[("VEILGATE_VAULT_COMPRESSION", compression)]);
        server.send(upload(&[Field::file("a.dcm", ct(1))]));
        let Some(before) = peak(server.pid()) else { return };
        let answer = server.send(huge.clone());
        assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
        let grown = (peak(server.pid()).unwrap() - before) >> 10;
        assert!(grown < 96, "{compression}: {grown} MiB more for a part of 160 MiB");
    }
}

#[test]
fn what_the_vault_lets_through_is_refused_here() {
    let server = Server::start();
    let cut = ct(2)[..ct(2).len() - 3].to_vec();
    let mut ultrasound = samples::ct(syntax::EXPLICIT_LE, 3);
    ultrasound.elements.retain(|element| element.tag != (0x0028, 0x0301));
    let class = support::build::text((0x0008, 0x0016), b"UI", samples::sop::US);
    ultrasound.elements.retain(|element| element.tag != (0x0008, 0x0016) && element.tag != (0x0008, 0x0060));
    ultrasound.elements.push(class);
    ultrasound.elements.push(support::build::text((0x0008, 0x0060), b"CS", "US"));
    let fields = [
        Field::file("good.dcm", ct(1)),
        Field::file("cut.dcm", cut),
        Field::file("us.dcm", ultrasound.sorted().write()),
        Field::file("doc.dcm", samples::pdf().write()),
    ];
    let answer = server.send(upload(&fields));
    assert_eq!((answer.status, counts(&answer)), (200, [1, 1, 2]), "{}", manifest(&answer));
}

#[test]
fn what_the_vault_refuses_though_it_is_dicom_is_taken_here() {
    let server = Server::start();
    let mut bare = samples::ct(syntax::EXPLICIT_LE, 1);
    bare.preamble = None;
    let answer = server.send(upload(&[Field::file("bare", bare.write())]));
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
}

#[test]
fn every_setting_of_compression_gives_the_same_files() {
    let fields: Vec<Field> = (0..4).map(|number| Field::file("a.dcm", large_ct(number, 3 << 20))).collect();
    let mut sizes = Vec::new();
    let mut contents = Vec::new();
    let data = tempfile::tempdir().unwrap();
    for compression in ["stored", "fast", "best"] {
        let settings = [("VEILGATE_VAULT_COMPRESSION", compression), ("VEILGATE_LIMITS_SPOOL_MEMORY", "0")];
        let server = Server::on(&data.path().join("data"), &[], &settings);
        let answer = server.send(upload(&fields));
        assert_eq!(answer.status, 200, "{compression}");
        sizes.push(answer.body.len());
        contents.push(entries(&answer));
        server.stop();
    }
    assert!(contents.iter().all(|entries| entries == &contents[0]));
    assert!(sizes[0] > 12 << 20 && sizes[1] < sizes[0] / 20 && sizes[2] < sizes[0] / 20, "{sizes:?}");
}

#[test]
fn a_client_that_sends_byte_by_byte_or_stops_half_way_is_served_or_forgotten() {
    let server = Server::start();
    let request =
        upload(&[Field::file("a.dcm", ct(1)), Field::text("note", "x"), Field::file("b.dcm", ct(2))]);
    assert_eq!(counts(&server.send(request.clone().framing(Framing::Chunked(7)))), [2, 0, 0]);
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/anonymize HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: {}\r\nContent-Type: multipart/form-data; boundary={}\r\n\r\n",
        server.key,
        request.body.len(),
        form::BOUNDARY
    );
    stream.write_all(&[head.as_bytes(), &request.body[..request.body.len() / 2]].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(server.send(request).status, 200);
}
