//! The Type of an attribute at its place in an IOD (PS3.3), as far as a decision depends on it.

use super::tsv;
use dicom_core::Tag;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

const TYPES: &str = include_str!("../../conformance/ps3_15/types.tsv");
const SOP_CLASSES: &str = include_str!("../../conformance/ps3_15/sop_class_iod.tsv");

/// What an IOD asks of an attribute at its place. A conditional Type counts as its unconditional one: the attribute is
/// there, so its condition is taken to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Type 1: a value must be there.
    One,
    /// Type 2: the attribute must be there.
    Two,
    /// Type 3, or the IOD has no such attribute there (PS3.15 E.1.1 note: then it may go).
    Three,
    /// The IOD is not known: any Type is possible.
    Unknown,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => ", Type 1 here",
            Self::Two => ", Type 2 here",
            Self::Three => "",
            Self::Unknown => ", Type not known for this SOP class",
        })
    }
}

/// An IOD, by its position in [`Types::iods`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iod(pub(super) u8);

/// Hashes the table's own small keys; they come from checked-in data, so no flooding is possible.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// A map from such keys.
pub(super) type KeyMap<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

/// IODs as bits.
type Bits = [u64; 4];

/// One step of a path: which IODs give it Type 1, which Type 2.
#[derive(Clone, Copy, Default)]
struct Node {
    one: Bits,
    two: Bits,
}

/// The tree of paths and the list of IODs.
pub struct Types {
    iods: Vec<&'static str>,
    sop_classes: KeyMap<&'static str, Iod>,
    steps: KeyMap<u64, u32>,
    nodes: Vec<Node>,
    typed: HashSet<u32, BuildHasherDefault<KeyHasher>>,
}

/// The checked-in data, read at first use.
pub fn types() -> &'static Types {
    static ALL: LazyLock<Types> = LazyLock::new(Types::read);
    &ALL
}

/// Storage SOP Classes whose IOD is known: UID and name.
pub fn sop_classes() -> impl Iterator<Item = (&'static str, &'static str)> {
    tsv::rows(SOP_CLASSES).filter_map(|row| Some((*row.first()?, *row.get(2)?)))
}

/// SHA-256 of the rows of both tables, in hex.
pub(super) fn digests() -> [&'static str; 2] {
    [tsv::head(TYPES, "body sha256"), tsv::head(SOP_CLASSES, "body sha256")]
}

impl Types {
    /// The Type of `tag` inside the sequences `path` (outermost first) of an IOD.
    pub fn place(&self, iod: Iod, path: &[Tag], tag: Tag) -> Place {
        let mut node = 0;
        for step in path.iter().chain([&tag]) {
            match self.steps.get(&key(node, tsv::number(*step))) {
                Some(next) => node = *next,
                None => return Place::Three,
            }
        }
        let Some(found) = self.nodes.get(node as usize) else {
            return Place::Three;
        };
        if has(&found.one, iod) {
            Place::One
        } else if has(&found.two, iod) {
            Place::Two
        } else {
            Place::Three
        }
    }

    /// Whether any IOD asks for the attribute anywhere: if not, [`Types::place`] need not be asked.
    pub(super) fn is_typed(&self, tag: Tag) -> bool {
        self.typed.contains(&tsv::number(tag))
    }

    /// The IOD of a storage SOP class.
    pub fn iod(&self, sop_class_uid: &str) -> Option<Iod> {
        self.sop_classes.get(sop_class_uid).copied()
    }

    /// Names of the IODs.
    pub fn iods(&self) -> &[&'static str] {
        &self.iods
    }

