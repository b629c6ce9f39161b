//! References stay whole: over the whole corpus one UID has one replacement and one replacement one UID.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use std::collections::BTreeMap;
use support::compare::compare;
use support::files;
use support::walk::{Leaf, walk};

#[test]
fn equal_uids_stay_equal_and_different_ones_different_across_the_whole_corpus() {
    let engine = drive::lenient("basic");
    let (mut forward, mut back) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for file in files::corpus() {
        let Ok((output, _)) = drive::whole(&engine, &file.bytes) else { continue };
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
