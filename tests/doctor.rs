//! `veilgate health` and `veilgate doctor`: they tell what is wrong and what to do, show no secret, and leave everything,
//! a running server too, as it was.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;
#[path = "remote/double.rs"]
mod double;
mod stow;
mod support;
#[path = "stow/tls.rs"]
mod tls;

use cli::{Run, Scene};
use double::{Double, ok, raw, status};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use stow::{ct, push};
use support::http::Request;
use support::rig;
use support::server::Server;

/// A value that must not appear in any output.
const SECRET: &str = "t0psecret-t0psecret-t0psecret";

/// Runs a command with these settings.
fn run(scene: &Scene, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let run: Run = scene.command(arguments).envs(environment.iter().copied()).output().unwrap().into();
    assert!(!run.out.contains(SECRET) && !run.err.contains(SECRET), "{run:?}");
    run
}

/// What `doctor --json` finds.
struct Findings {
    status: i32,
    list: Vec<Value>,
}

impl Findings {
    /// The states of all findings about one thing, with what was seen and is to be done.
    fn of(&self, check: &str) -> Vec<(&str, String)> {
        let about = self.list.iter().filter(|it| it["check"] == check);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        about
            .map(|it| (it["state"].as_str().unwrap(), text(it, "seen") + " -> " + &text(it, "advice")))
            .collect()
    }

    /// Holds that there is a finding about this thing, of this state, which says `part`, and that what is not well has
    /// advice.
    fn has(&self, check: &str, state: &str, part: &str) {
        let found = self.of(check);
        let said = found.iter().any(|(is, text)| *is == state && text.contains(part));
        assert!(said, "{check}: no {state} with `{part}` in {:#?}", self.list);
        let idle = found.iter().find(|(is, text)| *is != "ok" && text.ends_with("-> "));
        assert!(idle.is_none(), "what to do? {idle:?}");
        assert_eq!(self.status, i32::from(self.list.iter().any(|it| it["state"] == "fault")));
    }
}

fn doctor(scene: &Scene, data: &Path, environment: &[(&str, &str)]) -> Findings {
    let data = data.to_str().unwrap();
    let run = run(scene, &["doctor", "--json", "--data", data], environment);
    assert!(run.err.is_empty(), "{run:?}");
    Findings { status: run.status, list: serde_json::from_str(&run.out).unwrap() }
}

#[test]
fn before_the_first_start_all_is_well_and_nothing_is_made() {
    let scene = Scene::new();
    let found = doctor(&scene, &scene.path("data"), &[]);
    for (check, part) in [
        ("settings", "without mistakes"),
        ("data folder", "made at the first start"),
        ("database", "made at the first start"),
        ("archive", "made at the first start"),
        ("clock", "not compared"),
        ("descriptors", "limits.concurrent"),
    ] {
        found.has(check, "ok", part);
    }
    assert_eq!(found.status, 0, "{:?}", found.list);
    assert!(!scene.path("data").exists());
}

#[test]
fn a_running_server_is_looked_at_and_goes_on_as_before() {
    let scene = Scene::new();
    let server = Server::start();
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    let entries = || {
        let page = server.send(Request::new("GET", "/v1/audit")).json();
        page["entries"].as_array().unwrap().len()
    };
    let (before, objects) = (entries(), tree(&server.data().join("archive")));
    let found = doctor(&scene, server.data(), &[]);
    for (check, part) in [
        ("data folder", "only its owner may enter"),
        ("secret files", "nobody else"),
        ("database", "takes what is written"),
        ("master key", "opens the database"),
        ("audit key", "as they were signed"),
        ("archive", "took, gave back and removed"),
    ] {
        found.has(check, "ok", part);
    }
    assert_eq!(entries(), before + 1, "no entry is written but that of the first look at them");
    assert_eq!(tree(&server.data().join("archive")), objects, "no object stays");
    assert_eq!(server.send(push(&[ct(2)])).status, 200, "and it serves on");
    let table = run(&scene, &["doctor", "--data", server.data().to_str().unwrap()], &[]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), found.list.len() + 1, "one line each, and the counts: {table:?}");
    assert!(lines.last().unwrap().ends_with("0 faults"), "{table:?}");
}

/// Names of all files and folders below one.
fn tree(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .flat_map(|path| {
            let below = if path.is_dir() { tree(&path) } else { Vec::new() };
            std::iter::once(path.display().to_string()).chain(below)
        })
        .collect();
    names.sort();
    names
}

