//! The receipt file: one JSON line per input, in the order of the inputs. It names files
//! of the operator's own and so may identify patients; nothing else of the run's output
//! does.

use super::outcome::{Reason, Verdict};
use super::source::About;
use crate::cli::{Failure, files};
use crate::deid::plan::Plan;
use crate::deid::receipt::{Counts, Names, Receipt};
use dicom_core::Tag;
use serde::Serialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// One line. What does not apply is left out.
#[derive(Serialize)]
struct Line<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Cow<'a, str>>,
    outcome: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a Names>,
    #[serde(flatten)]
    done: Option<Done<'a>>,
    profile: &'a str,
    plan: &'a str,
    engine: &'static str,
}

#[derive(Serialize)]
struct ReasonOut<'a> {
    code: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<&'static str>,
}

#[derive(Serialize)]
struct Done<'a> {
    counts: &'a Counts,
    transfer_syntax: &'static str,
    bytes_in: u64,
    bytes_out: u64,
    sha256_in: Option<String>,
    sha256_out: Option<String>,
}

/// What a line tells.
pub struct Entry<'a> {
    /// Which input.
    pub about: &'a About,
    /// What became of it.
    pub verdict: Verdict,
    /// Why not, where it did not go through.
    pub reason: Option<&'a Reason>,
    /// What was done, and the output's name below the output folder.
    pub done: Option<(&'a Receipt, &'a Path)>,
}

/// The open receipt file. Nothing waits in a buffer: a line stands in the file, whole, before the next input is settled.
pub struct Record {
    file: File,
    /// Bytes of whole lines.
    len: u64,
    /// Bytes of those before the last one.
    before: u64,
    profile: String,
    plan: String,
}

impl Record {
    /// Makes the file, for the owner's eyes only. It must not be there yet.
    pub fn create(path: &Path, plan: &Plan) -> Result<Self, Failure> {
        let file = files::create(path, "--receipt ")?;
        Ok(Self { file, len: 0, before: 0, profile: plan.profile().name.clone(), plan: plan.id().to_owned() })
    }

    /// Writes a line; of one that cannot be written whole nothing stays.
    pub fn write(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(&self.line(entry))?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        match written {
            Ok(()) => (self.before, self.len) = (self.len, self.len + line.len() as u64),
            Err(_) => self.file.set_len(self.len)?,
        }
        written
    }

    /// Takes the last line back: what it told did not come about.
    pub fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.before)?;
        self.len = self.file.seek(SeekFrom::Start(self.before))?;
        Ok(())
    }

    fn line<'a>(&'a self, entry: &'a Entry<'a>) -> Line<'a> {
        Line {
            path: entry.about.path.to_string_lossy(),
            output: entry.done.map(|(_, name)| name.to_string_lossy()),
            outcome: entry.verdict,
            reason: entry.reason.map(ReasonOut::from),
            names: match entry.done {
                Some((receipt, _)) => Some(&receipt.names),
                None => entry.reason.and_then(|reason| reason.names.as_deref()),
            },
            done: entry.done.map(|(receipt, _)| Done::from(receipt)),
            profile: &self.profile,
            plan: &self.plan,
            engine: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl<'a> From<&'a Reason> for ReasonOut<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self {
            code: reason.code,
            text: &reason.text,
            tag: reason.tag.map(|Tag(group, element)| format!("{group:04X},{element:04X}")),
            clause: reason.clause,
            setting: reason.setting,
        }
    }
}

impl<'a> From<&'a Receipt> for Done<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        Self {
            counts: &receipt.counts,
            transfer_syntax: receipt.transfer_syntax,
            bytes_in: receipt.bytes_in,
            bytes_out: receipt.bytes_out,
            sha256_in: receipt.sha256_in.as_ref().map(hex),
            sha256_out: receipt.sha256_out.as_ref().map(hex),
        }
    }
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
