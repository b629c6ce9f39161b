//! Holds the table of differences against the tests that show them.

use std::collections::HashSet;

const TABLE: &str = include_str!("../../conformance/deviations_vault.tsv");

const TESTS: [&str; 3] =
    [include_str!("../vault_api.rs"), include_str!("names.rs"), include_str!("clients.rs")];

#[test]
fn every_difference_names_a_test_that_exists() {
    let rows: Vec<Vec<&str>> = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split('\t').collect())
        .collect();
    assert!(rows.len() >= 10, "only {} rows", rows.len());
    let mut ids = HashSet::new();
    for row in rows {
        let [id, theirs, ours, why, test] = row[..] else { panic!("not five columns: {row:?}") };
        assert!(ids.insert(id), "{id} stands twice");
        assert!(!theirs.is_empty() && !ours.is_empty() && !why.is_empty(), "{id} is incomplete");
        let shown = TESTS.iter().any(|source| source.contains(&format!("#[test]\nfn {test}()")));
        assert!(shown, "{id}: there is no test `{test}`");
    }
}