#[test]
fn mistakes_in_the_settings_are_faults_with_their_places() {
    let scene = Scene::new();
    let environment =
        [("VEILGATE_LISTEN", "nowhere"), ("VEILGATE_ADMIN_KEY", SECRET), ("VEILGATE_COLOUR", "red")];
    let found = doctor(&scene, &scene.path("data"), &environment);
    found.has("settings", "fault", "VEILGATE_LISTEN");
    found.has("settings", "fault", "VEILGATE_COLOUR: no such setting");
    assert_eq!(found.status, 1);
    let run = run(&scene, &["doctor", "--config", "none.toml"], &[]);
    assert!(run.status == 1 && run.out.starts_with("fault") && run.out.contains("none.toml"), "{run:?}");
}

#[test]
fn a_lost_a_wrong_and_a_damaged_master_key_are_told_apart_from_the_right_one() {
    let scene = Scene::new();
    Server::on(&scene.path("data"), &[], &[]).kill();
    let data = scene.path("data");
    let look = || doctor(&scene, &data, &[]);
    let key = scene.text("data/master.key");
    scene.file("data/master.key", cli::OTHER_KEY.as_bytes());
    look().has("master key", "fault", "does not open the database");
    std::fs::remove_file(data.join("master.key")).unwrap();
    look().has("master key", "fault", "is missing");
    scene.file("data/master.key", key.as_bytes());
    let found = look();
    found.has("master key", "ok", "opens");
    found.has("secret files", "warning", "everybody on this machine may read DATA/master.key");
}

#[test]
fn a_database_of_a_newer_program_is_a_fault_and_an_older_one_is_left_as_it_is() {
    use sqlx::{Connection, Executor, SqliteConnection};
    let scene = Scene::new();
    let file = scene.path("own.db");
    let url = format!("sqlite:///{}", file.display());
    Server::on(&scene.path("data"), &[], &[("VEILGATE_DATABASE", &url)]).kill();
    let set = |statement: &'static str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let path = format!("sqlite://{}", file.display());
        runtime.block_on(async {
            let mut database = SqliteConnection::connect(&path).await.unwrap();
            database.execute(statement).await.unwrap();
            database.close().await.unwrap();
        });
    };
    let look = || doctor(&scene, &scene.path("data"), &[("VEILGATE_DATABASE", &url)]);
    set("INSERT INTO schema_version (version) VALUES (999)");
    look().has("database", "fault", "schema 999; this program knows");
    set("DELETE FROM schema_version WHERE version > 1");
    look().has("database", "warning", "schema 1 is brought to");
    look().has("database", "warning", "schema 1 is brought to");
}

#[test]
fn a_chain_that_was_set_back_is_told() {
    let scene = Scene::new();
    let file = scene.path("own.db");
    let url = format!("sqlite:///{}", file.display());
    let settings = [("VEILGATE_DATABASE", url.as_str()), ("VEILGATE_AUDIT_CHECKPOINT_ENTRIES", "1")];
    let server = Server::on(&scene.path("data"), &[], &settings);
    // It serves, so that it hears to a signal and ends in order.
    assert_eq!(server.send(push(&[ct(2)])).status, 200);
    server.stop();
    let old = std::fs::read(&file).unwrap();
    let server = Server::on(&scene.path("data"), &[], &settings);
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    let witness = scene.path("data").join("audit-checkpoints.jsonl");
    let lines = || std::fs::read_to_string(&witness).unwrap_or_default().lines().count();
    let (begun, first) = (Instant::now(), lines());
    while lines() == first && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(100));
    }
    server.stop();
    doctor(&scene, &scene.path("data"), &settings).has("audit key", "ok", "as they were signed");
    for left in ["own.db-wal", "own.db-shm"] {
        let _ = std::fs::remove_file(scene.path(left));
    }
    std::fs::write(&file, old).unwrap();
    doctor(&scene, &scene.path("data"), &settings).has("audit key", "fault", "veilgate audit verify");
}

/// What is found of a downstream server, and of the clock.
fn behind(scene: &Scene, url: &str, more: &[(&str, &str)]) -> Findings {
    let own = [("VEILGATE_DOWNSTREAM_URL", url), ("VEILGATE_DOWNSTREAM_TOKEN", SECRET)];
    doctor(scene, &scene.path("data"), &[&own, more].concat())
}

