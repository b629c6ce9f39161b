//! Files in which every element carries a mark of its own, to see afterwards which marks came through.
//! A mark is a value legal for its VR that stands nowhere else: found in an output, it tells its place.

use super::build::{Element, Length, Part10, bytes, sequence};
use super::samples;
use super::{Tag, vr};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One planted value.
#[derive(Clone, Debug)]
pub struct Mark {
    pub tag: Tag,
    /// Sequences around it: 0 at the top level.
    pub depth: usize,
    /// Whether the value is a date, which a profile may move.
    pub dated: bool,
    /// The bytes to look for, without padding.
    pub value: Vec<u8>,
}

/// A file full of marks.
pub struct Planted {
    pub file: Part10,
    pub marks: Vec<Mark>,
}

/// Sequences that exist in the standard at any level, to nest in: Referenced Series, Referenced Instance, Purpose of
/// Reference Code. What a profile does with them decides whether the marks inside are met at all, so a caller may
/// pass others.
pub const NESTING: [Tag; 3] = [(0x0008, 0x1115), (0x0008, 0x1199), (0x0040, 0xa170)];

/// A row of PS3.15 Table E.1-1.
#[derive(Clone, Debug)]
pub struct Row {
    pub tag: Tag,
    pub vr: vr::Vr,
    columns: BTreeMap<String, String>,
}

impl Row {
    /// A column of the checked-in table by its name there, such as `basic` or `retain_uids`.
    pub fn column(&self, name: &str) -> &str {
        self.columns.get(name).unwrap_or_else(|| panic!("the table has no column {name}"))
    }
}

/// The rows of PS3.15 Table E.1-1, from the checked-in table; the repeating groups by their first and last member,
/// groups that no data set holds (command, meta, directory) and the private row left out.
pub fn table_rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/ps3_15/table_e1_1.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.lines().rfind(|line| line.starts_with("# tag\t")).expect("no line of column names");
    let names: Vec<&str> = names.trim_start_matches("# ").split('\t').collect();
    let mut out = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let pairs = names.iter().zip(line.split('\t'));
        let columns: BTreeMap<_, _> = pairs.map(|(name, cell)| (name.to_string(), cell.to_owned())).collect();
        // 50xx and 60xx: even groups 00 to 1E.
        for pair in ["00", "1e"] {
            let tag = columns["tag"].replacen("xx", pair, 1).replace("xxxx", "3000");
            let number = u32::from_str_radix(&tag, 16).ok().filter(|number| number >> 16 >= 8);
            // The row of all curve data names no VR.
            let name = if columns["vr"].is_empty() { "OW" } else { &columns["vr"] };
            let name = name.as_bytes().first_chunk::<2>().copied().filter(|name| vr::known(*name));
            if let (Some(number), Some(vr)) = (number, name) {
                let tag = ((number >> 16) as u16, number as u16);
                out.insert(tag, Row { tag, vr, columns: columns.clone() });
            }
        }
    }
    out.into_values().collect()
}

/// A CT in this transfer syntax with a mark in every one of `rows`, at the top level and inside each of the nested
/// sequences of `nesting`. Rows of VR SQ get one item with a mark in Text Comments (4000,4000); rows whose tag
/// the file needs to be a DICOM file at all (SOP Class UID, Specific Character Set) are left out.
pub fn plant(syntax: &str, rows: &[(Tag, vr::Vr)], nesting: &[Tag]) -> Planted {
    let mut planted = Planted { file: Part10::new(syntax, Vec::new()), marks: Vec::new() };
    let mut level = Vec::new();
    for depth in (0..=nesting.len()).rev() {
        let mut elements = marked(rows, depth, &mut planted.marks);
        if let Some(tag) = nesting.get(depth) {
            elements.retain(|element| element.tag != *tag);
            let length = if depth % 2 == 0 { Length::Undefined } else { Length::Defined };
            elements.push(sequence(*tag, length, vec![level]));
        }
        elements.sort_by_key(|element| element.tag);
        level = elements;
    }
    let taken: BTreeSet<Tag> = level.iter().map(|element| element.tag).collect();
    let mut base = samples::ct(syntax, 1).elements;
    base.retain(|element| !taken.contains(&element.tag));
    base.extend(level);
    planted.file.elements = base;
    planted.file = planted.file.sorted();
    planted
}

