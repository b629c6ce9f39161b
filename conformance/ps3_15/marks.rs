//! MARK: the attributes a de-identifier writes (PS3.3 C.7.1.1, C.12.1, PS3.16 CID 7050).

use crate::drive;
use crate::instance::{basic, code, ct, options, out};
use crate::support::build::text;
use crate::support::walk::Walked;

fn codes(walked: &Walked) -> Vec<String> {
    let inside = |leaf: &&crate::support::walk::Leaf| {
        leaf.path.first().is_some_and(|(tag, _)| *tag == (0x0012, 0x0064))
    };
    let values = walked.leaves.iter().filter(inside).filter(|leaf| leaf.tag == (0x0008, 0x0100));
    values.map(|leaf| String::from_utf8_lossy(&leaf.bytes()).trim_end().to_owned()).collect()
}

#[test]
fn mark_01_core_10_identity_removed_is_yes_whatever_it_was() {
    for name in drive::PRESETS {
        let walked = out(&drive::preset(name), &ct(vec![text((0x0012, 0x0062), b"CS", "NO")]));
        assert_eq!(walked.text((0x0012, 0x0062)).as_deref(), Some("YES"), "{name}");
    }
}

#[test]
fn mark_02_core_11_method_is_told_as_text_and_as_codes() {
    let walked = basic(&ct(Vec::new()));
    let text = walked.text((0x0012, 0x0063)).unwrap();
    assert!(text.contains("PS3.15") && text.split('\\').all(|value| value.len() <= 64), "{text}");
    assert_eq!(codes(&walked), ["113100"]);
}

#[test]
fn mark_03_an_earlier_step_is_kept_and_ours_appended() {
    let earlier = ct(vec![
        text((0x0012, 0x0063), b"LO", "Other tool 1.0"),
        code((0x0012, 0x0064), "113108", "DCM", "Retain Patient Characteristics Option"),
    ]);
    let walked = basic(&earlier);
    let method = walked.text((0x0012, 0x0063)).unwrap();
    assert!(method.starts_with("Earlier step, its text removed\\") && !method.contains("Other tool"));
    assert_eq!(codes(&walked), ["113108", "113100"]);
    let again = out(&drive::preset("basic"), &earlier);
    assert_eq!(codes(&again), codes(&walked), "no code twice");
}

#[test]
fn mark_03_free_text_in_the_method_codes_of_others_is_not_carried_over() {
    let walked = basic(&ct(vec![code((0x0012, 0x0064), "ROSA", "99LOCAL", "done for Rosa")]));
    assert_eq!(codes(&walked), ["113100"]);
}

#[test]
fn mark_04_longitudinal_information_is_one_of_its_terms() {
    for name in drive::PRESETS {
        let term = out(&drive::preset(name), &ct(Vec::new())).text((0x0028, 0x0303)).unwrap();
        assert!(["UNMODIFIED", "MODIFIED", "REMOVED"].contains(&term.as_str()), "{name}: {term}");
    }
}

#[test]
fn mark_05_flags_about_pixels_stay_as_they_were_and_absent_if_absent() {
    let mut silent = ct(Vec::new());
    silent.elements.retain(|element| element.tag != (0x0028, 0x0301));
    let walked = basic(&silent);
    assert_eq!((walked.text((0x0028, 0x0301)), walked.text((0x0028, 0x0302))), (None, None));
}

#[test]
fn mark_09_there_is_one_code_for_the_profile_and_one_for_each_option_really_done() {
    let some = options(&["retain-uids", "retain-full-dates", "retain-device-identity", "clean-graphics"]);
    let mut found = codes(&out(&some, &ct(Vec::new())));
    found.sort();
    assert_eq!(found, ["113100", "113103", "113106", "113109", "113110"]);
    let weakened = drive::custom("[[rule]]\nkeyword = \"PatientName\"\naction = \"keep\"\n");
    assert!(codes(&out(&weakened, &ct(Vec::new()))).is_empty(), "a weaker profile earns no code");
    assert!(codes(&out(&drive::preset("blank"), &ct(Vec::new()))).is_empty());
}
