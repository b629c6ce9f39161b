//! `defaults.tsv`: the rule per VR for all other standard attributes, and the attributes judged one by one.

use super::tsv;
use dicom_core::{Tag, VR};
use std::str::FromStr;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../conformance/ps3_15/defaults.tsv");

/// What a default row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// One attribute.
    Tag(Tag),
    /// All attributes of a VR.
    Vr(VR),
}

/// What a default row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Keep; a sequence is descended into.
    Keep,
    /// Remove at Type 3, empty at Type 2, dummy at Type 1.
    ByType,
    /// Keyed replacement UID.
    Uid,
    /// As the date rows of the table.
    Date,
    /// Kept under Retain Device Identity, else [`Kind::ByType`].
    Device,
    /// Remove.
    Remove,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about.
    pub selector: Selector,
    /// What it says.
    pub kind: Kind,
    /// The reason in words.
    pub why: &'static str,
}

fn parse(row: &[&'static str]) -> Option<Row> {
    let [selector, kind, why] = row else {
        return None;
    };
    let selector = match selector.strip_prefix("VR:") {
        Some(vr) => Selector::Vr(VR::from_str(vr).ok()?),
        None => Selector::Tag(tsv::tag(selector)?),
    };
    let kind = match *kind {
        "keep" => Kind::Keep,
        "by-type" => Kind::ByType,
        "uid" => Kind::Uid,
        "date" => Kind::Date,
        "device" => Kind::Device,
        "remove" => Kind::Remove,
        _ => return None,
    };
    Some(Row { selector, kind, why })
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| tsv::rows(TEXT).filter_map(|row| parse(&row)).collect());

/// All rows: first those by VR, then those by tag.
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// SHA-256 of the rows, in hex.
pub(super) fn digest() -> &'static str {
    tsv::head(TEXT, "body sha256")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::deid::{gaps, table};
    use std::collections::HashSet;

    #[test]
    fn every_row_parses_and_none_is_repeated() {
        let lines = tsv::rows(TEXT).count();
        tsv::tests::assert_well_formed(TEXT, 3, lines);
        assert_eq!(rows().len(), lines);
        let once: HashSet<_> = rows().iter().map(|row| row.selector).collect();
        assert_eq!(once.len(), lines);
        let vrs = once.iter().filter(|s| matches!(s, Selector::Vr(_))).count();
        assert_eq!(vrs, 34, "each VR of PS3.5 has a rule");
    }

    #[test]
    fn no_row_contradicts_the_table_or_the_gaps() {
        for row in rows() {
            let Selector::Tag(tag) = row.selector else {
                continue;
            };
            assert!(table::rows().iter().all(|other| other.tag != Some(tag)), "{tag}");
            assert!(gaps::rows().iter().all(|other| other.tag != Some(tag)), "{tag}");
        }
    }
}
