//! Pixel data of a store request with metadata: its transfer syntax, its frames, and
//! what the metadata leaves to the code stream (PS3.18 10.5.1.4, 10.5.2).

use super::bulk::BulkPart;
use super::codestream::{self, Coding, Description};
use super::join::{JoinFault, JoinFaultKind as Kind};
use super::metadata::{Content, Element};
use super::syntaxes::{self, Compressed, OCTET_STREAM};
use crate::dicom::header::{ITEM, SEQUENCE_END};
use crate::dicom::syntax::{EXPLICIT_LE, IMPLICIT_LE};
use crate::dicom::{TransferSyntax, value};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use dicom_core::{Tag, VR};
use std::borrow::Cow;

/// Pixel Data.
pub(super) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
const SAMPLES: Tag = Tag(0x0028, 0x0002);
const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const PLANAR: Tag = Tag(0x0028, 0x0006);
/// Extended Offset Table and its lengths: they speak of fragments that are made anew.
const OFFSET_TABLES: [Tag; 2] = [Tag(0x7FE0, 0x0001), Tag(0x7FE0, 0x0002)];

/// Pixel data of one attribute, ready to be written.
pub(super) struct Pixels {
    /// Transfer syntax that the data set must have.
    pub syntax: &'static str,
    /// One fragment per frame; `None`: native.
    pub fragments: Option<Vec<Vec<Bytes>>>,
    description: Option<Description>,
}

/// Looks at the bulk data part of a Pixel Data attribute. `frames`: Number of Frames, if
/// the metadata says it.
pub(super) fn of(part: &BulkPart, frames: Option<usize>) -> Result<Pixels, JoinFault> {
    let fault = |kind| JoinFault::at(kind, PIXEL_DATA);
    let named = part.media.transfer_syntax();
    if part.media.essence() == OCTET_STREAM && matches!(named, None | Some(EXPLICIT_LE | IMPLICIT_LE)) {
        return Ok(Pixels { syntax: EXPLICIT_LE, fragments: None, description: None });
    }
    let row = row(part).ok_or(fault(Kind::MediaType))?;
    let first = part.parts.first().map(|frame| front(frame, codestream::HEADER_LIMIT)).unwrap_or_default();
    let description = codestream::describe(&first).filter(|found| found.coding != Coding::JpegProgressive);
    let syntax = transfer_syntax(row, named, description).ok_or(fault(Kind::TransferSyntax))?;
    let expected = if row.video { 1 } else { frames.unwrap_or(part.parts.len()) };
    // JPEG 2000 part 2 may hold several frames in one code stream (PS3.5 A.4.5).
    if part.parts.len() != expected && !(row.media == "image/jpx" && part.parts.len() == 1) {
        return Err(fault(Kind::FrameCount));
    }
    let fragments: Vec<_> = part.parts.iter().map(|frame| bare(frame)).collect();
    if fragments.iter().any(|frame| frame.iter().all(Bytes::is_empty)) {
        return Err(fault(Kind::Empty));
    }
    Ok(Pixels { syntax, fragments: Some(fragments), description })
}

/// The row of the media type; that of the named syntax for octet-stream, by which some
/// servers label compressed frames.
fn row(part: &BulkPart) -> Option<&'static Compressed> {
    let named = part.media.transfer_syntax().map(syntaxes::media_of);
    match (part.media.essence(), named) {
        (OCTET_STREAM, Some(media)) => syntaxes::compressed(media),
        (essence, _) => syntaxes::compressed(essence),
    }
}

/// The named syntax if it fits the media type and the code stream; without a name that
/// of the code stream, or the default of the media type (PS3.18 8.7.3.3.2).
fn transfer_syntax(
    row: &Compressed,
    named: Option<&str>,
    found: Option<Description>,
) -> Option<&'static str> {
    let coded = found.map(|found| found.coding.transfer_syntax());
    let other = |coded: &str| syntaxes::media_of(coded) != row.media && row.media != "image/jpx";
    let known = row.media.starts_with("image/j") && row.media != "image/jxl";
    match (named, coded) {
        (_, Some(coded)) if other(coded) => None,
        (Some(named), _) => row.syntaxes.iter().find(|uid| **uid == named).copied(),
        (None, Some(coded)) if row.syntaxes.contains(&coded) => Some(coded),
        (None, None) if known => None,
        (None, _) => row.syntaxes.first().copied(),
    }
    .filter(|uid| TransferSyntax::of(uid).is_some())
}

