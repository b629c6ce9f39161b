//! Joins the metadata of an instance with its bulk data into an encoded Part 10 stream
//! (PS3.18 10.5.1.4), to be read like any file. Bulk bytes pass as slices.

use super::bulk::BulkPart;
use super::metadata::{CHARACTER_SET, Content, Element, MetadataInstance, place};
use super::pixels::{self, PIXEL_DATA, Pixels};
use super::syntaxes::OCTET_STREAM;
use super::values;
use crate::dicom::header::has_short_length;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicom::writer::Writer;
use crate::dicom::{meta, value};
use bytes::Bytes;
use dicom_core::{Tag, VR};

/// Encapsulated Document and MIME Type of Encapsulated Document.
const DOCUMENT: Tag = Tag(0x0042, 0x0011);
const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);

/// Why an instance cannot be put together. Always a fault of the sender; fails this
/// instance only (PS3.18 10.5.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinFaultKind {
    /// No part has the location that a BulkDataURI names (PS3.18 8.6.1.2).
    #[error("no part has the Content-Location that the BulkDataURI names")]
    Unresolved,
    /// The media type of the part cannot be stored as this attribute (PS3.18 10.5.4);
    /// image/gif and image/png are not transformed.
    #[error("the media type of the bulk data part is not supported for this attribute")]
    MediaType,
    /// The transfer syntax is unknown, or does not fit media type or code stream.
    #[error("the transfer syntax does not fit the media type or the bytes of the bulk data part")]
    TransferSyntax,
    /// Not as many parts as frames (PS3.18 10.5.1.4).
    #[error("the number of bulk data parts is not the number of frames")]
    FrameCount,
    /// A compressed frame holds no byte.
    #[error("a bulk data part is empty")]
    Empty,
    /// An Image Pixel Description attribute is missing and cannot be derived
    /// (PS3.18 10.5.2).
    #[error("an attribute that describes the pixels is missing and cannot be derived")]
    NoPixelDescription,
    /// The value is too long for its length field, or no whole number of units.
    #[error("the bulk data is too long or breaks off within a value")]
    BadLength,
}

/// What is wrong, and at which attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", place(.tag))]
pub struct JoinFault {
    /// What is wrong.
    pub kind: JoinFaultKind,
    /// The attribute at which it was seen.
    pub tag: Option<Tag>,
}

impl JoinFault {
    /// A fault seen at `tag`.
    pub(super) fn at(kind: JoinFaultKind, tag: Tag) -> Self {
        Self { kind, tag: Some(tag) }
    }
}

/// Finds the bulk data part of a BulkDataURI.
type Find<'f, 'p> = &'f dyn Fn(&str) -> Option<&'p BulkPart>;

impl MetadataInstance {
    /// The instance as Part 10 bytes: file meta of its bulk data's transfer syntax, then
    /// the data set in Explicit VR Little Endian with character set UTF-8. Chunks of
    /// `find`'s parts are not copied, except into sequences.
    pub fn assemble(mut self, find: Find<'_, '_>) -> Result<Vec<Bytes>, JoinFault> {
        let pixels = self.pixels(find)?;
        let syntax = pixels.as_ref().map_or(EXPLICIT_LE, |pixels| pixels.syntax);
        let mut out = Output { syntax, pixels, ..Output::default() };
        out.chunks.push(meta::write(self.sop_class(), self.sop_instance(), syntax).into());
        if let Some(pixels) = &out.pixels {
            pixels::complete(&mut self.elements, pixels)?;
        }
        self.name_document_type(find)?;
        self.elements.push(pixels::text(CHARACTER_SET, VR::CS, "ISO_IR 192"));
        self.elements.sort_by_key(|element| element.tag);
        for element in &self.elements {
            out.top_level(element, find)?;
        }
        out.flush();
        Ok(out.chunks)
    }

    /// The top-level elements of the tags that are wanted, each encoded in Explicit VR Little Endian, texts in UTF-8. Those
    /// whose values are bulk data elsewhere are left out.
    pub fn encoded(&self, wanted: &dyn Fn(Tag) -> bool) -> Vec<(Tag, Vec<u8>)> {
        let encode = |element: &Element| {
            let mut writer = Writer::default();
            nested(&mut writer, element, &|_| None, EXPLICIT_LE).ok()?;
            Some((element.tag, writer.finish()))
        };
        self.elements.iter().filter(|element| wanted(element.tag)).filter_map(encode).collect()
    }

