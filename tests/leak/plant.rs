//! A study whose every attribute carries a mark of its own: the whole dictionary of PS3.6 at the top level and in nested
//! sequences, private ones, UIDs; in every encoding of a data set.

use super::marks::{Mark, Secrets};
use crate::support::build::{self, Element, Part10, Value, text};
use crate::support::plant::{self, Planted};
use crate::support::vr::{self, Vr};
use crate::support::{Tag, samples, syntax};
use dicom_core::Tag as StandardTag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use std::collections::BTreeMap;

/// Instances, and what was planted in them. The last one is the document.
pub struct Study {
    pub instances: Vec<Vec<u8>>,
    pub marks: Vec<Mark>,
}

/// Groups of a data set that PS3.6 has attributes of, ranges included.
const GROUPS: [(u16, u16); 11] = [
    (0x0008, 0x00ff),
    (0x0100, 0x0100),
    (0x0400, 0x0400),
    (0x2000, 0x2200),
    (0x3002, 0x3010),
    (0x4000, 0x4010),
    (0x5000, 0x5000),
    (0x5200, 0x5200),
    (0x5400, 0x5400),
    (0x5600, 0x5600),
    (0x6000, 0x6000),
];

/// The data set's own identity, and what says how its pixels lie: an instance needs these as they are.
fn structural(tag: Tag) -> bool {
    let identity = [(0x0008, 0x0005), (0x0008, 0x0016), (0x0008, 0x0018), (0x0020, 0x000d), (0x0020, 0x000e)];
    // A document is replaced after its type, so it has an instance of its own.
    let document = [(0x0042, 0x0011), (0x0042, 0x0012)];
    let picture = tag.0 == 0x0028 && (0x0002..=0x0103).contains(&tag.1);
    // Where a gateway says what it did.
    let stamp = [(0x0012, 0x0062), (0x0012, 0x0063), (0x0012, 0x0064), (0x0028, 0x0303)];
    [&identity[..], &document, &stamp].concat().contains(&tag) || picture || tag.0 == 0x7fe0
}

/// Every attribute of PS3.6 that can hold a mark. (gggg,0000) are lengths.
fn dictionary() -> Vec<(Tag, Vr)> {
    let groups = GROUPS.iter().flat_map(|(first, last)| (*first..=*last).step_by(2));
    let tags = groups.flat_map(|group| (1..=0xffff).map(move |element| (group, element)));
    let known = |tag: Tag| {
        let entry = StandardDataDictionary.by_tag(StandardTag(tag.0, tag.1))?;
        let name: Vr = *entry.vr().relaxed().to_string().as_bytes().first_chunk()?;
        (vr::known(name) && !structural(tag)).then_some((tag, name))
    };
    tags.filter_map(known).collect()
}

/// One study of two series: an instance in each encoding, all with the same marks but for their own UIDs, and a document.
pub fn study() -> Study {
    let attributes: BTreeMap<Tag, Vr> = dictionary().into_iter().collect();
    assert!(attributes.len() > 4000, "the dictionary has only {} attributes", attributes.len());
    let rows: Vec<(Tag, Vr)> = attributes.iter().map(|(tag, vr)| (*tag, *vr)).collect();
    let planted = plant::plant(syntax::EXPLICIT_LE, &rows, NESTED);
    let mut marks = of_dictionary(&planted, &attributes);
    marks.extend(of_private());
    marks.push(mark((0x0042, 0x0011), true, *b"OB", DOCUMENT, ""));
    let mut instances: Vec<Vec<u8>> = ENCODINGS
        .iter()
        .enumerate()
        .map(|(at, encoding)| instance(&planted.file, encoding, at).write())
        .collect();
    instances.push(document(ENCODINGS.len()));
    for number in 0..instances.len() {
        marks.extend(identity(number).map(|(tag, uid)| mark(tag, true, *b"UI", uid.as_bytes(), "")));
    }
    Study { instances, marks }
}

const ENCODINGS: [&str; 5] =
    [syntax::EXPLICIT_LE, syntax::IMPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE, syntax::RLE];

/// Sequences to nest in that no row of the table names, so that their items are met: Anatomic Region, Purpose of Reference
/// Code. Two levels: with more the dates would come too close to each other.
const NESTED: &[Tag] = &[(0x0008, 0x2218), (0x0040, 0xa170)];

/// This file in another encoding and under UIDs of its own.
fn instance(planted: &Part10, encoding: &str, number: usize) -> Part10 {
    let mut file = planted.clone();
    (file.declared, file.body) = (encoding.to_owned(), encoding.to_owned());
    let own = identity(number);
    let replaced = |tag: Tag| tag.0 % 2 == 1 || tag.0 == 0x7fe0 || own.iter().any(|(other, _)| *other == tag);
    file.elements.retain(|element| !replaced(element.tag));
    file.elements.extend(own.iter().map(|(tag, uid)| text(*tag, b"UI", uid)));
    file.elements.extend(build::private(0x0029, 0x10, CREATOR, &PRIVATE));
    let nested = build::private(0x0029, 0x10, CREATOR, &[NESTED_PRIVATE]);
    file.elements.push(build::sequence((0x0029, 0x1030), build::Length::Defined, vec![nested]));
    file.elements.push(pixels(encoding));
    file.elements.iter_mut().for_each(enlarge);
    file.sorted()
}

