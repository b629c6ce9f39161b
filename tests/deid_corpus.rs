//! The engine over every real file: done or refused with a reason, the same output however the bytes arrive, every kept
//! leaf bit for bit, nothing undecided in an output, both drivers of one mind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use drive::expect::{self, Tally};
use support::files::{self, File};
use support::walk::{Content, Walked, walk};
use support::{samples, syntax};

/// The public corpus and the synthetic instances.
fn all_files() -> Vec<(String, Vec<u8>)> {
    let named = |file: File| (file.name, file.bytes);
    files::corpus().into_iter().map(named).chain(samples::all()).collect()
}

#[test]
fn every_file_is_done_or_refused_with_a_reason_at_each_preset() {
    for name in drive::PRESETS {
        let engine = drive::preset(name);
        let (mut done, mut refused) = (0, 0);
        for (file, bytes) in all_files() {
            match drive::whole(&engine, &bytes) {
                Ok((output, receipt)) => {
                    done += 1;
                    assert_eq!(receipt.bytes_in, bytes.len() as u64, "{file}");
                    assert_eq!(receipt.bytes_out, output.len() as u64, "{file}");
                }
                Err(refusal) => {
                    refused += 1;
                    let text = refusal.to_string();
                    assert!(text.contains("PS3."), "{file}: no clause in: {text}");
                }
            }
        }
        println!("{name}: {done} done, {refused} refused");
        assert!(done > refused, "{name}: {done} done, {refused} refused");
    }
}

#[test]
fn any_chunk_size_gives_the_same_output_or_the_same_refusal() {
    for name in drive::PRESETS {
        let engine = drive::lenient(name);
        for (file, bytes) in all_files() {
            let whole = drive::whole(&engine, &bytes).map(|(output, _)| output);
            for step in [1, 7, 4096] {
                // A byte at a time is for small files; the large ones differ only in the length of their pixels.
                if step == 1 && bytes.len() > 30_000 {
                    continue;
                }
                let cut = drive::rewrite(&engine, &bytes, step).map(|(output, _)| output);
                assert!(
                    cut == whole,
                    "{name}, {file}: chunks of {step} give another output ({:?}, {:?})",
                    cut.err(),
                    whole.err()
                );
            }
        }
    }
}

#[test]
fn every_leaf_of_every_output_is_what_the_plan_decided() {
    let mut total = Tally::default();
    let mut wrong = Vec::new();
    for name in drive::PRESETS {
        let engine = drive::lenient(name);
        for (file, bytes) in all_files() {
            let Ok((output, _)) = drive::whole(&engine, &bytes) else { continue };
            let (before, after) = (walk(&bytes), walk(&output));
            if let Some(fault) = &after.fault {
                wrong.push(format!("{name}, {file}: output is not well-formed: {fault}"));
                continue;
            }
            let problems = expect::differences(engine.plan(), &before, &after, &mut total);
            wrong.extend(problems.into_iter().map(|problem| format!("{name}, {file}: {problem}")));
        }
    }
    println!("{total:?}");
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.iter().take(60).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(total.same > 10_000, "{total:?}");
}

#[test]
fn pixels_pass_untouched_but_for_what_is_said_beside_the_picture() {
    let engine = drive::lenient("basic");
    let mut compared = 0;
    for (file, bytes) in all_files() {
        let Ok((output, _)) = drive::whole(&engine, &bytes) else { continue };
        let (before, after) = (walk(&bytes), walk(&output));
        let Some(pixels) = before.pixels() else { continue };
        let kept = after.pixels().is_some_and(|after| after.content.is_blanked_of(&pixels.content));
        assert!(kept, "{file}: other pixels");
        compared += pixels.bytes().len();
    }
    println!("{compared} bytes of pixels compared");
    assert!(compared > 1_000_000);
}

#[test]
fn what_goes_out_is_explicit_little_endian_or_stays_compressed() {
    let engine = drive::lenient("basic");
    for (file, bytes) in all_files() {
        let Ok((output, receipt)) = drive::whole(&engine, &bytes) else { continue };
        let after = walk(&output);
        let named = after.meta_text((2, 0x10)).unwrap();
        assert_eq!(named, receipt.transfer_syntax, "{file}");
        assert_eq!(after.syntax, named, "{file}: the body contradicts its label");
        let native = [syntax::IMPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE];
        assert!(!native.contains(&named.as_str()), "{file}: {named} goes out");
    }
}

#[test]
fn rewriting_an_output_again_keeps_what_the_first_pass_kept() {
    let engine = drive::lenient("basic");
    for (file, bytes) in all_files() {
        let Ok((once, _)) = drive::whole(&engine, &bytes) else { continue };
        let twice = drive::done(&engine, &once);
        let tags = |bytes: &[u8]| walk(bytes).leaves.iter().map(|leaf| leaf.place()).collect::<Vec<_>>();
        assert_eq!(tags(&once), tags(&twice), "{file}: a second pass finds something to remove");
    }
}

#[test]
fn the_comparison_notices_a_changed_a_lost_and_an_undecided_leaf() {
    let engine = drive::preset("basic");
    let bytes = samples::ct(syntax::EXPLICIT_LE, 1).write();
    let (before, mut after) = (walk(&bytes), walk(&drive::done(&engine, &bytes)));
    let problems = |after: &Walked| expect::differences(engine.plan(), &before, after, &mut Tally::default());
    assert_eq!(problems(&after), Vec::<String>::new());
    let rows = after.leaves.iter().position(|leaf| leaf.tag == (0x0028, 0x0010)).unwrap();
    let kept = after.leaves[rows].clone();
    after.leaves[rows].content = Content::Value(vec![9, 9]);
    assert!(problems(&after)[0].contains("bit for bit"));
    after.leaves.remove(rows);
    assert_eq!(problems(&after).len(), 1);
    after.leaves.insert(rows, kept);
    let name = before.top((0x0008, 0x0080)).unwrap().clone();
    after.leaves.push(name);
    assert!(problems(&after)[0].contains("undecided"));
}
