//! Writes a data set as a Native DICOM Model document (PS3.19 A.1; PS3.18 F.3.1).
//! Reading such documents is `xml_in`.

use crate::dicom::value::trimmed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::header::Header;
use dicom_core::value::Value;
use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use quick_xml::escape::escape;
use std::fmt::Write;

/// The namespace of the model (PS3.19 A.1.6).
const NAMESPACE: &str = "http://dicom.nema.org/PS3.19/models/NativeDICOM";

/// Names of the component groups of a person name, in their order (PS3.5 6.2.1.1).
pub(super) const NAME_GROUPS: [&str; 3] = ["Alphabetic", "Ideographic", "Phonetic"];

/// Names of the components within a group, in their order (PS3.5 6.2.1.1).
pub(super) const NAME_PARTS: [&str; 5] =
    ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"];

/// One document. Group lengths are left out; encapsulated pixels have no place in it
/// and are written as an attribute without value (PS3.18 10.4.4: bulk data goes apart).
pub fn document(set: &InMemDicomObject) -> String {
    let mut out = String::new();
    attributes(&mut out, set);
    framed(&out)
}

/// The document around its attributes.
pub(super) fn framed(attributes: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xmlns=\"{NAMESPACE}\" xml:space=\"preserve\">{attributes}</NativeDicomModel>\n"
    )
}

fn attributes(out: &mut String, set: &InMemDicomObject) {
    for element in set.iter().filter(|element| element.tag().element() != 0) {
        attribute(out, set, element);
    }
}

fn attribute(out: &mut String, set: &InMemDicomObject, element: &InMemElement) {
    let (tag, vr) = (element.tag(), element.vr());
    open(out, tag, vr, private_creator(set, tag).as_deref());
    match element.value() {
        Value::Sequence(sequence) => items(out, sequence.items()),
        Value::Primitive(value) => values(out, vr, value),
        Value::PixelSequence(_) => {}
    }
    out.push_str("</DicomAttribute>");
}

/// The start tag of an attribute.
pub(super) fn open(out: &mut String, tag: Tag, vr: VR, creator: Option<&str>) {
    let _ = write!(
        out,
        "<DicomAttribute tag=\"{:04X}{:04X}\" vr=\"{}\"",
        tag.group(),
        tag.element(),
        vr.to_string()
    );
    if let Some(entry) = StandardDataDictionary.by_tag(tag).filter(|_| tag.group().is_multiple_of(2)) {
        let _ = write!(out, " keyword=\"{}\"", entry.alias());
    }
    if let Some(creator) = creator {
        let _ = write!(out, " privateCreator=\"{}\"", text(creator));
    }
    out.push('>');
}

/// The creator that reserved the block of a private element (PS3.5 7.8.1).
fn private_creator(set: &InMemDicomObject, tag: Tag) -> Option<String> {
    let block = Tag(tag.group(), tag.element() >> 8);
    let reserved = tag.group() % 2 == 1 && block.element() >= 0x10;
    let creator = set.element_opt(block).ok().flatten().filter(|_| reserved)?;
    let name = creator.to_bytes().ok()?;
    Some(String::from_utf8_lossy(trimmed(&name)).into_owned())
}

fn items(out: &mut String, items: &[InMemDicomObject]) {
    for (index, item) in items.iter().enumerate() {
        let _ = write!(out, "<Item number=\"{}\">", index + 1);
        attributes(out, item);
        out.push_str("</Item>");
    }
}

fn values(out: &mut String, vr: VR, value: &PrimitiveValue) {
    if matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN) {
        let bytes = value.to_bytes();
        if !bytes.is_empty() {
            let _ = write!(out, "<InlineBinary>{}</InlineBinary>", STANDARD.encode(bytes));
        }
        return;
    }
    let strings: Vec<String> = match value {
        PrimitiveValue::Empty => Vec::new(),
        PrimitiveValue::Tags(tags) => {
            tags.iter().map(|tag| format!("{:04X}{:04X}", tag.group(), tag.element())).collect()
        }
        other => other.to_multi_str().to_vec(),
    };
    // Empty values among others are written: one at the end would be lost otherwise.
    for (index, string) in
        strings.iter().enumerate().filter(|(_, string)| strings.len() > 1 || !string.is_empty())
    {
        one_value(out, vr, index + 1, string.trim_end_matches(['\0', ' ']));
    }
}

