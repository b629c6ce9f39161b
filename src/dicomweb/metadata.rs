//! One instance as a store request with metadata describes it (PS3.18 10.5.1.4): encoded
//! elements, and places where bulk data belongs. Reading JSON or XML, and joining the
//! bulk data, live beside this.

use dicom_core::{Tag, VR};
use std::fmt;

/// SOP Class UID.
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
/// SOP Instance UID.
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
/// Lowest group of an instance's own attributes: command, file meta and directory elements are below (PS3.5 7.1, PS3.3 F.3).
const FIRST_GROUP: u16 = 0x0008;
/// Specific Character Set.
pub(super) const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Longest UID taken. The legal limit is 64 characters (PS3.5 9.1), but real instances
/// exceed it, and pseudonymization replaces the UID anyway.
const MAX_UID: usize = 256;

/// An element whose value is encoded: little endian, even length, text in UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub tag: Tag,
    pub vr: VR,
    pub content: Content,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    Value(Vec<u8>),
    Items(Vec<Vec<Element>>),
    /// BulkDataURI (PS3.18 F.2.6): the value is in the part of this location.
    Bulk(String),
}

/// Shows the tag and VR only.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tag, self.vr.to_string())
    }
}

/// An instance without its bulk data.
#[derive(Clone, PartialEq, Eq)]
pub struct MetadataInstance {
    /// Ascending by tag, each tag once.
    pub(super) elements: Vec<Element>,
    sop_class: String,
    sop_instance: String,
}

/// Shows how many elements there are and nothing of them.
impl fmt::Debug for MetadataInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetadataInstance({} elements)", self.elements.len())
    }
}

/// Why one instance of the metadata cannot be taken. Always a fault of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFaultKind {
    /// An instance, attribute or item is no object.
    #[error("something else stands where an object must")]
    NotAnObject,
    /// A name occurs twice in one object, or a tag twice in one data set.
    #[error("an attribute or member occurs twice")]
    Duplicate,
    /// A tag is not eight upper-case hex digits, or none of a data set (PS3.18 F.2.2).
    #[error("a tag is not eight upper-case hexadecimal digits or belongs into no data set")]
    BadTag,
    /// No `vr` (PS3.18 F.2.2).
    #[error("the VR is missing")]
    MissingVr,
    /// The VR is none of PS3.5 6.2.
    #[error("the VR is unknown")]
    UnknownVr,
    /// More than one of Value, InlineBinary, BulkDataURI, or one that the VR cannot have.
    #[error("the value is given in a form that its VR does not have, or in two forms")]
    BadForm,
    /// A value does not fit its VR (PS3.18 F.2.3).
    #[error("a value does not fit its VR")]
    BadValue,
    /// The part is no Native DICOM Model document (PS3.19 A.1), or holds a DTD.
    #[error("the metadata is no Native DICOM Model document")]
    NotADocument,
    /// Items are nested deeper than 32 levels.
    #[error("sequences are nested deeper than the limit")]
    TooDeep,
    /// A private creator has no free block left (PS3.5 7.8.1).
    #[error("no private block is left in the group")]
    NoPrivateBlock,
    /// SOP Class or SOP Instance UID is missing or cannot be one.
    #[error("SOP Class UID or SOP Instance UID is missing")]
    MissingUid,
}

/// A fault with its place. The UIDs are those sent: only for looking up what to name in
/// an answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", place(.tag))]
pub struct MetadataFault {
    /// What is wrong.
    pub kind: MetadataFaultKind,
    /// The attribute at which it was seen.
    pub tag: Option<Tag>,
    /// SOP Class UID of the instance as sent, if it could be read.
    pub sop_class: Option<String>,
    /// SOP Instance UID of the instance as sent, if it could be read.
    pub sop_instance: Option<String>,
}

/// Shows kind and tag, no UID.
impl fmt::Debug for MetadataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetadataFault({:?}{})", self.kind, place(&self.tag))
    }
}

/// ` at (gggg,eeee)`, or nothing.
pub(super) fn place(tag: &Option<Tag>) -> String {
    tag.map(|Tag(group, element)| format!(" at ({group:04X},{element:04X})")).unwrap_or_default()
}

/// Kind and tag of a fault while an instance is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(pub MetadataFaultKind, pub Option<Tag>);

impl At {
    /// With the UIDs of the instance.
    pub fn of(self, sop_class: Option<String>, sop_instance: Option<String>) -> MetadataFault {
        MetadataFault { kind: self.0, tag: self.1, sop_class, sop_instance }
    }
}

impl MetadataInstance {
    /// An instance of these elements; without group 0002, which metadata must not carry
    /// and is made anew from the bulk data (PS3.18 10.5.1.4).
    /// Elements of a directory are no instance's and are refused: at the start of a data set they would make its byte
    /// order doubtful.
    pub(super) fn new(elements: Vec<Element>) -> Result<Self, At> {
        let elements = arranged(elements)?;
        if let Some(first) = elements.first().filter(|first| first.tag.group() < FIRST_GROUP) {
            return Err(At(MetadataFaultKind::BadTag, Some(first.tag)));
        }
        let (sop_class, sop_instance) = (uid_of(&elements, SOP_CLASS), uid_of(&elements, SOP_INSTANCE));
        let missing = |tag| At(MetadataFaultKind::MissingUid, Some(tag));
        let sop_class = sop_class.ok_or(missing(SOP_CLASS))?;
        Ok(Self { sop_class, sop_instance: sop_instance.ok_or(missing(SOP_INSTANCE))?, elements })
    }

