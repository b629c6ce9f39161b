//! RET: the retain options (PS3.15 E.3.7, E.3.8, E.3.11). Every cell of the columns: tests/deid_table.rs.

use crate::instance::{basic, ct, options, out};
use crate::support::Tag;
use crate::support::build::text;

/// Rows an option keeps come through under it and not without it; others of its neighbourhood never do.
fn holds(option: &str, kept: &[(Tag, &[u8; 2], &str)], never: &[(Tag, &[u8; 2], &str)]) {
    let all: Vec<_> = kept.iter().chain(never).map(|(tag, vr, value)| text(*tag, vr, value)).collect();
    let (without, with) = (basic(&ct(all.clone())), out(&options(&[option]), &ct(all)));
    for (tag, _, value) in kept {
        assert_ne!(without.text(*tag).as_deref(), Some(*value), "{tag:04x?} without {option}");
        assert_eq!(with.text(*tag).as_deref(), Some(*value), "{tag:04x?} with {option}");
    }
    for (tag, _, value) in never {
        assert_ne!(with.text(*tag).as_deref(), Some(*value), "{tag:04x?} is cleaned, not kept, by {option}");
    }
}

#[test]
fn ret_01_patient_characteristics_are_kept_and_their_free_text_is_not() {
    holds(
        "retain-patient-characteristics",
        &[((0x0010, 0x0040), b"CS", "F"), ((0x0010, 0x1010), b"AS", "063Y"), ((0x0010, 0x1030), b"DS", "71")],
        &[
            ((0x0010, 0x2110), b"LO", "allergic to Rosa"),
            ((0x0038, 0x0050), b"LO", "needs of Rosa"),
            ((0x0040, 0x0012), b"LO", "given by Rosa"),
        ],
    );
}

#[test]
fn ret_02_device_identity_is_kept_and_titles_are_not() {
    holds(
        "retain-device-identity",
        &[((0x0018, 0x1000), b"LO", "SN-4711"), ((0x0008, 0x1010), b"SH", "STATION7")],
        &[((0x0010, 0x0010), b"PN", "Rosa^R"), ((0x0040, 0x0241), b"AE", "ROSA_AE")],
    );
}

#[test]
fn ret_03_institution_identity_is_kept() {
    holds(
        "retain-institution-identity",
        &[((0x0008, 0x0080), b"LO", "Riverside"), ((0x0008, 0x0081), b"ST", "Main Street 1")],
        &[((0x0010, 0x0010), b"PN", "Rosa^R")],
    );
}
