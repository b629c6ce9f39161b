//! What became of one input and, where it did not go through, why. No path and no value
//! of a data set.

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
    Not(Verdict, Reason),
}

impl Outcome {
    /// Our own mistake: the input is not to blame, and nothing of it goes out.
    pub fn internal_error() -> Self {
        Self::Not(Verdict::Failed, Reason::of("internal", "internal error"))
    }
}

/// Why an input did not go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
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
    /// A reason that is not in the data set.
    pub fn of(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), tag: None, clause: None, setting: None, names: None }
    }

    /// The input could not be read.
    pub fn unreadable(error: &io::Error) -> Self {
        Self::of("unreadable", format!("the input cannot be read: {}", error.kind()))
    }

    /// The output could not be written.
    pub fn unwritable(error: &io::Error) -> Self {
        Self::of("unwritable", format!("the output cannot be written: {}", error.kind()))
    }

    /// The engine's refusal.
    pub fn refused(refusal: &Refusal, names: Option<Box<Names>>) -> Self {
        Self {
            code: refusal.code(),
            text: refusal.to_string(),
            tag: refusal.tag(),
            clause: Some(refusal.clause()),
            setting: refusal.setting(),
            names,
        }
    }
}