    /// The pixel data of the instance itself, if it comes as a part.
    fn pixels(&self, find: Find<'_, '_>) -> Result<Option<Pixels>, JoinFault> {
        let pixel_data = self.elements.iter().find(|element| element.tag == PIXEL_DATA);
        let Some(Content::Bulk(uri)) = pixel_data.map(|element| &element.content) else { return Ok(None) };
        let part = resolve(find, uri, PIXEL_DATA)?;
        pixels::of(part, pixels::number_of_frames(&self.elements)).map(Some)
    }

    /// Holds an encapsulated document's media type against the attribute that names it,
    /// or adds that attribute (PS3.18 10.5.1.4).
    fn name_document_type(&mut self, find: Find<'_, '_>) -> Result<(), JoinFault> {
        let of = |tag| {
            self.elements.iter().find(move |element| element.tag == tag).map(|element| &element.content)
        };
        let Some(Content::Bulk(uri)) = of(DOCUMENT) else { return Ok(()) };
        let media = resolve(find, uri, DOCUMENT)?.media.essence().to_owned();
        let named = match of(DOCUMENT_TYPE) {
            Some(Content::Value(bytes)) => value::ascii(bytes).unwrap_or_default(),
            _ => "",
        };
        match (media.as_str(), named) {
            (OCTET_STREAM, _) => Ok(()),
            (_, "") => {
                self.elements.retain(|element| element.tag != DOCUMENT_TYPE);
                self.elements.push(pixels::text(DOCUMENT_TYPE, VR::LO, &media));
                Ok(())
            }
            (media, named) if named.eq_ignore_ascii_case(media) => Ok(()),
            _ => Err(JoinFault::at(JoinFaultKind::MediaType, DOCUMENT)),
        }
    }
}

fn resolve<'p>(find: Find<'_, 'p>, uri: &str, tag: Tag) -> Result<&'p BulkPart, JoinFault> {
    find(uri).ok_or(JoinFault::at(JoinFaultKind::Unresolved, tag))
}

/// The instance under construction.
#[derive(Default)]
struct Output {
    chunks: Vec<Bytes>,
    /// What is encoded since the last chunk.
    writer: Writer,
    syntax: &'static str,
    pixels: Option<Pixels>,
}

impl Output {
    fn top_level(&mut self, element: &Element, find: Find<'_, '_>) -> Result<(), JoinFault> {
        match (&element.content, self.pixels.take_if(|_| element.tag == PIXEL_DATA)) {
            (Content::Bulk(_), Some(Pixels { fragments: Some(fragments), .. })) => self.fragments(fragments),
            (Content::Bulk(uri), _) => {
                let part = native(element, resolve(find, uri, element.tag)?)?;
                self.stream(element, part)
            }
            _ => nested(&mut self.writer, element, find, self.syntax),
        }
    }

    /// One native value, its bytes as they came.
    fn stream(&mut self, element: &Element, chunks: &[Bytes]) -> Result<(), JoinFault> {
        let len: usize = chunks.iter().map(Bytes::len).sum();
        let padded = value_length(element, len)?;
        let vr = if has_short_length(element.vr) && padded > 0xFFFF { VR::UN } else { element.vr };
        self.writer.header_only(element.tag, vr, Some(padded));
        self.flush();
        self.chunks.extend(chunks.iter().filter(|chunk| !chunk.is_empty()).cloned());
        if len % 2 == 1 {
            self.chunks.push(Bytes::copy_from_slice(&[values::padding(element.vr)]));
        }
        Ok(())
    }

    /// Encapsulated pixel data: an empty offset table, one fragment per frame (PS3.5 A.4).
    fn fragments(&mut self, frames: Vec<Vec<Bytes>>) -> Result<(), JoinFault> {
        self.writer.header_only(PIXEL_DATA, VR::OB, None);
        self.flush();
        self.chunks.extend(pixels::encapsulated(frames)?);
        Ok(())
    }

