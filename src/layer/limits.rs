//! Bounds of a request that do not depend on who sends it: target, body, silence, and
//! how many are served at once. Time for the headers is the server loop's.

use super::Settings;
use super::body::{Bounded, Holding};
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bounds, and the places taken.
pub(super) struct Limits {
    places: Arc<Semaphore>,
    uri: u64,
    request: u64,
    idle: Duration,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        let places = settings.concurrent.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            uri: settings.uri,
            request: settings.request,
            idle: settings.idle,
        }
    }

    fn check(&self, request: &Request) -> Result<OwnedSemaphorePermit, Problem> {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target as u64 > self.uri {
            return Err(Problem::UriTooLong { limit: self.uri });
        }
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > self.request) {
            return Err(Problem::BodyTooLarge { limit: self.request });
        }
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Problem::Overloaded)
    }
}

/// Refuses what is beyond the bounds; bounds the body. The place is held until the
/// answer is written: an answer that streams is still work.
pub(super) async fn limit(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let place = match limits.check(&request) {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    let (limit, idle) = (limits.request, limits.idle);
    let request = request.map(|body| Body::new(Bounded::new(body, limit, idle)));
    next.run(request).await.map(|body| Body::new(Holding::new(body, place)))
}
