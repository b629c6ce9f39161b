//! UID: replacement and retention of UIDs (PS3.15 E.1.1, E.3.9).

use crate::drive;
use crate::instance::{basic, code, ct, item, options, out, reference, text_inside};
use crate::support::build::text;
use crate::support::files;
use crate::support::samples::sop;
use veilgate::deid::gaps;
use veilgate::dicom::uid;

#[test]
fn uid_01_structural_uids_are_never_replaced() {
    let purpose = item(
        (0x0040, 0xa170),
        vec![
            text((0x0008, 0x0117), b"UI", "1.2.840.10008.6.1.508"),
            text((0x0008, 0x010c), b"UI", "1.2.840.10008.2.16.4"),
        ],
    );
    let walked = basic(&ct(vec![
        text((0x0020, 0x0052), b"UI", "1.2.840.10008.1.4.1.1"),
        item((0x0008, 0x1115), vec![reference((0x0008, 0x1199), "2.25.9"), purpose]),
    ]));
    assert_eq!(
        walked.text((0x0020, 0x0052)).as_deref(),
        Some("1.2.840.10008.1.4.1.1"),
        "a well-known frame of reference"
    );
    let path = [(0x0008, 0x1115), (0x0008, 0x1199)];
    assert_eq!(text_inside(&walked, &path, (0x0008, 0x1150)).as_deref(), Some(sop::CT));
    assert_eq!(walked.text((0x0008, 0x0016)).as_deref(), Some(sop::CT));
}

#[test]
fn uid_02_references_outside_the_table_are_replaced_too() {
    let mut replaced = 0;
    for row in gaps::rows().iter().filter(|row| row.class == gaps::Class::UidInstance) {
        let Some(tag) = row.tag else { continue };
        let tag = (tag.group(), tag.element());
        let walked = basic(&ct(vec![text(tag, b"UI", "2.25.987654321")]));
        let new = walked.text(tag).unwrap_or_default();
        assert_ne!(new, "2.25.987654321", "{}", row.keyword);
        replaced += usize::from(new.starts_with("2.25."));
    }
    assert!(replaced > 10, "{replaced}");
}

#[test]
fn uid_03_one_uid_has_one_replacement_in_every_attribute() {
    let all = drive::rows().into_iter().filter(|(_, vr)| vr == b"UI").map(|(tag, _)| tag);
    let tags: Vec<_> = all.filter(|tag| *tag != (0x0008, 0x0018)).collect();
    let more = tags.iter().map(|tag| text(*tag, b"UI", "2.25.4711")).collect();
    let walked = basic(&ct(more));
    let new: std::collections::BTreeSet<_> = tags.iter().filter_map(|tag| walked.text(*tag)).collect();
    assert_eq!(new.len(), 1, "{new:?}");
}

#[test]
fn uid_03_references_between_files_stay_closed() {
    let engine = drive::lenient("basic");
    let plan = drive::done(&engine, &files::fixture("rtplan.dcm"));
    assert!(!plan.is_empty());
    let uids = |bytes: &[u8]| -> Vec<String> {
        let leaves = crate::support::walk::walk(bytes).leaves;
        leaves
            .iter()
            .filter(|leaf| leaf.vr == Some(*b"UI"))
            .map(|leaf| String::from_utf8_lossy(&leaf.bytes()).into_owned())
            .collect()
    };
    assert!(uids(&plan).iter().all(|uid| uid::is_legal(uid.trim_end_matches('\0'))));
}

#[test]
fn uid_04_replacement_uids_are_legal() {
    for number in 0..300 {
        let walked = basic(&ct(vec![text((0x0008, 0x0018), b"UI", &format!("1.2.{number}"))]));
        let new = walked.text((0x0008, 0x0018)).unwrap();
        assert!(uid::is_legal(&new) && new.starts_with("2.25."), "{new}");
    }
}

#[test]
fn uid_05_retain_uids_keeps_its_rows_and_no_other() {
    let file = ct(vec![
        text((0x0020, 0x0052), b"UI", "2.25.55"),
        item(
            (0x0008, 0x1115),
            vec![text((0x0400, 0x0100), b"UI", "2.25.56"), text((0x0040, 0xa124), b"UI", "2.25.57")],
        ),
    ]);
    let walked = out(&options(&["retain-uids"]), &file);
    assert_eq!(walked.text((0x0020, 0x0052)).as_deref(), Some("2.25.55"));
    assert_eq!(walked.text((0x0008, 0x0018)).as_deref(), Some("2.25.70001"));
    for tag in [(0x0400, 0x0100), (0x0040, 0xa124)] {
        let inside = text_inside(&walked, &[(0x0008, 0x1115)], tag);
        assert!(!inside.unwrap_or_default().starts_with("2.25.5"), "{tag:04x?} has no K in the column");
    }
}

#[test]
fn uid_08_uid_references_in_structured_content_go_with_the_tree() {
    let observer = vec![
        code((0x0040, 0xa043), "121012", "DCM", "Device Observer UID"),
        text((0x0040, 0xa124), b"UI", "2.25.88"),
    ];
    let file =
        crate::instance::of_class(crate::instance::BASIC_TEXT_SR, vec![item((0x0040, 0xa730), observer)]);
    let output = drive::done(&drive::preset("basic"), &file.write());
    assert!(!output.windows(7).any(|window| window == b"2.25.88"));
}
