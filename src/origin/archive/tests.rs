//! The archive as an origin, without HTTP: how little is read, and to whom nothing is given.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::db::catalog::Entry;
use crate::db::tests::{enter, founded};
use crate::deid::receipt::Names;
use crate::dicom::meta;
use crate::dicom::writer::Writer;
use crate::origin::Fault;
use bytes::Bytes;
use dicom_core::{Tag, VR};
use futures_util::TryStreamExt;
use std::io::{Seek, SeekFrom, Write};

const JPEG: &str = "1.2.840.10008.1.2.4.50";
const NATIVE: &str = "1.2.840.10008.1.2.1";

struct Rig {
    folder: tempfile::TempDir,
    origin: ArchiveOrigin,
}

fn place() -> Place {
    Place { study: "2.25.1".into(), series: Some("2.25.2".into()), instance: Some("2.25.3".into()) }
}

fn names() -> Names {
    Names {
        sop_class: "1.2".into(),
        instance: "2.25.3".into(),
        series: "2.25.2".into(),
        study: "2.25.1".into(),
    }
}

fn entry(names: Names, syntax: &str, object: String, size: u64) -> Entry {
    Entry {
        names,
        patient_id: "P".into(),
        transfer_syntax: syntax.into(),
        size,
        sha256: "aa".into(),
        object,
        described: crate::db::catalog::described::Described::default(),
    }
}

/// Head of an image of `frames` frames of 1024 × 512 bytes, up to its pixel data.
fn head(syntax: &str, frames: u32) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.element(Tag(0x0028, 0x0002), VR::US, &[1, 0]);
    writer.text(Tag(0x0028, 0x0004), VR::CS, "MONOCHROME2");
    writer.text(Tag(0x0028, 0x0008), VR::IS, &frames.to_string());
    writer.element(Tag(0x0028, 0x0010), VR::US, &1024u16.to_le_bytes());
    writer.element(Tag(0x0028, 0x0011), VR::US, &512u16.to_le_bytes());
    writer.element(Tag(0x0028, 0x0100), VR::US, &[8, 0]);
    [meta::write("1.2", "2.25.3", syntax), writer.finish()].concat()
}

/// An archive with one image, written chunk by chunk, to which the catalog adds `more` bytes.
async fn rig(syntax: &str, chunks: impl Iterator<Item = Vec<u8>>, more: u64) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let objects = folder.path().join("archive");
    std::fs::create_dir(&objects).unwrap();
    let archive = Archive::open(&crate::archive::Site::Folder(objects), db.clone()).unwrap();
    let mut writer = archive.writer(&project).unwrap();
    let mut size = more;
    for chunk in chunks {
        size += chunk.len() as u64;
        writer.write(Bytes::from(chunk)).await.unwrap();
    }
    let object = writer.object().to_owned();
    writer.finish().await.unwrap();
    enter(&db, &project, &[entry(names(), syntax, object, size)]).await.unwrap();
    Rig { folder, origin: ArchiveOrigin::new(archive, db, &project, Decoders::default()) }
}

