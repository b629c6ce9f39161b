//! Answers taken apart: JSON results, multipart bodies, files. Nothing here judges.

use super::{Miss, Outcome, need};
use crate::dicom::Encoding;
use crate::dicom::instance::{Event, Limits};
use crate::dicom::splitter::Splitter;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::{PartEvent, Parts};
use crate::downstream::probe::Reply;
use bytes::Bytes;
use dicom_core::Tag;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// One part of a multipart answer.
#[derive(Default)]
pub(super) struct Part {
    pub(super) headers: PartHeaders,
    pub(super) body: Vec<u8>,
}

/// The status is one of these.
pub(super) fn status(reply: &Reply, wanted: &[u16]) -> Outcome {
    need(wanted.contains(&reply.status), || format!("status {}", reply.status))
}

/// The media type of an answer.
pub(super) fn media(reply: &Reply) -> Result<MediaType, Miss> {
    let text = reply.header("content-type").ok_or_else(|| broken("no Content-Type"))?;
    MediaType::parse(text).map_err(|_| broken("a Content-Type that cannot be read"))
}

/// The answer's media type is this one.
pub(super) fn is(reply: &Reply, essence: &str) -> Outcome {
    let media = media(reply)?;
    need(media.essence().eq_ignore_ascii_case(essence), || format!("Content-Type {}", media.essence()))
}

/// The results of a search, or the metadata of instances; none of 204.
pub(super) fn results(reply: &Reply) -> Result<Vec<DataSet>, Miss> {
    if reply.status == 204 {
        return Ok(Vec::new());
    }
    status(reply, &[200, 206])?;
    let array: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(&reply.body).map_err(|_| broken("no array of DICOM JSON objects"))?;
    Ok(array.into_iter().map(|object| DataSet(object.into_iter().collect())).collect())
}

/// The names of the attributes of the first result, as they follow each other.
pub(super) fn names(reply: &Reply) -> Result<Vec<String>, Miss> {
    let array: Vec<Names> =
        serde_json::from_slice(&reply.body).map_err(|_| broken("no array of DICOM JSON objects"))?;
    Ok(array.into_iter().next().map(|names| names.0).unwrap_or_default())
}

/// The names of an object's members in their order, which a map does not keep.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = members.next_entry()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

/// One object, as a store request is answered with.
pub(super) fn object(reply: &Reply) -> Result<DataSet, Miss> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_slice(&reply.body).map_err(|_| broken("no DICOM JSON object"))?;
    Ok(DataSet(object.into_iter().collect()))
}

/// The parts of a multipart answer.
pub(super) fn parts(reply: &Reply) -> Result<Vec<Part>, Miss> {
    let media = media(reply)?;
    need(media.is_related(), || format!("Content-Type {}", media.essence()))?;
    let boundary = media.boundary().ok_or_else(|| broken("no boundary"))?;
    let bad = |_| broken("a multipart body that cannot be read");
    let mut reader = Parts::new(boundary).map_err(bad)?;
    let mut events = Vec::new();
    reader.push(reply.body.clone(), &mut events).map_err(bad)?;
    reader.finish(&mut events).map_err(bad)?;
    let mut parts: Vec<Part> = Vec::new();
    for event in events {
        match event {
            PartEvent::Headers(headers) => parts.push(Part { headers, ..Part::default() }),
            PartEvent::Data(bytes) => {
                parts.iter_mut().next_back().into_iter().for_each(|part| part.body.extend(&bytes))
            }
            PartEvent::End => {}
        }
    }
    Ok(parts)
}

/// A stored file: its transfer syntax and the attributes before its pixels, at any depth; sequences without value.
pub(super) struct File {
    pub(super) transfer_syntax: String,
    pub(super) attributes: Vec<(Tag, Vec<u8>)>,
}

impl File {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Miss> {
        let bad = |_| broken("a part that is no DICOM file");
        need(bytes.get(128..132) == Some(b"DICM"), || "a part without preamble and DICM".to_owned())?;
        let mut splitter = Splitter::new(Limits::default());
        let mut events = Vec::new();
        splitter.push(Bytes::copy_from_slice(bytes), &mut events).map_err(bad)?;
        splitter.finish(&mut events).map_err(bad)?;
        let head = events.into_iter().find_map(|event| match event {
            Event::Head(head) => Some(head),
            _ => None,
        });
        let head = head.ok_or_else(|| broken("a part that is no DICOM file"))?;
        let attributes = attributes(&head.data, head.encoding)?;
        Ok(Self { transfer_syntax: head.transfer_syntax.uid.to_owned(), attributes })
    }

    /// Values of all attributes with this tag, at any depth; texts without padding.
    pub(super) fn values(&self, wanted: Tag) -> Vec<String> {
        let values = self.attributes.iter().filter(|(tag, _)| *tag == wanted);
        values.map(|(_, it)| String::from_utf8_lossy(it).trim_matches(['\0', ' ']).to_owned()).collect()
    }

    /// True if a private attribute stands in it.
    pub(super) fn has_private(&self) -> bool {
        self.attributes.iter().any(|(tag, _)| tag.group() % 2 == 1)
    }
}

fn attributes(data: &[u8], encoding: Encoding) -> Result<Vec<(Tag, Vec<u8>)>, Miss> {
    let mut found = Vec::new();
    let mut walker = Walker::new(data, encoding, 64);
    while let Some(token) = walker.next_token().map_err(|_| broken("a data set that cannot be read"))? {
        match token {
            Token::Element { tag, value, .. } => found.push((tag, value.to_vec())),
            Token::Sequence { tag, .. } => found.push((tag, Vec::new())),
            _ => {}
        }
    }
    Ok(found)
}

pub(super) fn broken(seen: &str) -> Miss {
    Miss::Broken(seen.to_owned())
}

/// True if `needle` stands in `bytes`.
pub(super) fn holds(bytes: &[u8], needle: &str) -> bool {
    memchr::memmem::find(bytes, needle.as_bytes()).is_some()
}
