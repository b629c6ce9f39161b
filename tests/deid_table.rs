//! Table E.1-1 against the plan: every row under every choice of one or two options, with the file read and the codes
//! interpreted here once more, apart from the product's own reading. And: no decision breaks an IOD.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

use dicom_core::{Tag, VR};
use std::collections::{HashMap, HashSet};
use veilgate::deid::action::Action;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;

const TABLE: &str = include_str!("../conformance/ps3_15/table_e1_1.tsv");
const TYPES: &str = include_str!("../conformance/ps3_15/types.tsv");
const SOP: &str = include_str!("../conformance/ps3_15/sop_class_iod.tsv");

/// Profile name of each option with the column of the file it stands for.
const OPTIONS: [(&str, &str); 8] = [
    ("retain-safe-private", "retain_safe_private"),
    ("retain-uids", "retain_uids"),
    ("retain-device-identity", "retain_device_identity"),
    ("retain-institution-identity", "retain_institution_identity"),
    ("retain-patient-characteristics", "retain_patient_characteristics"),
    ("retain-full-dates", "retain_longitudinal_full_dates"),
    ("retain-modified-dates", "retain_longitudinal_modified_dates"),
    ("clean-graphics", "clean_graphics"),
];

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split('\t').collect())
}

fn parse_tag(text: &str) -> Option<Tag> {
    let number = u32::from_str_radix(text, 16).ok()?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}

/// Column name -> cell, for every row that names one attribute of the data set.
fn rows() -> Vec<HashMap<&'static str, &'static str>> {
    let head = TABLE.lines().take_while(|l| l.starts_with('#')).last().unwrap();
    let names: Vec<_> = head.trim_start_matches("# ").split('\t').collect();
    let all: Vec<HashMap<_, _>> = lines(TABLE).map(|row| names.iter().copied().zip(row).collect()).collect();
    assert_eq!(all.len(), 657);
    let of_data_set = |tag: &str| parse_tag(tag).is_some_and(|tag| tag.0 >= 8 && tag.0 < 0xFFFA);
    all.into_iter().filter(|row| of_data_set(row["tag"])).collect()
}

/// IOD -> SOP classes.
fn iods() -> HashMap<&'static str, Vec<&'static str>> {
    let mut map: HashMap<_, Vec<_>> = HashMap::new();
    for row in lines(SOP) {
        map.entry(row[1]).or_default().push(row[0]);
    }
    map
}

/// Every path with the IODs that give it Type 1 and Type 2.
fn typed_paths() -> Vec<(Vec<Tag>, [HashSet<&'static str>; 2])> {
    let mut sets: Vec<HashSet<&'static str>> = Vec::new();
    let mut path: Vec<Tag> = Vec::new();
    let mut all = Vec::new();
    for row in lines(TYPES) {
        if row[0] == "set" {
            sets.push(row[2].split(' ').collect());
            continue;
        }
        path.truncate(row[0].parse().unwrap());
        path.push(parse_tag(row[1]).unwrap());
        let set = |text: &str| text.parse::<usize>().map(|n| sets[n].clone()).unwrap_or_default();
        all.push((path.clone(), [set(row[2]), set(row[3])]));
    }
    all
}

fn plan(options: &[&str]) -> Plan {
    let list: Vec<_> = options.iter().map(|o| format!("\"{o}\"")).collect();
    Plan::new(&Profile::parse(&format!("options = [{}]", list.join(","))).unwrap())
}

/// What Table E.1-1a demands: by code, then Type 1, Type 2, Type 3 or absent, unknown.
fn by_code(code: &str, kind: char) -> &'static str {
    let column = "123?".find(kind).unwrap();
    let actions = match code {
        "X" => ["dummy", "empty", "remove", "remove"],
        "Z" => ["dummy", "empty", "empty", "empty"],
        "D" => ["dummy", "dummy", "dummy", "dummy"],
        "U" => ["uid", "uid", "uid", "uid"],
        "X/Z" => ["dummy", "empty", "remove", "empty"],
        "X/D" => ["dummy", "dummy", "remove", "dummy"],
        "Z/D" => ["dummy", "empty", "empty", "dummy"],
        "X/Z/D" => ["dummy", "empty", "remove", "dummy"],
        "X/Z/U*" => ["keep", "empty", "remove", "keep"],
        other => panic!("{other}"),
    };
    actions[column]
}

fn expected(row: &HashMap<&str, &str>, columns: &[&str], kind: char) -> &'static str {
    let says = |letter| columns.iter().any(|column| row[column] == letter);
    let column_says = |column: &str, letter| columns.contains(&column) && row[column] == letter;
    if says("C") {
        if column_says("clean_graphics", "C") {
            return "remove";
        }
        if column_says("retain_longitudinal_modified_dates", "C") {
            match row["vr"] {
                "DA" | "DT" => return "shift",
                "TM" => return "keep",
                _ if row["tag"] == "00080201" => return "keep",
                _ => {}
            }
        }
    } else if says("K") {
        return "keep";
    }
    match row["tag"] {
        "00100010" => "patient-name",
        "00100020" => "patient-id",
        _ => by_code(row["basic"], kind),
    }
}

