//! `veilgate deid` over the built binary: names, keys, threads, receipt, mapping, exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;
mod support;

use cli::{OTHER_KEY, Scene};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use support::files::{fixture, fixtures};
use support::samples;
use support::syntax::EXPLICIT_LE;
use support::walk::walk;

const PATIENT_NAME: support::Tag = (0x0010, 0x0010);
const PATIENT_ID: support::Tag = (0x0010, 0x0020);
const INSTANCE: support::Tag = (0x0008, 0x0018);
const SERIES: support::Tag = (0x0020, 0x000e);
const STUDY: support::Tag = (0x0020, 0x000d);

fn ct(number: u32) -> Vec<u8> {
    samples::ct(EXPLICIT_LE, number).write()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All fixtures in `in`.
fn with_fixtures() -> Scene {
    let scene = Scene::new();
    fixtures().iter().for_each(|file| scene.file(&format!("in/{}", file.name), &file.bytes));
    scene
}

#[test]
fn folders_keep_their_paths_whatever_their_files_are_called() {
    let scene = Scene::new();
    for (number, name) in ["in/a/IM1", "in/a/b/x.dcm", "in/a/b/picture.jpg", "in/ü/1.2.3"].iter().enumerate()
    {
        scene.file(name, &ct(u32::try_from(number).unwrap()));
    }
    let run = scene.deid(&["in", "--out", "made/out"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.err.contains("4 done"), "{}", run.err);
    assert_eq!(run.out, "", "results of deid are files");
    assert_eq!(scene.names("made/out"), ["a/IM1", "a/b/picture.jpg", "a/b/x.dcm", "ü/1.2.3"]);
}

#[test]
fn an_output_is_pseudonymized_and_its_pixels_are_untouched() {
    let scene = Scene::new();
    let input = ct(1);
    scene.file("1.dcm", &input);
    assert_eq!(scene.deid(&["1.dcm", "--out", "out"]).status, 0);
    let (before, after) = (walk(&input), walk(&scene.read("out/1.dcm")));
    assert_eq!(after.fault, None);
    assert_ne!(before.text(PATIENT_NAME), after.text(PATIENT_NAME));
    assert_eq!(before.pixels().unwrap().bytes(), after.pixels().unwrap().bytes());
    assert_eq!(scene.read("1.dcm"), input, "the input is untouched");
}

#[test]
fn uid_names_are_study_series_and_instance_as_in_the_output() {
    let scene = Scene::new();
    scene.file("in/DOE^JOHN", &ct(1));
    let run = scene.deid(&["in", "--out", "out", "--names", "uid"]);
    assert_eq!(run.status, 0, "{run:?}");
    let names = scene.names("out");
    let after = walk(&scene.read(&format!("out/{}", names[0])));
    let uid = |tag| after.text(tag).unwrap();
    assert_eq!(names, [format!("{}/{}/{}.dcm", uid(STUDY), uid(SERIES), uid(INSTANCE))]);
    assert!(uid(STUDY).starts_with("2.25.") && !run.err.contains("may identify"), "{run:?}");
}

#[test]
fn equal_keys_give_equal_bytes_and_another_key_other_pseudonyms() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    scene.file("other", OTHER_KEY.as_bytes());
    for out in ["one", "two"] {
        assert_eq!(scene.deid(&["in", "--out", out]).status, 0);
    }
    assert_eq!(scene.tree("one"), scene.tree("two"));
    assert_eq!(scene.run(&["deid", "in", "--out", "three", "--key-file", "other"]).status, 0);
    let (one, three) = (walk(&scene.read("one/1")), walk(&scene.read("three/1")));
    for tag in [INSTANCE, SERIES, STUDY, PATIENT_ID] {
        assert_ne!(one.text(tag), three.text(tag), "{tag:04x?}");
    }
}

#[test]
fn without_a_key_each_run_differs_and_says_so() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    for out in ["one", "two"] {
        let run = scene.run(&["deid", "in", "--out", out]);
        assert!(run.status == 0 && run.err.contains("fresh random key"), "{run:?}");
    }
    assert_ne!(scene.tree("one"), scene.tree("two"));
}

#[test]
fn many_threads_give_what_one_gives() {
    let scene = with_fixtures();
    let go = |jobs: &str, to: &str| {
        let (out, receipt, mapping) = (format!("{to}/out"), format!("{to}/r"), format!("{to}/map"));
        scene.file(&format!("{to}/here"), b"");
        scene.deid(&["in", "--out", &out, "--receipt", &receipt, "--mapping", &mapping, "--jobs", jobs])
    };
    assert_eq!(go("1", "one").status, 1);
    assert_eq!(go("9", "nine").status, 1);
    let nine = scene.tree("nine");
    for (name, bytes) in scene.tree("one") {
        assert_eq!(nine.get(&name), Some(&bytes), "{name}");
    }
    assert_eq!(nine.len(), scene.tree("one").len());
}

