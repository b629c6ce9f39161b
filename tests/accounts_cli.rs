//! Customers, projects and keys on the command line, beside a running server, and what they change over HTTP.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod cli;
mod stow;
mod support;

use accounts::{key, pseudonym, pushed, refused, run, start, text, told, usage};
use cli::Scene;
use serde_json::json;
use stow::double::{Double, Manner, header};
use stow::{RESPOND, ct, failed, push, stored};
use support::http::Request;
use support::multipart;
use support::server::{Server, postgres_for};
use support::walk::walk;

#[test]
fn projects_have_other_pseudonyms_and_keys_of_one_project_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["customer", "add", "clinic"]);
    told(&server, &["project", "add", "clinic", "a"]);
    told(&server, &["project", "add", "clinic", "b"]);
    let (a, b) = (key(&server, "a", "scanner"), key(&server, "clinic/b", "scanner-b"));
    let instance = ct(1);
    let before = pseudonym(&server, &a, &instance);
    assert_ne!(before, pseudonym(&server, &b, &instance), "two projects");
    assert_ne!(before, pseudonym(&server, &server.key, &instance), "two customers");
    let rotated = text(&told(&server, &["key", "rotate", "scanner", "--old-expires", "1h"]), "key");
    assert_eq!(pseudonym(&server, &rotated, &instance), before, "a rotation changes no pseudonym");
    assert_eq!(pseudonym(&server, &a, &instance), before, "the old key stands beside it");
}

#[test]
fn a_key_that_was_revoked_or_has_expired_is_refused_before_the_body() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let made = told(&server, &["key", "add", "default", "gone"]);
    let gone = text(&made, "key");
    assert!(gone.starts_with(&text(&made, "prefix")) && made["used"].is_null());
    pseudonym(&server, &gone, &ct(1));
    let shown = told(&server, &["key", "show", "gone"]);
    assert!(shown["used"].is_string() && !shown.to_string().contains(&gone), "{shown}");
    assert!(told(&server, &["key", "revoke", "gone"])["revoked"].is_string());
    let made = told(&server, &["key", "add", "default", "late", "--expires", "1h"]);
    let late = text(&made, "key");
    let end = ["key", "rotate", &text(&made, "id"), "--old-expires", "2020-01-01"];
    told(&server, &end);
    for key in [gone, late] {
        let request = push(&[ct(1)]).header("X-API-Key", &key).expect_continue();
        let answer = server.send_bare(request);
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").is_some());
    }
    let listed = String::from_utf8(run(&server, &["key", "list"]).stdout).unwrap();
    assert!(listed.lines().count() == 5 && listed.starts_with("NAME"), "{listed}");
}

#[test]
fn a_quota_holds_from_the_next_request_on_and_what_is_beyond_it_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["customer", "add", "small", "--quota", "3"]);
    told(&server, &["project", "add", "small", "p"]);
    let key = key(&server, "p", "k");
    assert_eq!(usage(&server, &key)["quota"], json!(3));
    let instances: Vec<_> = (1..=5).map(ct).collect();
    let answer = pushed(&server, &key, &instances);
    assert_eq!((answer.status, stored(&answer).len()), (202, 3), "{}", answer.text());
    let reasons: Vec<u64> =
        failed(&answer).into_iter().map(|(_, reason)| reason).chain(stow::others(&answer)).collect();
    assert_eq!(reasons, [0xa700, 0xa700], "Refused: Out of Resources");
    let full = server.send_bare(push(&[ct(6)]).header("X-API-Key", &key).expect_continue());
    assert_eq!(full.status, 429);
    let left: u64 = full.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 86_400).contains(&left), "{left}");
    let used = usage(&server, &key);
    assert_eq!((&used["tier"], &used["files_used_mtd"]), (&json!("free"), &json!(3)));
    assert_eq!((&used["read_mtd"], &used["read_bytes_mtd"]), (&json!(0), &json!(0)), "another meter");
    let reset = text(&used, "reset_at");
    assert!(reset.ends_with("-01T00:00:00+00:00") && reset.len() == 25, "{reset}");
    told(&server, &["customer", "set", "small", "--quota", "unlimited", "--tier", "pro"]);
    assert_eq!(pushed(&server, &key, &[ct(6)]).status, 200);
    assert_eq!(usage(&server, &key)["quota"], json!(null));
    assert_eq!(told(&server, &["customer", "show", "small"])["month_used"], json!(4));
    let first = usage(&server, &server.key);
    assert_eq!((&first["tier"], &first["quota"]), (&json!("enterprise"), &json!(null)), "who hosts it");
}

