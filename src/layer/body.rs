//! Bodies of the layers: a request body that ends in an error where it is too large,
//! silent for too long or cut off (the error says which, for the handler that reads it),
//! and an answer's body that holds a place until it is sent.

use crate::problem::Problem;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Bytes a second that a body must bring if it is to go on for longer than its idle time.
const PACE: u32 = 1 << 10;

/// Why a request body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// More bytes than a request may have.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// Nothing came for too long.
    #[error("the body stopped coming")]
    Silent,
    /// The connection broke, or its framing is wrong.
    #[error("the body was cut off")]
    Broken,
}

impl BodyFault {
    /// The fault behind an error of reading a body.
    pub fn of(error: &axum::Error) -> Self {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = source {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return *fault;
            }
            source = error.source();
        }
        Self::Broken
    }
}

/// A bounded body.
pub(super) struct Bounded {
    inner: Body,
    left: u64,
    limit: u64,
    idle: Duration,
    /// How long the client may be waited for; what it sends earns time again, never more than `idle`.
    patience: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Bounded {
    pub(super) fn new(inner: Body, limit: u64, idle: Duration) -> Self {
        Self { inner, left: limit, limit, idle, patience: idle, waiting: None }
    }

    /// Waits on; ready when the client was waited for too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let (_, silence) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(patience))));
        silence.as_mut().poll(cx)
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        if let Some((since, _)) = self.waiting.take() {
            let earned = Duration::from_secs(length) / PACE;
            self.patience =
                self.patience.saturating_sub(since.elapsed()).saturating_add(earned).min(self.idle);
        }
        self.left = self.left.checked_sub(length).ok_or(BodyFault::TooLarge(self.limit))?;
        Ok(frame)
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() {
            ready!(self.wait(cx));
            return Poll::Ready(Some(Err(BodyFault::Silent)));
        }
        polled.map(|frame| frame.map(|frame| self.count(frame.map_err(|_| BodyFault::Broken)?)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.inner)
    }
}

/// A body that holds something until it is dropped: sent, or given up.
pub(super) struct Holding<T> {
    inner: Body,
    _held: T,
}

impl<T> Holding<T> {
    pub(super) fn new(inner: Body, held: T) -> Self {
        Self { inner, _held: held }
    }
}

impl<T: Unpin> http_body::Body for Holding<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.inner)
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => Self::BodyTooLarge { limit },
            BodyFault::Silent => Self::Silent,
            BodyFault::Broken => Self::CutOff,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    async fn fault(body: Body, limit: u64) -> Option<BodyFault> {
        let bounded = Body::new(Bounded::new(body, limit, Duration::from_millis(20)));
        bounded.collect().await.err().map(|error| BodyFault::of(&error))
    }

    #[tokio::test]
    async fn a_body_is_cut_at_its_bound_and_not_before() {
        assert_eq!(fault(Body::from("12345"), 5).await, None);
        assert_eq!(fault(Body::from("123456"), 5).await, Some(BodyFault::TooLarge(5)));
    }

    /// How often a client is waited for that sends so many bytes every 50 ms, with an idle time of 400 ms.
    async fn sendings(bytes: usize) -> usize {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let piece = Bytes::from(vec![0; bytes]);
        let trickle = futures_util::stream::unfold((), move |()| {
            let (piece, count) = (piece.clone(), Arc::clone(&count));
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let before = count.fetch_add(1, Ordering::Relaxed);
                (before < 20).then_some((Ok::<_, BodyFault>(piece), ()))
            }
        });
        let body = Body::new(Bounded::new(Body::from_stream(trickle), u64::MAX, Duration::from_millis(400)));
        let fault = body.collect().await.err().map(|error| BodyFault::of(&error));
        assert!(matches!(fault, None | Some(BodyFault::Silent)));
        sent.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_body_that_trickles_ends_and_one_that_is_slow_does_not() {
        assert!(sendings(1).await <= 8);
        assert_eq!(sendings(2000).await, 21, "it came whole");
    }

    #[tokio::test]
    async fn a_silent_body_ends_after_its_idle_time() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, BodyFault>>());
        assert_eq!(fault(never, 5).await, Some(BodyFault::Silent));
    }
}
