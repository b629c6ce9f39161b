//! Examines any DICOMweb server from outside: clauses of PS3.18, and whether what is stored comes back without the
//! identity it came with (PS3.15). One file a suite; each check is one row of its table. How results are printed is `cli`'s.
//!
//! | suite | what it asks |
//! |---|---|
//! | [`stow`] | storing: statuses, Store Instances Response |
//! | [`qido`] | searches: resources, keys, fields, paging |
//! | [`wado`] | retrieval: instances, metadata, frames, bulk data, pictures, negotiation |
//! | [`uri`] | the URI service |
//! | [`deid`] | that no planted mark, date or UID of the stored study is left |

mod capabilities;
pub mod deid;
mod gallery;
pub mod qido;
mod reading;
mod sample;
mod scene;
pub mod stow;
pub mod uri;
pub mod wado;

pub use scene::{Scene, Server};

use serde::Serialize;

/// A group of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// Storing.
    Stow,
    /// Searching.
    Qido,
    /// Retrieving.
    Wado,
    /// Retrieving by query parameters alone.
    Uri,
    /// What of the identity is left.
    Deid,
}

impl Suite {
    /// All, in the order in which they run.
    pub const ALL: [Self; 5] = [Self::Stow, Self::Qido, Self::Wado, Self::Uri, Self::Deid];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stow => "stow",
            Self::Qido => "qido",
            Self::Wado => "wado",
            Self::Uri => "uri",
            Self::Deid => "deid",
        }
    }

    fn checks(self) -> &'static [Check] {
        match self {
            Self::Stow => stow::CHECKS,
            Self::Qido => qido::CHECKS,
            Self::Wado => wado::CHECKS,
            Self::Uri => uri::CHECKS,
            Self::Deid => deid::CHECKS,
        }
    }
}

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Shall.
    Must,
    /// Should.
    Should,
    /// May, or what clients in use depend on.
    May,
}

/// One thing that is asked of a server.
pub struct Check {
    /// Its number in `conformance/checklist_ps3_18.tsv`; of the suite `deid` its own.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What is asked.
    pub asks: &'static str,
    run: fn(&Scene) -> Outcome,
}

const fn must(id: &'static str, asks: &'static str, run: fn(&Scene) -> Outcome) -> Check {
    Check { id, level: Level::Must, asks, run }
}

const fn should(id: &'static str, asks: &'static str, run: fn(&Scene) -> Outcome) -> Check {
    Check { id, level: Level::Should, asks, run }
}

const fn may(id: &'static str, asks: &'static str, run: fn(&Scene) -> Outcome) -> Check {
    Check { id, level: Level::May, asks, run }
}

/// Met, or why not.
type Outcome = Result<(), Miss>;

/// Why a check is not met.
enum Miss {
    /// The server does otherwise; what was seen.
    Broken(String),
    /// It could not be looked at; why.
    Skipped(&'static str),
}

/// Holds, or was seen otherwise.
fn need(holds: bool, seen: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Miss::Broken(seen())) }
}

/// Something was there to be looked at.
fn looked_at(count: usize, why: &'static str) -> Outcome {
    if count > 0 { Ok(()) } else { Err(Miss::Skipped(why)) }
}

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Done as asked.
    Met,
    /// Done otherwise.
    Broken,
    /// Not looked at.
    Skipped,
}

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The suite.
    pub suite: Suite,
    /// The check.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What is asked.
    pub asks: &'static str,
    /// How it ended.
    pub state: State,
    /// What was seen where it is not met, or why it was not looked at; empty otherwise.
    pub seen: String,
}

/// Runs the checks of these suites.
pub fn run(scene: &Scene, suites: &[Suite]) -> Vec<Verdict> {
    let checks = suites.iter().flat_map(|suite| suite.checks().iter().map(|check| (*suite, check)));
    checks.map(|(suite, check)| verdict(scene, suite, check)).collect()
}

fn verdict(scene: &Scene, suite: Suite, check: &Check) -> Verdict {
    let (state, seen) = match (check.run)(scene) {
        Ok(()) => (State::Met, String::new()),
        Err(Miss::Broken(seen)) => (State::Broken, seen),
        Err(Miss::Skipped(why)) => (State::Skipped, why.to_owned()),
    };
    Verdict { suite, id: check.id, level: check.level, asks: check.asks, state, seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_an_id_of_its_own_within_its_suite_and_says_what_it_asks() {
        for suite in Suite::ALL {
            let ids: std::collections::BTreeSet<_> = suite.checks().iter().map(|check| check.id).collect();
            assert_eq!(ids.len(), suite.checks().len(), "{}", suite.word());
            assert!(suite.checks().iter().all(|check| check.asks.len() > 10));
        }
    }

    #[test]
    fn ids_of_clauses_stand_in_the_checklist() {
        let list = include_str!("../../conformance/checklist_ps3_18.tsv");
        for suite in [Suite::Stow, Suite::Qido, Suite::Wado, Suite::Uri] {
            for check in suite.checks() {
                let id = check.id.trim_end_matches(|it: char| it.is_ascii_lowercase());
                assert!(list.lines().any(|line| line.starts_with(&format!("{id}\t"))), "{}", check.id);
            }
        }
    }

    #[test]
    fn every_clause_of_searching_and_retrieving_that_must_be_met_is_asked_for() {
        const GROUPS: [&str; 11] =
            ["WADO", "META", "BULK", "FRM", "REND", "QIDO", "CAP", "JSON", "XML", "URI", "ACC"];
        let list = include_str!("../../conformance/checklist_ps3_18.tsv");
        let rows = list.lines().filter_map(|line| line.split_once('\t'));
        let must = rows.filter(|(id, rest)| {
            rest.starts_with("MUST") && GROUPS.iter().any(|it| id.split('-').next() == Some(it))
        });
        let asked: Vec<&str> =
            Suite::ALL.iter().flat_map(|suite| suite.checks()).map(|check| check.id).collect();
        let missing: Vec<&str> = must.map(|(id, _)| id).filter(|id| !asked.contains(id)).collect();
        assert!(missing.is_empty(), "{} are not asked for: {missing:?}", missing.len());
    }
}
