//! Floor 0 held against the independent reader: every real file and every sample must fall into the same leaves,
//! whatever the size of the chunks it arrives in. What is done with the leaves is tested elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use bytes::Bytes;
use dicom_core::{Tag, VR};
use support::walk::{Content, Leaf, walk};
use support::{files, samples, vr};
use veilgate::dicom::instance::{Event, Head, Limits};
use veilgate::dicom::splitter::Splitter;
use veilgate::dicom::token::Token;
use veilgate::dicom::walker::Walker;
use veilgate::dicom::{Encoding, Fault};

/// One leaf as both readers can tell it.
type Told = (String, Content);

fn events(file: &[u8], chunk: usize) -> Result<Vec<Event>, Fault> {
    let mut splitter = Splitter::new(Limits::default());
    let mut out = Vec::new();
    for piece in file.chunks(chunk) {
        splitter.push(Bytes::copy_from_slice(piece), &mut out)?;
    }
    splitter.finish(&mut out)?;
    Ok(out)
}

/// The leaves that floor 0 finds, bulk value and tail included.
fn leaves(file: &[u8], chunk: usize) -> Result<Vec<Told>, Fault> {
    let (mut head, mut bulk, mut tail): (Option<Head>, Vec<u8>, Vec<u8>) = (None, Vec::new(), Vec::new());
    for event in events(file, chunk)? {
        match event {
            Event::Head(it) => head = Some(it),
            Event::Bulk(it) => bulk.extend(it),
            Event::Tail(it) => tail.extend(it),
        }
    }
    let head = head.expect("no head and no fault");
    let mut out = Vec::new();
    tokens(&head.data, head.encoding, &mut out)?;
    if let Some(found) = head.bulk {
        let content = match found.len {
            None => Content::Fragments(fragments(&bulk)),
            Some(_) => Content::Value(little_endian(found.vr, &bulk, head.encoding)),
        };
        out.push((tag(found.tag), content));
    }
    tokens(&tail, head.encoding, &mut out)?;
    Ok(out)
}

fn tokens(bytes: &[u8], encoding: Encoding, out: &mut Vec<Told>) -> Result<(), Fault> {
    let mut walker = Walker::new(bytes, encoding, Limits::default().depth);
    // Open sequences: where each stands in `out`, and its items so far.
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    while let Some(token) = walker.next_token()? {
        let prefix = |open: &[(usize, String, usize)]| -> String {
            open.iter().map(|(_, tag, items)| format!("{tag}[{}].", items - 1)).collect()
        };
        match token {
            Token::Element { tag: at, vr, value, encoding } => {
                out.push((prefix(&open) + &tag(at), Content::Value(little_endian(vr, value, encoding))));
            }
            Token::Fragments { tag: at, value, .. } => {
                out.push((prefix(&open) + &tag(at), Content::Fragments(fragments(value))));
            }
            Token::Sequence { tag: at, .. } => {
                out.push((prefix(&open) + &tag(at), Content::Sequence(0)));
                open.push((out.len() - 1, tag(at), 0));
            }
            Token::Item { .. } => open.last_mut().unwrap().2 += 1,
            Token::ItemEnd => {}
            Token::SequenceEnd => {
                let (at, _, items) = open.pop().unwrap();
                out[at].1 = Content::Sequence(items);
            }
        }
    }
    Ok(())
}

fn tag(tag: Tag) -> String {
    format!("{:04x},{:04x}", tag.0, tag.1)
}

fn little_endian(name: VR, value: &[u8], encoding: Encoding) -> Vec<u8> {
    if encoding != Encoding::ExplicitBig {
        return value.to_vec();
    }
    vr::swap(name.to_string().as_bytes().try_into().unwrap(), value)
}

/// Items with headers, up to the delimiter.
fn fragments(mut raw: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while raw.len() >= 8 && raw[..4] == [0xfe, 0xff, 0x00, 0xe0] {
        let length = u32::from_le_bytes(raw[4..8].try_into().unwrap()) as usize;
        out.push(raw[8..8 + length].to_vec());
        raw = &raw[8 + length..];
    }
    out
}

/// The first difference, in words without values.
fn difference(theirs: &[Leaf], ours: &[Told]) -> Option<String> {
    for (at, leaf) in theirs.iter().enumerate() {
        match ours.get(at) {
            None => return Some(format!("{} is missing", leaf.place())),
            Some((place, _)) if *place != leaf.place() => {
                return Some(format!("{place} where the reader has {}", leaf.place()));
            }
            Some((place, content)) if *content != leaf.content => return Some(format!("{place} differs")),
            Some(_) => {}
        }
    }
    ours.get(theirs.len()).map(|(place, _)| format!("{place} is one too many"))
}

/// Files the independent reader reads by trying everything, and floor 0 must not guess about.
const REFUSED: [(&str, &str); 1] = [(
    "meta_missing_tsyntax.dcm",
    "no transfer syntax is declared and the first group is nobody's: it cannot be told",
)];

fn check(name: &str, file: &[u8], wrong: &mut Vec<String>) -> usize {
    let independent = walk(file);
    // Every byte a chunk of its own is slow on a large file and tells nothing new there.
    let sizes: &[usize] =
        if file.len() < 20_000 { &[1, 7, 4096, usize::MAX] } else { &[61, 65_536, usize::MAX] };
    for &chunk in sizes {
        match (leaves(file, chunk.min(file.len().max(1))), &independent.fault) {
            (Ok(ours), None) => {
                wrong.extend(
                    difference(&independent.leaves, &ours)
                        .map(|it| format!("{name}, chunks of {chunk}: {it}")),
                );
            }
            // A file that ends after its meta has no leaves in either reading.
            (Ok(ours), Some(_)) if ours.is_empty() && independent.leaves.is_empty() => {}
            (Ok(_), Some(fault)) => wrong.push(format!("{name}, chunks of {chunk}: read, though {fault}")),
            (Err(_), None) if REFUSED.iter().any(|(refused, _)| *refused == name) => {}
            (Err(fault), None) => wrong.push(format!("{name}, chunks of {chunk}: refused: {fault}")),
            (Err(_), Some(_)) => {}
        }
    }
    independent.leaves.len()
}

#[test]
fn every_real_file_falls_into_the_leaves_the_independent_reader_sees() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in files::corpus() {
        seen += check(&file.name, &file.bytes, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 10_000, "only {seen} leaves compared");
}

#[test]
fn every_sample_falls_into_the_leaves_the_independent_reader_sees() {
    let mut wrong = Vec::new();
    for (name, bytes) in samples::all() {
        check(&name, &bytes, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
