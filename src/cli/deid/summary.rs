//! The last words of a run on standard error: counts and reasons, no paths, since paths
//! may name patients.

use super::outcome::Verdict;
use crate::cli::args::{DeidArgs, Names};
use std::collections::BTreeMap;
use std::time::Duration;

/// Counts by verdict and by reason.
#[derive(Debug, Default)]
pub struct Summary {
    counts: BTreeMap<Verdict, u64>,
    reasons: BTreeMap<(Verdict, String), u64>,
    bytes: u64,
}

impl Summary {
    /// Counts one input of `bytes` bytes.
    pub fn count(&mut self, verdict: Verdict, bytes: u64, reason: Option<&str>) {
        *self.counts.entry(verdict).or_default() += 1;
        self.bytes += bytes;
        if let Some(reason) = reason {
            *self.reasons.entry((verdict, reason.to_owned())).or_default() += 1;
        }
    }

    /// True if nothing was refused and nothing failed.
    pub fn all_is_well(&self) -> bool {
        self.of(Verdict::Refused) + self.of(Verdict::Failed) == 0
    }

    fn of(&self, verdict: Verdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    /// One line of counts, then one per reason, then what the user should know.
    pub fn text(&self, args: &DeidArgs, took: Duration) -> String {
        let mut text = format!("{} done", self.of(Verdict::Done));
        for (verdict, word) in WORDS {
            if self.of(verdict) > 0 {
                text += &format!(", {} {word}", self.of(verdict));
            }
        }
        text += &format!(" ({:.1} MB in {:.2} s)", self.bytes as f64 / 1e6, took.as_secs_f64());
        for ((verdict, reason), count) in &self.reasons {
            text += &format!("\n  {count} {}: {reason}", word(*verdict));
        }
        if !self.reasons.is_empty() && args.receipt.is_none() {
            text += "\n  (which files: run with --receipt FILE)";
        }
        let outputs = self.of(Verdict::Done) + self.of(Verdict::Unchanged);
        if outputs > 0 && args.names == Names::Keep {
            text += "\n  Names of files and folders were kept and may identify patients; --names uid replaces them.";
        }
        text
    }
}

const WORDS: [(Verdict, &str); 4] = [
    (Verdict::Unchanged, "unchanged"),
    (Verdict::Refused, "refused"),
    (Verdict::Skipped, "skipped"),
    (Verdict::Failed, "failed"),
];

fn word(verdict: Verdict) -> &'static str {
    WORDS.iter().find(|(other, _)| *other == verdict).map_or("done", |(_, word)| word)
}
