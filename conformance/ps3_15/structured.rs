//! SR and DESC: structured content and descriptors (PS3.15 E.3.4, E.3.5).

use crate::drive;
use crate::instance::{BASIC_TEXT_SR, basic, code, item, items, of_class, text_inside};
use crate::support::build::text;
use veilgate::deid::option::ProfileOption;

#[test]
fn sr_01_the_content_tree_is_replaced_by_a_valid_dummy() {
    let note = vec![
        text((0x0040, 0xa040), b"CS", "TEXT"),
        code((0x0040, 0xa043), "1", "99X", "For Rosa"),
        text((0x0040, 0xa160), b"UT", "Rosa R"),
    ];
    let walked = basic(&of_class(BASIC_TEXT_SR, vec![item((0x0040, 0xa730), note)]));
    let content = (0x0040, 0xa730);
    assert_eq!(items(&walked, content), Some(1));
    assert_eq!(text_inside(&walked, &[content], (0x0040, 0xa040)).as_deref(), Some("TEXT"));
    assert_eq!(text_inside(&walked, &[content], (0x0040, 0xa160)).as_deref(), Some("PSEUDONYMIZED"));
    assert!(walked.leaves.iter().all(|leaf| !leaf.bytes().windows(4).any(|window| window == b"Rosa")));
}

#[test]
fn sr_02_03_desc_01_05_cleaning_options_are_not_offered() {
    assert!(
        !ProfileOption::CleanStructuredContent.available() && !ProfileOption::CleanDescriptors.available()
    );
}

#[test]
fn sr_05_people_in_the_header_are_replaced_or_removed() {
    let person =
        |name: &str| vec![text((0x0040, 0xa123), b"PN", name), text((0x0008, 0x0080), b"LO", "Riverside")];
    let observer = vec![
        text((0x0040, 0xa027), b"LO", "Riverside"),
        text((0x0040, 0xa030), b"DT", "20240229101112"),
        text((0x0040, 0xa075), b"PN", "Verifier^Vera"),
    ];
    let custodian = vec![text((0x0008, 0x0080), b"LO", "Riverside")];
    let file = of_class(
        BASIC_TEXT_SR,
        vec![
            item((0x0040, 0xa073), observer),
            item((0x0040, 0xa078), person("Author^Anna")),
            item((0x0040, 0xa07a), person("Participant^Paul")),
            item((0x0040, 0xa07c), custodian),
        ],
    );
    let output = drive::done(&drive::preset("basic"), &file.write());
    for secret in [&b"Vera"[..], b"Anna", b"Paul", b"Riverside"] {
        assert!(
            !output.windows(secret.len()).any(|window| window == secret),
            "{}",
            String::from_utf8_lossy(secret)
        );
    }
    assert_eq!(items(&basic(&file), (0x0040, 0xa073)), Some(1), "Type 1C: a dummy observer");
}
