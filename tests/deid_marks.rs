//! Planted marks: a value of its own in every row of Table E.1-1, at the top level and three sequences deep, in each
//! encoding. No value of an attribute that goes may stand anywhere in the bytes of an output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use dicom_core::{Tag, VR};
use std::collections::BTreeSet;
use std::str::FromStr;
use support::build::text;
use support::plant::{self, Mark, NESTING, Planted};
use support::walk::{Walked, walk};
use support::{samples, syntax};
use veilgate::deid::action::Action;
use veilgate::deid::engine::Engine;

const SYNTAXES: [&str; 4] =
    [syntax::IMPLICIT_LE, syntax::EXPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE];

/// A file with a mark in every row; the document among them is a PDF, since others may be refused.
fn planted(uid: &str) -> Planted {
    let mut planted = plant::plant(uid, &drive::rows(), &NESTING);
    planted.file.elements.retain(|element| element.tag != (0x0042, 0x0012));
    planted.file.elements.push(text((0x0042, 0x0012), b"LO", "application/pdf"));
    planted.file = planted.file.sorted();
    planted
}

/// Presets and options; each keeps another part of the table.
fn engines() -> Vec<(String, Engine)> {
    let presets = drive::PRESETS.map(|name| (name.to_owned(), drive::lenient(name)));
    let options = ["retain-full-dates", "retain-institution-identity", "clean-graphics", "retain-uids"];
    let with = |option: &str| {
        (option.to_owned(), drive::custom(&format!("base = \"basic\"\noptions = [\"{option}\"]\n")))
    };
    presets.into_iter().chain(options.map(with)).collect()
}

/// What the plan does with a row at this depth.
fn action(engine: &Engine, tag: support::Tag, vr: support::vr::Vr, depth: usize) -> Action {
    let plan = engine.plan();
    let path: Vec<Tag> = NESTING[..depth].iter().map(|tag| Tag(tag.0, tag.1)).collect();
    let vr = VR::from_str(std::str::from_utf8(&vr).unwrap()).unwrap();
    plan.decide(plan.sop(samples::sop::CT), &path, Tag(tag.0, tag.1), vr).action
}

/// Whether the mark stands in the output where it was planted.
fn stands(output: &Walked, mark: &Mark) -> bool {
    let path: Vec<_> = NESTING[..mark.depth].iter().map(|tag| (*tag, 0)).collect();
    output
        .leaves
        .iter()
        .any(|leaf| leaf.tag == mark.tag && leaf.path == path && leaf.bytes().starts_with(&mark.value))
}

/// Rows whose marks came through although the plan does not keep them, and rows it keeps whose marks did not.
fn leaks(engine: &Engine, planted: &Planted, output: &[u8]) -> Vec<String> {
    let rows = drive::rows();
    let vr = |tag| rows.iter().find(|(row, _)| *row == tag).unwrap().1;
    let found: BTreeSet<_> = planted.found(output).into_iter().map(|mark| (mark.tag, mark.depth)).collect();
    let walked = walk(output);
    let mut wrong = Vec::new();
    for mark in &planted.marks {
        let action = action(engine, mark.tag, vr(mark.tag), mark.depth);
        let (kept, sequence) = (action == Action::Keep, vr(mark.tag) == *b"SQ");
        // A date may be shifted to where another one was planted: there only its own place counts.
        let out = if action == Action::Shift {
            stands(&walked, mark)
        } else {
            found.contains(&(mark.tag, mark.depth))
        };
        // A sequence that stays is descended into, and the text in its item is decided by its own row.
        if out && !kept || !out && kept && !sequence {
            let what = if out { "came through" } else { "was lost" };
            wrong.push(format!("({:04x},{:04x}) {} deep: {what}", mark.tag.0, mark.tag.1, mark.depth));
        }
    }
    wrong
}

#[test]
fn no_value_of_an_attribute_that_goes_stands_anywhere_in_an_output() {
    let (mut planted_marks, mut found_marks, mut wrong) = (0, 0, Vec::new());
    for uid in SYNTAXES {
        let planted = planted(uid);
        let input = planted.file.write();
        for (name, engine) in engines() {
            let output = drive::done(&engine, &input);
            planted_marks += planted.marks.len();
            found_marks += planted.found(&output).len();
            wrong.extend(
                leaks(&engine, &planted, &output).into_iter().map(|leak| format!("{name}, {uid}: {leak}")),
            );
        }
    }
    println!(
        "{planted_marks} marks planted, {found_marks} kept by an option and found, {} wrong",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} marks:\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(planted_marks > 600 * 4 * SYNTAXES.len() * 7);
}

#[test]
fn the_basic_profile_keeps_no_mark_at_all() {
    let planted = planted(syntax::EXPLICIT_LE);
    let output = drive::done(&drive::lenient("basic"), &planted.file.write());
    let found: Vec<String> =
        planted.found(&output).iter().map(|mark| format!("{:04x?} {}", mark.tag, mark.depth)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_search_finds_every_mark_in_the_input() {
    let planted = planted(syntax::EXPLICIT_LE);
    assert_eq!(planted.found(&planted.file.write()).len(), planted.marks.len());
}

#[test]
fn names_ids_and_original_uids_of_the_samples_stand_nowhere_in_an_output() {
    let secrets: [&[u8]; 9] = [
        b"Rigpatient",
        b"RIG-0001",
        b"RIG-ODD",
        b"2.25.7000",
        b"2.25.71\0",
        b"2.25.72\0",
        b"Riverside",
        b"Referrer",
        b"ACC0042",
    ];
    for name in ["basic", "research"] {
        let engine = drive::lenient(name);
        for (sample, bytes) in samples::all() {
            let Ok((output, _)) = drive::whole(&engine, &bytes) else { continue };
            for secret in secrets {
                let leaks = output.windows(secret.len()).any(|window| window == secret);
                assert!(!leaks, "{name}, {sample}: {}", String::from_utf8_lossy(secret));
            }
        }
    }
}
