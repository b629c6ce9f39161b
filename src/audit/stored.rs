//! The rows of a chain as a database holds them, read into a [`Verifier`]. What a row holds may be what a forger wrote.
//!
//! Rows come by their numbers: at each number the closing record of a segment first, then the entry, then its
//! checkpoint. The head comes last: it must name the last entry, and be signed there.

use super::chain::{Entry, Sealed};
use super::checkpoint::{Checkpoint, Segment, Signed};
use super::digest::Digest;
use super::finding::{Finding, Kind};
use super::report::Report;
use super::verify::Verifier;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Checkpoints held back until their entries come.
const EARLY: usize = 16;

/// Entries held back until their turn comes.
const ASTRAY: usize = 256;

/// What a row is of; in the order in which rows of one number come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The closing record of a deleted segment, at the number of its first entry.
    Segment,
    /// An entry.
    Entry,
    /// A checkpoint that was kept for good.
    Checkpoint,
}

/// One row. What cannot be read as text is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is of.
    pub what: What,
    /// The number by which it is found.
    pub number: i64,
    /// Of an entry: the hash as hexadecimal digits.
    pub hash: Option<String>,
    /// Canonical JSON.
    pub body: Option<String>,
}

/// The row that tells where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Number of the last entry.
    pub sequence: i64,
    /// Hash of the last entry as hexadecimal digits.
    pub hash: Option<String>,
    /// The checkpoint signed there, as canonical JSON.
    pub checkpoint: Option<String>,
    /// Number of the last checkpoint that was kept for good; 0 for none.
    pub kept: i64,
}

impl Row {
    /// The entry, if this is one and can be read. Nothing of it is checked.
    pub fn entry(&self) -> Option<Sealed> {
        let hash = Digest::from_hex(self.hash.as_deref()?)?;
        let body = Entry::parse(self.body.as_deref()?).ok()?;
        if self.what == What::Entry { Some(Sealed { body, hash }) } else { None }
    }
}

/// Reads rows into a [`Verifier`].
#[derive(Debug)]
pub struct Reader {
    verifier: Verifier,
    /// Checkpoints that were kept for good and must still be there.
    awaited: BTreeSet<u64>,
    /// Number of the last checkpoint that was met.
    kept: u64,
    /// Checkpoints whose entries did not come yet, because rows were moved or are gone.
    early: VecDeque<Signed<Checkpoint>>,
    /// The last entries met since rows are out of place: checkpoints may come behind theirs.
    recent: VecDeque<(u64, Digest)>,
    /// An entry in the row of an earlier one: what follows tells whether it alone was moved, or all from there on.
    strayed: Option<Sealed>,
    /// Entries that were moved alone, until their turn comes.
    astray: BTreeMap<u64, Sealed>,
    /// Up to this number entries were deleted with segments.
    sealed: u64,
    /// Number of the last row; nothing may come behind the head's.
    last: i64,
    /// First row whose number is not its content's.
    misplaced: Option<u64>,
}

