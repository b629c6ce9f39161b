//! The gateway is stopped, killed, and its clock set, amid its work: nothing that was acknowledged is lost, and the books
//! are true. Two gateways on PostgreSQL are killed in `rig_ledger`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod faults;
mod stow;
mod support;

use faults::clients::{begun, rest, under_load};
use faults::{catalogued, entered_last, is_whole, serves, start};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stow::{RESPOND, ct, push};
use support::rig;
use support::server::Server;

#[test]
fn sigterm_at_the_ready_line_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..8 {
        let status = start(folder.path(), &[]).stop();
        assert!(status.success(), "{status}");
    }
}

#[test]
fn sigterm_amid_load_drains_ends_with_0_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let (address, key) = (server.address().to_owned(), server.key.clone());
    let seen = under_load(&address, &key, 16, |seen| {
        seen.await_served(100);
        let status = server.stop();
        assert!(status.success(), "{status}");
    });
    let server = start(folder.path(), &[]);
    let stored = seen.stored.lock().unwrap();
    println!("{} requests served, {} instances stored before the end", seen.served(), stored.len());
    assert!(stored.is_subset(&catalogued(&server)), "what was acknowledged is lost");
    is_whole(&server);
    serves(&server);
}

#[test]
fn kill_9_amid_load_again_and_again_loses_nothing_and_leaves_true_books() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let server = start(folder.path(), &[]);
        let (address, key) = (server.address().to_owned(), server.key.clone());
        let seen = under_load(&address, &key, 16, |seen| {
            seen.await_served(round * 40);
            server.kill();
        });
        let server = start(folder.path(), &[]);
        let stored = seen.stored.lock().unwrap();
        assert!(stored.is_subset(&catalogued(&server)), "what was acknowledged is lost");
        is_whole(&server);
        server.kill();
    }
}

/// What lets a process believe another time, as a file says it.
fn fake_time() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let found =
        folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|it| it.is_file());
    found.or_else(|| rig::missing("faketime"))
}

fn start_at(folder: &Path, clock: &Path, library: &Path) -> Server {
    let settings = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    start(folder, &settings)
}

#[test]
fn a_clock_that_jumps_a_month_on_and_back_harms_nothing() {
    let Some(library) = fake_time() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let mut server = start_at(folder.path(), &clock, &library);
    for (turn, jump) in ["+40d", "-2d", "+0", "+3650d", "-400d"].into_iter().enumerate() {
        let instance = ct(turn as u32);
        let mut stream = begun(&server, instance.len());
        stream.write_all(&instance[..instance.len() / 2]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        std::fs::write(&clock, jump).unwrap();
        stream.write_all(&instance[instance.len() / 2..]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let said = rest(&mut stream);
        assert!(said.starts_with("HTTP/1.1 200"), "{jump}: {said}");
        if turn == 0 {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
            assert!(entered_last(&server) as u128 > now + 39 * 86_400_000, "the clock did not jump");
        }
        serves(&server);
        let back = server.send(push(&[ct(100)]).header("Accept", RESPOND));
        assert_eq!(back.status, 200, "{jump}: {}", back.text());
        is_whole(&server);
        server.kill();
        server = start_at(folder.path(), &clock, &library);
        serves(&server);
    }
    is_whole(&server);
}
