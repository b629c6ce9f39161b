//! Archives of another packer, whole, in steps, streamed, cut and damaged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Name, bytes, and whether they came out sound.
type File = (String, Vec<u8>, Option<Result<(), &'static str>>);

fn read(bytes: &[u8], step: usize) -> Result<Vec<File>, ZipFault> {
    let (mut zip, mut files): (ZipIn, Vec<File>) = (ZipIn::default(), Vec::new());
    let mut chunks = bytes.chunks(step);
    loop {
        match zip.next_event()? {
            Some(ZipEvent::File(name, None)) => files.push((name, Vec::new(), None)),
            Some(ZipEvent::File(name, Some(why))) => files.push((name, Vec::new(), Some(Err(why)))),
            Some(ZipEvent::Data(data)) => {
                assert!(data.len() <= STEP);
                files.last_mut().unwrap().1.extend(data);
            }
            Some(ZipEvent::End(sound)) => files.last_mut().unwrap().2 = Some(sound),
            None => match chunks.next() {
                Some(chunk) => zip.push(chunk),
                None if zip.complete => return Ok(files),
                None => zip.complete(),
            },
        }
    }
}

fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let noise = (0..200_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![("a.dcm", b"short".to_vec()), ("f/ä.dcm", noise), ("f/zero", Vec::new()), ("f/b", vec![7; 300_000])]
}

fn packed(method: CompressionMethod, large: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method).large_file(large);
    zip.add_directory("f/", options).unwrap();
    for (name, bytes) in contents() {
        zip.start_file(name, options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Deflated to a pipe: lengths and checksums stand behind the data.
fn streamed() -> Vec<u8> {
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, bytes) in contents() {
        zip.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
            .unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn files_come_out_as_they_went_in_whatever_the_steps() {
    let wanted: Vec<File> =
        contents().into_iter().map(|(name, bytes)| (name.to_owned(), bytes, Some(Ok(())))).collect();
    let (stored, deflated) = (CompressionMethod::Stored, CompressionMethod::Deflated);
    for archive in [
        packed(stored, false),
        packed(deflated, false),
        packed(stored, true),
        packed(deflated, true),
        streamed(),
    ] {
        for step in [1, 7, 1000, archive.len()] {
            assert!(read(&archive, step).unwrap() == wanted, "in steps of {step}");
        }
    }
}

#[test]
fn what_was_changed_does_not_come_out_as_sound() {
    let mut archive = packed(CompressionMethod::Stored, false);
    let at = archive.windows(5).position(|window| window == b"short").unwrap();
    archive[at] ^= 1;
    let files = read(&archive, 1000).unwrap();
    assert!(matches!(files[0].2, Some(Err(_))) && files[1].2 == Some(Ok(())));
}

#[test]
fn a_cut_or_foreign_archive_is_told_and_never_loops() {
    let archive = packed(CompressionMethod::Deflated, false);
    for end in (0..archive.len() / 2).step_by(997) {
        assert!(read(&archive[..end], 4096).is_err(), "cut at {end}");
    }
    assert!(read(b"no archive at all", 3).is_err());
    for at in 0..60 {
        let mut damaged = archive.clone();
        damaged[at] ^= 0xFF;
        let _ = read(&damaged, 1 << 20);
    }
}

#[test]
fn an_encrypted_or_strange_entry_is_named_and_the_next_ones_are_read() {
    for (at, value) in [(6, 1), (8, 99)] {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for name in ["one", "two"] {
            zip.start_file(name, options).unwrap();
            zip.write_all(b"bytes").unwrap();
        }
        let mut archive = zip.finish().unwrap().into_inner();
        archive[at] = value;
        let files = read(&archive, 5).unwrap();
        assert!(matches!(files[0], (_, ref bytes, Some(Err(_))) if bytes.is_empty()));
        assert_eq!(files[1], ("two".to_owned(), b"bytes".to_vec(), Some(Ok(()))));
    }
}

proptest! {
    /// Whatever comes, in whatever steps: an end, and never more at once than a step.
    #[test]
    fn any_bytes_come_to_an_end(
        flips in proptest::collection::vec((0..4000usize, any::<u8>()), 0..8),
        end in 0..4000usize,
        step in 1..500usize,
    ) {
        let mut archive = streamed();
        archive.truncate(end.max(1));
        for (at, value) in flips {
            if let Some(byte) = archive.get_mut(at) {
                *byte = value;
            }
        }
        let _ = read(&archive, step);
    }
}
