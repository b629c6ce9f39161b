//! The command line beside a server: one project key for both, help and mistakes of `veilgate serve`.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;
mod support;

use cli::Scene;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::http::Request;
use support::multipart::{self, Part};
use support::samples;
use support::server::Server;
use support::syntax::EXPLICIT_LE;

#[test]
fn files_get_the_pseudonyms_that_the_server_of_the_same_folder_gives() {
    let scene = Scene::new();
    let ct = samples::ct(EXPLICIT_LE, 1).write();
    scene.file("in/1", &ct);
    let server = Server::on(&scene.path("data"), &[], &[]);
    let push = Request::new("POST", "/dicom-web/studies")
        .header("Accept", "multipart/related; type=\"application/dicom\"")
        .header("Content-Type", "multipart/related; type=\"application/dicom\"; boundary=b")
        .body(multipart::write(&[Part::dicom(ct)], "b", "\r\n"));
    let answer = server.send(push);
    assert_eq!(answer.status, 200);
    let kind = &answer.headers.iter().find(|(name, _)| name == "content-type").unwrap().1;
    let pushed = multipart::read(kind, &answer.body).unwrap().remove(0).body;
    let beside = scene.run(&["deid", "in", "--out", "beside"]);
    assert!(beside.status == 0 && beside.err.contains("project key of ./data"), "{beside:?}");
    assert_eq!(scene.read("beside/1"), pushed, "while the server runs");
    server.kill();
    assert_eq!(scene.run(&["deid", "in", "--out", "after"]).status, 0);
    assert_eq!(scene.read("after/1"), pushed, "and after it was killed");
    std::fs::remove_file(scene.path("data").join("master.key")).unwrap();
    scene.file("data/master.key", b"damaged");
    let damaged = scene.run(&["deid", "in", "--out", "damaged"]);
    assert!(damaged.status == 2 && damaged.err.contains("--key-file"), "no other key instead: {damaged:?}");
}

#[test]
fn the_help_of_serve_names_every_setting() {
    let run = Scene::new().run(&["serve", "--help"]);
    assert_eq!(run.status, 0);
    let words: Vec<&str> = run.out.split_whitespace().collect();
    let text = words.join(" ");
    for setting in veilgate::config::SETTINGS {
        let (name, default) = (setting.name, setting.default);
        assert!(text.contains(&format!(" {name}, {} {}", setting.env, setting.help)), "{name}: {}", run.out);
        assert!(default.is_empty() || text.contains(&format!("[default: {default}]")), "{name}");
    }
    assert!(run.out.contains("Exit status") && run.out.contains("Examples"), "{}", run.out);
}

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let scene = Scene::new();
    scene.file("wrong.toml", b"colour = 1\n");
    let run = scene.run(&["serve", "--config", "wrong.toml", "--listen", "nowhere"]);
    assert_eq!((run.status, run.out.as_str()), (2, ""), "{run:?}");
    assert!(run.err.contains("colour") && run.err.contains("listen"), "{run:?}");
    assert!(!scene.path("data").exists(), "nothing is made before the settings are right");
}

/// What a start on all addresses writes to standard output and into its log.
fn started(scene: &Scene, data: &str, environment: &[(&str, &str)]) -> (String, String) {
    let log = scene.path("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    command.args(["serve", "--listen", "0.0.0.0:0", "--data"]).arg(scene.path(data));
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    while told.lines().count() < 2 && out.read_line(&mut told).unwrap() > 0 {}
    child.kill().unwrap();
    child.wait().unwrap();
    (told, std::fs::read_to_string(log).unwrap())
}

#[test]
fn a_start_tells_both_urls_warns_of_one_that_names_nobody_and_logs_no_key() {
    let scene = Scene::new();
    let warning = "which no client reaches: set public_base_url";
    let (told, log) = started(&scene, "bare", &[]);
    let lines: Vec<&str> = told.lines().collect();
    let root = lines[0].strip_prefix("veilgate ready on ").unwrap();
    assert!(root.starts_with("http://0.0.0.0:") && root.ends_with("/dicom-web"), "{told}");
    assert_eq!(lines[1], format!("its page is {}/", root.trim_end_matches("/dicom-web")));
    assert!(log.contains(warning), "{log}");
    let key = std::fs::read_to_string(scene.path("bare/first-api-key")).unwrap();
    assert!(key.starts_with("vg_") && log.contains("first API key is in first-api-key"), "{log}");
    assert!(!log.contains(key.trim()) && !told.contains(key.trim()), "who reads the log has no key: {log}");
    let named = [("VEILGATE_PUBLIC_BASE_URL", "http://127.0.0.1:8080/dicom-web")];
    let (_, log) = started(&scene, "named", &named);
    assert!(!log.contains(warning), "{log}");
}
