//! Reads the DICOM JSON model of another server's answer as a tree (PS3.18 Annex F), attribute by attribute: what cannot
//! be read is left out and told. Store requests, where a fault fails the instance, are `json_in`'s.

use super::json_node::{self, Node};
use super::values::{self, Atom};
use super::xml_out::NAME_GROUPS;
use crate::deid::object::{elsewhere, encode};
use crate::dicom::value;
use dicom_core::header::Header;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use serde_json::{Number, Value};

/// Most nested sequences.
const DEPTH: usize = 32;

const TRANSFER_SYNTAX: Tag = Tag(0x0002, 0x0010);
const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const RETRIEVE_URL: Tag = Tag(0x0008, 0x1190);
const AVAILABLE_SYNTAX: Tag = Tag(0x0008, 0x3002);

/// A data set that was read.
pub struct Read {
    /// What could be read. Values are encoded as Explicit VR Little Endian has them, texts in UTF-8; values that are
    /// given by reference are [`elsewhere`].
    pub object: InMemDicomObject,
    /// Attributes of the top level that could not be read.
    pub unread: Vec<Tag>,
}

impl Read {
    /// The first number of an attribute of the top level that has two bytes.
    pub fn number(&self, tag: Tag) -> Option<u16> {
        let value = self.object.get(tag).and_then(|element| element.value().primitive())?;
        value::first_us(&encode(tag, value).ok()?)
    }

    /// The text of an attribute of the top level, without its padding; empty if it has none, or one that is no text.
    pub fn text(&self, tag: Tag) -> String {
        let value = self.object.get(tag).and_then(|element| element.value().primitive());
        let bytes = value.and_then(|value| encode(tag, value).ok()).unwrap_or_default();
        String::from_utf8_lossy(value::trimmed(&bytes)).into_owned()
    }
}

/// Reads a data set that was read as a map.
pub fn read<'a>(attributes: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Read {
    let mut unread = Vec::new();
    let attributes = attributes.into_iter().map(|(name, attribute)| (name.as_str(), attribute));
    let object = level(attributes, DEPTH, &mut unread);
    Read { object, unread }
}

/// Reads a data set as another server writes it: nothing but attributes and their values, and no link of the server's. Of
/// an attribute that stands there twice nobody knows which counts: it cannot be read. `None` if the text is no object.
pub fn parse(text: &[u8]) -> Option<Read> {
    let whole = json_node::parse(text)?;
    let mut unread = Vec::new();
    let mut object = level(whole.members()?, DEPTH, &mut unread);
    // JSON is UTF-8, whatever the instance was (PS3.18 F.2).
    if object.get(CHARACTER_SET).is_some() {
        object.put(encoded(CHARACTER_SET, VR::CS, b"ISO_IR 192".to_vec()));
    }
    // Group 0002 belongs to no data set; what it says of the transfer syntax is kept.
    if let Some(syntax) = object.get(TRANSFER_SYNTAX).and_then(|it| it.value().primitive().cloned()) {
        object.put(DataElement::new(AVAILABLE_SYNTAX, VR::UI, syntax));
    }
    object.retain(|element| element.tag().group() != 0x0002);
    Some(Read { object, unread })
}

/// JSON as it lies in memory.
trait Given: Sized {
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>>;
    fn elements(&self) -> Option<&[Self]>;
    fn text(&self) -> Option<&str>;
    fn number(&self) -> Option<&Number>;
    fn is_null(&self) -> bool;
}

impl Given for Value {
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        Some(self.as_object()?.iter().map(|(name, value)| (name.as_str(), value)))
    }
    fn elements(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }
    fn text(&self) -> Option<&str> {
        self.as_str()
    }
    fn number(&self) -> Option<&Number> {
        self.as_number()
    }
    fn is_null(&self) -> bool {
        self.is_null()
    }
}

impl Given for Node<'_> {
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        let Self::Object(members) = self else { return None };
        Some(members.iter().map(|(name, node)| (name.as_ref(), node)))
    }
    fn elements(&self) -> Option<&[Self]> {
        if let Self::Array(nodes) = self { Some(nodes) } else { None }
    }
    fn text(&self) -> Option<&str> {
        self.text()
    }
    fn number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }
    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

fn level<'a, G: Given + 'a>(
    attributes: impl Iterator<Item = (&'a str, &'a G)>,
    depth: usize,
    unread: &mut Vec<Tag>,
) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (name, attribute) in attributes {
        let Some(tag) = tag(name) else { continue };
        let twice = match element(tag, attribute, depth) {
            Some(element) => object.put(element).is_some(),
            None => true,
        };
        if twice {
            unread.push(tag);
        }
    }
    // At the end: what stands there a third time counts no more than the second.
    for tag in unread.iter() {
        object.remove_element(*tag);
    }
    object
}

/// Item and delimiter tags are no attributes; group lengths tell nothing, and links lead to the server.
fn tag(name: &str) -> Option<Tag> {
    let digits = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(name, 16).ok().filter(|_| digits)?;
    let tag = Tag((number >> 16) as u16, (number & 0xFFFF) as u16);
    (tag.group() != 0xFFFE && tag.element() != 0 && tag != RETRIEVE_URL).then_some(tag)
}

