//! OPTIONS on the DICOMweb root and its resources: what this server does (PS3.18 8.9).
//! Preflights are answered in `layer::cors` and never come here.

mod wadl;

use super::ask::Asked;
use super::{ROOT, State};
use crate::dicomweb::accept::{Choice, Offer};
use crate::problem::Problem;
use axum::extract::{MatchedPath, RawQuery};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The media types of a store request (PS3.18 10.5.4).
pub(super) const STORE_TAKES: [&str; 4] = [
    "multipart/related; type=\"application/dicom\"",
    "multipart/related; type=\"application/dicom+json\"",
    "multipart/related; type=\"application/dicom+xml\"",
    "application/dicom",
];

/// The media types of its answer.
pub(super) const STORE_GIVES: [&str; 4] = [
    "application/dicom+json",
    "multipart/related; type=\"application/dicom+xml\"",
    "multipart/related; type=\"application/dicom\"",
    "application/zip",
];

/// The media types of a search's answer (PS3.18 10.6.4).
pub(super) const SEARCH_GIVES: [&str; 2] =
    ["application/dicom+json", "multipart/related; type=\"application/dicom+xml\""];

/// Query parameters of a search beside attributes (PS3.18 8.3.4).
const SEARCH_TAKES: [&str; 6] = ["{attribute}", "includefield", "limit", "offset", "fuzzymatching", "accept"];

/// The media types of instances, of their metadata, of frames and bulk data, and of pictures (PS3.18 10.4.4).
const INSTANCES_GIVE: &[&str] = &["multipart/related; type=\"application/dicom\"", "application/zip"];
const INSTANCE_GIVES: &[&str] = &[
    "multipart/related; type=\"application/dicom\"",
    "application/dicom",
    "application/zip",
    "multipart/related; type=\"application/octet-stream\"",
];
const METADATA_GIVES: &[&str] = &SEARCH_GIVES;
const BYTES_GIVE: &[&str] = &[
    "multipart/related; type=\"application/octet-stream\"",
    "application/octet-stream",
    "multipart/related; type=\"image/*\"",
    "multipart/related; type=\"video/*\"",
];
const PICTURE_GIVES: &[&str] = &["image/jpeg", "image/png", "image/gif"];

/// Of instances that are reports, what is rendered is text.
const RENDERED_GIVE: &[&str] = &[
    "multipart/related; type=\"image/jpeg\"",
    "multipart/related; type=\"image/png\"",
    "multipart/related; type=\"image/gif\"",
    "multipart/related; type=\"text/html\"",
    "multipart/related; type=\"text/plain\"",
    "multipart/related; type=\"text/xml\"",
];
const RENDERED_GIVES: &[&str] =
    &["image/jpeg", "image/png", "image/gif", "text/html", "text/plain", "text/xml"];

/// A service of the standard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Store,
    Search,
    /// Retrieval, with the media types of its answer.
    Retrieve(&'static [&'static str]),
}

/// What each resource does; paths below the root, as the router has them.
pub(super) const RESOURCES: [(&str, &[Does]); 22] = [
    ("/studies", &[Does::Store, Does::Search]),
    ("/studies/{study}", &[Does::Store, Does::Retrieve(INSTANCES_GIVE)]),
    ("/studies/{study}/metadata", &[Does::Retrieve(METADATA_GIVES)]),
    ("/studies/{study}/rendered", &[Does::Retrieve(RENDERED_GIVE)]),
    ("/studies/{study}/thumbnail", &[Does::Retrieve(PICTURE_GIVES)]),
    ("/studies/{study}/series", &[Does::Search]),
    ("/studies/{study}/instances", &[Does::Search]),
    ("/studies/{study}/series/{series}", &[Does::Retrieve(INSTANCES_GIVE)]),
    ("/studies/{study}/series/{series}/metadata", &[Does::Retrieve(METADATA_GIVES)]),
    ("/studies/{study}/series/{series}/rendered", &[Does::Retrieve(RENDERED_GIVE)]),
    ("/studies/{study}/series/{series}/thumbnail", &[Does::Retrieve(PICTURE_GIVES)]),
    ("/studies/{study}/series/{series}/instances", &[Does::Search]),
    ("/studies/{study}/series/{series}/instances/{instance}", &[Does::Retrieve(INSTANCE_GIVES)]),
    ("/studies/{study}/series/{series}/instances/{instance}/metadata", &[Does::Retrieve(METADATA_GIVES)]),
    ("/studies/{study}/series/{series}/instances/{instance}/rendered", &[Does::Retrieve(RENDERED_GIVES)]),
    ("/studies/{study}/series/{series}/instances/{instance}/thumbnail", &[Does::Retrieve(PICTURE_GIVES)]),
    ("/studies/{study}/series/{series}/instances/{instance}/bulk/{*path}", &[Does::Retrieve(BYTES_GIVE)]),
    ("/studies/{study}/series/{series}/instances/{instance}/frames/{frames}", &[Does::Retrieve(BYTES_GIVE)]),
    (
        "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered",
        &[Does::Retrieve(PICTURE_GIVES)],
    ),
    (
        "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail",
        &[Does::Retrieve(PICTURE_GIVES)],
    ),
    ("/series", &[Does::Search]),
    ("/instances", &[Does::Search]),
];