    /// SOP Class UID as sent.
    pub fn sop_class(&self) -> &str {
        &self.sop_class
    }

    /// SOP Instance UID as sent. An identifier of the source: never for logs or answers.
    pub fn sop_instance(&self) -> &str {
        &self.sop_instance
    }

    /// Every BulkDataURI, at any depth (PS3.18 F.2.6).
    pub fn bulk_uris(&self) -> Vec<&str> {
        let mut uris = Vec::new();
        collect_uris(&self.elements, &mut uris);
        uris
    }
}

/// Ascending by tag, without what an encoder adds by itself: group lengths, command and
/// file meta groups, character set (text is UTF-8).
pub(super) fn arranged(mut elements: Vec<Element>) -> Result<Vec<Element>, At> {
    elements.retain(|element| {
        element.tag.group() > 0x0002 && element.tag.element() != 0 && element.tag != CHARACTER_SET
    });
    elements.sort_by_key(|element| element.tag);
    let twice = elements.windows(2).find_map(|pair| match pair {
        [one, other] if one.tag == other.tag => Some(one.tag),
        _ => None,
    });
    twice.map_or(Ok(elements), |tag| Err(At(MetadataFaultKind::Duplicate, Some(tag))))
}

fn uid_of(elements: &[Element], tag: Tag) -> Option<String> {
    let element = elements.iter().find(|element| element.tag == tag)?;
    let Content::Value(value) = &element.content else { return None };
    let text = crate::dicom::value::ascii(value)?;
    let plausible = (1..=MAX_UID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plausible.then(|| text.to_owned())
}

fn collect_uris<'a>(elements: &'a [Element], uris: &mut Vec<&'a str>) {
    for element in elements {
        match &element.content {
            Content::Bulk(uri) => uris.push(uri),
            Content::Items(items) => items.iter().for_each(|item| collect_uris(item, uris)),
            Content::Value(_) => {}
        }
    }
}

/// The tag of eight upper-case hex digits (PS3.18 F.2.2). Item and delimiter tags are no
/// attributes and would break the encoding.
pub(super) fn tag(text: &str) -> Result<Tag, At> {
    let hex = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    let number = u32::from_str_radix(text, 16).ok().filter(|_| hex);
    let tag = number.map(|number| Tag((number >> 16) as u16, (number & 0xFFFF) as u16));
    tag.filter(|tag| tag.group() != 0xFFFE).ok_or(At(MetadataFaultKind::BadTag, None))
}

/// The VR of two letters.
pub(super) fn vr(text: Option<&str>, tag: Tag) -> Result<VR, At> {
    let text = text.ok_or(At(MetadataFaultKind::MissingVr, Some(tag)))?;
    text.parse().map_err(|_| At(MetadataFaultKind::UnknownVr, Some(tag)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn element(tag: Tag, value: &[u8]) -> Element {
        Element { tag, vr: VR::UI, content: Content::Value(value.to_vec()) }
    }

    #[test]
    fn stow_12_group_0002_group_lengths_and_character_set_are_dropped() {
        let elements = vec![
            element(SOP_INSTANCE, b"2.25.1"),
            element(CHARACTER_SET, b"ISO_IR 100"),
            element(Tag(0x0008, 0x0000), b"xxxx"),
            element(Tag(0x0002, 0x0010), b"1.2.840.10008.1.2"),
            element(SOP_CLASS, b"1.2\0\0"),
        ];
        let instance = MetadataInstance::new(elements).unwrap();
        let tags: Vec<_> = instance.elements.iter().map(|element| element.tag).collect();
        assert_eq!(tags, [SOP_CLASS, SOP_INSTANCE]);
        assert_eq!((instance.sop_class(), instance.sop_instance()), ("1.2", "2.25.1"));
    }

    #[test]
    fn an_instance_without_uids_is_refused() {
        let missing = |tag| Err(At(MetadataFaultKind::MissingUid, Some(tag)));
        assert_eq!(MetadataInstance::new(vec![element(SOP_CLASS, b"1.2")]), missing(SOP_INSTANCE));
        assert_eq!(MetadataInstance::new(vec![element(SOP_CLASS, b"")]), missing(SOP_CLASS));
    }

    #[test]
    fn elements_of_a_directory_are_refused_with_their_tag() {
        let place = Tag(0x0004, 0x0005);
        let elements =
            vec![element(SOP_CLASS, b"1.2"), element(SOP_INSTANCE, b"2.25.1"), element(place, b"A ")];
        assert_eq!(MetadataInstance::new(elements), Err(At(MetadataFaultKind::BadTag, Some(place))));
    }

    #[test]
    fn tags_of_items_or_in_lower_case_are_refused() {
        for bad in ["0020000d", "FFFEE000", "FFFEE0DD", "(0010,0010)", "PatientID", "+0100010", ""] {
            assert_eq!(tag(bad), Err(At(MetadataFaultKind::BadTag, None)), "{bad}");
        }
        assert_eq!(tag("0020000D"), Ok(Tag(0x0020, 0x000D)));
    }

    #[test]
    fn debug_shows_no_value() {
        let elements = vec![element(SOP_CLASS, b"1.2"), element(SOP_INSTANCE, b"2.25.99")];
        let shown = format!("{:?} {:?}", elements, MetadataInstance::new(elements.clone()));
        assert!(!shown.contains("2.25.99") && !shown.contains("50"), "{shown}");
    }
}
