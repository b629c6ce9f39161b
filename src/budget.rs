//! Memory that all requests share. What holds more than a little of a request asks here first, and gives back by being
//! dropped. It counts; what the bytes are is its callers' affair.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What is counted at once, in bytes.
const UNIT: u64 = 16 << 10;

/// Bytes of one share that are not counted: most requests never need more.
const FREE: u64 = 64 << 10;

/// How long a share waits for others to end.
const WAIT: Duration = Duration::from_secs(5);

/// Other requests hold the memory that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory for requests is used up")]
pub struct Spent;

/// The memory that requests may hold together. Clones are the same.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    /// How many there are in all.
    all: u64,
    wait: Duration,
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        let all = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(all)), all: all as u64, wait: WAIT }
    }

    /// A share that holds nothing yet.
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), held: None }
    }
}

/// What one request, or one thing in it, holds.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Holds `bytes` in all from now on. Waits some seconds if others must end first.
    ///
    /// # Errors
    /// They did not, or there is not so much at all. What was held before stays held.
    pub async fn hold(&mut self, bytes: u64) -> Result<(), Spent> {
        let Some(more) = self.set(bytes) else { return Ok(()) };
        if self.units() + u64::from(more) > self.budget.all {
            return Err(Spent);
        }
        let acquired =
            timeout(self.budget.wait, Arc::clone(&self.budget.units).acquire_many_owned(more)).await;
        self.add(acquired.map_err(|_| Spent)?.map_err(|_| Spent)?);
        Ok(())
    }

    /// Holds `bytes` in all from now on if more than half of the memory stays free, so that whoever has another place
    /// for them leaves room for those who have none. True if so; what was held before stays held otherwise.
    pub fn try_hold(&mut self, bytes: u64) -> bool {
        let Some(more) = self.set(bytes) else { return true };
        let free = self.budget.units.available_permits() as u64;
        if free < self.budget.all / 2 + u64::from(more) {
            return false;
        }
        let acquired = Arc::clone(&self.budget.units).try_acquire_many_owned(more);
        acquired.map(|acquired| self.add(acquired)).is_ok()
    }

    fn units(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.num_permits() as u64)
    }

    /// Gives back what is not needed for `bytes`; what is missing for them, if something is.
    fn set(&mut self, bytes: u64) -> Option<u32> {
        let (needed, held) = (bytes.saturating_sub(FREE).div_ceil(UNIT), self.units());
        if needed > held {
            return Some(u32::try_from(needed - held).unwrap_or(u32::MAX));
        }
        let excess = usize::try_from(held - needed).unwrap_or(usize::MAX);
        drop(self.held.as_mut().and_then(|held| held.split(excess)));
        None
    }

    fn add(&mut self, acquired: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(acquired),
            None => self.held = Some(acquired),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test]
    async fn a_share_grows_shrinks_and_comes_back() {
        let budget = Budget::new(MIB);
        let mut share = budget.share();
        assert_eq!(share.hold(FREE).await, Ok(()));
        assert_eq!(budget.units.available_permits(), 64, "a little is free");
        for (bytes, units) in [(FREE + 1, 1), (MIB, 60), (FREE + UNIT, 1), (0, 0)] {
            assert_eq!(share.hold(bytes).await, Ok(()));
            assert_eq!(budget.units.available_permits(), 64 - units);
        }
        share.hold(MIB).await.unwrap();
        drop(share);
        assert_eq!(budget.units.available_permits(), 64);
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back_and_is_refused_after_a_while() {
        let budget = Budget { wait: Duration::from_millis(200), ..Budget::new(MIB) };
        let (mut one, mut two) = (budget.share(), budget.share());
        one.hold(MIB).await.unwrap();
        assert_eq!(two.hold(MIB).await, Err(Spent));
        let giving = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(one);
        };
        let ((), held) = tokio::join!(giving, two.hold(MIB));
        assert_eq!(held, Ok(()));
        assert_eq!(budget.share().hold(3 * MIB).await, Err(Spent), "more than there is");
    }

    #[test]
    fn who_has_another_place_leaves_half() {
        let budget = Budget::new(MIB);
        let (mut one, mut two) = (budget.share(), budget.share());
        assert!(one.try_hold(FREE + MIB / 2));
        assert!(!two.try_hold(FREE + 1) && two.try_hold(FREE));
        drop(one);
        assert!(two.try_hold(FREE + 1));
    }
}
