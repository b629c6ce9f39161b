//! Everything kept is kept bit for bit, over the whole public corpus: each leaf of each output is held against its
//! input by the independent reader. What is to be kept is asked of the plan; that it is, is seen from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use bytes::Bytes;
use dicom_core::{Tag, VR};
use std::collections::BTreeMap;
use support::compare::compare;
use support::walk::{Content, Leaf, Walked, walk};
use support::{files, syntax};
use veilgate::deid::action::Action;
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::deid::receipt::Refused;
use veilgate::deid::rewriter::{Options, Rewriter};
use veilgate::dicom::dictionary;

fn rewrite(engine: &Engine, file: &[u8], chunk: usize) -> Result<Vec<u8>, Refused> {
    let mut rewriter = Rewriter::new(engine, Options::default());
    let mut out = Vec::new();
    for piece in file.chunks(chunk) {
        rewriter.push(Bytes::copy_from_slice(piece), &mut out)?;
    }
    rewriter.finish(&mut out)?;
    Ok(out.concat())
}

/// The presets, and one that lets everything pass that a setting can let pass, to see as many outputs as possible.
fn engines() -> Vec<(String, Engine)> {
    let lenient = include_str!("rigs/pass.toml");
    let mut profiles = Profile::presets().to_vec();
    profiles.push(Profile::parse(lenient).unwrap());
    let key = ProjectKey::from_bytes([7; 32]);
    profiles.iter().map(|profile| (profile.name.clone(), Engine::new(Plan::new(profile), &key))).collect()
}

/// What the rewriter itself puts in: the marks of the method (PS3.15 E.1.1, E.3.6).
fn stamp(leaf: &Leaf) -> bool {
    let outermost = leaf.path.first().map_or(leaf.tag, |(tag, _)| *tag);
    [(0x0012, 0x0062), (0x0012, 0x0063), (0x0012, 0x0064), (0x0028, 0x0303)].contains(&outermost)
}

/// Whether the plan says that this leaf of the input stays as it is. Private ones are judged elsewhere.
fn to_be_kept(plan: &Plan, class: &str, leaf: &Leaf, after: Option<&Leaf>) -> bool {
    let private = |tag: (u16, u16)| tag.0 % 2 == 1;
    if stamp(leaf) || private(leaf.tag) || leaf.path.iter().any(|(tag, _)| private(*tag)) {
        return false;
    }
    let tag = Tag(leaf.tag.0, leaf.tag.1);
    let path: Vec<Tag> = leaf.path.iter().map(|((group, element), _)| Tag(*group, *element)).collect();
    let written = leaf.vr.or(after.and_then(|leaf| leaf.vr)).and_then(VR::from_binary);
    let Some(vr) = written.or_else(|| dictionary::vr_of(tag, false)) else {
        return false;
    };
    plan.decide(plan.sop(class), &path, tag, vr).action == Action::Keep
}

/// Whether the plan keeps every sequence around this leaf: what is in another one was decided with it.
fn within_kept(plan: &Plan, class: &str, leaf: &Leaf) -> bool {
    (0..leaf.path.len()).all(|depth| {
        let (path, tag) = (leaf.path[..depth].to_vec(), leaf.path[depth].0);
        let sequence = Leaf { path, tag, vr: Some(*b"SQ"), content: Content::Sequence(0) };
        to_be_kept(plan, class, &sequence, None)
    })
}

/// A number that is none could hold anything, a name too: it is emptied, not kept (PS3.5 6.2).
fn emptied_misfit(old: &Leaf, new: &Leaf) -> bool {
    let number = matches!(new.vr.as_ref(), Some(b"DS" | b"IS"));
    let legal = |byte: &u8| b"0123456789+-.eE\\ ".contains(byte);
    number && new.bytes().is_empty() && !old.bytes().iter().all(legal)
}

/// Everything that is wrong with one output.
fn faults(plan: &Plan, before: &Walked, after: &Walked) -> Vec<String> {
    let class = before.text((0x0008, 0x0016)).unwrap_or_default();
    let told = compare(before, after);
    let mut out = container(after);
    for (old, new) in &told.changed {
        let kept = within_kept(plan, &class, old) && to_be_kept(plan, &class, old, Some(new));
        if kept && !emptied_misfit(old, new) {
            out.push(format!("{} is to be kept and was changed", old.place()));
        }
    }
    for leaf in &told.removed {
        if within_kept(plan, &class, leaf) && to_be_kept(plan, &class, leaf, None) {
            out.push(format!("{} is to be kept and is missing", leaf.place()));
        }
    }
    // A sequence replaced by a harmless item has leaves of its own.
    let new = told.added.iter().filter(|leaf| !stamp(leaf) && within_kept(plan, &class, leaf));
    out.extend(new.map(|leaf| format!("{} came from nowhere", leaf.place())));
    out
}

