//! Leaves a server alone that does not answer, so that nobody waits for it in vain: after some failures in a row requests
//! fail at once, until one that is tried after a pause succeeds. A layer around whatever asks the server.

use super::{Fault, locked};
use crate::metrics::metrics;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::{Layer, Service};

/// Failures in a row after which the server is left alone.
const FAILURES: u32 = 5;

/// The first pause; it doubles with each trial that fails.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// The state of one server.
#[derive(Debug)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests pass; so many failed in a row.
    Closed { failed: u32 },
    /// None passes before then.
    Open { until: Instant, pause: Duration },
    /// One was let through, and the others wait for what becomes of it.
    Trying { pause: Duration },
}

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(State::Closed { failed: 0 }))
    }
}

/// Asks a server only while it is not left alone.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    breaker: Arc<Breaker>,
}

/// Guards with the breaker of one server.
pub(super) struct BreakerLayer(pub Arc<Breaker>);

impl<S> Layer<S> for BreakerLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, breaker: Arc::clone(&self.0) }
    }
}

impl<S, R> Service<R> for Guarded<S>
where
    S: Service<R, Error = Fault, Future: Send> + Clone + Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<S::Response, Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Self { mut inner, breaker } = self.clone();
        // The one that is ready.
        std::mem::swap(&mut inner, &mut self.inner);
        async move {
            let pass = breaker.ask(Instant::now()).map_err(resting)?;
            let answer = inner.call(request).await;
            match &answer {
                Ok(_) => pass.answered(),
                Err(fault) if fault.is_silence() => pass.failed(Instant::now()),
                Err(_) => {}
            }
            answer
        }
        .boxed()
    }
}

fn resting(pause: Duration) -> Fault {
    Fault::Resting { retry_after: pause.as_secs().saturating_add(1) }
}

#[cfg(test)]
impl<S> Guarded<S> {
    /// What is guarded.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

/// One request that was let through. Says how it ended; dropped, it ended without telling anything about the server.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    since: Instant,
    /// It is the one that was let through to a server that was left alone.
    trial: bool,
    told: bool,
}

impl Breaker {
    /// Asks whether a request may be made at this time.
    ///
    /// # Errors
    /// It may not, for so long.
    pub(super) fn ask(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        let trial = match *state {
            State::Closed { .. } => false,
            State::Open { until, pause } if until <= now => {
                *state = State::Trying { pause };
                true
            }
            State::Open { until, .. } => return Err(until - now),
            State::Trying { pause } => return Err(pause),
        };
        Ok(Pass { breaker: self, since: now, trial, told: false })
    }

    /// Changes the state; the metrics tell how many servers are left alone.
    fn put(&self, state: &mut State, next: State) {
        let resting = |state: &State| i64::from(!matches!(state, State::Closed { .. }));
        metrics().resting.inc_by(resting(&next) - resting(state));
        *state = next;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        let mut state = self.state();
        self.put(&mut state, State::Closed { failed: 0 });
    }
}

impl Pass<'_> {
    /// The server answered, whatever it said.
    pub(super) fn answered(mut self) {
        self.told = true;
        self.breaker.put(&mut self.breaker.state(), State::Closed { failed: 0 });
    }

    /// Nothing was heard of it until now.
    pub(super) fn failed(mut self, now: Instant) {
        self.told = true;
        let mut state = self.breaker.state();
        let open = |pause| State::Open { until: now + pause, pause };
        let next = match *state {
            State::Closed { failed } if failed + 1 < FAILURES => State::Closed { failed: failed + 1 },
            State::Closed { .. } => open(PAUSE),
            State::Trying { pause } if self.trial => open((pause * 2).min(LONGEST)),
            // Others that were on their way when it opened.
            State::Open { .. } | State::Trying { .. } => return,
        };
        self.breaker.put(&mut state, next);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let (State::Trying { pause }, true, false) = (*state, self.trial, self.told) {
            *state = State::Open { until: self.since, pause };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fail(breaker: &Breaker, times: u32, now: Instant) {
        (0..times).for_each(|_| breaker.ask(now).unwrap().failed(now));
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_success() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, FAILURES - 1, now);
        breaker.ask(now).unwrap().answered();
        fail(&breaker, FAILURES, now);
        assert_eq!(breaker.ask(now).unwrap_err(), PAUSE);
        let later = now + PAUSE;
        let trial = breaker.ask(later).unwrap();
        assert!(breaker.ask(later).is_err(), "one at a time");
        trial.answered();
        fail(&breaker, FAILURES - 1, later);
        assert!(breaker.ask(later).is_ok());
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        fail(&breaker, FAILURES, now);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let pause = breaker.ask(now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
            breaker.ask(now).unwrap().failed(now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_trial_that_was_given_up_tells_nothing_and_blocks_nobody() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, FAILURES - 1, now);
        let early = breaker.ask(now).unwrap();
        fail(&breaker, 1, now);
        drop(early);
        assert!(breaker.ask(now).is_err(), "what began before and was given up does not close it");
        let later = now + PAUSE;
        let trial = breaker.ask(later).unwrap();
        assert!(breaker.ask(later).is_err());
        drop(trial);
        breaker.ask(later).unwrap().answered();
        assert!(breaker.ask(later).is_ok());
    }
}