#[test]
fn a_projects_own_profile_holds_from_the_next_request_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let sex = || {
        let answer = server.send(push(&[ct(1)]).header("Accept", RESPOND));
        let part =
            multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().remove(0).body;
        walk(&part).text((0x0010, 0x0040)).unwrap_or_default()
    };
    assert_eq!(sex(), "");
    let toml = folder.path().join("mine.toml");
    std::fs::write(
        &toml,
        "name = \"mine\"\nbase = \"basic\"\noptions = [\"retain-patient-characteristics\"]\n",
    )
    .unwrap();
    told(&server, &["project", "set", "default", "--profile", toml.to_str().unwrap()]);
    assert_ne!(sex(), "", "the project retains patient characteristics");
    told(&server, &["project", "set", "default", "--profile", "server"]);
    assert_eq!(sex(), "");
    std::fs::write(&toml, "name = \"mine\"\nbase = \"nothing\"\n").unwrap();
    let (status, message) =
        refused(&server, &["project", "set", "default", "--profile", toml.to_str().unwrap()]);
    assert!(status == Some(2) && message.contains("mine.toml"), "{message}");
}

#[test]
fn a_project_forwards_to_its_own_server_with_its_own_credentials_and_not_the_servers() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Double::start(Manner::Store), Double::start(Manner::Store));
    let environment = [
        ("VEILGATE_DOWNSTREAM_URL", ours.url.as_str()),
        ("VEILGATE_DOWNSTREAM_TOKEN", "server-token"),
        ("VEILGATE_DOWNSTREAM_HEADERS", "X-Own: server-header"),
    ];
    let server = start(folder.path(), &environment);
    told(
        &server,
        &["project", "add", "default", "own", "--destination", "forward", "--downstream-url", &theirs.url],
    );
    let forward = json!({"name": "shared", "destination": "forward"});
    assert_eq!(accounts::admin(&server, "POST", "/customers/default/projects", &forward).status, 201);
    let (own, shared) = (key(&server, "own", "k1"), key(&server, "shared", "k2"));
    let last = |double: &Double| double.seen(|seen| seen.heads.last().cloned().unwrap_or_default());
    pseudonym(&server, &own, &ct(1));
    assert_eq!(header(&last(&theirs), "authorization"), None, "{}", last(&theirs));
    assert_eq!(header(&last(&theirs), "x-own"), None);
    pseudonym(&server, &shared, &ct(1));
    assert_eq!(header(&last(&ours), "authorization").as_deref(), Some("Bearer server-token"));
    let token = folder.path().join("token");
    std::fs::write(&token, "project-token\n").unwrap();
    let set = told(&server, &["project", "set", "own", "--downstream-token-file", token.to_str().unwrap()]);
    assert!(set["downstream_login"] == json!(true) && !set.to_string().contains("project-token"), "{set}");
    pseudonym(&server, &own, &ct(1));
    assert_eq!(header(&last(&theirs), "authorization").as_deref(), Some("Bearer project-token"));
    assert_eq!(pushed(&server, &server.key, &[ct(2)]).status, 200);
    assert_eq!(ours.seen(|seen| seen.instances.len()), 1, "the first project keeps to the archive");
}

