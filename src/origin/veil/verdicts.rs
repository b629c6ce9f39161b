//! What was decided about instances as wholes, remembered for a while: metadata comes first with most viewers, and what it
//! says decides whether pixels may pass.

use super::{Fault, Place, Veil};
use crate::deid::refusal::Refusal;
use crate::origin::recent::{Recent, Weighed};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

/// Most bytes that are remembered.
const MOST: u64 = 16 << 20;

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
    pub(super) since: Instant,
}

impl Weighed for Verdict {
    fn weight(&self) -> u64 {
        256
    }
}

/// Verdicts by the original SOP Instance UID.
pub(super) struct Verdicts(Recent<Verdict>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(Recent::new(MOST))
    }
}

impl Verdicts {
    pub(super) fn learn(&self, instance: &str, verdict: Verdict) {
        self.0.keep(instance, verdict);
    }

    pub(super) fn find(&self, instance: &str) -> Option<Verdict> {
        self.0.find(instance).filter(|verdict| verdict.since.elapsed() < FRESH)
    }
}

impl Veil {
    /// The verdict about the instance at an original place; if nobody knows it, its metadata are looked at.
    ///
    /// # Errors
    /// It is refused, there is none, or the origin fails.
    pub(super) async fn passed(&self, original: &Place) -> Result<Verdict, Fault> {
        let instance = original.instance.as_deref().ok_or(Fault::NotFound)?;
        let verdict = match self.0.verdicts.find(instance) {
            Some(verdict) => verdict,
            None => {
                self.judge(original).await?;
                self.0.verdicts.find(instance).ok_or(Fault::NotFound)?
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
                Err(refusal) => {
                    judged.refused += 1;
                    judged.why = judged.why.or(Some(refusal));
                }
            }
        }
        Ok(judged)
    }
}

/// What became of the instances of a place.
#[derive(Default)]
pub(super) struct Judged {
    /// Instances that pass.
    pub passed: u64,
    /// Instances that are refused.
    pub refused: u64,
    /// Why the first of those is.
    pub why: Option<Refusal>,
}
