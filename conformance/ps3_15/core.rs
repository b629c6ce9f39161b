//! CORE: what a de-identifier must do as a whole (PS3.15 E.1.1).

use crate::drive;
use crate::instance::{basic, ct, inside, item, options, out, with};
use crate::support::build::{Part10, bytes, odd, text};
use crate::support::samples;
use crate::support::walk::walk;
use crate::support::{plant, syntax};
use dicom_core::Tag;
use veilgate::deid::refusal::Refusal;

#[test]
fn core_01_every_row_is_protected_or_retained_as_profile_and_options_say() {
    // The rows against the columns: tests/deid_table.rs. Their values in the bytes of an output: tests/deid_marks.rs.
    let planted = plant::plant(syntax::EXPLICIT_LE, &drive::rows(), &[]);
    let mut file = planted.file.clone();
    file.elements.retain(|element| element.tag != (0x0042, 0x0011));
    let output = drive::done(&drive::preset("basic"), &file.write());
    assert!(planted.marks.len() > 600);
    assert_eq!(planted.found(&output).len(), 0);
}

#[test]
fn core_02_protection_reaches_every_depth() {
    let name = || text((0x0010, 0x0010), b"PN", "Deep^Down");
    let mut nested = vec![name()];
    for _ in 0..6 {
        nested = vec![item((0x0008, 0x1115), nested)];
    }
    nested.push(name());
    let output = drive::done(&drive::preset("basic"), &ct(nested).write());
    assert!(!output.windows(4).any(|window| window == b"Deep"));
}

#[test]
fn core_03_an_option_overrides_the_profile_for_what_it_names() {
    let file =
        ct(vec![text((0x0008, 0x1010), b"SH", "STATION7"), text((0x0008, 0x0080), b"LO", "Riverside")]);
    assert_eq!(basic(&file).text((0x0008, 0x1010)), None);
    let device = out(&options(&["retain-device-identity"]), &file);
    assert_eq!(device.text((0x0008, 0x1010)).as_deref(), Some("STATION7"));
    assert_eq!(device.text((0x0008, 0x0080)), None, "the option does not name the institution");
}

#[test]
fn core_04_what_no_rule_names_stays() {
    let kept = [(0x0028, 0x0010), (0x0028, 0x0011), (0x0008, 0x0060), (0x0008, 0x0008), (0x0028, 0x0004)];
    let file = ct(vec![text((0x0018, 0x0050), b"DS", "2.5")]);
    let walked = basic(&file);
    for tag in kept.into_iter().chain([(0x0018, 0x0050)]) {
        assert!(walked.top(tag).is_some(), "{tag:04x?}");
    }
}

#[test]
fn core_05_type_1_attributes_keep_a_value_and_type_2_attributes_stay() {
    // The whole corpus is held against dciodvfy by tests/rigs/dciodvfy_compare.py.
    let walked = basic(&ct(Vec::new()));
    for (tag, empty_allowed) in [
        ((0x0010, 0x0010), false),
        ((0x0008, 0x0050), true),
        ((0x0008, 0x0090), true),
        ((0x0020, 0x000d), false),
    ] {
        let leaf = walked.top(tag).unwrap_or_else(|| panic!("{tag:04x?} is gone"));
        assert!(empty_allowed || !leaf.bytes().is_empty(), "{tag:04x?} is empty");
    }
}

#[test]
fn core_06_one_entity_gets_one_replacement_in_all_instances_and_runs() {
    let other_run = |number| basic(&samples::ct(syntax::EXPLICIT_LE, number));
    let (one, two) = (other_run(1), other_run(2));
    for tag in [(0x0010, 0x0020), (0x0010, 0x0010), (0x0020, 0x000d), (0x0020, 0x000e)] {
        assert_eq!(one.text(tag), two.text(tag), "{tag:04x?}");
        assert!(!one.text(tag).unwrap().is_empty());
    }
    assert_ne!(one.text((0x0008, 0x0018)), two.text((0x0008, 0x0018)));
}

#[test]
fn core_06_patients_are_parted_by_id_and_issuer_and_joined_by_study_without_an_id() {
    let patient = |id: &str, issuer: &str, study: &str| {
        let more = vec![
            text((0x0010, 0x0020), b"LO", id),
            text((0x0010, 0x0021), b"LO", issuer),
            text((0x0020, 0x000d), b"UI", study),
        ];
        basic(&ct(more)).text((0x0010, 0x0020)).unwrap()
    };
    assert_eq!(patient("7", "A", "2.25.1"), patient("7", "A", "2.25.2"), "the same in another study");
    assert_ne!(patient("7", "A", "2.25.1"), patient("7", "B", "2.25.1"));
    assert_eq!(patient("", "", "2.25.1"), patient("", "", "2.25.1"));
    assert_ne!(patient("", "", "2.25.1"), patient("", "", "2.25.2"));
}