/// The bare code stream of a frame: without the boxes of a JP2 file.
fn bare(frame: &[Bytes]) -> Vec<Bytes> {
    if *front(frame, codestream::JP2_SIGNATURE.len()) != *codestream::JP2_SIGNATURE {
        return frame.to_vec();
    }
    match codestream::boxed_stream(&front(frame, 1 << 16)) {
        Some((start, len)) => window(frame, start as u64, len.unwrap_or(u64::MAX)),
        None => frame.to_vec(),
    }
}

/// `len` bytes from `start` on, as slices.
fn window(chunks: &[Bytes], mut start: u64, mut len: u64) -> Vec<Bytes> {
    let mut kept = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut chunk = chunk.clone();
        let skipped = start.min(chunk.len() as u64);
        chunk.advance(skipped as usize);
        chunk.truncate(len.min(chunk.len() as u64) as usize);
        (start, len) = (start - skipped, len - chunk.len() as u64);
        kept.push(chunk);
    }
    kept
}

/// The first bytes of a frame, copied only if they come in several chunks.
fn front(chunks: &[Bytes], limit: usize) -> Cow<'_, [u8]> {
    match chunks {
        [first, rest @ ..] if rest.is_empty() || first.len() >= limit => {
            Cow::Borrowed(first.get(..limit.min(first.len())).unwrap_or_default())
        }
        _ => {
            let mut joined = Vec::new();
            for chunk in chunks {
                joined.extend_from_slice(
                    chunk.get(..chunk.len().min(limit - joined.len())).unwrap_or_default(),
                );
            }
            Cow::Owned(joined)
        }
    }
}

/// Number of Frames, if the metadata says it and it is a number.
pub(super) fn number_of_frames(elements: &[Element]) -> Option<usize> {
    let element = elements.iter().find(|element| element.tag == NUMBER_OF_FRAMES)?;
    let Content::Value(bytes) = &element.content else { return None };
    value::ascii(bytes)?.parse().ok()
}

/// Adds the Image Pixel Description attributes that are missing, from the code stream
/// (PS3.18 10.5.2), and Number of Frames where several frames came without it; drops
/// offset tables of fragments that are no more.
pub(super) fn complete(elements: &mut Vec<Element>, pixels: &Pixels) -> Result<(), JoinFault> {
    for &tag in REQUIRED {
        if elements.iter().any(|element| element.tag == tag) {
            continue;
        }
        let found = pixels.description.as_ref().ok_or(JoinFault::at(Kind::NoPixelDescription, tag))?;
        elements.push(derived(tag, found));
    }
    let missing = |elements: &[Element], tag| !elements.iter().any(|element| element.tag == tag);
    if pixels.description.is_some_and(|found| found.samples > 1) && missing(elements, PLANAR) {
        elements.push(us(PLANAR, 0));
    }
    elements.retain(|element| pixels.fragments.is_none() || !OFFSET_TABLES.contains(&element.tag));
    let frames = pixels.fragments.as_ref().map_or(1, Vec::len);
    if frames > 1 && missing(elements, NUMBER_OF_FRAMES) {
        elements.push(text(NUMBER_OF_FRAMES, VR::IS, &frames.to_string()));
    }
    Ok(())
}

/// Image Pixel Description attributes of type 1 (PS3.3 Table C.7-11c).
const REQUIRED: &[Tag] = &[
    SAMPLES,
    PHOTOMETRIC,
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
    Tag(0x0028, 0x0101),
    Tag(0x0028, 0x0102),
    Tag(0x0028, 0x0103),
];

fn derived(tag: Tag, found: &Description) -> Element {
    let number = match (tag.group(), tag.element()) {
        (_, 0x0002) => found.samples,
        (_, 0x0004) => return text(tag, VR::CS, found.photometric),
        (_, 0x0010) => found.rows,
        (_, 0x0011) => found.columns,
        (_, 0x0100) => found.bits_allocated(),
        (_, 0x0101) => found.bits_stored,
        (_, 0x0102) => found.bits_stored - 1,
        _ => u16::from(found.signed),
    };
    us(tag, number)
}

fn us(tag: Tag, number: u16) -> Element {
    Element { tag, vr: VR::US, content: Content::Value(number.to_le_bytes().to_vec()) }
}

/// A text element, padded.
pub(super) fn text(tag: Tag, vr: VR, text: &str) -> Element {
    Element { tag, vr, content: Content::Value(super::values::padded(vr, text.as_bytes().to_vec())) }
}

