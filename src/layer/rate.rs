//! How many requests a key may send: a token bucket for each API key, filled at its tier's (or its own) number a
//! minute. Instances and months are the quota's; how many requests run at once is `limits`'s.

use super::context::Caller;
use crate::db::account::Tier;
use crate::metrics::metrics;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Smallest bucket. Even a small study comes as several requests.
const LEAST_BURST: u32 = 10;

/// Buckets that are full again are dropped after so many requests: full ones are as good as none.
const SWEEP_EVERY: u32 = 1024;

/// Requests a minute of the tiers; `None` or 0 for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Of [`Tier::Free`].
    pub free: Option<u64>,
    /// Of [`Tier::Pro`].
    pub pro: Option<u64>,
    /// Of [`Tier::Enterprise`].
    pub enterprise: Option<u64>,
}

impl Rates {
    /// Requests a minute of this caller; `None` for no bound.
    fn of(&self, caller: &Caller) -> Option<NonZeroU32> {
        let tier = match caller.tier {
            Tier::Free => self.free,
            Tier::Pro => self.pro,
            Tier::Enterprise => self.enterprise,
        };
        // What does not fit counts down no faster than the largest that does.
        let rate = caller.rate.or(tier)?;
        NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX))
    }
}

/// Project and name of a key: keys of two projects may have the same name.
type Key = (String, String);
type Buckets<C> = RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>;

/// The buckets of all keys.
pub(super) struct Rate<C: Clock = DefaultClock> {
    rates: Rates,
    clock: C,
    /// By requests a minute. There are as many as tiers and keys with a number of their own.
    buckets: Mutex<HashMap<NonZeroU32, Arc<Buckets<C>>>>,
    requests: AtomicU32,
}

impl<C: Clock + Clone> Rate<C> {
    pub(super) fn new(rates: Rates, clock: C) -> Self {
        Self { rates, clock, buckets: Mutex::default(), requests: AtomicU32::new(0) }
    }

    /// Takes one token for this caller; what to tell about the bucket, if there is one.
    fn take(&self, caller: &Caller) -> Result<Option<Standing>, (Problem, Standing)> {
        let Some(limit) = self.rates.of(caller) else { return Ok(None) };
        self.sweep();
        let burst = burst(limit);
        let buckets = self.buckets(limit, burst);
        match buckets.check_key(&(caller.project.clone(), caller.key.clone())) {
            Ok(bucket) => Ok(Some(Standing { limit, burst, left: bucket.remaining_burst_capacity() })),
            Err(until) => {
                let retry_after = seconds(until.wait_time_from(self.clock.now()));
                Err((Problem::TooOften { retry_after }, Standing { limit, burst, left: 0 }))
            }
        }
    }

    fn buckets(&self, limit: NonZeroU32, burst: NonZeroU32) -> Arc<Buckets<C>> {
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let quota = Quota::per_minute(limit).allow_burst(burst);
            let store = HashMapStateStore::default();
            Arc::new(Buckets::new(quota, store, self.clock.clone()))
        };
        Arc::clone(all.entry(limit).or_insert_with(new))
    }

    /// Drops the buckets that are full again, now and then.
    fn sweep(&self) {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY != SWEEP_EVERY - 1 {
            return;
        }
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, buckets| {
            buckets.retain_recent();
            buckets.shrink_to_fit();
            !buckets.is_empty()
        });
    }
}

/// Half of the minute's number may come at once: a viewer that opens a study sends dozens of requests together, and
/// yet nobody gets more than one and a half minutes' worth within any minute.
fn burst(limit: NonZeroU32) -> NonZeroU32 {
    NonZeroU32::new((limit.get() / 2).max(LEAST_BURST)).unwrap_or(limit)
}

/// Whole seconds, rounded up: who waits so long finds a token. At least 1.
fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// How a bucket stands after a request.
#[derive(Clone, Copy)]
struct Standing {
    /// Tokens that come a minute.
    limit: NonZeroU32,
    /// Tokens that it holds.
    burst: NonZeroU32,
    /// Tokens in it.
    left: u32,
}

impl Standing {
    /// Seconds until so many tokens have come, rounded up.
    fn time_for(&self, tokens: u32) -> u64 {
        (u64::from(tokens) * 60).div_ceil(u64::from(self.limit.get()))
    }

