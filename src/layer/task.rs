//! Sees the rest of a request through to its end, and to its account, when the client
//! leaves; a panic in it becomes an answer.

use crate::problem::Problem;
use crate::trail;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::runtime::Handle;

/// The next layers, run to their end whatever happens to the connection.
pub(super) async fn own(request: Request, next: Next) -> Response {
    let rest = AssertUnwindSafe(next.run(request)).catch_unwind();
    let rest = async move {
        // The panic's text may quote anything: it stays unread.
        rest.await.unwrap_or_else(|_| Problem::Internal("a request's task failed").into_response())
    };
    ToTheEnd(Some(Box::pin(trail::carried(rest)))).await
}

/// A future that goes on in a task of its own when it is dropped too early. It runs in
/// the connection's task otherwise: handing every piece of a body over to another task
/// costs more than what is done with it.
struct ToTheEnd(Option<Pin<Box<dyn Future<Output = Response> + Send>>>);

impl Future for ToTheEnd {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let Some(rest) = &mut self.0 else { return Poll::Pending };
        let response = ready!(rest.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(response)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use axum::{Router, body::Body};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio::time::{sleep, timeout};
    use tower::ServiceExt;

    fn request() -> Request {
        Request::new(Body::empty())
    }

    #[tokio::test]
    async fn a_request_whose_client_left_comes_to_its_end() {
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&ended);
        let handler = async move || {
            sleep(Duration::from_millis(100)).await;
            shared.store(true, Ordering::SeqCst);
        };
        let app = Router::new().route("/", get(handler)).layer(from_fn(own));
        assert!(timeout(Duration::from_millis(10), app.oneshot(request())).await.is_err(), "the client left");
        assert!(!ended.load(Ordering::SeqCst));
        timeout(Duration::from_secs(10), async {
            while !ended.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_panic_becomes_a_500() {
        let handler = async || -> StatusCode { panic!("on purpose") };
        let app = Router::new().route("/", get(handler)).layer(from_fn(own));
        assert_eq!(app.oneshot(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