    fn flush(&mut self) {
        let encoded = std::mem::take(&mut self.writer).finish();
        if !encoded.is_empty() {
            self.chunks.push(encoded.into());
        }
    }
}

/// An element within the writer: bulk data of sequences is copied into it.
fn nested(writer: &mut Writer, element: &Element, find: Find<'_, '_>, syntax: &str) -> Result<(), JoinFault> {
    match &element.content {
        Content::Value(value) => writer.element(element.tag, element.vr, value),
        Content::Items(items) => {
            writer.begin_sequence(element.tag, true);
            for item in items {
                writer.begin_item(true);
                item.iter().try_for_each(|element| nested(writer, element, find, syntax))?;
                writer.end_item();
            }
            writer.end_sequence();
        }
        Content::Bulk(uri) => {
            let part = resolve(find, uri, element.tag)?;
            match icon(element, part, syntax)? {
                Some(fragments) => writer.fragments(element.tag, VR::OB, &fragments),
                None => writer.element(element.tag, element.vr, &whole(element, part)?),
            }
        }
    }
    Ok(())
}

/// Compressed pixel data inside a sequence: only in the syntax of the whole data set.
fn icon(element: &Element, part: &BulkPart, syntax: &str) -> Result<Option<Vec<u8>>, JoinFault> {
    if element.tag != PIXEL_DATA {
        return Ok(None);
    }
    match pixels::of(part, None)? {
        Pixels { fragments: None, .. } => Ok(None),
        found if found.syntax != syntax => Err(JoinFault::at(JoinFaultKind::TransferSyntax, element.tag)),
        Pixels { fragments: Some(frames), .. } => Ok(Some(pixels::encapsulated(frames)?.concat())),
    }
}

/// A native value in one piece, padded.
fn whole(element: &Element, part: &BulkPart) -> Result<Vec<u8>, JoinFault> {
    let value = native(element, part)?.concat();
    value_length(element, value.len())?;
    Ok(values::padded(element.vr, value))
}

/// The bytes of uncompressed bulk data: one part of octet-stream (PS3.18 8.7.3.3.1), or
/// of its own media type for a document.
fn native<'p>(element: &Element, part: &'p BulkPart) -> Result<&'p [Bytes], JoinFault> {
    if part.media.essence() != OCTET_STREAM && element.tag != DOCUMENT {
        return Err(JoinFault::at(JoinFaultKind::MediaType, element.tag));
    }
    match part.parts.as_slice() {
        [one] => Ok(one),
        _ => Err(JoinFault::at(JoinFaultKind::FrameCount, element.tag)),
    }
}

