//! What an auditor or a client kept from before: number and hash of entries that must still be in the chain.

use super::digest::Digest;
use std::collections::BTreeMap;

/// Who kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// An auditor, a checkpoint.
    Auditor,
    /// A client, the receipt of an entry.
    Client,
}

/// How what was kept compares with the chain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) agreeing: u64,
    pub(super) contradicted: Vec<Keeper>,
}

/// Kept hashes that were not compared yet, by number of the entry.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<u64, Vec<(Digest, Keeper)>>);

impl Kept {
    pub(super) fn add(&mut self, sequence: u64, hash: Digest, keeper: Keeper) {
        self.0.entry(sequence).or_default().push((hash, keeper));
    }

    /// Compares all that was kept of one entry, once; nothing if nothing was.
    pub(super) fn compare(&mut self, sequence: u64, hash: Digest) -> Option<Comparison> {
        if self.0.is_empty() {
            return None;
        }
        let kept = self.0.remove(&sequence)?;
        let contradicted: Vec<Keeper> =
            kept.iter().filter(|(other, _)| *other != hash).map(|(_, keeper)| *keeper).collect();
        let agreeing = kept.len().saturating_sub(contradicted.len()) as u64;
        Some(Comparison { agreeing, contradicted })
    }

    /// What was never met: the last number kept beyond `end`, and how many hashes before could not be compared.
    pub(super) fn rest(&self, end: u64) -> (Option<u64>, u64) {
        let beyond = self.0.last_key_value().map(|(sequence, _)| *sequence).filter(|last| *last > end);
        let skipped = self.0.range(..=end).map(|(_, kept)| kept.len() as u64).sum();
        (beyond, skipped)
    }
}
