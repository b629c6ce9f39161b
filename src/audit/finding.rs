//! What a verifier finds, and where: a kind, a range of entries, a line of the export. Never anything of an entry's
//! content, which may be what a forger wrote.

use serde::Serialize;
use std::fmt;

/// More findings than anyone reads are counted, not kept.
const MOST: usize = 1000;

/// What was done to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An entry's content is not what was chained.
    Edited,
    /// Entries are missing.
    Deleted,
    /// Something stands in the chain that does not belong there.
    Inserted,
    /// Something stands out of its order.
    Reordered,
    /// Two entries follow the same one.
    Forked,
    /// Entries at the end are missing, for which a signature in the same source vouches.
    Truncated,
    /// The chain ends before a checkpoint that the auditor kept.
    RolledBack,
    /// Hashes fit each other but contradict a signature: all from some entry on was made anew.
    Rewritten,
    /// Made or signed under another key.
    WrongKey,
    /// Of another project.
    WrongProject,
    /// A signature does not hold.
    BadSignature,
    /// Not readable as what it should be.
    Malformed,
}

impl Kind {
    /// A short, stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
            Self::Forked => "forked",
            Self::Truncated => "truncated",
            Self::RolledBack => "rolled-back",
            Self::Rewritten => "rewritten",
            Self::WrongKey => "wrong-key",
            Self::WrongProject => "wrong-project",
            Self::BadSignature => "bad-signature",
            Self::Malformed => "malformed",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was done.
    pub kind: Kind,
    /// Numbers of the first and last entry concerned, where it concerns entries.
    pub entries: Option<(u64, u64)>,
    /// Line of the export, from 1, at which it shows; of a database none.
    pub line: Option<u64>,
    /// What is wrong, in words.
    pub what: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind.code())?;
        match self.entries {
            Some((first, last)) if first == last => write!(f, "entry {first}: ")?,
            Some((first, last)) => write!(f, "entries {first} to {last}: ")?,
            None => {}
        }
        f.write_str(self.what)?;
        match self.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

/// Findings in the order in which they show, bounded in number.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    more: u64,
    line: Option<u64>,
}

impl Findings {
    /// Where the next findings show.
    pub(super) fn at_line(&mut self, line: u64) {
        self.line = Some(line);
    }

    /// Findings from here on show nowhere but in the whole.
    pub(super) fn at_end(&mut self) {
        self.line = None;
    }

    pub(super) fn add(&mut self, kind: Kind, entries: Option<(u64, u64)>, what: &'static str) {
        if self.kept.len() < MOST {
            self.kept.push(Finding { kind, entries, line: self.line, what });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Those kept, and the number of those that were not.
    pub(super) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.kept, self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_findings_is_counted_and_not_kept() {
        let mut findings = Findings::default();
        for sequence in 0..2500 {
            findings.add(Kind::Edited, Some((sequence, sequence)), "changed");
        }
        let (kept, more) = findings.into_parts();
        assert_eq!((kept.len(), more), (1000, 1500));
    }

    #[test]
    fn a_finding_says_what_and_where() {
        let finding = Finding { kind: Kind::Deleted, entries: Some((3, 5)), line: Some(4), what: "gone" };
        assert_eq!(finding.to_string(), "deleted: entries 3 to 5: gone (line 4)");
    }
}
