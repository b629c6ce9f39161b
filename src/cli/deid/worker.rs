//! One thread's work: drives the bytes of an input through the rewriter into a temporary
//! file. What becomes of that file is the ledger's business.

use super::archive::{self, Last};
use super::chunks::Chunks;
use super::outcome::{Outcome, Reason, Verdict};
use super::progress::Progress;
use super::source::{Content, Source};
use super::staging::Staging;
use crate::deid::engine::Engine;
use crate::deid::receipt::Refused;
use crate::deid::refusal::Refusal;
use crate::deid::rewriter::{Options, Rewriter};
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
    Not(Verdict, Reason),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<'a> Worker<'a> {
    /// A thread that writes to `staging`; `digests`: hash input and output.
    pub fn new(engine: &'a Engine, staging: &'a Staging, progress: &'a Progress, digests: bool) -> Self {
        let options = Options { digests, ..Options::default() };
        Self { engine, staging, progress, options, chunks: Chunks::default(), last: Last::default() }
    }

    /// Pseudonymizes one input.
    pub fn rewrite(&mut self, source: Source) -> Outcome {
        let named = source.about.named;
        match source.content {
            Content::Unreadable(reason) => Outcome::Not(Verdict::Failed, reason),
            Content::File(mut file) => self.read(&mut file, named, true),
            Content::Entry { archive, index } => {
                let mut last = std::mem::take(&mut self.last);
                let outcome = match last.entry(&archive, index) {
                    Ok(mut entry) => {
                        let outcome = self.read(&mut entry, named, false);
                        self.progress.advance(entry.compressed_size());
                        outcome
                    }
                    Err(reason) => Outcome::Not(Verdict::Refused, reason),
                };
                self.last = last;
                outcome
            }
        }
    }

    fn read(&mut self, input: &mut dyn Read, named: bool, advance: bool) -> Outcome {
        let mut first = Bytes::new();
        match self.pump(input, &mut first, advance) {
            Ok(outcome) => outcome,
            Err(Stop::Not(verdict, reason)) => Outcome::Not(verdict, reason),
            Err(Stop::Refused(refused)) => {
                let stranger =
                    matches!(refused.refusal, Refusal::Fault(Fault { kind: FaultKind::NotDicom, .. }))
                        && !has_prefix(&first);
                let verdict = if stranger && !named { Verdict::Skipped } else { Verdict::Refused };
                if stranger && archive::is_archive(&first) {
                    return Outcome::Not(Verdict::Refused, nested());
                }
                Outcome::Not(verdict, Reason::refused(&refused.refusal, refused.names))
            }
        }
    }

    fn pump(&mut self, input: &mut dyn Read, first: &mut Bytes, advance: bool) -> Result<Outcome, Stop> {
        let mut rewriter = Rewriter::new(self.engine, self.options.clone());
        let mut output = self.staging.output();
        let mut pieces = Vec::new();
        loop {
            let chunk = self.chunks.next(input).map_err(|error| unreadable(&error))?;
            if chunk.is_empty() {
                break;
            }
            if first.is_empty() {
                *first = Bytes::copy_from_slice(chunk.get(..SAMPLE).unwrap_or(&chunk));
            }
            if advance {
                self.progress.advance(chunk.len() as u64);
            }
            rewriter.push(chunk, &mut pieces)?;
            output.write(&mut pieces).map_err(|error| unwritable(&error))?;
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

fn nested() -> Reason {
    Reason::of("archive-nested", "an archive in an archive is not opened; unpack it")
}

fn unreadable(error: &std::io::Error) -> Stop {
    Stop::Not(Verdict::Failed, Reason::unreadable(error))
}

fn unwritable(error: &std::io::Error) -> Stop {
    Stop::Not(Verdict::Failed, Reason::unwritable(error))
}
