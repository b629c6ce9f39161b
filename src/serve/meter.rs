//! The task that tells Stripe of usage, and looks after customers whose paid time ran out. Requests never wait for it:
//! what it sends was committed before, and what it does not get through stays for the next time, or the next start.

use crate::billing::{MeterEvent, Stripe};
use crate::db::billing::{Rules, Settled};
use crate::db::{Db, Fault};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Batches claimed at a time: all their calls end, by their own deadline, before the claims lapse.
const ABREAST: usize = 16;

/// How long the end of a call is waited for when the server stops. A call that is cut off is made again at the next start.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running task.
pub(super) struct Meter {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Work {
    db: Db,
    stripe: Stripe,
    rules: Rules,
    installation: String,
    stop: watch::Receiver<bool>,
}

impl Meter {
    /// Starts it; it works every `time`.
    pub(super) fn start(db: Db, stripe: Stripe, rules: Rules, installation: String, time: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let work = Work { db, stripe, rules, installation, stop: stopped };
        Self { stop, task: tokio::spawn(work.run(time)) }
    }

    /// Ends it after the call under way.
    pub(super) async fn stop(mut self) {
        let _ = self.stop.send(true);
        if timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Work {
    async fn run(mut self, time: Duration) {
        let mut beat = interval(time);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = self.stop.clone();
        if let Err(fault) = self.db.release_claims().await {
            tracing::warn!(%fault, "claims of an earlier run were not released; they lapse by themselves");
        }
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                _ = beat.tick() => {}
            }
            if let Err(fault) = self.round().await {
                tracing::warn!(%fault, "usage stays to be told to Stripe");
            }
        }
    }

    async fn round(&mut self) -> Result<(), Fault> {
        self.db.restand_due(&self.rules).await?;
        while self.db.seal_usage(&self.installation).await? > 0 && !self.is_stopped() {}
        while !self.is_stopped() && self.send().await? {}
        Ok(())
    }

    /// Sends what is due. True if there may be more.
    async fn send(&self) -> Result<bool, Fault> {
        let claimed = self.db.claim_usage(ABREAST, now()).await?;
        if claimed.is_empty() {
            return Ok(false);
        }
        let events: Vec<MeterEvent> = claimed.iter().map(|claimed| claimed.event.clone()).collect();
        let outcomes = self.stripe.meter_events(&events).await;
        let sent: Vec<_> = claimed.into_iter().zip(outcomes).collect();
        let Settled { done, waiting, .. } = self.db.settle_usage(&sent, now()).await?;
        if waiting > 0 {
            tracing::warn!(waiting, "Stripe did not take usage; it is sent again");
        }
        Ok(done > 0)
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Seconds since 1970 UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
