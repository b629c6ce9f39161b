//! Small pieces of a body made larger ones: servers that send chunks of some kilobytes would else have each of them carried
//! through all layers, and sent on, alone. Nothing waits for more: what is there goes.

use super::fault::Fault;
use super::read::BodyStream;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A piece of so many bytes goes on as it is,
const LARGE: usize = 64 << 10;

/// and smaller ones are joined until they make so many.
const JOINED: usize = 128 << 10;

/// A body in larger pieces.
pub(super) struct Gathered {
    source: BodyStream,
    held: BytesMut,
    /// The source was given one turn to go on since it had nothing.
    waited: bool,
    /// What comes behind `held`, once it is known: the end, or a fault.
    end: Option<Option<Fault>>,
}

impl Gathered {
    pub(super) fn new(source: BodyStream) -> Self {
        Self { source, held: BytesMut::new(), waited: false, end: None }
    }

    /// Takes in a piece; gives what is large enough to go on.
    fn join(&mut self, piece: Bytes) -> Option<Bytes> {
        self.waited = false;
        if self.held.is_empty() && piece.len() >= LARGE {
            return Some(piece);
        }
        if self.held.is_empty() {
            self.held.reserve(JOINED);
        }
        self.held.extend_from_slice(&piece);
        (self.held.len() >= JOINED).then(|| self.held.split().freeze())
    }
}

impl Stream for Gathered {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.end.is_none() {
            match self.source.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    if let Some(large) = self.join(piece) {
                        return Poll::Ready(Some(Ok(large)));
                    }
                }
                Poll::Ready(Some(Err(fault))) => self.end = Some(Some(fault)),
                Poll::Ready(None) => self.end = Some(None),
                Poll::Pending if self.held.is_empty() => return Poll::Pending,
                Poll::Pending if !self.waited => {
                    // The next piece may lie read already, with the task that drives the connection: that one goes first.
                    self.waited = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(Some(Ok(self.held.split().freeze()))),
            }
        }
        if !self.held.is_empty() {
            return Poll::Ready(Some(Ok(self.held.split().freeze())));
        }
        Poll::Ready(self.end.as_mut().and_then(Option::take).map(Err))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::stream;
    use tokio::sync::mpsc;

    fn pieces(sizes: &[usize], end: Option<Fault>) -> BodyStream {
        let pieces: Vec<_> =
            sizes.iter().enumerate().map(|(at, size)| Ok(Bytes::from(vec![at as u8; *size]))).collect();
        stream::iter(pieces.into_iter().chain(end.map(Err))).boxed()
    }

    #[tokio::test]
    async fn small_pieces_are_joined_and_large_ones_go_as_they_are() {
        let sizes = [[8192; 40].as_slice(), &[100 << 10, 5, 200 << 10, 7]].concat();
        let gathered: Vec<Bytes> = Gathered::new(pieces(&sizes, None)).map(Result::unwrap).collect().await;
        let expected: Vec<u8> =
            sizes.iter().enumerate().flat_map(|(at, size)| vec![at as u8; *size]).collect();
        assert_eq!(gathered.concat(), expected);
        assert!(gathered.len() <= 6, "{} pieces", gathered.len());
    }

    #[tokio::test]
    async fn what_came_before_a_fault_goes_first_and_behind_it_comes_nothing() {
        let mut gathered = Gathered::new(pieces(&[10, 10], Some(Fault::CutOff)));
        assert_eq!(gathered.next().await.unwrap().unwrap().len(), 20);
        assert_eq!(gathered.next().await, Some(Err(Fault::CutOff)));
        assert_eq!(gathered.next().await, None);
    }

    #[tokio::test]
    async fn a_piece_does_not_wait_for_one_that_has_not_come() {
        let (sender, receiver) = mpsc::channel(1);
        let source = stream::unfold(receiver, |mut it| async move { Some((it.recv().await?, it)) });
        let mut gathered = Gathered::new(source.boxed());
        sender.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
        let first = tokio::time::timeout(std::time::Duration::from_secs(5), gathered.next()).await;
        assert_eq!(first.unwrap().unwrap().unwrap(), "first");
        drop(sender);
        assert_eq!(gathered.next().await, None);
    }
}
