//! Runs the rest of a request in a task of its own, so that it comes to its end, and to
//! its account, when the client leaves; a panic in it becomes an answer.

use crate::problem::Problem;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

/// The next layers in a task. A client that leaves ends the request body, not the task.
pub(super) async fn own(request: Request, next: Next) -> Response {
    let task = tokio::spawn(next.run(request).in_current_span());
    match task.await {
        Ok(response) => response,
        // The panic's text may quote anything: it stays unread.
        Err(_) => Problem::Internal("a request's task failed").into_response(),
    }
}
