//! A long chain verifies fast and in constant memory, as an export and in a database: 1,000,000 entries in a release
//! build, fewer in a debug build. `cargo test --release --test audit_scale -- --nocapture` prints the rates.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;
#[cfg(feature = "server")]
mod chain;

use audit::{Ledger, key};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use veilgate::audit::export::{Line, Reader};
use veilgate::audit::verify::Verifier;

const ENTRIES: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
/// Entries between two checkpoints.
const EVERY: usize = 1000;

/// Largest resident memory of a process so far, in KiB, where the system tells.
fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn peak() -> Option<u64> {
    peak_of("self")
}

/// One measurement at a time; each begins with no peak but its own (proc(5), clear_refs).
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    guard
}

#[test]
fn a_long_chain_verifies_in_constant_memory() {
    let _alone = alone();
    let mut ledger = Ledger::new(audit::PROJECT, key());
    let mut reader = Reader::new(Verifier::new(key().public().clone(), None));
    reader.line(&ledger.lines[0].text());
    let (mut made, mut verified, mut bytes, mut after_first) = (Duration::ZERO, Duration::ZERO, 0, None);
    for _ in 0..ENTRIES / EVERY {
        let start = Instant::now();
        ledger.lines.clear();
        (0..EVERY).for_each(|_| drop(ledger.push()));
        made += start.elapsed();
        let checkpoint = ledger.checkpoint();
        ledger.lines.push(Line::Checkpoint(checkpoint));
        let lines: Vec<String> = ledger.lines.iter().map(Line::text).collect();
        let start = Instant::now();
        lines.iter().for_each(|line| reader.line(line));
        verified += start.elapsed();
        bytes += lines.iter().map(String::len).sum::<usize>();
        after_first = after_first.or_else(peak);
    }
    let grown = peak().zip(after_first).map(|(now, then)| now.saturating_sub(then));
    let report = reader.finish();
    let rate = |time: Duration| ENTRIES as f64 / time.as_secs_f64();
    println!(
        "{ENTRIES} entries, {} MB: chained in {:.2} s ({:.0}/s), verified in {:.2} s ({:.0}/s), memory grew by {grown:?} KiB",
        bytes / 1_000_000,
        made.as_secs_f64(),
        rate(made),
        verified.as_secs_f64(),
        rate(verified),
    );
    assert_eq!((report.seen.entries, report.seen.vouched), (ENTRIES as u64, ENTRIES as u64));
    assert!(report.findings.iter().all(|finding| finding.what.contains("no closing line")), "{report}");
    assert!(grown.is_none_or(|grown| grown < 8192), "memory grew by {grown:?} KiB");
}

/// Runs `veilgate audit verify` on a database with so many entries: time, and peak memory in KiB.
#[cfg(feature = "server")]
async fn verified(entries: usize) -> (Duration, Option<u64>) {
    let scene = chain::Scene::new().await;
    let start = Instant::now();
    scene.grow_by(chain::PROJECT, entries as u64, EVERY as u64).await;
    scene.witness().await;
    println!("{entries} entries written in {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let mut command = scene.command(&["audit", "verify"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut most = None;
    while child.try_wait().unwrap().is_none() {
        most = peak_of(&child.id().to_string()).or(most);
        std::thread::sleep(Duration::from_millis(5));
    }
    let time = start.elapsed();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains(&format!("{entries} entries up to number {entries}")), "{told}");
    (time, most)
}

#[cfg(feature = "server")]
#[test]
fn a_long_chain_in_a_database_verifies_in_constant_memory() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (_, small) = runtime.block_on(verified(ENTRIES / 20));
    let (time, large) = runtime.block_on(verified(ENTRIES));
    println!(
        "{ENTRIES} entries in a database: `veilgate audit verify` took {:.2} s ({:.0}/s), peak memory {large:?} KiB ({small:?} KiB for a twentieth)",
        time.as_secs_f64(),
        ENTRIES as f64 / time.as_secs_f64(),
    );
    let grown = large.zip(small).map(|(large, small)| large.saturating_sub(small));
    assert!(grown.is_none_or(|grown| grown < 8192), "memory grew by {grown:?} KiB");
}
