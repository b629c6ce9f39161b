//! What must stand in an output, leaf by leaf: the plan's decision about each leaf that the independent walker found in
//! the input, worked out here a second time, apart from the two drivers that carry decisions out.

use crate::support::Tag as Pair;
use crate::support::walk::{Content, Leaf, Walked};
use dicom_core::{Tag, VR};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use veilgate::deid::action::Action;
use veilgate::deid::plan::Plan;
use veilgate::dicom::{dictionary, value};

/// What a leaf of the input must have become.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// The same bytes; a sequence with as many items.
    Same,
    /// Nothing.
    Gone,
    /// Zero length.
    Empty,
    /// Some value or one item that is not the old one.
    Other,
    /// A replacement UID for each value that is not the standard's own.
    Uid,
    /// The same or another date: what cannot be shifted is emptied.
    Date,
    /// A creator: there if an element of its block is.
    Creator,
    /// Written by the gateway, whatever was there.
    Stamp,
}

/// The four attributes that the gateway writes itself (PS3.15 E.1.1, PS3.3 C.12.1).
const STAMPS: [Pair; 4] = [(0x0012, 0x0062), (0x0012, 0x0063), (0x0012, 0x0064), (0x0028, 0x0303)];

/// Referenced Image Sequence and Source Image Sequence, the rows X/Z/U*.
const REFERENCES: [Pair; 2] = [(0x0008, 0x1140), (0x0008, 0x2112)];

/// Tallies of one comparison.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub leaves: usize,
    pub same: usize,
    pub gone: usize,
    pub other: usize,
}

/// Compares; every difference from what the plan demands is a line.
pub fn differences(plan: &Plan, before: &Walked, after: &Walked, tally: &mut Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut later = by_place(&after.leaves);
    let fates = fates(plan, before);
    let kept_blocks = kept_blocks(&before.leaves, &fates);
    let mut seen = HashMap::new();
    for (leaf, fate) in before.leaves.iter().zip(&fates) {
        let place = leaf.place();
        let number = seen.entry(place.clone()).or_insert(0usize);
        let out = if *fate == Fate::Gone || *fate == Fate::Stamp {
            None
        } else {
            later.remove(&(place.clone(), *number))
        };
        *number += usize::from(*fate != Fate::Gone && *fate != Fate::Stamp);
        tally.leaves += 1;
        match fate {
            Fate::Same => tally.same += 1,
            Fate::Gone | Fate::Stamp => tally.gone += 1,
            _ => tally.other += 1,
        }
        if let Some(problem) = judge(leaf, fate, out, kept_blocks.contains(&block_of(leaf))) {
            wrong.push(format!(
                "{place} {:?}: {problem}",
                leaf.vr.map(|vr| String::from_utf8_lossy(&vr).into_owned())
            ));
        }
    }
    let dummies = dummy_places(&before.leaves, &fates);
    for ((place, _), leaf) in later {
        let stamp = leaf.path.first().map_or(leaf.tag, |(tag, _)| *tag);
        let in_dummy = dummies.iter().any(|dummy| place.starts_with(dummy.as_str()));
        if !STAMPS.contains(&stamp) && !in_dummy {
            wrong.push(format!("{place}: stands in the output, undecided"));
        }
    }
    wrong
}

