//! Tests of frames as this gateway takes them out of instances: against what other decoders give, and where offset tables
//! name them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::audit::digest::Digest;
use crate::budget::Budget;
use crate::dicom::meta;
use crate::dicom::plain::Plain;
use crate::dicom::writer::Writer;
use crate::dicomweb::representation::As;
use crate::origin::pass;
use crate::spool::Spools;
use dicom_core::{Tag, VR};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sha2::Digest as _;

/// File, frame, transfer syntax, SHA-256 and decoder; `fixtures/SOURCES.md` says where the files come from.
const DECODED: &str = include_str!("../../../fixtures/decoded.tsv");

/// Syntaxes of which a frame was compared.
const SYNTAXES: [&str; 10] = ["5", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "4.201", "4.202", "4.203"];

async fn stored(name: &str, file: Vec<u8>) -> Arc<Stored> {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(1 << 30, folder.path().to_owned(), Budget::new(1 << 30));
    let bytes = stream::iter([Ok(Bytes::from(file))]).boxed();
    let plain = pass::through(bytes, Plain::new(Limits::default()));
    Pulled::new(spools, Decoders::default()).of(name, || async { Ok(plain) }).await.unwrap()
}

async fn frame(stored: &Arc<Stored>, number: u32, given: As) -> Result<Vec<u8>, Fault> {
    let parts = stored.frames("", &[number], given).await?.parts;
    let pieces: Vec<Bytes> = parts.map_ok(|part| part.content.whole()).try_flatten().try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn frames_are_decoded_to_what_other_decoders_give() {
    let mut seen = std::collections::BTreeSet::new();
    for line in DECODED.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, number, syntax, expected, decoder]: [&str; 5] = cells.try_into().unwrap();
        let path = format!("{}/fixtures/dicom/{name}", env!("CARGO_MANIFEST_DIR"));
        let stored = stored(name, std::fs::read(path).unwrap()).await;
        assert_eq!(stored.layout.transfer_syntax.uid, syntax, "{name}");
        let pixels = frame(&stored, number.parse().unwrap(), As::Native).await.unwrap();
        let given = Digest(sha2::Sha256::digest(&pixels).into()).to_hex();
        assert_eq!(given, expected, "{name}, frame {number}: not as {decoder} gives it");
        seen.insert(syntax.trim_start_matches("1.2.840.10008.1.2.").to_owned());
    }
    assert_eq!(seen, SYNTAXES.map(str::to_owned).into());
}

/// Two frames of two fragments each, of which none tells where a frame ends.
fn fragmented(offsets: &[u64]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(Tag(0x0028, 0x0008), VR::IS, "2");
    writer.element(Tag(0x0028, 0x0010), VR::US, &[4, 0]);
    writer.element(Tag(0x0028, 0x0011), VR::US, &[4, 0]);
    writer.element(Tag(0x0028, 0x0100), VR::US, &[8, 0]);
    let table = |values: &[u64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    if !offsets.is_empty() {
        writer.element(Tag(0x7FE0, 0x0001), VR::OV, &table(offsets));
        writer.element(Tag(0x7FE0, 0x0002), VR::OV, &table(&[12, 12]));
    }
    let mut file = [meta::write("1.2", "2.25.3", "1.2.840.10008.1.2.4.90"), writer.finish()].concat();
    file.extend(b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0");
    for fragment in [b"first ", b"frame ", b"second", b"one   "] {
        file.extend(b"\xFE\xFF\0\xE0\x06\0\0\0");
        file.extend(fragment);
    }
    file.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    file
}

#[tokio::test]
async fn an_extended_offset_table_tells_frames_apart_that_nothing_else_does() {
    let told = stored("told", fragmented(&[0, 28])).await;
    for (number, expected) in [(2, "secondone   "), (1, "first frame ")] {
        assert_eq!(frame(&told, number, As::Stored).await.unwrap(), expected.as_bytes());
    }
    for (name, offsets) in
        [("untold", &[][..]), ("short", &[0]), ("lying", &[0, 27]), ("beyond", &[0, 1 << 40])]
    {
        let stored = stored(name, fragmented(offsets)).await;
        let second = frame(&stored, 2, As::Stored).await;
        assert!(
            second.as_ref().is_ok_and(|it| it == b"secondone   ") || second.is_err(),
            "{name}: {second:?}"
        );
    }
}
