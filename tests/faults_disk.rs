//! Disks that are full or read-only, under each thing that is written: requests hear 503, nothing half stays, and the
//! gateway serves again once there is room. Real file systems, small ones in memory, which need the right to mount.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod faults;
mod stow;
mod support;

use faults::disk::Disk;
use faults::{catalogued, is_whole, serves, start};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use stow::{RESPOND, ct, large_ct, push, stored};
use support::http::{Request, Response};
use support::server::Server;

/// 503 with a time to come back after, and no path or name of the disk.
fn is_refused(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.text().contains("/tmp"), "{}", answer.text());
}

fn ready(server: &Server) -> u16 {
    server.send_bare(Request::new("GET", "/ready")).status
}

#[test]
fn a_full_disk_under_the_spool_refuses_large_answers_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data/spool"), 4) else { return };
    let server = start(folder.path(), &[("VEILGATE_LIMITS_SPOOL_MEMORY", "64 KiB")]);
    let back = |instance| server.send(push(&[instance]).header("Accept", RESPOND));
    assert_eq!(back(large_ct(1, 2_000_000)).status, 200);
    for _ in 0..3 {
        is_refused(&back(large_ct(2, 12_000_000)));
        assert_eq!(back(ct(3)).status, 200, "what fits into memory");
    }
    assert_eq!(back(large_ct(1, 2_000_000)).status, 200, "the room came back");
    is_whole(&server);
    drop(server);
    drop(disk);
}

#[test]
fn a_full_disk_under_the_archive_keeps_no_half_instance() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data/archive"), 10) else { return };
    let server = start(folder.path(), &[]);
    serves(&server);
    is_refused(&server.send(push(&[large_ct(2, 16_000_000)])));
    let filler = disk.fill();
    is_refused(&server.send(push(&[ct(3)])));
    is_refused(&server.send(push(&[ct(4), large_ct(5, 3_000_000)])));
    assert_eq!(ready(&server), 503);
    std::fs::remove_file(filler).unwrap();
    assert_eq!(ready(&server), 200);
    assert_eq!(server.send(push(&[ct(3)])).status, 200);
    assert_eq!(catalogued(&server).len(), 2);
    is_whole(&server);
    drop(server);
}

#[test]
fn a_full_disk_under_the_database_refuses_pushes_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data"), 40) else { return };
    let server = start(folder.path(), &[]);
    let back = |number| server.send(push(&[ct(number)]).header("Accept", RESPOND));
    assert_eq!(back(1).status, 200);
    let filler = disk.fill();
    // What SQLite has room for in its files may still be written.
    let full = (0..400).find(|number| back(*number).status != 200);
    is_refused(&back(full.expect("the disk never was full")));
    assert_eq!(server.send_bare(Request::new("GET", "/health")).status, 200);
    assert!((0..50).any(|_| ready(&server) == 503), "ready, though nothing can be written");
    std::fs::remove_file(filler).unwrap();
    let again = (0..50).any(|number| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        back(number).status == 200
    });
    assert!(again, "it does not come back: {} {}", back(1).text(), server.said());
    is_whole(&server);
    drop(server);
}

#[test]
fn a_read_only_archive_refuses_pushes_and_still_gives_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data/archive"), 10) else { return };
    let server = start(folder.path(), &[]);
    let kept = stored(&server.send(push(&[ct(1)])));
    disk.make("ro");
    is_refused(&server.send(push(&[ct(2)])));
    let found = server.send(Request::new("GET", "/dicom-web/instances").header("Accept", stow::JSON));
    assert!(found.text().contains(&kept[0]), "{}", found.text());
    let study = found.json()[0]["0020000D"]["Value"][0].as_str().unwrap().to_owned();
    let pulled = server.send(
        Request::new("GET", &format!("/dicom-web/studies/{study}"))
            .header("Accept", "multipart/related; type=\"application/dicom\"; transfer-syntax=*"),
    );
    assert_eq!(pulled.status, 200, "{}", pulled.text());
    disk.make("rw");
    assert_eq!(server.send(push(&[ct(2)])).status, 200);
    is_whole(&server);
    drop(server);
}

#[test]
fn a_read_only_data_folder_ends_the_start_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = Disk::mount(&data, 10) else { return };
    let server = start(folder.path(), &[]);
    serves(&server);
    assert!(server.stop().success());
    disk.make("ro");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"));
    let output = command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !said.contains("panicked"), "{said}");
    assert!(said.to_lowercase().contains("read-only") || said.contains("data folder"), "{said}");
    disk.make("rw");
    let server = start(folder.path(), &[]);
    serves(&server);
    is_whole(&server);
    drop(server);
}

#[test]
fn a_full_disk_under_the_receipt_ends_the_run_with_3_and_no_output_without_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out, receipts) =
        (folder.path().join("in"), folder.path().join("out"), folder.path().join("receipts"));
    std::fs::create_dir(&inputs).unwrap();
    for number in 0..3000 {
        std::fs::write(inputs.join(format!("{number}.dcm")), ct(number)).unwrap();
    }
    let Some(disk) = Disk::mount(&receipts, 1) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    command.args(["deid", "--receipt"]).arg(receipts.join("lines.jsonl")).arg("--out").arg(&out).arg(&inputs);
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot write the receipt; stopped: no storage space"), "{said}");
    let lines = std::fs::read_to_string(receipts.join("lines.jsonl")).unwrap();
    let told = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["output"].as_str().unwrap().to_owned()
    };
    let told: BTreeSet<String> = lines.lines().map(told).collect();
    assert!(lines.ends_with('\n') && (1000..3000).contains(&told.len()), "{}", told.len());
    assert_eq!(names_below(&out), told);
    drop(disk);
}

fn names_below(folder: &Path) -> BTreeSet<String> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|it| it.file_type().is_file());
    files.map(|it| it.path().strip_prefix(folder).unwrap().display().to_string()).collect()
}