#[test]
fn a_downstream_server_is_asked_for_one_study_which_is_not_shown() {
    let scene = Scene::new();
    let server = Double::start(|target| match target {
        "studies?limit=1" => ok("application/dicom+json", r#"[{"00100010": "Rigpatient^Rosa"}]"#),
        _ => status(404),
    });
    let found = behind(&scene, &server.url, &[]);
    found.has("downstream", "ok", "takes our credentials");
    assert!(!format!("{:?}", found.list).contains("Rigpatient"));
    let asked = server.asked();
    assert!(asked.len() == 1 && asked[0].to_lowercase().contains("authorization: bearer"), "{asked:?}");
}

#[test]
fn what_is_wrong_with_a_downstream_server_is_told_by_its_kind() {
    let scene = Scene::new();
    for (code, part) in [(401, "downstream.token"), (404, "DICOMweb root"), (500, "look at that server")] {
        let server = Double::start(move |_| status(code));
        let found = behind(&scene, &server.url, &[]);
        found.has("downstream", "fault", part);
        assert!(!format!("{:?}", found.list).contains("Rigpatient"), "{code}");
    }
    let page = Double::start(|_| ok("text/html", "<html>"));
    behind(&scene, &page.url, &[]).has("downstream", "fault", "DICOMweb root");
    let nobody = format!("http://127.0.0.1:{}/dicom-web", rig::free_port());
    behind(&scene, &nobody, &[]).has("downstream", "fault", "cannot be reached");
    let abroad =
        behind(&scene, "http://pacs.invalid/dicom-web", &[("VEILGATE_DOWNSTREAM_CONNECT_TIME", "1 s")]);
    abroad.has("settings", "warning", "instances and credentials go to the downstream server unencrypted");
}

#[test]
fn a_clock_that_is_off_is_told() {
    let scene = Scene::new();
    let at = |date: &'static str| {
        Double::start(move |_| {
            raw(format!("HTTP/1.1 204 No Content\r\nConnection: close\r\nDate: {date}\r\n\r\n"))
        })
    };
    let old = at("Sun, 06 Nov 1994 08:49:37 GMT");
    behind(&scene, &old.url, &[]).has("clock", "warning", "apart from that of the downstream server");
    let silent = at("today");
    behind(&scene, &silent.url, &[]).has("clock", "ok", "not compared");
}

