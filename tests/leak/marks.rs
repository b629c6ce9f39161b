//! Which values are looked for, and which of them a profile must hide. Judged by the standard's table and the list of what it
//! lacks, as checked in, not by the product.

use super::forms::{self, SHORTEST};
use crate::support::plant;
use crate::support::vr::Vr;
use crate::support::walk::{Content, Leaf, walk};
use crate::support::{Tag, files};
use std::collections::BTreeMap;

/// A planted value.
pub struct Mark {
    /// Where it was planted, for messages: a place, never the value.
    pub planted: String,
    /// Whether the Basic Profile hides it; what it keeps shows that the search sees what is there.
    pub secret: bool,
    /// What to look for.
    pub forms: Vec<Vec<u8>>,
}

impl Mark {
    /// A value of this VR, in little endian without padding.
    pub fn new(planted: String, secret: bool, vr: Vr, value: &[u8]) -> Mark {
        Mark { planted, secret, forms: forms::of(vr, value) }
    }
}

/// What the Basic Profile hides, after three checked-in tables: PS3.15 Table E.1-1, what it leaves out (`gaps.tsv`), and what
/// becomes of the rest of PS3.6 (`defaults.tsv`).
pub struct Secrets {
    hidden: BTreeMap<Tag, bool>,
    by_vr: BTreeMap<String, bool>,
}

impl Secrets {
    /// From the checked-in tables. The standard's own has the last word.
    pub fn load() -> Secrets {
        let defaults = rows("defaults.tsv");
        let by_tag = |rows: &[Vec<String>], cell: usize, kept: &str| {
            let hides = |row: &Vec<String>| Some((tag(&row[0])?, row[cell] != kept));
            rows.iter().filter_map(hides).collect::<Vec<_>>()
        };
        let table = plant::table_rows();
        let mut hidden = BTreeMap::new();
        hidden.extend(by_tag(&defaults, 1, "keep"));
        hidden.extend(by_tag(&rows("gaps.tsv"), 3, "uid-structural"));
        hidden.extend(table.iter().map(|row| (row.tag, row.column("basic") != "K")));
        let of_vr = |row: &Vec<String>| Some((row[0].strip_prefix("VR:")?.to_owned(), row[1] != "keep"));
        Secrets { hidden, by_vr: defaults.iter().filter_map(of_vr).collect() }
    }

    /// Whether the profile hides this attribute: each private one; curves and overlays as wholes.
    pub fn hold(&self, tag: Tag, vr: Vr) -> bool {
        let whole = tag.0 % 2 == 1 || matches!(tag.0 >> 8, 0x50 | 0x60);
        let by_vr = || self.by_vr[&String::from_utf8_lossy(&vr).into_owned()];
        whole || self.hidden.get(&tag).copied().unwrap_or_else(by_vr)
    }
}

/// The cells of a table beside the standard's.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(files::root().join("conformance/ps3_15").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// A tag as eight hexadecimal digits.
fn tag(text: &str) -> Option<Tag> {
    let number = u32::from_str_radix(text, 16).ok()?;
    Some(((number >> 16) as u16, number as u16))
}

/// The values of an instance that must not come out again, short ones left out, and what a rule of a profile keeps.
pub fn of_file(name: &str, instance: &[u8], kept: &[Tag]) -> Vec<Mark> {
    let secrets = Secrets::load();
    let walked = walk(instance);
    assert_eq!(walked.fault, None, "{name}");
    let hides = |leaf: &Leaf| {
        let around = leaf.path.iter().any(|(tag, _)| secrets.hold(*tag, *b"SQ"));
        around || secrets.hold(leaf.tag, leaf.vr.unwrap_or(*b"UN"))
    };
    let leaves = walked.leaves.iter().filter(|leaf| !kept.contains(&leaf.tag));
    leaves.filter(|leaf| hides(leaf)).filter_map(|leaf| of_leaf(name, leaf)).collect()
}

fn of_leaf(name: &str, leaf: &Leaf) -> Option<Mark> {
    let Content::Value(value) = &leaf.content else { return None };
    let end = value.iter().rposition(|byte| !matches!(byte, 0 | b' '))? + 1;
    let planted = format!("{} of {name}", leaf.place());
    (end >= SHORTEST).then(|| Mark::new(planted, true, leaf.vr.unwrap_or(*b"UN"), &value[..end]))
}
