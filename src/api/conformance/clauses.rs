//! Of the conformance statement: how many clauses of the checklists are met, and what is done otherwise and why. Tests hold
//! each line of these files against the code.

use serde_json::{Value, json};

/// Part of the standard, its clauses, what is done otherwise.
const PARTS: [(&str, &str, &str); 2] = [
    (
        "PS3.15 Annex E",
        include_str!("../../../conformance/clauses.tsv"),
        include_str!("../../../conformance/deviations.tsv"),
    ),
    (
        "PS3.18",
        include_str!("../../../conformance/clauses_ps3_18.tsv"),
        include_str!("../../../conformance/deviations_ps3_18.tsv"),
    ),
];

fn rows<const COLUMNS: usize>(text: &str) -> impl Iterator<Item = [&str; COLUMNS]> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

/// Clauses by state: met, done otherwise, not built.
pub(super) fn counts() -> Vec<Value> {
    let part = |(part, clauses, _): (&str, &str, &str)| {
        let in_state =
            |wanted: &str| rows::<5>(clauses).filter(|[_, _, _, state, _]| *state == wanted).count();
        json!({"part": part, "met": in_state("met"), "deviating": in_state("deviation"), "later": in_state("later")})
    };
    PARTS.map(part).to_vec()
}

/// What is done otherwise, with the clause and the reason.
pub(super) fn deviations() -> Vec<Value> {
    let part = |(part, clauses, deviations): (&'static str, &'static str, &'static str)| {
        rows::<3>(deviations).map(move |[id, instead, reason]| {
            let clause = rows::<5>(clauses).find(|row| row.first() == Some(&id));
            let (clause, state) = clause.map_or(("", ""), |[_, _, clause, state, _]| (clause, state));
            json!({"id": id, "part": part, "clause": clause, "state": state, "instead": instead, "reason": reason})
        })
    };
    PARTS.into_iter().flat_map(part).collect()
}
