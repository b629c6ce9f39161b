//! The verifier: takes entries, checkpoints and closing records in the order of their numbers, from an export or from a
//! database, and finds what was done to them. Memory does not grow with the chain.
//!
//! One wrong thing is meant to be found once: after each finding the verifier goes on from what stands there.

use super::chain::{Head, Sealed};
use super::checkpoint::{Checkpoint, EntryReceipt, Segment, Signed, Statement};
use super::digest::Digest;
use super::finding::{Findings, Kind};
use super::gaps::{Fit, Gap, Gaps, Span};
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
            let gap = Gap {
                first: tip.sequence.saturating_add(1),
                last: sequence,
                before: Some(tip.hash()),
                after: Some(hash),
            };
            tip.jump(sequence, hash, Base::Checkpoint);
            self.open(gap);
        }
        self.vouch(sequence, hash);
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
        for gap in std::mem::take(&mut self.gaps).into_sorted() {
            self.missing(gap, unseen && gap.last == end);
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

    /// Entries seen so far.
    pub(super) fn entries(&self) -> u64 {
        self.seen.entries
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

    /// An entry whose content does not have its hash. Its number may be what was changed: if it follows the tip by
    /// name, it is taken for the next.
    fn edited(&mut self, span: Span, computed: Digest) {
        let Some(tip) = self.tip() else { return };
        let next = tip.sequence.saturating_add(1);
        let follows = span.first == next || tip.is_named_by(span.previous);
        let number = if follows { next } else { span.first };
        if follows {
            tip.step(span.hash);
            // It may as well be the hash that was changed.
            tip.add_rival(computed);
        }
        self.findings.add(
            Kind::Edited,
            Some((number, number)),
            "its content does not have the hash it was given",
        );
        if follows {
            self.met(number, span.hash);
        }
    }

    fn place(&mut self, span: Span, base: Base) {
        let Some(tip) = self.tip() else { return };
        let next = tip.sequence.saturating_add(1);
        if span.first < next {
            return self.late(span);
        }
        if span.first > next {
            let gap = Gap {
                first: next,
                last: span.first.saturating_sub(1),
                before: Some(tip.hash()),
                after: Some(span.previous),
            };
            self.open(gap);
        } else if !tip.is_named_by(span.previous) {
            self.unlinked(span);
        }
        self.advance(span, base);
    }

    fn advance(&mut self, span: Span, base: Base) {
        let Some(tip) = self.tip() else { return };
        if base == Base::Entry && span.first == tip.sequence.saturating_add(1) {
            tip.step(span.hash);
        } else {
            tip.jump(span.last, span.hash, base);
        }
        self.met(span.last, span.hash);
        if base == Base::Segment {
            self.vouch(span.last, span.hash);
        }
    }

    /// The next number, but it names another predecessor than the tip.
    fn unlinked(&mut self, span: Span) {
        let Some(tip) = self.tip() else { return };
        let (number, before) = (span.first, tip.sequence);
        if tip.shares_parent(span.previous) {
            return self.findings.add(
                Kind::Forked,
                Some((number, number)),
                "it follows the same entry as the one before it",
            );
        }
        match tip.base {
            Base::Entry if before == 0 => self.diverge(
                (number, span.last),
                "it does not follow from the beginning that binds this project and this key",
            ),
            Base::Entry => self.findings.add(
                Kind::Edited,
                Some((before, before)),
                "it has another hash than its successor names: changed and hashed anew, or replaced",
            ),
            Base::Checkpoint | Base::Segment => {
                self.diverge(
                    (number, span.last),
                    "it names another predecessor than a signature vouches for",
                );
            }
        }
    }

    /// A number that was passed already.
    fn late(&mut self, span: Span) {
        let here = Some((span.first, span.last));
        match self.gaps.fill(span) {
            Some(Fit::Fits) => {
                self.findings.add(Kind::Reordered, here, "it stands behind entries that follow it");
                return self.met(span.last, span.hash);
            }
            Some(Fit::Clashes) => {
                self.findings.add(
                    Kind::Edited,
                    here,
                    "it stands behind entries that follow it, and fits none",
                );
                return self.met(span.last, span.hash);
            }
            None => {}
        }
        let Some(tip) = self.tip() else { return };
        let (at_tip, copy) = (span.last == tip.sequence, tip.is_named_by(span.hash));
        let forks = at_tip && !copy && tip.shares_parent(span.previous);
        if at_tip {
            // Which of the two is true, the next entry tells.
            tip.add_rival(span.hash);
        }
        match forks {
            true => self.findings.add(
                Kind::Forked,
                here,
                "two entries have this number and follow the same entry",
            ),
            false => self.findings.add(Kind::Inserted, here, "an entry of this number stood there already"),
        }
    }

    /// A signature says that this entry has this hash.
    fn vouch(&mut self, sequence: u64, hash: Digest) {
        let Some(tip) = self.tip() else { return };
        if tip.is_named_by(hash) {
            self.seen.vouched = sequence;
            self.diverged = false;
        } else {
            let first = self.seen.vouched.saturating_add(1).min(sequence);
            self.diverge(
                (first, sequence),
                "in this range entries were made anew: a signed checkpoint contradicts",
            );
        }
    }

    /// From here on the chain is another than the signed one; said once until a signature agrees again.
    fn diverge(&mut self, range: (u64, u64), what: &'static str) {
        if !self.diverged {
            self.diverged = true;
            self.findings.add(Kind::Rewritten, Some(range), what);
        }
    }

    /// Compares an entry that was met with what was kept of it.
    fn met(&mut self, sequence: u64, hash: Digest) {
        let Some(comparison) = self.kept.compare(sequence, hash) else { return };
        self.seen.agreeing = self.seen.agreeing.saturating_add(comparison.agreeing);
        let range = Some((self.kept_agrees.saturating_add(1).min(sequence), sequence));
        for keeper in &comparison.contradicted {
            let what = match keeper {
                Keeper::Auditor => "in this range entries were made anew: a kept checkpoint contradicts",
                Keeper::Client => "in this range entries were made anew: a client's receipt contradicts",
            };
            self.findings.add(Kind::Rewritten, range, what);
        }
        if comparison.contradicted.is_empty() {
            self.kept_agrees = self.kept_agrees.max(sequence);
            self.seen.vouched = self.seen.vouched.max(sequence);
        }
    }

    fn open(&mut self, gap: Gap) {
        if let Some(oldest) = self.gaps.open(gap) {
            self.missing(oldest, false);
        }
    }

    fn missing(&mut self, gap: Gap, tail: bool) {
        let here = Some((gap.first, gap.last));
        match tail {
            true => self.findings.add(
                Kind::Truncated,
                here,
                "a signed checkpoint vouches for it, but it is not there",
            ),
            false => self.findings.add(Kind::Deleted, here, "it is not there"),
        }
    }
}
