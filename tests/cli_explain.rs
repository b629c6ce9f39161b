//! `veilgate explain`, `profile`, `--help` and `--version` over the built binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;

use cli::Scene;
use std::process::Stdio;

#[test]
fn attributes_are_explained_in_the_order_asked_for_in_every_spelling() {
    let scene = Scene::new();
    let run = scene.run(&["explain", "StudyDate", "0010,0010", "(0028,0010)", "00080018"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    let heads: Vec<&str> = run.out.lines().filter(|line| line.starts_with('(')).collect();
    let expected = ["StudyDate DA", "PatientName PN", "Rows US", "SOPInstanceUID UI"];
    assert_eq!(heads.len(), expected.len());
    heads.iter().zip(expected).for_each(|(head, wanted)| assert!(head.ends_with(wanted), "{head}"));
    assert!(run.out.contains("PS3.15 Table E.1-1") && run.out.contains("Basic Profile Z"), "{}", run.out);
}

#[test]
fn profile_and_sop_class_change_the_explanation() {
    let scene = Scene::new();
    let basic = scene.run(&["explain", "StudyDate"]).out;
    let research = scene.run(&["explain", "StudyDate", "--profile", "research"]).out;
    assert!(basic != research && research.contains("E.3.6"), "{research}");
    let ct = scene.run(&["explain", "ContentDate", "--sop-class", "1.2.840.10008.5.1.4.1.1.2"]).out;
    assert_eq!(ct.matches("->").count(), 1, "{ct}");
}

#[test]
fn unknown_names_are_told_together_with_what_may_be_meant() {
    let scene = Scene::new();
    let run = scene.run(&["explain", "patientname", "Rows", "StudyInstaceUID", "0010,00"]);
    assert_eq!((run.status, run.out.as_str()), (2, ""));
    for part in ["patientname", "PatientName", "StudyInstanceUID", "0010,00 is neither"] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(scene.run(&["explain", "Rows", "--sop-class", "CT"]).status, 2);
}

#[test]
fn presets_and_options_are_listed() {
    let run = Scene::new().run(&["profile", "list"]);
    assert_eq!(run.status, 0);
    for part in ["basic", "research", "blank", "retain-modified-dates", "E.3.6", "not built yet"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn what_is_shown_of_a_profile_is_a_profile() {
    let scene = Scene::new();
    for preset in ["basic", "research", "blank"] {
        let shown = scene.run(&["profile", "show", preset]);
        assert_eq!(shown.status, 0, "{shown:?}");
        scene.file("mine.toml", shown.out.as_bytes());
        let checked = scene.run(&["profile", "check", "mine.toml"]);
        assert_eq!(checked.status, 0, "{checked:?}");
        let plan = checked.out.rsplit(' ').next().unwrap().trim();
        assert!(shown.out.contains(plan), "the copy decides as the preset does: {checked:?}");
        assert_eq!(scene.run(&["profile", "show", "mine.toml"]).status, 0);
    }
    assert!(scene.run(&["profile", "show", "research"]).out.contains("Earns 113107"));
    assert!(scene.run(&["profile", "show", "blank"]).out.contains("Earns no code"));
}

#[test]
fn every_mistake_of_a_profile_is_told_with_its_line() {
    let scene = Scene::new();
    scene.file("bad.toml", b"name = \"bad\"\ncolour = 1\noptions = [\"clean-descriptors\", \"nope\"]\n");
    let run = scene.run(&["profile", "check", "bad.toml"]);
    assert_eq!(run.status, 1, "{run:?}");
    for part in ["bad.toml: line 2: ", "colour", "line 3: ", "clean-descriptors", "nope"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    let used = scene.run(&["explain", "Rows", "--profile", "bad.toml"]);
    assert!(used.status == 2 && used.err.contains("line 2"), "{used:?}");
    assert_eq!(scene.run(&["profile", "check", "missing.toml"]).status, 2);
    assert_eq!(scene.run(&["profile", "show", "missing"]).status, 2);
}

#[test]
fn the_version_names_the_edition_of_the_table() {
    let run = Scene::new().run(&["--version"]);
    assert_eq!(run.status, 0);
    assert!(run.out.starts_with(concat!("veilgate ", env!("CARGO_PKG_VERSION"))), "{}", run.out);
    assert!(run.out.contains("edition 20"), "{}", run.out);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let scene = Scene::new();
    let mut child = scene.command(&["profile", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = scene.command(&["profile", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "a full disk is one");
}

/// Says all that the README and scripts may rely on. If a change is meant, write what the
/// test prints into tests/cli/help.txt.
#[cfg(feature = "server")]
#[test]
fn the_help_of_each_command_is_as_recorded() {
    let scene = Scene::new();
    let commands: &[&[&str]] = &[
        &["deid"],
        &["explain"],
        &["conformance"],
        &["health"],
        &["doctor"],
        &["completions"],
        &["man"],
        &["profile"],
        &["profile", "list"],
        &["profile", "show"],
        &["profile", "check"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "export"],
        &["audit", "checkpoint"],
        &["audit", "seal"],
        &["audit", "public-key"],
    ];
    let mut all = String::new();
    for command in commands {
        let run = scene.run(&[command, &["--help"][..]].concat());
        assert_eq!(run.status, 0);
        let long = command.len() > 1 || [["profile"], ["audit"]].iter().any(|group| group == *command);
        assert!(long || run.out.contains("Exit status: 0"), "{command:?}");
        all += &format!("$ veilgate {} --help\n{}\n", command.join(" "), run.out);
    }
    let recorded = include_str!("cli/help.txt");
    assert!(all == recorded, "the help has changed; it is now:\n{all}");
    let main = scene.run(&["--help"]).out;
    for command in
        ["deid", "explain", "conformance", "health", "doctor", "completions", "man", "profile", "audit"]
    {
        assert!(main.contains(&format!("\n  {command}")), "{main}");
    }
}
