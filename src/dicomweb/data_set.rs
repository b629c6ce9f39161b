//! A data set in the DICOM JSON model (PS3.18 Annex F) as answers hold it: attributes by
//! tag, ascending. Encoded data sets become one in `json_out`.

use dicom_core::Tag;
use dicom_object::InMemDicomObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Attributes by their eight upper-case hexadecimal digits; each value as PS3.18 F.2.2 has it.
#[derive(Clone, Default, PartialEq)]
pub struct DataSet(pub BTreeMap<String, Value>);

/// Shows how many attributes there are and nothing of them.
impl std::fmt::Debug for DataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataSet({} attributes)", self.0.len())
    }
}

/// Eight upper-case hexadecimal digits (PS3.18 F.2.2).
pub fn hex(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.group(), tag.element())
}

impl DataSet {
    /// Reads what [`DataSet::to_json`] wrote; empty if it is something else.
    pub fn from_json(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// The object as text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// As the tree that XML is written from. An attribute that has no place there is left out.
    pub fn to_object(&self) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        for (name, attribute) in &self.0 {
            let one = json!({name.as_str(): attribute});
            let read: Result<InMemDicomObject, _> = dicom_json::from_value(one);
            read.into_iter().flatten().for_each(|element| {
                object.put(element);
            });
        }
        object
    }

    /// The attribute with its `vr` and value.
    pub fn get(&self, tag: Tag) -> Option<&Value> {
        self.0.get(&hex(tag))
    }

    /// The values of an attribute; none if it is absent or empty.
    pub fn values(&self, tag: Tag) -> &[Value] {
        self.get(tag).map(values).unwrap_or_default()
    }

    /// The first value as text; empty if there is none.
    pub fn text(&self, tag: Tag) -> &str {
        self.values(tag).first().and_then(Value::as_str).unwrap_or_default()
    }

    /// Puts an attribute, in place of what was there.
    pub fn put(&mut self, tag: Tag, vr: &str, values: Vec<Value>) {
        let attribute =
            if values.is_empty() { json!({"vr": vr}) } else { json!({"vr": vr, "Value": values}) };
        self.0.insert(hex(tag), attribute);
    }
}

/// The values of an attribute in the JSON model.
pub fn values(attribute: &Value) -> &[Value] {
    attribute.get("Value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
