//! Whatever is done to an export, the verifier ends without a panic; and no change of its entries goes unseen.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, key};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;
use veilgate::audit::export::Reader;
use veilgate::audit::report::Report;
use veilgate::audit::verify::Verifier;

/// An export of 30 entries, four of them deleted, with checkpoints between.
static EXPORT: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut ledger = Ledger::of(30, 7);
    ledger.seal(9, 12);
    ledger.export().iter().map(|line| line.text()).collect()
});

fn verify(bytes: &[u8]) -> Report {
    let mut reader = Reader::new(Verifier::new(key().public().clone(), None));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(text) => reader.line(text),
            Err(_) => reader.unreadable_line(),
        }
    }
    reader.finish()
}

/// What the lines say, without checkpoints between: those are witnesses, and a chain may have fewer.
fn content(bytes: &[u8]) -> Vec<Option<Value>> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| serde_json::from_slice(line).ok())
        .filter(|value: &Option<Value>| value.as_ref().is_none_or(|it| it.get("checkpoint").is_none()))
        .collect()
}

#[derive(Debug, Clone)]
enum Edit {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index, prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index),
    Copy(prop::sample::Index, prop::sample::Index),
    Digit(prop::sample::Index, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1..=255u8).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        (index(), index()).prop_map(|(line, at)| Edit::Cut(line, at)),
        (index(), index()).prop_map(|(one, other)| Edit::Swap(one, other)),
        index().prop_map(Edit::Remove),
        (index(), index()).prop_map(|(from, to)| Edit::Copy(from, to)),
        (index(), b'0'..=b'9').prop_map(|(at, digit)| Edit::Digit(at, digit)),
    ]
}

fn apply(lines: &mut Vec<Vec<u8>>, edit: &Edit) {
    let count = lines.len();
    match edit {
        Edit::Flip(at, bits) => {
            let mut at = at.index(lines.iter().map(Vec::len).sum());
            for line in lines {
                if at < line.len() {
                    line[at] ^= bits;
                    return;
                }
                at -= line.len();
            }
        }
        Edit::Cut(line, at) => {
            let line = &mut lines[line.index(count)];
            let at = at.index(line.len().max(1));
            line.truncate(at);
        }
        Edit::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
        Edit::Remove(at) => drop(lines.remove(at.index(count))),
        Edit::Copy(from, to) => lines.insert(to.index(count), lines[from.index(count)].clone()),
        Edit::Digit(at, digit) => {
            let all: Vec<(usize, usize)> = lines
                .iter()
                .enumerate()
                .flat_map(|(line, text)| text.iter().enumerate().map(move |(at, byte)| (line, at, *byte)))
                .filter(|(_, _, byte)| byte.is_ascii_digit())
                .map(|(line, at, _)| (line, at))
                .collect();
            if let Some(&(line, place)) = all.get(at.index(all.len().max(1))) {
                lines[line][place] = *digit;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edit_of_an_export_goes_unseen(edits in prop::collection::vec(edit(), 1..4)) {
        let mut lines: Vec<Vec<u8>> = EXPORT.iter().map(|line| line.clone().into_bytes()).collect();
        edits.iter().for_each(|edit| apply(&mut lines, edit));
        let bytes = lines.concat();
        let untouched = content(&bytes) == content(EXPORT.concat().as_bytes());
        let report = verify(&bytes);
        prop_assert!(untouched || !report.is_whole(), "{:?} went unseen: {}", edits, report);
    }

    #[test]
    fn any_bytes_at_all_end_in_a_report(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!verify(&bytes).is_whole());
    }
}

#[test]
fn the_export_that_is_edited_is_whole() {
    let report = verify(EXPORT.concat().as_bytes());
    assert!(report.is_whole(), "{report}");
}
