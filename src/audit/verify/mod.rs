//! The verifier: takes entries, checkpoints and closing records in the order of their numbers, from an export or from a
//! database, and finds what was done to them. Memory does not grow with the chain.
//!
//! How an entry fits to those before it is judged in `order`. One wrong thing is meant to be found once: after each finding the verifier goes on from what stands there.

mod order;

use super::chain::{Head, Sealed};
use super::checkpoint::{Checkpoint, EntryReceipt, Segment, Signed, Statement};
use super::digest::Digest;
use super::finding::{Findings, Kind};
use super::gaps::{Gap, Gaps, Span};
use super::kept::{Keeper, Kept};
use super::key::PublicKey;
use super::report::{Report, Seen};
use super::tip::{Base, Tip};
use super::value::Id;

/// Verifies one chain. Feed it, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Verifier {
    key: PublicKey,
    /// Another key that the source itself claims; said once, not at each of its signatures.
    foreign: Option<Digest>,
    /// Another project that the source itself claims; said once, not at each of its entries.
    stranger: Option<Id>,
    chain: Option<(Id, Tip)>,
    gaps: Gaps,
    kept: Kept,
    /// Number of the last entry on which something kept agrees.
    kept_agrees: u64,
    /// A signature contradicted the chain, and none agreed since.
    diverged: bool,
    pub(super) findings: Findings,
    seen: Seen,
    buffer: Vec<u8>,
}

impl Verifier {
    /// A verifier that trusts this key alone. With a project it refuses all others; without, the first that is named,
    /// by what is kept if anything is, is the one.
    pub fn new(key: PublicKey, project: Option<Id>) -> Self {
        let mut verifier = Self {
            key,
            foreign: None,
            stranger: None,
            chain: None,
            gaps: Gaps::default(),
            kept: Kept::default(),
            kept_agrees: 0,
            diverged: false,
            findings: Findings::default(),
            seen: Seen::default(),
            buffer: Vec::with_capacity(1024),
        };
        if let Some(project) = project {
            verifier.belongs(&project, None);
        }
        verifier
    }

    /// Takes a checkpoint that an auditor kept: the chain must still agree with it.
    pub fn keep(&mut self, checkpoint: &Signed<Checkpoint>) {
        let Checkpoint { sequence, hash, .. } = checkpoint.body;
        if self.is_signed(checkpoint, Some((sequence, sequence))) {
            self.kept.add(sequence, hash, Keeper::Auditor);
        }
    }

    /// Takes a receipt that a client kept: its entry must still be there, linked to its checkpoint.
    pub fn keep_receipt(&mut self, receipt: &EntryReceipt) {
        let here = Some((receipt.sequence, receipt.sequence));
        if !self.is_signed(&receipt.checkpoint, here) {
            return;
        }
        if receipt.check(&self.key).is_err() {
            return self.findings.add(
                Kind::Malformed,
                here,
                "the receipt's checkpoint does not cover its entry",
            );
        }
        let Checkpoint { sequence, hash, .. } = receipt.checkpoint.body;
        self.kept.add(receipt.sequence, receipt.hash, Keeper::Client);
        if sequence != receipt.sequence {
            self.kept.add(sequence, hash, Keeper::Client);
        }
    }

    /// Takes what a source says of itself. A foreign key is found here, and its signatures are not found again.
    pub fn begin(&mut self, project: &Id, key_id: Digest) {
        if key_id != self.key.id() {
            self.foreign = Some(key_id);
            self.findings.add(
                Kind::WrongKey,
                None,
                "the chain was made under another key than the one given",
            );
        }
        if self.belongs(project, None) {
            let start = Head::genesis_under(project, key_id);
            self.chain = Some((start.project, Tip::new(0, start.hash)));
        } else {
            self.stranger = Some(project.clone());
        }
    }

    /// Takes the next entry with its stored hash.
    pub fn entry(&mut self, sealed: &Sealed) {
        let claimed = sealed.body.sequence;
        if !self.belongs(&sealed.body.project, Some((claimed, claimed))) {
            return;
        }
        self.seen.entries += 1;
        let computed = sealed.body.hash_in(&mut self.buffer);
        let span = Span { first: claimed, last: claimed, previous: sealed.body.previous, hash: sealed.hash };
        if computed == sealed.hash { self.place(span, Base::Entry) } else { self.edited(span, computed) }
    }

    /// Takes an entry whose content cannot be read at all, by its number and its stored hash.
    pub(super) fn unreadable(&mut self, sequence: u64, hash: Option<Digest>) {
        self.seen.entries += 1;
        let hash = hash.unwrap_or(Digest([0; 32]));
        self.edited(Span { first: sequence, last: sequence, previous: Digest([0; 32]), hash }, hash);
    }

    /// Notes what its source shows to be wrong with the chain.
    pub(super) fn note(&mut self, kind: Kind, entries: Option<(u64, u64)>, what: &'static str) {
        self.findings.add(kind, entries, what);
    }