const JSON: Offer = Offer { default: true, ..Offer::single("application/json") };

/// The forms of the description (PS3.18 8.9.4).
const FORMS: [Offer; 2] = [JSON, Offer::single("application/vnd.sun.wadl+xml")];

/// The capabilities description. Whoever asks for a form that there is not, gets JSON: it tells more than a refusal.
pub(super) async fn capabilities(
    service: State,
    path: MatchedPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::of(&service, &headers, query.as_deref());
    let (media, body) = described(asked.and_then(|asked| asked.choose(&FORMS)), service.links.root())?;
    let headers = [(header::CONTENT_TYPE, media), (header::ALLOW, allow(path.as_str()))];
    Ok((headers, body).into_response())
}

fn described(
    chosen: Result<(Offer, Choice), Problem>,
    root: &str,
) -> Result<(&'static str, Vec<u8>), Problem> {
    let form = chosen.map_or(JSON, |(form, _)| form);
    let body = match form {
        JSON => json(root).into_bytes(),
        _ => wadl::document(root).map_err(|_| Problem::Internal("WADL was not written"))?,
    };
    Ok((form.media, body))
}

fn json(root: &str) -> String {
    let body = json!({
        "application": {
            "title": "Veilgate",
            "resources": {"base": root, "resource": resources()},
        },
    });
    body.to_string()
}

/// The resources below the root, with what can be done to each.
pub(super) fn resources() -> Vec<Value> {
    let resource = |(path, does): &(&str, &[Does])| json!({"path": path, "methods": does.iter().map(method).collect::<Vec<_>>()});
    RESOURCES.iter().map(resource).collect()
}

fn method(does: &Does) -> Value {
    match does {
        Does::Store => json!({
            "name": "POST",
            "id": "store",
            "request": {"representations": STORE_TAKES},
            "response": {"representations": STORE_GIVES},
        }),
        Does::Search => json!({
            "name": "GET",
            "id": "search",
            "request": {"params": SEARCH_TAKES},
            "response": {"representations": SEARCH_GIVES},
        }),
        Does::Retrieve(gives) => json!({
            "name": "GET",
            "id": "retrieve",
            "request": {"params": ["accept"]},
            "response": {"representations": gives},
        }),
    }
}

/// The paths of resources, below the DICOMweb root.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(|(path, _)| *path)
}

/// The methods of a path of the router. The root itself is only described.
fn allow(path: &str) -> &'static str {
    let Some(below) = path.strip_prefix(ROOT) else { return READ };
    let does = |what: fn(&Does) -> bool| {
        RESOURCES.iter().any(|(path, does)| *path == below && does.iter().any(what))
    };
    match (does(|it| *it == Does::Store), does(|it| *it != Does::Store)) {
        (true, true) => "OPTIONS, GET, HEAD, POST",
        (true, false) => "OPTIONS, POST",
        (false, true) => READ,
        (false, false) => "OPTIONS",
    }
}

const READ: &str = "OPTIONS, GET, HEAD";
