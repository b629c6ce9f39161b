//! The plan beyond the table's rows: what never passes, what gaps and defaults say, wrong VRs, private attributes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

use dicom_core::{Tag, VR};
use veilgate::deid::action::{Action, Decided, Reason};
use veilgate::deid::name::resolve_name;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const GSPS: &str = "1.2.840.10008.5.1.4.1.1.11.1";

fn preset(name: &str) -> Plan {
    Plan::new(&Profile::preset(name).unwrap())
}

fn custom(toml: &str) -> Plan {
    Plan::new(&Profile::parse(toml).unwrap())
}

fn decide(plan: &Plan, sop: &str, name: &str, vr: VR) -> Decided {
    plan.decide(plan.sop(sop), &[], resolve_name(name).unwrap(), vr)
}

fn action(plan: &Plan, name: &str, vr: VR) -> Action {
    decide(plan, CT, name, vr).action
}

fn private(plan: &Plan, creator: &str, tag: Tag, vr: VR) -> Decided {
    plan.decide_private(plan.sop(CT), Some(creator), tag, vr, &[])
}

#[test]
fn what_is_no_attribute_of_the_data_set_never_passes() {
    let plan = custom("base = \"blank\"\n[[rule]]\nvr = \"US\"\naction = \"keep\"");
    for tag in [
        "0000,0110",
        "0002,0010",
        "0004,1130",
        "0006,0010",
        "0001,1010",
        "0008,0000",
        "6000,0010",
        "FFFE,E000",
    ] {
        assert_eq!(action(&plan, tag, VR::US), Action::Remove, "{tag}");
    }
    for unknown in ["0008,7777", "0010,9999", "1234,5678", "7F00,0010"] {
        assert_eq!(action(&preset("basic"), unknown, VR::LO), Action::Remove, "{unknown}");
    }
}

#[test]
fn attributes_outside_the_table_follow_gaps_and_defaults() {
    let basic = preset("basic");
    for (name, vr, expected) in [
        ("SOPClassUID", VR::UI, Action::Keep),
        ("ReferencedSOPClassUID", VR::UI, Action::Keep),
        ("MultiFrameSourceSOPInstanceUID", VR::UI, Action::Uid),
        ("TargetFrameOfReferenceUID", VR::UI, Action::Uid),
        ("PatientBirthDateInAlternativeCalendar", VR::LO, Action::Remove),
        ("EvaluatorName", VR::PN, Action::Remove),
        ("RetrieveURL", VR::UR, Action::Remove),
        ("SegmentLabel", VR::LO, Action::Remove),
        ("Manufacturer", VR::LO, Action::Keep),
        ("CodeMeaning", VR::LO, Action::Keep),
        ("ConvolutionKernel", VR::SH, Action::Keep),
        ("WindowCenterWidthExplanation", VR::LO, Action::Remove),
        ("PixelData", VR::OW, Action::Keep),
        ("RedPaletteColorLookupTableData", VR::OW, Action::Keep),
        ("EncryptedAttributesSequence", VR::SQ, Action::Remove),
        ("ImageType", VR::CS, Action::Keep),
        ("PrivateDataElementCharacteristicsSequence", VR::SQ, Action::Remove),
        ("PixelSpacing", VR::DS, Action::Keep),
        ("Rows", VR::US, Action::Keep),
        ("AnatomicRegionSequence", VR::SQ, Action::Keep),
        ("RadiationMachineName", VR::SH, Action::Remove),
        ("HL7InstanceIdentifier", VR::ST, Action::Remove),
        ("SecondaryReviewDate", VR::DA, Action::Remove),
    ] {
        assert_eq!(action(&basic, name, vr), expected, "{name}");
    }
    let research = preset("research");
    assert_eq!(action(&research, "DeviceID", VR::LO), Action::Keep);
    assert_eq!(action(&research, "RadiationMachineName", VR::SH), Action::Keep);
    assert_eq!(action(&research, "SecondaryReviewDate", VR::DA), Action::Shift);
    assert_eq!(action(&research, "SecondaryReviewTime", VR::TM), Action::Keep);
    assert_eq!(
        action(&custom("options = [\"retain-uids\"]"), "TargetFrameOfReferenceUID", VR::UI),
        Action::Keep
    );
}

#[test]
fn a_type_1_text_outside_the_table_becomes_a_dummy_where_the_iod_demands_it() {
    let basic = preset("basic");
    let segmentation = "1.2.840.10008.5.1.4.1.1.66.4";
    let path = [resolve_name("SegmentSequence").unwrap()];
    let label = resolve_name("SegmentLabel").unwrap();
    assert_eq!(basic.decide(basic.sop(segmentation), &path, label, VR::LO).action, Action::Dummy);
    assert_eq!(basic.decide(basic.sop(segmentation), &[], label, VR::LO).action, Action::Remove);
    assert_eq!(decide(&basic, GSPS, "PresentationCreationDate", VR::DA).action, Action::Dummy);
}

#[test]
fn birth_date_stays_protected_under_every_date_option() {
    for option in ["retain-full-dates", "retain-modified-dates"] {
        let plan = custom(&format!("options = [\"{option}\"]"));
        assert_eq!(action(&plan, "PatientBirthDate", VR::DA), Action::Empty, "DATE-06 {option}");
        assert_eq!(
            action(&plan, "PatientBirthDateInAlternativeCalendar", VR::LO),
            Action::Remove,
            "DATE-11 {option}"
        );
    }
}

