//! A long chain verifies fast and in constant memory: 1,000,000 entries in a release build, fewer in a debug build.
//! `cargo test --release --test audit_scale -- --nocapture` prints the rate.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, key};
use std::time::{Duration, Instant};
use veilgate::audit::export::{Line, Reader};
use veilgate::audit::verify::Verifier;

const ENTRIES: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
/// Entries between two checkpoints.
const EVERY: usize = 1000;

/// Largest resident memory of this process so far, in KiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn a_long_chain_verifies_in_constant_memory() {
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
