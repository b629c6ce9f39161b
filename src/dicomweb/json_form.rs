//! The DICOM JSON model as text (PS3.18 F.2). What is written is decided in `model`.

use super::data_set::hex;
use super::model::{Content, Form, Name};
use super::xml_out::NAME_GROUPS;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::VR;
use std::fmt::{Display, Write};

/// Integers up to this size are numbers of JSON; readers keep larger ones only as text (PS3.18 F.2.3.1).
const EXACT: i128 = 1 << 53;

/// Writes DICOM JSON.
pub struct Json;

impl Form for Json {
    fn element(&self, name: &Name, content: &Content<'_>) -> String {
        // Most attributes are short; thousands of them make the metadata of a series.
        let mut out = String::with_capacity(64);
        let _ = write!(out, "\"{:04X}{:04X}\":{{\"vr\":\"", name.tag.group(), name.tag.element());
        out.push_str(name.vr.to_string());
        out.push('"');
        match content {
            Content::Empty => {}
            Content::Bulk(uri) => {
                out.push_str(",\"BulkDataURI\":");
                string(&mut out, uri);
            }
            Content::Binary(bytes) => {
                out.push_str(",\"InlineBinary\":\"");
                STANDARD.encode_string(bytes, &mut out);
                out.push('"');
            }
            content => {
                out.push_str(",\"Value\":[");
                values(&mut out, name.vr, content);
                out.push(']');
            }
        }
        out.push('}');
        out
    }

    fn sequence(&self, name: &Name, items: &[String]) -> String {
        let value =
            if items.is_empty() { String::new() } else { format!(",\"Value\":[{}]", items.join(",")) };
        format!("\"{}\":{{\"vr\":\"SQ\"{value}}}", hex(name.tag))
    }

    fn level(&self, elements: Vec<String>) -> String {
        format!("{{{}}}", elements.join(","))
    }
}

fn values(out: &mut String, vr: VR, content: &Content<'_>) {
    match content {
        Content::Texts(texts) => list(out, texts, |out, text| one(out, vr, text)),
        Content::Integers(numbers) => list(out, numbers, |out, number| integer(out, *number)),
        Content::Singles(numbers) => list(out, numbers, |out, number| real(out, number.is_finite(), number)),
        Content::Doubles(numbers) => list(out, numbers, |out, number| real(out, number.is_finite(), number)),
        Content::Tags(tags) => list(out, tags, |out, tag| string(out, &hex(*tag))),
        Content::Empty | Content::Binary(_) | Content::Bulk(_) => {}
    }
}

fn list<T>(out: &mut String, values: &[T], write: impl Fn(&mut String, &T)) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, value);
    }
}

fn one(out: &mut String, vr: VR, text: &str) {
    match vr {
        _ if text.is_empty() => out.push_str("null"),
        VR::PN => name(out, text),
        // A number keeps the letters it was written in, so that nothing of its precision is lost.
        VR::DS | VR::IS if is_number(text) => out.push_str(text),
        _ => string(out, text),
    }
}

fn name(out: &mut String, text: &str) {
    let groups: Vec<_> = text.split('=').zip(NAME_GROUPS).filter(|(group, _)| !group.is_empty()).collect();
    out.push('{');
    list(out, &groups, |out, (group, label)| {
        string(out, label);
        out.push(':');
        string(out, group.trim_end());
    });
    out.push('}');
}

fn integer(out: &mut String, number: i128) {
    let _ = if number.abs() <= EXACT { write!(out, "{number}") } else { write!(out, "\"{number}\"") };
}

/// JSON has no number for infinity or what is none: those are strings, as `values` reads them.
fn real(out: &mut String, finite: bool, number: impl Display) {
    let _ = if finite { write!(out, "{number}") } else { write!(out, "\"{number}\"") };
}

fn string(out: &mut String, text: &str) {
    let plain = |byte: u8| !(byte < 0x20 || matches!(byte, b'"' | b'\\'));
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
    }
}

