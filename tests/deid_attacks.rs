//! Values dressed up as what a rule lets pass: each of these came through once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use support::build::{Element, text};
use support::walk::walk;
use support::{Tag, samples, syntax};
use veilgate::deid::refusal::Refusal;

/// A CT with these elements in place of its own.
fn with(elements: Vec<Element>) -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
    let tags: Vec<Tag> = elements.iter().map(|element| element.tag).collect();
    file.elements.retain(|element| !tags.contains(&element.tag));
    file.elements.extend(elements);
    file.sorted().write()
}

fn made(elements: Vec<Element>) -> Vec<u8> {
    drive::done(&drive::preset("basic"), &with(elements))
}

#[test]
fn a_number_behind_the_root_of_the_standard_makes_no_well_known_uid() {
    let disguised = "1.2.840.10008.777777.19500304";
    for tag in [(0x0008, 0x0018), (0x0020, 0x000d), (0x0020, 0x000e), (0x0020, 0x0052)] {
        let output = made(vec![text(tag, b"UI", disguised)]);
        assert!(support::multipart::find(&output, b"19500304").is_none(), "{tag:04x?}");
    }
    let walked = walk(&made(vec![text((0x0008, 0x0018), b"UI", disguised)]));
    assert_eq!(walked.meta_text((0x0002, 0x0003)), walked.text((0x0008, 0x0018)), "meta and data set agree");
}

#[test]
fn a_registered_frame_of_reference_stays() {
    let known = "1.2.840.10008.1.4.1.1";
    let walked = walk(&made(vec![text((0x0020, 0x0052), b"UI", known)]));
    assert_eq!(walked.text((0x0020, 0x0052)).as_deref(), Some(known));
}

#[test]
fn a_made_up_sop_class_under_the_root_of_the_standard_is_refused() {
    let input = with(vec![text((0x0008, 0x0016), b"UI", "1.2.840.10008.777777.19500304")]);
    let refused = drive::whole(&drive::preset("basic"), &input).err();
    assert_eq!(refused, Some(Refusal::PrivateSopClass));
}

#[test]
fn the_text_of_an_earlier_method_does_not_pass() {
    let output = made(vec![text((0x0012, 0x0063), b"LO", "Removed Roe^Johann MRN 4711")]);
    assert!(support::multipart::find(&output, b"Johann").is_none());
    let method = walk(&output).text((0x0012, 0x0063)).unwrap();
    assert!(method.starts_with("Earlier step"), "{method}");
    let again = drive::done(&drive::preset("basic"), &output);
    assert_eq!(walk(&again).text((0x0012, 0x0063)).unwrap(), method, "a second pass adds nothing");
}

#[test]
fn a_name_in_a_code_string_does_not_pass() {
    for value in ["Roe^Johann", "PATIENT JOHANN ROE BORN 1950 IN TOWN"] {
        let output = made(vec![text((0x0008, 0x0008), b"CS", value)]);
        assert_eq!(walk(&output).text((0x0008, 0x0008)).as_deref(), Some(""), "{value}");
    }
}

#[test]
fn burned_in_annotation_must_be_a_plain_no_or_silent() {
    for value in ["NO\\YES", "YES\\NO", "YE", "NOPE"] {
        let input = with(vec![text((0x0028, 0x0301), b"CS", value)]);
        let refused = drive::whole(&drive::preset("basic"), &input).err();
        assert!(matches!(refused, Some(Refusal::Pixels { .. })), "{value}: {refused:?}");
    }
}
