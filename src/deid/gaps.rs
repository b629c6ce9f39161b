//! `gaps.tsv`: attributes outside Table E.1-1 that identify, refer, or hold dates and text. What their classes come to
//! lives in `outcome`.

use super::tsv;
use dicom_core::Tag;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../conformance/ps3_15/gaps.tsv");

/// Why an attribute that the table leaves out needs a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Names a class, a syntax or a coding resource: stays (PS3.15 E.3.9 note).
    UidStructural,
    /// Belongs to the file meta group, which is rewritten (PS3.15 E.1.1).
    UidFileMeta,
    /// Points at an instance, a frame of reference or another generated thing.
    UidInstance,
    /// May hold a well-known or a generated UID.
    UidMixed,
    /// Names a repository or community, hence an institution.
    UidOrganization,
    /// A date or time.
    DateTime,
    /// Everything that is removed: names, persons, identifiers of patient and order, locations, dates as text.
    Identity,
    /// A serial-like identifier of equipment.
    Device,
    /// Text that a person typed.
    Text,
}

impl Class {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "uid-structural" => Self::UidStructural,
            "uid-file-meta" => Self::UidFileMeta,
            "uid-instance" => Self::UidInstance,
            "uid-mixed" => Self::UidMixed,
            "uid-organization" => Self::UidOrganization,
            "date-time" => Self::DateTime,
            "date-as-text" | "person-name" | "person" | "patient-identity" | "order-identity"
            | "location-uri" => Self::Identity,
            "device-identity" => Self::Device,
            "free-text" | "sr-content" => Self::Text,
            _ => return None,
        })
    }
}

/// One attribute that the table leaves out.
#[derive(Debug, Clone)]
pub struct Row {
    /// The tag, unless the row names a repeating group (overlays, which go whole).
    pub tag: Option<Tag>,
    /// Keyword of PS3.6.
    pub keyword: &'static str,
    /// The name of the class in the file.
    pub class_name: &'static str,
    /// The class.
    pub class: Class,
    /// The reason in words.
    pub why: &'static str,
}

fn parse(row: &[&'static str]) -> Option<Row> {
    let [tag, keyword, _vr, class_name, why] = row else {
        return None;
    };
    Some(Row { tag: tsv::tag(tag), keyword, class_name, class: Class::parse(class_name)?, why })
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| tsv::rows(TEXT).filter_map(|row| parse(&row)).collect());

/// All rows, in the order of their tags.
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
    use crate::deid::table;

    #[test]
    fn every_row_parses() {
        tsv::tests::assert_well_formed(TEXT, 5, 120);
        assert_eq!(rows().len(), 120);
    }

    #[test]
    fn no_row_repeats_one_of_the_table() {
        for row in rows().iter().filter(|row| row.tag.is_some()) {
            assert!(table::rows().iter().all(|other| other.tag != row.tag), "{}", row.keyword);
        }
    }
}
