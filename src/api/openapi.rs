//! GET /openapi.json: every route as OpenAPI 3.1. Operations of DICOMweb follow from the table of `capabilities`, the others
//! from `openapi/operations.tsv`; what they share stands in `openapi/components.json`. `tests/openapi.rs` holds them
//! against the router.

use super::ROOT;
use super::capabilities::{Does, RESOURCES, SEARCH_GIVES, STORE_GIVES};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

const OPERATIONS: &str = include_str!("openapi/operations.tsv");
const COMPONENTS: &str = include_str!("openapi/components.json");

/// What any request can be answered with: the target or body too large, or the server too busy or without its database.
const OF_ALL: &[u16] = &[413, 414, 503];

/// And what any that needs a key.
const OF_GUARDED: &[u16] = &[401, 500];

/// And what any that needs an API key: a right or choice that it lacks, too many requests.
const OF_API: &[u16] = &[403, 429];

/// What retrieval adds: what the client takes, what is not there, what a server behind this one does.
const OF_RETRIEVE: &[u16] = &[400, 404, 406, 413, 502, 504];
const OF_SEARCH: &[u16] = &[400, 404, 406, 502, 504];
const OF_STORE: &[u16] = &[400, 404, 406, 409, 415, 422, 502, 504];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// Whose key an operation needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Open,
    Api,
    Admin,
}

/// One method of one path.
struct Operation<'a> {
    method: &'a str,
    path: String,
    key: Key,
    parameters: Vec<&'a str>,
    body: &'a str,
    answers: Vec<(&'a str, Value)>,
    problems: Vec<u16>,
    summary: &'a str,
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in dicomweb().chain(OPERATIONS.lines().filter_map(Operation::of_line)) {
        if !cfg!(feature = "billing") && operation.path.starts_with("/v1/billing/") {
            continue;
        }
        let (path, method) = (operation.path.clone(), operation.method);
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = entry.as_object_mut() {
            methods.insert(method.to_owned(), operation.described());
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Veilgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A DICOMweb gateway that pseudonymizes on the fly. GET answers HEAD too. Every refusal is a problem \
                document (RFC 9457). The admin API is there where the setting admin_key is.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components(),
    })
}

/// The shared parts, with a problem for each status.
fn components() -> Value {
    let mut components: Value = serde_json::from_str(COMPONENTS).unwrap_or_default();
    let responses = components.get_mut("responses").and_then(Value::as_object_mut);
    let statuses = (400..=599).filter_map(|status| StatusCode::from_u16(status).ok());
    let named = statuses.filter_map(|status| Some((status, status.canonical_reason()?)));
    if let Some(responses) = responses {
        responses.extend(named.map(|(status, reason)| (status.as_str().to_owned(), problem(status, reason))));
    }
    components
}

fn problem(status: StatusCode, reason: &str) -> Value {
    let header = match status.as_u16() {
        401 => Some("WWW-Authenticate"),
        405 => Some("Allow"),
        429 => Some("Retry-After"),
        _ => None,
    };
    let headers: Map<String, Value> =
        header.map(|name| (name.to_owned(), json!({"schema": {"type": "string"}}))).into_iter().collect();
    let schema = reference("schemas", "Problem");
    let content = json!({"application/problem+json": {"schema": schema}});
    json!({"description": reason, "headers": headers, "content": content})
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

impl<'a> Operation<'a> {
    /// A row of the table; nothing for a remark.
    fn of_line(line: &'a str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let (method, path, key) = (next()?, next()?, next()?);
        let (parameters, body, answers, problems, summary) = (next()?, next()?, next()?, next()?, next()?);
        let key = match key {
            "open" => Key::Open,
            "api" => Key::Api,
            "admin" => Key::Admin,
            _ => return None,
        };
        let answer = |text: &'a str| match text.split_once('=') {
            Some((status, name)) => (status, reference("responses", name)),
            None => (text, json!({"description": "Nothing else is to be told."})),
        };
        Some(Self {
            method,
            path: path.to_owned(),
            key,
            parameters: parameters.split_whitespace().collect(),
            body,
            answers: answers.split_whitespace().map(answer).collect(),
            problems: problems.split_whitespace().filter_map(|status| status.parse().ok()).collect(),
            summary,
        })
    }

    fn described(&self) -> Value {
        // What a resource can do is told whatever its name is.
        let any = |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        let named = |name| if self.method == "options" { any(name) } else { reference("parameters", name) };
        let names = self.path.split(['{', '}']).skip(1).step_by(2);
        let parameters: Vec<Value> = names.chain(self.parameters.iter().copied()).map(named).collect();
        let mut responses: Map<String, Value> =
            self.answers.iter().map(|(status, answer)| ((*status).to_owned(), answer.clone())).collect();
        for status in self.refused() {
            let status = status.to_string();
            responses.entry(&status).or_insert_with(|| reference("responses", &status));
        }
        let mut described = json!({
            "operationId": self.id(),
            "tags": [self.tag()],
            "summary": self.summary,
            "parameters": parameters,
            "responses": responses,
            "security": self.security(),
        });
        if let Some(members) = described.as_object_mut().filter(|_| !self.body.is_empty()) {
            members.insert("requestBody".to_owned(), reference("requestBodies", self.body));
        }
        described
    }

    /// Statuses of its problems.
    fn refused(&self) -> Vec<u16> {
        let mut all = [OF_ALL, &self.problems].concat();
        match self.key {
            Key::Open => {}
            Key::Api => all.extend([OF_GUARDED, OF_API].concat()),
            Key::Admin => all.extend(OF_GUARDED),
        }
        if !self.body.is_empty() {
            // Cut off, or not sent on.
            all.extend([400, 408]);
        }
        all
    }

    fn security(&self) -> Value {
        match self.key {
            Key::Open => json!([]),
            Key::Api => json!([{"ApiKey": []}, {"ApiBearer": []}, {"ApiBasic": []}]),
            Key::Admin => json!([{"AdminKey": []}, {"AdminBearer": []}]),
        }
    }

    fn id(&self) -> String {
        let words = self.path.split(|it: char| !it.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        std::iter::once(self.method).chain(words).collect::<Vec<_>>().join("-")
    }

    fn tag(&self) -> &'static str {
        match (self.key, self.path.starts_with(ROOT) || self.path == "/wado") {
            (_, true) => "DICOMweb",
            (Key::Admin, _) => "administration",
            (Key::Api, _) => "gateway",
            (Key::Open, _) => "server",
        }
    }
}