#[test]
fn the_master_key_is_rotated_beside_a_running_server_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["project", "add", "default", "second"]);
    let second = key(&server, "second", "k");
    let instance = ct(1);
    let first = pseudonym(&server, &server.key, &instance);
    let old = std::fs::read(server.data().join("master.key")).unwrap();
    assert_eq!(told(&server, &["master-key", "rotate"])["secrets"], json!(4));
    assert_ne!(std::fs::read(server.data().join("master.key")).unwrap(), old);
    assert_eq!(pseudonym(&server, &server.key, &instance), first);
    let other = pseudonym(&server, &second, &instance);
    let made = accounts::admin(&server, "POST", "/customers/default/projects", &json!({"name": "third"}));
    assert_eq!(made.status, 201, "the server seals under the new key: {}", made.text());
    server.stop();
    let server = start(folder.path(), &[]);
    assert_eq!(pseudonym(&server, &server.key, &instance), first);
    assert_eq!(pseudonym(&server, &second, &instance), other);
    pseudonym(&server, &key(&server, "third", "k3"), &instance);
    let (status, message) = refused(&server, &["master-key", "rotate", "--new-file", "nowhere"]);
    assert!(status == Some(2) && message.contains("64 hexadecimal digits"), "{message}");
}

#[test]
fn keys_of_the_vaults_variable_work_until_they_stand_there_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("DCM_API_KEYS", "acme:key-of-acme,other:key-of-other")];
    let server = start(folder.path(), &environment);
    let (acme, other) = (usage(&server, "key-of-acme"), usage(&server, "key-of-other"));
    assert_eq!((&acme["tier"], &acme["quota"], &other["tier"]), (&json!("free"), &json!(50), &json!("free")));
    let instance = ct(1);
    let before = pseudonym(&server, "key-of-acme", &instance);
    assert_ne!(before, pseudonym(&server, "key-of-other", &instance));
    server.stop();
    let server = start(folder.path(), &[("DCM_API_KEYS", "acme:key-of-acme")]);
    assert_eq!(pseudonym(&server, "key-of-acme", &instance), before);
    assert_eq!(pushed(&server, "key-of-other", &[instance]).status, 401);
    server.stop();
    let scene = Scene::new();
    for keys in ["acme", "acme:key-of-acme,other:key-of-acme", "acme:"] {
        let run = scene.command(&["serve", "--data", "data"]).env("DCM_API_KEYS", keys).output().unwrap();
        let message = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(2), "{message}");
        assert!(message.contains("DCM_API_KEYS") && !message.contains("key-of"), "{message}");
    }
}

#[test]
fn keys_of_one_customer_share_its_month_and_its_tier() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("DCM_API_KEYS", "acme:key-one,acme:key-two")]);
    let instance = ct(1);
    assert_eq!(pseudonym(&server, "key-one", &instance), pseudonym(&server, "key-two", &instance));
    assert_eq!(usage(&server, "key-one"), usage(&server, "key-two"));
    assert_eq!(usage(&server, "key-two")["files_used_mtd"], json!(2));
    told(&server, &["customer", "set", "acme", "--tier", "pro"]);
    assert_eq!(usage(&server, "key-two")["quota"], json!(10_000));
    server.stop();
    let server = start(folder.path(), &[("DCM_API_KEYS", "acme:key-three")]);
    let used = usage(&server, "key-three");
    assert_eq!((&used["tier"], &used["files_used_mtd"]), (&json!("pro"), &json!(2)), "another key");
}

#[test]
fn an_sqlite_url_of_the_vaults_variable_names_the_database() {
    let folder = tempfile::tempdir().unwrap();
    if postgres_for(folder.path()).is_some() {
        // The tests are run on PostgreSQL, by the variable that comes before this one.
        return;
    }
    let server = Server::on(&folder.path().join("data"), &[], &[("DCM_DB_URL", "sqlite:///other.db")]);
    pseudonym(&server, &server.key, &ct(1));
    assert!(folder.path().join("other.db").is_file() && !server.data().join("veilgate.db").exists());
}

