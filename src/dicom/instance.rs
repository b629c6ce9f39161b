//! What an instance is cut into, and the bounds of the cutting. The cutting itself
//! lives in `splitter`.

use super::syntax::{Encoding, TransferSyntax};
use bytes::Bytes;
use dicom_core::{Tag, VR};

/// Bounds of what one instance may ask of us.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes held of the head, and again of the tail.
    pub head: usize,
    /// Most nested sequences.
    pub depth: usize,
    /// Most bytes to which a deflated data set may inflate.
    pub inflated: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 64 << 20, depth: 64, inflated: 4 << 30 }
    }
}

/// The element whose value streams: Pixel Data or its float forms (PS3.3 C.7.6.3,
/// C.7.6.24, C.7.6.25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkHeader {
    /// (7FE0,0008), (7FE0,0009) or (7FE0,0010).
    pub tag: Tag,
    /// The VR with which it goes out.
    pub vr: VR,
    /// Length in bytes; `None` for fragments.
    pub len: Option<u32>,
}

/// Everything before the bulk value, or the whole data set if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The encoded elements.
    pub data: Vec<u8>,
    /// How they are encoded.
    pub encoding: Encoding,
    /// The instance's transfer syntax, after correction of a wrong file meta.
    pub transfer_syntax: &'static TransferSyntax,
    /// The bulk element that follows, if any.
    pub bulk: Option<BulkHeader>,
}

/// What the splitter found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// First and once.
    Head(Head),
    /// A piece of the bulk value as it came in; for fragments with their item headers
    /// and the delimiter.
    Bulk(Bytes),
    /// All that follows the bulk value, in the head's encoding; at most once, last.
    Tail(Vec<u8>),
}