#[test]
fn the_receipt_has_one_line_per_input_in_order_with_digests_and_counts() {
    let scene = with_fixtures();
    let run = scene.deid(&["in", "--out", "out", "--receipt", "receipt.jsonl"]);
    assert_eq!(run.status, 1);
    let lines = scene.receipt("receipt.jsonl");
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    let expected: Vec<String> = fixtures().iter().map(|file| format!("in/{}", file.name)).collect();
    assert_eq!(paths, expected);
    let done: Vec<_> = lines.iter().filter(|line| line["outcome"] == "done").collect();
    assert!(done.len() > 20 && done.len() == scene.names("out").len());
    for line in done {
        let input = scene.read(line["path"].as_str().unwrap());
        let output = scene.read(&format!("out/{}", line["output"].as_str().unwrap()));
        assert_eq!(line["sha256_in"], hex(&input), "{line}");
        assert_eq!(line["sha256_out"], hex(&output), "{line}");
        assert_eq!(line["bytes_in"].as_u64().unwrap(), input.len() as u64);
        assert_eq!(line["bytes_out"].as_u64().unwrap(), output.len() as u64);
        let after = walk(&output);
        assert_eq!(line["transfer_syntax"], after.syntax, "{line}");
        assert_eq!(line["names"]["instance"], after.text(INSTANCE).unwrap());
        for count in ["kept", "removed", "emptied", "replaced", "uids", "shifted"] {
            assert!(line["counts"][count].is_u64(), "{line}");
        }
        assert!(line["counts"]["uids"].as_u64() > Some(0), "{line}");
    }
    for line in &lines {
        assert_eq!(line["profile"], "basic");
        assert_eq!(line["plan"].as_str().unwrap().len(), 64);
        assert_eq!(line["engine"], env!("CARGO_PKG_VERSION"));
    }
    let mode = std::fs::metadata(scene.path("receipt.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_refusal_names_tag_clause_and_the_setting_that_lets_it_pass() {
    let scene = Scene::new();
    scene.file("in/1", &fixture("burned_in_yes.dcm"));
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r"]);
    assert_eq!(run.status, 1);
    for part in ["0 done, 1 refused", "(0028,0301)", "PS3.15 E.3.1", "burned_in = \"pass\""] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    let line = &scene.receipt("r")[0];
    assert_eq!((&line["outcome"], &line["reason"]["code"]), (&"refused".into(), &"pixels".into()));
    assert_eq!(line["reason"]["tag"], "0028,0301");
    assert!(line["reason"]["clause"].as_str().unwrap().contains("E.3.1"));
    assert_eq!(line["reason"]["setting"], "burned_in = \"pass\"");
    assert!(line["names"]["instance"].as_str().unwrap().starts_with("2.25."));
    assert!(line.get("output").is_none() && line.get("sha256_out").is_none());
    scene.file("mine.toml", b"name = \"mine\"\nburned_in = \"pass\"\n");
    assert_eq!(scene.deid(&["in", "--out", "out", "--profile", "mine.toml"]).status, 0, "and it does pass");
}

#[test]
fn the_mapping_has_each_identifier_once_sorted_and_for_the_owner_only() {
    let scene = Scene::new();
    (1..=3).for_each(|number| scene.file(&format!("in/{number}"), &ct(number)));
    scene.file("in/refused", &fixture("burned_in_yes.dcm"));
    assert_eq!(scene.deid(&["in", "--out", "out", "--mapping", "secret/map"]).status, 1);
    let rows = |name: &str| -> Vec<(String, String)> {
        let text = scene.text(&format!("secret/map/{name}"));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("id_old,id_new"));
        lines.map(|line| line.split_once(',').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
    };
    let uids = rows("uid_mapping.csv");
    let old: Vec<&str> = uids.iter().map(|(old, _)| old.as_str()).collect();
    assert_eq!(old, ["2.25.70001", "2.25.70002", "2.25.70003", "2.25.71", "2.25.72"]);
    let new: BTreeSet<&str> = uids.iter().map(|(_, new)| new.as_str()).collect();
    let after = walk(&scene.read("out/2"));
    for (at, tag) in [(1, INSTANCE), (3, STUDY), (4, SERIES)] {
        assert_eq!(uids[at].1, after.text(tag).unwrap());
    }
    assert_eq!(new.len(), 5, "pseudonyms are distinct");
    assert_eq!(rows("patid_mapping.csv"), [("RIG-0001".into(), after.text(PATIENT_ID).unwrap())]);
    for (path, wanted) in [("uid_mapping.csv", 0o600), ("patid_mapping.csv", 0o600), ("", 0o700)] {
        let mode = std::fs::metadata(scene.path("secret/map").join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, wanted, "{path}");
    }
}

#[test]
fn nothing_on_the_terminal_identifies_a_patient() {
    let scene = with_fixtures();
    scene.file("in/Rigpatient^Rosa/RIG-0001", &fixture("burned_in_yes.dcm"));
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r", "--mapping", "map"]);
    let mapping = scene.text("map/uid_mapping.csv") + &scene.text("map/patid_mapping.csv");
    let old = mapping.lines().filter_map(|line| line.split_once(',')).map(|(old, _)| old);
    for secret in old.filter(|old| old.len() > 4).chain(["Rigpatient", "RIG-0001", ".dcm"]) {
        assert!(!run.err.contains(secret), "{secret}: {}", run.err);
    }
}