impl Planted {
    /// Marks whose whole value occurs anywhere in these bytes of a little endian file.
    pub fn found(&self, output: &[u8]) -> Vec<&Mark> {
        let mut starts: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, window) in output.windows(START).enumerate() {
            starts.entry(window).or_default().push(at);
        }
        let occurs = |value: &[u8]| {
            let places = starts.get(&value[..START]);
            places.is_some_and(|places| places.iter().any(|&at| output[at..].starts_with(value)))
        };
        self.marks.iter().filter(|mark| occurs(&mark.value)).collect()
    }
}

/// All marks are at least so long, so that none occurs by chance.
const START: usize = 8;

fn marked(rows: &[(Tag, vr::Vr)], depth: usize, marks: &mut Vec<Mark>) -> Vec<Element> {
    let needed = [(0x0008, 0x0005), (0x0008, 0x0016)];
    let mut out = Vec::new();
    let mut dates = marks.iter().filter(|mark| mark.dated).count() as u64;
    for (tag, name) in rows.iter().filter(|(tag, _)| !needed.contains(tag)) {
        let number = marks.len() as u64;
        let dated = matches!(name, b"DA" | b"DT");
        if *name == *b"SQ" {
            let value = value(*b"LT", number, dates);
            out.push(sequence(*tag, Length::Defined, vec![vec![bytes((0x4000, 0x4000), b"LT", &value)]]));
            marks.push(Mark { tag: *tag, depth, dated, value });
            continue;
        }
        let value = value(*name, number, dates);
        dates += u64::from(dated);
        out.push(bytes(*tag, name, &value));
        marks.push(Mark { tag: *tag, depth, dated, value });
    }
    out
}

/// A value for this VR that no other number gives: legal (PS3.5 Table 6.2-1), at least eight bytes, and told apart from the
/// others by its middle, as encodings in groups of bytes (base64) blur the ends. Dates, counted by
/// themselves, lie eleven years apart, so that one moved by up to 3,650 days does not become another.
fn value(name: vr::Vr, number: u64, dates: u64) -> Vec<u8> {
    let year = 1000 + 11 * dates;
    assert!(year <= 9999, "too many dates to keep them apart");
    match &name {
        b"DA" => format!("{year:04}0615").into_bytes(),
        b"DT" => format!("{year:04}0615010203.5").into_bytes(),
        b"TM" => format!("{:02}{:02}07.{number:06}", number % 24, number % 60).into_bytes(),
        // An age is four characters: two values make it long enough.
        b"AS" => {
            let unit = ["D", "W", "M", "Y"][(number / 1000 % 4) as usize];
            format!("{:03}{unit}\\{:03}{unit}", number % 1000, 999 - number % 1000).into_bytes()
        }
        b"DS" | b"IS" => format!("77{number:06}77").into_bytes(),
        b"UI" => format!("2.25.987{number:07}11").into_bytes(),
        b"CS" | b"AE" => format!("MARK_{number:06}_A").into_bytes(),
        b"PN" => format!("Mark^N{number:06}^A").into_bytes(),
        b"UR" => format!("http://mark.example/{number:06}/a").into_bytes(),
        // Whole numbers, which every writer of JSON spells alike.
        b"FL" => ((8_388_608 + number) as f32 * 1_048_576.0).to_le_bytes().repeat(2),
        b"FD" => (7e15 + number as f64).to_le_bytes().to_vec(),
        b"AT" | b"US" | b"SS" | b"OW" | b"OB" | b"UN" | b"OF" | b"SL" | b"UL" | b"OL" | b"OD" | b"OV"
        | b"SV" | b"UV" => mixed(number).to_le_bytes().to_vec(),
        _ => format!("Mark {number:06} a").into_bytes(),
    }
}

/// Another number for each number, with no part that two have in common (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut out = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    out = (out ^ out >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    out = (out ^ out >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    out ^ out >> 31
}
