//! Data sets in DICOM JSON as other servers write them (PS3.18 F.2), made ours: nothing but attributes and their values,
//! and no link of theirs. What stands behind a link is found again by its place.

use super::bulk_path::BulkPath;
use super::data_set::{self, DataSet, hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::{Tag, VR};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const CHARACTER_SET: &str = "00080005";
const RETRIEVE_URL: &str = "00081190";
const TRANSFER_SYNTAX: &str = "00020010";
const AVAILABLE_SYNTAX: &str = "00083002";

/// Pixel Data in its three forms.
pub const PIXELS: [Tag; 3] = [Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), Tag(0x7FE0, 0x0010)];

/// What stands for the value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referred {
    /// It is to be had under this URI of the server's.
    Uri(String),
    /// It is here.
    Inline(Vec<u8>),
}

/// Reads one object. `None` if it is none.
pub fn read(object: &[u8]) -> Option<DataSet> {
    let members: Map<String, Value> = serde_json::from_slice(object).ok()?;
    Some(DataSet(attributes(members)))
}

/// The attributes of one level. Group 0002 belongs to no data set; what it says of the transfer syntax is kept.
fn attributes(members: Map<String, Value>) -> BTreeMap<String, Value> {
    let mut kept = BTreeMap::new();
    for (name, value) in members {
        let (name, Value::Object(attribute)) = (name.to_ascii_uppercase(), value) else { continue };
        let name = if name == TRANSFER_SYNTAX { AVAILABLE_SYNTAX.to_owned() } else { name };
        let digits = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let group_length = name.ends_with("0000");
        if digits && !group_length && !name.starts_with("0002") && name != RETRIEVE_URL {
            kept.insert(name, self::attribute(attribute));
        }
    }
    // JSON is UTF-8, whatever the instance was (PS3.18 F.2).
    if kept.contains_key(CHARACTER_SET) {
        kept.insert(CHARACTER_SET.to_owned(), json!({"vr": "CS", "Value": ["ISO_IR 192"]}));
    }
    kept
}

fn attribute(members: Map<String, Value>) -> Value {
    let mut kept = Map::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("vr" | "InlineBinary" | "BulkDataURI", Value::String(text)) => {
                kept.insert(name, Value::String(text));
            }
            ("Value", Value::Array(values)) => {
                kept.insert(name, Value::Array(values.into_iter().map(self::value).collect()));
            }
            _ => {}
        }
    }
    Value::Object(kept)
}

/// An item holds attributes, a person name its groups.
fn value(value: Value) -> Value {
    match value {
        Value::Object(members) if members.values().any(Value::is_object) || members.is_empty() => {
            Value::Object(attributes(members).into_iter().collect())
        }
        Value::Object(groups) => {
            let groups = groups.into_iter().filter(|(_, text)| text.is_string());
            Value::Object(groups.collect())
        }
        Value::Array(_) => Value::Null,
        other => other,
    }
}

impl DataSet {
    /// Leaves out every attribute whose value is not here: in results of a search nothing is referred to.
    pub fn drop_references(&mut self) {
        walk(&mut self.0, &mut Vec::new(), &mut |_, attribute| {
            if attribute.remove("BulkDataURI").is_some() {
                attribute.remove("Value");
            }
        });
    }

