//! Element and item headers, decoded with dicom-encoding from a slice that may end
//! anywhere. Walking whole data sets lives in `walker`, cutting in `splitter`.

use super::fault::{Fault, FaultKind};
use super::syntax::Encoding;
use dicom_core::header::Header as _;
use dicom_core::{Tag, VR};
use dicom_encoding::decode::Decode;
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;

/// Sequence Delimitation Item (PS3.5 7.5).
pub const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
/// Item Delimitation Item (PS3.5 7.5).
pub const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
/// Item (PS3.5 7.5).
pub const ITEM: Tag = Tag(0xFFFE, 0xE000);

/// Undefined Length (PS3.5 7.1.1).
pub const UNDEFINED: u32 = 0xFFFF_FFFF;

/// One decoded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The element's tag.
    pub tag: Tag,
    /// The VR as written; `None` where the encoding writes none (implicit, items) or
    /// writes two bytes that are no VR of the standard.
    pub vr: Option<VR>,
    /// The value's length in bytes; `None` if undefined.
    pub len: Option<u32>,
    /// The header's own size in bytes: 8 or 12.
    pub size: usize,
}

/// Decodes the header at the start of `bytes`.
///
/// `Ok(None)`: the bytes end inside the header. Never fails on content: any tag and
/// any length is a header; judging them is the caller's.
pub fn decode(bytes: &[u8], encoding: Encoding) -> Result<Option<Header>, Fault> {
    let Some(prefix) = bytes.get(..8) else {
        return Ok(None);
    };
    let tag = tag_of(prefix, encoding);
    if tag.group() == 0xFFFE || !encoding.is_explicit() {
        return Ok(Some(plain(tag, prefix, encoding)));
    }
    let letters = prefix.get(4..6).and_then(|raw| raw.try_into().ok()).unwrap_or([0; 2]);
    if bytes.len() < 12 && needs_twelve(VR::from_binary(letters)) {
        return Ok(None);
    }
    let mut source = bytes;
    let (header, size) = match encoding {
        Encoding::ExplicitBig => ExplicitVRBigEndianDecoder::default().decode_header(&mut source),
        _ => ExplicitVRLittleEndianDecoder::default().decode_header(&mut source),
    }
    .map_err(|_| Fault::at(FaultKind::Truncated, tag))?;
    // The decoder takes letters that are no VR for UN; here the two are told apart.
    let vr = Some(header.vr()).filter(|vr| *vr != VR::UN || letters == *b"UN");
    let len = Some(header.len.0).filter(|len| *len != UNDEFINED || size == 8);
    Ok(Some(Header { tag: header.tag(), vr, len, size }))
}

/// A header of tag and 32-bit length alone: implicit VR, items and delimiters.
fn plain(tag: Tag, prefix: &[u8], encoding: Encoding) -> Header {
    let raw = prefix.get(4..8).and_then(|raw| raw.try_into().ok()).unwrap_or([0; 4]);
    let len = if encoding.is_big_endian() { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) };
    Header { tag, vr: None, len: Some(len).filter(|len| *len != UNDEFINED), size: 8 }
}

fn tag_of(prefix: &[u8], encoding: Encoding) -> Tag {
    let word = |at: usize| {
        let raw = prefix.get(at..at + 2).and_then(|raw| raw.try_into().ok()).unwrap_or([0; 2]);
        if encoding.is_big_endian() { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }
    };
    Tag(word(0), word(2))
}

/// PS3.5 7.1.2: these VRs have a 16-bit length; all others, unknown ones included,
/// have two reserved bytes and a 32-bit length.
pub fn has_short_length(vr: VR) -> bool {
    use VR::*;
    matches!(
        vr,
        AE | AS
            | AT
            | CS
            | DA
            | DS
            | DT
            | FL
            | FD
            | IS
            | LO
            | LT
            | PN
            | SH
            | SL
            | SS
            | ST
            | TM
            | UI
            | UL
            | US
    )
}

fn needs_twelve(vr: Option<VR>) -> bool {
    !vr.is_some_and(has_short_length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn short_and_long_explicit_headers_are_read() {
        let short = *b"\x10\x00\x20\x00LO\x04\x00ABCD";
        let header = decode(&short, Encoding::ExplicitLittle).unwrap().unwrap();
        assert_eq!(
            (header.tag, header.vr, header.len, header.size),
            (Tag(0x10, 0x20), Some(VR::LO), Some(4), 8)
        );
        let long = *b"\xE0\x7F\x10\x00OW\0\0\xFF\xFF\xFF\xFF";
        let header = decode(&long, Encoding::ExplicitLittle).unwrap().unwrap();
        assert_eq!((header.vr, header.len, header.size), (Some(VR::OW), None, 12));
    }

    #[test]
    fn a_header_cut_anywhere_asks_for_more() {
        let long = *b"\xE0\x7F\x10\x00OW\0\0\x02\x00\x00\x00";
        for cut in 0..long.len() {
            assert_eq!(decode(&long[..cut], Encoding::ExplicitLittle).unwrap(), None, "{cut}");
        }
    }

    #[test]
    fn implicit_and_big_endian_headers_are_read() {
        let implicit = *b"\x10\x00\x20\x00\x04\x00\x00\x00ABCD";
        let header = decode(&implicit, Encoding::ImplicitLittle).unwrap().unwrap();
        assert_eq!((header.tag, header.vr, header.len), (Tag(0x10, 0x20), None, Some(4)));
        let big = *b"\x00\x10\x00\x20LO\x00\x04ABCD";
        let header = decode(&big, Encoding::ExplicitBig).unwrap().unwrap();
        assert_eq!((header.tag, header.vr, header.len), (Tag(0x10, 0x20), Some(VR::LO), Some(4)));
    }

    #[test]
    fn unknown_vr_letters_are_told_and_take_a_long_length() {
        let odd = *b"\x10\x00\x20\x00QQ\0\0\x04\x00\x00\x00ABCD";
        let header = decode(&odd, Encoding::ExplicitLittle).unwrap().unwrap();
        assert_eq!((header.vr, header.len, header.size), (None, Some(4), 12));
    }
}