fn judge(leaf: &Leaf, fate: &Fate, out: Option<&Leaf>, block_kept: bool) -> Option<&'static str> {
    let same = out.is_some_and(|out| out.content == leaf.content);
    let empty = out.is_some_and(|out| {
        matches!(&out.content, Content::Value(v) if v.is_empty()) || out.content == Content::Sequence(0)
    });
    let fine = match fate {
        Fate::Same => out.is_some_and(|out| out.content.is_blanked_of(&leaf.content)),
        Fate::Gone | Fate::Stamp => true,
        Fate::Empty => empty,
        Fate::Other => out.is_some() && (!same || leaf.bytes().is_empty()),
        Fate::Uid => out.is_some_and(|out| replaced(&leaf.bytes(), &out.bytes())),
        Fate::Date => {
            out.is_some() && (empty || out.is_some_and(|out| out.bytes().len() == leaf.bytes().len()))
        }
        Fate::Creator => {
            if block_kept {
                same
            } else {
                out.is_none()
            }
        }
    };
    (!fine).then_some(match fate {
        Fate::Same => "must be kept bit for bit",
        Fate::Empty => "must be empty",
        Fate::Creator => "creator and its elements must stay or go together",
        Fate::Uid => "each UID must be replaced, the standard's own kept",
        Fate::Date => "must be a date of the same form or empty",
        _ => "must be another value",
    })
}

/// Each value on its own: the standard's UIDs stay, all others become `2.25.` ones.
fn replaced(before: &[u8], after: &[u8]) -> bool {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned();
    let (before, after) = (text(before), text(after));
    let pairs = before.split('\\').zip(after.split('\\'));
    before.split('\\').count() == after.split('\\').count()
        && pairs.into_iter().all(|(old, new)| {
            let (old, new) = (old.trim_matches([' ', '\0']), new.trim_matches([' ', '\0']));
            if old.is_empty() {
                new.is_empty()
            } else if old.starts_with("1.2.840.10008.") {
                old == new || new.starts_with("2.25.")
            } else {
                new != old && new.starts_with("2.25.")
            }
        })
}

/// The fate of every leaf of a data set in order.
pub fn fates(plan: &Plan, walked: &Walked) -> Vec<Fate> {
    let text = |tag| walked.text(tag).unwrap_or_default();
    let sop = plan.sop(text((0x0008, 0x0016)).trim());
    let signed = walked.top((0x0028, 0x0103)).is_some_and(|leaf| leaf.bytes().starts_with(&[1, 0]));
    let mut creators: HashMap<(String, Pair), String> = HashMap::new();
    // Sequences that were left out or replaced whole: what is in them is gone.
    let mut closed: HashSet<String> = HashSet::new();
    let mut fates = Vec::new();
    for leaf in &walked.leaves {
        let level = level_of(leaf);
        let shut = enclosing(leaf).any(|place| closed.contains(&place));
        let tag = Tag(leaf.tag.0, leaf.tag.1);
        let path: Vec<Tag> = leaf.path.iter().map(|((group, element), _)| Tag(*group, *element)).collect();
        let fate = if shut {
            Fate::Gone
        } else if leaf.path.is_empty() && STAMPS.contains(&leaf.tag) {
            Fate::Stamp
        } else if dictionary::is_private_creator(tag) && matches!(leaf.content, Content::Value(_)) {
            let name = value::ascii(&leaf.bytes()).unwrap_or_default().to_owned();
            creators.insert((level, leaf.tag), name);
            Fate::Creator
        } else {
            let vr = vr_of(leaf, tag, signed);
            let owner = (level, (leaf.tag.0, leaf.tag.1 >> 8));
            let creator = creators.get(&owner).map(String::as_str).filter(|name| !name.is_empty());
            let action = if dictionary::is_private(tag) {
                plan.decide_private(sop, creator, tag, vr, &path).action
            } else {
                plan.decide(sop, &path, tag, vr).action
            };
            // PS3.15 Table E.1-1a, X/Z/U*: the references stay where a list of them stays (PS3.3 C.12.2).
            let upheld = REFERENCES.contains(&leaf.tag) && walked.top((0x0008, 0x1115)).is_some();
            let action = if upheld && action == Action::Remove { Action::Keep } else { action };
            fate_of(leaf, tag, vr, action)
        };
        if matches!(leaf.content, Content::Sequence(_)) && fate != Fate::Same {
            closed.insert(leaf.place());
        }
        fates.push(fate);
    }
    fates
}

