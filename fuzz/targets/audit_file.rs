//! Any bytes as an export of an audit chain, and any edit of a true one: no panic, the same report twice, and no export
//! counts as whole that does not say word for word what was signed. The first byte chooses between the two; an edit is a
//! place (two bytes), a length to take out (one byte), and what to put in.
#![no_main]
#![allow(clippy::unwrap_used)]

#[path = "../../tests/audit/mod.rs"]
mod audit;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use veilgate::audit::export::{Line, Reader};
use veilgate::audit::report::Report;
use veilgate::audit::verify::Verifier;

/// A true export.
static TRUE: LazyLock<(String, Vec<Line>)> = LazyLock::new(|| {
    let lines = audit::Ledger::of(9, 4).export();
    (lines.iter().map(Line::text).collect(), lines)
});

fn report(text: &str) -> Report {
    let mut reader = Reader::new(Verifier::new(audit::key().public().clone(), None));
    text.lines().for_each(|line| reader.line(line));
    reader.finish()
}

fn edited(edit: &[u8]) -> Option<Vec<u8>> {
    let [high, low, out, put @ ..] = edit else { return None };
    let mut bytes = TRUE.0.clone().into_bytes();
    let from = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
    let to = bytes.len().min(from + usize::from(*out));
    bytes.splice(from..to, put.iter().copied());
    Some(bytes)
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let bytes = if choice % 2 == 0 { Some(rest.to_vec()) } else { edited(rest) };
    let Some(Ok(text)) = bytes.map(String::from_utf8) else { return };
    let once = report(&text);
    assert_eq!(once.is_whole(), report(&text).is_whole());
    if once.is_whole() {
        let lines: Vec<Line> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let entries = |lines: &[Line]| -> Vec<String> {
            lines.iter().filter(|line| matches!(line, Line::Entry(_))).map(Line::text).collect()
        };
        assert_eq!(entries(&lines), entries(&TRUE.1), "a forged export counts as whole");
    }
});
