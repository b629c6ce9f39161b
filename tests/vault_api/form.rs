//! Forms as clients write them, and the archive that comes back taken apart; no code of the product.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use super::support::http::{Request, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Read};

pub const BOUNDARY: &str = "------------------------d74496d66958873e";

/// One part of a form.
#[derive(Clone)]
pub struct Field {
    /// Header lines, each with its line end.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Field {
    /// A file in the field `files`.
    pub fn file(name: &str, body: Vec<u8>) -> Field {
        Field::named("files", name, body)
    }

    /// A file in any field.
    pub fn named(field: &str, name: &str, body: Vec<u8>) -> Field {
        Field::disposed(&format!("form-data; name=\"{field}\"; filename=\"{name}\""), body)
    }

    /// A part with this Content-Disposition.
    pub fn disposed(disposition: &str, body: Vec<u8>) -> Field {
        let headers =
            format!("Content-Disposition: {disposition}\r\nContent-Type: application/octet-stream\r\n");
        Field { headers, body }
    }

    /// A field that is no file.
    pub fn text(field: &str, value: &str) -> Field {
        let headers = format!("Content-Disposition: form-data; name=\"{field}\"\r\n");
        Field { headers, body: value.as_bytes().to_vec() }
    }
}

/// The fields as one body (RFC 7578).
pub fn body(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        out.extend(format!("--{BOUNDARY}\r\n{}\r\n", field.headers).bytes());
        out.extend(&field.body);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{BOUNDARY}--\r\n").bytes());
    out
}

/// POST of these fields.
pub fn upload(fields: &[Field]) -> Request {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::new("POST", "/v1/anonymize").header("Content-Type", &content_type).body(body(fields))
}

/// Names and bytes of the archive's entries, in its order.
pub fn entries(answer: &Response) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(&answer.body)).unwrap();
    let mut out = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        out.push((entry.name().unwrap().into_owned(), bytes));
    }
    out
}

/// Names of the pseudonymized files in the archive.
pub fn names(answer: &Response) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let names = entries(answer).into_iter().map(|entry| entry.0);
    names.filter_map(|name| name.strip_prefix("out/").map(str::to_owned)).collect()
}

/// The manifest of the archive, which stands last.
pub fn manifest(answer: &Response) -> Value {
    let (name, bytes) = entries(answer).pop().unwrap();
    assert_eq!(name, "manifest.json");
    serde_json::from_slice(&bytes).unwrap()
}

/// In lower case hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
