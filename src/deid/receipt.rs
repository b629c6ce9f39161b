//! What was done to an instance, without any value of it. Who writes it where
//! (JSON lines, audit, database) is decided above.

use super::patient::Patient;
use super::refusal::Refusal;
use serde::Serialize;

/// A value that identifies. It can be neither printed, logged nor serialized; whoever
/// needs it must say so by `expose`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps an identifying value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The identifying value itself. For matching and mapping only.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

/// How many elements met which fate, at all depths, private creators among them. What the gateway writes of its own is
/// not counted, and nothing inside a sequence that does not stay as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Left as they were.
    pub kept: u32,
    /// Taken out.
    pub removed: u32,
    /// Left with zero length.
    pub emptied: u32,
    /// Given a dummy or a pseudonym.
    pub replaced: u32,
    /// Given a replacement UID.
    pub uids: u32,
    /// Dates shifted.
    pub shifted: u32,
}

impl Counts {
    /// Adds those of another part of the same instance.
    pub fn add(&mut self, other: &Self) {
        self.kept += other.kept;
        self.removed += other.removed;
        self.emptied += other.emptied;
        self.replaced += other.replaced;
        self.uids += other.uids;
        self.shifted += other.shifted;
    }
}

/// UIDs as they stand in the output; pseudonymous unless the profile retains them. Of an instance that was restored,
/// those under which it can be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Names {
    /// SOP Class UID, never replaced.
    pub sop_class: String,
    /// SOP Instance UID.
    pub instance: String,
    /// Series Instance UID; empty if the instance has none.
    pub series: String,
    /// Study Instance UID; empty if the instance has none.
    pub study: String,
}

/// Identifiers of the other side: as they came in, and of an instance that was restored, as they went out.
#[derive(Clone, PartialEq, Eq)]
pub struct Originals {
    /// SOP Instance UID.
    pub instance: String,
    /// Series Instance UID.
    pub series: String,
    /// Study Instance UID.
    pub study: String,
    /// Patient ID, decoded.
    pub patient_id: String,
    /// Issuer of Patient ID, decoded.
    pub issuer: String,
}

impl Originals {
    /// The patient.
    pub fn patient(&self) -> Patient {
        Patient::of(&self.patient_id, &self.issuer, &self.study)
    }
}

/// What was done to one instance.
#[derive(Clone)]
pub struct Receipt {
    /// UIDs of the output.
    pub names: Names,
    /// SOP Instance UID as its sender knows it, where that is another than it has in `names` and no secret: of an
    /// instance that was restored.
    pub sent: Option<Box<str>>,
    /// Patient ID of the output; empty if it was emptied. Of an instance that was restored, the pseudonym.
    pub patient_id: String,
    /// Transfer syntax of the output.
    pub transfer_syntax: &'static str,
    /// Fates of the elements.
    pub counts: Counts,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// SHA-256 of what came in, if asked for.
    pub sha256_in: Option<[u8; 32]>,
    /// SHA-256 of what went out, if asked for.
    pub sha256_out: Option<[u8; 32]>,
    /// The identifiers that must not be told.
    pub originals: Phi<Originals>,
}

impl Receipt {
    /// The SOP Instance UID under which the instance arrives where it goes.
    pub fn arrives_as(&self) -> &str {
        self.sent.as_deref().unwrap_or(&self.names.instance)
    }
}

/// A refused instance: why, and under which pseudonymous names it may be reported.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Its names, as far as they could be read before the refusal.
    pub names: Option<Box<Names>>,
    /// As in `Receipt`.
    pub sent: Option<Box<str>>,
}

impl<E: Into<Refusal>> From<E> for Refused {
    fn from(refusal: E) -> Self {
        Self { refusal: refusal.into(), names: None, sent: None }
    }
}
