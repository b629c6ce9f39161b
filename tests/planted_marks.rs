//! No value of a removed attribute occurs anywhere in the output bytes: a mark is planted in every row of
//! PS3.15 Table E.1-1, at the top level and nested three deep, and looked for in what the rewriter makes of it.
//! What may survive is read from the table's own columns here, not asked of the product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use bytes::Bytes;
use std::collections::BTreeSet;
use support::plant::{self, Mark, Planted, Row};
use support::walk::{Walked, walk};
use support::{Tag, build, syntax};
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::deid::receipt::Refused;
use veilgate::deid::rewriter::{Options, Rewriter};

/// A preset, and the options it chooses as the table's columns name them.
struct Preset {
    name: &'static str,
    columns: &'static [&'static str],
    modified_dates: bool,
}

const PRESETS: [Preset; 3] = [
    Preset { name: "basic", columns: &[], modified_dates: false },
    Preset {
        name: "research",
        columns: &["retain_patient_characteristics", "retain_device_identity"],
        modified_dates: true,
    },
    Preset { name: "blank", columns: &["retain_uids"], modified_dates: false },
];

impl Preset {
    /// Dates and times to be modified: C under Retain Longitudinal Temporal Information with Modified Dates.
    fn shifts(&self, row: &Row) -> bool {
        self.modified_dates && row.column("retain_longitudinal_modified_dates") == "C"
    }

    /// K under a chosen option, and not to be modified under another (the more protective counts).
    fn retains(&self, row: &Row) -> bool {
        self.columns.iter().any(|column| row.column(column) == "K") && !self.shifts(row)
    }

    /// What may be found again: what is retained, and of a shift by whole days the time of day and the time zone.
    fn may_stay(&self, row: &Row) -> bool {
        let time = row.vr == *b"TM" || row.tag == (0x0008, 0x0201);
        self.retains(row) || (self.shifts(row) && time)
    }
}

const SYNTAXES: [&str; 4] =
    [syntax::IMPLICIT_LE, syntax::EXPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE];

/// Encapsulated Document: an instance is refused where no dummy document is known, so it is planted apart.
const DOCUMENT: Tag = (0x0042, 0x0011);

fn rewritten(preset: &str, file: &[u8]) -> Vec<u8> {
    rewrite(&Profile::preset(preset).unwrap(), file)
        .unwrap_or_else(|refused| panic!("{preset}: refused: {:?}", refused.refusal))
}

fn rewrite(profile: &Profile, file: &[u8]) -> Result<Vec<u8>, Refused> {
    let engine = Engine::new(Plan::new(profile), &ProjectKey::from_bytes([7; 32]));
    let mut rewriter = Rewriter::new(&engine, Options::default());
    let mut out = Vec::new();
    rewriter.push(Bytes::copy_from_slice(file), &mut out)?;
    rewriter.finish(&mut out)?;
    Ok(out.concat())
}

/// The data set as bytes that can be searched: a deflated output is opened first.
fn searchable(output: &[u8]) -> (Walked, Vec<u8>) {
    let walked = walk(output);
    assert_eq!(walked.fault, None);
    let mut bytes = output.to_vec();
    for leaf in &walked.leaves {
        bytes.extend(leaf.bytes());
        // Two values must not make a mark between them.
        bytes.extend([0xff; 16]);
    }
    (walked, bytes)
}

fn rows_without(unwanted: &[Tag]) -> Vec<Row> {
    plant::table_rows().into_iter().filter(|row| !unwanted.contains(&row.tag)).collect()
}

fn planted(uid: &str, rows: &[Row]) -> Planted {
    let rows: Vec<_> = rows.iter().map(|row| (row.tag, row.vr)).collect();
    plant::plant(uid, &rows, &plant::NESTING)
}

fn told(mark: &Mark) -> String {
    format!("({:04x},{:04x}) at depth {}", mark.tag.0, mark.tag.1, mark.depth)
}

#[test]
fn no_mark_of_a_removed_attribute_survives_in_any_encoding_under_any_preset() {
    let rows = rows_without(&[DOCUMENT]);
    for preset in PRESETS {
        let may_stay: BTreeSet<Tag> =
            rows.iter().filter(|row| preset.may_stay(row)).map(|row| row.tag).collect();
        for uid in SYNTAXES {
            let planted = planted(uid, &rows);
            let (walked, bytes) = searchable(&rewritten(preset.name, &planted.file.write()));
            assert!(
                walked.leaves.iter().any(|leaf| leaf.path.len() == 3),
                "{}: the nesting did not survive",
                preset.name
            );
            let leaked: Vec<String> = planted
                .found(&bytes)
                .into_iter()
                .filter(|mark| !may_stay.contains(&mark.tag))
                .map(told)
                .collect();
            assert!(
                leaked.is_empty(),
                "{}, {uid}: {} leaked: {}",
                preset.name,
                leaked.len(),
                leaked.join("; ")
            );
        }
    }
}

#[test]
fn what_an_option_retains_is_found_again() {
    let rows = rows_without(&[DOCUMENT]);
    for preset in PRESETS {
        let planted = planted(syntax::EXPLICIT_LE, &rows);
        let (_, bytes) = searchable(&rewritten(preset.name, &planted.file.write()));
        let found: BTreeSet<Tag> =
            planted.found(&bytes).iter().filter(|mark| mark.depth == 0).map(|mark| mark.tag).collect();
        let lost: Vec<String> = rows
            .iter()
            .filter(|row| row.vr != *b"SQ" && preset.retains(row))
            .filter(|row| !found.contains(&row.tag))
            .map(|row| format!("({:04x},{:04x})", row.tag.0, row.tag.1))
            .collect();
        assert!(lost.is_empty(), "{}: {} lost: {}", preset.name, lost.len(), lost.join("; "));
    }
}

#[test]
fn private_values_and_values_under_vr_un_do_not_survive() {
    for preset in ["basic", "blank"] {
        let mut file = support::samples::unknown();
        let mark: &[u8] = b"Mark 00000042";
        file.elements.extend(build::private(
            0x0043,
            0x10,
            "NOBODY KNOWS",
            &[(0x01, b"LO", mark), (0x02, b"UN", mark)],
        ));
        file.elements.push(build::bytes((0x0010, 0x1060), b"UN", mark));
        file.elements.push(build::bytes((0x0008, 0x0081), b"UN", mark));
        let (_, bytes) = searchable(&rewritten(preset, &file.sorted().write()));
        for value in [mark, b"Rigpatient^Rosa", b"RIG-0001", b"private copy", b"Riverside"] {
            assert!(support::multipart::find(&bytes, value).is_none(), "{preset}: a value survived");
        }
    }
}

#[test]
fn an_encapsulated_document_is_refused_or_replaced_but_never_passed_on() {
    let file = support::samples::pdf().write();
    assert!(rewrite(&Profile::preset("basic").unwrap(), &file).is_err(), "a document passed under basic");
    let lenient = Profile::parse("base = \"basic\"\nburned_in = \"pass\"").unwrap();
    let output = rewrite(&lenient, &file).expect("a setting lets documents pass, with a dummy inside");
    assert!(support::multipart::find(&output, b"Rigpatient").is_none(), "the document itself came through");
}