/// The length field of a value, padding included.
fn value_length(element: &Element, len: usize) -> Result<u32, JoinFault> {
    let whole = value::unit(element.vr) <= 2 || len.is_multiple_of(value::unit(element.vr));
    let padded = u32::try_from(len.next_multiple_of(2)).ok().filter(|len| *len < u32::MAX && whole);
    padded.ok_or(JoinFault::at(JoinFaultKind::BadLength, element.tag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::bulk::BulkParts;
    use super::super::codestream::tests::jpeg_of;
    use super::super::json_in;
    use super::super::media::MediaType;
    use super::JoinFaultKind as Kind;
    use super::*;
    use dicom_object::DefaultDicomObject;

    const UIDS: &str = r#""00080016":{"vr":"UI","Value":["1.2"]},"00080018":{"vr":"UI","Value":["2.25.1"]}"#;
    const PIXEL: &str = r#""7FE00010":{"vr":"OW","BulkDataURI":"p"}"#;
    const NATIVE: &str = r#""00280002":{"vr":"US","Value":[1]},"00280004":{"vr":"CS","Value":["MONOCHROME2"]},"00280010":{"vr":"US","Value":[1]},"00280011":{"vr":"US","Value":[2]},"00280100":{"vr":"US","Value":[8]},"00280101":{"vr":"US","Value":[8]},"00280102":{"vr":"US","Value":[7]},"00280103":{"vr":"US","Value":[0]}"#;

    /// Bulk data parts of (location, media type, bytes); bytes come in chunks of three.
    fn parts(list: &[(&str, &str, &[u8])]) -> BulkParts {
        let mut parts = BulkParts::new("/studies");
        for (location, media, data) in list {
            let chunks = data.chunks(3).map(Bytes::copy_from_slice).collect();
            parts.add(location, MediaType::parse(media).unwrap(), chunks);
        }
        parts
    }

    fn assemble(attributes: &[&str], list: &[(&str, &str, &[u8])]) -> Result<Vec<Bytes>, JoinFault> {
        let json = format!("{{{UIDS},{}}}", attributes.join(","));
        let parts = parts(list);
        json_in::parse(json.as_bytes()).unwrap().remove(0).unwrap().assemble(&|uri| parts.find(uri))
    }

    fn joined(attributes: &[&str], list: &[(&str, &str, &[u8])]) -> DefaultDicomObject {
        let bytes = assemble(attributes, list).unwrap().concat();
        dicom_object::from_reader(bytes.as_slice()).unwrap()
    }

    fn fault(attributes: &[&str], list: &[(&str, &str, &[u8])]) -> Kind {
        assemble(attributes, list).unwrap_err().kind
    }

    fn number(set: &DefaultDicomObject, tag: Tag) -> u16 {
        set.element(tag).unwrap().to_int().unwrap()
    }

    #[test]
    fn stow_12_file_meta_is_made_from_the_bulk_data_and_text_is_utf_8() {
        let name = r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"\u00c4^B"}]},"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.4.50"]}"#;
        let set = joined(&[name], &[]);
        assert_eq!(set.meta().transfer_syntax(), EXPLICIT_LE);
        assert_eq!(set.meta().media_storage_sop_instance_uid.trim_end_matches('\0'), "2.25.1");
        assert_eq!(set.element(CHARACTER_SET).unwrap().to_str().unwrap(), "ISO_IR 192");
        assert_eq!(set.element(Tag(0x0010, 0x0010)).unwrap().to_str().unwrap(), "\u{c4}^B");
    }

    #[test]
    fn stow_14_native_pixels_are_little_endian_and_not_copied() {
        let media = "application/octet-stream";
        let set = joined(&[NATIVE, PIXEL], &[("p", media, &[1, 2, 3])]);
        assert_eq!(*set.element(PIXEL_DATA).unwrap().to_bytes().unwrap(), [1, 2, 3, 0]);
        let parts = parts(&[("p", media, &[7; 9])]);
        let json = format!("{{{UIDS},{NATIVE},{PIXEL}}}");
        let instance = json_in::parse(json.as_bytes()).unwrap().remove(0).unwrap();
        let chunks = instance.assemble(&|uri| parts.find(uri)).unwrap();
        let sent = &parts.find("p").unwrap().parts[0];
        assert!(sent.iter().all(|chunk| chunks.iter().any(|out| out.as_ptr() == chunk.as_ptr())));
    }

    #[test]
    fn stow_15_each_frame_is_one_fragment_in_the_order_sent() {
        let frames: Vec<_> = [8u8, 9, 10].map(|precision| jpeg_of(0xC1, precision, &[(1, 0x11)], 0)).into();
        let list: Vec<_> = frames.iter().map(|frame| ("p", "image/jpeg", frame.as_slice())).collect();
        let set = joined(&[PIXEL], &list);
        let fragments = set.element(PIXEL_DATA).unwrap().fragments().unwrap();
        let expected: Vec<_> =
            frames.iter().map(|frame| super::values::padded(VR::OB, frame.clone())).collect();
        assert_eq!(fragments, expected);
        assert_eq!(set.meta().transfer_syntax(), "1.2.840.10008.1.2.4.51");
        assert_eq!(number(&set, Tag(0x0028, 0x0008)), 3);
        let two = r#""00280008":{"vr":"IS","Value":["2"]}"#;
        assert_eq!(fault(&[two, PIXEL], &list), Kind::FrameCount);
    }

    #[test]
    fn stow_17_a_compressed_frame_keeps_every_byte() {
        let frame = jpeg_of(0xC0, 8, &[(1, 0x22), (2, 0x11), (3, 0x11)], 0);
        let set = joined(&[PIXEL], &[("p", "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", &frame)]);
        assert!(set.element(PIXEL_DATA).unwrap().fragments().unwrap()[0].starts_with(&frame));
    }

    #[test]
    fn stow_18_missing_pixel_description_comes_from_the_code_stream() {
        let frame = jpeg_of(0xC0, 8, &[(1, 0x22), (2, 0x11), (3, 0x11)], 0);
        let columns = r#""00280011":{"vr":"US","Value":[6]}"#;
        let set = joined(&[columns, PIXEL], &[("p", "image/jpeg", &frame)]);
        let tags = [0x0002, 0x0006, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103];
        assert_eq!(tags.map(|element| number(&set, Tag(0x0028, element))), [3, 0, 3, 6, 8, 8, 7, 0]);
        assert_eq!(set.element(Tag(0x0028, 0x0004)).unwrap().to_str().unwrap().trim(), "YBR_FULL_422");
        assert_eq!(fault(&[PIXEL], &[("p", "application/octet-stream", b"ab")]), Kind::NoPixelDescription);
        assert_eq!(fault(&[PIXEL], &[("p", "image/dicom-rle", b"ab")]), Kind::NoPixelDescription);
    }

    #[test]
    fn stow_16_a_document_comes_with_the_type_that_the_metadata_names() {
        let document = r#""00420011":{"vr":"OB","BulkDataURI":"d"}"#;
        let named = r#""00420012":{"vr":"LO","Value":["application/pdf"]}"#;
        let pdf = ("d", "application/pdf", &b"%PDF-"[..]);
        let set = joined(&[document], &[pdf]);
        assert_eq!(*set.element(DOCUMENT).unwrap().to_bytes().unwrap(), *b"%PDF-\0");
        assert_eq!(set.element(DOCUMENT_TYPE).unwrap().to_str().unwrap().trim(), "application/pdf");
        assert!(assemble(&[document, named], &[pdf]).is_ok());
        assert_eq!(fault(&[document, named], &[("d", "text/xml", b"x")]), Kind::MediaType);
    }

    #[test]
    fn bulk_data_inside_a_sequence_is_joined_too() {
        let icon = r#""00880200":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[1]},"7FE00010":{"vr":"OB","BulkDataURI":"i"}}]}"#;
        let set = joined(&[icon], &[("i", "application/octet-stream", b"abc")]);
        let items = set.element(Tag(0x0088, 0x0200)).unwrap().items().unwrap().to_vec();
        assert_eq!(*items[0].element(PIXEL_DATA).unwrap().to_bytes().unwrap(), *b"abc\0");
        let frame = jpeg_of(0xC0, 8, &[(1, 0x11)], 0);
        assert_eq!(fault(&[icon], &[("i", "image/jpeg", &frame)]), Kind::TransferSyntax);
        assert!(
            assemble(&[icon, PIXEL], &[("i", "image/jpeg", &frame), ("p", "image/jpeg", &frame)]).is_ok()
        );
    }

    #[test]
    fn stow_13_what_cannot_be_joined_fails_with_its_reason() {
        let frame = jpeg_of(0xC0, 8, &[(1, 0x11)], 0);
        for (media, data, kind) in [
            ("image/png", &frame[..], Kind::MediaType),
            ("image/gif", &frame, Kind::MediaType),
            ("image/jls", &frame, Kind::TransferSyntax),
            ("image/jp2", b"xyz", Kind::TransferSyntax),
            ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.80", &frame, Kind::TransferSyntax),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", b"ab", Kind::MediaType),
            ("image/jxl", b"", Kind::Empty),
        ] {
            assert_eq!(fault(&[NATIVE, PIXEL], &[("p", media, data)]), kind, "{media}");
        }
        assert_eq!(fault(&[NATIVE, PIXEL], &[("other", "image/jpeg", &frame)]), Kind::Unresolved);
        let raw = "application/octet-stream";
        assert_eq!(fault(&[NATIVE, PIXEL], &[("p", raw, b"a"), ("p", raw, b"b")]), Kind::FrameCount);
        let floats = r#""7FE00008":{"vr":"OF","BulkDataURI":"p"}"#;
        assert_eq!(fault(&[floats], &[("p", raw, b"abc")]), Kind::BadLength);
    }
}