    /// The number up to which the chain was seen or vouched for.
    pub(super) fn last(&mut self) -> u64 {
        self.tip().map_or(0, |tip| tip.sequence)
    }

    /// Takes a checkpoint, after the entry that it names.
    pub fn checkpoint(&mut self, checkpoint: &Signed<Checkpoint>) {
        let Checkpoint { sequence, hash, .. } = checkpoint.body;
        let here = Some((sequence, sequence));
        if !self.is_signed(checkpoint, here) {
            return;
        }
        self.seen.checkpoints += 1;
        let Some(tip) = self.tip() else { return };
        if sequence < tip.sequence {
            return self.findings.add(
                Kind::Reordered,
                here,
                "its checkpoint stands behind later entries and cannot be compared",
            );
        }
        if sequence > tip.sequence {
            let first = tip.sequence.saturating_add(1);
            let (before, after) = (Some(tip.hash()), Some(hash));
            let gap = Gap { first, last: sequence, before, after, signed: true };
            tip.jump(sequence, hash, Base::Checkpoint);
            self.open(gap);
        }
        self.vouch(sequence, hash);
    }

    /// Takes a checkpoint that comes behind its entry, whose hash it was seen to name.
    pub(super) fn late_checkpoint(&mut self, checkpoint: &Signed<Checkpoint>) {
        let sequence = checkpoint.body.sequence;
        if self.is_signed(checkpoint, Some((sequence, sequence))) {
            self.seen.checkpoints += 1;
            self.seen.vouched = self.seen.vouched.max(sequence);
        }
    }

    /// Takes the checkpoint that closes a source: it must be for the last entry.
    pub fn close(&mut self, checkpoint: &Signed<Checkpoint>) {
        let sequence = checkpoint.body.sequence;
        match self.tip().map(|tip| tip.sequence) {
            Some(end) if sequence < end && self.is_signed(checkpoint, Some((sequence, sequence))) => {
                let beyond = Some((sequence.saturating_add(1), end));
                self.findings.add(Kind::Inserted, beyond, "the closing checkpoint does not vouch for this");
            }
            _ => self.checkpoint(checkpoint),
        }
    }

    /// Takes the closing record of a deleted segment, in the place of its entries.
    pub fn segment(&mut self, segment: &Signed<Segment>) {
        let Segment { first, last, first_previous, hash, count, .. } = segment.body;
        let here = Some((first, last));
        if !self.is_signed(segment, here) {
            return;
        }
        if !segment.body.is_sound() {
            return self.findings.add(
                Kind::Malformed,
                None,
                "a closing record whose numbers do not fit together",
            );
        }
        self.seen.segments += 1;
        self.seen.deleted = self.seen.deleted.saturating_add(count);
        self.place(Span { first, last, previous: first_previous, hash }, Base::Segment);
    }

    /// Nothing more comes: what is wrong with the whole.
    pub fn finish(mut self) -> Report {
        self.findings.at_end();
        let head = self.chain.as_ref().map(|(project, tip)| Head {
            project: project.clone(),
            sequence: tip.sequence,
            hash: tip.hash(),
        });
        let end = head.as_ref().map_or(0, |head| head.sequence);
        let unseen = self.tip().is_some_and(|tip| tip.base == Base::Checkpoint);
        for (first, last) in std::mem::take(&mut self.gaps).into_ranges() {
            self.missing((first, last), unseen && last == end);
        }
        let (beyond, uncompared) = self.kept.rest(end);
        self.seen.uncompared = uncompared;
        if let Some(last) = beyond {
            let lost = Some((end.saturating_add(1), last));
            self.findings.add(
                Kind::RolledBack,
                lost,
                "a kept checkpoint or receipt vouches for more than is here",
            );
        }
        let (findings, more) = self.findings.into_parts();
        Report { head, seen: self.seen, findings, more }
    }

    fn tip(&mut self) -> Option<&mut Tip> {
        self.chain.as_mut().map(|(_, tip)| tip)
    }

    /// True if this is the project; the first that is named becomes it.
    fn belongs(&mut self, project: &Id, here: Option<(u64, u64)>) -> bool {
        let (own, _) = self.chain.get_or_insert_with(|| {
            let start = Head::genesis_under(project, self.key.id());
            (start.project, Tip::new(0, start.hash))
        });
        let same = own == project;
        if !same && self.stranger.as_ref() != Some(project) {
            self.findings.add(Kind::WrongProject, here, "this is of another project");
        }
        same
    }

    fn is_signed<T: Statement>(&mut self, signed: &Signed<T>, here: Option<(u64, u64)>) -> bool {
        if !self.belongs(signed.body.project(), here) {
            return false;
        }
        let key_id = signed.body.key_id();
        if key_id != self.key.id() {
            if self.foreign != Some(key_id) {
                self.findings.add(Kind::WrongKey, here, "a signature is said to be by another key");
            }
            return false;
        }
        let holds = signed.holds_under(&self.key);
        if !holds {
            self.findings.add(Kind::BadSignature, here, "a signature about this does not hold");
        }
        holds
    }
}
