//! The chain itself: entries that each name the hash of the one before, from a beginning that binds project and key.
//! One chain per project; whoever appends holds the head alone (a lock, or a single writer), so that no fork can happen.

use super::canonical::{self, LARGEST};
use super::digest::Digest;
use super::event::Event;
use super::key::PublicKey;
use super::value::{Id, Time};
use serde::{Deserialize, Serialize};

/// One entry: an event in its place. Members stand in the order of their canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// Hash of the entry before, or of the genesis.
    pub previous: Digest,
    /// The project whose chain this is.
    pub project: Id,
    /// Its number in the chain, from 1.
    pub sequence: u64,
    /// When it happened.
    pub time: Time,
}

impl Entry {
    /// Reads one entry from JSON, canonical or not.
    ///
    /// # Errors
    /// It is no entry of this format.
    pub fn parse(text: &str) -> Result<Self, BadEntry> {
        // The reader's own message could quote the text.
        serde_json::from_str(text).map_err(|_| BadEntry)
    }

    /// Its canonical bytes (RFC 8785).
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// SHA-256 over `veilgate audit entry 1`, a line feed, and the canonical bytes.
    pub fn hash(&self) -> Digest {
        self.hash_in(&mut Vec::with_capacity(1024))
    }

    pub(super) fn hash_in(&self, buffer: &mut Vec<u8>) -> Digest {
        canonical::digest(canonical::ENTRY, self, buffer)
    }
}

/// A text is no entry of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no audit entry of format 1")]
pub struct BadEntry;

/// An entry with its hash, as it is stored and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The entry.
    pub body: Entry,
    /// The entry's hash as it was when the entry was made.
    pub hash: Digest,
}

/// Where a chain ends, and the next entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The project.
    pub project: Id,
    /// Number of the last entry; 0 while there is none.
    pub sequence: u64,
    /// Hash of the last entry; of the genesis while there is none.
    pub hash: Digest,
}

/// A chain holds no more entries than JSON readers can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit chain is full")]
pub struct ChainFull;

#[derive(Serialize)]
struct Genesis<'a> {
    key_id: Digest,
    project: &'a Id,
}

impl Head {
    /// The beginning of a project's chain under a key. Another project's or another key's entries never fit onto it.
    pub fn genesis(project: &Id, key: &PublicKey) -> Self {
        Self::genesis_under(project, key.id())
    }

    pub(super) fn genesis_under(project: &Id, key_id: Digest) -> Self {
        let hash = canonical::digest(canonical::GENESIS, &Genesis { key_id, project }, &mut Vec::new());
        Self { project: project.clone(), sequence: 0, hash }
    }

    /// Chains events in the order given; the new head, and the entries to store with it in one transaction.
    ///
    /// # Errors
    /// The sequence would leave the integers that every JSON reader holds exactly.
    pub fn append(
        &self,
        events: impl IntoIterator<Item = (Time, Event)>,
    ) -> Result<(Self, Vec<Sealed>), ChainFull> {
        let mut head = self.clone();
        let mut buffer = Vec::with_capacity(1024);
        let mut entries = Vec::new();
        for (time, event) in events {
            if head.sequence >= LARGEST {
                return Err(ChainFull);
            }
            head.sequence += 1;
            let (previous, project, sequence) = (head.hash, head.project.clone(), head.sequence);
            let body = Entry { event, previous, project, sequence, time };
            head.hash = body.hash_in(&mut buffer);
            entries.push(Sealed { body, hash: head.hash });
        }
        Ok((head, entries))
    }
}