/// What the capabilities tell of each resource, and their description itself.
fn dicomweb() -> impl Iterator<Item = Operation<'static>> {
    let below = RESOURCES.iter().map(|(path, _)| *path);
    let paths = std::iter::once("").chain(below).map(|path| format!("{ROOT}{}", plain(path)));
    let options = paths.chain(std::iter::once("/wado".to_owned())).map(|path| Operation {
        method: "options",
        path,
        key: Key::Open,
        parameters: Vec::new(),
        body: "",
        answers: vec![("200", gives("Capabilities.", &["application/json", "application/vnd.sun.wadl+xml"]))],
        problems: Vec::new(),
        summary: "What this server does here (PS3.18 8.9).",
    });
    let services = RESOURCES.iter().flat_map(|(path, does)| does.iter().map(|does| service(path, *does)));
    services.chain(options)
}

fn service(path: &str, does: Does) -> Operation<'static> {
    let answers = |media| match does {
        Does::Store => ["200", "202", "409"]
            .map(|status| (status, gives("Store Instances Response, or the instances.", media)))
            .to_vec(),
        Does::Search => {
            vec![("200", gives("The results.", media)), ("204", json!({"description": "No result, as XML."}))]
        }
        Does::Retrieve(_) => vec![
            ("200", gives("The resource.", media)),
            ("206", gives("A part of it: a range, or those of many that can be given.", media)),
            ("304", json!({"description": "The client has it."})),
        ],
    };
    let (method, parameters, body, media, problems, summary) = match does {
        Does::Store => (
            "post",
            &["accept"][..],
            "Instances",
            &STORE_GIVES[..],
            OF_STORE,
            "STOW-RS: instances in (PS3.18 10.5).",
        ),
        Does::Search => ("get", SEARCH, "", &SEARCH_GIVES[..], OF_SEARCH, "QIDO-RS: a search (PS3.18 10.6)."),
        Does::Retrieve(media) => {
            ("get", retrieve(path), "", media, OF_RETRIEVE, "WADO-RS: retrieval (PS3.18 10.4).")
        }
    };
    Operation {
        method,
        path: format!("{ROOT}{}", plain(path)),
        key: Key::Api,
        parameters: parameters.to_vec(),
        body,
        answers: answers(media),
        problems: if matches!(does, Does::Retrieve(_)) {
            [problems, &[416]].concat()
        } else {
            problems.to_vec()
        },
        summary,
    }
}

/// Query parameters of a search. Attributes are parameters too; a few stand for all.
const SEARCH: &[&str] = &[
    "PatientID",
    "StudyDate",
    "StudyInstanceUID",
    "ModalitiesInStudy",
    "includefield",
    "limit",
    "offset",
    "fuzzymatching",
    "accept",
];

fn retrieve(path: &str) -> &'static [&'static str] {
    match path.rsplit('/').next() {
        Some("rendered") => &["quality", "viewport", "window", "iccprofile", "accept"],
        Some("thumbnail") => &["quality", "viewport", "iccprofile", "accept"],
        Some("metadata") => &["accept"],
        _ => &["accept", "Range", "If-None-Match"],
    }
}

/// A path as OpenAPI writes it: the router marks a rest of the path.
fn plain(path: &str) -> String {
    path.replace('*', "")
}

/// An answer in these media types. Parameters of a type are no part of its name here.
fn gives(description: &str, media: &[&str]) -> Value {
    let essence = |media: &&str| media.split(';').next().unwrap_or_default().to_owned();
    let content: Map<String, Value> =
        media.iter().map(|media| (essence(media), content(&essence(media)))).collect();
    json!({"description": description, "content": content})
}

fn content(media: &str) -> Value {
    match media {
        "application/dicom+json" => {
            // An array of results or metadata; the one object of a store response.
            let data_set = reference("schemas", "DataSet");
            json!({"schema": {"anyOf": [{"type": "array", "items": data_set}, data_set]}})
        }
        "application/json" => json!({"schema": {"type": "object"}}),
        _ => json!({"schema": {"type": "string", "format": "binary"}}),
    }
}
