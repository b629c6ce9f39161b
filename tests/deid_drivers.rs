//! The two drivers held against each other: what the rewriter makes of a file, read by dicom-object, is what the object
//! driver makes of the same file read by dicom-object.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use dicom_core::header::Header;
use dicom_core::value::Value;
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use std::collections::BTreeMap;
use support::walk::walk;
use support::{files, samples};
use veilgate::deid::engine::Engine;
use veilgate::deid::object;
use veilgate::deid::refusal::Refusal;
use veilgate::dicom::FaultKind;

/// Files on which the drivers differ for a reason that lies in dicom-object, not in either driver.
const LIBRARY_LIMITS: [(&str, &str); 1] = [(
    "rtdose_rle.dcm",
    "dicom-object takes UN of defined length for bytes, where items stand in it (PS3.5 6.2.2)",
)];

/// Sequences in UN of undefined length: dicom-object takes their items for explicit ones, reserves gigabytes for a length
/// that is none, and gives up after half a minute.
const NOT_ASKED: [&str; 2] = ["UN_sequence.dcm", "unknown sequence"];

/// Leaves by place: VR and value.
type Flat = BTreeMap<String, (String, Vec<u8>)>;

fn flat(object: &InMemDicomObject, path: &str, out: &mut Flat) {
    for element in object.iter() {
        let place = format!("{path}{}", element.tag());
        let vr = element.vr().to_string();
        let value = match element.value() {
            Value::Primitive(value) => value.to_bytes().into_owned(),
            Value::Sequence(items) => {
                for (number, item) in items.items().iter().enumerate() {
                    flat(item, &format!("{place}[{number}]."), out);
                }
                items.items().len().to_le_bytes().to_vec()
            }
            Value::PixelSequence(pixels) => pixels.fragments().concat(),
        };
        out.insert(place, (vr.to_owned(), value));
    }
}

fn leaves(object: &InMemDicomObject) -> Flat {
    let mut out = Flat::new();
    flat(object, "", &mut out);
    out
}

fn read(bytes: &[u8]) -> Option<DefaultDicomObject> {
    let at = if bytes.get(128..132) == Some(b"DICM") { 128 } else { 0 };
    dicom_object::from_reader(bytes.get(at..)?).ok()
}

/// Whole, rightly labelled files without repeated tags: of those dicom-object keeps the last one alone, the rewriter all of
/// them. Where it misreads a length it reserves as much, so it is not asked about mislabelled files.
fn comparable(bytes: &[u8]) -> bool {
    let walked = walk(bytes);
    let mut places: Vec<String> = walked.leaves.iter().map(|leaf| leaf.place()).collect();
    places.sort();
    let labelled =
        walked.preamble.is_some() && walked.meta_text((2, 0x10)).as_deref() == Some(walked.syntax.as_str());
    walked.fault.is_none() && labelled && places.windows(2).all(|two| two[0] != two[1])
}

/// Where the drivers part; None for what cannot be compared.
fn parted(engine: &Engine, bytes: &[u8]) -> Option<Vec<String>> {
    let source = read(bytes)?;
    let by_object = object::pseudonymize(engine, &source).map(|(data_set, _)| data_set);
    match (drive::whole(engine, bytes), by_object) {
        // The transfer syntax is a matter of bytes alone.
        (Err(Refusal::Fault(fault)), _) if fault.kind == FaultKind::UnsupportedTransferSyntax => None,
        (Err(one), Err(two)) if one == two => Some(Vec::new()),
        (Ok((output, _)), Ok(data_set)) => {
            let Some(output) = read(&output) else {
                return Some(vec!["dicom-object cannot read the output".to_owned()]);
            };
            let (one, two) = (leaves(&output), leaves(&data_set));
            let places: Vec<&String> = one.keys().chain(two.keys()).collect();
            Some(places.into_iter().filter(|place| one.get(*place) != two.get(*place)).cloned().collect())
        }
        (one, two) => Some(vec![format!("{:?} against {:?}", one.err(), two.err())]),
    }
}

#[test]
fn both_drivers_give_the_same_data_set_for_every_file_that_dicom_object_reads() {
    let named = |file: files::File| (file.name, file.bytes);
    let all: Vec<_> = files::corpus().into_iter().map(named).chain(samples::all()).collect();
    let all: Vec<_> = all
        .into_iter()
        .filter(|(name, bytes)| !NOT_ASKED.contains(&name.as_str()) && comparable(bytes))
        .collect();
    let (mut compared, mut left_out, mut wrong) = (0, 0, Vec::new());
    for name in drive::PRESETS {
        let engine = drive::lenient(name);
        for (file, bytes) in &all {
            if LIBRARY_LIMITS.iter().any(|(known, _)| known == file) {
                continue;
            }
            let Some(problems) = parted(&engine, bytes) else {
                left_out += 1;
                continue;
            };
            compared += 1;
            wrong.extend(problems.into_iter().map(|problem| format!("{name}, {file}: {problem}")));
        }
    }
    println!("{compared} compared, {left_out} left out: dicom-object cannot read them");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 4 * left_out, "{compared} compared, {left_out} left out");
}

#[test]
fn a_known_library_limit_is_still_one() {
    let engine = drive::lenient("basic");
    for (name, reason) in LIBRARY_LIMITS {
        let problems = parted(&engine, &files::fixture(name));
        assert!(problems.is_some_and(|problems| !problems.is_empty()), "{name} agrees now: {reason}");
    }
}
