//! PRIV: private attributes (PS3.15 E.1.1, E.3.10; PS3.5 7.8).

use crate::drive;
use crate::instance::{anywhere, ct, inside, item, options, out};
use crate::support::build::{self, Element, Length, bytes, private, sequence, text, us};
use crate::support::{samples, syntax};
use veilgate::deid::engine::Engine;
use veilgate::deid::private::safe_rows;

/// Philips' SUV scale factor, the best known row of Table E.3.10-1.
const SUV: &str = "Philips PET Private Group";

fn safe() -> Engine {
    options(&["retain-safe-private"])
}

fn trusting() -> Engine {
    drive::custom("options = [\"retain-safe-private\"]\ntrust_sender_private_claim = true\n")
}

/// A claim of the sender about the block of ACME in group 0029 (PS3.3 C.12.1.1.7).
fn claim(status: &str, safe: &[u16], action: &[(u16, &str)]) -> Element {
    let numbers = |list: &[u16]| list.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let parts = action.iter().map(|(element, code)| {
        vec![bytes((0x0008, 0x0306), b"US", &numbers(&[*element])), text((0x0008, 0x0307), b"CS", code)]
    });
    item(
        (0x0008, 0x0300),
        vec![
            us((0x0008, 0x0301), 0x0029),
            text((0x0008, 0x0302), b"LO", "ACME"),
            text((0x0008, 0x0303), b"CS", status),
            bytes((0x0008, 0x0304), b"US", &numbers(safe)),
            sequence((0x0008, 0x0305), Length::Defined, parts.collect()),
        ],
    )
}

fn acme(claim: Element) -> build::Part10 {
    let mut elements = private(
        0x0029,
        0x10,
        "ACME",
        &[(1, b"DS", b"1.5"), (2, b"LO", b"Rosa"), (3, b"UI", b"2.25.3"), (4, b"SH", b"x4")],
    );
    elements.push(claim);
    ct(elements)
}

#[test]
fn priv_01_without_the_option_every_odd_group_goes_at_every_level() {
    let mut inner = private(0x0029, 0x10, SUV, &[(0, b"DS", b"1.5")]);
    inner.extend(private(0x7053, 0x10, SUV, &[(0, b"DS", b"1.5")]));
    let file = ct([inner.clone(), vec![item((0x0008, 0x1115), inner)]].concat());
    for name in ["basic", "blank"] {
        let walked = out(&drive::preset(name), &file);
        assert!(walked.leaves.iter().all(|leaf| leaf.tag.0 % 2 == 0), "{name}");
    }
}

#[test]
fn priv_02_with_the_option_what_is_listed_stays_with_its_creator_and_nothing_else() {
    let file = ct([
        private(0x7053, 0x10, SUV, &[(0x00, b"DS", b"1.5 "), (0x7f, b"LO", b"Rosa")]),
        private(0x7053, 0x11, "SOMEBODY", &[(0x00, b"DS", b"2.5 ")]),
    ]
    .concat());
    let walked = out(&safe(), &file);
    let left: Vec<_> = walked.leaves.iter().filter(|leaf| leaf.tag.0 % 2 == 1).map(|leaf| leaf.tag).collect();
    assert_eq!(left, [(0x7053, 0x0010), (0x7053, 0x1000)]);
    assert_eq!(walked.text((0x7053, 0x0010)).as_deref(), Some(SUV));
}

#[test]
fn priv_03_three_sources_say_what_is_safe_and_their_order_is_fixed() {
    // 1. Table E.3.10-1, every row: tests of `deid::private`. 2. The sender's claim, if the profile trusts it.
    assert!(!anywhere(&out(&safe(), &acme(claim("SAFE", &[], &[]))), (0x0029, 0x1001)), "an untrusted claim");
    let walked = out(&trusting(), &acme(claim("SAFE", &[], &[])));
    assert_eq!(walked.text((0x0029, 0x1001)).as_deref(), Some("1.5"));
    assert_ne!(
        walked.text((0x0029, 0x1003)).as_deref(),
        Some("2.25.3"),
        "a UID is replaced, whoever calls it safe"
    );
    let mixed = out(&trusting(), &acme(claim("MIXED", &[1], &[])));
    assert!(anywhere(&mixed, (0x0029, 0x1001)) && !anywhere(&mixed, (0x0029, 0x1002)));
    assert!(!anywhere(&out(&trusting(), &acme(claim("UNSAFE", &[1], &[]))), (0x0029, 0x1001)));
    // 3. A rule of the profile, before both.
    let ruled = drive::custom(
        "options = [\"retain-safe-private\"]\ntrust_sender_private_claim = true\n[[rule]]\nprivate = { creator = \"ACME\", group = \"0029\", element = \"01\" }\naction = \"remove\"\n",
    );
    assert!(!anywhere(&out(&ruled, &acme(claim("SAFE", &[], &[]))), (0x0029, 0x1001)));
}