    /// The headers of draft-ietf-httpapi-ratelimit-headers, in the three fields of its versions up to 06 and in the two
    /// of its versions since 08. The quota is the bucket, the window the time that it takes to fill.
    fn write(&self, headers: &mut HeaderMap) {
        let reset = self.time_for(self.burst.get().saturating_sub(self.left));
        let (burst, left, window) = (self.burst, self.left, self.time_for(self.burst.get()));
        let mut put = |name, text: String| {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("ratelimit-limit", burst.to_string());
        put("ratelimit-remaining", left.to_string());
        put("ratelimit-reset", reset.to_string());
        put("ratelimit", format!("\"key\";r={left};t={reset}"));
        put("ratelimit-policy", format!("\"key\";q={burst};w={window}"));
    }
}

/// Lets a request pass while its key has tokens, and tells on every answer how many are left.
pub(super) async fn rate<C>(State(rate): State<Arc<Rate<C>>>, request: Request, next: Next) -> Response
where
    C: Clock + Clone + Send + Sync + 'static,
{
    // Without a caller nobody is there to be counted; `identify` let nobody else through.
    let Some(caller) = request.extensions().get::<Caller>() else { return next.run(request).await };
    let (mut response, standing) = match rate.take(caller) {
        Ok(standing) => (next.run(request).await, standing),
        Err((problem, standing)) => {
            metrics().over_rate.inc();
            (problem.into_response(), Some(standing))
        }
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use axum::{Extension, Router};
    use governor::clock::FakeRelativeClock;
    use tower::ServiceExt;

    const RATES: Rates = Rates { free: Some(30), pro: Some(600), enterprise: None };

    fn caller(key: &str, tier: Tier) -> Caller {
        crate::layer::context::tests::caller("p", key, tier)
    }

    fn rate_of(rates: Rates) -> (FakeRelativeClock, Arc<Rate<FakeRelativeClock>>) {
        let clock = FakeRelativeClock::default();
        (clock.clone(), Arc::new(Rate::new(rates, clock)))
    }

    fn wait(clock: &FakeRelativeClock, millis: u64) {
        clock.advance(Duration::from_millis(millis));
    }

    /// Status and the headers named, of one request to a stub service behind the layer.
    async fn ask(rate: &Arc<Rate<FakeRelativeClock>>, caller: &Caller, names: &[&str]) -> (u16, String) {
        let layer = from_fn_with_state(Arc::clone(rate), super::rate::<FakeRelativeClock>);
        let app =
            Router::new().route("/", get(async || "stub")).layer(layer).layer(Extension(caller.clone()));
        let answer = app.oneshot(Request::new(Body::empty())).await.unwrap();
        let text = |name: &&str| answer.headers().get(*name).map_or("-", |value| value.to_str().unwrap());
        (answer.status().as_u16(), names.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[tokio::test]
    async fn half_a_minute_s_requests_may_come_at_once_and_then_one_for_each_token() {
        let (clock, rate) = rate_of(RATES);
        let key = caller("k", Tier::Free);
        for left in (0..15).rev() {
            let told = ask(&rate, &key, &["ratelimit-remaining"]).await;
            assert_eq!(told, (200, left.to_string()));
        }
        assert_eq!(ask(&rate, &key, &["retry-after"]).await, (429, "2".to_owned()));
        wait(&clock, 1000);
        assert_eq!(
            ask(&rate, &key, &["retry-after"]).await,
            (429, "1".to_owned()),
            "a refusal takes no token"
        );
        wait(&clock, 1000);
        assert_eq!(ask(&rate, &key, &["retry-after"]).await, (200, "-".to_owned()));
        assert_eq!(ask(&rate, &key, &["retry-after"]).await.0, 429);
    }

    #[tokio::test]
    async fn whoever_waits_as_long_as_retry_after_says_is_served() {
        for (limit, first) in [(7, 9), (1, 60), (600, 1), (6000, 1)] {
            let (clock, rate) = rate_of(Rates { pro: Some(limit), ..RATES });
            let key = caller("k", Tier::Pro);
            while rate.take(&key).is_ok() {}
            wait(&clock, 3);
            let (status, seconds) = ask(&rate, &key, &["retry-after"]).await;
            assert_eq!((status, seconds.as_str()), (429, first.to_string().as_str()), "{limit} a minute");
            wait(&clock, seconds.parse::<u64>().unwrap() * 1000);
            assert_eq!(ask(&rate, &key, &[]).await.0, 200, "{limit} a minute");
        }
    }

    #[tokio::test]
    async fn every_answer_tells_the_bucket_in_both_forms_of_the_headers() {
        let (_clock, rate) = rate_of(RATES);
        let names =
            ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit", "ratelimit-policy"];
        let key = caller("k", Tier::Pro);
        let served = ask(&rate, &key, &names).await;
        assert_eq!(served, (200, "300 299 1 \"key\";r=299;t=1 \"key\";q=300;w=30".to_owned()));
        while rate.take(&key).is_ok() {}
        let refused = ask(&rate, &key, &names).await;
        assert_eq!(refused, (429, "300 0 30 \"key\";r=0;t=30 \"key\";q=300;w=30".to_owned()));
    }

    #[tokio::test]
    async fn a_key_without_bound_is_neither_counted_nor_told() {
        let (_clock, rate) = rate_of(RATES);
        let key = caller("k", Tier::Enterprise);
        for _ in 0..50 {
            assert_eq!(ask(&rate, &key, &["ratelimit-limit"]).await, (200, "-".to_owned()));
        }
        let own = Caller { rate: Some(0), ..caller("k", Tier::Free) };
        assert_eq!(ask(&rate, &own, &["ratelimit-limit"]).await, (200, "-".to_owned()));
        assert!(rate.buckets.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn keys_do_not_share_a_bucket_and_a_key_may_have_its_own_number() {
        let (_clock, rate) = rate_of(RATES);
        let key = caller("k", Tier::Free);
        while rate.take(&key).is_ok() {}
        let foreign = Caller { project: "q".to_owned(), ..key.clone() };
        let own = Caller { rate: Some(100), ..caller("k2", Tier::Free) };
        assert_eq!(ask(&rate, &caller("k2", Tier::Free), &["ratelimit-remaining"]).await.1, "14");
        assert_eq!(ask(&rate, &foreign, &["ratelimit-remaining"]).await.1, "14", "a name of another project");
        assert_eq!(ask(&rate, &own, &["ratelimit-remaining"]).await.1, "49");
        assert_eq!(ask(&rate, &key, &[]).await.0, 429);
    }

    #[tokio::test]
    async fn buckets_that_are_full_again_are_dropped() {
        let (clock, rate) = rate_of(RATES);
        for number in 0..SWEEP_EVERY - 1 {
            assert!(rate.take(&caller(&number.to_string(), Tier::Free)).is_ok());
        }
        let held =
            |rate: &Rate<_>| -> usize { rate.buckets.lock().unwrap().values().map(|it| it.len()).sum() };
        assert_eq!(held(&rate), SWEEP_EVERY as usize - 1);
        wait(&clock, 60_000);
        assert!(rate.take(&caller("last", Tier::Free)).is_ok());
        assert_eq!(held(&rate), 1);
    }
}
