//! From pseudonyms to originals and back over HTTP: who may ask, what is answered, what is on record, what is kept.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod stow;
mod support;

use accounts::{key, start, told};
use serde_json::{Value, json};
use stow::{RESPOND, burned_in, ct, push, uid};
use support::http::{Request, Response};
use support::multipart;
use support::server::Server;
use support::walk::walk;

const STUDY: (u16, u16) = (0x0020, 0x000d);
const SERIES: (u16, u16) = (0x0020, 0x000e);
const INSTANCE: (u16, u16) = (0x0008, 0x0018);
const PATIENT_ID: (u16, u16) = (0x0010, 0x0020);

/// A key of a project with the right to ask.
fn office(server: &Server, project: &str) -> String {
    let made = told(server, &["key", "add", project, "office", "--right", "reidentify"]);
    assert_eq!(made["rights"], json!(["reidentify"]));
    accounts::text(&made, "key")
}

fn ask(server: &Server, key: &str, route: &str, body: &Value) -> Response {
    let request = Request::new("POST", &format!("/v1/{route}")).header("X-API-Key", key);
    server.send_bare(request.header("Content-Type", "application/json").body(body.to_string()))
}

/// The pseudonymized form of an instance, pushed with the first key.
fn out(server: &Server, instance: &[u8]) -> Vec<u8> {
    let answer = server.send(push(&[instance.to_vec()]).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().remove(0).body
}

fn value(file: &[u8], tag: (u16, u16)) -> String {
    walk(file).text(tag).unwrap()
}

/// Events of the first project's chain with this action: actor, kind, outcome, counts.
fn acts(server: &Server, action: &str) -> Vec<Value> {
    let entries = server.send(Request::new("GET", "/v1/audit?limit=1000")).json()["entries"].clone();
    let events = entries.as_array().unwrap().iter().map(|entry| entry["body"]["event"].clone());
    events.filter(|event| event["action"] == json!(action)).collect()
}

#[test]
fn names_of_what_was_pushed_lead_back_by_every_way_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let office = office(&server, "default");
    let answered = out(&server, &ct(1));
    assert_eq!(server.send(push(&[ct(2), burned_in(3)])).status, 202);
    let form = "--X\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.dcm\"\r\n\r\n";
    let form = [form.as_bytes(), &ct(4), b"\r\n--X--\r\n"].concat();
    let form = Request::new("POST", "/v1/anonymize")
        .header("Content-Type", "multipart/form-data; boundary=X")
        .body(form);
    assert_eq!(server.send(form).status, 200);
    let instances = [ct(1), ct(2), ct(4)];
    let replaced =
        ask(&server, &office, "pseudonym", &json!({"uids": instances.map(|file| uid(&file))})).json();
    let names = replaced["uids"].as_array().unwrap().clone();
    assert_eq!(names[0], json!(value(&answered, INSTANCE)), "as a push replaces it");
    let refused = ask(&server, &office, "pseudonym", &json!({"uids": [uid(&burned_in(3))]})).json();
    let (study, series) = (value(&answered, STUDY), value(&answered, SERIES));
    let uids = [names.clone(), vec![json!(study), json!(series), refused["uids"][0].clone()]].concat();
    let patient = value(&answered, PATIENT_ID);
    let asked = json!({"uids": uids, "patients": [patient, "PUNKNOWN "]});
    let answer = ask(&server, &office, "reidentify", &asked);
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let told = answer.json();
    for (name, number) in names.iter().zip([1, 2, 4]) {
        assert_eq!(told["uids"][name.as_str().unwrap()], json!(uid(&ct(number))));
    }
    assert_eq!(told["uids"][&study], json!("2.25.71"));
    assert_eq!(told["uids"][&series], json!("2.25.72"));
    assert_eq!(
        told["uids"][refused["uids"][0].as_str().unwrap()],
        Value::Null,
        "refused, so nothing of it is kept"
    );
    assert_eq!(told["patients"][&patient], json!({"patient_id": "RIG-0001", "issuer": ""}));
    assert_eq!(told["patients"]["PUNKNOWN "], Value::Null);
    let last = acts(&server, "reidentify").pop().unwrap();
    assert_eq!((&last["kind"], &last["outcome"]), (&json!("request"), &json!("partial")));
    assert_eq!(
        (&last["instances_done"], &last["instances_refused"]),
        (&json!(6), &json!(2)),
        "names found, and not"
    );
    let text = server.send(Request::new("GET", "/v1/audit/export")).text();
    assert!(!text.contains("RIG-0001") && !text.contains(&uid(&ct(1))), "no original in the chain");
}

#[test]
fn what_was_met_is_known_after_a_restart_and_to_its_own_project_only() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["customer", "add", "clinic"]);
    told(&server, &["project", "add", "clinic", "other"]);
    let (ours, theirs) = (office(&server, "default"), office(&server, "other"));
    let name = value(&out(&server, &ct(1)), INSTANCE);
    let patient = value(&out(&server, &ct(1)), PATIENT_ID);
    server.kill();
    let server = start(folder.path(), &[]);
    let asked = json!({"uids": [name], "patients": [patient]});
    let known = ask(&server, &ours, "reidentify", &asked).json();
    assert_eq!(known["uids"][&name], json!(uid(&ct(1))));
    assert_eq!(known["patients"][&patient]["patient_id"], json!("RIG-0001"));
    let foreign = ask(&server, &theirs, "reidentify", &asked);
    let nothing = json!({"uids": {name: null}, "patients": {patient: null}});
    assert_eq!((foreign.status, foreign.json()), (200, nothing), "as if they were never given");
}