#[test]
fn priv_04_the_senders_actions_on_unsafe_elements_are_followed() {
    let actions = [(1, "Z"), (2, "D"), (3, "U"), (4, "X")];
    for engine in [safe(), trusting()] {
        let walked = out(&engine, &acme(claim("UNSAFE", &[], &actions)));
        assert_eq!(walked.text((0x0029, 0x1001)).as_deref(), Some(""));
        let dummy = walked.text((0x0029, 0x1002)).unwrap();
        assert!(!dummy.is_empty() && dummy != "Rosa", "{dummy}");
        assert!(walked.text((0x0029, 0x1003)).unwrap().starts_with("2.25."));
        assert_ne!(walked.text((0x0029, 0x1003)).as_deref(), Some("2.25.3"));
        assert!(!anywhere(&walked, (0x0029, 0x1004)));
    }
}

#[test]
fn priv_04_an_action_overrides_the_list_of_safe_attributes() {
    let mut sent = private(0x7053, 0x10, SUV, &[(0x00, b"DS", b"1.5 ")]);
    let parts = vec![vec![bytes((0x0008, 0x0306), b"US", &[0, 0]), text((0x0008, 0x0307), b"CS", "X")]];
    let about = vec![
        us((0x0008, 0x0301), 0x7053),
        text((0x0008, 0x0302), b"LO", SUV),
        text((0x0008, 0x0303), b"CS", "UNSAFE"),
        sequence((0x0008, 0x0305), Length::Undefined, parts),
    ];
    sent.push(item((0x0008, 0x0300), about));
    assert!(!anywhere(&out(&safe(), &ct(sent)), (0x7053, 0x1000)));
}

#[test]
fn priv_05_private_sequences_are_parsed_and_each_element_is_judged_alone() {
    let inner =
        [private(0x0029, 0x10, "ACME", &[(1, b"DS", b"1.5")]), vec![text((0x0010, 0x0010), b"PN", "Rosa^R")]]
            .concat();
    let elements = [private(0x0029, 0x10, "ACME", &[]), vec![item((0x0029, 0x1005), inner)]].concat();
    let file = ct([elements, vec![claim("SAFE", &[], &[])]].concat());
    let walked = out(&trusting(), &file);
    assert!(inside(&walked, &[(0x0029, 0x1005)], (0x0029, 0x1001)).is_some());
    let name = inside(&walked, &[(0x0029, 0x1005)], (0x0010, 0x0010));
    assert!(name.is_none_or(|leaf| !leaf.bytes().starts_with(b"Rosa")));
}

#[test]
fn priv_07_blocks_are_matched_by_creator_and_low_byte_wherever_they_stand() {
    for block in [0x10, 0x11, 0xfe] {
        let walked = out(&safe(), &ct(private(0x7053, block, SUV, &[(0x00, b"DS", b"1.5 ")])));
        assert_eq!(walked.text((0x7053, u16::from(block) << 8)).as_deref(), Some("1.5"), "{block:02x}");
        assert_eq!(walked.text((0x7053, u16::from(block))).as_deref(), Some(SUV));
    }
    let foreign = out(&safe(), &ct(private(0x7053, 0x10, "ACME", &[(0x00, b"DS", b"1.5 ")])));
    assert!(!anywhere(&foreign, (0x7053, 0x1000)));
}

#[test]
fn priv_07_the_order_of_creators_and_elements_does_not_matter() {
    let two = [
        private(0x7053, 0x10, SUV, &[(0x00, b"DS", b"1.5 "), (0x09, b"DS", b"3 ")]),
        private(0x7053, 0x11, "ACME", &[(0x00, b"DS", b"2.5 ")]),
    ];
    let walked = out(&safe(), &ct(two.concat()));
    let private: Vec<_> = walked.leaves.iter().map(|leaf| leaf.tag).filter(|tag| tag.0 == 0x7053).collect();
    assert!(private.windows(2).all(|pair| pair[0] < pair[1]), "ascending: {private:04x?}");
}

#[test]
fn priv_08_orphans_and_forbidden_groups_go() {
    let orphans =
        [(0x0029, 0x1001), (0x0005, 0x1001), (0xfffd, 0x1001)].map(|tag| bytes(tag, b"DS", b"1.5 ")).to_vec();
    let walked = out(&trusting(), &ct([orphans, vec![claim("SAFE", &[], &[])]].concat()));
    assert!(walked.leaves.iter().all(|leaf| leaf.tag.0 % 2 == 0));
}

#[test]
fn priv_09_private_sequences_hidden_in_un_are_parsed_before_judging() {
    let mut file = samples::unknown();
    file.elements.push(claim("SAFE", &[], &[]));
    let file = crate::instance::with(file, vec![text((0x0029, 0x0010), b"LO", "ACME")]);
    let output = drive::done(&trusting(), &file.write());
    assert!(!output.windows(10).any(|window| window == b"Rigpatient"));
    let implicit = samples::ct(syntax::IMPLICIT_LE, 1);
    assert!(!anywhere(&out(&safe(), &implicit), (0x0029, 0x1010)));
}

#[test]
fn priv_10_the_retained_attributes_are_listed() {
    assert_eq!(safe_rows().len(), 479);
    assert!(crate::ledger::statement().contains("safe_private.tsv"));
}
