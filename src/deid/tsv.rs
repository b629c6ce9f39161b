//! Reading the checked-in tables: rows, head lines, tags. What the rows mean lives with each table.

use dicom_core::Tag;

/// The rows below the comment head, split at tabs.
pub(super) fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// What follows `# {key} ` in the comment head, for example `edition` or `body sha256`.
pub(super) fn head(text: &'static str, key: &str) -> &'static str {
    text.lines()
        .map_while(|line| line.strip_prefix("# "))
        .find_map(|line| line.strip_prefix(key))
        .map_or("", str::trim)
}

/// Eight hex digits as a tag.
pub(super) fn tag(text: &str) -> Option<Tag> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(text, 16).ok()?;
    Some(from_number(number))
}

/// Group and element as one number, group first.
pub(super) fn number(tag: Tag) -> u32 {
    u32::from(tag.group()) << 16 | u32::from(tag.element())
}

/// The reverse of [`number`].
pub(super) fn from_number(number: u32) -> Tag {
    let [a, b, c, d] = number.to_be_bytes();
    Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;
    use sha2::{Digest, Sha256};

    /// Proves that a table is what its head says, and that each of its rows has `columns` columns.
    pub(in crate::deid) fn assert_well_formed(text: &'static str, columns: usize, count: usize) {
        let body: String = text.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        let digest: String = Sha256::digest(body.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(head(text, "body sha256"), digest, "run conformance/derive_tables.py");
        assert!(!head(text, "edition").is_empty() || !head(text, "edition:").is_empty());
        let found: Vec<_> = rows(text).collect();
        assert_eq!(found.len(), count);
        for row in found {
            assert_eq!(row.len(), columns, "{row:?}");
        }
    }

    #[test]
    fn tags_go_through_numbers_and_back() {
        assert_eq!(tag("7FE00010"), Some(Tag(0x7FE0, 0x0010)));
        assert_eq!(from_number(number(Tag(0xFFFE, 0xE000))), Tag(0xFFFE, 0xE000));
        assert_eq!(tag("60xx3000"), None);
        assert_eq!(tag("+0100010"), None);
    }
}
