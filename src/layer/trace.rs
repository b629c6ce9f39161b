//! One span and one log line a request: request id, client's address, method, route template, status, whose fault, time; the
//! same as a span of its trace, and in the metrics. An answer that is not taken whole has a second line,
//! of `follow`. The request's id and trace go on with everything that is done for it.
//!
//! Never logged, here or anywhere: the request target (its UIDs may be original ones),
//! queries, header values, bodies, values of a data set, file names, API keys, texts of
//! errors of foreign code or of the downstream server.

use super::client::Proxies;
use super::context::{RequestId, Tally};
use super::follow::{Counted, Followed};
use crate::metrics::{Level, Reason, metrics};
use crate::problem::{Blame, Code};
use crate::trail::{Step, Trail, Value};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, Span, field};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Opens the span, writes the line, counts, names the request in the answer.
pub(super) async fn trace(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    let trail = trail(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let asked = Asked::new(route, method(&request));
    let span = span(&trail, &asked, proxies.client(&request));
    let step = Step::of_request(&trail, format!("{} {}", asked.method, asked.route));
    request.extensions_mut().insert(RequestId { told: trail.name().to_owned(), own: trail.own().to_owned() });
    let request = request.map(|body| Body::new(Counted::new(body, &metrics().received)));
    let mut response = trail.clone().scope(next.run(request)).instrument(span.clone()).await;
    if let Ok(id) = HeaderValue::from_str(trail.name()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    span.in_scope(|| log(&response, asked.started));
    let length = length(&asked, &response);
    let (step, running) = asked.answered(&response, step);
    let body =
        |body| Followed::new(Counted::new(body, &metrics().sent), trail, span, length, (step, running));
    response.map(|inner| Body::new(body(inner)))
}

fn trail(request: &Request) -> Trail {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    Trail::begin(header(REQUEST_ID.as_str()), header("traceparent"))
}

/// Of the highest level, so that lines of every level stand in it. The trace is told where its name is not the request's.
fn span(trail: &Trail, asked: &Asked, client: Option<IpAddr>) -> Span {
    let client = client.map(field::display);
    let (method, route) = (asked.method, asked.route.as_str());
    let span =
        tracing::error_span!("request", id = trail.name(), trace = field::Empty, client, method, route);
    let trace = trail.trace();
    if trace != trail.name() {
        span.record("trace", trace.as_str());
    }
    span
}

/// Bytes of the body that follows the head, if it says.
fn length(asked: &Asked, response: &Response) -> Option<u64> {
    if asked.method == "HEAD" {
        return Some(0);
    }
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn log(response: &Response, started: Instant) {
    let blame = response.extensions().get::<Blame>().copied();
    let tally = response.extensions().get::<Tally>();
    let (instances, delivered) = tally.map_or((0, 0), |tally| (tally.instances.len(), tally.delivered()));
    let read = tally.map_or(0, |tally| tally.read);
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, reason) = (response.status().as_u16(), code(response));
    match blame {
        Some(Blame::Us | Blame::Downstream) => {
            tracing::warn!(status, millis, blame = blame.map(Blame::word), reason, "request failed");
        }
        Some(blame) => tracing::info!(status, millis, blame = blame.word(), reason, "request refused"),
        None => tracing::info!(status, millis, instances, delivered, read, "request served"),
    }
}

/// The name of the problem that it is answered with.
fn code(response: &Response) -> Option<&'static str> {
    response.extensions().get::<Code>().map(|code| code.0)
}

/// A request on its way; counted whatever becomes of it.
struct Asked {
    route: String,
    method: &'static str,
    started: Instant,
    /// Class of the answer's status; that of no answer until there is one.
    status: &'static str,
    running: Option<Level>,
}

impl Asked {
    fn new(route: String, method: &'static str) -> Self {
        let mut running = Level::of(&metrics().running);
        running.raise(1);
        Self { route, method, started: Instant::now(), status: "gone", running: Some(running) }
    }

    /// What goes on until the answer has left.
    fn answered(mut self, response: &Response, mut step: Step) -> (Step, Option<Level>) {
        let status = response.status();
        self.status = match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        if let Some(reason) = code(response) {
            metrics().refused_requests.get_or_create(&Reason { reason }).inc();
            step.say("error.type", Value::Text(reason.into()));
        }
        step.say("http.request.method", Value::Text(self.method.into()));
        step.say("http.route", Value::Text(self.route.clone().into()));
        step.say("http.response.status_code", Value::Number(status.as_u16().into()));
        if status.is_server_error() {
            step.fail();
        }
        (step, self.running.take())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        metrics().answered(&self.route, self.method, self.status, self.started.elapsed());
    }
}

/// A method of the standard ones; others may carry any text.
fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
