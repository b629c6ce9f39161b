//! Bodies that are counted as they pass, and answers' bodies that stay a part of their request: what is logged, or asked of
//! other servers, while they are made says whose it is. One that does not come to its end is told in the log.

use crate::metrics::Counter;
use crate::origin;
use crate::problem::Problem;
use crate::trail::Trail;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

/// A body whose bytes are counted.
pub(super) struct Counted {
    inner: Body,
    counter: &'static Counter,
}

impl Counted {
    pub(super) fn new(inner: Body, counter: &'static Counter) -> Self {
        Self { inner, counter }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.counter.inc_by(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.inner)
    }
}

/// An answer's body, made within its request. Holds something until it is dropped: sent, or given up.
pub(super) struct Followed<T> {
    inner: Counted,
    trail: Trail,
    span: Span,
    /// Bytes that are still to come, where the head says.
    left: Option<u64>,
    /// It came to its end, or broke off.
    over: bool,
    _held: T,
}

impl<T> Followed<T> {
    /// The body has `length` bytes, if the head says; 0 where nothing but a head is sent.
    pub(super) fn new(inner: Counted, trail: Trail, span: Span, length: Option<u64>, held: T) -> Self {
        Self { inner, trail, span, left: length, over: false, _held: held }
    }

    fn see(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        match frame {
            Some(Ok(frame)) => {
                let sent = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.left = self.left.map(|left| left.saturating_sub(sent));
            }
            Some(Err(error)) => {
                self.over = true;
                let (blame, reason) = why(error);
                self.span.in_scope(|| tracing::warn!(blame, reason, "the answer was broken off"));
            }
            None => self.over = true,
        }
    }
}

/// Whoever sends an answer drops it at its end too, without asking whether there is more behind the bytes that it has.
impl<T> Drop for Followed<T> {
    fn drop(&mut self) {
        let is_whole = self.over || self.left == Some(0) || http_body::Body::is_end_stream(&self.inner);
        if !is_whole {
            self.span.in_scope(|| tracing::info!("the client left before the end of the answer"));
        }
    }
}

/// Who has to act, and what is wrong, in words of ours: the error's own text stays unread.
fn why(error: &axum::Error) -> (&'static str, &'static str) {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<origin::Fault>() {
            let problem = Problem::from(*fault);
            let reason = match &problem {
                Problem::Downstream(fault) => fault.code(),
                problem => problem.code(),
            };
            return (problem.blame().word(), reason);
        }
        cause = error.source();
    }
    let problem = Problem::Storage;
    (problem.blame().word(), problem.code())
}

impl<T: Unpin> http_body::Body for Followed<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let followed = self.get_mut();
        let Self { inner, trail, span, .. } = &mut *followed;
        let polled = span.in_scope(|| trail.within(|| Pin::new(inner).poll_frame(cx)));
        if let Poll::Ready(frame) = &polled {
            followed.see(frame.as_ref());
        }
        polled
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
    use crate::trail;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;
    use std::sync::LazyLock;

    #[tokio::test]
    async fn what_a_body_does_is_its_request_s_and_its_bytes_are_counted() {
        static COUNTER: LazyLock<Counter> = LazyLock::new(Counter::default);
        let name = || trail::current().map_or_else(String::new, |trail| trail.name().to_owned());
        let pieces = stream::iter([1, 2]).map(move |_| Ok::<_, axum::Error>(Bytes::from(name())));
        let trail = Trail::begin(None, None);
        let wanted = trail.name().to_owned();
        let body =
            Followed::new(Counted::new(Body::from_stream(pieces), &COUNTER), trail, Span::none(), None, ());
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(bytes, format!("{wanted}{wanted}"));
        assert_eq!(COUNTER.get(), 64);
        assert!(trail::current().is_none());
    }
}
