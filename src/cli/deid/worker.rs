//! One thread's work: drives the bytes of an input through the rewriter into a temporary
//! file. What becomes of that file is the ledger's business.

use super::archive::{self, Last};
use super::chunks::{self, Chunks};
use super::outcome::{Outcome, Reason, Verdict};
use super::progress::Progress;
use super::source::{Content, Source};
use super::staging::Staging;
use crate::deid::engine::Engine;
use crate::deid::receipt::Refused;
use crate::deid::refusal::Refusal;
use crate::deid::rewriter::{Digests, Options, Rewriter};
use crate::dicom::{Fault, FaultKind};
use bytes::Bytes;
use std::io::Read;

/// The state of one thread.
pub struct Worker<'a> {
    engine: &'a Engine,
    staging: &'a Staging,
    progress: &'a Progress,
    options: Options,
    chunks: Chunks,
    last: Last,
}

/// Why an input stops.
enum Stop {
    Refused(Refused),
    Not(Reason),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<'a> Worker<'a> {
    /// A thread that writes to `staging`; `digests`: hash input and output.
    pub fn new(engine: &'a Engine, staging: &'a Staging, progress: &'a Progress, digests: Digests) -> Self {
        let options = Options { digests, ..Options::default() };
        Self { engine, staging, progress, options, chunks: Chunks::default(), last: Last::default() }
    }

    /// Pseudonymizes one input.
    pub fn rewrite(&mut self, source: Source) -> Outcome {
        let meant = source.about.meant;
        match source.content {
            Content::Unreadable(reason) => Outcome::Not(reason),
            Content::File(mut file) => self.read(&mut file, meant, true),
            Content::Entry { archive, entry } => {
                let mut last = std::mem::take(&mut self.last);
                let outcome = match last.entry(&archive, *entry) {
                    Ok(mut entry) => {
                        let outcome = self.read(&mut entry, meant, false);
                        self.progress.advance(entry.compressed_size());
                        outcome
                    }
                    Err(reason) => Outcome::Not(reason),
                };
                self.last = last;
                outcome
            }
        }
    }

    fn read(&mut self, input: &mut dyn Read, meant: bool, advance: bool) -> Outcome {
        let mut first = Bytes::new();
        match self.pump(input, &mut first, advance) {
            Ok(outcome) => outcome,
            Err(Stop::Not(reason)) => Outcome::Not(reason),
            Err(Stop::Refused(refused)) => Outcome::Not(reason(refused, &first, meant)),
        }
    }

    fn pump(&mut self, input: &mut dyn Read, first: &mut Bytes, advance: bool) -> Result<Outcome, Stop> {
        let mut rewriter = Rewriter::new(self.engine, self.options.clone());
        let mut output = self.staging.output();
        let mut pieces = Vec::new();
        loop {
            let chunk = self.chunks.next(input).map_err(|error| unreadable(&error))?;
            let last = chunk.len() < chunks::SIZE;
            if first.is_empty() {
                *first = Bytes::copy_from_slice(chunk.get(..SAMPLE).unwrap_or(&chunk));
            }
            if advance {
                self.progress.advance(chunk.len() as u64);
            }
            if !chunk.is_empty() {
                rewriter.push(chunk, &mut pieces)?;
            }
            output.write(&mut pieces).map_err(|error| unwritable(&error))?;
            if last {
                break;
            }
        }
        let receipt = rewriter.finish(&mut pieces)?;
        output.write(&mut pieces).map_err(|error| unwritable(&error))?;
        let output = output.finish().map_err(|error| unwritable(&error))?;
        Ok(Outcome::Ready { receipt: Box::new(receipt), output })
    }
}

/// Preamble and prefix (PS3.10 7.1).
const SAMPLE: usize = 132;

fn has_prefix(first: &[u8]) -> bool {
    first.get(128..SAMPLE) == Some(b"DICM")
}

/// What is no DICOM was not meant to be, unless it says so by its name or its first bytes.
fn reason(refused: Refused, first: &[u8], meant: bool) -> Reason {
    let reason = Reason::refused(&refused.refusal, refused.names);
    let stranger = matches!(refused.refusal, Refusal::Fault(Fault { kind: FaultKind::NotDicom, .. }));
    match stranger && !has_prefix(first) {
        true if archive::is_archive(first) => {
            Reason::of("archive-nested", "an archive in an archive is not opened; unpack it")
        }
        true if !meant => Reason { verdict: Verdict::Skipped, code: "no-dicom", ..reason },
        _ => reason,
    }
}

fn unreadable(error: &std::io::Error) -> Stop {
    Stop::Not(Reason::unreadable(error))
}

fn unwritable(error: &std::io::Error) -> Stop {
    Stop::Not(Reason::unwritable(error))
}
