//! Writes a pseudonymized data set that is held as a tree (PS3.18 Annex F, PS3.19 A.1), in the forms in which stored ones
//! are written. What is decided about a value lies behind; values that stand elsewhere become references.

use super::model::{Content, Form, Name, by_reference, content};
use crate::deid::object::{encode, is_elsewhere};
use crate::dicom::text::Charset;
use crate::dicom::{dictionary, value};
use crate::dicomweb::data_set::hex;
use dicom_core::Tag;
use dicom_core::header::Header;
use dicom_core::value::Value;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use std::collections::BTreeMap;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// The attributes of a data set; BulkDataURIs stand under `url`, the instance's own, each naming the place of its
/// attribute as [`BulkPath`](super::bulk_path::BulkPath) reads it. Without `url` there are none.
pub fn write(set: &InMemDicomObject, url: Option<&str>, form: &dyn Form) -> String {
    let path = url.map(|url| format!("{url}/bulk/")).unwrap_or_default();
    Writing { form, references: url.is_some() }.level(set, &path)
}

struct Writing<'a> {
    form: &'a dyn Form,
    references: bool,
}

impl Writing<'_> {
    /// One data set: the root or an item. `path` is the URL that the tags of its attributes are put behind.
    fn level(&self, set: &InMemDicomObject, path: &str) -> String {
        let mut creators = BTreeMap::new();
        let mut elements = Vec::new();
        for element in set.iter().filter(|element| element.tag().element() != 0) {
            let creator = creator(element, &mut creators);
            let name = Name { tag: element.tag(), vr: element.vr(), creator };
            elements.push(self.element(&name, element, path));
        }
        self.form.level(elements)
    }

    fn element(&self, name: &Name, element: &InMemElement, path: &str) -> String {
        let uri = || format!("{path}{}", hex(name.tag));
        match element.value() {
            Value::Sequence(items) => {
                let item = |(index, item)| self.level(item, &format!("{}/{}/", uri(), index + 1));
                let items: Vec<String> = items.items().iter().enumerate().map(item).collect();
                self.form.sequence(name, &items)
            }
            Value::PixelSequence(_) if self.references && is_elsewhere(element) => {
                self.form.element(name, &Content::Bulk(uri()))
            }
            Value::PixelSequence(_) => self.form.element(name, &Content::Empty),
            Value::Primitive(_) if name.tag == CHARACTER_SET => {
                self.form.element(name, &Content::Texts(vec!["ISO_IR 192".to_owned()]))
            }
            Value::Primitive(value) => match encode(name.tag, value) {
                Ok(bytes) if self.references && by_reference(name.vr, bytes.len()) => {
                    self.form.element(name, &Content::Bulk(uri()))
                }
                Ok(bytes) => self.form.element(name, &content(name.vr, &bytes, &Charset::of(b"ISO_IR 192"))),
                Err(_) => self.form.element(name, &Content::Empty),
            },
        }
    }
}

/// The creator of a private element's block; creators are noted as they come, which is before what is theirs.
fn creator(element: &InMemElement, creators: &mut BTreeMap<Tag, String>) -> Option<String> {
    let tag = element.tag();
    if dictionary::is_private_creator(tag)
        && let Value::Primitive(name) = element.value()
    {
        let bytes = encode(tag, name).unwrap_or_default();
        creators.insert(tag, String::from_utf8_lossy(value::trimmed(&bytes)).into_owned());
    }
    let block = Tag(tag.group(), tag.element() >> 8);
    creators.get(&block).filter(|_| dictionary::is_private(tag) && tag.element() > 0xFF).cloned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::json_form::Json;
    use super::super::object_in;
    use super::super::xml_form::Xml;
    use super::*;
    use serde_json::{Value, json};

    fn written(set: Value) -> Value {
        let read = object_in::read(set.as_object().unwrap());
        serde_json::from_str(&write(&read.object, Some("http://g/i"), &Json)).unwrap()
    }

    #[test]
    fn json_06_what_was_read_is_written_the_same() {
        let set = json!({
            "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
            "00080008": {"vr": "CS", "Value": ["A", null, "B"]},
            "00090010": {"vr": "LO", "Value": ["ACME"]},
            "00091001": {"vr": "SH", "Value": ["x"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "\u{c4}^B"}]},
            "00181063": {"vr": "DS", "Value": [1.5]},
            "00280010": {"vr": "US", "Value": [512]},
            "00281201": {"vr": "OW", "InlineBinary": "AQI="},
        });
        assert_eq!(written(set.clone()), set);
        let read = object_in::read(set.as_object().unwrap());
        let xml = write(&read.object, None, &Xml);
        assert!(xml.contains("tag=\"00091001\" vr=\"SH\" privateCreator=\"ACME\""), "{xml}");
    }

    #[test]
    fn meta_05_references_name_the_place_and_never_the_origin() {
        let uri = json!({"vr": "OW", "BulkDataURI": "http://origin/secret"});
        let out = written(json!({
            "54000100": {"vr": "SQ", "Value": [{}, {"54001010": uri}]},
            "7FE00010": uri,
        }));
        assert_eq!(out["7FE00010"]["BulkDataURI"], "http://g/i/bulk/7FE00010");
        assert_eq!(
            out["54000100"]["Value"][1]["54001010"]["BulkDataURI"],
            "http://g/i/bulk/54000100/2/54001010"
        );
        assert!(!out.to_string().contains("origin"));
    }
}
