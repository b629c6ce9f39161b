//! Follows the items of encapsulated pixel data (PS3.5 A.4) across chunks of any size,
//! to find where each begins and where they end. The fragments themselves are not touched here.

use super::fault::{Fault, FaultKind};
use super::header::{self, ITEM, SEQUENCE_END};
use super::syntax::Encoding;
use dicom_core::Tag;

const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// The place in the item sequence.
#[derive(Debug, Default)]
pub struct Fragments {
    /// Bytes of an item header that a chunk cut.
    partial: Vec<u8>,
    /// Bytes left of the present fragment.
    left: u64,
}

/// What stands at the next bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A part of an item header.
    Header,
    /// The end of an item header.
    Begin,
    /// Bytes of an item.
    Value,
    /// The delimiter.
    End,
}

impl Fragments {
    /// Follows `chunk`; tells how many of its bytes belong to the pixel data and
    /// whether it ended there, or what else than an item comes then.
    pub fn advance(&mut self, chunk: &[u8]) -> (usize, Result<bool, Fault>) {
        let mut at = 0usize;
        while at < chunk.len() {
            match self.step(chunk.get(at..).unwrap_or_default()) {
                Ok((step, used)) => {
                    at += used;
                    if step == Step::End {
                        return (at, Ok(true));
                    }
                }
                Err(fault) => return (at, Err(fault)),
            }
        }
        (at, Ok(false))
    }

    /// What stands at the start of `rest`, which is not empty, and how many bytes of it that takes.
    pub fn step(&mut self, rest: &[u8]) -> Result<(Step, usize), Fault> {
        if self.left > 0 {
            let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            self.left -= take as u64;
            return Ok((Step::Value, take));
        }
        let part = rest.get(..8 - self.partial.len()).unwrap_or(rest);
        self.partial.extend_from_slice(part);
        let step = match self.partial.len() {
            8 if self.header()? => Step::End,
            8 => Step::Begin,
            _ => Step::Header,
        };
        Ok((step, part.len()))
    }

    /// Judges a complete item header; true at the sequence delimiter.
    fn header(&mut self) -> Result<bool, Fault> {
        let header = header::decode(&self.partial, Encoding::ImplicitLittle)?;
        self.partial.clear();
        match header.map(|header| (header.tag, header.len)) {
            Some((SEQUENCE_END, _)) => Ok(true),
            Some((ITEM, Some(len))) => {
                self.left = len.into();
                Ok(false)
            }
            _ => Err(Fault::at(FaultKind::BadItem, PIXEL_DATA)),
        }
    }
}
