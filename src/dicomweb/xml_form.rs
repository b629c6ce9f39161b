//! The Native DICOM Model as text, from a stored data set (PS3.19 A.1; PS3.18 F.3.1). What is written is decided in
//! `model`; documents of data sets in memory are `xml_out`'s, whose pieces are used here.

use super::data_set::hex;
use super::model::{Content, Form, Name};
use super::xml_out;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::VR;
use std::fmt::Write;

/// Writes one Native DICOM Model document a data set.
pub struct Xml;

/// The document around the attributes that [`Xml`] wrote.
pub fn document(attributes: &str) -> String {
    xml_out::framed(attributes)
}

impl Form for Xml {
    fn element(&self, name: &Name, content: &Content<'_>) -> String {
        let mut out = open(name);
        match content {
            Content::Empty => {}
            Content::Bulk(uri) => {
                let _ = write!(out, "<BulkData uri=\"{}\"/>", xml_out::text(uri));
            }
            Content::Binary(bytes) => {
                let _ = write!(out, "<InlineBinary>{}</InlineBinary>", STANDARD.encode(bytes));
            }
            content => values(&mut out, name.vr, content),
        }
        out.push_str("</DicomAttribute>");
        out
    }

    fn sequence(&self, name: &Name, items: &[String]) -> String {
        let mut out = open(name);
        for (index, item) in items.iter().enumerate() {
            let _ = write!(out, "<Item number=\"{}\">{item}</Item>", index + 1);
        }
        out.push_str("</DicomAttribute>");
        out
    }

    fn level(&self, elements: Vec<String>) -> String {
        elements.concat()
    }
}

fn open(name: &Name) -> String {
    let mut out = String::new();
    xml_out::open(&mut out, name.tag, name.vr, name.creator.as_deref());
    out
}

fn values(out: &mut String, vr: VR, content: &Content<'_>) {
    let strings: Vec<String> = match content {
        Content::Texts(texts) => texts.clone(),
        Content::Integers(numbers) => numbers.iter().map(i128::to_string).collect(),
        Content::Singles(numbers) => numbers.iter().map(f32::to_string).collect(),
        Content::Doubles(numbers) => numbers.iter().map(f64::to_string).collect(),
        Content::Tags(tags) => tags.iter().map(|tag| hex(*tag)).collect(),
        Content::Empty | Content::Binary(_) | Content::Bulk(_) => Vec::new(),
    };
    for (index, string) in strings.iter().enumerate() {
        xml_out::one_value(out, vr, index + 1, string);
    }
}