async fn frame(rig: &Rig, number: u32) -> Vec<u8> {
    let parts = Origin::frames(&rig.origin, &place(), &[number], As::Stored).await.unwrap();
    let part = parts.parts.try_collect::<Vec<_>>().await.unwrap().remove(0);
    part.content.whole().try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

const FRAME: usize = 512 * 1024;

/// 2048 frames of 512 KiB: one GiB.
const FRAMES: u32 = 2048;

#[tokio::test]
async fn a_frame_of_a_gigabyte_is_read_without_the_rest() {
    let mut first = head(NATIVE, FRAMES);
    let mut header = Writer::default();
    header.header_only(Tag(0x7FE0, 0x0010), VR::OB, Some(FRAMES * FRAME as u32));
    first.extend(header.finish());
    let at = first.len() as u64;
    let rig = rig(NATIVE, std::iter::once(first), u64::from(FRAMES) * FRAME as u64).await;
    // The rest of the file is a hole, but for the frames that are asked for.
    let objects = walkdir::WalkDir::new(rig.folder.path().join("archive")).into_iter().map(Result::unwrap);
    let object = objects.filter(|entry| entry.file_type().is_file()).last().unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(object.path()).unwrap();
    file.set_len(at + u64::from(FRAMES) * FRAME as u64).unwrap();
    for number in [2, FRAMES] {
        file.seek(SeekFrom::Start(at + u64::from(number - 1) * FRAME as u64)).unwrap();
        file.write_all(&vec![(number - 1).to_le_bytes()[0]; FRAME]).unwrap();
    }
    for number in [1, 2, FRAMES] {
        let before = rig.origin.archive.bytes_read();
        let bytes = frame(&rig, number).await;
        assert!(bytes.len() == FRAME && bytes.iter().all(|byte| *byte == (number - 1).to_le_bytes()[0]));
        let read = rig.origin.archive.bytes_read() - before;
        assert!(read <= FRAME as u64 + (64 << 10), "{read} bytes read for frame {number}");
    }
    let before = rig.origin.archive.bytes_read();
    let beyond = Origin::frames(&rig.origin, &place(), &[FRAMES + 1], As::Stored).await;
    assert_eq!(beyond.err(), Some(Fault::NotFound));
    let parts = Origin::metadata(&rig.origin, &place(), Model::Json, "http://h").await.unwrap();
    assert_eq!(parts.parts.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert!(rig.origin.archive.bytes_read() - before < 64 << 10, "metadata reads no pixels");
}

#[tokio::test]
async fn a_compressed_frame_without_table_costs_its_own_size_and_a_look_at_those_before_it() {
    let fragment = |number: u32| {
        let mut item = b"\xFE\xFF\0\xE0".to_vec();
        item.extend((FRAME as u32).to_le_bytes());
        item.extend([0xFF, 0xD8, 0xFF, 0xE0]);
        item.resize(8 + FRAME, number.to_le_bytes()[0]);
        item
    };
    let mut first = head(JPEG, 64);
    let mut header = Writer::default();
    header.header_only(Tag(0x7FE0, 0x0010), VR::OB, None);
    first.extend(header.finish());
    first.extend(b"\xFE\xFF\0\xE0\0\0\0\0");
    let end = b"\xFE\xFF\xDD\xE0\0\0\0\0".to_vec();
    let chunks = std::iter::once(first).chain((0..64).map(fragment)).chain(std::iter::once(end));
    let rig = rig(JPEG, chunks, 0).await;
    for (number, looks) in [(1, 3), (64, 64), (64, 1), (2, 1)] {
        let before = rig.origin.archive.bytes_read();
        let bytes = frame(&rig, number).await;
        assert!(bytes.len() == FRAME && bytes[FRAME - 1] == (number - 1).to_le_bytes()[0]);
        let read = rig.origin.archive.bytes_read() - before;
        assert!(read <= FRAME as u64 + (looks + 6) * (4 << 10), "{read} bytes read for frame {number}");
    }
}

fn one_frame() -> Vec<u8> {
    let mut bytes = head(NATIVE, 1);
    let mut writer = Writer::default();
    writer.element(Tag(0x7FE0, 0x0010), VR::OB, &vec![0; FRAME]);
    bytes.extend(writer.finish());
    bytes
}

#[tokio::test]
async fn what_comes_in_while_an_answer_is_given_is_not_in_it() {
    let rig = rig(NATIVE, std::iter::once(one_frame()), 0).await;
    let study = Place { series: None, instance: None, ..place() };
    let wishes = [SyntaxWish::Any];
    let files = Origin::instances(&rig.origin, &study, &wishes).await.unwrap();
    let pictures = Origin::rendered(&rig.origin, &study, None, Wish::default()).await.unwrap();
    let names = Names { instance: "2.25.4".into(), ..names() };
    let late = entry(names, NATIVE, "late".into(), 1);
    enter(&rig.origin.db, &rig.origin.project, &[late]).await.unwrap();
    for parts in [files, pictures] {
        let given: Vec<_> = parts.parts.try_collect().await.unwrap();
        assert_eq!((parts.instances, given.len()), (1, 1), "one was counted");
    }
    assert_eq!(Origin::instances(&rig.origin, &study, &wishes).await.unwrap().instances, 2);
}

#[tokio::test]
async fn nothing_is_given_to_another_project() {
    let rig = rig(NATIVE, std::iter::once(one_frame()), 0).await;
    let (origin, place) = (&rig.origin.of("another"), place());
    let wishes = [SyntaxWish::Any];
    let path = BulkPath::parse("7FE00010").unwrap();
    let wish = Wish::default();
    let answers = [
        Origin::instances(origin, &place, &wishes).await.err(),
        Origin::metadata(origin, &place, Model::Json, "").await.err(),
        Origin::frames(origin, &place, &[1], As::Stored).await.err(),
        Origin::bulk(origin, &place, &path, As::Stored).await.err(),
        Origin::rendered(origin, &place, None, wish).await.err(),
        Origin::thumbnail(origin, &place, None, wish).await.err(),
        Origin::syntax(origin, &place).await.err(),
    ];
    assert!(answers.iter().all(|fault| *fault == Some(Fault::NotFound)), "{answers:?}");
    assert!(Origin::syntax(&rig.origin, &place).await.is_ok());
}
