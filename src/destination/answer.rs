//! The collected instances as the body of an answer: framed as multipart or ZIP and sent
//! in the order they came.

use super::Fault;
use super::respond::{Form, Instance};
use crate::deid::receipt::Names;
use crate::dicom::uid;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::zip_out::{Content, ZipOut};
use crate::spool::Reader;
use bytes::{Bytes, BytesMut};
use flate2::Crc;
use futures_util::stream::{Stream, unfold};
use std::collections::{HashSet, VecDeque};

/// The instances, ready to be sent.
pub struct Answer {
    form: Form,
    instances: Vec<Instance>,
    contents: Vec<Content>,
    reader: Reader,
    names: Vec<String>,
    manifest: Option<Vec<u8>>,
}

/// Pieces below this are joined,
const SMALL: usize = 16 << 10;

/// until they make this many bytes.
const JOINED: usize = 128 << 10;

enum Piece {
    Frame(Bytes),
    Spooled(u64),
}

impl Answer {
    pub(super) fn new(form: Form, instances: Vec<Instance>, contents: Vec<Content>, reader: Reader) -> Self {
        Self { form, instances, contents, reader, names: Vec::new(), manifest: None }
    }

    /// Names the entries of an archive, one path for each instance, all different.
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Adds a Store Instances Response as the last part, or as `manifest.json`.
    pub fn with_manifest(mut self, json: Vec<u8>) -> Self {
        self.manifest = Some(json);
        self
    }

    /// Content-Type, length in bytes, and the body.
    pub fn into_body(self) -> (String, u64, impl Stream<Item = Result<Bytes, Fault>> + Send + use<>) {
        let (content_type, pieces) = match self.form {
            Form::Multipart(boundary) => multipart(boundary, &self.instances, &self.contents, self.manifest),
            Form::Bare => bare(&self.contents),
            Form::Zip => zip(&uid_names(&self.instances), &self.contents, self.manifest),
            Form::Named(_) => zip(&self.names, &self.contents, self.manifest),
        };
        let length = pieces.iter().map(Piece::len).sum();
        let sender = Sender { pieces, reader: self.reader, next: None };
        let body = unfold(sender, |mut sender| async move {
            let bytes = sender.next().await?;
            Some((bytes, sender))
        });
        (content_type, length, body)
    }
}

/// Sends the pieces of an answer in order; small ones joined, since each step through the
/// server costs as much as copying some kilobytes.
struct Sender {
    pieces: VecDeque<Piece>,
    reader: Reader,
    /// Read already, but too large to be joined to what stands before it.
    next: Option<Bytes>,
}

impl Sender {
    /// The next bytes; `None` at the end, and behind a failure.
    async fn next(&mut self) -> Option<Result<Bytes, Fault>> {
        let mut joined = BytesMut::new();
        loop {
            let bytes = match self.next.take() {
                Some(bytes) => bytes,
                None => match self.piece().await {
                    Some(Ok(bytes)) => bytes,
                    Some(Err(fault)) => return Some(Err(fault)),
                    None if joined.is_empty() => return None,
                    None => return Some(Ok(joined.freeze())),
                },
            };
            if bytes.len() < SMALL && joined.len() < JOINED {
                joined.extend_from_slice(&bytes);
            } else if joined.is_empty() {
                return Some(Ok(bytes));
            } else {
                self.next = Some(bytes);
                return Some(Ok(joined.freeze()));
            }
        }
    }

    async fn piece(&mut self) -> Option<Result<Bytes, Fault>> {
        let left = match self.pieces.pop_front()? {
            Piece::Frame(bytes) => return Some(Ok(bytes)),
            Piece::Spooled(left) => left,
        };
        let read = self.reader.read(left).await;
        match &read {
            Ok(bytes) if (bytes.len() as u64) < left => {
                self.pieces.push_front(Piece::Spooled(left - bytes.len() as u64));
            }
            Ok(_) => {}
            Err(_) => self.pieces.clear(),
        }
        Some(read.map_err(Fault::from))
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Frame(bytes) => bytes.len() as u64,
            Self::Spooled(len) => *len,
        }
    }
}

fn multipart(
    boundary: String,
    instances: &[Instance],
    contents: &[Content],
    manifest: Option<Vec<u8>>,
) -> (String, VecDeque<Piece>) {
    let mut framing = Multipart::new("application/dicom", boundary);
    let mut pieces = VecDeque::new();
    for (instance, content) in instances.iter().zip(contents) {
        let head = PartHead {
            media: "application/dicom",
            transfer_syntax: Some(instance.transfer_syntax),
            length: Some(content.size),
            location: None,
        };
        pieces.extend([Piece::Frame(framing.part(&head)), Piece::Spooled(content.packed)]);
    }
    if let Some(json) = manifest {
        let length = Some(json.len() as u64);
        let head = PartHead { media: "application/dicom+json", length, ..PartHead::default() };
        pieces.extend([Piece::Frame(framing.part(&head)), Piece::Frame(json.into())]);
    }
    let content_type = framing.content_type();
    pieces.push_back(Piece::Frame(framing.close()));
    (content_type, pieces)
}

fn bare(contents: &[Content]) -> (String, VecDeque<Piece>) {
    let pieces = contents.iter().map(|content| Piece::Spooled(content.packed)).collect();
    ("application/dicom".to_owned(), pieces)
}

fn zip(names: &[String], contents: &[Content], manifest: Option<Vec<u8>>) -> (String, VecDeque<Piece>) {
    let mut framing = ZipOut::default();
    let mut pieces = VecDeque::new();
    for (name, content) in names.iter().zip(contents) {
        // Names are made here or by `zip_names`, and never too long for ZIP.
        let Ok(head) = framing.entry(name, *content) else { continue };
        pieces.extend([Piece::Frame(head), Piece::Spooled(content.packed)]);
    }
    if let Some(json) = manifest {
        let mut crc = Crc::new();
        crc.update(&json);
        if let Ok(head) = framing.entry("manifest.json", Content::stored(json.len() as u64, crc.sum())) {
            pieces.extend([Piece::Frame(head), Piece::Frame(json.into())]);
        }
    }
    pieces.push_back(Piece::Frame(framing.finish()));
    ("application/zip".to_owned(), pieces)
}

/// The entries' names after the instances' UIDs.
fn uid_names(instances: &[Instance]) -> Vec<String> {
    let mut taken = HashSet::new();
    let name = |(index, instance): (usize, &Instance)| entry_name(&instance.names, index, &mut taken);
    instances.iter().enumerate().map(name).collect()
}

/// `study/series/instance.dcm` of the output's UIDs; an instance that was sent twice
/// keeps both entries apart.
fn entry_name(names: &Names, index: usize, taken: &mut HashSet<String>) -> String {
    // Whatever a profile lets through, a name never leaves the folder it is unpacked into.
    let safe = |uid: &str| if uid::is_legal(uid) { uid.to_owned() } else { "none".to_owned() };
    let (study, series, instance) = (safe(&names.study), safe(&names.series), safe(&names.instance));
    let plain = format!("{study}/{series}/{instance}.dcm");
    if taken.insert(plain.clone()) { plain } else { format!("{study}/{series}/{instance}-{}.dcm", index + 1) }
}
