//! OPTIONS on the DICOMweb root and its resources: what this server does (PS3.18 8.9).
//! Preflights are answered in `layer::cors` and never come here.

use super::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The media types of a store request (PS3.18 10.5.4).
pub(super) const STORE_TAKES: [&str; 4] = [
    "multipart/related; type=\"application/dicom\"",
    "multipart/related; type=\"application/dicom+json\"",
    "multipart/related; type=\"application/dicom+xml\"",
    "application/dicom",
];

/// The media types of its answer.
const STORE_GIVES: [&str; 4] = [
    "application/dicom+json",
    "multipart/related; type=\"application/dicom+xml\"",
    "multipart/related; type=\"application/dicom\"",
    "application/zip",
];

/// The capabilities description as JSON (PS3.18 8.9.4).
pub(super) async fn capabilities(service: State) -> Response {
    let store = |path: &str| {
        json!({
            "path": path,
            "methods": [{
                "name": "POST",
                "id": "store",
                "request": {"representations": STORE_TAKES},
                "response": {"representations": STORE_GIVES},
            }],
        })
    };
    let body = json!({
        "application": {
            "title": "Veilgate",
            "resources": {
                "base": service.links.root(),
                "resource": [store("/studies"), store("/studies/{study}")],
            },
        },
    });
    ([(header::CONTENT_TYPE, "application/json"), (header::ALLOW, "OPTIONS, POST")], body.to_string())
        .into_response()
}