#[test]
fn core_07_references_point_at_the_new_names_of_the_instances() {
    let target = basic(&samples::ct(syntax::EXPLICIT_LE, 1)).text((0x0008, 0x0018)).unwrap();
    let evidence = basic(&samples::key_object());
    let path = [(0x0040, 0xa375), (0x0008, 0x1115), (0x0008, 0x1199)];
    let uid = inside(&evidence, &path, (0x0008, 0x1155)).unwrap().bytes();
    assert_eq!(String::from_utf8_lossy(&uid).trim_end_matches('\0'), target);
}

#[test]
fn core_08_group_0004_goes_and_a_dicomdir_is_refused() {
    let stray = bytes((0x0004, 0x1500), b"CS", b"DOE\\JOHN");
    assert!(basic(&ct(vec![stray.clone()])).leaves.iter().all(|leaf| leaf.tag.0 != 4));
    let directory =
        Part10::new(syntax::EXPLICIT_LE, vec![stray, text((0x0008, 0x0005), b"CS", "ISO_IR 100")]);
    let refusal = drive::whole(&drive::lenient("basic"), &directory.write()).map(|_| ()).unwrap_err();
    assert_eq!(refusal, Refusal::Directory);
}

#[test]
fn core_12_longitudinal_information_is_stated_for_each_date_option() {
    for (names, expected) in [
        (&[][..], "REMOVED"),
        (&["retain-full-dates"], "UNMODIFIED"),
        (&["retain-modified-dates"], "MODIFIED"),
    ] {
        let walked = out(&options(names), &ct(Vec::new()));
        assert_eq!(walked.text((0x0028, 0x0303)).as_deref(), Some(expected));
    }
}

#[test]
fn core_12_what_was_removed_once_is_never_called_unmodified() {
    let file = ct(vec![text((0x0028, 0x0303), b"CS", "REMOVED")]);
    assert_eq!(
        out(&options(&["retain-full-dates"]), &file).text((0x0028, 0x0303)).as_deref(),
        Some("REMOVED")
    );
}

#[test]
fn core_13_attributes_nobody_knows_are_removed() {
    let unknown =
        ct(vec![text((0x0008, 0x7ffe), b"LO", "DOE^JOHN"), text((0x0010, 0x2203), b"LO", "not a number")]);
    let walked = basic(&unknown);
    assert_eq!(walked.text((0x0008, 0x7ffe)), None);
}

#[test]
fn core_16_private_sop_classes_are_refused_unless_let_pass() {
    let file =
        with(samples::ct(syntax::EXPLICIT_LE, 1), vec![text((0x0008, 0x0016), b"UI", "1.3.12.2.1107.5.9.1")]);
    let refusal = drive::whole(&drive::preset("basic"), &file.write()).map(|_| ()).unwrap_err();
    assert_eq!(refusal, Refusal::PrivateSopClass);
    assert!(drive::whole(&drive::lenient("basic"), &file.write()).is_ok());
}

#[test]
fn core_04_order_repeats_and_odd_lengths_do_not_change_what_stays() {
    let mut file = ct(vec![odd((0x0018, 0x0050), b"DS", b"2.5")]);
    let pixels = file.elements.iter().position(|element| element.tag == (0x7fe0, 0x0010)).unwrap();
    file.elements.insert(pixels, odd((0x0018, 0x0050), b"DS", b"2.50 "));
    file.elements.insert(pixels, text((0x0010, 0x0010), b"PN", "Rosa^Repeated"));
    file.elements[..pixels].reverse();
    let output = drive::done(&drive::preset("basic"), &file.write());
    let walked = walk(&output);
    let kept = walked.leaves.iter().filter(|leaf| leaf.tag == (0x0018, 0x0050)).map(|leaf| leaf.bytes());
    assert_eq!(kept.collect::<Vec<_>>(), [b"2.5".to_vec(), b"2.50 ".to_vec()]);
    assert!(!output.windows(4).any(|window| window == b"Rosa"));
    // A repeated attribute on which decisions rest must say the same twice.
    let refusal =
        drive::whole(&drive::preset("basic"), &samples::disorderly().write()).map(|_| ()).unwrap_err();
    assert_eq!(refusal, Refusal::Contradiction(Tag(0x0010, 0x0020)));
}

#[test]
fn core_04_text_in_any_character_set_stays_byte_for_byte() {
    // ISO 2022 escapes, invalid UTF-8, an unknown character set: what stays is not decoded.
    let text = b"\x1b$B;3ED\x1b(J \xff\xfe\\x".to_vec();
    for set in ["ISO 2022 IR 6\\ISO 2022 IR 87", "ISO_IR 192", "X-UNKNOWN"] {
        let more = vec![bytes((0x0008, 0x0005), b"CS", set.as_bytes()), odd((0x0018, 0x1000), b"LO", &text)];
        let walked = out(&options(&["retain-device-identity"]), &ct(more));
        assert_eq!(walked.top((0x0018, 0x1000)).unwrap().bytes(), text, "{set}");
    }
}