#[test]
fn every_row_is_decided_as_its_columns_say_under_every_pair_of_options() {
    let (rows, iods) = (rows(), iods());
    let tops: HashMap<Tag, [HashSet<&str>; 2]> = typed_paths()
        .into_iter()
        .filter(|(path, _)| path.len() == 1)
        .map(|(path, sets)| (path[0], sets))
        .collect();
    let mut checked = 0;
    for (i, (first, column)) in OPTIONS.iter().enumerate() {
        for (second, other) in &OPTIONS[i..] {
            if first.ends_with("dates") && second.ends_with("dates") && first != second {
                continue;
            }
            let plan = if first == second { plan(&[first]) } else { plan(&[first, second]) };
            for row in &rows {
                checked += check(&plan, row, &[column, other], &tops, &iods);
            }
        }
    }
    let basic = plan(&[]);
    rows.iter().for_each(|row| checked += check(&basic, row, &[], &tops, &iods));
    assert!(checked > 100_000, "{checked}");
}

fn check(
    plan: &Plan,
    row: &HashMap<&'static str, &'static str>,
    columns: &[&str],
    tops: &HashMap<Tag, [HashSet<&'static str>; 2]>,
    iods: &HashMap<&'static str, Vec<&'static str>>,
) -> usize {
    let tag = parse_tag(row["tag"]).unwrap();
    let vr: VR = row["vr"].split('|').next().unwrap().parse().unwrap();
    let found = |sop: &str, path: &[Tag]| plan.decide(plan.sop(sop), path, tag, vr).action.name();
    for iod in [
        "ct-image",
        "grayscale-softcopy-presentation-state",
        "key-object-selection-document",
        "rt-plan",
        "inventory",
    ] {
        let kind = match tops.get(&tag) {
            Some([one, _]) if one.contains(iod) => '1',
            Some([_, two]) if two.contains(iod) => '2',
            _ => '3',
        };
        let name = format!("{} {columns:?} {iod}", row["keyword"]);
        assert_eq!(found(iods[iod][0], &[]), expected(row, columns, kind), "{name}");
    }
    // No IOD has anything inside these three: what the table says at "Type 3 or absent" holds at any depth (CORE-02).
    let deep = [Tag(0x0040, 0xA730), Tag(0x0008, 0x1199), Tag(0x0018, 0x9074)];
    assert_eq!(
        found("1.2.840.10008.5.1.4.1.1.2", &deep),
        expected(row, columns, '3'),
        "{} nested",
        row["keyword"]
    );
    assert_eq!(
        found("1.2.840.10008.99.1", &[]),
        expected(row, columns, '?'),
        "{} {columns:?}",
        row["keyword"]
    );
    assert_eq!(found("1.2.3", &deep), expected(row, columns, '?'), "{} {columns:?}", row["keyword"]);
    8
}

#[test]
fn no_decision_breaks_an_iod_at_any_depth() {
    let iods = iods();
    for preset in Profile::presets() {
        let plan = Plan::new(preset);
        for (path, [one, two]) in typed_paths() {
            let (tag, parents) = path.split_last().unwrap();
            for (iod, kind) in one.iter().map(|iod| (iod, 1)).chain(two.iter().map(|iod| (iod, 2))) {
                let sop = plan.sop(iods[iod][0]);
                let action = plan.decide(sop, parents, *tag, VR::UN).action;
                let broken = action == Action::Remove || kind == 1 && action == Action::Empty;
                assert!(!broken, "{}: {iod} {path:?} Type {kind} {action}", preset.name);
            }
        }
    }
}

#[test]
fn groups_rows_hold_for_every_group_and_element() {
    let plan = plan(&["clean-graphics", "retain-safe-private"]);
    let sop = plan.sop("1.2.840.10008.5.1.4.1.1.2");
    for group in (0x00..=0x1E).step_by(2) {
        for (tag, vr) in [(Tag(0x5000 | group, 0x3000), VR::OW), (Tag(0x6000 | group, 0x3000), VR::OW)] {
            assert_eq!(plan.decide(sop, &[], tag, vr).action, Action::Remove, "{tag}");
        }
        let rest = Tag(0x6000 | group, 0x0010);
        assert_eq!(plan.decide(sop, &[], rest, VR::US).action, Action::Remove, "GFX-06: {rest}");
    }
    for tag in [Tag(0xFFFC, 0xFFFC), Tag(0xFFFA, 0xFFFA), Tag(0x0002, 0x0016), Tag(0x0004, 0x1500)] {
        assert_eq!(plan.decide(sop, &[], tag, VR::UN).action, Action::Remove, "{tag}");
    }
}
