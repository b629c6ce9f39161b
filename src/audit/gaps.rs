//! Entries that are missing so far, as ranges with the hashes at their edges, so that an entry that turns up late is told
//! from one that is gone. Bounded: with too many gaps open the oldest counts as deleted.

use super::digest::Digest;
use std::collections::VecDeque;

/// Gaps open at a time.
const MOST: usize = 256;

/// Entries `first` to `last` are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Hash of the entry before `first`, where known: its predecessor.
    pub(super) before: Option<Digest>,
    /// Hash that entry `last` has by whoever names it, where known.
    pub(super) after: Option<Digest>,
    /// Whoever names it is a signature.
    pub(super) signed: bool,
}

/// How what turned up late fits into the gap it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Its hashes fit those around it, as far as these are known.
    Fits,
    /// They do not.
    Clashes,
    /// They are not those that a signature names.
    Contradicts,
}

/// Entries from `first` to `last` (one, or a sealed segment) with the hashes at their ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) previous: Digest,
    pub(super) hash: Digest,
}

/// The open gaps, in the order of their discovery.
#[derive(Debug, Default)]
pub(super) struct Gaps(VecDeque<Gap>);

impl Gaps {
    /// Notes a gap; gives back one that has to be counted as deleted because too many are open.
    pub(super) fn open(&mut self, gap: Gap) -> Option<Gap> {
        self.0.push_back(gap);
        if self.0.len() > MOST { self.0.pop_front() } else { None }
    }

    /// Fills (part of) a gap with what turned up late. None if no gap is there.
    pub(super) fn fill(&mut self, span: Span) -> Option<Fit> {
        let at = self.0.iter().position(|gap| gap.first <= span.first && span.last <= gap.last)?;
        let gap = self.0.remove(at)?;
        let mut fit = Fit::Fits;
        if span.first == gap.first {
            fit = clash(fit, gap.before, span.previous);
        } else {
            let after = Some(span.previous);
            let rest = Gap { last: span.first.saturating_sub(1), after, signed: false, ..gap };
            self.0.push_back(rest);
        }
        if span.last == gap.last {
            fit = match clash(fit, gap.after, span.hash) {
                Fit::Clashes if gap.signed => Fit::Contradicts,
                other => other,
            };
        } else {
            let rest = Gap { first: span.last.saturating_add(1), before: Some(span.hash), ..gap };
            self.0.push_back(rest);
        }
        Some(fit)
    }

    /// Ranges still missing, by number; those that touch are one.
    pub(super) fn into_ranges(self) -> Vec<(u64, u64)> {
        let mut gaps = Vec::from(self.0);
        gaps.sort_by_key(|gap| gap.first);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for gap in gaps {
            match ranges.last_mut() {
                Some((_, last)) if last.saturating_add(1) == gap.first => *last = gap.last,
                _ => ranges.push((gap.first, gap.last)),
            }
        }
        ranges
    }
}

fn clash(fit: Fit, known: Option<Digest>, shown: Digest) -> Fit {
    if known.is_some_and(|known| known != shown) { Fit::Clashes } else { fit }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    fn entry(sequence: u8) -> Span {
        let (previous, hash) = (digest(sequence - 1), digest(sequence));
        Span { first: sequence.into(), last: sequence.into(), previous, hash }
    }

    #[test]
    fn a_gap_closes_from_the_middle_outwards() {
        let mut gaps = Gaps::default();
        gaps.open(Gap { first: 3, last: 5, before: Some(digest(2)), after: Some(digest(5)), signed: false });
        for sequence in [4, 5, 3] {
            assert_eq!(gaps.fill(entry(sequence)), Some(Fit::Fits), "{sequence}");
        }
        assert_eq!(gaps.fill(entry(4)), None, "a second time there is no gap");
        assert_eq!(gaps.into_ranges(), vec![]);
    }

    #[test]
    fn what_does_not_fit_its_neighbours_clashes() {
        let gap = Gap { first: 3, last: 3, before: Some(digest(9)), after: Some(digest(3)), signed: false };
        let mut gaps = Gaps::default();
        gaps.open(gap);
        assert_eq!(gaps.fill(entry(3)), Some(Fit::Clashes));
        let gap = Gap { before: Some(digest(2)), after: Some(digest(9)), ..gap };
        gaps.open(gap);
        assert_eq!(gaps.fill(entry(3)), Some(Fit::Clashes));
        gaps.open(Gap { signed: true, ..gap });
        assert_eq!(gaps.fill(entry(3)), Some(Fit::Contradicts));
    }

    #[test]
    fn a_flood_of_gaps_stays_bounded() {
        let mut gaps = Gaps::default();
        let flushed = (0..5000).filter_map(|at| {
            gaps.open(Gap { first: 2 * at, last: 2 * at, before: None, after: None, signed: false })
        });
        assert_eq!(flushed.count(), 5000 - MOST);
    }
}
