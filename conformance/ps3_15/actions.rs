//! ACT: the action codes (PS3.15 Table E.1-1a).

use crate::drive;
use crate::instance::{
    BASIC_TEXT_SR, PRESENTATION_STATE, SEGMENTATION, anywhere, basic, ct, item, items, of_class, options,
    out, reference, text_inside,
};
use crate::support::build::text;
use crate::support::plant;
use crate::support::samples::sop;
use dicom_core::{Tag, VR};
use std::str::FromStr;
use veilgate::deid::action::Action;
use veilgate::deid::option::ProfileOption;
use veilgate::dicom::value;

#[test]
fn act_01_x_removes_the_element_and_a_sequence_with_its_items() {
    let request = item((0x0040, 0x0275), vec![text((0x0040, 0x0007), b"LO", "for Rosa")]);
    let walked = basic(&ct(vec![request, text((0x0010, 0x1040), b"LO", "Riverside 7")]));
    assert!(!anywhere(&walked, (0x0040, 0x0275)) && !anywhere(&walked, (0x0040, 0x0007)));
    assert!(!anywhere(&walked, (0x0010, 0x1040)));
}

#[test]
fn act_02_z_leaves_nothing_of_the_value_and_the_attribute_in_place() {
    let walked = basic(&ct(Vec::new()));
    for tag in [(0x0010, 0x0030), (0x0008, 0x0050), (0x0008, 0x0090), (0x0020, 0x0010)] {
        assert!(walked.top(tag).unwrap().bytes().is_empty(), "{tag:04x?}");
    }
}

/// Every row that can come to D, as planted, in every class that asks for a value.
#[test]
fn act_03_d_gives_a_value_legal_for_its_vr() {
    let engine = drive::preset("basic");
    let plan = engine.plan();
    let mut dummies = 0;
    for class in [sop::CT, BASIC_TEXT_SR, PRESENTATION_STATE, SEGMENTATION, "1.2.840.10008.5.1.4.1.1.501.1"] {
        let planted = plant::plant(crate::support::syntax::EXPLICIT_LE, &drive::rows(), &[]);
        let mut file = crate::instance::with(planted.file, vec![text((0x0008, 0x0016), b"UI", class)]);
        file.elements.retain(|element| element.tag != (0x0042, 0x0011));
        let walked = out(&drive::lenient("basic"), &file);
        for (tag, name) in drive::rows() {
            let vr = VR::from_str(std::str::from_utf8(&name).unwrap()).unwrap();
            let decided = plan.decide(plan.sop(class), &[], Tag(tag.0, tag.1), vr);
            if decided.action != Action::Dummy || file.elements.iter().all(|element| element.tag != tag) {
                continue;
            }
            dummies += 1;
            let leaf = walked.top(tag).unwrap_or_else(|| panic!("{class}: {tag:04x?} is gone"));
            if vr == VR::SQ {
                assert_eq!(items(&walked, tag), Some(1), "{tag:04x?}");
            } else {
                let bytes = leaf.bytes();
                assert!(
                    !bytes.is_empty() && bytes.len().is_multiple_of(2) && value::fits(vr, &bytes),
                    "{tag:04x?} {vr:?}"
                );
            }
        }
    }
    assert!(dummies > 100, "{dummies}");
}

#[test]
fn act_04_k_on_a_sequence_keeps_it_and_runs_the_profile_inside() {
    let mut source = vec![text((0x0008, 0x1155), b"UI", "2.25.9"), text((0x0010, 0x0010), b"PN", "Rosa^R")];
    source.insert(0, text((0x0008, 0x1150), b"UI", sop::CT));
    let walked = out(&options(&["retain-uids"]), &ct(vec![item((0x0008, 0x2112), source)]));
    assert_eq!(text_inside(&walked, &[(0x0008, 0x2112)], (0x0008, 0x1155)).as_deref(), Some("2.25.9"));
    assert_ne!(text_inside(&walked, &[(0x0008, 0x2112)], (0x0010, 0x0010)).as_deref(), Some("Rosa^R"));
}

