//! Bodies that are counted as they pass, and answers' bodies that stay a part of their request: what is logged, or asked of
//! other servers, while they are made says whose it is.

use crate::metrics::Counter;
use crate::trail::Trail;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
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
    _held: T,
}

impl<T> Followed<T> {
    pub(super) fn new(inner: Counted, trail: Trail, span: Span, held: T) -> Self {
        Self { inner, trail, span, _held: held }
    }
}

impl<T: Unpin> http_body::Body for Followed<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { inner, trail, span, .. } = self.get_mut();
        let _entered = span.enter();
        trail.within(|| Pin::new(inner).poll_frame(cx))
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
        let body = Followed::new(Counted::new(Body::from_stream(pieces), &COUNTER), trail, Span::none(), ());
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(bytes, format!("{wanted}{wanted}"));
        assert_eq!(COUNTER.get(), 64);
        assert!(trail::current().is_none());
    }
}
