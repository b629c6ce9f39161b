//! What is shown is what the rewriter writes; every attribute of both sides is told once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::deid::plan::Plan;
use crate::deid::profile::Profile;
use crate::deid::pseudonym::ProjectKey;
use crate::deid::receipt::Counts;
use crate::deid::rewriter::{Options, Rewriter};
use crate::dicom::instance::Event;
use crate::dicom::splitter::Splitter;

fn engine(preset: &str) -> Engine {
    Engine::new(Plan::new(&Profile::preset(preset).unwrap()), &ProjectKey::from_bytes([7; 32]))
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/dicom/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn head(bytes: Vec<u8>) -> Head {
    let (mut splitter, mut events) = (Splitter::new(Limits::default()), Vec::new());
    splitter.push(bytes.into(), &mut events).unwrap();
    splitter.finish(&mut events).unwrap();
    events
        .into_iter()
        .find_map(|event| if let Event::Head(head) = event { Some(head) } else { None })
        .unwrap()
}

fn rewritten(engine: &Engine, bytes: Vec<u8>) -> Vec<u8> {
    rewritten_with_counts(engine, bytes).0
}

fn rewritten_with_counts(engine: &Engine, bytes: Vec<u8>) -> (Vec<u8>, Counts) {
    let (mut rewriter, mut out) = (Rewriter::new(engine, Options::default()), Vec::new());
    rewriter.push(bytes.into(), &mut out).unwrap();
    let counts = rewriter.finish(&mut out).unwrap().counts;
    (out.concat(), counts)
}

#[test]
fn what_counts_is_what_the_rewriter_counts() {
    let (mut creators, mut inside) = (0, 0);
    for name in ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "reportsi.dcm"] {
        for preset in ["basic", "research", "blank"] {
            let (engine, mut bytes) = (engine(preset), fixture(name));
            // Data Set Trailing Padding stands behind the pixels.
            let padding = bytes.windows(6).rposition(|it| it == b"\xfc\xff\xfc\xffOB");
            bytes.truncate(padding.unwrap_or(bytes.len()));
            let told = preview(&engine, &head(bytes.clone()), Limits::default()).unwrap();
            let gone = |line: &&Line| line.outcome == Outcome::Removed;
            let private = told.lines.iter().filter(|line| dictionary::is_private_creator(line.tag));
            creators += private.filter(gone).count();
            inside += told.lines.iter().filter(gone).filter(|line| !line.counted).count();
            let of = |removed: bool| {
                let counted = told.lines.iter().filter(|it| it.counted);
                counted.filter(|it| (it.outcome == Outcome::Removed) == removed).count() as u32
            };
            let counts = rewritten_with_counts(&engine, bytes.clone()).1;
            let others = counts.kept + counts.emptied + counts.replaced + counts.uids + counts.shifted;
            // The preview ends before the pixel data.
            let pixels = u32::from(head(bytes).bulk.is_some());
            assert_eq!((of(true), of(false) + pixels), (counts.removed, others), "{name}, {preset}");
        }
    }
    assert!(creators > 0 && inside > 0, "{creators} {inside}");
}

#[test]
fn the_new_side_is_what_the_rewriter_writes_and_each_attribute_is_told_once() {
    for (name, preset) in [
        ("CT_small.dcm", "basic"),
        ("CT_small.dcm", "research"),
        ("MR_small_implicit.dcm", "basic"),
        ("MR_small_bigendian.dcm", "blank"),
    ] {
        let (engine, bytes) = (engine(preset), fixture(name));
        let old = head(bytes.clone());
        let told = preview(&engine, &old, Limits::default()).unwrap();
        assert!(told.refused.is_none() && !told.cut, "{name}");
        let data = |head: &Head| {
            let data = Data { bytes: &head.data, encoding: head.encoding, signed: true, depth: 64 };
            let all = data.elements(LINES).unwrap().0;
            all.into_iter().map(|it| (it.path, it.tag, it.text)).collect::<Vec<_>>()
        };
        let side = |of: fn(&Line) -> &Option<Phi<String>>| {
            let lines = told.lines.iter().filter_map(|line| Some((line, of(line).as_ref()?)));
            let mut side: Vec<_> =
                lines.map(|(line, text)| (line.path.clone(), line.tag, text.expose().clone())).collect();
            side.sort();
            side
        };
        let sorted = |mut list: Vec<(Path, Tag, String)>| {
            list.sort();
            list
        };
        assert!(side(|line| &line.old) == sorted(data(&old)), "{name}: the old side");
        assert!(
            side(|line| &line.new) == sorted(data(&head(rewritten(&engine, bytes)))),
            "{name}: the new side"
        );
        assert!(told.lines.iter().all(|line| !line.reason.is_empty()));
    }
}

#[test]
fn outcomes_follow_what_was_done() {
    let told = preview(&engine("basic"), &head(fixture("CT_small.dcm")), Limits::default()).unwrap();
    let outcome = |tag: Tag| {
        let line = told.lines.iter().find(|line| line.tag == tag && line.path.is_empty()).unwrap();
        (line.outcome, line.keyword)
    };
    assert_eq!(outcome(Tag(0x0010, 0x0010)), (Outcome::Replaced, "PatientName"));
    assert_eq!(outcome(Tag(0x0028, 0x0010)), (Outcome::Kept, "Rows"));
    assert_eq!(outcome(Tag(0x0010, 0x1010)), (Outcome::Removed, "PatientAge"));
    assert_eq!(outcome(Tag(0x0008, 0x0020)), (Outcome::Emptied, "StudyDate"));
    assert_eq!(outcome(Tag(0x0012, 0x0062)), (Outcome::Added, "PatientIdentityRemoved"));
}

#[test]
fn a_refused_instance_is_told_of_with_its_reason() {
    let told = preview(&engine("basic"), &head(fixture("ExplVR_BigEnd.dcm")), Limits::default()).unwrap();
    assert_eq!(told.refused.map(|refusal| refusal.code()), Some("pixels"));
    assert!(told.lines.len() > 20);
}
