//! Moves entries from where they are kept to the sink, in the background: nobody waits for it, and what a collector
//! that is down has missed comes when it is up again.

use super::{Fault, Sink};
use crate::audit::chain::Sealed;
use crate::audit::value::Id;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::sleep;

/// Most entries sent together.
const MOST: usize = 500;

/// How long to wait for what.
#[derive(Clone, Copy)]
struct Pace {
    /// For new entries.
    idle: Duration,
    /// After the first failure; doubles with each further one.
    first: Duration,
    /// After any failure, at most.
    longest: Duration,
}

const PACE: Pace =
    Pace { idle: Duration::from_secs(1), first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// Where the entries are kept, and the cursor that tells which of them were sent.
pub trait Source: Send + Sync {
    /// Why it cannot answer. Its text is logged.
    type Fault: Display + Send;

    /// At most so many entries after the cursor, those of a project in their order; none if all were sent.
    fn next(&self, most: usize) -> impl Future<Output = Result<Vec<Sealed>, Self::Fault>> + Send;

    /// Moves the cursor: all entries of these projects up to these sequences were sent. If that fails they come, and
    /// are sent, again.
    fn sent(&self, last: &[(Id, u64)]) -> impl Future<Output = Result<(), Self::Fault>> + Send;
}

/// Forwards entries until `stop` is ready. What was not sent then comes after the next start.
pub async fn run<S: Source>(sink: Sink, source: S, stop: impl Future<Output = ()> + Send) {
    tokio::select! {
        () = stop => {}
        () = forward(sink, source, PACE) => {}
    }
}

async fn forward<S: Source>(mut sink: Sink, source: S, pace: Pace) {
    let mut failures = 0;
    loop {
        let pause = match step(&mut sink, &source).await {
            Ok(sent) => {
                if failures > 0 {
                    tracing::info!(failures, "the audit sink takes entries again");
                }
                failures = 0;
                if sent < MOST { pace.idle } else { Duration::ZERO }
            }
            Err(stuck) => {
                // One line for one outage.
                if failures == 0 {
                    tracing::warn!(%stuck, "the audit sink is stuck; entries wait");
                }
                failures += 1;
                pace.after(failures)
            }
        };
        sleep(pause).await;
    }
}

impl Pace {
    fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.longest)
    }
}

#[derive(Debug, thiserror::Error)]
enum Stuck<F: Display> {
    #[error("{0}")]
    Source(F),
    #[error("{0}")]
    Sink(Fault),
}

/// One batch; how many entries it had.
async fn step<S: Source>(sink: &mut Sink, source: &S) -> Result<usize, Stuck<S::Fault>> {
    let entries = source.next(MOST).await.map_err(Stuck::Source)?;
    if entries.is_empty() {
        return Ok(0);
    }
    sink.send(&entries).await.map_err(Stuck::Sink)?;
    source.sent(&last(&entries)).await.map_err(Stuck::Source)?;
    Ok(entries.len())
}

/// The last sequence of each project.
fn last(entries: &[Sealed]) -> Vec<(Id, u64)> {
    let mut last: Vec<(Id, u64)> = Vec::new();
    for Sealed { body, .. } in entries {
        match last.iter_mut().find(|(project, _)| *project == body.project) {
            Some((_, sequence)) => *sequence = body.sequence.max(*sequence),
            None => last.push((body.project.clone(), body.sequence)),
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds: Vec<u64> =
            [1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| PACE.after(failures).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60]);
    }
}