    /// The name of an IOD.
    pub fn name(&self, iod: Iod) -> &'static str {
        self.iods.get(usize::from(iod.0)).copied().unwrap_or("")
    }

    fn read() -> Self {
        let mut iods: Vec<&'static str> =
            tsv::rows(SOP_CLASSES).filter_map(|row| row.get(1).copied()).collect();
        iods.sort_unstable();
        iods.dedup();
        let numbers: KeyMap<&'static str, Iod> =
            (0u8..=u8::MAX).zip(&iods).map(|(number, name)| (*name, Iod(number))).collect();
        let sop_classes = tsv::rows(SOP_CLASSES)
            .filter_map(|row| Some((*row.first()?, *numbers.get(row.get(1)?)?)))
            .collect();
        let mut types = Self {
            iods,
            sop_classes,
            steps: KeyMap::default(),
            nodes: vec![Node::default()],
            typed: HashSet::default(),
        };
        types.read_tree(&numbers);
        types
    }

    fn read_tree(&mut self, numbers: &KeyMap<&'static str, Iod>) {
        let mut sets: Vec<Bits> = Vec::new();
        let mut open: Vec<u32> = Vec::new();
        for line in TYPES.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let (Some(first), Some(second)) = (columns.next(), columns.next()) else {
                continue;
            };
            let (Some(third), fourth) = (columns.next(), columns.next().unwrap_or("")) else {
                continue;
            };
            if first == "set" {
                sets.push(bits(third, numbers));
            } else if let (Ok(depth), Some(tag)) = (first.parse(), tsv::tag(second)) {
                open.truncate(depth);
                let parent = open.last().copied().unwrap_or(0);
                open.push(self.add(parent, tag, set(&sets, third), set(&sets, fourth)));
            }
        }
    }

    fn add(&mut self, parent: u32, tag: Tag, one: Bits, two: Bits) -> u32 {
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node { one, two });
        self.steps.insert(key(parent, tsv::number(tag)), number);
        if one != Bits::default() || two != Bits::default() {
            self.typed.insert(tsv::number(tag));
        }
        number
    }
}

fn key(parent: u32, tag: u32) -> u64 {
    u64::from(parent) << 32 | u64::from(tag)
}

fn set(sets: &[Bits], number: &str) -> Bits {
    number.parse().ok().and_then(|number: usize| sets.get(number)).copied().unwrap_or_default()
}

fn bits(names: &str, numbers: &KeyMap<&'static str, Iod>) -> Bits {
    let mut bits = Bits::default();
    for iod in names.split(' ').filter_map(|name| numbers.get(name)) {
        if let Some(word) = bits.get_mut(usize::from(iod.0 >> 6)) {
            *word |= 1 << (iod.0 & 63);
        }
    }
    bits
}

fn has(bits: &Bits, iod: Iod) -> bool {
    bits.get(usize::from(iod.0 >> 6)).is_some_and(|word| word >> (iod.0 & 63) & 1 == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const GSPS: &str = "1.2.840.10008.5.1.4.1.1.11.1";
    const KOS: &str = "1.2.840.10008.5.1.4.1.1.88.59";

    fn place(sop_class: &str, path: &[Tag], tag: Tag) -> Place {
        types().place(types().iod(sop_class).unwrap(), path, tag)
    }

    #[test]
    fn every_line_parses() {
        tsv::tests::assert_well_formed(SOP_CLASSES, 3, 186);
        let lines = tsv::rows(TYPES).count();
        tsv::tests::assert_well_formed(TYPES, 4, lines);
    }

    #[test]
    fn types_follow_the_place_in_the_iod() {
        let (study_date, presentation_date) = (Tag(0x0008, 0x0020), Tag(0x0070, 0x0082));
        assert_eq!(place(CT, &[], study_date), Place::Three, "Z never needs a Type 2 entry");
        assert_eq!(place(GSPS, &[], presentation_date), Place::One);
        assert_eq!(place(CT, &[], presentation_date), Place::Three, "CT has no such attribute");
        let content_date = Tag(0x0008, 0x0023);
        assert_eq!(place(CT, &[], content_date), Place::Three, "Z/D asks only for Type 1");
        assert_eq!(place(KOS, &[], content_date), Place::One);
    }

    #[test]
    fn nested_places_differ_from_the_top_level() {
        let request = Tag(0x0040, 0xA370);
        let id = Tag(0x0040, 0x1001);
        assert_eq!(place(KOS, &[request], id), Place::Two);
        assert_eq!(place(KOS, &[], id), Place::Three);
        assert_eq!(place(CT, &[request], id), Place::Three);
    }

    #[test]
    fn families_without_an_own_row_share_their_image_iod() {
        assert_eq!(types().iod("1.2.840.10008.5.1.4.1.1.2.3"), types().iod(CT));
        assert_eq!(types().iod("1.2.3"), None);
        assert!(types().iods().len() <= 256);
    }
}
