//! A connection that closes without losing its last answer, and that does not wait for
//! ever for a client that does not read, or that says nothing at first.
//!
//! A client may still be sending when it is refused. Closing then makes the system reset
//! the connection, and the answer is lost on its way. So the write half closes first,
//! and what still comes is read and dropped for a moment.

use crate::config::Times;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long, and
const LINGER: Duration = Duration::from_secs(2);

/// how many bytes are dropped at most.
const MOST: usize = 64 << 20;

/// Bytes by which HTTP/2 is told from HTTP/1 (RFC 9113 3.4). Hyper waits for them without a deadline.
const PREFACE: usize = 24;

pub(super) struct Linger {
    stream: TcpStream,
    idle: Duration,
    /// Runs until enough came to tell the protocol, of which so many bytes are missing.
    opening: Option<(Pin<Box<Sleep>>, usize)>,
    /// Runs while a write is waiting.
    stuck: Option<Pin<Box<Sleep>>>,
    closing: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Linger {
    pub(super) fn new(stream: TcpStream, times: Times) -> Self {
        let opening = Some((Box::pin(sleep(times.header)), PREFACE));
        Self { stream, idle: times.idle, opening, stuck: None, closing: None }
    }

    /// Waits for first bytes once more: of a client whose handshake is over, and who has yet to say what it wants.
    pub(super) fn open_anew(&mut self, times: Times) {
        self.opening = Some((Box::pin(sleep(times.header)), PREFACE));
    }

    /// Turns a read that waits for too long for the first bytes into an error.
    fn open(
        &mut self,
        cx: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        came: usize,
    ) -> Poll<io::Result<()>> {
        let Some((deadline, missing)) = &mut self.opening else { return read };
        if read.is_pending() {
            ready!(deadline.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        *missing = missing.saturating_sub(came);
        if *missing == 0 {
            self.opening = None;
        }
        read
    }

    /// Turns a write that waits for too long into an error.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        // A short request of HTTP/1.0 is being answered.
        self.opening = None;
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let idle = self.idle;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(idle)));
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Linger {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = buf.filled().len().saturating_sub(before);
        self.open(cx, read, came)
    }
}

impl AsyncWrite for Linger {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let (deadline, left) = this
            .closing
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)), MOST));
        let mut scratch = [0; 16 << 10];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            let over = match Pin::new(&mut this.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) => buf.filled().is_empty(),
                Poll::Ready(Err(_)) => true,
                Poll::Pending => {
                    ready!(deadline.as_mut().poll(cx));
                    true
                }
            };
            *left = left.saturating_sub(buf.filled().len());
            if over || *left == 0 || deadline.is_elapsed() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
