//! The audit chain over HTTP: receipts on answers, pages, export, checkpoints, what is never in an entry, the witness
//! and the second sink.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod stow;
mod support;

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use stow::{RESPOND, burned_in, ct, push};
use support::http::{Request, Response};
use support::server::{Server, postgres_for};
use support::{plant, syntax};

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
        .unwrap_or_default()
}

fn entries(server: &Server) -> Vec<Value> {
    let (mut entries, mut after) = (Vec::new(), 0);
    loop {
        let page = server.send(get(&format!("/v1/audit?after={after}&limit=50"))).json();
        entries.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return entries,
        }
    }
}

fn actions(server: &Server) -> Vec<String> {
    entries(server).iter().map(|it| it["body"]["event"]["action"].as_str().unwrap().to_owned()).collect()
}

/// `veilgate audit verify` in a folder; status and what it said.
fn verify(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    if let Some(url) = postgres_for(folder).filter(|_| !args.contains(&"nowhere")) {
        command.env("VEILGATE_DATABASE", url);
    }
    command.env_remove("VEILGATE_TEST_DATABASE");
    let output = command.args(["audit", "verify"]).args(args).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), text)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pages_of_other_origins_may_read_what_answers_say_in_headers_of_ours() {
    let server = Server::start();
    let file =
        Request::new("POST", "/api/deidentify").body(ct(1)).header("Content-Type", "application/dicom");
    for request in [file, push(&[ct(2)]), get("/v1/usage")] {
        let answer = server.send(request.header("Origin", "http://viewer"));
        let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
        let exposed: Vec<&str> = exposed.split(", ").collect();
        let ours = ["veilgate-", "x-audit-", "x-request-", "x-files-", "ratelimit"];
        let names = answer.headers.iter().map(|(name, _)| name.as_str());
        let ours: Vec<_> = names.filter(|name| ours.iter().any(|start| name.starts_with(start))).collect();
        assert!(ours.contains(&"veilgate-audit-receipt"), "{ours:?}");
        assert!(ours.iter().all(|name| exposed.contains(name)), "{ours:?} {exposed:?}");
    }
}

#[test]
fn the_receipt_of_every_answer_verifies_offline_with_public_key_and_export() {
    let server = Server::start();
    let answers = [
        server.send(push(&[ct(1), ct(2)])),
        server.send(push(&[ct(3), burned_in(4)]).header("Accept", RESPOND)),
        server.send(push(&[])),
        server.send(get("/v1/audit")),
        server.send(get("/v1/audit?limit=x")),
        server.send(get("/v1/audit/entries/1/receipt")),
        server.send(get("/v1/audit/entries/999/receipt")),
        server.send(Request::new("POST", "/v1/audit/checkpoint")),
        server.send(get("/v1/audit/export")),
    ];
    let status: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(status, [200, 202, 400, 200, 400, 200, 404, 200, 200]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let mut receipts = String::new();
    for answer in &answers {
        let (hash, receipt) = (header(answer, "x-audit-sha256"), header(answer, "veilgate-audit-receipt"));
        assert!(receipt.contains(&format!("\"hash\":\"{hash}\"")) && hash.len() == 64, "{receipt}");
        receipts += &format!("{receipt}\n");
    }
    receipts += &answers[5].text();
    file("receipts", &receipts);
    file("kept", &answers[7].text());
    let key = server.send_bare(get("/.well-known/veilgate-audit-key"));
    assert_eq!((key.status, header(&key, "content-type")), (200, "application/x-pem-file"));
    file("key.pem", &key.text());
    let export = server.send(get("/v1/audit/export"));
    assert_eq!(header(&export, "content-type"), "application/jsonl");
    file("chain.jsonl", &export.text());
    let args = ["chain.jsonl", "--public-key", "key.pem", "--checkpoint", "kept", "--receipt", "receipts"];
    let (status, said) = verify(folder.path(), &args);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("0 could not be compared: whole"), "{said}");
    // The first export ends before the receipt of the request that brought it.
    file("chain.jsonl", &answers[8].text());
    assert!(verify(folder.path(), &args).1.starts_with("rolled-back: "));
}

#[test]
fn reading_is_itself_on_record_and_foreign_or_wrong_requests_read_nothing() {
    let server = Server::start();
    assert_eq!(server.send(Request::new("POST", "/v1/audit/checkpoint")).status, 404, "nothing to sign yet");
    for target in ["/v1/audit?after=-1", "/v1/audit?after=1&limit=0x2"] {
        assert_eq!(server.send(get(target)).status, 400, "{target}");
    }
    for target in ["/v1/audit", "/v1/audit/export", "/v1/audit/entries/1/receipt"] {
        assert_eq!(server.send_bare(get(target)).status, 401, "{target}");
    }
    for entry in ["0", "x", "99999999999999999999"] {
        assert_eq!(server.send(get(&format!("/v1/audit/entries/{entry}/receipt"))).status, 404, "{entry}");
    }
    assert_eq!(server.send(Request::new("POST", "/v1/audit/checkpoint")).status, 200);
    assert_eq!(server.send(get("/v1/audit/export")).status, 200);
    let mut expected =
        vec!["keep-checkpoint", "read-audit", "read-audit", "read-audit", "read-audit", "read-audit"];
    expected.extend(["keep-checkpoint", "export-audit"]);
    assert_eq!(actions(&server), expected);
    let first = &entries(&server)[0]["body"]["event"];
    assert_eq!((first["kind"].as_str(), first["outcome"].as_str()), (Some("request"), Some("refused")));
    let page = server.send(get("/v1/audit?after=3&limit=2")).json();
    let numbers: Vec<u64> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["body"]["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!((numbers, page["next"].as_u64()), (vec![4, 5], Some(5)));
    assert!(page["head"]["body"]["sequence"].as_u64() >= Some(10) && page["head"]["signature"].is_string());
}

#[test]
fn a_running_server_verifies_from_the_command_line_and_has_a_witness() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::on(&data, &[], &[]);
    for number in 1..=5 {
        assert_eq!(server.send(push(&[ct(number)])).status, 200);
    }
    let (status, said) = verify(&data, &["--data", "."]);
    assert_eq!(status, Some(0), "{said}");
    let witness = data.join("audit-checkpoints.jsonl");
    until("the witness was told of no checkpoint", || witness.metadata().is_ok_and(|it| it.len() > 0));
    let (status, said) = verify(&data, &["--data", "."]);
    assert!(status == Some(0) && said.contains("of those kept 1 agree"), "{said}");
    server.kill();
    let (status, said) = verify(&data, &["--data", "."]);
    assert!(status == Some(0) && said.contains("10 entries up to number 10"), "{said}");
    let (status, said) = verify(&data, &["--data", "nowhere"]);
    assert!(status == Some(3) && said.contains("the database in the data folder"), "{said}");
    assert!(!data.join("nowhere").exists());
}