#[test]
fn act_05_06_11_an_option_that_needs_cleaning_cannot_be_chosen() {
    for option in ProfileOption::ALL.into_iter().filter(|option| !option.available()) {
        let mistakes =
            veilgate::deid::profile::Profile::parse(&format!("options = [\"{option}\"]")).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{option}");
    }
}

#[test]
fn act_07_u_gives_equal_uids_for_equal_uids() {
    let walked = basic(&ct(vec![
        text((0x0020, 0x0052), b"UI", "2.25.71"),
        item((0x0008, 0x1115), vec![text((0x0020, 0x000e), b"UI", "2.25.72")]),
    ]));
    assert_eq!(walked.text((0x0020, 0x0052)), walked.text((0x0020, 0x000d)), "both were 2.25.71");
    assert_eq!(text_inside(&walked, &[(0x0008, 0x1115)], (0x0020, 0x000e)), walked.text((0x0020, 0x000e)));
}

#[test]
fn act_08_compound_actions_follow_the_type() {
    // X/Z/D on Content Date: Type 3 in CT's General Image, Type 1 in an SR document. Every row: tests/deid_table.rs.
    let date = || text((0x0008, 0x0023), b"DA", "20240229");
    let in_sr = basic(&of_class(BASIC_TEXT_SR, vec![date()])).text((0x0008, 0x0023)).unwrap();
    assert!(in_sr.len() == 8 && in_sr != "20240229", "{in_sr}");
    // X/D on Presentation Creation Date (conflict: X, Type 1).
    let created = || text((0x0070, 0x0082), b"DA", "20240229");
    let state = basic(&of_class(PRESENTATION_STATE, vec![created()])).text((0x0070, 0x0082)).unwrap();
    assert!(state.len() == 8 && state != "20240229", "{state}");
    assert_eq!(basic(&ct(vec![created()])).text((0x0070, 0x0082)), None, "CT has no such attribute");
}

#[test]
fn act_09_references_stay_where_the_iod_asks_for_them_and_go_where_it_does_not() {
    assert_eq!(items(&basic(&ct(vec![reference((0x0008, 0x1140), "2.25.9")])), (0x0008, 0x1140)), None);
    let series = item((0x0008, 0x1115), vec![reference((0x0008, 0x1140), "2.25.70001")]);
    let state = basic(&of_class(PRESENTATION_STATE, vec![series]));
    let path = [(0x0008, 0x1115), (0x0008, 0x1140)];
    let renamed = basic(&ct(Vec::new())).text((0x0008, 0x0018));
    assert_eq!(text_inside(&state, &path, (0x0008, 0x1155)), renamed, "Type 1 in a presentation state");
}

#[test]
fn act_09_a_type_2_reference_stays_with_its_uids_replaced() {
    // The deviation: Z would leave a segmentation whose Referenced Series Sequence names what nothing refers to.
    let source = reference((0x0008, 0x2112), "2.25.70001");
    let derivation = item((0x0008, 0x9124), vec![source]);
    let frame = item((0x5200, 0x9230), vec![derivation]);
    let walked = basic(&of_class(SEGMENTATION, vec![frame]));
    let path = [(0x5200, 0x9230), (0x0008, 0x9124), (0x0008, 0x2112)];
    assert_eq!(text_inside(&walked, &path, (0x0008, 0x1155)), basic(&ct(Vec::new())).text((0x0008, 0x0018)));
}

#[test]
fn act_09_an_optional_reference_stays_where_a_list_of_references_does() {
    let listed = item(
        (0x0008, 0x1115),
        vec![reference((0x0008, 0x114a), "2.25.70001"), text((0x0020, 0x000e), b"UI", "2.25.72")],
    );
    let walked = basic(&ct(vec![reference((0x0008, 0x1140), "2.25.70001"), listed]));
    let listed = text_inside(&walked, &[(0x0008, 0x1115), (0x0008, 0x114a)], (0x0008, 0x1155)).unwrap();
    assert_eq!(text_inside(&walked, &[(0x0008, 0x1140)], (0x0008, 0x1155)).as_deref(), Some(listed.as_str()));
    assert_ne!(listed, "2.25.70001");
}
