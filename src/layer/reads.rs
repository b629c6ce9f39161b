//! Instances that are read: counted on a meter of their own, and where the setting says so taken from the quota too.
//!
//! The unit: each instance of which an answer gives the file, frames, bulk data or a picture, once for each such answer. It
//! counts when its request is settled, before the first byte leaves, and what an answer begins with counts whether its
//! client stays to the end or not: nothing that left is uncounted. Searches, metadata, HEAD and 304 do not count. Bytes are
//! those of the answers' bodies as they leave; see `db/writer/sent.rs`.

use super::context::Tally;
use super::quota::{Held, Reserved, ticket};
use crate::audit::action::Action;
use crate::db::writer::{Ticket, Writer};
use crate::problem::Problem;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What the layer works with.
#[derive(Clone)]
pub(super) struct Reads {
    pub(super) writer: Writer,
    /// What is read is taken from the quota.
    pub(super) spend: bool,
}

/// So many instances that are read count against the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent(pub(super) u64);

/// Counts what the answer gives, or refuses it as a whole where the quota does not hold it.
pub(super) async fn reads(State(reads): State<Reads>, request: Request, next: Next) -> Response {
    if *request.method() == Method::HEAD {
        let mut response = next.run(request).await;
        response.extensions_mut().remove::<Tally>();
        return response;
    }
    let Some(ticket) = ticket(&request, Action::Retrieve, reads.spend) else {
        return Problem::Internal("a request without caller reached the meter of reads").into_response();
    };
    let mut response = match reads.spend {
        true => spending(&reads.writer, &ticket, request, next).await,
        false => next.run(request).await,
    };
    if read(&response) > 0 {
        response.extensions_mut().insert(ticket);
    }
    response
}

/// Has the bytes of an answer counted as they leave. To be called for what is on record, not for what may be withheld.
pub(super) fn leaving(response: Response, writer: Writer, ticket: Ticket) -> Response {
    response.map(|inner| Body::new(Leaving { inner, bytes: 0, writer, ticket }))
}

fn read(response: &Response) -> u64 {
    response.extensions().get::<Tally>().map_or(0, |tally| tally.read)
}

/// Reserves the first instance before anything is done, and the others once it is known how many they are.
async fn spending(writer: &Writer, ticket: &Ticket, request: Request, next: Next) -> Response {
    let held = Held::new(writer, ticket);
    let mut response = match Reserved::begin(writer.clone(), ticket.clone()).await {
        Err(problem) => problem.into_response(),
        Ok(reserved) => spent(&reserved, next.run(request).await).await,
    };
    if let Some(ticket) = held.keep() {
        response.extensions_mut().insert(ticket);
    }
    response
}

/// The answer if the quota holds all of it: part of a study would look like the whole.
async fn spent(reserved: &Reserved, mut response: Response) -> Response {
    let read = read(&response);
    if read == 0 {
        return response;
    }
    match reserved.take_all(read).await {
        Ok(()) => {
            response.extensions_mut().insert(Spent(read));
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// An answer's body whose bytes are counted as they leave, and told when it ends or its client goes away.
struct Leaving {
    inner: Body,
    bytes: u64,
    writer: Writer,
    ticket: Ticket,
}

impl http_body::Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.writer.sent(&self.ticket.customer, &self.ticket.month, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
