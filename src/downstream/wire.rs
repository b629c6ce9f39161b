//! One connection to the downstream server, driven by whoever reads what comes on it. Driven by a task of its own, it would
//! hand over a body piece by piece, and each piece would cost two switches between tasks. Which connection serves which
//! request is `wires`.

use super::fault::Fault;
use bytes::{Bytes, BytesMut};
use http::header::TRANSFER_ENCODING;
use http::{Request, Response, response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// Bytes that are read at once at first,
const FIRST: usize = 64 << 10;

/// and at the most, of a server that sends fast: the fewer reads, the less they cost.
const MOST: usize = 2 << 20;

/// Bytes that the head of an answer may have, and that of a framed body are read at once at the most.
const HEAD: usize = 1 << 20;

/// What carries the bytes: TCP, or TLS over it.
pub(super) type Link = Box<dyn Io>;

/// Bytes to and from a server.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that serves one request at a time.
pub(super) struct Wire {
    sender: SendRequest<String>,
    driver: Driver,
}

/// The side of a connection that reads and writes; nothing of it is left once it is over.
struct Driver(Option<Connection<TokioIo<Link>, String>>);

impl Driver {
    /// Goes on as far as is possible now.
    fn drive(&mut self, cx: &mut Context<'_>) {
        // Why it is over is told by the answer that it carried.
        if self.0.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            self.0 = None;
        }
    }
}

impl Wire {
    /// HTTP/1.1 over a link.
    pub(super) async fn over(link: Link) -> Result<Self, Fault> {
        let opened = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(link)).await;
        let (sender, connection) = opened.map_err(|_| Fault::Unreachable)?;
        Ok(Self { sender, driver: Driver(Some(connection)) })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// The connection ends before, or what comes is no HTTP.
    pub(super) async fn ask(&mut self, request: Request<String>) -> Result<Response<Incoming>, Fault> {
        let (driver, mut sent) = (&mut self.driver, pin!(self.sender.send_request(request)));
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = sent.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            driver.drive(cx);
            sent.as_mut().poll(cx)
        });
        answer.await.map_err(|_| Fault::CutOff)
    }

    /// The next bytes of the answer's body; none at its end.
    ///
    /// # Errors
    /// The connection ends within the body.
    pub(super) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Fault>> {
        loop {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => {
                    self.driver.drive(cx);
                    ready!(Pin::new(&mut *body).poll_frame(cx))
                }
                Poll::Ready(frame) => frame,
            };
            match frame.transpose().map_err(|_| Fault::CutOff)?.map(Frame::into_data) {
                None => return Poll::Ready(Ok(None)),
                Some(Ok(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                // Trailers are passed over.
                Some(Err(_)) => {}
            }
        }
    }

    /// True if another request can be sent; so far as is known now.
    pub(super) fn is_free(&mut self, cx: &mut Context<'_>) -> bool {
        self.driver.drive(cx);
        self.driver.0.is_some() && self.sender.is_ready()
    }
}

/// A body that ends with its connection (RFC 9112 6.3, 8): nothing is left to do for HTTP, whose reader would cut it into
/// pieces of 8 KiB.
pub(super) struct Endless {
    /// Pieces that were read with the head, or that it broke behind them.
    begun: VecDeque<Result<Bytes, Fault>>,
    link: Link,
    block: BytesMut,
    /// Bytes of the next block.
    size: usize,
}

impl Endless {
    /// The body of an answer that names no length and has no chunks, if its connection goes on.
    pub(super) fn of(head: &response::Parts, body: &mut Incoming, wire: &mut Wire) -> Option<Self> {
        if body.size_hint().exact().is_some() || head.headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        // Of one that is over, the body tells how.
        let connection = wire.driver.0.take()?;
        let mut begun = VecDeque::new();
        while let Poll::Ready(Some(frame)) =
            Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()))
        {
            let bytes = frame.ok().and_then(|frame| frame.into_data().ok());
            begun.push_back(bytes.ok_or(Fault::CutOff));
        }
        let parts = connection.into_parts();
        begun.push_back(Ok(parts.read_buf));
        begun.retain(|piece| !piece.as_ref().is_ok_and(Bytes::is_empty));
        Some(Self { begun, link: parts.io.into_inner(), block: BytesMut::new(), size: FIRST })
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The connection breaks.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        if let Some(piece) = self.begun.pop_front() {
            return piece.map(Some);
        }
        if self.block.capacity() < self.size / 4 {
            self.block.reserve(self.size);
        }
        let read = self.link.read_buf(&mut self.block).await.map_err(|_| Fault::CutOff)?;
        if self.block.len() == self.block.capacity() {
            self.size = (2 * self.size).min(MOST);
        }
        Ok((read > 0).then(|| self.block.split().freeze()))
    }
}