#[test]
fn pseudonyms_are_answered_in_order_and_repeat_no_original() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let office = office(&server, "default");
    let pushed = out(&server, &ct(1));
    let asked = json!({
        "uids": ["2.25.71", "no uid", "1.2.840.10008.1.4.1.1"],
        "patients": [{"patient_id": " RIG-0001 "}, {"patient_id": "RIG-0001", "issuer": "elsewhere"}, {}],
    });
    let answer = ask(&server, &office, "pseudonym", &asked);
    let told = answer.json();
    assert_eq!(told["uids"], json!([value(&pushed, STUDY), null, "1.2.840.10008.1.4.1.1"]));
    assert_eq!(told["patients"][0], json!(value(&pushed, PATIENT_ID)));
    assert_ne!(told["patients"][1], told["patients"][0], "of another issuer it is another patient");
    assert_eq!(told["patients"][2], Value::Null);
    assert!(!answer.text().contains("RIG-0001"));
    let last = acts(&server, "reidentify").pop().unwrap();
    assert_eq!((&last["instances_done"], &last["instances_refused"]), (&json!(4), &json!(2)));
}

#[test]
fn only_a_key_with_the_right_is_answered_and_a_refusal_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let plain = key(&server, "default", "plain");
    let name = value(&out(&server, &ct(1)), INSTANCE);
    let routes =
        [("POST", "reidentify"), ("POST", "pseudonym"), ("GET", "pseudonyms"), ("PUT", "pseudonyms")];
    for (method, route) in routes {
        let send = |key: Option<&str>| {
            let request =
                Request::new(method, &format!("/v1/{route}")).body(json!({"uids": [name]}).to_string());
            server.send_bare(match key {
                Some(key) => request.header("X-API-Key", key),
                None => request,
            })
        };
        assert_eq!(send(None).status, 401, "{route}");
        assert_eq!(send(Some("nobody's key")).status, 401, "{route}");
        let answer = send(Some(&plain));
        assert_eq!(answer.status, 403, "{route}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.text().contains("reidentify") && !answer.text().contains(&uid(&ct(1))));
    }
    let refused =
        acts(&server, "reidentify").into_iter().filter(|event| event["outcome"] == json!("refused"));
    assert_eq!(refused.count(), 3);
    assert_eq!(acts(&server, "change-pseudonyms").len(), 1);
}

#[test]
fn what_cannot_be_asked_so_is_told_by_status_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let office = office(&server, "default");
    let many: Vec<String> = (0..1001).map(|number| format!("2.25.{number}")).collect();
    for (status, route, body) in [
        (200, "reidentify", json!({})),
        (200, "reidentify", json!({"uids": many[..1000]})),
        (400, "reidentify", json!({"uids": many})),
        (400, "pseudonym", json!({"uids": many[..999], "patients": [{}, {}]})),
        (400, "reidentify", json!({"patient": ["RIG-0001"]})),
        (400, "reidentify", json!({"patients": [{"patient_id": "RIG-0001"}]})),
        (400, "pseudonym", json!({"patients": ["RIG-0001"]})),
        (400, "pseudonym", json!({"patients": [{"patient_id": "RIG-0001", "name": "Rigpatient^Rosa"}]})),
        (413, "reidentify", json!({"uids": ["RIG-0001".repeat(1 << 18)]})),
    ] {
        let answer = ask(&server, &office, route, &body);
        assert_eq!(answer.status, status, "{route}: {}", answer.text());
        assert!(!answer.text().contains("RIG-0001") && !answer.text().contains("Rosa"), "{}", answer.text());
    }
    for target in ["/v1/pseudonym?patient_id=RIG-0001", "/v1/pseudonym?uid=2.25.71", "/v1/pseudonym"] {
        let answer = server.send_bare(Request::new("GET", target).header("X-API-Key", &office));
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{target}");
        assert!(answer.text().contains("URL") && !answer.text().contains("RIG-0001"), "{}", answer.text());
    }
    for (method, route) in [("GET", "reidentify"), ("DELETE", "pseudonyms"), ("PUT", "pseudonym")] {
        let request = Request::new(method, &format!("/v1/{route}")).header("X-API-Key", &office);
        assert_eq!(server.send_bare(request).status, 405, "{method} {route}");
    }
}

#[test]
fn where_only_what_is_pulled_is_kept_a_push_leaves_no_name_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_CROSSWALK_KEEP", "pull")]);
    let office = office(&server, "default");
    let name = value(&out(&server, &ct(1)), INSTANCE);
    let told = ask(&server, &office, "reidentify", &json!({"uids": [name]})).json();
    assert_eq!(told["uids"][&name], Value::Null);
}

#[test]
fn line_ends_in_a_patient_id_do_not_make_one_patient_of_two() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let key = office(&server, "default");
    let patients = json!([
        {"patient_id": "A\nB", "issuer": ""},
        {"patient_id": "A", "issuer": "B\n"},
        {"patient_id": "A", "issuer": "B"},
    ]);
    let told = ask(&server, &key, "pseudonym", &json!({ "patients": patients })).json();
    let names: std::collections::HashSet<&str> =
        told["patients"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names.len(), 3);
}