/// PS3.10 7.1 and PS3.18 8.7.3: a zeroed preamble, nobody's traces in the meta, never implicit, never big endian.
fn container(after: &Walked) -> Vec<String> {
    let mut out: Vec<String> =
        after.fault.iter().map(|fault| format!("the output is broken: {fault}")).collect();
    if after.preamble.as_deref() != Some(&[0; 128]) {
        out.push("the preamble is not zero".to_owned());
    }
    let known = [1, 2, 3, 0x10, 0x12, 0x13];
    out.extend(
        after
            .meta
            .iter()
            .filter(|leaf| !known.contains(&leaf.tag.1))
            .map(|leaf| format!("{} in the meta", leaf.place())),
    );
    if [syntax::IMPLICIT_LE, syntax::EXPLICIT_BE].contains(&after.syntax.as_str()) {
        out.push(format!("went out as {}", after.syntax));
    }
    if after.meta_text((2, 0x10)).as_deref() != Some(&after.syntax) {
        out.push("the body is not what the meta says".to_owned());
    }
    for (meta, inside) in [((2, 2), (8, 0x16)), ((2, 3), (8, 0x18))] {
        if after.meta_text(meta) != after.text(inside) {
            out.push(format!("meta and data set disagree about (0008,{:04x})", inside.1));
        }
    }
    out
}

#[test]
fn every_kept_leaf_of_the_corpus_is_kept_bit_for_bit() {
    let (mut wrong, mut outputs, mut kept) = (Vec::new(), 0, 0);
    let corpus = files::corpus();
    for (name, engine) in engines() {
        for file in &corpus {
            let Ok(output) = rewrite(&engine, &file.bytes, usize::MAX) else { continue };
            let (before, after) = (walk(&file.bytes), walk(&output));
            outputs += 1;
            kept += compare(&before, &after).kept.len();
            wrong.extend(
                faults(engine.plan(), &before, &after)
                    .into_iter()
                    .map(|it| format!("{name}, {}: {it}", file.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{} faults in {outputs} outputs:\n{}", wrong.len(), wrong.join("\n"));
    assert!(outputs > corpus.len(), "only {outputs} outputs of {} files", corpus.len());
    assert!(kept > 10_000, "only {kept} leaves kept");
}

#[test]
fn pixels_come_out_as_they_went_in() {
    let (_, engine) = engines().pop().unwrap();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for file in files::corpus() {
        let Ok(output) = rewrite(&engine, &file.bytes, usize::MAX) else { continue };
        let (before, after) = (walk(&file.bytes), walk(&output));
        let Some(pixels) = before.pixels() else { continue };
        compared += 1;
        if after.pixels().map(|leaf| &leaf.content) != Some(&pixels.content) {
            wrong.push(file.name);
        }
    }
    assert!(wrong.is_empty(), "pixels differ in {}", wrong.join(", "));
    assert!(compared > 80, "only {compared} pictures compared");
}

#[test]
fn equal_uids_stay_equal_and_different_ones_different_across_the_whole_corpus() {
    let (_, engine) = engines().pop().unwrap();
    let (mut forward, mut back) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for file in files::corpus() {
        let Ok(output) = rewrite(&engine, &file.bytes, usize::MAX) else { continue };
        for (old, new) in compare(&walk(&file.bytes), &walk(&output)).changed {
            if new.vr != Some(*b"UI") || new.bytes().is_empty() {
                continue;
            }
            for (old_uid, new_uid) in uids(&old).into_iter().zip(uids(&new)) {
                let there = forward.entry(old_uid.clone()).or_insert_with(|| new_uid.clone());
                let from = back.entry(new_uid.clone()).or_insert_with(|| old_uid.clone());
                let legal = new_uid.starts_with("2.25.") && new_uid.len() <= 64;
                if *there != new_uid || *from != old_uid || !legal {
                    wrong.push(format!("{}: {}", file.name, new.place()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} references broken:\n{}", wrong.len(), wrong.join("\n"));
    assert!(forward.len() > 500, "only {} UIDs replaced", forward.len());
}

/// The values of a UI element, padding taken off.
fn uids(leaf: &Leaf) -> Vec<String> {
    let text = String::from_utf8_lossy(&leaf.bytes()).into_owned();
    text.split('\\').map(|uid| uid.trim_matches(['\0', ' ']).to_owned()).collect()
}

#[test]
fn outcome_and_bytes_do_not_depend_on_the_size_of_the_chunks() {
    let (_, engine) = engines().pop().unwrap();
    let mut wrong = Vec::new();
    for file in files::corpus().iter().filter(|file| file.bytes.len() < 100_000) {
        let whole = rewrite(&engine, &file.bytes, usize::MAX);
        let sizes: &[usize] = if file.bytes.len() < 20_000 { &[1, 7, 512] } else { &[61, 4096] };
        for &chunk in sizes {
            let same = match (&whole, &rewrite(&engine, &file.bytes, chunk)) {
                (Ok(one), Ok(other)) => one == other,
                (Err(one), Err(other)) => one.refusal == other.refusal,
                _ => false,
            };
            if !same {
                wrong.push(format!("{} in chunks of {chunk}", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "not the same as whole:\n{}", wrong.join("\n"));
}
