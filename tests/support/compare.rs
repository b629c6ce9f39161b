//! What became of each leaf between two walked files: kept, changed, removed, added.

use super::walk::{Leaf, Walked};
use std::collections::BTreeMap;

/// Leaves of an input and an output, matched by place and occurrence (a tag may be repeated).
#[derive(Debug, Default)]
pub struct Comparison {
    /// Same content, bit for bit.
    pub kept: Vec<Leaf>,
    /// (before, after).
    pub changed: Vec<(Leaf, Leaf)>,
    pub removed: Vec<Leaf>,
    pub added: Vec<Leaf>,
}

/// Compare the data sets; file meta, group lengths and the place of an element in the file do not count,
/// and neither does the VR, which an implicit input does not have.
pub fn compare(before: &Walked, after: &Walked) -> Comparison {
    let mut later = by_place(&after.leaves);
    let mut out = Comparison::default();
    for (place, leaf) in by_place(&before.leaves) {
        match later.remove(&place) {
            None => out.removed.push(leaf),
            Some(same) if same.content == leaf.content => out.kept.push(leaf),
            Some(other) => out.changed.push((leaf, other)),
        }
    }
    out.added = later.into_values().collect();
    out
}

fn by_place(leaves: &[Leaf]) -> BTreeMap<(String, usize), Leaf> {
    let mut out = BTreeMap::new();
    for leaf in leaves.iter().filter(|leaf| leaf.tag.1 != 0) {
        let place = leaf.place();
        let occurrence = (0..).find(|&number| !out.contains_key(&(place.clone(), number)));
        out.insert((place, occurrence.unwrap_or_default()), leaf.clone());
    }
    out
}