#[test]
fn what_cannot_be_done_is_told_with_its_exit_status() {
    let scene = Scene::new();
    let nothing = scene.run(&["customer", "list"]);
    assert!(nothing.status == 3 && nothing.err.contains("database"), "{nothing:?}");
    assert!(!scene.path("data").exists(), "a command makes no data folder");
    let server = start(&scene.path(""), &[]);
    for (arguments, part) in [
        (vec!["customer", "show", "nobody"], "nobody: there is no such entry"),
        (vec!["customer", "add", "Doe^John"], "a name must be"),
        (vec!["customer", "add", "default"], "exists already"),
        (vec!["customer", "add", "x", "--tier", "gold"], "--tier"),
        (vec!["customer", "set", "default"], "nothing to change"),
        (vec!["project", "set", "default"], "nothing to change"),
        (vec!["project", "set", "default", "--destination", "forward"], "must name a downstream server"),
        (
            vec!["project", "set", "default", "--destination", "restore", "--origin", "veil"],
            "to forward, pull or lead back",
        ),
        (
            vec!["project", "set", "default", "--downstream-url", "ftp://x"],
            "--downstream-url: the URL must begin",
        ),
        (vec!["key", "add", "nothing", "x"], "there is no such entry"),
        (vec!["key", "add", "default", "x", "--expires", "soon"], "--expires"),
        (vec!["key", "add", "default", "x", "--expires", "2020-01-01"], "--expires: that is past"),
        (vec!["key", "add", "default", "x", "--expires", "0d"], "--expires: that is past"),
        (vec!["key", "rotate", "first", "--expires", "2020-01-01"], "--expires: that is past"),
    ] {
        let (status, message) = refused(&server, &arguments);
        assert!(status == Some(2) && message.contains(part), "{arguments:?}: {message}");
    }
    assert!(told(&server, &["db", "migrate"])["schema"].as_u64() >= Some(2));
    assert_eq!(told(&server, &["customer", "list"])["customers"].as_array().unwrap().len(), 1);
    let bare = server.send_bare(Request::new("GET", "/v1/usage"));
    assert_eq!(bare.status, 401);
}

#[test]
fn a_short_key_in_the_settings_is_taken_and_told_by_its_customer_in_the_log_and_by_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [("VEILGATE_API_KEYS", "acme:t0p,acme:t1p,clinic:t2p-t2p-t2p-t2p-t2p")];
    let server = start(folder.path(), &keys);
    let short = "api_keys: a key of acme has less than 16 characters";
    let said = server.said_at_last(short, 1);
    assert!(!said.contains("a key of clinic") && !said.contains("t0p"), "{said}");
    assert_eq!(server.send_bare(push(&[ct(1)]).header("X-API-Key", "t0p")).status, 200);
    let scene = Scene::new();
    let mut doctor = scene.command(&["doctor", "--json"]);
    let found = String::from_utf8(doctor.envs(keys).output().unwrap().stdout).unwrap();
    assert_eq!((found.matches(short).count(), found.matches("a key of clinic").count()), (1, 0), "{found}");
    assert!(!found.contains("t0p") && !found.contains("t2p"), "{found}");
}

#[test]
fn chains_are_named_as_projects_are_and_none_is_made_for_one_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["customer", "add", "clinic"]);
    let id = text(&told(&server, &["project", "add", "clinic", "trial"]), "id");
    let verified = || String::from_utf8(run(&server, &["audit", "verify"]).stdout).unwrap();
    let before = verified();
    for command in [vec!["export"], vec!["checkpoint"], vec!["seal", "--before", "2026-01-31"]] {
        for nothing in ["nothing", "clinic/nothing", "2.25.1"] {
            let (status, why) =
                refused(&server, &[&["audit"], &command[..], &["--project", nothing]].concat());
            assert!(status == Some(2) && why.contains("there is no such entry"), "{command:?}: {why}");
        }
    }
    assert_eq!(verified(), before, "no chain was made, nothing written");
    for called in [&id, "trial", "clinic/trial", "gateway"] {
        let output = run(&server, &["audit", "export", "--project", called]);
        let export = String::from_utf8(output.stdout).unwrap();
        let project = if called == "gateway" { called } else { &id };
        assert!(
            output.status.success() && export.contains(&format!("\"project\":\"{project}\"")),
            "{called}"
        );
        let checkpoint = run(&server, &["audit", "checkpoint", "--project", called]).stdout;
        assert!(String::from_utf8(checkpoint).unwrap().contains(project), "{called}");
    }
    assert_eq!(verified().lines().count(), before.lines().count(), "{}", verified());
}

