//! Follows the items of encapsulated pixel data (PS3.5 A.4) across chunks of any size,
//! only to find their end. The fragments themselves are never touched.

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

impl Fragments {
    /// Follows `chunk`; tells how many of its bytes belong to the pixel data and
    /// whether it ended there.
    pub fn advance(&mut self, chunk: &[u8]) -> Result<(usize, bool), Fault> {
        let mut at = 0usize;
        while at < chunk.len() {
            if self.left > 0 {
                let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(chunk.len() - at);
                self.left -= take as u64;
                at += take;
                continue;
            }
            let want = 8 - self.partial.len();
            let part = chunk.get(at..).unwrap_or_default();
            let part = part.get(..want).unwrap_or(part);
            self.partial.extend_from_slice(part);
            at += part.len();
            if self.partial.len() == 8 && self.header()? {
                return Ok((at, true));
            }
        }
        Ok((at, false))
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
