//! How what comes next fits to what came: the next number, a gap, a late one, a fork; and what a signature or
//! something kept says of it. The verifier's entrances are in the parent.

use super::super::digest::Digest;
use super::super::finding::Kind;
use super::super::gaps::{Fit, Gap, Span};
use super::super::kept::Keeper;
use super::super::tip::Base;
use super::Verifier;

impl Verifier {
    /// An entry whose content does not have its hash. Its number may be what was changed: if it follows the tip by
    /// name, it is taken for the next.
    pub(super) fn edited(&mut self, span: Span, computed: Digest) {
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

    pub(super) fn place(&mut self, span: Span, base: Base) {
        let Some(tip) = self.tip() else { return };
        let next = tip.sequence.saturating_add(1);
        if span.first < next {
            return self.late(span);
        }
        if span.first > next {
            let (before, after) = (Some(tip.hash()), Some(span.previous));
            let signed = base == Base::Segment;
            let gap = Gap { first: next, last: span.first.saturating_sub(1), before, after, signed };
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
        match self.gaps.fill(span) {
            Some(fit) => self.turned_up(span, fit),
            None => self.again(span),
        }
    }

    /// It was missing so far.
    fn turned_up(&mut self, span: Span, fit: Fit) {
        let here = (span.first, span.last);
        match fit {
            Fit::Fits => {
                self.findings.add(Kind::Reordered, Some(here), "it stands behind entries that follow it")
            }
            Fit::Clashes => {
                let what = "it stands behind entries that follow it, and does not fit between its neighbours";
                self.findings.add(Kind::Edited, Some(here), what);
            }
            Fit::Contradicts => self.contradicted(span.last),
        }
        let at_tip = self.tip().filter(|tip| tip.sequence == span.last);
        if let Some(tip) = at_tip {
            tip.add_rival(span.hash);
        }
        self.met(span.last, span.hash);
    }

    /// It was not missing.
    fn again(&mut self, span: Span) {
        let Some(tip) = self.tip() else { return };
        let here = Some((span.first, span.last));
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
    pub(super) fn vouch(&mut self, sequence: u64, hash: Digest) {
        let Some(tip) = self.tip() else { return };
        match (tip.is_named_by(hash), tip.base) {
            // The entry itself was not seen yet.
            (true, Base::Checkpoint) => {}
            (true, _) => {
                self.seen.vouched = sequence;
                self.diverged = false;
            }
            (false, _) => self.contradicted(sequence),
        }
    }

    /// A signature says that this entry has another hash.
    fn contradicted(&mut self, sequence: u64) {
        let first = self.seen.vouched.saturating_add(1).min(sequence);
        self.diverge(
            (first, sequence),
            "in this range entries were made anew: a signed checkpoint contradicts",
        );
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

    pub(super) fn open(&mut self, gap: Gap) {
        if let Some(oldest) = self.gaps.open(gap) {
            self.missing((oldest.first, oldest.last), false);
        }
    }

    pub(super) fn missing(&mut self, range: (u64, u64), tail: bool) {
        let here = Some(range);
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
