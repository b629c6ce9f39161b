//! What is said beside the picture in compressed pixels names nobody on any way out, and the picture stays as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod drive;
mod stow;
mod support;

use stow::{RESPOND, push};
use support::http::Request;
use support::multipart::{self, find};
use support::server::Server;
use support::walk::{Content, walk};
use support::{files, samples};
use veilgate::deid::refusal::Refusal;
use veilgate::dicom::FaultKind;
use veilgate::origin::{Decoders, still};

const MARKS: [&[u8]; 2] = [b"COMNAME", b"EXIFNAME"];

/// Files with a picture in one fragment that passes the Basic Profile, in JPEG-LS and JPEG 2000.
const FILES: [&str; 2] = ["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"];

/// A file whose one frame says, before the picture, whose it is.
fn named(file: &[u8]) -> Vec<u8> {
    let Content::Fragments(fragments) = walk(file).pixels().unwrap().content.clone() else { panic!() };
    let [_, frame] = fragments.as_slice() else { panic!("more than one fragment") };
    let at = find(file, frame).unwrap();
    let (behind, said): (usize, &[u8]) = match frame[1] {
        0xD8 => (2, b"\xFF\xE1\0\x10Exif\0\0EXIFNAME\xFF\xFE\0\x10COMNAME^Moritz"),
        _ => (4 + usize::from(frame[4]) * 256 + usize::from(frame[5]), b"\xFF\x64\0\x12\0\x01COMNAME^Moritz"),
    };
    let length = u32::try_from(frame.len() + said.len()).unwrap().to_le_bytes();
    [&file[..at - 4], &length, &file[at..at + behind], said, &file[at + behind..]].concat()
}

fn silent(bytes: &[u8], what: &str) {
    for mark in MARKS {
        assert!(find(bytes, mark).is_none(), "{what} says {}", String::from_utf8_lossy(mark));
    }
}

async fn picture(file: &[u8]) -> Option<Vec<u8>> {
    still(file.to_vec().into(), 1, 4096, Decoders::default()).await.ok().map(|png| png.to_vec())
}

#[tokio::test]
async fn seq_07_a_picture_that_lost_its_comments_is_decoded_as_before() {
    let engine = drive::lenient("basic");
    for name in FILES {
        let file = files::fixture(name);
        let named = named(&file);
        assert!(find(&named, MARKS[0]).is_some());
        let output = drive::done(&engine, &named);
        silent(&output, name);
        let before = picture(&file).await;
        assert!(before.is_some(), "{name} is not decoded");
        assert_eq!(picture(&named).await, before, "{name}");
        assert_eq!(picture(&output).await, before, "{name}");
    }
}

#[tokio::test]
async fn every_compressed_picture_of_the_corpus_is_decoded_as_before() {
    let engine = drive::lenient("basic");
    let (mut compared, mut changed) = (0, 0);
    for file in files::corpus() {
        let before = walk(&file.bytes);
        let Some(Content::Fragments(pixels)) = before.pixels().map(|leaf| leaf.content.clone()) else {
            continue;
        };
        let output = match drive::whole(&engine, &file.bytes) {
            Ok((output, _)) => output,
            Err(Refusal::Fault(fault)) if fault.kind == FaultKind::BadCodeStream => {
                panic!("{}: {fault}", file.name)
            }
            Err(_) => continue,
        };
        let after = walk(&output);
        changed += usize::from(after.pixels().unwrap().content != Content::Fragments(pixels));
        let Some(png) = picture(&file.bytes).await else { continue };
        assert!(picture(&output).await == Some(png), "{}: another picture", file.name);
        compared += 1;
    }
    println!("{compared} pictures compared, {changed} streams written over");
    assert!(compared > 15 && changed > 5, "{compared} compared, {changed} changed");
}

#[test]
fn seq_07_neither_one_file_nor_a_store_request_gives_comments_back() {
    let server = Server::start();
    for name in FILES {
        let named = named(&files::fixture(name));
        let alone = Request::new("POST", "/api/deidentify").header("Content-Type", "application/dicom");
        let answer = server.send(alone.body(named.clone()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(walk(&answer.body).pixels().is_some());
        silent(&answer.body, name);
        let any = format!("{RESPOND}; transfer-syntax=*");
        let answer = server.send(push(&[named]).header("Accept", &any));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        assert!(walk(&parts[0].body).pixels().is_some());
        silent(&answer.body, name);
    }
}

#[test]
fn seq_07_a_frame_that_is_not_of_its_syntax_is_refused() {
    let server = Server::start();
    let mut file = samples::ct("1.2.840.10008.1.2.4.50", 1);
    file.elements.retain(|element| element.tag != (0x7fe0, 0x0010));
    file.elements.push(support::build::fragments(&[b"COMNAME^Moritz"]));
    let alone = Request::new("POST", "/api/deidentify").header("Content-Type", "application/dicom");
    let answer = server.send(alone.body(file.sorted().write()));
    assert_eq!(answer.status, 422, "{}", answer.text());
    silent(&answer.body, "a refusal");
}
