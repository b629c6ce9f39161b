//! The body of a request to the downstream server: whole, or fed while it comes in. It
//! tells who keeps whom waiting, and whether anything of it was taken.

use bytes::Bytes;
use futures_util::stream::{Stream, poll_fn};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Chunks on their way between the request that comes in and the one that goes out.
const QUEUE: usize = 4;

/// A part of the body, or the order to break the request off.
type Next = Result<Bytes, Aborted>;

/// The instance was refused late: the request that carries it must not succeed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("aborted")]
pub struct Aborted;

/// A request body. Clones are the same body.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Mutex<Shared>>,
    len: Option<u64>,
}

struct Shared {
    whole: VecDeque<Bytes>,
    queue: Option<mpsc::Receiver<Next>>,
    begun: bool,
    /// Waiting for the sender of the body, not for the server.
    ours: bool,
    since: Instant,
}

/// The other end of a body that comes in.
pub struct Feeder(mpsc::Sender<Next>);

impl Feeder {
    /// Sends the next bytes; waits while the server is slow. False if it is gone.
    pub async fn send(&self, bytes: Bytes) -> bool {
        self.0.send(Ok(bytes)).await.is_ok()
    }

    /// Breaks the request off, so that the server cannot take it for complete.
    pub async fn abort(self) {
        let _ = self.0.send(Err(Aborted)).await;
    }
}

impl Feed {
    /// A body that lies in memory.
    pub fn whole(chunks: Vec<Bytes>) -> Self {
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self::new(chunks.into(), None, Some(len))
    }

    /// A body that comes in. It is complete when the feeder is dropped.
    pub fn streamed() -> (Feeder, Self) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Feeder(sender), Self::new(VecDeque::new(), Some(queue), None))
    }

    fn new(whole: VecDeque<Bytes>, queue: Option<mpsc::Receiver<Next>>, len: Option<u64>) -> Self {
        let shared = Shared { whole, queue, begun: false, ours: false, since: Instant::now() };
        Self { shared: Arc::new(Mutex::new(shared)), len }
    }

    /// Bytes, if they are known.
    pub(super) fn len(&self) -> Option<u64> {
        self.len
    }

    /// True once anything was taken.
    pub(super) fn is_begun(&self) -> bool {
        self.lock().begun
    }

    /// The body as a stream.
    pub(super) fn stream(self) -> impl Stream<Item = Next> + Send + 'static {
        poll_fn(move |cx| self.lock().poll(cx))
    }

    /// Ends when the server has kept us waiting for `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            let waited = {
                let shared = self.lock();
                if shared.ours { Duration::ZERO } else { shared.since.elapsed() }
            };
            if waited >= limit {
                return;
            }
            tokio::time::sleep((limit - waited).max(Duration::from_millis(10))).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        let next = match (self.whole.pop_front(), &mut self.queue) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(bytes))),
            (None, Some(queue)) => queue.poll_recv(cx),
            (None, None) => Poll::Ready(None),
        };
        self.ours = next.is_pending();
        self.begun |= matches!(next, Poll::Ready(Some(_)));
        self.since = Instant::now();
        next
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_fed_body_ends_when_its_feeder_is_dropped_and_breaks_when_it_aborts() {
        for abort in [false, true] {
            let (feeder, feed) = Feed::streamed();
            assert!(feeder.send(Bytes::from_static(b"a")).await);
            assert!(!feed.is_begun());
            if abort {
                feeder.abort().await
            } else {
                drop(feeder)
            }
            let taken: Vec<bool> = feed.clone().stream().map(|next| next.is_ok()).collect().await;
            assert_eq!(taken, if abort { vec![true, false] } else { vec![true] });
            assert!(feed.is_begun());
        }
    }

    #[tokio::test]
    async fn only_silence_of_the_server_counts_as_a_stall() {
        let (feeder, feed) = Feed::streamed();
        let mut stream = Box::pin(feed.clone().stream());
        assert!(futures_util::poll!(stream.next()).is_pending());
        let limit = Duration::from_millis(50);
        let ours = tokio::time::timeout(limit * 4, feed.stalled(limit)).await;
        assert!(ours.is_err(), "we kept the server waiting");
        feeder.send(Bytes::from_static(b"a")).await;
        assert!(stream.next().await.is_some());
        tokio::time::timeout(limit * 20, feed.stalled(limit)).await.unwrap();
    }
}
