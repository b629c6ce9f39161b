//! Bodies in few pieces: small ones that are there together leave as one. To HTTP/1.1 each is a chunk of its own, which costs
//! whoever sends it, and whoever reads it, more than to copy it. What the bytes are is not known here.

use crate::origin::part::ByteStream;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{Fuse, Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A piece that is worth a chunk of its own, in bytes.
const LARGE: usize = 16 << 10;

type Piece = <ByteStream as Stream>::Item;

/// The same bytes in larger pieces. Nothing that is there waits for what is not.
pub(super) struct Joined {
    inner: Fuse<ByteStream>,
    small: BytesMut,
    /// What came behind `small` and is no part of it.
    next: Option<Piece>,
}

impl Joined {
    pub(super) fn new(inner: ByteStream) -> Self {
        Self { inner: inner.fuse(), small: BytesMut::new(), next: None }
    }

    /// What was joined, before what came behind it.
    fn joined(&mut self, next: Option<Piece>) -> Option<Piece> {
        if self.small.is_empty() {
            return next;
        }
        self.next = next;
        Some(Ok(self.small.split().freeze()))
    }

    fn take_small(&mut self, piece: &Bytes) -> bool {
        self.small.extend_from_slice(piece);
        self.small.len() < LARGE
    }
}

impl Stream for Joined {
    type Item = Piece;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let this = self.get_mut();
        if let Some(next) = this.next.take() {
            return Poll::Ready(Some(next));
        }
        loop {
            match this.inner.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(piece))) if piece.len() < LARGE => {
                    if !this.take_small(&piece) {
                        return Poll::Ready(this.joined(None));
                    }
                }
                Poll::Ready(next) => return Poll::Ready(this.joined(next)),
                Poll::Pending if this.small.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(this.joined(None)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::origin::Fault;
    use futures_util::stream;

    fn piece(byte: u8, size: usize) -> Piece {
        Ok(Bytes::from(vec![byte; size]))
    }

    async fn sizes(pieces: Vec<Piece>) -> Vec<Result<usize, Fault>> {
        let joined = Joined::new(stream::iter(pieces).boxed());
        joined.map(|piece| piece.map(|bytes| bytes.len())).collect().await
    }

    #[tokio::test]
    async fn small_pieces_go_together_and_large_ones_alone_in_their_order() {
        let pieces = vec![piece(1, 330), piece(2, 900), piece(3, LARGE), piece(4, 10), piece(5, LARGE - 10)];
        let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.clone().unwrap().to_vec()).collect();
        assert_eq!(sizes(pieces.clone()).await, [Ok(1230), Ok(LARGE), Ok(LARGE)]);
        let joined: Vec<_> = Joined::new(stream::iter(pieces).boxed()).map(Result::unwrap).collect().await;
        assert_eq!(joined.concat(), whole);
        assert_eq!(sizes(vec![piece(1, 1), piece(2, 0), piece(3, 2)]).await, [Ok(3)]);
        assert_eq!(sizes(vec![]).await, []);
    }

    #[tokio::test]
    async fn what_is_there_leaves_before_a_fault_and_does_not_wait() {
        assert_eq!(sizes(vec![piece(1, 7), Err(Fault::NotFound)]).await, [Ok(7), Err(Fault::NotFound)]);
        let slow = stream::iter([piece(1, 7), piece(2, 8)]).chain(stream::pending()).boxed();
        let mut joined = Joined::new(slow);
        assert_eq!(joined.next().await.unwrap().unwrap().len(), 15);
        assert!(futures_util::poll!(joined.next()).is_pending());
    }
}
