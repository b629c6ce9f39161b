//! The admin API over HTTP: who may use it, what it answers, and that what it does is in the audit chains.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod stow;
mod support;

use accounts::{ADMIN, admin, pseudonym, pushed, start, text};
use serde_json::{Value, json};
use stow::ct;
use support::http::Request;
use support::server::Server;

const NONE: Value = Value::Null;

#[test]
fn without_an_admin_key_in_the_settings_there_is_no_admin_api() {
    let server = Server::start();
    let answer = admin(&server, "GET", "/customers", &NONE);
    assert_eq!(answer.status, 404, "{}", answer.text());
}

#[test]
fn only_the_admin_key_opens_it_and_no_page_of_another_origin_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let list = || Request::new("GET", "/admin/v1/customers");
    let bearer = format!("Bearer {ADMIN}");
    for (name, value) in [("X-Admin-Key", ADMIN), ("Authorization", bearer.as_str())] {
        assert_eq!(server.send_bare(list().header(name, value)).status, 200, "{name}");
    }
    for request in [
        list(),
        list().header("X-Admin-Key", "another key of 16"),
        list().header("X-API-Key", &server.key),
        list().header("Authorization", &format!("Bearer {}", server.key)),
        Request::new("POST", "/admin/v1/customers")
            .header("X-Admin-Key", "wrong")
            .body("{")
            .expect_continue(),
        Request::new("OPTIONS", "/admin/v1/customers")
            .header("Origin", "https://page.example")
            .header("Access-Control-Request-Method", "POST"),
    ] {
        let answer = server.send_bare(request.header("Origin", "https://page.example"));
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.header("www-authenticate").is_some());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let other = server.send_bare(Request::new("GET", "/dicom-web/studies").header("X-Admin-Key", ADMIN));
    assert_ne!(other.status, 200, "the admin key opens nothing else");
}

#[test]
fn a_customer_its_project_and_its_keys_are_made_used_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let made = admin(&server, "POST", "/customers", &json!({"name": "clinic", "tier": "pro", "quota": 2}));
    assert_eq!(made.status, 201, "{}", made.text());
    let customer = text(&made.json(), "id");
    let path = format!("/customers/{customer}/projects");
    let project = admin(&server, "POST", &path, &json!({"name": "trial", "profile": "research"})).json();
    let path = format!("/projects/{}/keys", text(&project, "id"));
    let made = admin(&server, "POST", &path, &json!({"name": "scanner", "expires": "30d", "rate": 100}));
    assert_eq!(made.status, 201);
    let (id, key) = (text(&made.json(), "id"), text(&made.json(), "key"));
    let before = pseudonym(&server, &key, &ct(1));
    let used = admin(&server, "GET", &format!("/customers/{customer}/usage"), &NONE).json();
    assert_eq!((&used["used"], &used["quota"], &used["tier"]), (&json!(1), &json!(2), &json!("pro")));
    let rotated = admin(&server, "POST", &format!("/keys/{id}/rotate"), &json!({"old_expires": "1h"}));
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(pseudonym(&server, &text(&rotated.json(), "key"), &ct(1)), before);
    let listed = admin(&server, "GET", &path, &NONE);
    assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 2);
    assert!(!listed.text().contains(&key), "a key is shown once");
    let revoked = admin(&server, "DELETE", &format!("/keys/{id}"), &NONE);
    assert!(revoked.status == 200 && revoked.json()["revoked"].is_string());
    assert_eq!(pushed(&server, &key, &[ct(1)]).status, 401);
    let set = admin(&server, "PATCH", &format!("/customers/{customer}"), &json!({"quota": "unlimited"}));
    assert_eq!(set.json()["quota"], json!("unlimited"));
    let path = format!("/projects/{}", text(&project, "id"));
    let login = json!({"downstream_url": "http://pacs/dicom-web", "downstream_login": {"user": "u", "password": "p4ss-word"}});
    let set = admin(&server, "PATCH", &path, &login);
    assert!(set.json()["downstream_login"] == json!(true) && !set.text().contains("p4ss-word"));
    assert_eq!(set.json()["profile"], json!("research"), "what is not named stays");
    let set = admin(&server, "PATCH", &path, &json!({"profile": null, "downstream_url": null}));
    assert_eq!(set.json()["profile"], NONE);
    assert_eq!(admin(&server, "GET", &path, &NONE).json(), set.json());
}

#[test]
fn what_is_wrong_is_told_by_status_and_never_repeats_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let project = "/projects/default";
    for (status, method, path, body) in [
        (404, "GET", "/customers/nobody", NONE),
        (404, "GET", "/nothing", NONE),
        (404, "DELETE", "/keys/none", NONE),
        (405, "DELETE", "/customers", NONE),
        (409, "POST", "/customers", json!({"name": "default"})),
        (422, "POST", "/customers", json!({"name": "Doe^John"})),
        (422, "POST", "/customers", json!({"name": "x", "tier": "gold"})),
        (422, "POST", "/customers", json!({"name": "x", "quota": -1})),
        (400, "POST", "/customers", json!({"name": "x", "teir": "pro"})),
        (400, "POST", "/customers", json!(["x"])),
        (400, "PATCH", project, json!({"downstream_login": {"pass": "s3cret-word"}})),
        (400, "PATCH", project, json!({"downstream_login": "s3cret-word"})),
        (422, "PATCH", project, json!({"downstream_login": {"user": "s3cret-word"}})),
        (422, "PATCH", project, json!({"profile": "name = 5"})),
        (422, "PATCH", project, json!({"destination": "forward"})),
        (422, "PATCH", project, json!({"downstream_url": "http://user:s3cret-word@pacs"})),
        (422, "POST", "/projects/default/keys", json!({"name": "x", "expires": "soon"})),
        (422, "POST", "/projects/default/keys", json!({"name": "x", "expires": "2020-01-01"})),
        (422, "POST", "/keys/first/rotate", json!({"expires": "2020-01-01T00:00:00Z"})),
        (413, "POST", "/customers", json!({"name": "x".repeat(65 << 10)})),
    ] {
        let answer = admin(&server, method, path, &body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        assert!(!answer.text().contains("s3cret-word"), "{}", answer.text());
    }
    let customers = admin(&server, "GET", "/customers", &NONE).json();
    assert_eq!(customers["customers"].as_array().unwrap().len(), 1, "nothing was made");
}
