//! What was decided about instances as wholes, remembered for a while: metadata comes first with most viewers, and what it
//! says decides whether pixels may pass.

use super::{Fault, Parts, Place, Veil};
use crate::deid::refusal::Refusal;
use crate::origin::recent::{Recent, Weighed};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

/// Most bytes that are remembered.
const MOST: u64 = 16 << 20;

/// Most bytes of what is remembered of places.
const MOST_PLACES: u64 = 1 << 20;

/// How long what was seen of a place stands for what is there now, if there are as many instances still. An instance that
/// was changed since is decided about again as it passes: what no longer fits breaks the answer off.
const FRESH_PLACE: Duration = Duration::from_secs(60);

/// How long a verdict stands for what the origin has now.
const FRESH: Duration = Duration::from_secs(600);

/// The verdict about one instance.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// Why it is refused, if it is.
    pub refusal: Option<Refusal>,
    /// It has pixel data, and they are let out.
    pub has_pixels: bool,
    /// Overlays lie in bits of the pixels: those must be cleared.
    pub covered: bool,
    /// What a native frame is, if what is known of the pixels tells.
    pub frame: Option<Frame>,
    pub(super) since: Instant,
}

/// A native frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its bytes as it is stored.
    pub bytes: u64,
    /// Chrominance is stored for every other pixel only: a compressed one decodes to more bytes.
    pub subsampled: bool,
}

impl Verdict {
    /// What holds of both. A refusal ends when it is no longer fresh.
    fn stricter(self, before: Self) -> Self {
        if before.refusal.is_some() {
            return before;
        }
        Self {
            covered: self.covered || before.covered,
            frame: self.frame.filter(|frame| before.frame == Some(*frame)),
            ..self
        }
    }
}

impl Weighed for Verdict {
    fn weight(&self) -> u64 {
        // With the name, and what it takes to find it.
        512
    }
}

/// Verdicts by the path of the original instance: a SOP Instance UID alone may be that of two, in a study that was split
/// or copied. What they come to, by the original study or series.
pub(super) struct Verdicts {
    instances: Recent<Verdict>,
    places: Recent<Told>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self { instances: Recent::new(MOST), places: Recent::new(MOST_PLACES) }
    }
}

impl Verdicts {
    /// What was decided about the instance at an original place. Where two stand there, or it was changed a moment ago,
    /// what is stricter holds.
    pub(super) fn learn(&self, place: &Place, verdict: Verdict) {
        let before = self.find(place);
        self.instances.keep(&place.path(), before.map_or(verdict, |before| verdict.stricter(before)));
    }

    fn find(&self, place: &Place) -> Option<Verdict> {
        self.instances.find(&place.path()).filter(|verdict| verdict.since.elapsed() < FRESH)
    }

    /// All instances of an original place were looked at just now.
    pub(super) fn learn_place(&self, original: &Place, judged: Judged) {
        self.places.keep(&original.path(), Told { judged, since: Instant::now() });
    }

    fn find_place(&self, original: &Place) -> Option<Judged> {
        let told = self.places.find(&original.path())?;
        (told.since.elapsed() < FRESH_PLACE).then_some(told.judged)
    }
}

impl Veil {
    /// The verdict about the instance at an original place; if nobody knows it, its metadata are looked at.
    ///
    /// # Errors
    /// It is refused, there is none, or the origin fails.
    pub(super) async fn passed(&self, original: &Place) -> Result<Verdict, Fault> {
        let verdict = match self.0.verdicts.find(original) {
            Some(verdict) => verdict,
            None => {
                self.judge(original).await?;
                self.0.verdicts.find(original).ok_or(Fault::NotFound)?
            }
        };
        verdict.refusal.map_or(Ok(verdict), |refusal| Err(refusal.into()))
    }

    /// Looks at the metadata of all instances below an original place, so that their verdicts are known; true if some are
    /// refused, and why the first is.
    pub(super) async fn judge(&self, original: &Place) -> Result<Judged, Fault> {
        let mut parts = self.read(original).await?;
        let mut judged = Judged::default();
        while let Some(read) = parts.next().await {
            match read? {
                Ok(_) => judged.passed += 1,
                Err(refusal) => judged.refuse(refusal),
            }
        }
        self.0.verdicts.learn_place(original, judged);
        Ok(judged)
    }

    /// What becomes of the instances of a study or series, and they themselves on their way from `behind`. They are not
    /// looked at once more if that was done a moment ago, as viewers have it, which ask for metadata first. Else both take
    /// their time together.
    pub(super) async fn judged(
        &self,
        original: &Place,
        behind: impl Future<Output = Result<Parts, Fault>>,
    ) -> Result<(Judged, Parts), Fault> {
        let Some(known) = self.0.verdicts.find_place(original) else {
            return tokio::try_join!(self.judge(original), behind);
        };
        let behind = behind.await?;
        let as_many = known.passed + known.refused == behind.instances;
        Ok((if as_many { known } else { self.judge(original).await? }, behind))
    }
}

/// What was seen of a place.
#[derive(Clone)]
struct Told {
    judged: Judged,
    since: Instant,
}

impl Weighed for Told {
    fn weight(&self) -> u64 {
        // With the name, and what it takes to find it.
        400
    }
}

/// What became of the instances of a place.
#[derive(Default, Clone, Copy)]
pub(super) struct Judged {
    /// Instances that pass.
    pub passed: u64,
    /// Instances that are refused.
    pub refused: u64,
    /// Why the first of those is.
    pub why: Option<Refusal>,
}

impl Judged {
    /// One more is refused.
    pub(super) fn refuse(&mut self, why: Refusal) {
        self.refused += 1;
        self.why = self.why.or(Some(why));
    }
}
