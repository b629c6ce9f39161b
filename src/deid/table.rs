//! PS3.15 Table E.1-1 as checked-in rows. Nothing is decided here.

use super::code::{Cell, Code};
use super::option::ProfileOption;
use super::tsv;
use dicom_core::Tag;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../conformance/ps3_15/table_e1_1.tsv");

/// One row of Table E.1-1.
#[derive(Debug, Clone)]
pub struct Row {
    /// The tag as the table writes it: eight digits, `60xx3000`, `50xxxxxx` or `private`.
    pub selector: &'static str,
    /// The tag, where the row names exactly one.
    pub tag: Option<Tag>,
    /// Keyword of PS3.6.
    pub keyword: &'static str,
    /// VR of PS3.6, empty for the curve and the private row.
    pub vr: &'static str,
    /// Retired from the standard.
    pub retired: bool,
    /// Part of a standard composite IOD.
    pub in_standard_iod: bool,
    /// The Basic Profile column.
    pub basic: Code,
    cells: [Cell; 10],
}

impl Row {
    /// What the column of an option says about this row; blank for the options without a column.
    pub fn cell(&self, option: ProfileOption) -> Cell {
        option.column().and_then(|column| self.cells.get(column)).copied().unwrap_or(Cell::Blank)
    }

    fn parse(columns: &[&'static str]) -> Option<Self> {
        let [selector, keyword, vr, _vm, retired, in_iod, basic, cells @ ..] = columns else {
            return None;
        };
        let cells: Vec<Cell> = cells.iter().filter_map(|text| Cell::parse(text)).collect();
        Some(Self {
            selector,
            tag: tsv::tag(selector),
            keyword,
            vr,
            retired: *retired == "Y",
            in_standard_iod: *in_iod == "Y",
            basic: Code::parse(basic)?,
            cells: cells.try_into().ok()?,
        })
    }
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| tsv::rows(TEXT).filter_map(|row| Row::parse(&row)).collect());

/// All rows, in the order of their tags.
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The edition of PS3.15 the table is taken from, for example `2026d`.
pub fn edition() -> &'static str {
    tsv::head(TEXT, "edition")
}

/// SHA-256 of the rows, in hex.
pub(super) fn digest() -> &'static str {
    tsv::head(TEXT, "body sha256")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_row_parses_and_the_head_tells_the_truth() {
        tsv::tests::assert_well_formed(TEXT, 17, 657);
        assert_eq!(rows().len(), 657);
        assert_eq!(edition(), "2026d");
        let odd: Vec<_> = rows().iter().filter(|row| row.tag.is_none()).map(|row| row.selector).collect();
        assert_eq!(odd, ["50xxxxxx", "60xx3000", "60xx4000", "private"]);
    }

    #[test]
    fn the_count_of_each_code_is_that_of_the_standard() {
        let count = |code| rows().iter().filter(|row| row.basic == code).count();
        let found = Code::ALL.map(|(code, _)| count(code));
        assert_eq!(found, [417, 42, 93, 55, 11, 23, 6, 8, 2]);
    }

    #[test]
    fn the_columns_stand_where_the_options_look_for_them() {
        let names = TEXT.lines().take_while(|l| l.starts_with('#')).last().unwrap();
        let names: Vec<_> = names.split('\t').skip(7).collect();
        for option in ProfileOption::ALL {
            if let Some(column) = option.column() {
                assert_eq!(names[column], option.key());
            } else {
                assert!(!names.contains(&option.key()));
            }
        }
    }
}
