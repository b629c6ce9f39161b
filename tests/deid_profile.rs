//! What a profile makes of the plan: rules of one's own, codes claimed, method text, marker of the dates, digest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

use dicom_core::{Tag, VR};
use veilgate::deid::action::{Action, Decided, Reason};
use veilgate::deid::name::resolve_name;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

fn preset(name: &str) -> Plan {
    Plan::new(&Profile::preset(name).unwrap())
}

fn custom(toml: &str) -> Plan {
    Plan::new(&Profile::parse(toml).unwrap())
}

fn decide(plan: &Plan, sop: &str, name: &str, vr: VR) -> Decided {
    plan.decide(plan.sop(sop), &[], resolve_name(name).unwrap(), vr)
}

fn private(plan: &Plan, creator: &str, tag: Tag, vr: VR) -> Decided {
    plan.decide_private(plan.sop(CT), Some(creator), tag, vr, &[])
}

#[test]
fn the_narrowest_rule_speaks() {
    let plan = custom(&format!(
        "[[rule]]\nvr = \"LO\"\naction = \"empty\"\n\
         [[rule]]\nvr = \"LO\"\nsop_class = \"{MR}\"\naction = \"remove\"\n\
         [[rule]]\nkeyword = \"StudyDescription\"\naction = \"keep\"\n\
         [[rule]]\nkeyword = \"StudyDescription\"\nsop_class = \"{MR}\"\naction = \"replace\"\nvalue = \"MR\"\n\
         [[rule]]\nprivate = {{ creator = \"ACME\", group = \"0029\" }}\naction = \"keep\"\n\
         [[rule]]\nprivate = {{ creator = \"ACME\", group = \"0029\", element = \"10\" }}\naction = \"dummy\"\n"
    ));
    assert_eq!(decide(&plan, CT, "StudyDescription", VR::LO).action, Action::Keep);
    assert_eq!(decide(&plan, MR, "StudyDescription", VR::LO).action, Action::Replace("MR".into()));
    assert_eq!(decide(&plan, CT, "Manufacturer", VR::LO).action, Action::Empty);
    assert_eq!(decide(&plan, MR, "Manufacturer", VR::LO).action, Action::Remove);
    assert_eq!(decide(&plan, MR, "DeidentificationMethod", VR::LO).action, Action::Keep, "reserved");
    assert_eq!(decide(&plan, MR, "PatientName", VR::PN).action, Action::PatientName);
    assert_eq!(private(&plan, "ACME", Tag(0x0029, 0x1110), VR::LO).action, Action::Dummy);
    assert_eq!(private(&plan, "ACME", Tag(0x0029, 0x1111), VR::LO).action, Action::Keep);
    assert_eq!(private(&plan, "OTHER", Tag(0x0029, 0x1111), VR::LO).action, Action::Remove);
    let nested = plan.decide(plan.sop(CT), &[Tag(0x0040, 0x0275)], Tag(0x0008, 0x1030), VR::LO);
    assert_eq!((nested.action, nested.reason), (Action::Keep, Reason::Rule(2)));
}

#[test]
fn the_identity_counts_as_removed_unless_a_rule_keeps_what_names_the_patient() {
    for name in ["basic", "research", "blank"] {
        assert!(preset(name).removes_identity(), "{name}");
    }
    let rule = |text: &str| custom(&format!("[[rule]]\n{text}")).removes_identity();
    assert!(rule("keyword = \"PatientName\"\naction = \"replace\"\nvalue = \"X\""));
    assert!(rule("keyword = \"PatientSex\"\naction = \"keep\""));
    for kept in [
        "keyword = \"PatientID\"\naction = \"keep\"".to_owned(),
        "vr = \"PN\"\naction = \"keep\"".to_owned(),
        format!("keyword = \"PatientName\"\nsop_class = \"{MR}\"\naction = \"keep\""),
    ] {
        assert!(!rule(&kept), "{kept}");
    }
}

