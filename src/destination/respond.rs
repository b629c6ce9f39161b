//! Destination: the answer itself. Instances are spooled until all are settled, since a
//! client that is still sending does not read, and then framed in the order sent.

use super::spool::{Reader, Spool};
use super::{Fault, Settled};
use crate::deid::receipt::{Names, Receipt};
use crate::dicom::uid;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::zip_out::ZipOut;
use bytes::{Bytes, BytesMut};
use flate2::Crc;
use futures_util::stream::{Stream, unfold};
use std::collections::VecDeque;
use std::path::PathBuf;

/// How instances are framed in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// multipart/related with this boundary (PS3.18 8.6.1.2).
    Multipart(String),
    /// A ZIP archive with stored entries.
    Zip,
}

/// A response being collected.
pub struct Respond {
    form: Form,
    spool: Spool,
    instances: Vec<Instance>,
    /// Where the open instance begins.
    begin: u64,
    crc: Crc,
    /// An instance that must not go out could not be cut off.
    broken: bool,
}

struct Instance {
    names: Names,
    transfer_syntax: &'static str,
    len: u64,
    crc32: u32,
}

impl Respond {
    pub(super) fn new(form: Form, memory: u64, folder: PathBuf) -> Self {
        let spool = Spool::new(memory, folder);
        Self { form, spool, instances: Vec::new(), begin: 0, crc: Crc::new(), broken: false }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        if self.form == Form::Zip {
            self.crc.update(&bytes);
        }
        self.spool.write(bytes).await
    }

    pub(super) async fn commit(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        let crc = std::mem::replace(&mut self.crc, Crc::new());
        self.instances.push(Instance {
            names: receipt.names.clone(),
            transfer_syntax: receipt.transfer_syntax,
            len: self.spool.len() - self.begin,
            crc32: crc.sum(),
        });
        self.begin = self.spool.len();
        Ok(())
    }

    pub(super) fn committed(&self) -> usize {
        self.instances.len()
    }

    pub(super) async fn discard(&mut self) {
        self.crc = Crc::new();
        self.broken |= self.spool.truncate(self.begin).await.is_err();
    }

    pub(super) async fn settle(self) -> Settled {
        let count = self.instances.len();
        let (form, instances) = (self.form, self.instances);
        match self.spool.reader().await {
            Ok(reader) if !self.broken => {
                let answer = Answer { form, instances, reader, manifest: None };
                Settled { fates: vec![Ok(()); count], answer: Some(answer), stored: None }
            }
            _ => Settled { fates: vec![Err(Fault::Storage); count], answer: None, stored: None },
        }
    }
}

/// The instances, ready to be sent.
pub struct Answer {
    form: Form,
    instances: Vec<Instance>,
    reader: Reader,
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
    /// Adds a Store Instances Response as the last part, or as `manifest.json`.
    pub fn with_manifest(mut self, json: Vec<u8>) -> Self {
        self.manifest = Some(json);
        self
    }

    /// Content-Type, length in bytes, and the body.
    pub fn into_body(self) -> (String, u64, impl Stream<Item = Result<Bytes, Fault>> + Send + use<>) {
        let (content_type, pieces) = match self.form {
            Form::Multipart(boundary) => multipart(boundary, &self.instances, self.manifest),
            Form::Zip => zip(&self.instances, self.manifest),
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
        Some(read)
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
    manifest: Option<Vec<u8>>,
) -> (String, VecDeque<Piece>) {
    let mut framing = Multipart::new("application/dicom", boundary);
    let mut pieces = VecDeque::new();
    for instance in instances {
        let head = PartHead {
            media: "application/dicom",
            transfer_syntax: Some(instance.transfer_syntax),
            length: Some(instance.len),
            location: None,
        };
        pieces.extend([Piece::Frame(framing.part(&head)), Piece::Spooled(instance.len)]);
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

fn zip(instances: &[Instance], manifest: Option<Vec<u8>>) -> (String, VecDeque<Piece>) {
    let mut framing = ZipOut::default();
    let mut pieces = VecDeque::new();
    let mut names = std::collections::HashSet::new();
    for (index, instance) in instances.iter().enumerate() {
        let path = entry_name(&instance.names, index, &mut names);
        // A name of at most four UIDs is never too long for ZIP.
        let Ok(head) = framing.entry(&path, instance.len, instance.crc32) else { continue };
        pieces.extend([Piece::Frame(head), Piece::Spooled(instance.len)]);
    }
    if let Some(json) = manifest {
        let mut crc = Crc::new();
        crc.update(&json);
        if let Ok(head) = framing.entry("manifest.json", json.len() as u64, crc.sum()) {
            pieces.extend([Piece::Frame(head), Piece::Frame(json.into())]);
        }
    }
    pieces.push_back(Piece::Frame(framing.finish()));
    ("application/zip".to_owned(), pieces)
}

/// `study/series/instance.dcm` of the output's UIDs; an instance that was sent twice
/// keeps both entries apart.
fn entry_name(names: &Names, index: usize, taken: &mut std::collections::HashSet<String>) -> String {
    // Whatever a profile lets through, a name never leaves the folder it is unpacked into.
    let safe = |uid: &str| if uid::is_legal(uid) { uid.to_owned() } else { "none".to_owned() };
    let (study, series, instance) = (safe(&names.study), safe(&names.series), safe(&names.instance));
    let plain = format!("{study}/{series}/{instance}.dcm");
    if taken.insert(plain.clone()) { plain } else { format!("{study}/{series}/{instance}-{}.dcm", index + 1) }
}
