//! `veilgate audit verify`: exit statuses, what is printed, and files that are not what they should be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, key};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use veilgate::audit::checkpoint::EntryReceipt;
use veilgate::audit::export::Line;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.file("key.pem", key().public().to_pem());
        desk
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.current_dir(self.0.path()).args(["audit", "verify"]).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(Line::text).collect()
}

#[test]
fn a_whole_chain_ends_with_0_and_its_counts() {
    let desk = Desk::new();
    desk.file("chain.jsonl", text(&Ledger::of(40, 10).export()));
    let (code, out, _) = desk.run(&["chain.jsonl", "--public-key", "key.pem"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("project project-1: 40 entries up to number 40, 5 checkpoints"), "{out}");
    assert!(out.ends_with(": whole\n"), "{out}");
}

#[test]
fn the_export_may_come_from_standard_input() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["-", "--public-key", "key.pem"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text(&Ledger::of(9, 5).export()).as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn findings_are_printed_with_place_and_end_with_1() {
    let desk = Desk::new();
    let mut lines = Ledger::of(40, 10).export();
    audit::change(&mut lines, 7, audit::later);
    desk.file("chain.jsonl", text(&lines));
    let (code, out, _) = desk.run(&["chain.jsonl", "--public-key", "key.pem"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("edited: entry 7: "), "{out}");
    assert!(out.lines().next().unwrap().ends_with("(line 8)") && out.ends_with(": NOT WHOLE\n"), "{out}");
}

#[test]
fn kept_checkpoints_and_receipts_expose_a_rollback() {
    let desk = Desk::new();
    let mut ledger = Ledger::of(39, 10);
    let entry = ledger.push();
    let receipt = EntryReceipt::new(&entry, ledger.checkpoint()).unwrap();
    desk.file("receipts", format!("{}\n\n", receipt.canonical()));
    let kept = [Ledger::of(20, 10).checkpoint().canonical(), ledger.export().last().unwrap().text()];
    desk.file("kept", kept.join("\n"));
    desk.file("chain.jsonl", text(&Ledger::of(25, 10).export()));
    for (option, file) in [("--checkpoint", "kept"), ("--receipt", "receipts")] {
        let (code, out, _) = desk.run(&["chain.jsonl", "--public-key", "key.pem", option, file]);
        assert_eq!(code, Some(1));
        assert!(out.starts_with("rolled-back: entries 26 to 40: "), "{out}");
    }
    let (code, out, _) = desk.run(&["chain.jsonl", "--public-key", "key.pem", "--project", "project-2"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("wrong-project: "), "{out}");
}

#[test]
fn an_endless_or_binary_line_is_a_finding_and_not_memory() {
    let desk = Desk::new();
    let good = text(&Ledger::of(5, 10).export());
    let mut bytes = vec![b'x'; 3 << 20];
    bytes.extend(b"\n\xff\xfe\n");
    bytes.extend(good.as_bytes());
    desk.file("chain.jsonl", &bytes);
    let (code, out, _) = desk.run(&["chain.jsonl", "--public-key", "key.pem"]);
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("malformed: ").count(), 2, "{out}");
    assert!(out.contains("(line 1)") && out.contains("(line 2)") && out.contains("5 entries"), "{out}");
}

#[test]
fn wrong_usage_ends_with_2_and_names_the_file() {
    let desk = Desk::new();
    desk.file("chain.jsonl", text(&Ledger::of(5, 10).export()));
    desk.file("no.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    desk.file("marked", "{\"PlantedMark\":1}");
    let chain = ["chain.jsonl", "--public-key"];
    for (args, named) in [
        (vec!["chain.jsonl"], "--public-key"),
        #[cfg(feature = "server")]
        (vec!["--config", "absent.toml"], "absent.toml"),
        (vec!["absent.jsonl", "--public-key", "key.pem"], "absent.jsonl"),
        (vec![chain[0], chain[1], "no.pem"], "no.pem"),
        (vec![chain[0], chain[1], "absent.pem"], "absent.pem"),
        (vec![chain[0], chain[1], "key.pem", "--checkpoint", "marked"], "marked"),
        (vec![chain[0], chain[1], "key.pem", "--receipt", "marked"], "marked"),
        (vec![chain[0], chain[1], "key.pem", "--project", "a b"], "--project"),
    ] {
        let (code, out, error) = desk.run(&args);
        assert_eq!(code, Some(2), "{args:?}: {out}{error}");
        assert!(error.contains(named) && !error.contains("PlantedMark"), "{args:?}: {error}");
    }
}