#[test]
fn a_postgres_server_is_told_with_its_version_and_a_wrong_name_or_password_as_such() {
    let Some(postgres) = rig::postgres() else { return };
    let scene = Scene::new();
    let look = |url: &str| doctor(&scene, &scene.path("data"), &[("VEILGATE_DATABASE", url)]);
    let found = look(&postgres.url);
    found.has("database", "ok", "schema 0 is brought to");
    found.has("clock", "ok", "agrees with that of the database");
    Server::on(&scene.path("data"), &[], &[("VEILGATE_DATABASE", &postgres.url)]).stop();
    let found = look(&postgres.url);
    found.has("database", "ok", "PostgreSQL");
    found.has("audit key", "ok", "as they were signed");
    let (root, _) = postgres.url.rsplit_once('/').unwrap();
    look(&format!("{root}/{}", "nothing")).has("database", "fault", "no database of that name");
    let (scheme, rest) = postgres.url.split_once("://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let user = login.split(':').next().unwrap();
    let wrong = look(&format!("{scheme}://{user}:{SECRET}@{place}"));
    // A rig that trusts its own machine takes any password.
    if wrong.status == 1 {
        wrong.has("database", "fault", "refuses user or password");
    }
}

#[test]
fn a_bucket_is_tried_and_nothing_stays_in_it() {
    let Some(s3) = rig::s3() else { return };
    let scene = Scene::new();
    let look = |name: &str, (id, secret): &(String, String)| {
        let environment = [
            ("VEILGATE_ARCHIVE_URL", name),
            ("VEILGATE_ARCHIVE_ENDPOINT", s3.url.as_str()),
            ("VEILGATE_ARCHIVE_ACCESS_KEY_ID", id),
            ("VEILGATE_ARCHIVE_SECRET_ACCESS_KEY", secret),
        ];
        doctor(&scene, &scene.path("data"), &environment)
    };
    look("s3://rig/some/prefix", &s3.key).has("archive", "ok", "the bucket took, gave back and removed");
    let left = s3.look();
    assert!(left.objects.is_empty() && left.uploads.is_empty(), "{left:?}");
    look("s3://rig", &s3.reader).has("archive", "fault", "denies access");
    look("s3://none-such", &s3.key).has("archive", "fault", "no such bucket");
}

#[cfg(feature = "billing")]
#[test]
fn stripe_is_asked_whether_it_takes_the_key() {
    let Some(stripe) = rig::stripe("http://127.0.0.1:9/", "whsec_rig") else { return };
    let scene = Scene::new();
    let look = |more: &[(&str, &str)]| {
        let own =
            [("VEILGATE_BILLING_API_KEY", "sk_test_rig"), ("VEILGATE_BILLING_BASE_URL", stripe.url.as_str())];
        doctor(&scene, &scene.path("data"), &[&own, more].concat())
    };
    let set =
        [("VEILGATE_BILLING_WEBHOOK_SECRET", "whsec_rig"), ("VEILGATE_BILLING_PRICE_MONTHLY", "price_m")];
    let found = look(&set);
    found.has("stripe", "ok", "takes the API key");
    found.has("clock", "ok", "agrees with that of Stripe");
    assert_eq!(found.of("stripe").len(), 1, "{:?}", found.list);
    let bare = look(&[]);
    bare.has("stripe", "fault", "no webhook secret");
    bare.has("stripe", "warning", "no price is set");
    look(&[("VEILGATE_BILLING_API_KEY", "pk_live_x")]).has("stripe", "fault", "must begin with sk_");
    let nobody = format!("http://127.0.0.1:{}/", rig::free_port());
    look(&[("VEILGATE_BILLING_BASE_URL", &nobody)]).has("stripe", "fault", "cannot be reached");
}

#[test]
fn a_ready_gateway_is_found_by_its_url_and_by_its_settings() {
    let scene = Scene::new();
    let server = Server::start();
    let by_url = run(&scene, &["health", "--url", &server.url], &[]);
    assert_eq!((by_url.status, by_url.out.as_str(), by_url.err.as_str()), (0, "ready\n", ""));
    let port = server.address().rsplit_once(':').unwrap().1;
    let everywhere = format!("0.0.0.0:{port}");
    let by_settings = run(&scene, &["health"], &[("VEILGATE_LISTEN", &everywhere)]);
    assert_eq!((by_settings.status, by_settings.out.as_str()), (0, "ready\n"), "{by_settings:?}");
    let by_flag = run(&scene, &["health", "--live", "--listen", &everywhere], &[]);
    assert_eq!((by_flag.status, by_flag.out.as_str()), (0, "alive\n"), "{by_flag:?}");
    assert!(!scene.path("data").exists(), "it makes no data folder");
}

/// Holds that the gateway is not ready, and that one line says why.
fn is_not_ready(run: &Run, part: &str) {
    assert_eq!((run.status, run.out.as_str(), run.err.lines().count()), (1, "", 1), "{run:?}");
    assert!(run.err.contains(part), "{run:?}");
}

#[test]
fn why_a_gateway_is_not_ready_is_one_line() {
    let scene = Scene::new();
    let server = Server::start();
    let ask = |url: &str| run(&scene, &["health", "--timeout", "4", "--url", url], &[]);
    let archive = server.data().join("archive");
    std::fs::remove_dir_all(&archive).unwrap();
    std::fs::write(&archive, "in its place").unwrap();
    is_not_ready(&ask(&server.url), "status 503, the storage of the server fails");
    assert_eq!(run(&scene, &["health", "--live", "--url", &server.url], &[]).status, 0, "it is alive");
    let url = server.url.clone();
    server.kill();
    is_not_ready(&ask(&url), "cannot be reached");
    let other = Double::start(|_| status(503));
    let foreign = ask(&other.url);
    is_not_ready(&foreign, "status 503");
    assert!(!foreign.err.contains("Rigpatient"), "another server's words are left out: {foreign:?}");
    is_not_ready(&run(&scene, &["health"], &[("VEILGATE_LISTEN", "nowhere")]), "veilgate doctor");
}

#[test]
fn a_gateway_that_does_not_answer_is_not_waited_for_longer_than_asked() {
    let scene = Scene::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let begun = Instant::now();
    let run = run(&scene, &["health", "--timeout", "1", "--url", &url], &[]);
    is_not_ready(&run, "does not answer in time");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn over_tls_an_authority_of_ones_own_is_trusted_when_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tls) = tls::tls(folder.path(), "IP:127.0.0.1") else { return };
    let scene = Scene::new();
    let url = format!("https://127.0.0.1:{}", tls.port);
    let ca = folder.path().join("cert.pem");
    let trusted = run(&scene, &["health", "--url", &url, "--ca", ca.to_str().unwrap()], &[]);
    assert_eq!((trusted.status, trusted.out.as_str()), (0, "ready\n"), "{trusted:?}");
    is_not_ready(&run(&scene, &["health", "--url", &url], &[]), "cannot be reached");
    scene.file("none.pem", b"nothing");
    let none = run(&scene, &["health", "--url", &url, "--ca", "none.pem"], &[]);
    assert!(none.status == 2 && none.err.contains("--ca"), "{none:?}");
}
