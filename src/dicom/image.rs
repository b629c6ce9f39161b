//! The Image Pixel description of a stored instance (PS3.3 C.7.6.3, C.7.6.6), and from it the size and place of native
//! frames (PS3.5 8). Compressed frames are `frames`'s; what values mean to the eye is not known here.

use super::fault::Fault;
use super::layout::Layout;
use super::token::Token;
use super::value;
use super::walker::Walker;
use dicom_core::Tag;
use std::ops::Range;

/// Nesting beyond which a head is not looked into; the head was written by this gateway under the same bound.
const DEPTH: usize = 64;

/// What the head says about its pixels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// Samples per Pixel (0028,0002).
    pub samples: u16,
    /// Bits Allocated (0028,0100).
    pub bits_allocated: u16,
    /// Bits Stored (0028,0101).
    pub bits_stored: u16,
    /// High Bit (0028,0102).
    pub high_bit: u16,
    /// Pixel Representation (0028,0103) is 1.
    pub signed: bool,
    /// Planar Configuration (0028,0006) is 1.
    pub planar: bool,
    /// Photometric Interpretation (0028,0004).
    pub photometric: String,
    /// Number of Frames (0028,0008), 1 if absent.
    pub frames: u32,
    /// Extended Offset Table (7FE0,0001), in bytes from the first fragment.
    pub offsets: Vec<u64>,
    /// Extended Offset Table Lengths (7FE0,0002), in bytes.
    pub lengths: Vec<u64>,
}

impl Image {
    /// Reads the description out of a head.
    ///
    /// # Errors
    /// The head cannot be walked.
    pub fn of(layout: &Layout) -> Result<Self, Fault> {
        let mut image = Self { frames: 1, samples: 1, ..Self::default() };
        let mut walker = Walker::new(&layout.head, layout.encoding, DEPTH);
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag, value, .. } => image.see(tag, value),
                Token::Sequence { .. } => walker.skip_sequence()?,
                _ => {}
            }
        }
        if let Some(bulk) = layout.bulk {
            image.bits_allocated = match bulk.header.tag.element() {
                0x0008 => 32,
                0x0009 => 64,
                _ => image.bits_allocated,
            };
        }
        Ok(image)
    }

    /// Notes what an attribute of the top level says, by its value in little endian order.
    pub fn see(&mut self, tag: Tag, bytes: &[u8]) {
        let number = || value::first_us(bytes).unwrap_or(0);
        let table = || bytes.chunks_exact(8).map(|raw| u64::from_le_bytes(raw.try_into().unwrap_or([0; 8])));
        match (tag.group(), tag.element()) {
            (0x0028, 0x0010) => self.rows = number(),
            (0x0028, 0x0011) => self.columns = number(),
            (0x0028, 0x0002) => self.samples = number(),
            (0x0028, 0x0100) => self.bits_allocated = number(),
            (0x0028, 0x0101) => self.bits_stored = number(),
            (0x0028, 0x0102) => self.high_bit = number(),
            (0x0028, 0x0103) => self.signed = number() == 1,
            (0x0028, 0x0006) => self.planar = number() == 1,
            (0x0028, 0x0004) => self.photometric = value::ascii(bytes).unwrap_or_default().to_owned(),
            (0x0028, 0x0008) => {
                let count = value::ascii(bytes).and_then(|text| text.parse().ok());
                self.frames = count.filter(|count| *count > 0).unwrap_or(1);
            }
            (0x7FE0, 0x0001) => self.offsets = table().collect(),
            (0x7FE0, 0x0002) => self.lengths = table().collect(),
            _ => {}
        }
    }

    /// Pixels of one frame.
    pub fn pixels(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }

    /// Bits of one native frame. Chrominance of YBR_FULL_422 is stored for every other pixel only (PS3.3 C.7.6.3.1.2).
    pub fn frame_bits(&self) -> u64 {
        let samples = match self.photometric.as_str() {
            "YBR_FULL_422" | "YBR_PARTIAL_422" if self.samples == 3 => 2,
            _ => u64::from(self.samples),
        };
        self.pixels() * samples * u64::from(self.bits_allocated)
    }

    /// Bytes of one frame once it is native, padded to whole bytes.
    pub fn frame_bytes(&self) -> u64 {
        self.frame_bits().div_ceil(8)
    }

    /// Where native frame `frame` (from 0) stands within the value: its bytes, and the bit of the first byte at which it
    /// begins. Frames of 1-bit images follow each other without padding (PS3.5 8.1.1).
    pub fn native_frame(&self, frame: u32) -> (Range<u64>, u32) {
        let first = self.frame_bits() * u64::from(frame);
        let last = first + self.frame_bits();
        (first / 8..last.div_ceil(8), (first % 8) as u32)
    }
}

/// Brings bits that begin at bit `shift` of the first byte to bit 0, keeping `bits` of them; what is behind is zero.
pub fn aligned(bytes: &[u8], shift: u32, bits: u64) -> Vec<u8> {
    let next = bytes.iter().skip(1).copied().chain(std::iter::once(0));
    let pairs = bytes.iter().copied().zip(next);
    let moved = pairs.map(|(low, high)| ((u16::from_le_bytes([low, high])) >> shift).to_le_bytes()[0]);
    let mut out: Vec<u8> = moved.take(usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)).collect();
    if let (Some(last), rest @ 1..) = (out.last_mut(), bits % 8) {
        *last &= (1u8 << rest) - 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frm_05_frames_of_one_bit_are_brought_to_a_byte_border() {
        let image =
            Image { rows: 3, columns: 5, samples: 1, bits_allocated: 1, frames: 3, ..Image::default() };
        assert_eq!(image.native_frame(0), (0..2, 0));
        assert_eq!(image.native_frame(1), (1..4, 7));
        assert_eq!(image.native_frame(2), (3..6, 6));
        // Bits 15 to 29 of a stream whose bits 15, 16 and 29 are set.
        assert_eq!(aligned(&[0x80, 0x01, 0x20], 7, 15), [0b11, 0x40]);
        assert_eq!(aligned(&[0xFF, 0xFF], 0, 15), [0xFF, 0x7F]);
    }

    #[test]
    fn half_the_chrominance_is_half_the_bytes() {
        let image = Image {
            rows: 4,
            columns: 4,
            samples: 3,
            bits_allocated: 8,
            photometric: "YBR_FULL_422".into(),
            ..Image::default()
        };
        assert_eq!(image.frame_bytes(), 32);
        assert_eq!(Image { photometric: "RGB".into(), ..image }.frame_bytes(), 48);
    }
}
