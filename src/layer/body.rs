//! Bodies of the layers: a request body that ends in an error where it is too large,
//! silent for too long or cut off (the error says which, for the handler that reads it),
//! and an answer's body that holds a place until it is sent.

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

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
    silence: Pin<Box<Sleep>>,
}

impl Bounded {
    pub(super) fn new(inner: Body, limit: u64, idle: Duration) -> Self {
        Self { inner, left: limit, limit, idle, silence: Box::pin(sleep(idle)) }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
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
            ready!(self.silence.as_mut().poll(cx));
            return Poll::Ready(Some(Err(BodyFault::Silent)));
        }
        let until = Instant::now() + self.idle;
        self.silence.as_mut().reset(until);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt;

    async fn fault(body: Body, limit: u64) -> Option<BodyFault> {
        let bounded = Body::new(Bounded::new(body, limit, Duration::from_millis(20)));
        bounded.collect().await.err().map(|error| BodyFault::of(&error))
    }

    #[tokio::test]
    async fn a_body_is_cut_at_its_bound_and_not_before() {
        assert_eq!(fault(Body::from("12345"), 5).await, None);
        assert_eq!(fault(Body::from("123456"), 5).await, Some(BodyFault::TooLarge(5)));
    }

    #[tokio::test]
    async fn a_silent_body_ends_after_its_idle_time() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, BodyFault>>());
        assert_eq!(fault(never, 5).await, Some(BodyFault::Silent));
    }
}