    /// Puts our URIs in place of the server's: `{url}/bulk/{place}`, `url` being the instance's own. Pixel data are always
    /// referred to, and also where the server does not mention them: their frames can be had.
    pub fn relink(&mut self, url: &str) {
        walk(&mut self.0, &mut Vec::new(), &mut |place, attribute| {
            if attribute.contains_key("BulkDataURI") {
                attribute.insert("BulkDataURI".to_owned(), json!(format!("{url}/bulk/{place}")));
            }
        });
        let named = PIXELS.into_iter().find(|tag| self.get(*tag).is_some());
        let is_image =
            [Tag(0x0028, 0x0010), Tag(0x0028, 0x0011)].iter().all(|tag| !self.values(*tag).is_empty());
        let Some(tag) = named.or_else(|| is_image.then_some(Tag(0x7FE0, 0x0010))) else { return };
        let wide =
            self.values(Tag(0x0028, 0x0100)).first().and_then(Value::as_u64).is_some_and(|bits| bits > 8);
        let vr = self.get(tag).and_then(|it| it.get("vr")).and_then(Value::as_str);
        let vr = vr.unwrap_or(if wide { "OW" } else { "OB" }).to_owned();
        let reference = json!({"vr": vr, "BulkDataURI": format!("{url}/bulk/{}", hex(tag))});
        self.0.insert(hex(tag), reference);
    }

    /// What stands for the value of the attribute at this place, if it is referred to or binary.
    pub fn referred(&self, place: &BulkPath) -> Option<Referred> {
        let mut item = None;
        for (tag, number) in place.items() {
            let sequence = self.within(item, *tag)?;
            item = Some(data_set::values(sequence).get(number.checked_sub(1)?)?.as_object()?);
        }
        let attribute = self.within(item, place.tag)?;
        let text = |name| attribute.get(name).and_then(Value::as_str);
        let inline = || STANDARD.decode(text("InlineBinary")?).ok().map(Referred::Inline);
        text("BulkDataURI").map(|uri| Referred::Uri(uri.to_owned())).or_else(inline)
    }

    /// An attribute of an item, or of the data set itself.
    fn within<'a>(&'a self, item: Option<&'a Map<String, Value>>, tag: Tag) -> Option<&'a Value> {
        match item {
            None => self.get(tag),
            Some(item) => item.get(&hex(tag)),
        }
    }

    /// The transfer syntax that the data set names; empty if it names none.
    pub fn transfer_syntax(&self) -> &str {
        self.text(Tag(0x0008, 0x3002))
    }
}

/// Calls `see` with each attribute that is no sequence, and its place.
fn walk(
    attributes: &mut BTreeMap<String, Value>,
    open: &mut Vec<(Tag, usize)>,
    see: &mut dyn FnMut(&BulkPath, &mut Map<String, Value>),
) {
    for (name, attribute) in attributes {
        if let (Some(tag), Some(members)) = (tag(name), attribute.as_object_mut()) {
            one(tag, members, open, see);
        }
    }
}

fn one(
    tag: Tag,
    members: &mut Map<String, Value>,
    open: &mut Vec<(Tag, usize)>,
    see: &mut dyn FnMut(&BulkPath, &mut Map<String, Value>),
) {
    if members.get("vr").and_then(Value::as_str) != Some(VR::SQ.to_string()) {
        return see(&BulkPath::within(open, tag), members);
    }
    let Some(items) = members.get_mut("Value").and_then(Value::as_array_mut) else { return };
    for (number, item) in items.iter_mut().enumerate() {
        let Some(item) = item.as_object_mut() else { continue };
        open.push((tag, number + 1));
        for (name, attribute) in item.iter_mut() {
            if let (Some(tag), Some(members)) = (self::tag(name), attribute.as_object_mut()) {
                one(tag, members, open, see);
            }
        }
        open.pop();
    }
}

