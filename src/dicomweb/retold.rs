//! A data set in DICOM JSON told in another form of the model (PS3.18 F.3.1): what is written is what stands there; how,
//! is the form's.

use super::data_set::{self, DataSet, hex};
use super::model::{Content, Form, Name};
use super::query::condition::person_name;
use crate::dicom::dictionary;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::{Tag, VR};
use serde_json::{Map, Value};

/// Writes the data set.
pub fn write(data: &DataSet, form: &dyn Form) -> String {
    let find = |name: &str| data.0.get(name);
    form.level(data.0.iter().filter_map(|(name, attribute)| element(name, attribute, &find, form)).collect())
}

type Find<'a> = dyn Fn(&str) -> Option<&'a Value> + 'a;

/// One attribute; `find` gives its neighbours. `None` for what is no attribute.
fn element<'a>(name: &str, attribute: &'a Value, find: &Find<'a>, form: &dyn Form) -> Option<String> {
    let number = u32::from_str_radix(name, 16).ok()?;
    let tag = Tag((number >> 16) as u16, (number & 0xFFFF) as u16);
    let vr: VR = attribute.get("vr").and_then(Value::as_str)?.parse().ok()?;
    let block = hex(Tag(tag.group(), tag.element() >> 8));
    let creator = || data_set::values(find(&block)?).first()?.as_str().map(str::to_owned);
    let creator = dictionary::is_private(tag).then(creator).flatten();
    let name = Name { tag, vr, creator };
    let values = data_set::values(attribute);
    if vr == VR::SQ {
        let items =
            values.iter().map(|value| value.as_object().map_or_else(String::new, |it| item(it, form)));
        return Some(form.sequence(&name, &items.collect::<Vec<_>>()));
    }
    let text = |name| attribute.get(name).and_then(Value::as_str);
    if let Some(uri) = text("BulkDataURI") {
        return Some(form.element(&name, &Content::Bulk(uri.to_owned())));
    }
    if let Some(bytes) = text("InlineBinary").and_then(|base64| STANDARD.decode(base64).ok()) {
        return Some(form.element(&name, &Content::Binary(&bytes)));
    }
    let content = match values {
        [] => Content::Empty,
        values => Content::Texts(values.iter().map(plain).collect()),
    };
    Some(form.element(&name, &content))
}

fn item(attributes: &Map<String, Value>, form: &dyn Form) -> String {
    let find = |name: &str| attributes.get(name);
    let elements = attributes.iter().filter_map(|(name, attribute)| element(name, attribute, &find, form));
    form.level(elements.collect())
}

/// A value as text; null is an empty one.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Object(_) => person_name(value),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicomweb::foreign;
    use crate::dicomweb::xml_form::Xml;

    #[test]
    fn xml_01_a_data_set_of_another_server_is_told_as_a_native_model() {
        let json = r#"{
            "00090010": {"vr": "LO", "Value": ["ACME"]},
            "00091001": {"vr": "SH", "Value": ["x"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}]},
            "00201041": {"vr": "DS", "Value": [-1.5, null]},
            "00280010": {"vr": "US", "Value": [512]},
            "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}, {}]},
            "00281201": {"vr": "OW", "InlineBinary": "AQI="},
            "7FE00010": {"vr": "OW", "BulkDataURI": "http://us/b?a&b"}
        }"#;
        let xml = write(&foreign::read(json.as_bytes()).unwrap(), &Xml);
        for part in [
            "tag=\"00091001\" vr=\"SH\" privateCreator=\"ACME\"><Value number=\"1\">x</Value>",
            "<PersonName number=\"1\"><Alphabetic><FamilyName>A</FamilyName><GivenName>B</GivenName></Alphabetic><Phonetic>",
            "<Value number=\"1\">-1.5</Value><Value number=\"2\"></Value>",
            "<Value number=\"1\">512</Value>",
            "<Item number=\"1\"><DicomAttribute tag=\"00081155\"",
            "<Item number=\"2\"></Item>",
            "<InlineBinary>AQI=</InlineBinary>",
            "<BulkData uri=\"http://us/b?a&amp;b\"/>",
        ] {
            assert!(xml.contains(part), "{part}\n{xml}");
        }
    }
}
