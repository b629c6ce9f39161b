//! Places among the requests that may run at the same time, and the layer that waits for one. Whose client takes its time
//! with a body does not keep others from the server: its place is lent on as soon as somebody waits for one. What is asked
//! there is known above.

use super::{Fault, locked};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tower::{Layer, Service};

/// How long somebody waits before a place is taken from one who does not use it,
const PATIENCE: Duration = Duration::from_millis(500);

/// and how long that one has not asked for bytes.
const STALLED: Duration = Duration::from_secs(2);

/// The places of one server. Clones are the same.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    lent: Arc<Mutex<Vec<Weak<Mutex<Held>>>>>,
}

/// A place for a body that is read: given back by being dropped.
pub(super) struct Lease(Arc<Mutex<Held>>);

struct Held {
    /// None if it was taken back: the body goes on without one.
    permit: Option<OwnedSemaphorePermit>,
    /// Since when nobody has asked for bytes; none while somebody waits for some.
    resting: Option<Instant>,
}

impl Places {
    /// So many.
    pub fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))), lent: Arc::default() }
    }

    /// Waits for one that is kept until it is dropped.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let acquire = Arc::clone(&self.free).acquire_owned();
        tokio::pin!(acquire);
        loop {
            match timeout(PATIENCE, acquire.as_mut()).await {
                Ok(permit) => return permit.ok(),
                Err(_) => self.take_back(),
            }
        }
    }

    /// Waits for one that may be taken back from whoever does not use it.
    pub async fn lease(&self) -> Option<Lease> {
        let permit = self.place().await?;
        let held = Arc::new(Mutex::new(Held { permit: Some(permit), resting: None }));
        let mut lent = locked(&self.lent);
        lent.retain(|held| held.strong_count() > 0);
        lent.push(Arc::downgrade(&held));
        Some(Lease(held))
    }

    /// Takes the place of whoever has not used it for the longest time, if that is long.
    fn take_back(&self) {
        let lent: Vec<_> = locked(&self.lent).iter().filter_map(Weak::upgrade).collect();
        let since = |held: &Arc<Mutex<Held>>| {
            let held = locked(held);
            held.resting.filter(|since| held.permit.is_some() && since.elapsed() >= STALLED)
        };
        let longest =
            lent.iter().filter_map(|held| Some((since(held)?, held))).min_by_key(|(since, _)| *since);
        if let Some((_, held)) = longest {
            locked(held).permit = None;
        }
    }
}

/// Asks a server when there is a place; the answer comes with its lease, as a body takes its time.
#[derive(Clone)]
pub(super) struct InTurn<S> {
    inner: S,
    places: Places,
    patience: Duration,
}

/// Bounds by these places; nobody waits for one longer than `patience`.
pub(super) struct PlacesLayer {
    pub places: Places,
    pub patience: Duration,
}

impl<S> Layer<S> for PlacesLayer {
    type Service = InTurn<S>;

    fn layer(&self, inner: S) -> InTurn<S> {
        InTurn { inner, places: self.places.clone(), patience: self.patience }
    }
}

impl<S, R> Service<R> for InTurn<S>
where
    S: Service<R, Error = Fault, Future: Send> + Clone + Send + 'static,
    R: Send + 'static,
{
    type Response = (S::Response, Lease);
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Self::Response, Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Self { mut inner, places, patience } = self.clone();
        // The one that is ready.
        std::mem::swap(&mut inner, &mut self.inner);
        async move {
            let lease = timeout(patience, places.lease()).await.ok().flatten();
            let lease = lease.ok_or(Fault::Busy { retry_after: None })?;
            Ok((inner.call(request).await?, lease))
        }
        .boxed()
    }
}

#[cfg(test)]
impl<S> InTurn<S> {
    /// What waits for its turn.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl Lease {
    /// Bytes are asked for.
    pub fn works(&self) {
        locked(&self.0).resting = None;
    }

    /// Bytes were given.
    pub fn rests(&self) {
        locked(&self.0).resting = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_place_that_is_not_used_is_lent_on_and_one_that_is_used_is_not() {
        let places = Places::new(2);
        let (used, unused) = (places.lease().await.unwrap(), places.lease().await.unwrap());
        used.works();
        unused.rests();
        assert!(timeout(Duration::from_millis(1500), places.lease()).await.is_err(), "it may go on yet");
        let third = timeout(2 * STALLED, places.lease()).await.unwrap().unwrap();
        third.works();
        unused.works();
        unused.rests();
        let fourth = timeout(2 * STALLED, places.lease()).await;
        assert!(fourth.is_err(), "it has no place that could be taken");
        drop(used);
        assert!(timeout(PATIENCE, places.place()).await.unwrap().is_some());
    }
}
