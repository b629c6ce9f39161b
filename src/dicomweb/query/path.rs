//! Attributes as a query names them (PS3.18 8.3.4.1): keyword or tag, alone or as a path
//! through sequences.

use crate::dicom::dictionary;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// What a parameter's name can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A path to an attribute, and the VR of its last step; UN where nobody knows it.
    Path(Vec<Tag>, VR),
    /// No attribute that is known.
    Unknown,
    /// A path through something that is unknown or no sequence.
    Broken,
}

/// Reads a name.
pub(super) fn parse(name: &str) -> Named {
    let mut steps = Vec::new();
    let mut parts = name.split('.').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match attribute(part) {
            Some((tag, vr)) if last => {
                steps.push(tag);
                return Named::Path(steps, vr);
            }
            Some((tag, VR::SQ)) => steps.push(tag),
            None if last && steps.is_empty() => return Named::Unknown,
            _ => return Named::Broken,
        }
    }
    Named::Unknown
}

/// Tag and VR of a keyword or of eight hexadecimal digits. Private tags are known as such; group lengths, file meta and
/// groups that stand in no data set are not.
pub(super) fn attribute(name: &str) -> Option<(Tag, VR)> {
    let (tag, vr) = match tag(name) {
        Some(tag) if dictionary::is_private(tag) => (tag, dictionary::vr_of(tag, false).unwrap_or(VR::UN)),
        Some(tag) => (tag, dictionary::vr_of(tag, false)?),
        None => {
            let tag = StandardDataDictionary.by_name(name)?.tag();
            (tag, dictionary::vr_of(tag, false)?)
        }
    };
    (tag.group() > 0x0002 && tag.group() < 0xFFFE && tag.element() != 0).then_some((tag, vr))
}

fn tag(text: &str) -> Option<Tag> {
    let hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(text, 16).ok().filter(|_| hex)?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}

/// A path as faults and warnings name it: keywords, or digits where there is none.
pub fn name(path: &[Tag]) -> String {
    let keyword =
        |tag: &Tag| match StandardDataDictionary.by_tag(*tag).filter(|_| !dictionary::is_private(*tag)) {
            Some(entry) => entry.alias().to_owned(),
            None => crate::dicomweb::data_set::hex(*tag),
        };
    path.iter().map(keyword).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qido_05_keywords_and_tags_name_the_same_and_mix_in_paths() {
        let path = Named::Path(vec![Tag(0x0010, 0x1002), Tag(0x0010, 0x0020)], VR::LO);
        for name in [
            "00101002.00100020",
            "OtherPatientIDsSequence.PatientID",
            "00101002.PatientID",
            "OtherPatientIDsSequence.00100020",
        ] {
            assert_eq!(parse(name), path, "{name}");
        }
        assert_eq!(parse("0020000d"), Named::Path(vec![Tag(0x0020, 0x000D)], VR::UI));
        assert_eq!(name(&[Tag(0x0010, 0x1002), Tag(0x0009, 0x1001)]), "OtherPatientIDsSequence.00091001");
    }

    #[test]
    fn http_05_qido_34_keywords_mind_their_case_and_what_is_unknown_is_told() {
        for unknown in
            ["patientid", "Foo", "00109999", "00020010", "00080000", "FFFEE000", "", "0010002", "+0100020"]
        {
            assert_eq!(parse(unknown), Named::Unknown, "{unknown}");
        }
        for broken in ["PatientID.PatientName", "Foo.PatientID", "RequestAttributesSequence.Foo", "."] {
            assert_ne!(parse(broken), Named::Path(vec![], VR::UN), "{broken}");
            assert!(!matches!(parse(broken), Named::Path(..)), "{broken}");
        }
    }
}