fn fate_of(leaf: &Leaf, tag: Tag, vr: VR, action: Action) -> Fate {
    let sequence = matches!(leaf.content, Content::Sequence(_));
    let standard = !dictionary::is_private(tag);
    let meant = dictionary::vr_of(tag, false).filter(|_| standard);
    match action {
        Action::Keep if sequence && meant.is_some_and(|vr| vr != VR::SQ) => Fate::Gone,
        Action::Keep if !sequence && (vr == VR::SQ || vr == VR::UN && meant == Some(VR::SQ)) => Fate::Gone,
        Action::Keep if sequence || matches!(leaf.content, Content::Fragments(_)) => Fate::Same,
        Action::Keep => {
            let meant = if vr == VR::UN { meant.unwrap_or(VR::UN) } else { vr };
            if standard && !value::fits(meant, &leaf.bytes()) { Fate::Empty } else { Fate::Same }
        }
        Action::Remove => Fate::Gone,
        Action::Empty => Fate::Empty,
        Action::Dummy if sequence => Fate::Other,
        Action::Dummy if leaf.bytes().is_empty() => Fate::Empty,
        Action::Dummy | Action::PatientId | Action::PatientName | Action::Replace(_) => Fate::Other,
        Action::Uid if value::trimmed(&leaf.bytes()).is_empty() => Fate::Empty,
        Action::Uid => Fate::Uid,
        Action::Shift => Fate::Date,
    }
}

fn vr_of(leaf: &Leaf, tag: Tag, signed: bool) -> VR {
    if matches!(leaf.content, Content::Sequence(_)) {
        return VR::SQ;
    }
    let written = leaf.vr.and_then(|name| VR::from_str(&String::from_utf8_lossy(&name)).ok());
    written.unwrap_or_else(|| dictionary::vr_of(tag, signed).unwrap_or(VR::UN))
}

/// The item that a leaf stands in, as text.
fn level_of(leaf: &Leaf) -> String {
    leaf.path.iter().map(|((group, element), item)| format!("{group:04x},{element:04x}[{item}].")).collect()
}

/// The places of the sequences around a leaf.
fn enclosing(leaf: &Leaf) -> impl Iterator<Item = String> + '_ {
    (0..leaf.path.len()).filter_map(|depth| {
        let (tag, _) = leaf.path.get(depth)?;
        let path = leaf.path.get(..depth)?.to_vec();
        Some(Leaf { path, tag: *tag, vr: None, content: Content::Sequence(0) }.place())
    })
}

/// Level and creator tag of a private leaf's block; of a creator its own.
fn block_of(leaf: &Leaf) -> (String, Pair) {
    let (group, element) = leaf.tag;
    (level_of(leaf), (group, if element < 0x100 { element } else { element >> 8 }))
}

fn kept_blocks(leaves: &[Leaf], fates: &[Fate]) -> HashSet<(String, Pair)> {
    let private = |leaf: &&Leaf| leaf.tag.0 % 2 == 1 && leaf.tag.1 > 0xFF;
    let stays = |fate: &Fate| *fate != Fate::Gone;
    leaves
        .iter()
        .zip(fates)
        .filter(|(leaf, fate)| private(leaf) && stays(fate))
        .map(|(leaf, _)| block_of(leaf))
        .collect()
}

/// What stands inside a sequence that was given a harmless item.
fn dummy_places(leaves: &[Leaf], fates: &[Fate]) -> Vec<String> {
    let replaced =
        |(leaf, fate): &(&Leaf, &Fate)| **fate == Fate::Other && matches!(leaf.content, Content::Sequence(_));
    leaves.iter().zip(fates).filter(replaced).map(|(leaf, _)| leaf.place() + "[0].").collect()
}

fn by_place(leaves: &[Leaf]) -> BTreeMap<(String, usize), &Leaf> {
    let mut out = BTreeMap::new();
    let mut seen = HashMap::new();
    for leaf in leaves {
        let number = seen.entry(leaf.place()).or_insert(0usize);
        out.insert((leaf.place(), *number), leaf);
        *number += 1;
    }
    out
}