#[test]
fn a_value_under_a_wrong_vr_is_not_kept() {
    let basic = preset("basic");
    for (name, vr) in
        [("Modality", VR::LT), ("Rows", VR::LO), ("AnatomicRegionSequence", VR::LO), ("Manufacturer", VR::SQ)]
    {
        assert_eq!(
            decide(&basic, CT, name, vr),
            Decided { action: Action::Remove, reason: Reason::VrMismatch },
            "{name}"
        );
    }
    assert_eq!(action(&basic, "StudyInstanceUID", VR::LO), Action::Remove);
    assert_eq!(action(&preset("research"), "StudyDate", VR::LO), Action::Remove);
    assert_eq!(action(&basic, "Modality", VR::UN), Action::Keep, "UN holds the dictionary's VR");
    assert_eq!(action(&basic, "SmallestImagePixelValue", VR::SS), Action::Keep);
    assert_eq!(action(&basic, "PatientName", VR::LO), Action::PatientName);
}

#[test]
fn blank_empties_what_basic_removes_and_keeps_uids() {
    let blank = preset("blank");
    for name in ["PatientName", "PatientID", "InstitutionName", "StudyDescription", "StudyDate"] {
        assert_eq!(action(&blank, name, VR::UN), Action::Empty, "{name}");
    }
    assert_eq!(action(&blank, "OtherPatientIDsSequence", VR::SQ), Action::Remove, "it would need an item");
    assert_eq!(action(&blank, "StudyInstanceUID", VR::UI), Action::Keep);
    assert_eq!(decide(&blank, GSPS, "PresentationCreationDate", VR::DA).action, Action::Dummy, "Type 1");
    assert_eq!(private(&blank, "ACME", Tag(0x0029, 0x1010), VR::LO).action, Action::Remove);
    assert!(blank.codes().is_empty(), "an emptied attribute is not X");
}

#[test]
fn private_attributes_stay_only_by_list_creator_and_vr() {
    let (creator, tag) = ("Philips PET Private Group", Tag(0x7053, 0x1200));
    let basic = preset("basic");
    assert_eq!(private(&basic, creator, tag, VR::DS).reason, Reason::Private);
    let safe = preset("research");
    assert_eq!(private(&safe, creator, tag, VR::DS).action, Action::Keep);
    assert_eq!(private(&safe, "Philips PET Private Group ", tag, VR::UN).action, Action::Keep);
    assert_eq!(private(&safe, creator, tag, VR::LT).reason, Reason::PrivateVr);
    assert_eq!(private(&safe, "ACME", tag, VR::DS).reason, Reason::Private);
    let none = safe.decide_private(safe.sop(CT), None, tag, VR::DS, &[]);
    assert_eq!(none.reason, Reason::NotPrivateData);
    for tag in [Tag(0x0005, 0x1010), Tag(0xFFFF, 0x1010), Tag(0x7053, 0x0110), Tag(0x0010, 0x1010)] {
        assert_eq!(private(&safe, creator, tag, VR::DS).reason, Reason::NotPrivateData, "{tag}");
    }
    assert_eq!(
        private(&safe, "NQHeader", Tag(0x0099, 0x1002), VR::UI).action,
        Action::Uid,
        "no way back by a UID"
    );
}

#[test]
fn the_tcia_list_is_used_only_where_it_is_asked_for() {
    let (creator, tag) = ("GEMS_PETD_01", Tag(0x0009, 0x1005));
    let with = "options = [\"retain-safe-private\"]\nprivate_lists = [\"standard\", \"tcia\"]";
    assert_eq!(private(&preset("research"), creator, tag, VR::DT).action, Action::Remove);
    assert_eq!(
        private(&custom(with), creator, tag, VR::DT).action,
        Action::Remove,
        "a date without a date option"
    );
    let dated = with.replace("private\"]", "private\", \"retain-modified-dates\"]");
    assert_eq!(private(&custom(&dated), creator, tag, VR::DT).action, Action::Shift);
    assert_eq!(private(&custom(with), creator, Tag(0x0009, 0x1007), VR::UI).action, Action::Uid);
    assert_eq!(
        private(&custom(with), "GEMS_IDEN_01", Tag(0x0009, 0x1001), VR::LO).reason,
        Reason::TciaPrivate
    );
    let lists_only = custom("private_lists = [\"tcia\"]");
    assert_eq!(private(&lists_only, "GEMS_IDEN_01", Tag(0x0009, 0x1001), VR::LO).action, Action::Remove);
}

#[test]
fn every_reason_reads_as_a_clause() {
    let plan = custom("base = \"research\"\n[[rule]]\nkeyword = \"Modality\"\naction = \"keep\"");
    let text = |name: &str, vr| decide(&plan, CT, name, vr).reason.to_string();
    assert_eq!(text("Modality", VR::CS), "rule 1 of the profile");
    assert!(text("StudyDate", VR::DA).contains("row Z, option retain-modified-dates (PS3.15 E.3.6)"));
    assert!(text("StudyTime", VR::TM).contains("whole days"));
    assert!(text("StationAETitle", VR::AE).contains("not built: Basic Profile"));
    assert!(text("RetrieveURL", VR::UR).contains("judged one by one"));
    assert!(text("0008,7777", VR::LO).contains("not in PS3.6"));
    assert!(
        private(&plan, "ACME", Tag(0x29, 0x1010), VR::LO).reason.to_string().contains("not known to be safe")
    );
}