/// One numbered value.
pub(super) fn one_value(out: &mut String, vr: VR, number: usize, string: &str) {
    if vr == VR::PN {
        let _ = write!(out, "<PersonName number=\"{number}\">");
        person_name(out, string);
        out.push_str("</PersonName>");
    } else {
        let _ = write!(out, "<Value number=\"{number}\">{}</Value>", text(string));
    }
}

fn person_name(out: &mut String, name: &str) {
    for (group, label) in name.split('=').zip(NAME_GROUPS).filter(|(group, _)| !group.is_empty()) {
        let _ = write!(out, "<{label}>");
        for (part, label) in group.split('^').zip(NAME_PARTS).filter(|(part, _)| !part.is_empty()) {
            let _ = write!(out, "<{label}>{}</{label}>", text(part));
        }
        let _ = write!(out, "</{label}>");
    }
}

/// Escaped, and without the characters that XML 1.0 cannot hold.
pub(super) fn text(raw: &str) -> String {
    escape(raw.chars().filter(is_legal).collect::<String>()).into_owned()
}

/// Not a control character that XML 1.0 cannot hold, nor one that Unicode keeps free (XML 1.0 2.2).
pub(super) fn is_legal(letter: &char) -> bool {
    match letter {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        letter => !letter.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_core::{DataElement, dicom_value};

    fn inner(elements: Vec<InMemElement>) -> String {
        let xml = document(&InMemDicomObject::from_element_iter(elements));
        let start = xml.find("preserve\">").map_or(0, |at| at + 10);
        xml.get(start..).unwrap_or_default().replace("</NativeDicomModel>\n", "")
    }

    #[test]
    fn xml_02_person_names_are_split_and_text_is_escaped() {
        let name =
            DataElement::new(Tag(0x0010, 0x0010), VR::PN, PrimitiveValue::from("A&B^C=\u{5c71}^\u{7530}"));
        let expected = "<DicomAttribute tag=\"00100010\" vr=\"PN\" keyword=\"PatientName\"><PersonName number=\"1\">\
            <Alphabetic><FamilyName>A&amp;B</FamilyName><GivenName>C</GivenName></Alphabetic>\
            <Ideographic><FamilyName>\u{5c71}</FamilyName><GivenName>\u{7530}</GivenName></Ideographic>\
            </PersonName></DicomAttribute>";
        assert_eq!(inner(vec![name]), expected);
    }

    #[test]
    fn xml_02_values_are_numbered_and_binary_is_inline() {
        let values = DataElement::new(Tag(0x0008, 0x0008), VR::CS, dicom_value!(Strs, ["A", "", "B "]));
        let binary = DataElement::new(Tag(0x0028, 0x1201), VR::OW, PrimitiveValue::from(vec![1u8, 2, 3, 4]));
        let xml = inner(vec![values, binary]);
        assert!(
            xml.contains(
                "<Value number=\"1\">A</Value><Value number=\"2\"></Value><Value number=\"3\">B</Value>"
            ),
            "{xml}"
        );
        assert!(xml.contains("<InlineBinary>AQIDBA==</InlineBinary>"), "{xml}");
    }

    #[test]
    fn xml_03_private_elements_name_their_creator() {
        let creator = DataElement::new(Tag(0x0009, 0x0010), VR::LO, PrimitiveValue::from("ACME \"1\""));
        let private = DataElement::new(Tag(0x0009, 0x1001), VR::SH, PrimitiveValue::from("x"));
        let xml = inner(vec![creator, private]);
        assert!(xml.contains("tag=\"00091001\" vr=\"SH\" privateCreator=\"ACME &quot;1&quot;\""), "{xml}");
    }
}
