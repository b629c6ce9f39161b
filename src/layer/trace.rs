//! One span and one log line a request: request id, client's address, method, route template, status,
//! whose fault, time.
//!
//! Never logged, here or anywhere: the request target (its UIDs may be original ones),
//! queries, header values, bodies, values of a data set, file names, API keys, texts of
//! errors of foreign code or of the downstream server.

use super::client::Proxies;
use super::context::{RequestId, Tally};
use crate::db::seal::hex;
use crate::problem::Blame;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Opens the span, writes the line, names the request in the answer.
pub(super) async fn trace(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    let id = request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let client = proxies.client(&request).map(tracing::field::display);
    let span = tracing::info_span!("request", id, client, method = %method(&request), route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let blame = response.extensions().get::<Blame>().copied();
    let tally = response.extensions().get::<Tally>();
    let (instances, delivered) = tally.map_or((0, 0), |tally| (tally.instances.len(), tally.delivered()));
    let read = tally.map_or(0, |tally| tally.read);
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    span.in_scope(|| match blame {
        Some(Blame::Us | Blame::Downstream) => {
            tracing::warn!(status, millis, blame = blame.map(Blame::word), "request failed");
        }
        Some(blame) => tracing::info!(status, millis, blame = blame.word(), "request refused"),
        None => tracing::info!(status, millis, instances, delivered, read, "request served"),
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A method of the standard ones; others may carry any text.
fn method(request: &Request) -> &str {
    match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known,
        _ => "other",
    }
}

/// 128 random bits; without randomness all zero, as a request does not fail for its name.
fn request_id() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    hex(&bytes)
}