impl Reader {
    /// Begins before the first row. What was kept elsewhere goes into the verifier beforehand.
    pub fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            awaited: BTreeSet::new(),
            kept: 0,
            early: VecDeque::new(),
            recent: VecDeque::new(),
            strayed: None,
            astray: BTreeMap::new(),
            sealed: 0,
            last: 0,
            misplaced: None,
        }
    }

    /// Takes a checkpoint that a witness beside the database tells of: the chain must agree with it, and it must still
    /// be among those that the database kept.
    pub fn witness(&mut self, checkpoint: &Signed<Checkpoint>) {
        self.verifier.keep(checkpoint);
        self.awaited.insert(checkpoint.body.sequence);
    }

    /// Takes the next row; the entry, if it is one and can be read.
    pub fn row(&mut self, row: &Row) -> Option<Sealed> {
        self.last = row.number;
        match row.what {
            What::Entry => return self.entry(row),
            What::Segment => self.segment(row),
            What::Checkpoint => self.checkpoint(row),
        }
        None
    }

    fn entry(&mut self, row: &Row) -> Option<Sealed> {
        let number = number(row.number);
        let hash = row.hash.as_deref().and_then(Digest::from_hex);
        let Some(Ok(body)) = row.body.as_deref().map(Entry::parse) else {
            self.verifier.unreadable(number, hash);
            return None;
        };
        if body.sequence != number {
            self.misplaced = self.misplaced.or(Some(number));
        }
        // A damaged hash is no entry's hash.
        let sealed = Sealed { body, hash: hash.unwrap_or(Digest([0; 32])) };
        self.settle_strayed(sealed.body.sequence);
        while let Some(next) = self.astray.remove(&self.verifier.last().saturating_add(1)) {
            self.feed(&next);
        }
        if self.is_astray(&sealed, number) {
            self.strayed = Some(sealed.clone());
        } else {
            self.feed(&sealed);
        }
        Some(sealed)
    }

    /// True for a sound entry that stands in the row of an earlier one.
    fn is_astray(&mut self, sealed: &Sealed, row: u64) -> bool {
        let sequence = sealed.body.sequence;
        let ahead = sequence > row && sequence > self.verifier.last().saturating_add(1);
        ahead && self.astray.len() < ASTRAY && sealed.body.hash() == sealed.hash
    }

    /// Decides about an entry that strayed, by the number of the one that follows it.
    fn settle_strayed(&mut self, following: u64) {
        let Some(strayed) = self.strayed.take() else { return };
        let sequence = strayed.body.sequence;
        if following == sequence.saturating_add(1) {
            return self.feed(&strayed);
        }
        let what = "it stands in the row of an earlier entry";
        self.verifier.note(Kind::Reordered, Some((sequence, sequence)), what);
        self.astray.insert(sequence, strayed);
    }

    fn feed(&mut self, sealed: &Sealed) {
        // The entries of earlier checkpoints are gone.
        self.catch_up(sealed.body.sequence.saturating_sub(1));
        self.verifier.entry(sealed);
        if self.misplaced.is_some() {
            self.recent.truncate(EARLY);
            self.recent.push_front((sealed.body.sequence, sealed.hash));
        }
        let last = self.verifier.last();
        self.catch_up(last);
    }

    fn segment(&mut self, row: &Row) {
        let here = number(row.number);
        let Some(Ok(segment)) = row.body.as_deref().map(Signed::<Segment>::parse) else {
            return self.malformed(here, "the closing record of a segment cannot be read");
        };
        if segment.body.first != here {
            self.misplaced = self.misplaced.or(Some(here));
        }
        self.sealed = self.sealed.max(segment.body.last);
        self.verifier.segment(&segment);
    }

    fn checkpoint(&mut self, row: &Row) {
        let here = number(row.number);
        self.awaited.remove(&here);
        self.kept = here;
        let Some(Ok(checkpoint)) = row.body.as_deref().map(Signed::<Checkpoint>::parse) else {
            return self.malformed(here, "a kept checkpoint cannot be read");
        };
        if checkpoint.body.sequence == here {
            self.early.push_back(checkpoint);
            let last = self.verifier.last();
            let flood = self.early.iter().rev().nth(EARLY).map_or(0, |it| it.body.sequence);
            self.catch_up(last.max(flood));
        } else {
            let what = "a kept checkpoint stands at another number than the one it was signed for";
            self.verifier.note(Kind::Reordered, Some((here, here)), what);
        }
    }

    /// Compares the checkpoints up to a number.
    fn catch_up(&mut self, sequence: u64) {
        while self.early.front().is_some_and(|it| it.body.sequence <= sequence) {
            let Some(checkpoint) = self.early.pop_front() else { return };
            let Checkpoint { sequence, hash, .. } = checkpoint.body;
            match sequence < self.verifier.last() && self.recent.contains(&(sequence, hash)) {
                true => self.verifier.late_checkpoint(&checkpoint),
                false => self.verifier.checkpoint(&checkpoint),
            }
        }
    }

    fn malformed(&mut self, here: u64, what: &'static str) {
        self.verifier.note(Kind::Malformed, Some((here, here)), what);
    }

    /// No more rows come; `end` is the head's, if there is one.
    pub fn finish(mut self, end: Option<&End>) -> Report {
        let rest = std::mem::take(&mut self.astray).into_values().chain(self.strayed.take());
        rest.collect::<Vec<_>>().iter().for_each(|entry| self.feed(entry));
        self.catch_up(u64::MAX);
        let last = self.verifier.last();
        match end {
            Some(end) => self.end(end),
            None if self.last != 0 => {
                self.verifier.note(Kind::Deleted, None, "the row that tells where the chain ends");
            }
            None => {}
        }
        for number in std::mem::take(&mut self.awaited) {
            if number <= self.sealed || number > last {
                continue;
            }
            let what = "the checkpoint that was kept there is gone, the entry is not";
            self.verifier.note(Kind::Deleted, Some((number, number)), what);
        }
        let mut report = self.verifier.finish();
        // Where that shows in the order of the entries, it is said already.
        if let (true, Some(number)) = (report.is_whole(), self.misplaced) {
            let what = "its row has another number than its content";
            let entries = Some((number, number));
            report.findings.push(Finding { kind: Kind::Reordered, entries, line: None, what });
        }
        report
    }

    fn end(&mut self, end: &End) {
        if number(end.kept) > self.kept {
            self.awaited.insert(number(end.kept));
        }
        let (here, last) = (number(end.sequence), self.verifier.last());
        let Some(text) = &end.checkpoint else {
            if here.max(last) > 0 {
                self.verifier.note(
                    Kind::BadSignature,
                    Some((last, last)),
                    "the end of the chain is not signed",
                );
            }
            return;
        };
        let Ok(checkpoint) = Signed::<Checkpoint>::parse(text) else {
            return self.malformed(here, "the checkpoint at the end of the chain cannot be read");
        };
        let Checkpoint { sequence, hash, .. } = checkpoint.body;
        if (sequence, Some(hash)) != (here, end.hash.as_deref().and_then(Digest::from_hex)) {
            let what = "the row that tells where the chain ends is not what was signed";
            self.verifier.note(Kind::Edited, Some((here, here)), what);
        }
        self.verifier.close(&checkpoint);
    }
}

/// No entry has a number below 1.
fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}