/// Items of encapsulated pixel data with their delimiter (PS3.5 A.4).
pub(super) fn encapsulated(frames: Vec<Vec<Bytes>>) -> Result<Vec<Bytes>, JoinFault> {
    let mut chunks = vec![item(ITEM, 0)];
    for frame in frames {
        let len: usize = frame.iter().map(Bytes::len).sum();
        let padded = u32::try_from(len.next_multiple_of(2)).ok().filter(|len| *len < u32::MAX);
        chunks.push(item(ITEM, padded.ok_or(JoinFault::at(Kind::BadLength, PIXEL_DATA))?));
        chunks.extend(frame.into_iter().filter(|chunk| !chunk.is_empty()));
        if len % 2 == 1 {
            chunks.push(Bytes::from_static(&[0]));
        }
    }
    chunks.push(item(SEQUENCE_END, 0));
    Ok(chunks)
}

fn item(tag: Tag, len: u32) -> Bytes {
    let mut out = BytesMut::with_capacity(8);
    out.put_u16_le(tag.group());
    out.put_u16_le(tag.element());
    out.put_u32_le(len);
    out.freeze()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::codestream::tests::{j2k_of, jpeg_of};
    use super::super::media::MediaType;
    use super::*;

    /// A part whose frames come in chunks of five bytes.
    fn part(media: &str, frames: &[Vec<u8>]) -> BulkPart {
        let chunks = |frame: &Vec<u8>| frame.chunks(5).map(Bytes::copy_from_slice).collect();
        BulkPart { media: MediaType::parse(media).unwrap(), parts: frames.iter().map(chunks).collect() }
    }

    fn syntax(media: &str, frame: Vec<u8>) -> Result<&'static str, Kind> {
        of(&part(media, &[frame]), None).map(|pixels| pixels.syntax).map_err(|fault| fault.kind)
    }

    #[test]
    fn stow_17_a_jp2_file_loses_its_boxes_and_nothing_of_its_code_stream() {
        let stream = j2k_of(1, 7, 0, 1, false);
        let size = u32::try_from(stream.len() + 8).unwrap().to_be_bytes();
        let file =
            [codestream::JP2_SIGNATURE, b"\0\0\0\x0Cftypjp2 ", &size, b"jp2c", &stream, b"\0\0\0\x08free"]
                .concat();
        let pixels = of(&part("image/jp2", &[file]), None).unwrap();
        assert_eq!(pixels.fragments.unwrap()[0].concat(), stream);
        assert_eq!(pixels.syntax, "1.2.840.10008.1.2.4.90");
    }

    #[test]
    fn acc_23_the_syntax_follows_from_the_name_the_code_stream_or_the_media_type() {
        let (grey, wavelet) = (jpeg_of(0xC0, 8, &[(1, 0x11)], 0), j2k_of(1, 7, 0, 1, false));
        let uid = |last: &str| Ok(format!("1.2.840.10008.1.2.4.{last}"));
        let found = |media: &str, frame: &[u8]| syntax(media, frame.to_vec()).map(str::to_owned);
        assert_eq!(found("image/jpeg", &grey), uid("50"));
        assert_eq!(found("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.51", &grey), uid("51"));
        assert_eq!(
            found("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.50", &grey),
            uid("50")
        );
        assert_eq!(found("image/jp2", &wavelet), uid("90"));
        assert_eq!(found("image/jpx", &wavelet), uid("92"));
        assert_eq!(found("image/jphc", &j2k_of(1, 7, 0, 1, true)), uid("201"));
        assert_eq!(found("image/x-dicom-rle", b"rle").unwrap(), "1.2.840.10008.1.2.5");
        assert_eq!(found("video/mp4", b"mp4"), uid("102"));
        assert_eq!(found("image/jphc", &wavelet), Err(Kind::TransferSyntax));
    }

    #[test]
    fn stow_15_a_video_is_one_part_however_many_frames_it_has() {
        let video = [b"mpeg".to_vec(), b"mpeg".to_vec()];
        assert!(of(&part("video/mpeg", &video[..1]), Some(500)).is_ok());
        assert_eq!(
            of(&part("video/mpeg", &video), Some(2)).err().map(|fault| fault.kind),
            Some(Kind::FrameCount)
        );
        assert_eq!(
            of(&part("image/jxl", &video[..1]), Some(2)).err().map(|fault| fault.kind),
            Some(Kind::FrameCount)
        );
    }
}
