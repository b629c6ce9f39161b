//! Cross-origin access (Fetch standard): on every answer, and preflights answered here,
//! told apart from capabilities requests (PS3.18 8.9). Never with credentials: the API
//! key is a header that the web page sets itself.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

const METHODS: &str = "GET, HEAD, POST, OPTIONS";
const HEADERS: &str = "Authorization, Content-Type, Accept, Range, Cache-Control, X-API-Key";
const EXPOSED: &str = "Content-Type, Content-Length, Content-Range, Content-Location, ETag, Location, Retry-After, \
    RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Warning, Allow, Accept-Ranges, \
    X-Audit-Sha256, Veilgate-Audit-Receipt, X-Request-Id, Veilgate-Stored, Veilgate-Refused, Veilgate-Attributes, \
    Veilgate-Instance, Content-Disposition, X-Files-Processed, X-Files-Failed, \
    X-Files-Rejected-BurnedIn";

/// Who may call from another origin.
pub(super) struct Origins(Option<Vec<String>>);

impl Origins {
    pub(super) fn new(origins: Option<Vec<String>>) -> Self {
        Self(origins)
    }

    /// The value of Access-Control-Allow-Origin for a request of this origin.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.0 {
            None => Some(HeaderValue::from_static("*")),
            Some(origins) => {
                origins.iter().any(|it| it.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }
}

/// Answers preflights; adds the headers to every other answer.
pub(super) async fn cors(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match preflight {
        true => (StatusCode::NO_CONTENT, Body::empty()).into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(allowed) = origin.and_then(|origin| origins.allow(&origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        if preflight {
            permit(headers, asked);
        }
    }
    response
}

/// Any header may be sent: none carries a right but the key itself.
fn permit(headers: &mut HeaderMap, asked: Option<HeaderValue>) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static(HEADERS)));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}