#[test]
fn codes_are_claimed_exactly_as_earned() {
    let codes = |plan: &Plan| plan.codes().iter().map(|code| code.value).collect::<Vec<_>>();
    assert_eq!(codes(&preset("basic")), ["113100"]);
    assert_eq!(codes(&preset("research")), ["113100", "113107", "113108", "113109", "113111"]);
    let rule = |text: &str| custom(&format!("base = \"research\"\n[[rule]]\n{text}"));
    for stricter in [
        "keyword = \"PatientSex\"\naction = \"remove\"",
        "keyword = \"PatientName\"\naction = \"replace\"\nvalue = \"X\"",
        "keyword = \"Modality\"\naction = \"keep\"",
        "keyword = \"StudyDate\"\naction = \"shift\"",
        "private = { creator = \"Philips PET Private Group\", group = \"7053\", element = \"00\" }\naction = \"keep\"",
    ] {
        assert_eq!(codes(&rule(stricter)).len(), 5, "{stricter}");
    }
    for weaker in [
        "keyword = \"PatientName\"\naction = \"keep\"",
        "keyword = \"StudyDate\"\naction = \"keep\"",
        "keyword = \"ReferencedImageSequence\"\naction = \"keep\"",
        "keyword = \"SOPInstanceUID\"\naction = \"keep\"",
        "vr = \"PN\"\naction = \"keep\"",
        "vr = \"CS\"\naction = \"keep\"",
        "private = { creator = \"ACME\", group = \"0029\", element = \"10\" }\naction = \"keep\"",
        "private = { creator = \"Philips PET Private Group\", group = \"7053\" }\naction = \"keep\"",
    ] {
        assert!(codes(&rule(weaker)).is_empty(), "{weaker}");
    }
}

#[test]
fn method_text_fits_its_vr_and_says_what_was_done() {
    for plan in [
        preset("basic"),
        preset("research"),
        preset("blank"),
        custom("[[rule]]\nvr = \"PN\"\naction = \"keep\""),
    ] {
        for text in plan.method() {
            assert!(text.len() <= 64 && text.is_ascii() && !text.contains('\\'), "{text}");
        }
    }
    assert!(preset("research").method().contains(&"Option: retain-modified-dates".to_owned()));
    assert!(preset("blank").method()[0].contains("no code claimed"));
}

#[test]
fn the_marker_tells_what_became_of_the_dates() {
    let of = |toml: &str| custom(toml).longitudinal();
    assert_eq!(of(""), "REMOVED");
    assert_eq!(of("options = [\"retain-full-dates\"]"), "UNMODIFIED");
    assert_eq!(of("options = [\"retain-modified-dates\"]"), "MODIFIED");
    assert_eq!(of("[[rule]]\nkeyword = \"StudyDate\"\naction = \"keep\""), "UNMODIFIED");
    assert_eq!(of("[[rule]]\nvr = \"DA\"\naction = \"shift\""), "MODIFIED");
    assert_eq!(of("[[rule]]\nvr = \"DA\"\naction = \"remove\""), "REMOVED");
}

#[test]
fn the_digest_names_what_decides_and_nothing_else() {
    let id = |toml: &str| custom(toml).id().to_owned();
    let rules =
        ["[[rule]]\nvr = \"PN\"\naction = \"empty\"\n", "[[rule]]\nvr = \"DA\"\naction = \"empty\"\n"];
    assert_eq!(id(&rules.concat()), id(&format!("name = \"other\"\n{}{}", rules[1], rules[0])));
    assert_eq!(id(""), preset("basic").id());
    let all = [
        "",
        "options = [\"retain-uids\"]",
        "removed = \"empty\"",
        "burned_in = \"pass\"",
        "recognizable_visual_features = \"pass\"",
        "private_sop_class = \"pass\"",
        "private_lists = [\"tcia\"]",
        "trust_sender_private_claim = true",
        rules[0],
        "[[rule]]\nvr = \"PN\"\naction = \"remove\"\n",
        "[[rule]]\nvr = \"PN\"\nsop_class = \"1.2\"\naction = \"empty\"\n",
    ];
    let ids: std::collections::HashSet<_> = all.iter().map(|toml| id(toml)).collect();
    assert_eq!(ids.len(), all.len());
    assert!(ids.iter().all(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())));
}