fn tag(name: &str) -> Option<Tag> {
    let number = u32::from_str_radix(name, 16).ok()?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FOREIGN: &str = r#"{
        "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
        "00080000": {"vr": "UL", "Value": [4]},
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
        "00081190": {"vr": "UR", "Value": ["http://pacs/studies/1"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "x": 1}]},
        "0020000d": {"vr": "UI", "Value": ["1.2"]},
        "00281201": {"vr": "OW", "BulkDataURI": "http://pacs/bulk/1", "DataFragment": [{"BulkDataURI": "http://pacs/2"}]},
        "54000100": {"vr": "SQ", "Value": [{}, {
            "00081190": {"vr": "UR", "Value": ["http://pacs/studies/2"]},
            "54001010": {"vr": "OW", "BulkDataURI": "../bulk/3"},
            "54001004": {"vr": "OB", "InlineBinary": "AQI="}}]},
        "link": "http://pacs/4"
    }"#;

    fn place(text: &str) -> BulkPath {
        BulkPath::parse(text).unwrap()
    }

    #[test]
    fn nothing_passes_but_attributes_and_no_link_of_the_server() {
        let data = read(FOREIGN.as_bytes()).unwrap();
        let mut ours = data.clone();
        ours.relink("http://us/i");
        let text = ours.to_json();
        assert!(!text.contains("pacs") && !text.contains("00020010") && !text.contains("../"), "{text}");
        assert!(
            text.contains("http://us/i/bulk/00281201")
                && text.contains("http://us/i/bulk/54000100/2/54001010")
        );
        assert_eq!((ours.text(Tag(0x0020, 0x000D)), ours.transfer_syntax()), ("1.2", "1.2.840.10008.1.2.1"));
        assert_eq!(ours.text(Tag(0x0008, 0x0005)), "ISO_IR 192");
        assert!(text.contains(r#"{"Alphabetic":"A^B"}"#));
        let mut result = data;
        result.drop_references();
        assert!(!result.to_json().contains("bulk") && result.get(Tag(0x0028, 0x1201)).is_some());
    }

    #[test]
    fn what_stands_behind_a_link_is_found_by_its_place() {
        let data = read(FOREIGN.as_bytes()).unwrap();
        let uri = |text: &str| Some(Referred::Uri(text.to_owned()));
        assert_eq!(data.referred(&place("00281201")), uri("http://pacs/bulk/1"));
        assert_eq!(data.referred(&place("54000100/2/54001010")), uri("../bulk/3"));
        assert_eq!(data.referred(&place("54000100/2/54001004")), Some(Referred::Inline(vec![1, 2])));
        for absent in ["54000100/1/54001010", "54000100/3/54001010", "00281202", "00100010", "54001010"] {
            assert_eq!(data.referred(&place(absent)), None, "{absent}");
        }
    }

    #[test]
    fn pixels_are_referred_to_whatever_the_server_says_of_them() {
        let image = r#""00280010":{"vr":"US","Value":[2]},"00280011":{"vr":"US","Value":[2]},"00280100":{"vr":"US","Value":[16]}"#;
        let relinked = |more: &str| {
            let mut data = read(format!("{{{image}{more}}}").as_bytes()).unwrap();
            data.relink("u");
            data
        };
        let of = |data: &DataSet, tag| data.get(tag).cloned();
        let expected = Some(json!({"vr": "OW", "BulkDataURI": "u/bulk/7FE00010"}));
        assert_eq!(of(&relinked(""), Tag(0x7FE0, 0x0010)), expected);
        let inline = r#","7FE00010":{"vr":"OW","InlineBinary":"AAAAAAAAAAA="}"#;
        assert_eq!(of(&relinked(inline), Tag(0x7FE0, 0x0010)), expected);
        let float = relinked(r#","7FE00008":{"vr":"OF","BulkDataURI":"x"}"#);
        let expected = json!({"vr": "OF", "BulkDataURI": "u/bulk/7FE00008"});
        assert_eq!(of(&float, Tag(0x7FE0, 0x0008)), Some(expected));
        assert_eq!(of(&float, Tag(0x7FE0, 0x0010)), None);
        let mut report = read(b"{}").unwrap();
        report.relink("u");
        assert!(report.0.is_empty());
    }

    #[test]
    fn what_is_no_object_is_none() {
        for bad in ["", "[]", "1", "{", "\u{0}"] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
        let deep = format!("{}1{}", "{\"00081140\":".repeat(500), "}".repeat(500));
        assert!(read(deep.as_bytes()).is_none());
    }
}
