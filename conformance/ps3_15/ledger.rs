//! The ledger: every rule of the checklists has a line, every line a test that exists, every deviation a reason;
//! and every fault a test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// The rows of a table of this folder; none where it does not exist.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The conformance statement.
pub fn statement() -> String {
    std::fs::read_to_string(folder().join("statement.md")).unwrap()
}

/// Names of all test functions of the tests and of the crate, with the file they stand in.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut open = vec![root.join("conformance"), root.join("tests"), root.join("src")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.entry(file).or_default().extend(functions(&text));
            }
        }
    }
    found
}

/// The functions that follow a test attribute.
fn functions(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut out = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            let name = lines.find_map(|line| line.split_once("fn ").map(|(_, rest)| rest));
            out.extend(name.map(|rest| rest.split(['(', '<']).next().unwrap_or_default().to_owned()));
        }
    }
    out
}

/// A table of clauses, the checklist it answers, and what is done otherwise. Ids are unique within a checklist only.
const TABLES: [(&str, &str, &str); 2] = [
    ("clauses.tsv", "checklist_ps3_15.tsv", "deviations.tsv"),
    ("clauses_ps3_18.tsv", "checklist_ps3_18.tsv", "deviations_ps3_18.tsv"),
];

#[test]
fn every_must_of_a_checklist_has_its_line() {
    for (table, checklist, _) in TABLES {
        let clauses = rows(table);
        let asked: BTreeMap<String, Vec<String>> =
            rows(checklist).into_iter().map(|row| (row[0].clone(), row)).collect();
        assert!(asked.len() > 100, "{checklist}");
        let answered: BTreeSet<&String> = clauses.iter().map(|row| &row[0]).collect();
        let missing: Vec<_> = asked
            .values()
            .filter(|row| row[1] == "MUST" && !answered.contains(&row[0]))
            .map(|row| &row[0])
            .collect();
        assert!(missing.is_empty(), "{table} lacks {missing:?}");
        for row in &clauses {
            let rule =
                asked.get(&row[0]).unwrap_or_else(|| panic!("{table}: {} is not in {checklist}", row[0]));
            assert_eq!((&row[1], &row[2]), (&rule[1], &rule[2]), "{table}: level or clause of {}", row[0]);
        }
    }
}

#[test]
fn every_line_names_tests_that_exist() {
    let tests = tests();
    for (table, ..) in TABLES {
        for row in rows(table) {
            assert_eq!(row.len(), 5, "{table}: {row:?}");
            let (id, state) = (&row[0], row[3].as_str());
            assert!(["met", "deviation", "later"].contains(&state), "{table}: {id} is {state}");
            assert!(state == "later" || !row[4].is_empty(), "{table}: {id} has no test");
            for test in row[4].split_whitespace() {
                let (file, name) =
                    test.split_once("::").unwrap_or_else(|| panic!("{id}: {test} is no file::test"));
                let there = tests.get(file).is_some_and(|names| names.contains(name));
                assert!(there, "{table}: {id} names {test}, which does not exist");
            }
        }
    }
}

#[test]
fn every_fault_names_tests_that_exist_and_every_test_of_faults_is_named() {
    let (tests, faults) = (tests(), rows("faults.tsv"));
    assert!(faults.len() > 20);
    let mut named = BTreeSet::new();
    for row in &faults {
        assert_eq!(row.len(), 3, "{row:?}");
        for test in row[2].split_whitespace() {
            let (file, name) = test.split_once("::").unwrap();
            assert!(tests[file].contains(name), "{}: {test} does not exist", row[0]);
            named.insert(test.to_owned());
        }
    }
    for (file, names) in tests.iter().filter(|(file, _)| file.starts_with("tests/faults_")) {
        for name in names {
            assert!(named.contains(&format!("{file}::{name}")), "{file}::{name} stands for no fault");
        }
    }
}

#[test]
fn every_deviation_has_a_reason_and_every_unmet_line_a_deviation() {
    for (table, _, name) in TABLES {
        let deviations = rows(name);
        let told: BTreeSet<&String> = deviations.iter().map(|row| &row[0]).collect();
        assert_eq!(told.len(), deviations.len(), "an id stands twice in {name}");
        for row in &deviations {
            assert_eq!(row.len(), 3, "{row:?}");
            assert!(row[1].len() > 20 && row[2].len() > 20, "{}: say what is done instead and why", row[0]);
        }
        let clauses = rows(table);
        for row in &clauses {
            assert_eq!(row[3] != "met", told.contains(&row[0]), "{}: {} against {name}", row[0], row[3]);
        }
        let ids: BTreeSet<&String> = clauses.iter().map(|row| &row[0]).collect();
        assert!(told.is_subset(&ids), "{name} tells of what {table} does not list");
    }
}

#[test]
fn every_clause_test_of_this_suite_is_named_in_a_table() {
    let named: String =
        TABLES.iter().flat_map(|(table, ..)| rows(table)).map(|row| row[4].clone() + " ").collect();
    let ours = tests()
        .into_iter()
        .filter(|(file, _)| file.starts_with("conformance/") && !file.ends_with("ledger.rs"));
    for (file, names) in ours {
        for name in names {
            assert!(
                named.split_whitespace().any(|test| test == format!("{file}::{name}")),
                "{file}::{name} proves nothing"
            );
        }
    }
}

#[test]
fn conf_01_the_statement_says_what_e_1_3_asks_for() {
    let text = statement();
    for heading in [
        "Removed",
        "Replaced",
        "Referential integrity",
        "Inserted",
        "Options",
        "Dates",
        "Private",
        "Encrypted",
        "Limits",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with("### 8.") && line.contains(heading)),
            "no section on {heading}"
        );
    }
}

#[test]
fn date_08_ret_04_the_statement_tells_how_dates_and_characteristics_are_treated() {
    let text = statement();
    for word in ["3,650", "HMAC-SHA256", "retain-patient-characteristics", "whole days"] {
        assert!(text.contains(word), "{word}");
    }
}