fn element(tag: Tag, attribute: &impl Given, depth: usize) -> Option<InMemElement> {
    let (mut vr, mut form) = (None, None);
    for (name, given) in attribute.members()?.filter(|(_, given)| !given.is_null()) {
        match name {
            "vr" if vr.is_none() => vr = Some(given.text()?.parse::<VR>().ok()?),
            "Value" | "InlineBinary" | "BulkDataURI" if form.is_none() => form = Some((name, given)),
            "vr" | "Value" | "InlineBinary" | "BulkDataURI" => return None,
            _ => {}
        }
    }
    let vr = vr?;
    match form {
        None if vr == VR::SQ => Some(sequence(tag, Vec::new())),
        None => Some(DataElement::empty(tag, vr)),
        Some(("Value", items)) if vr == VR::SQ => {
            let depth = depth.checked_sub(1)?;
            let item = |item| Some(level(Given::members(item)?, depth, &mut Vec::new()));
            Some(sequence(tag, items.elements()?.iter().map(item).collect::<Option<_>>()?))
        }
        Some(("Value", values)) if !values::is_binary(vr) => {
            let atoms = values.elements()?.iter().map(|value| atom(vr, value));
            Some(encoded(tag, vr, values::encode(vr, atoms).ok()?))
        }
        Some(("InlineBinary", base64)) => Some(encoded(tag, vr, values::binary(vr, base64.text()?).ok()?)),
        Some(("BulkDataURI", _)) if may_stand_elsewhere(vr) => Some(elsewhere(tag, vr)),
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

fn atom(vr: VR, value: &impl Given) -> Option<Atom<'_>> {
    if value.is_null() {
        return Some(Atom::Null);
    }
    let text = || value.text().map(|text| Atom::Text(text.into()));
    let number = || value.number().map(|number| Atom::Number(number.clone()));
    let name =
        || Some(value).filter(|_| vr == VR::PN).and_then(|it| Some(Atom::Text(person_name(it)?.into())));
    text().or_else(number).or_else(name)
}

/// `Alphabetic=Ideographic=Phonetic` (PS3.18 F.2.2; PS3.5 6.2.1.1).
fn person_name(groups: &impl Given) -> Option<String> {
    let mut name = [""; 3];
    for (label, group) in groups.members()? {
        if let Some(place) =
            NAME_GROUPS.iter().position(|known| *known == label).and_then(|at| name.get_mut(at))
        {
            *place = group.text().unwrap_or_default();
        }
    }
    Some(name.join("=").trim_end_matches('=').to_owned())
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
    fn what_another_server_writes_is_read_without_its_links_and_its_group_2() {
        let text = r#"{
            "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
            "00080000": {"vr": "UL", "Value": [4]},
            "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
            "00081190": {"vr": "UR", "Value": ["http://pacs/studies/1"]},
            "00100010": {"Value": [{"Alphabetic": "A\u005eB", "x": 1}], "vr": "PN"},
            "0020000d": {"vr": "UI", "Value": ["1.2"]},
            "54000100": {"vr": "SQ", "Value": [{}, {"00081190": {"vr": "UR", "Value": ["http://pacs/2"]},
                "54001010": {"vr": "OW", "BulkDataURI": "../bulk/3"}}]},
            "link": "http://pacs/4"}"#;
        let read = parse(text.as_bytes()).unwrap();
        let tags: Vec<Tag> = read.object.iter().map(|element| element.tag()).collect();
        let expected = [(8, 5), (8, 0x3002), (0x10, 0x10), (0x20, 0xD), (0x5400, 0x100)];
        assert_eq!(tags, expected.map(|(group, element)| Tag(group, element)));
        assert!(read.unread.is_empty());
        let texts = [(CHARACTER_SET, "ISO_IR 192"), (Tag(0x10, 0x10), "A^B"), (Tag(0x20, 0xD), "1.2")];
        assert!(texts.iter().all(|(tag, text)| read.text(*tag) == *text));
        assert_eq!(read.text(AVAILABLE_SYNTAX), "1.2.840.10008.1.2.1");
        let items = read.object.element(Tag(0x5400, 0x100)).unwrap().items().unwrap();
        assert_eq!(items.iter().map(|item| item.iter().count()).collect::<Vec<_>>(), [0, 1]);
        for no_object in ["", "[]", "3", "{\"a\":}", "{} {}"] {
            assert!(parse(no_object.as_bytes()).is_none(), "{no_object}");
        }
    }

    #[test]
    fn of_what_is_told_twice_nobody_knows_which_counts() {
        let burned = Tag(0x0028, 0x0301);
        for text in [
            r#"{"00280301": {"vr": "CS", "Value": ["NO"]}, "00280301": {"vr": "CS", "Value": ["YES"]}}"#,
            r#"{"00280301": {"vr": "CS"}, "00280301": {"vr": "CS"}, "00280301": {"vr": "CS", "Value": ["NO"]}}"#,
            r#"{"00280301": {"Value": ["YES"]}, "00280301": {"vr": "CS", "Value": ["NO"]}}"#,
            r#"{"00280301": {"vr": "CS", "Value": ["NO"], "Value": ["YES"]}}"#,
            r#"{"00280301": {"vr": "CS", "vr": "SH", "Value": ["NO"]}}"#,
            r#"{"00280301": {"vr": "CS", "Value": "YES"}}"#,
            r#"{"00280301": {"vr": "CS", "Value": [["YES"]]}}"#,
        ] {
            let read = parse(text.as_bytes()).unwrap();
            assert!(read.object.get(burned).is_none() && read.unread.contains(&burned), "{text}");
        }
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
