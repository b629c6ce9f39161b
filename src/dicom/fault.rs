//! What can be wrong with encoded DICOM: kind and tag, never a value. Mapping to
//! DICOM failure reasons and HTTP lives above.

use dicom_core::Tag;
use std::fmt;

/// What is wrong with the bytes of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// No DICOM data set could be recognised (PS3.10 7.1).
    NotDicom,
    /// The bytes end inside an element, an item or the pixel data.
    Truncated,
    /// The head (everything before the bulk value) exceeds its limit.
    HeadTooLarge,
    /// Elements after the bulk value exceed their limit.
    TailTooLarge,
    /// Sequences are nested deeper than the limit.
    TooDeep,
    /// A length contradicts the bytes around it.
    BadLength,
    /// Something else stands where a sequence item or delimiter must.
    BadItem,
    /// The transfer syntax is unknown or cannot be handled (PS3.5 10).
    UnsupportedTransferSyntax,
    /// The deflated stream is damaged (PS3.5 A.5).
    BadDeflate,
    /// The deflated data set inflates to more than the limit.
    InflatesTooLarge,
    /// An element that decides about the instance stands after the pixel data,
    /// or a second pixel data element follows (PS3.5 7.1: ascending order).
    OutOfOrder,
    /// Bytes follow the end of the data set.
    TrailingBytes,
    /// Compressed pixels are not what the transfer syntax says, so that nobody can tell what stands
    /// beside the picture in them (PS3.5 A.4).
    BadCodeStream,
}

impl FaultKind {
    /// One plain sentence for people; holds no value of a data set.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotDicom => "no DICOM data set could be recognised",
            Self::Truncated => "the bytes end in the middle of an element",
            Self::HeadTooLarge => "the attributes before the pixel data exceed the head limit",
            Self::TailTooLarge => "the attributes after the pixel data exceed the head limit",
            Self::TooDeep => "sequences are nested deeper than the limit",
            Self::BadLength => "a length contradicts the bytes around it",
            Self::BadItem => "something else stands where a sequence item must",
            Self::UnsupportedTransferSyntax => "the transfer syntax is not supported",
            Self::BadDeflate => "the deflated data set is damaged",
            Self::InflatesTooLarge => "the deflated data set inflates to more than the limit",
            Self::OutOfOrder => "an attribute stands after the pixel data where it must precede it",
            Self::TrailingBytes => "bytes follow the end of the data set",
            Self::BadCodeStream => "the compressed pixels are not what the transfer syntax says",
        }
    }
}

/// A fault of the input: what is wrong and, where known, at which attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The attribute at which it was seen.
    pub tag: Option<Tag>,
}

impl Fault {
    /// A fault seen at `tag`.
    pub fn at(kind: FaultKind, tag: Tag) -> Self {
        Self { kind, tag: Some(tag) }
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, tag: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        match self.tag {
            Some(Tag(group, element)) => write!(f, " at ({group:04X},{element:04X})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
