//! What became of one input and, where it did not go through, why. No path and no value
//! of a data set.

use crate::cli::stdio;
use crate::deid::receipt::{Names, Receipt};
use crate::deid::refusal::Refusal;
use dicom_core::Tag;
use serde::Serialize;
use std::io;
use tempfile::TempPath;

/// What became of an input, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Pseudonymized.
    Done,
    /// Just this output was there already.
    Unchanged,
    /// Not safe, not supported or damaged.
    Refused,
    /// Clearly no DICOM.
    Skipped,
    /// Could not be read or written.
    Failed,
}

/// What a worker made of an input.
pub enum Outcome {
    /// Pseudonymized, under a temporary name.
    Ready {
        /// What was done.
        receipt: Box<Receipt>,
        /// The whole output.
        output: TempPath,
    },
    /// Not.
    Not(Reason),
}

impl Outcome {
    /// Our own mistake: the input is not to blame, and nothing of it goes out.
    pub fn internal_error() -> Self {
        Self::Not(Reason { verdict: Verdict::Failed, ..Reason::of("internal", "internal error") })
    }
}

/// Why an input did not go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Refused, skipped or failed.
    pub verdict: Verdict,
    /// Short and stable, for programs.
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// The attribute concerned.
    pub tag: Option<Tag>,
    /// The clause of the standard.
    pub clause: Option<&'static str>,
    /// The profile setting that would let it pass.
    pub setting: Option<&'static str>,
    /// Pseudonymous names, as far as they could be read.
    pub names: Option<Box<Names>>,
}

impl Reason {
    /// A refusal whose reason is not in the data set.
    pub fn of(code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { verdict: Verdict::Refused, code, text, tag: None, clause: None, setting: None, names: None }
    }

    /// What is passed over on purpose.
    pub fn skipped(code: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::of(code, text) }
    }

    fn failed(code: &'static str, what: &str, error: &io::Error) -> Self {
        let text = format!("the {what}: {}", stdio::why(error));
        Self { verdict: Verdict::Failed, ..Self::of(code, text) }
    }

    /// The input could not be read.
    pub fn unreadable(error: &io::Error) -> Self {
        Self::failed("unreadable", "input cannot be read", error)
    }

    /// The output could not be written.
    pub fn unwritable(error: &io::Error) -> Self {
        Self::failed("unwritable", "output cannot be written", error)
    }

    /// The engine's refusal.
    pub fn refused(refusal: &Refusal, names: Option<Box<Names>>) -> Self {
        Self {
            verdict: Verdict::Refused,
            code: refusal.code(),
            text: refusal.to_string(),
            tag: refusal.tag(),
            clause: Some(refusal.clause()),
            setting: refusal.setting(),
            names,
        }
    }
}