/// Tables of colours and the like become too large to stand inline, so that they are given by reference.
fn enlarge(element: &mut Element) {
    if let (0x0028, b"OW", Value::Bytes(value)) = (element.tag.0, &element.vr, &mut element.value) {
        value.resize(2000, 0x5a);
    }
}

/// A PDF that holds a mark, too large to stand inline.
fn document(number: usize) -> Vec<u8> {
    let own = identity(number);
    let mut file = samples::pdf();
    let replaced = |tag: Tag| tag == (0x0042, 0x0011) || own.iter().any(|(other, _)| *other == tag);
    file.elements.retain(|element| !replaced(element.tag));
    file.elements.extend(own.iter().map(|(tag, uid)| text(*tag, b"UI", uid)));
    file.elements.push(build::bytes(
        (0x0042, 0x0011),
        b"OB",
        &[b"%PDF-1.4 ", DOCUMENT, &[b' '; 5000]].concat(),
    ));
    file.sorted().write()
}

const DOCUMENT: &[u8] = b"Document mark 000001";

/// The UIDs of an instance; two series.
fn identity(number: usize) -> [(Tag, String); 3] {
    [
        ((0x0008, 0x0018), format!("2.25.9871{number:010}1")),
        ((0x0020, 0x000d), "2.25.987200000000001".to_owned()),
        ((0x0020, 0x000e), format!("2.25.9873{:010}1", number % 2)),
    ]
}

/// Where an instance is at the origin, below its root.
pub fn path(number: usize) -> String {
    let [(_, instance), (_, study), (_, series)] = identity(number);
    format!("/studies/{study}/series/{series}/instances/{instance}")
}

const NESTED_PRIVATE: (u8, &Vr, &[u8]) = (0x31, b"LO", b"Private value 5");
const CREATOR: &str = "PRIVATE MARKS 01";
const PRIVATE: [(u8, &Vr, &[u8]); 4] = [
    (0x01, b"LO", b"Private value 1"),
    (0x02, b"UN", b"Private value 2"),
    (0x03, b"OB", b"Private value 3"),
    (0x04, b"UT", b"Private value 4"),
];

fn mark(tag: Tag, secret: bool, vr: Vr, value: &[u8], where_: &str) -> Mark {
    Mark::new(format!("({:04x},{:04x}){where_}", tag.0, tag.1), secret, vr, value)
}

fn of_private() -> Vec<Mark> {
    let values = PRIVATE.iter().chain([&NESTED_PRIVATE]);
    let marks =
        values.map(|(low, vr, value)| mark((0x0029, 0x1000 | u16::from(*low)), true, **vr, value, ""));
    marks.collect()
}

/// The marks of these attributes. Every UID but those of the standard is to be replaced.
fn of_dictionary(planted: &Planted, attributes: &BTreeMap<Tag, Vr>) -> Vec<Mark> {
    let secrets = Secrets::load();
    // A sequence that is nested in holds marks instead of being one.
    let nested = |mark: &plant::Mark| NESTED.get(mark.depth) == Some(&mark.tag);
    let marks = planted.marks.iter().filter(|mark| !nested(mark)).map(|planted| {
        // The mark of a sequence stands in its item, in Text Comments, which the table has a row for.
        let (holder, vr) = match attributes[&planted.tag] {
            [b'S', b'Q'] => ((0x4000, 0x4000), *b"LT"),
            vr => (planted.tag, vr),
        };
        let depth = format!(" at depth {}", planted.depth);
        mark(planted.tag, secrets.hold(holder, vr), vr, &planted.value, &depth)
    });
    marks.collect()
}

/// A picture of 4 × 4 pixels of 16 bits that every decoder reads.
fn pixels(encoding: &str) -> Element {
    let planes: [Vec<u8>; 2] = [vec![0; 16], (0..16).map(|at| at * 16).collect()];
    if encoding != syntax::RLE {
        let words: Vec<u8> = planes[0].iter().zip(&planes[1]).flat_map(|(high, low)| [*low, *high]).collect();
        return build::bytes((0x7fe0, 0x0010), b"OW", &words);
    }
    // PS3.5 G.5: a header of offsets, then a segment a byte plane, here one literal run and a filler each.
    let mut frame: Vec<u8> = [2_u32, 64, 82].iter().flat_map(|number| number.to_le_bytes()).collect();
    frame.resize(64, 0);
    for plane in &planes {
        frame.push(15);
        frame.extend(plane);
        frame.push(0x80);
    }
    build::fragments(&[&frame])
}
