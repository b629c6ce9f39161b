//! How far a verifier has come: the last number, and the hashes that an entry after it may name. More than one only
//! where something is wrong already, so that one wrong entry is found once.

use super::digest::Digest;

/// Rivals remembered for one number.
const MOST: usize = 16;

/// The hashes that stand for one number in the chain.
#[derive(Debug, Clone)]
struct Level {
    hash: Digest,
    rivals: Vec<Digest>,
}

impl Level {
    fn new(hash: Digest) -> Self {
        // An empty list takes no memory.
        Self { hash, rivals: Vec::new() }
    }

    fn has(&self, hash: Digest) -> bool {
        self.hash == hash || self.rivals.contains(&hash)
    }
}

/// What a tip rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// An entry that was seen (or the genesis, which follows from project and key).
    Entry,
    /// A checkpoint for an entry that was not seen.
    Checkpoint,
    /// The closing record of a segment.
    Segment,
}

/// How far a verifier has come.
#[derive(Debug, Clone)]
pub(super) struct Tip {
    pub(super) sequence: u64,
    pub(super) base: Base,
    level: Level,
    before: Option<Level>,
}

impl Tip {
    pub(super) fn new(sequence: u64, hash: Digest) -> Self {
        Self { sequence, base: Base::Entry, level: Level::new(hash), before: None }
    }

    /// The hash of the last entry.
    pub(super) fn hash(&self) -> Digest {
        self.level.hash
    }

    /// True if an entry that names this hash follows the tip.
    pub(super) fn is_named_by(&self, previous: Digest) -> bool {
        self.level.has(previous)
    }

    /// True if an entry that names this hash follows the same entry as the tip does.
    pub(super) fn shares_parent(&self, previous: Digest) -> bool {
        self.before.as_ref().is_some_and(|before| before.has(previous))
    }

    /// Goes on to the next number.
    pub(super) fn step(&mut self, hash: Digest) {
        let before = std::mem::replace(&mut self.level, Level::new(hash));
        self.before = Some(before);
        self.sequence = self.sequence.saturating_add(1);
        self.base = Base::Entry;
    }

    /// Goes on across numbers that are not seen.
    pub(super) fn jump(&mut self, sequence: u64, hash: Digest, base: Base) {
        *self = Self { base, ..Self::new(sequence, hash) };
    }

    /// Lets another hash stand for the last number too.
    pub(super) fn add_rival(&mut self, hash: Digest) {
        if self.level.rivals.len() < MOST && !self.level.has(hash) {
            self.level.rivals.push(hash);
        }
    }
}
