//! Reads the Store Instances Response of a downstream server (PS3.18 10.5.3.3), whatever
//! its dialect. Never trusts a status alone: what is not listed as stored is not stored.

use super::media::MediaType;
use super::metadata::{Content, Element};
use super::xml_in;
use crate::dicom::value;
use dicom_core::Tag;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// What a downstream server says about one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An item of Referenced SOP Sequence, with its Warning Reason if it has one.
    Stored {
        /// Warning Reason (0008,1196).
        warning: Option<u16>,
    },
    /// An item of Failed SOP Sequence.
    Failed {
        /// Failure Reason (0008,1197); some servers leave it out.
        reason: Option<u16>,
    },
}

/// A downstream server's answer to a store request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoreAnswer {
    fates: HashMap<String, Fate>,
    /// Items of Referenced SOP Sequence, also those without a readable UID.
    pub stored: usize,
    /// Items of Failed SOP Sequence.
    pub failed: usize,
    /// Failure Reasons of Other Failures Sequence.
    pub other: Vec<Option<u16>>,
}

/// Shows counts only.
impl fmt::Debug for StoreAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreAnswer({} stored, {} failed, {} other)", self.stored, self.failed, self.other.len())
    }
}

/// The three sequences and what is read of their items.
const REFERENCED: Tag = Tag(0x0008, 0x1199);
const FAILED: Tag = Tag(0x0008, 0x1198);
const OTHER: Tag = Tag(0x0008, 0x119A);
const INSTANCE: Tag = Tag(0x0008, 0x1155);
const WARNING_REASON: Tag = Tag(0x0008, 0x1196);
const FAILURE_REASON: Tag = Tag(0x0008, 0x1197);

/// One item, read from JSON or XML.
#[derive(Default)]
struct Item {
    instance: Option<String>,
    warning: Option<u16>,
    failure: Option<u16>,
}

impl StoreAnswer {
    /// Reads an answer; `None` if it is no Store Instances Response. The body decides
    /// between JSON and XML: some servers send no Content-Type or a wrong one.
    pub fn parse(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let media = content_type.and_then(|text| MediaType::parse(text).ok());
        if media.as_ref().is_some_and(MediaType::is_related) {
            return Self::parse(Some("application/dicom+xml"), &first_part(media?.boundary()?, body)?);
        }
        match body.trim_ascii_start().strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body.trim_ascii_start()) {
            xml @ [b'<', ..] => Self::of_xml(xml),
            json => Self::of_json(&serde_json::from_slice(json).ok()?),
        }
    }

    /// What became of an instance; `None` if the answer does not speak of it.
    pub fn fate(&self, sop_instance: &str) -> Option<Fate> {
        self.fates.get(sop_instance).copied()
    }

    fn of_json(value: &Value) -> Option<Self> {
        // Some servers wrap the one object in an array.
        let set = value.as_array().map_or(Some(value), |all| all.first())?.as_object()?;
        let items = |tag| {
            json_values(set, tag).filter_map(Value::as_object).map(|item| Item {
                instance: json_values(item, INSTANCE).next().and_then(Value::as_str).map(clean),
                warning: json_values(item, WARNING_REASON).next().and_then(json_code),
                failure: json_values(item, FAILURE_REASON).next().and_then(json_code),
            })
        };
        Some(Self::of_items(items(REFERENCED).collect(), items(FAILED).collect(), items(OTHER).collect()))
    }

    fn of_xml(text: &[u8]) -> Option<Self> {
        let set = xml_in::elements(text, &mut (None, None)).ok()?;
        let items = |tag| match set.iter().find(|element| element.tag == tag).map(|element| &element.content)
        {
            Some(Content::Items(items)) => items.iter().map(|item| xml_item(item)).collect(),
            _ => Vec::new(),
        };
        Some(Self::of_items(items(REFERENCED), items(FAILED), items(OTHER)))
    }

    /// An instance listed both as stored and as failed counts as failed.
    fn of_items(stored: Vec<Item>, failed: Vec<Item>, other: Vec<Item>) -> Self {
        let mut answer = Self { stored: stored.len(), failed: failed.len(), ..Self::default() };
        let good = stored.into_iter().map(|item| (item.instance, Fate::Stored { warning: item.warning }));
        let bad = failed.into_iter().map(|item| (item.instance, Fate::Failed { reason: item.failure }));
        answer.fates = good.chain(bad).filter_map(|(uid, fate)| Some((uid?, fate))).collect();
        answer.other = other.into_iter().map(|item| item.failure).collect();
        answer
    }
}

/// The values of an attribute, its tag in either case.
fn json_values(set: &serde_json::Map<String, Value>, tag: Tag) -> impl Iterator<Item = &Value> {
    let name = format!("{:04X}{:04X}", tag.group(), tag.element());
    let attribute = set.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name));
    attribute.and_then(|(_, attribute)| attribute.get("Value")?.as_array()).into_iter().flatten()
}

/// A status code, as number or as decimal text.
fn json_code(value: &Value) -> Option<u16> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.or_else(|| value.as_str()?.trim().parse().ok())
}

