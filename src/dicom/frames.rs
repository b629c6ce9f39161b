//! Where the frames of encapsulated pixel data stand (PS3.5 A.4): the walk over fragments, resumable, and its reading as
//! frames. Sans-IO: says which bytes it wants to see next, and looks at item headers and first bytes only.

use super::fault::{Fault, FaultKind};
use super::header::{self, ITEM, SEQUENCE_END};
use super::syntax::Encoding;
use dicom_core::Tag;
use std::ops::Range;

const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// Bytes of an item header, and of the code stream behind it that are looked at.
const HEADER: u64 = 8;
const LOOK: u64 = 4;

/// RLE Lossless, whose frames are one fragment each (PS3.5 A.4.2).
const RLE: &str = "1.2.840.10008.1.2.5";

/// The fragments seen so far, without the basic offset table.
#[derive(Debug, Clone)]
pub struct Fragments {
    /// Where the next item header stands, in bytes from the start of the file.
    next: u64,
    /// The first item, the basic offset table, was seen.
    begun: bool,
    ended: bool,
    table: Range<u64>,
    /// Place and length of each fragment's value.
    spans: Vec<(u64, u32)>,
    /// Fragments that begin a code stream.
    starts: Vec<u32>,
}

impl Fragments {
    /// Begins at the value of the pixel data.
    pub fn new(value_at: u64) -> Self {
        Self {
            next: value_at,
            begun: false,
            ended: false,
            table: 0..0,
            spans: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Begins at an item header that an offset table names.
    pub fn within(item_at: u64) -> Self {
        Self { begun: true, ..Self::new(item_at) }
    }

    /// Where the next item header stands.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The delimiter was seen.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Where the basic offset table's value stands, once the first item was seen; empty if there is none.
    pub fn table(&self) -> Option<Range<u64>> {
        self.begun.then(|| self.table.clone())
    }

    /// The fragments seen so far.
    pub fn spans(&self) -> &[(u64, u32)] {
        &self.spans
    }

    /// Memory that this takes, in bytes.
    pub fn weight(&self) -> usize {
        64 + self.spans.len() * 16 + self.starts.len() * 4
    }

    /// Looks at `window`, which stands at `at` in the file, as far as it goes; `complete` says that the file ends with it.
    ///
    /// # Errors
    /// Something else than an item stands there, or the file ends.
    pub fn look(&mut self, at: u64, window: &[u8], complete: bool) -> Result<(), Fault> {
        while !self.ended {
            let from = usize::try_from(self.next.saturating_sub(at)).unwrap_or(usize::MAX);
            let rest = window.get(from..).unwrap_or_default();
            let enough = rest.len() as u64 >= HEADER + LOOK || complete;
            let header = header::decode(rest, Encoding::ImplicitLittle)?.filter(|_| enough);
            let Some(header) = header else {
                let missing = complete && from <= window.len();
                return if missing { Err(Fault::at(FaultKind::Truncated, PIXEL_DATA)) } else { Ok(()) };
            };
            match (header.tag, header.len) {
                (SEQUENCE_END, _) => self.ended = true,
                (ITEM, Some(len)) => self.item(len, rest.get(8..).unwrap_or_default()),
                _ => return Err(Fault::at(FaultKind::BadItem, PIXEL_DATA)),
            }
        }
        Ok(())
    }

    fn item(&mut self, len: u32, value: &[u8]) {
        let value_at = self.next + HEADER;
        self.next = value_at + u64::from(len);
        if !std::mem::replace(&mut self.begun, true) {
            self.table = value_at..self.next;
            return;
        }
        // JPEG and JPEG-LS; JPEG 2000 and HTJ2K; JPEG XL, bare and boxed.
        const STARTS: [&[u8]; 4] =
            [&[0xFF, 0xD8, 0xFF], &[0xFF, 0x4F, 0xFF], &[0xFF, 0x0A], &[0, 0, 0, 0x0C]];
        if STARTS.iter().any(|start| value.starts_with(start)) {
            self.starts.push(u32::try_from(self.spans.len()).unwrap_or(u32::MAX));
        }
        self.spans.push((value_at, len));
    }

    /// The fragments of frame `frame` (from 0) of `frames`. `Ok(None)`: more must be seen.
    ///
    /// A single frame has all fragments. RLE frames are one fragment each. Otherwise a frame begins where a code stream
    /// begins; where none can be told, there must be as many fragments as frames.
    ///
    /// # Errors
    /// The fragments do not tell where frames begin.
    pub fn frame(&self, frame: u32, frames: u32, syntax: &str) -> Result<Option<Range<usize>>, Fault> {
        let count = self.spans.len();
        let frame = frame as usize;
        if frames == 1 {
            return Ok(self.ended.then_some(0..count));
        }
        if syntax == RLE || (self.ended && count == frames as usize) {
            return match (frame < count, self.ended) {
                (true, _) => Ok(Some(frame..frame + 1)),
                (false, false) => Ok(None),
                (false, true) => Err(Fault::at(FaultKind::Truncated, PIXEL_DATA)),
            };
        }
        let start = |index: usize| self.starts.get(index).map(|start| *start as usize);
        match (start(frame), start(frame + 1)) {
            (Some(from), Some(to)) if start(0) == Some(0) => Ok(Some(from..to)),
            _ if !self.ended => Ok(None),
            (Some(from), None) if start(0) == Some(0) && self.starts.len() == frames as usize => {
                Ok(Some(from..count))
            }
            _ => Err(Fault::at(FaultKind::BadItem, PIXEL_DATA)),
        }
    }
}

/// Offsets of a basic offset table, in bytes from the first fragment's item header.
pub fn basic_offsets(table: &[u8]) -> Vec<u64> {
    let offsets = table.chunks_exact(4).map(|raw| u32::from_le_bytes(raw.try_into().unwrap_or([0; 4])));
    offsets.map(u64::from).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.50";

    fn items(values: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            out.extend_from_slice(b"\xFE\xFF\0\xE0");
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        out
    }

    fn seen(bytes: &[u8], window: usize) -> Fragments {
        let mut fragments = Fragments::new(0);
        while !fragments.ended() {
            let at = fragments.next() as usize;
            let end = (at + window).min(bytes.len());
            fragments.look(at as u64, &bytes[at..end], end == bytes.len()).unwrap();
        }
        fragments
    }

    #[test]
    fn frames_begin_where_code_streams_begin_whatever_the_window() {
        let start: &[u8] = b"\xFF\xD8\xFF\xE0AAAA";
        let bytes = items(&[b"", start, b"more", start, b"and more", b"more"]);
        for window in [12, 13, 64, 1000] {
            let fragments = seen(&bytes, window);
            assert_eq!(fragments.table(), Some(8..8));
            assert_eq!(fragments.frame(0, 2, JPEG).unwrap(), Some(0..2), "{window}");
            assert_eq!(fragments.frame(1, 2, JPEG).unwrap(), Some(2..5));
            assert_eq!(fragments.frame(0, 1, JPEG).unwrap(), Some(0..5));
            assert!(fragments.frame(0, 3, JPEG).is_ok() && fragments.frame(2, 3, JPEG).is_err());
        }
    }

    #[test]
    fn the_first_frame_is_known_before_the_last_is_seen() {
        let bytes = items(&[b"", b"\xFF\xD8\xFF\xE0", b"\xFF\xD8\xFF\xE0", b"\xFF\xD8\xFF\xE0"]);
        let mut fragments = Fragments::new(0);
        fragments.look(0, &bytes[..36], false).unwrap();
        assert_eq!(fragments.frame(0, 3, JPEG).unwrap(), Some(0..1));
        assert_eq!(fragments.frame(2, 3, JPEG).unwrap(), None);
    }

    #[test]
    fn rle_frames_are_one_fragment_each_and_damage_is_told() {
        let bytes = items(&[b"", b"abcd", b"efgh"]);
        let fragments = seen(&bytes, 1000);
        assert_eq!(fragments.frame(1, 2, RLE).unwrap(), Some(1..2));
        assert!(fragments.frame(2, 3, RLE).is_err());
        assert!(Fragments::new(0).look(0, b"no item here", true).is_err());
        assert!(Fragments::new(0).look(0, &bytes[..20], true).is_err());
    }
}