#[test]
fn a_chain_at_rest_gets_its_checkpoint_without_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("VEILGATE_AUDIT_CHECKPOINT_TIME", "3s")];
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    // The first entry gets one at once, the next not.
    server.send(push(&[ct(1)]));
    server.send(push(&[ct(2)]));
    let witness = server.data().join("audit-checkpoints.jsonl");
    until("no checkpoint was kept of what came last", || {
        std::fs::read_to_string(&witness).is_ok_and(|text| text.contains("\"sequence\":4"))
    });
}

#[test]
fn no_value_of_a_data_set_gets_into_an_entry() {
    let server = Server::start();
    let rows = plant::table_rows();
    let rows: Vec<_> =
        rows.iter().filter(|row| row.tag != (0x0042, 0x0011)).map(|row| (row.tag, row.vr)).collect();
    let planted = plant::plant(syntax::EXPLICIT_LE, &rows, &plant::NESTING);
    let file = planted.file.write();
    let stored = server.send(push(std::slice::from_ref(&file)));
    let returned = server.send(push(std::slice::from_ref(&file)).header("Accept", RESPOND));
    let refused = server.send(push(&[file[..file.len() / 2].to_vec()]));
    let text = server.send(get("/v1/audit/export")).text();
    assert!(text.lines().count() >= 6, "{} {} {}: {text}", stored.status, returned.status, refused.status);
    assert!(text.contains("\"kind\":\"instance\"") && text.contains("\"kind\":\"refusal\""), "{text}");
    let leaked: Vec<_> = planted.found(text.as_bytes()).iter().map(|mark| mark.tag).collect();
    assert!(leaked.is_empty(), "{leaked:04x?}");
}

#[test]
fn the_second_sink_gets_every_entry_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("fhir.jsonl");
    let setting = format!("fhir:{}", lines.display());
    let environment = [("VEILGATE_AUDIT_SINK", setting.as_str())];
    let count = || std::fs::read_to_string(&lines).unwrap_or_default().lines().count();
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    assert_eq!(server.send(push(&[ct(1), ct(2)])).status, 200);
    // Three of the founding, in the gateway's chain.
    until("three and three entries did not come", || count() == 6);
    assert!(server.stop().success());
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    assert_eq!(server.send(push(&[ct(3)])).status, 200);
    until("two more did not come", || count() == 8);
    let text = std::fs::read_to_string(&lines).unwrap();
    for entry in entries(&server).iter().take(5) {
        assert_eq!(text.matches(entry["hash"].as_str().unwrap()).count().min(1), 1, "{entry}");
    }
}

#[test]
fn a_pull_is_on_record_with_the_pseudonyms_of_what_it_gave_and_a_miss_without_what_was_asked() {
    let server = Server::start();
    let pushed = server.send(push(&[ct(1)]).header("Accept", "application/dicom+json")).json();
    let url = pushed["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
    let path = url[url.find("/dicom-web/").unwrap()..].to_owned();
    let uids: Vec<&str> = path.split('/').skip(3).step_by(2).collect();
    let (series, study) = (path.split("/instances").next().unwrap(), path.split("/series").next().unwrap());
    let none = Value::Null;
    let all = uids.iter().map(|uid| Value::from(*uid)).collect::<Vec<_>>();
    let wado =
        format!("/wado?requestType=WADO&studyUID={}&seriesUID={}&objectUID={}", uids[0], uids[1], uids[2]);
    for (target, status, given) in [
        (path.clone(), 200, [&all[0], &all[1], &all[2]]),
        (format!("{path}/frames/1"), 200, [&all[0], &all[1], &all[2]]),
        (format!("{path}/rendered"), 200, [&all[0], &all[1], &all[2]]),
        (format!("{series}/metadata"), 200, [&all[0], &all[1], &none]),
        (study.to_owned(), 200, [&all[0], &none, &none]),
        (wado, 200, [&all[0], &all[1], &all[2]]),
        ("/dicom-web/studies/1.2.3.4/metadata".to_owned(), 404, [&none, &none, &none]),
    ] {
        assert_eq!(server.send(get(&target)).status, status, "{target}");
        let last = entries(&server)
            .into_iter()
            .rev()
            .find(|it| it["body"]["event"]["action"] == "retrieve")
            .unwrap();
        let event = &last["body"]["event"];
        assert_eq!([&event["study"], &event["series"], &event["instance"]], given, "{target}");
    }
}
