//! An instance of any supported encoding in the form in which this gateway keeps instances: file meta of our own, Explicit
//! VR Little Endian, not deflated; compressed pixels as they are (sans-IO). Nothing is decided, and nothing but group
//! lengths is left out.

use super::bulk::BulkFilter;
use super::fault::{Fault, FaultKind};
use super::instance::{Event, Head, Limits};
use super::splitter::Splitter;
use super::token::Token;
use super::walker::Walker;
use super::writer::Writer;
use super::{Encoding, meta, value};
use bytes::Bytes;
use dicom_core::{Tag, VR};

/// The state machine. After a fault it is over.
#[derive(Debug)]
pub struct Plain {
    limits: Limits,
    splitter: Splitter,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    encoding: Encoding,
    signed: bool,
    filter: BulkFilter,
}

/// What the head says that its own writing needs.
#[derive(Default)]
struct Facts {
    sop_class: String,
    sop_instance: String,
    bits_allocated: u16,
    signed: bool,
}

impl Plain {
    /// For one instance.
    pub fn new(limits: Limits) -> Self {
        Self { limits, splitter: Splitter::new(limits), begun: None }
    }

    /// Takes the next bytes; what can go on is appended to `out`.
    ///
    /// # Errors
    /// It is no instance that can be read.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut events = Vec::new();
        let pushed = self.splitter.push(chunk, &mut events);
        self.events(events, out)?;
        pushed
    }

    /// The instance is complete.
    ///
    /// # Errors
    /// Bytes are missing.
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut events = Vec::new();
        let splitter = std::mem::replace(&mut self.splitter, Splitter::new(self.limits));
        let finished = splitter.finish(&mut events);
        self.events(events, out)?;
        finished?;
        let rest = self.begun.map(|mut begun| begun.filter.finish());
        out.extend(rest.filter(|rest| !rest.is_empty()));
        Ok(())
    }

    fn events(&mut self, events: Vec<Event>, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        for event in events {
            match (event, &mut self.begun) {
                (Event::Head(head), _) => {
                    let (bytes, begun) = self.head(&head)?;
                    self.begun = Some(begun);
                    out.push(bytes);
                }
                (Event::Bulk(bytes), Some(begun)) => {
                    out.extend(Some(begun.filter.push(bytes)).filter(|bytes| !bytes.is_empty()));
                }
                (Event::Tail(bytes), Some(begun)) => {
                    let mut writer = Writer::with_capacity(bytes.len());
                    carry(&bytes, begun.encoding, begun.signed, self.limits.depth, &mut writer)?;
                    out.extend(
                        [begun.filter.finish(), writer.finish().into()]
                            .into_iter()
                            .filter(|it| !it.is_empty()),
                    );
                }
                (Event::Bulk(_) | Event::Tail(_), None) => return Err(FaultKind::NotDicom.into()),
            }
        }
        Ok(())
    }

    fn head(&self, head: &Head) -> Result<(Bytes, Begun), Fault> {
        let facts = Facts::of(head, self.limits.depth)?;
        let syntax = head.transfer_syntax.outgoing();
        let mut bytes = meta::write(&facts.sop_class, &facts.sop_instance, syntax);
        let mut writer = Writer::with_capacity(head.data.len() + 64);
        carry(&head.data, head.encoding, facts.signed, self.limits.depth, &mut writer)?;
        let mut filter = BulkFilter::default();
        if let Some(bulk) = head.bulk {
            writer.header_only(bulk.tag, bulk.vr, bulk.len);
            if head.encoding.is_big_endian() {
                // Words of 32 bits in OW: their order is not told (PS3.5 7.3).
                if bulk.vr == VR::OW && facts.bits_allocated > 16 {
                    return Err(Fault::at(FaultKind::UnsupportedTransferSyntax, bulk.tag));
                }
                filter = BulkFilter::new(value::unit(bulk.vr), 1, 0);
            }
        }
        bytes.extend(writer.finish());
        Ok((bytes.into(), Begun { encoding: head.encoding, signed: facts.signed, filter }))
    }
}

impl Facts {
    fn of(head: &Head, depth: usize) -> Result<Self, Fault> {
        let mut facts = Self::default();
        let mut walker = Walker::new(&head.data, head.encoding, depth);
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag, vr, value, encoding } => {
                    let value = value::little_endian(value, vr, encoding);
                    let text = || value::ascii(&value).unwrap_or_default().to_owned();
                    match tag {
                        Tag(0x0008, 0x0016) => facts.sop_class = text(),
                        Tag(0x0008, 0x0018) => facts.sop_instance = text(),
                        Tag(0x0028, 0x0100) => facts.bits_allocated = value::first_us(&value).unwrap_or(0),
                        Tag(0x0028, 0x0103) => facts.signed = value::first_us(&value) == Some(1),
                        _ => {}
                    }
                }
                Token::Sequence { .. } => walker.skip_sequence()?,
                _ => {}
            }
        }
        Ok(facts)
    }
}

