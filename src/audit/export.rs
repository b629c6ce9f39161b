//! The export of a chain: JSON lines, each an object with one member that says what it is. Reading it is verifying it.
//!
//! `header`, then entries and closing records by number with checkpoints between, then `end` with the number of entries
//! and a checkpoint signed at the last entry. Line ends and spaces are of no account; hashes are over canonical bytes.

use super::canonical;
use super::chain::Sealed;
use super::checkpoint::{BadStatement, Checkpoint, Segment, Signed};
use super::digest::Digest;
use super::finding::{Finding, Kind};
use super::report::Report;
use super::value::Id;
use super::verify::Verifier;
use serde::{Deserialize, Serialize};

/// The format that is written, and the only one that is read.
pub const FORMAT: u64 = 1;

/// No line of an export is longer, in bytes.
pub const LONGEST_LINE: usize = 16 << 10;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// An entry.
    Entry(Box<Sealed>),
    /// A checkpoint, after the entry that it names.
    Checkpoint(Signed<Checkpoint>),
    /// The closing record of a deleted segment, in the place of its entries.
    Segment(Signed<Segment>),
    /// The last line.
    End(End),
}

/// What the export is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u64,
    /// Name of the key that the chain was begun under.
    pub key_id: Digest,
    /// The project.
    pub project: Id,
}

/// What closes an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Signed at the last entry.
    pub checkpoint: Signed<Checkpoint>,
    /// Number of entries in the export, without deleted ones.
    pub entries: u64,
}

impl Line {
    /// The line's canonical JSON with a line feed.
    pub fn text(&self) -> String {
        let mut text = canonical::text(self);
        text.push('\n');
        text
    }
}

/// Reads a checkpoint that was kept: alone, or as the checkpoint or closing line of an older export.
///
/// # Errors
/// It is none of these.
pub fn kept_checkpoint(text: &str) -> Result<Signed<Checkpoint>, BadStatement> {
    match serde_json::from_str(text) {
        Ok(Line::Checkpoint(checkpoint) | Line::End(End { checkpoint, .. })) => Ok(checkpoint),
        _ => Signed::parse(text),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Middle,
    Ended,
}

/// Reads an export line by line into a [`Verifier`].
#[derive(Debug)]
pub struct Reader {
    verifier: Verifier,
    line: u64,
    place: Place,
    /// Entries by the closing line.
    told: Option<u64>,
}

impl Reader {
    /// Begins before the first line. What was kept goes into the verifier beforehand.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, line: 0, place: Place::Start, told: None }
    }

    /// Takes the next line, with or without its line end.
    pub fn line(&mut self, text: &str) {
        self.next();
        if text.trim_ascii().is_empty() {
            return;
        }
        match serde_json::from_str(text) {
            Ok(line) => self.take(line),
            Err(_) => self.malformed("the line is none of an export of format 1"),
        }
    }

    /// Takes a line that cannot be handed over: too long, or no UTF-8.
    pub fn unreadable_line(&mut self) {
        self.next();
        self.malformed("the line is too long or no text");
    }

    /// The file ends here.
    pub fn finish(mut self) -> Report {
        self.verifier.findings.at_end();
        if self.place != Place::Ended {
            let what = "there is no closing line: the end is cut off";
            self.verifier.findings.add(Kind::Truncated, None, what);
        }
        let mut report = self.verifier.finish();
        // Where entries were taken out or put in, that is said already.
        if report.is_whole() && self.told.is_some_and(|told| told != report.seen.entries) {
            let what = "the closing line counts other entries than there are";
            report.findings.push(Finding { kind: Kind::Edited, entries: None, line: Some(self.line), what });
        }
        report
    }

    fn next(&mut self) {
        self.line = self.line.saturating_add(1);
        self.verifier.findings.at_line(self.line);
    }

    fn malformed(&mut self, what: &'static str) {
        self.verifier.findings.add(Kind::Malformed, None, what);
    }

    fn take(&mut self, line: Line) {
        match (self.place, &line) {
            (Place::Start, Line::Header(_)) => {}
            (Place::Start, _) => self.malformed("the first line is no header"),
            (Place::Middle, Line::Header(_)) => {
                return self.verifier.findings.add(Kind::Inserted, None, "a second header");
            }
            (Place::Ended, _) => {
                return self.verifier.findings.add(Kind::Inserted, None, "a line behind the closing line");
            }
            (Place::Middle, _) => {}
        }
        self.place = Place::Middle;
        match line {
            Line::Header(header) => self.header(&header),
            Line::Entry(entry) => self.verifier.entry(&entry),
            Line::Checkpoint(checkpoint) => self.verifier.checkpoint(&checkpoint),
            Line::Segment(segment) => self.verifier.segment(&segment),
            Line::End(end) => self.end(&end),
        }
    }

    fn header(&mut self, header: &Header) {
        if header.format != FORMAT {
            self.malformed("the header names a format that is not known");
        }
        self.verifier.begin(&header.project, header.key_id);
    }

    fn end(&mut self, end: &End) {
        self.place = Place::Ended;
        self.verifier.close(&end.checkpoint);
        self.told = Some(end.entries);
    }
}
