//! The steps of a walk over a data set. The walk itself lives in `walker`.

use super::syntax::Encoding;
use dicom_core::{Tag, VR};

/// One step of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// An element that is no sequence.
    Element {
        /// Its tag.
        tag: Tag,
        /// Its VR as written, or as implied where none is written; UN if nobody knows.
        vr: VR,
        /// Its whole value, in the byte order of `encoding`.
        value: &'a [u8],
        /// The encoding of the level it stands in.
        encoding: Encoding,
    },
    /// Encapsulated pixels inside a sequence.
    Fragments {
        /// The element's tag.
        tag: Tag,
        /// Its VR.
        vr: VR,
        /// Raw items with their delimiter.
        value: &'a [u8],
    },
    /// A sequence begins; items follow.
    Sequence {
        /// Its tag.
        tag: Tag,
        /// It ends with a delimiter.
        undefined: bool,
    },
    /// An item begins; elements follow.
    Item {
        /// It ends with a delimiter.
        undefined: bool,
    },
    /// The item ends.
    ItemEnd,
    /// The sequence ends.
    SequenceEnd,
}
