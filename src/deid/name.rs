//! How people write the name of an attribute: a tag or a keyword of PS3.6. What is decided
//! about it lives in `plan`.

use super::tsv;
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, TagRange};
use dicom_dictionary_std::StandardDataDictionary;

/// Reads `0010,0010`, `(0010,0010)`, `00100010` or a keyword of PS3.6.
pub fn resolve_name(text: &str) -> Option<Tag> {
    let text = text.trim();
    resolve_digits(text).or_else(|| resolve_keyword(text))
}

/// Reads `0010,0010`, `(0010,0010)` or `00100010`.
pub(super) fn resolve_digits(text: &str) -> Option<Tag> {
    let plain = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    match plain.split_once(',') {
        Some((group, element)) if group.len() == 4 => tsv::tag(&format!("{group}{element}")),
        Some(_) => None,
        None => tsv::tag(plain),
    }
}

/// Reads a keyword of PS3.6 that names exactly one attribute.
pub(super) fn resolve_keyword(text: &str) -> Option<Tag> {
    let entry = StandardDataDictionary.by_name(text)?;
    matches!(entry.tag_range(), TagRange::Single(_)).then(|| entry.tag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_spelling() {
        let name = Some(Tag(0x0010, 0x0010));
        for spelling in ["0010,0010", "(0010,0010)", "00100010", "PatientName", " PatientName "] {
            assert_eq!(resolve_name(spelling), name, "{spelling}");
        }
        assert_eq!(resolve_name("7fe0,0010"), Some(Tag(0x7FE0, 0x0010)));
        for wrong in ["", "0010", "0010,001", "00,100010", "PatientsName", "OverlayData", "(0010,0010"] {
            assert_eq!(resolve_name(wrong), None, "{wrong}");
        }
    }
}
