//! What a verification comes to.

use super::chain::Head;
use super::finding::Finding;
use serde::Serialize;
use std::fmt;

/// The end of a verification: what was seen, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where the chain ends, as far as it was seen or vouched for; none if nothing told of a project.
    pub head: Option<Head>,
    /// The counts.
    pub seen: Seen,
    /// All that is wrong, in the order in which it showed; at most 1,000.
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    pub more: u64,
}

/// What a verification saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Entries.
    pub entries: u64,
    /// Checkpoints that were signed by the key.
    pub checkpoints: u64,
    /// Closing records of deleted segments, signed by the key.
    pub segments: u64,
    /// Entries deleted with those segments.
    pub deleted: u64,
    /// Up to this number a signature vouches for the entries.
    pub vouched: u64,
    /// Kept checkpoints and receipts that agree with the chain.
    pub agreeing: u64,
    /// Kept checkpoints and receipts of entries that are gone, so that they could not be compared.
    pub uncompared: u64,
}

impl Report {
    /// True if nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} findings more", self.more)?;
        }
        let Seen { entries, checkpoints, segments, deleted, vouched, agreeing, uncompared } = self.seen;
        match &self.head {
            Some(head) => {
                write!(f, "project {}: {entries} entries up to number {}", head.project, head.sequence)?
            }
            None => write!(f, "no chain")?,
        }
        write!(f, ", {checkpoints} checkpoints, signed up to number {vouched}")?;
        if segments > 0 {
            write!(f, "; {deleted} entries deleted in {segments} sealed segments")?;
        }
        if agreeing + uncompared > 0 {
            write!(f, "; of those kept {agreeing} agree, {uncompared} could not be compared")?;
        }
        f.write_str(if self.is_whole() { ": whole" } else { ": NOT WHOLE" })
    }
}
