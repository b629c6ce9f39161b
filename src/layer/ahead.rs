//! A body whose first bytes are taken in while something else must be waited for: the server behind goes on sending while
//! the account is settled. What the bytes are is not known here.

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Bytes that are taken in at most: a frame or a slice, not a study.
const MOST: u64 = 1 << 20;

/// A body, and what was taken in of it.
pub(super) struct Ahead {
    first: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    /// Bytes of `first`.
    held: u64,
    inner: Body,
    /// Behind `first` nothing comes any more.
    over: bool,
}

impl Ahead {
    pub(super) fn new(inner: Body) -> Self {
        Self { first: VecDeque::new(), held: 0, inner, over: false }
    }

    /// Waits for `other`, and takes in what comes meanwhile. Runs in the task that waits: to hand the bytes over to
    /// another costs more than that saves.
    pub(super) async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        std::future::poll_fn(|cx| {
            let polled = other.as_mut().poll(cx);
            if polled.is_pending() {
                self.take_in(cx);
            }
            polled
        })
        .await
    }

    fn take_in(&mut self, cx: &mut Context<'_>) {
        while !self.over && self.held < MOST {
            match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.over = true,
                Poll::Ready(Some(frame)) => {
                    self.over = frame.is_err();
                    self.held += length(&frame);
                    self.first.push_back(frame);
                }
            }
        }
    }
}

fn length(frame: &Result<Frame<Bytes>, axum::Error>) -> u64 {
    let data = frame.as_ref().ok().and_then(Frame::data_ref);
    data.map_or(0, |data| data.len() as u64)
}

impl http_body::Body for Ahead {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(frame) = self.first.pop_front() {
            self.held -= length(&frame);
            return Poll::Ready(Some(frame));
        }
        if self.over { Poll::Ready(None) } else { Pin::new(&mut self.inner).poll_frame(cx) }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && (self.over || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.size_hint();
        let mut hint = SizeHint::new();
        // The upper bound first: a lower one must not be above it.
        rest.upper().into_iter().for_each(|upper| hint.set_upper(upper.saturating_add(self.held)));
        hint.set_lower(rest.lower().saturating_add(self.held));
        hint
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::StreamExt;
    use futures_util::stream;
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Pieces of so many bytes each, ending in an error if `broken`; how many bytes were asked for.
    fn body(pieces: usize, size: usize, broken: bool) -> (Body, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let whole = stream::iter(0..pieces).map(move |piece| {
            counter.fetch_add(size as u64, Ordering::SeqCst);
            Ok(Bytes::from(vec![piece as u8; size]))
        });
        let end = stream::iter(broken.then(|| Err(std::io::Error::other("cut off"))));
        (Body::from_stream(whole.chain(end)), taken)
    }

    /// Something that takes its time.
    async fn other() -> u8 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        7
    }

    #[tokio::test]
    async fn all_bytes_come_in_their_order_and_no_more_is_taken_in_than_may_be() {
        let (body, taken) = body(40, 100 << 10, false);
        let mut ahead = Ahead::new(body);
        assert_eq!(ahead.meanwhile(other()).await, 7);
        let early = taken.load(Ordering::SeqCst);
        assert!((MOST..MOST + (100 << 10)).contains(&early), "{early}");
        assert_eq!(ahead.size_hint().lower(), early);
        let bytes = Body::new(ahead).collect().await.unwrap().to_bytes();
        let expected: Vec<u8> = (0..40u8).flat_map(|piece| vec![piece; 100 << 10]).collect();
        assert_eq!(bytes, expected);
    }

    #[tokio::test]
    async fn what_breaks_off_early_breaks_off_for_the_client_too() {
        let (body, _) = body(2, 10, true);
        let mut ahead = Ahead::new(body);
        ahead.meanwhile(other()).await;
        assert!(!ahead.is_end_stream());
        let frames: Vec<bool> =
            Body::new(ahead).into_data_stream().map(|frame| frame.is_ok()).collect().await;
        assert_eq!(frames, [true, true, false]);
    }

    #[tokio::test]
    async fn a_length_that_is_known_stays_known() {
        let mut ahead = Ahead::new(Body::from("twelve bytes"));
        assert_eq!(ahead.size_hint().exact(), Some(12));
        ahead.meanwhile(other()).await;
        assert_eq!(ahead.size_hint().exact(), Some(12));
        assert_eq!(Body::new(ahead).collect().await.unwrap().to_bytes(), "twelve bytes");
    }
}