/// True for what JSON takes as a number (RFC 8259 6), integers up to where they are exact.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let exact = !whole || text.parse::<i128>().is_ok_and(|number| number.abs() <= EXACT);
    plain && exact && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::model::write;
    use super::*;
    use crate::dicom::layout::{Layout, Reader};
    use crate::dicom::writer::Writer;
    use dicom_core::Tag;
    use serde_json::{Value, json};

    fn layout(writer: Writer) -> Layout {
        let mut file = crate::dicom::meta::write("1.2", "1.3", crate::dicom::syntax::EXPLICIT_LE);
        file.extend(writer.finish());
        Reader::new(crate::dicom::instance::Limits::default()).push(&file, true).unwrap().unwrap()
    }

    fn text(fill: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::default();
        fill(&mut writer);
        write(&layout(writer), &[], "http://h/i", &Json).unwrap()
    }

    fn attribute(fill: impl FnOnce(&mut Writer), tag: &str) -> Value {
        let whole: Value = serde_json::from_str(&text(fill)).unwrap();
        whole[tag].clone()
    }

    #[test]
    fn json_07_the_letters_of_a_decimal_string_survive() {
        let text = text(|out| {
            out.text(Tag(0x0028, 0x0030), VR::DS, "1.50\\-0.25e-3\\.5\\+1");
            out.element(Tag(0x0040, 0xA0F6), VR::UV, &9_007_199_254_740_993u64.to_le_bytes());
            out.text(Tag(0x0020, 0x0013), VR::IS, "007\\12");
        });
        assert!(text.contains("[1.50,-0.25e-3,\".5\",\"+1\"]"), "{text}");
        assert!(text.contains("[\"9007199254740993\"]") && text.contains("[\"007\",12]"), "{text}");
    }

    #[test]
    fn json_09_10_11_names_empty_values_and_empty_attributes() {
        let fill = |out: &mut Writer| {
            out.element(Tag(0x0008, 0x0005), VR::CS, b"\\ISO 2022 IR 87");
            out.text(Tag(0x0008, 0x0008), VR::CS, "A\\\\B");
            out.element(Tag(0x0010, 0x0010), VR::PN, b"Yamada^Tarou=\x1B$B;3ED\x1B(B=");
            out.element(Tag(0x0010, 0x0020), VR::LO, b"");
            out.begin_sequence(Tag(0x0040, 0xA730), false);
            out.begin_item(false);
            out.end_item();
            out.end_sequence();
        };
        assert_eq!(attribute(fill, "00080005"), json!({"Value":["ISO_IR 192"],"vr":"CS"}));
        assert_eq!(attribute(fill, "00080008"), json!({"Value":["A",null,"B"],"vr":"CS"}));
        let name =
            json!({"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "\u{5c71}\u{7530}"}]});
        assert_eq!(attribute(fill, "00100010"), name);
        assert_eq!(attribute(fill, "00100020"), json!({"vr":"LO"}));
        assert_eq!(attribute(fill, "0040A730"), json!({"Value":[{}],"vr":"SQ"}));
    }

    #[test]
    fn json_03_05_attributes_ascend_and_group_lengths_are_left_out() {
        let text = text(|out| {
            out.element(Tag(0x0010, 0x0000), VR::UL, &[0; 4]);
            out.text(Tag(0x0010, 0x0020), VR::LO, "b");
            out.text(Tag(0x0010, 0x0010), VR::PN, "a");
            out.text(Tag(0x0010, 0x0020), VR::LO, "c");
        });
        let expected = "{\"00083002\":{\"vr\":\"UI\",\"Value\":[\"1.2.840.10008.1.2.1\"]},\
            \"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"a\"}]},\"00100020\":{\"vr\":\"LO\",\"Value\":[\"b\"]}}";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_came_as_un_is_told_by_the_vr_of_the_standard() {
        let name = |w: &mut Writer| w.element(Tag(0x0010, 0x0010), VR::UN, b"Doe^Jane");
        assert_eq!(attribute(name, "00100010"), json!({"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}));
        let private = |w: &mut Writer| w.element(Tag(0x0029, 0x1010), VR::UN, &[1, 2]);
        assert_eq!(attribute(private, "00291010"), json!({"vr": "UN", "InlineBinary": "AQI="}));
        let set = |w: &mut Writer| w.element(Tag(0x0008, 0x0005), VR::UN, b"ISO_IR 192");
        assert_eq!(attribute(set, "00080005"), json!({"vr": "CS", "Value": ["ISO_IR 192"]}));
    }

    #[test]
    fn json_04_08_12_16_tags_binary_and_what_is_no_number() {
        let fill = |out: &mut Writer| {
            out.element(Tag(0x0020, 0x9165), VR::AT, &[0x28, 0, 0x10, 0]);
            out.element(Tag(0x0028, 0x1201), VR::OW, &[1, 2, 3, 4]);
            out.element(Tag(0x0018, 0x9087), VR::FD, &f64::NAN.to_le_bytes());
        };
        assert_eq!(attribute(fill, "00209165"), json!({"Value":["00280010"],"vr":"AT"}));
        assert_eq!(attribute(fill, "00281201"), json!({"InlineBinary":"AQIDBA==","vr":"OW"}));
        assert_eq!(attribute(fill, "00189087"), json!({"Value":["NaN"],"vr":"FD"}));
    }

    #[test]
    fn meta_05_large_values_are_references_that_name_their_place() {
        let fill = |out: &mut Writer| {
            out.begin_sequence(Tag(0x5400, 0x0100), true);
            for _ in 0..2 {
                out.begin_item(true);
                out.element(Tag(0x5400, 0x1010), VR::OW, &[0; 2000]);
                out.end_item();
            }
            out.end_sequence();
            out.element(Tag(0x7FE0, 0x0010), VR::OW, &[0; 4]);
        };
        let second = attribute(fill, "54000100");
        assert_eq!(second["Value"][1]["54001010"]["BulkDataURI"], "http://h/i/bulk/54000100/2/54001010");
        assert_eq!(attribute(fill, "7FE00010"), json!({"BulkDataURI":"http://h/i/bulk/7FE00010","vr":"OW"}));
    }
}