/// Writes what stands in `bytes`, element by element.
fn carry(
    bytes: &[u8],
    encoding: Encoding,
    signed: bool,
    depth: usize,
    out: &mut Writer,
) -> Result<(), Fault> {
    let mut walker = Walker::new(bytes, encoding, depth).with_signed_pixels(signed);
    while let Some(token) = walker.next_token()? {
        match token {
            // Lengths that count bytes of another encoding.
            Token::Element { tag, .. } if tag.element() == 0 => {}
            Token::Element { tag, vr, value, encoding } => {
                out.element(tag, vr, &value::little_endian(value, vr, encoding));
            }
            Token::Fragments { tag, vr, value } => out.fragments(tag, vr, value),
            Token::Sequence { tag, undefined } => out.begin_sequence(tag, undefined),
            Token::Item { undefined } => out.begin_item(undefined),
            Token::ItemEnd => out.end_item(),
            Token::SequenceEnd => out.end_sequence(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::syntax::{DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE};
    use super::*;
    use std::io::Write;

    const JPEG: &str = "1.2.840.10008.1.2.4.50";

    fn plain(file: &[u8], step: usize) -> Result<Vec<u8>, Fault> {
        let (mut plain, mut out) = (Plain::new(Limits::default()), Vec::new());
        for chunk in file.chunks(step) {
            plain.push(Bytes::copy_from_slice(chunk), &mut out)?;
        }
        plain.finish(&mut out)?;
        Ok(out.concat())
    }

    /// The data set that all of the following encode, as Explicit VR Little Endian.
    fn explicit() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0016), VR::UI, "1.2.3");
        writer.text(Tag(0x0008, 0x0018), VR::UI, "2.25.9");
        writer.begin_sequence(Tag(0x0008, 0x1140), true);
        writer.begin_item(true);
        writer.text(Tag(0x0008, 0x1155), VR::UI, "1.22");
        writer.end_item();
        writer.end_sequence();
        writer.element(Tag(0x0028, 0x0010), VR::US, &[1, 2]);
        writer.element(Tag(0x7FE0, 0x0010), VR::OW, &[1, 2, 3, 4]);
        writer.element(Tag(0xFFFC, 0xFFFC), VR::OB, &[0; 2]);
        writer.finish()
    }

    fn implicit() -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |tag: [u8; 4], value: &[u8]| {
            out.extend(tag);
            out.extend((value.len() as u32).to_le_bytes());
            out.extend(value);
        };
        put([8, 0, 0, 0], &[9, 9, 0, 0]);
        put([8, 0, 0x16, 0], b"1.2.3\0");
        put([8, 0, 0x18, 0], b"2.25.9");
        let item = b"\x08\0\x55\x11\x04\0\0\x001.22";
        let undefined =
            [&[0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF], &item[..], b"\xFE\xFF\x0D\xE0\0\0\0\0"].concat();
        out.extend(b"\x08\0\x40\x11\xFF\xFF\xFF\xFF");
        out.extend(undefined);
        out.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        let mut put = |tag: [u8; 4], value: &[u8]| {
            out.extend(tag);
            out.extend((value.len() as u32).to_le_bytes());
            out.extend(value);
        };
        put([0x28, 0, 0x10, 0], &[1, 2]);
        put([0xE0, 0x7F, 0x10, 0], &[1, 2, 3, 4]);
        put([0xFC, 0xFF, 0xFC, 0xFF], &[0; 2]);
        out
    }

    fn big() -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |tag: [u8; 4], vr: &[u8; 2], value: &[u8]| {
            out.extend(tag);
            out.extend(vr);
            match vr {
                b"OW" | b"OB" => out.extend([&[0, 0], &(value.len() as u32).to_be_bytes()[..]].concat()),
                _ => out.extend((value.len() as u16).to_be_bytes()),
            }
            out.extend(value);
        };
        put([0, 8, 0, 0x16], b"UI", b"1.2.3\0");
        put([0, 8, 0, 0x18], b"UI", b"2.25.9");
        out.extend(
            b"\0\x08\x11\x40SQ\0\0\xFF\xFF\xFF\xFF\xFF\xFE\xE0\0\xFF\xFF\xFF\xFF\0\x08\x11\x55UI\0\x041.22",
        );
        out.extend(b"\xFF\xFE\xE0\x0D\0\0\0\0\xFF\xFE\xE0\xDD\0\0\0\0");
        let mut put = |tag: [u8; 4], vr: &[u8; 2], value: &[u8]| {
            out.extend(tag);
            out.extend(vr);
            match vr {
                b"OW" | b"OB" => out.extend([&[0, 0], &(value.len() as u32).to_be_bytes()[..]].concat()),
                _ => out.extend((value.len() as u16).to_be_bytes()),
            }
            out.extend(value);
        };
        put([0, 0x28, 0, 0x10], b"US", &[2, 1]);
        put([0x7F, 0xE0, 0, 0x10], b"OW", &[2, 1, 4, 3]);
        put([0xFF, 0xFC, 0xFF, 0xFC], b"OB", &[0; 2]);
        out
    }

    fn deflated() -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&explicit()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_native_encoding_becomes_the_same_file_in_any_steps() {
        let expected = [meta::write("1.2.3", "2.25.9", EXPLICIT_LE), explicit()].concat();
        let encodings = [
            (EXPLICIT_LE, explicit()),
            (IMPLICIT_LE, implicit()),
            (EXPLICIT_BE, big()),
            (DEFLATED_LE, deflated()),
        ];
        for (syntax, data) in encodings {
            let file = [meta::write("1.2.3", "2.25.9", syntax), data].concat();
            for step in [1, 7, 64, file.len()] {
                assert_eq!(plain(&file, step).unwrap(), expected, "{syntax} {step}");
            }
            let cut = plain(file.get(..file.len() - 12).unwrap(), 64);
            assert!(cut.is_err(), "{syntax}: a cut file is none");
        }
    }

    #[test]
    fn compressed_pixels_stay_as_they_are() {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0018), VR::UI, "2.25.9");
        writer.fragments(
            Tag(0x7FE0, 0x0010),
            VR::OB,
            b"\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\x02\0\0\0AB\xFE\xFF\xDD\xE0\0\0\0\0",
        );
        let file = [meta::write("", "2.25.9", JPEG), writer.finish()].concat();
        assert_eq!(plain(&file, 5).unwrap(), file);
    }

    #[test]
    fn what_is_no_instance_is_told() {
        assert!(plain(b"no DICOM at all", 3).is_err());
        assert!(plain(b"", 3).is_err());
    }
}
