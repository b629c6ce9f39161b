//! Reads the DICOM JSON model of another server's answer as a tree (PS3.18 Annex F), attribute by attribute: what cannot
//! be read is left out and told. Store requests, where a fault fails the instance, are `json_in`'s.

use super::values::{self, Atom};
use super::xml_out::NAME_GROUPS;
use crate::deid::object::elsewhere;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use serde_json::{Map, Value};

/// Most nested sequences.
const DEPTH: usize = 32;

/// A data set that was read.
pub struct Read {
    /// What could be read. Values are encoded as Explicit VR Little Endian has them, texts in UTF-8; values that are
    /// given by reference are [`elsewhere`].
    pub object: InMemDicomObject,
    /// Attributes of the top level that could not be read.
    pub unread: Vec<Tag>,
}

/// Reads one data set.
pub fn read<'a>(attributes: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Read {
    let mut unread = Vec::new();
    let object = level(attributes, DEPTH, &mut unread);
    Read { object, unread }
}

fn level<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Value)>,
    depth: usize,
    unread: &mut Vec<Tag>,
) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (name, attribute) in attributes {
        let Some(tag) = tag(name) else { continue };
        match element(tag, attribute, depth) {
            Some(element) => drop(object.put(element)),
            None => unread.push(tag),
        }
    }
    object
}

/// Item and delimiter tags are no attributes; group lengths tell nothing.
fn tag(name: &str) -> Option<Tag> {
    let digits = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(name, 16).ok().filter(|_| digits)?;
    let tag = Tag((number >> 16) as u16, (number & 0xFFFF) as u16);
    (tag.group() != 0xFFFE && tag.element() != 0).then_some(tag)
}

fn element(tag: Tag, attribute: &Value, depth: usize) -> Option<InMemElement> {
    let members = attribute.as_object()?;
    let vr: VR = members.get("vr")?.as_str()?.parse().ok()?;
    let given = |name: &str| members.get(name).filter(|value| !value.is_null());
    match (given("Value"), given("InlineBinary"), given("BulkDataURI")) {
        (None, None, None) if vr == VR::SQ => Some(sequence(tag, Vec::new())),
        (None, None, None) => Some(DataElement::empty(tag, vr)),
        (Some(items), None, None) if vr == VR::SQ => {
            let depth = depth.checked_sub(1)?;
            let item = |item: &Value| item.as_object().map(|item| level(item, depth, &mut Vec::new()));
            Some(sequence(tag, items.as_array()?.iter().map(item).collect::<Option<_>>()?))
        }
        (Some(values), None, None) if !values::is_binary(vr) => {
            let atoms = values.as_array()?.iter().map(|value| atom(vr, value));
            Some(encoded(tag, vr, values::encode(vr, atoms).ok()?))
        }
        (None, Some(base64), None) => Some(encoded(tag, vr, values::binary(vr, base64.as_str()?).ok()?)),
        (None, None, Some(_)) if may_stand_elsewhere(vr) => Some(elsewhere(tag, vr)),
        _ => None,
    }
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> InMemElement {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// An element of an encoded value.
pub fn encoded(tag: Tag, vr: VR, value: Vec<u8>) -> InMemElement {
    match value.is_empty() {
        true => DataElement::empty(tag, vr),
        false => DataElement::new(tag, vr, PrimitiveValue::U8(value.into())),
    }
}

/// PS3.18 10.4.3.3.2 with F.2.2: what may be given by reference.
fn may_stand_elsewhere(vr: VR) -> bool {
    use VR::{DS, FD, FL, IS, LT, SL, SS, ST, SV, UC, UL, US, UT, UV};
    let number = matches!(vr, DS | FD | FL | IS | SL | SS | SV | UL | US | UV);
    number || values::is_binary(vr) || matches!(vr, LT | ST | UC | UT)
}

fn atom(vr: VR, value: &Value) -> Option<Atom<'_>> {
    match value {
        Value::Null => Some(Atom::Null),
        Value::String(text) => Some(Atom::Text(text.into())),
        Value::Number(number) => Some(Atom::Number(number.clone())),
        Value::Object(groups) if vr == VR::PN => Some(Atom::Text(person_name(groups).into())),
        _ => None,
    }
}

/// `Alphabetic=Ideographic=Phonetic` (PS3.18 F.2.2; PS3.5 6.2.1.1).
fn person_name(groups: &Map<String, Value>) -> String {
    let group = |label: &str| groups.get(label).and_then(Value::as_str).unwrap_or_default();
    NAME_GROUPS.map(group).join("=").trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deid::object::is_elsewhere;
    use serde_json::json;

    fn of(value: Value) -> Read {
        read(value.as_object().unwrap())
    }

    #[test]
    fn values_are_encoded_and_references_stand_elsewhere() {
        let read = of(json!({
            "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "\u{5c71}"}]},
            "00280010": {"vr": "US", "Value": [512]},
            "00281201": {"vr": "OW", "InlineBinary": "AQI="},
            "7FE00010": {"vr": "OW", "BulkDataURI": "http://h/x"},
            "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
            "00104000": {"vr": "LT"},
        }));
        assert!(read.unread.is_empty());
        let bytes = |tag: Tag| read.object.element(tag).unwrap().to_bytes().unwrap().to_vec();
        assert_eq!(bytes(Tag(0x0010, 0x0010)), "A^B=\u{5c71} ".as_bytes());
        assert_eq!(bytes(Tag(0x0028, 0x0010)), [0, 2]);
        assert_eq!(bytes(Tag(0x0028, 0x1201)), [1, 2]);
        assert!(is_elsewhere(read.object.element(Tag(0x7FE0, 0x0010)).unwrap()));
        let items = read.object.element(Tag(0x0008, 0x1140)).unwrap().items().unwrap();
        assert_eq!(items.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_told() {
        let read = of(json!({
            "00080060": {"vr": "CS", "Value": [{"a": 1}]},
            "00280301": {"vr": "CS", "BulkDataURI": "http://h/x"},
            "00280010": {"vr": "US", "Value": [70000]},
            "00280011": {"vr": "XX", "Value": [1]},
            "00280012": {"Value": [1]},
            "00281201": {"vr": "OW", "Value": [1]},
            "00281202": {"vr": "OW", "InlineBinary": "AQI=", "BulkDataURI": "x"},
            "0028030": {"vr": "CS"},
            "FFFEE000": {"vr": "UN"},
        }));
        assert_eq!(read.object.iter().count(), 0);
        assert_eq!(read.unread.len(), 7);
    }

    #[test]
    fn nesting_is_bounded() {
        let mut inner = json!({});
        for _ in 0..100 {
            inner = json!({"00081140": {"vr": "SQ", "Value": [inner]}});
        }
        assert_eq!(of(inner).unread.len(), 0, "what lies too deep is left out of its item");
    }
}
