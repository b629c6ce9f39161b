//! What the gateway signs about a chain: checkpoints, the closing records of deleted segments, and the receipts that a
//! client keeps. Everything signed is a statement in its own domain.

use super::canonical;
use super::chain::{Head, Sealed};
use super::digest::Digest;
use super::key::{PublicKey, Signature, SigningKey};
use super::value::{Id, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What can be signed.
pub trait Statement: Serialize {
    /// The line that stands before its canonical bytes when they are signed.
    const DOMAIN: &'static str;

    /// The project it speaks of.
    fn project(&self) -> &Id;

    /// Name of the key that signs it.
    fn key_id(&self) -> Digest;
}

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// What is stated.
    pub body: T,
    /// Ed25519 over domain and canonical bytes of the body.
    pub signature: Signature,
}

impl<T: Statement> Signed<T> {
    fn new(body: T, key: &SigningKey) -> Self {
        let signature = key.sign(T::DOMAIN, &body);
        Self { body, signature }
    }

    /// True if `key` signed just this.
    pub fn holds_under(&self, key: &PublicKey) -> bool {
        self.body.key_id() == key.id() && key.verify(T::DOMAIN, &self.body, &self.signature)
    }

    /// Its canonical JSON, one line without line end.
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }
}

impl<T: Statement + DeserializeOwned> Signed<T> {
    /// Reads a statement with its signature from JSON. Nothing is checked yet but its form.
    ///
    /// # Errors
    /// It is no such statement.
    pub fn parse(text: &str) -> Result<Self, BadStatement> {
        // The reader's own message could quote the text.
        serde_json::from_str(text).map_err(|_| BadStatement)
    }
}

/// A text is no signed statement of format 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signed audit statement of format 1")]
pub struct BadStatement;

/// "At this time the chain of this project had this entry as its last." An auditor who keeps one can later show that
/// the chain was rolled back or written anew, whoever holds the signing key then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Hash of the last entry.
    pub hash: Digest,
    /// Name of the key that signs.
    pub key_id: Digest,
    /// The project.
    pub project: Id,
    /// Number of the last entry.
    pub sequence: u64,
    /// When it was signed.
    pub time: Time,
}

impl Checkpoint {
    /// Signs where a chain ends.
    pub fn sign(head: &Head, time: Time, key: &SigningKey) -> Signed<Self> {
        let (project, sequence, hash) = (head.project.clone(), head.sequence, head.hash);
        Signed::new(Self { hash, key_id: key.public().id(), project, sequence, time }, key)
    }
}

impl Statement for Checkpoint {
    const DOMAIN: &'static str = canonical::CHECKPOINT;

    fn project(&self) -> &Id {
        &self.project
    }

    fn key_id(&self) -> Digest {
        self.key_id
    }
}

/// "These entries were here and are deleted." It stands in their place, and the chain goes on across it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How many entries.
    pub count: u64,
    /// Number of the first.
    pub first: u64,
    /// Hash that the first names as its predecessor's.
    pub first_previous: Digest,
    /// Hash of the last.
    pub hash: Digest,
    /// Name of the key that signs.
    pub key_id: Digest,
    /// Number of the last.
    pub last: u64,
    /// The project.
    pub project: Id,
    /// When it was sealed.
    pub time: Time,
}

/// A range of entries is no segment of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the last entry of the segment stands before its first, or in another chain")]
pub struct NoSegment;

impl Segment {
    /// Seals the entries `first` to `last`. Verify the chain across them before, and store the record in the
    /// transaction that deletes them.
    ///
    /// # Errors
    /// `last` stands before `first`, or in another project's chain.
    pub fn seal(
        first: &Sealed,
        last: &Sealed,
        time: Time,
        key: &SigningKey,
    ) -> Result<Signed<Self>, NoSegment> {
        let between = last.body.sequence.checked_sub(first.body.sequence).ok_or(NoSegment)?;
        if first.body.project != last.body.project {
            return Err(NoSegment);
        }
        let body = Self {
            count: between.saturating_add(1),
            first: first.body.sequence,
            first_previous: first.body.previous,
            hash: last.hash,
            key_id: key.public().id(),
            last: last.body.sequence,
            project: first.body.project.clone(),
            time,
        };
        Ok(Signed::new(body, key))
    }

    /// True if the numbers fit together.
    pub(super) fn is_sound(&self) -> bool {
        self.first > 0 && self.last.checked_sub(self.first).and_then(|n| n.checked_add(1)) == Some(self.count)
    }
}

impl Statement for Segment {
    const DOMAIN: &'static str = canonical::SEGMENT;

    fn project(&self) -> &Id {
        &self.project
    }

    fn key_id(&self) -> Digest {
        self.key_id
    }
}

/// What a client keeps of its request: that an entry is in the chain, with a checkpoint signed at that entry or later.
/// The checkpoint alone proves the entry where both have the same number; else the entries between the two, in an
/// export, link them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryReceipt {
    /// The chain's head at that entry or later.
    pub checkpoint: Signed<Checkpoint>,
    /// Hash of the entry.
    pub hash: Digest,
    /// Number of the entry.
    pub sequence: u64,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// Not the text that [`EntryReceipt::canonical`] writes.
    #[error("no audit receipt of format 1")]
    Form,
    /// The checkpoint was not signed by this key.
    #[error("the checkpoint in the receipt was not signed by this key")]
    Signature,
    /// The checkpoint was signed before the entry, or for another entry of that number.
    #[error("the checkpoint in the receipt does not cover the receipt's entry")]
    NotCovered,
}

impl EntryReceipt {
    /// The receipt of an entry under a checkpoint at it or later.
    ///
    /// # Errors
    /// The checkpoint does not cover the entry.
    pub fn new(entry: &Sealed, checkpoint: Signed<Checkpoint>) -> Result<Self, BadReceipt> {
        let receipt = Self { checkpoint, hash: entry.hash, sequence: entry.body.sequence };
        let same = receipt.checkpoint.body.project == entry.body.project;
        if same && receipt.is_covered() { Ok(receipt) } else { Err(BadReceipt::NotCovered) }
    }

    /// Reads a receipt from its JSON.
    ///
    /// # Errors
    /// It is no receipt.
    pub fn parse(text: &str) -> Result<Self, BadReceipt> {
        serde_json::from_str(text).map_err(|_| BadReceipt::Form)
    }

    /// Its canonical JSON: compact, ASCII, one line, fit for a header.
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// Checks all that can be checked without the chain. True if the signature alone proves the entry; false if an
    /// export must show the entries between it and the checkpoint.
    ///
    /// # Errors
    /// The receipt contradicts itself or was not signed by `key`.
    pub fn check(&self, key: &PublicKey) -> Result<bool, BadReceipt> {
        if !self.checkpoint.holds_under(key) {
            return Err(BadReceipt::Signature);
        }
        if !self.is_covered() {
            return Err(BadReceipt::NotCovered);
        }
        Ok(self.checkpoint.body.sequence == self.sequence)
    }

    fn is_covered(&self) -> bool {
        let Checkpoint { sequence, hash, .. } = &self.checkpoint.body;
        *sequence > self.sequence || (*sequence == self.sequence && *hash == self.hash)
    }
}