fn xml_item(item: &[Element]) -> Item {
    let bytes = |tag| match item.iter().find(|element| element.tag == tag).map(|element| &element.content) {
        Some(Content::Value(bytes)) => Some(bytes.as_slice()),
        _ => None,
    };
    Item {
        instance: bytes(INSTANCE).and_then(value::ascii).map(clean),
        warning: bytes(WARNING_REASON).and_then(value::first_us),
        failure: bytes(FAILURE_REASON).and_then(value::first_us),
    }
}

fn clean(uid: &str) -> String {
    uid.trim_matches(['\0', ' ']).to_owned()
}

/// The first part of an answer framed as multipart/related.
fn first_part(boundary: &str, body: &[u8]) -> Option<Vec<u8>> {
    use super::parts::{PartEvent, Parts};
    let (mut parts, mut events) = (Parts::new(boundary).ok()?, Vec::new());
    parts.push(bytes::Bytes::copy_from_slice(body), &mut events).ok()?;
    parts.finish(&mut events).ok()?;
    let data = events.into_iter().skip(1).map_while(|event| match event {
        PartEvent::Data(data) => Some(data),
        _ => None,
    });
    Some(data.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::store_response::{Outcome, StoreResponse};
    use super::*;

    fn response() -> StoreResponse {
        let (sop_class, detail) = ("1.2".to_owned(), "x".into());
        let stored = |uid: &str, warning| Outcome::Stored {
            sop_class: "1.2".into(),
            sop_instance: uid.into(),
            retrieve_url: None,
            warning,
        };
        let failed = Outcome::Failed { sop_class, sop_instance: "2.25.3".into(), reason: 0x0110, detail };
        let other = Outcome::Other { reason: 0xC000, detail: "x".into() };
        StoreResponse {
            retrieve_url: None,
            outcomes: vec![stored("2.25.1", None), stored("2.25.2", Some(0xB007)), failed, other],
        }
    }

    fn check(answer: &StoreAnswer) {
        assert_eq!((answer.stored, answer.failed, answer.other.as_slice()), (2, 1, &[Some(0xC000)][..]));
        assert_eq!(answer.fate("2.25.1"), Some(Fate::Stored { warning: None }));
        assert_eq!(answer.fate("2.25.2"), Some(Fate::Stored { warning: Some(0xB007) }));
        assert_eq!(answer.fate("2.25.3"), Some(Fate::Failed { reason: Some(0x0110) }));
        assert_eq!(answer.fate("2.25.4"), None);
    }

    #[test]
    fn our_own_response_is_read_back_from_json_and_xml() {
        check(&StoreAnswer::parse(Some("application/dicom+json"), &response().to_json()).unwrap());
        let xml = response().to_xml();
        check(&StoreAnswer::parse(Some("text/xml"), xml.as_bytes()).unwrap());
        let body = format!("--B\r\nContent-Type: application/dicom+xml\r\n\r\n{xml}\r\n--B--\r\n");
        check(
            &StoreAnswer::parse(
                Some("multipart/related; type=\"application/dicom+xml\"; boundary=B"),
                body.as_bytes(),
            )
            .unwrap(),
        );
    }

    #[test]
    fn dialects_of_servers_are_understood() {
        for body in [
            r#"[{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["2.25.1\u0000"]},"00081190":{"vr":"UR"}}]}}]"#,
            r#"{"00081199":{"Value":[{"00081155":{"Value":["2.25.1"]},"00081196":{"vr":"US","Value":[]}}],"vr":"SQ"},"00081198":{"vr":"SQ"}}"#,
        ] {
            let answer = StoreAnswer::parse(None, body.as_bytes()).unwrap();
            assert_eq!((answer.stored, answer.failed), (1, 0));
            assert_eq!(answer.fate("2.25.1"), Some(Fate::Stored { warning: None }), "{body}");
        }
        let text_code = br#"{"0008119a":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":["272"]}}]}}"#;
        assert_eq!(StoreAnswer::parse(None, text_code).unwrap().other, [Some(272)]);
    }

    #[test]
    fn a_200_that_lists_nothing_stored_nothing() {
        let body = br#"{"00081190":{"vr":"UR","Value":["http://h"]},"00081199":{"vr":"SQ","Value":[]}}"#;
        assert_eq!(StoreAnswer::parse(None, body).unwrap().stored, 0);
    }

    #[test]
    fn an_instance_both_stored_and_failed_counts_as_failed() {
        let body = br#"{"00081198":{"Value":[{"00081155":{"Value":["1"]}}]},"00081199":{"Value":[{"00081155":{"Value":["1"]}}]}}"#;
        assert_eq!(StoreAnswer::parse(None, body).unwrap().fate("1"), Some(Fate::Failed { reason: None }));
    }

    #[test]
    fn what_is_no_response_is_no_answer() {
        for body in [&b""[..], b"OK", b"[]", b"3", b"<html></html>"] {
            assert_eq!(StoreAnswer::parse(Some("text/html"), body), None);
        }
    }
}