#[test]
fn a_destroyed_key_makes_pseudonyms_final_at_once_and_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    told(&server, &["customer", "add", "clinic"]);
    let project = text(&told(&server, &["project", "add", "clinic", "trial"]), "id");
    let office = text(&told(&server, &["key", "add", "trial", "office", "--right", "reidentify"]), "key");
    let name = pseudonym(&server, &office, &ct(1));
    let ask = || {
        let body = json!({ "uids": [name] }).to_string();
        server.send_bare(Request::new("POST", "/v1/reidentify").header("X-API-Key", &office).body(body))
    };
    assert!(ask().json()["uids"][&name].is_string(), "it can be led back as long as there is a key");

    let (status, why) = refused(&server, &["project", "destroy-key", "trial", "--confirm", "trail"]);
    assert!(status == Some(2) && why.contains("nothing was destroyed"), "{why}");
    assert_eq!(ask().status, 200);

    assert_eq!(told(&server, &["project", "show", "trial"])["key_destroyed"], json!(false));
    told(&server, &["project", "destroy-key", "trial", "--confirm", "trial"]);
    assert_eq!(told(&server, &["project", "show", "trial"])["key_destroyed"], json!(true));
    let shown = accounts::admin(&server, "GET", "/projects/trial", &json!(null)).json();
    assert_eq!(shown["key_destroyed"], json!(true), "{shown}");
    for answer in [ask(), pushed(&server, &office, &[ct(1)]), pushed(&server, &office, &[ct(2)])] {
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.text().contains("the project's key was destroyed"), "{}", answer.text());
    }
    let (status, why) = refused(&server, &["project", "destroy-key", "trial", "--confirm", "trial"]);
    assert!(status == Some(2) && why.contains("destroyed"), "{why}");
    pseudonym(&server, &server.key, &ct(1));
    let chain = run(&server, &["audit", "export", "--project", &project]);
    let chain = String::from_utf8(chain.stdout).unwrap();
    assert_eq!(chain.matches("\"key-destroyed\"").count(), 1, "{chain}");
    assert!(run(&server, &["audit", "verify"]).status.success());
}

/// As the snapshot of the other commands. If a change is meant, write what the test prints into
/// tests/cli/help_accounts.txt.
#[test]
fn the_help_of_each_command_about_accounts_is_as_recorded() {
    let scene = Scene::new();
    let groups = [
        ("customer", vec!["add", "list", "show", "set"]),
        (
            "project",
            vec![
                "add",
                "list",
                "show",
                "set",
                "destroy-key",
                "erase",
                "pseudonyms",
                "pseudonyms import",
                "pseudonyms export",
            ],
        ),
        ("key", vec!["add", "list", "show", "revoke", "rotate"]),
        ("master-key", vec!["rotate"]),
        ("db", vec!["migrate"]),
    ];
    let main = scene.run(&["--help"]).out;
    let mut all = String::new();
    for (group, commands) in groups {
        assert!(main.contains(&format!("\n  {group}")), "{main}");
        let below = commands.iter().map(|it| std::iter::once(group).chain(it.split(' ')).collect());
        for command in std::iter::once(vec![group]).chain(below) {
            let run = scene.run(&[&command[..], &["--help"]].concat());
            assert_eq!(run.status, 0, "{run:?}");
            all += &format!("$ veilgate {} --help\n{}\n", command.join(" "), run.out);
        }
    }
    let recorded = include_str!("cli/help_accounts.txt");
    assert!(all == recorded, "the help has changed; it is now:\n{all}");
}
