//! Instances cut in every way, and what is left of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::super::meta;
use super::super::writer::Writer;
use super::*;
use dicom_core::{Tag, VR};

fn file(syntax: &str, body: &[u8]) -> Vec<u8> {
    let mut file = meta::write("1.2.840.10008.5.1.4.1.1.2", "2.25.7", syntax);
    file.extend_from_slice(body);
    file
}

fn head() -> Writer {
    let mut writer = Writer::default();
    writer.text(Tag(0x0008, 0x0016), VR::UI, "1.2.840.10008.5.1.4.1.1.2");
    writer.begin_sequence(Tag(0x0008, 0x1140), true);
    writer.begin_item(true);
    writer.text(Tag(0x0008, 0x1155), VR::UI, "1.22");
    writer.end_item();
    writer.end_sequence();
    writer
}

fn native() -> Vec<u8> {
    let mut writer = head();
    writer.element(Tag(0x7FE0, 0x0010), VR::OW, &[7; 1000]);
    writer.element(Tag(0xFFFC, 0xFFFC), VR::OB, &[0; 6]);
    writer.finish()
}

fn fragmented() -> Vec<u8> {
    let mut writer = head();
    writer.header_only(Tag(0x7FE0, 0x0010), VR::OB, None);
    let mut body = writer.finish();
    body.extend_from_slice(b"\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\x04\0\0\0ABCD\xFE\xFF\xDD\xE0\0\0\0\0");
    body
}

/// Splits and joins the bulk pieces, so that only chunking differs between runs.
fn split(bytes: &[u8], step: usize) -> Result<(Head, Vec<u8>, Vec<u8>), Fault> {
    let mut splitter = Splitter::new(Limits::default());
    let mut events = Vec::new();
    for chunk in bytes.chunks(step) {
        splitter.push(Bytes::copy_from_slice(chunk), &mut events)?;
    }
    splitter.finish(&mut events)?;
    let (mut head, mut bulk, mut tail) = (None, Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Head(found) => head = Some(found),
            Event::Bulk(piece) => bulk.extend_from_slice(&piece),
            Event::Tail(found) => tail = found,
        }
    }
    Ok((head.unwrap(), bulk, tail))
}

#[test]
fn any_chunk_size_gives_the_same_split() {
    for body in [native(), fragmented()] {
        let compressed = body.len() < 200;
        let syntax = if compressed { "1.2.840.10008.1.2.4.90" } else { "1.2.840.10008.1.2.1" };
        let bytes = file(syntax, &body);
        let whole = split(&bytes, bytes.len()).unwrap();
        assert_eq!(whole.1.len(), if compressed { 28 } else { 1000 });
        for step in [1, 7, 64, 1024] {
            assert_eq!(split(&bytes, step).unwrap(), whole, "{step}");
        }
    }
}

#[test]
fn a_cut_anywhere_is_told() {
    let bytes = file("1.2.840.10008.1.2.1", &native());
    let whole = split(&bytes, 64).unwrap();
    for cut in 0..bytes.len() - 18 {
        if let Ok(got) = split(&bytes[..cut], 64) {
            assert!(got.0.bulk.is_none() && got.0.data.len() < whole.0.data.len() + 1, "{cut}");
        }
    }
}

#[test]
fn a_head_over_its_limit_is_refused_before_it_is_held() {
    let limits = Limits { head: 4096, ..Limits::default() };
    let mut writer = head();
    writer.element(Tag(0x0011, 0x1001), VR::OB, &[0; 9000]);
    let bytes = file("1.2.840.10008.1.2.1", &writer.finish());
    let mut splitter = Splitter::new(limits);
    let fault = splitter.push(bytes.into(), &mut Vec::new()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::HeadTooLarge);
}

#[test]
fn a_length_under_a_compressed_syntax_is_refused() {
    let bytes = file("1.2.840.10008.1.2.4.90", &native());
    assert_eq!(split(&bytes, 64).unwrap_err().kind, FaultKind::UnsupportedTransferSyntax);
}

#[test]
fn a_plain_data_set_under_the_deflated_syntax_is_still_read() {
    let bytes = file("1.2.840.10008.1.2.1.99", &native());
    let (head, bulk, _) = split(&bytes, 13).unwrap();
    assert_eq!((head.bulk.unwrap().len, bulk.len()), (Some(1000), 1000));
}
