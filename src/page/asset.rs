//! One compiled-in file as an answer: compressed once, with a strong ETag for each coding (RFC 9110 8.8.3), and under
//! a policy that lets the page run nothing but what stands in this binary.

use crate::db::seal::hex;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// Scripts, styles and requests of this origin alone; pictures also from memory, where the preview has them. Nothing
/// inline, nothing evaluated, no form that leads elsewhere, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types vue";

/// What the page never needs.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Whoever has a copy asks whether it is still the right one: a new binary is seen at once.
const CACHE: &str = "public, no-cache";

/// A file, as it is and compressed.
pub(super) struct Asset {
    media: &'static str,
    plain: Coded,
    /// `None` if that made it no smaller.
    gzip: Option<Coded>,
}

/// Bytes in one coding, with their name.
struct Coded {
    bytes: Bytes,
    etag: String,
}

impl Coded {
    fn new(bytes: Bytes) -> Self {
        let etag = format!("\"{}\"", hex(&Sha256::digest(&bytes)));
        Self { bytes, etag }
    }
}

impl Asset {
    pub(super) fn new(media: &'static str, bytes: &'static [u8]) -> Self {
        let gzip = compressed(bytes).filter(|gzip| gzip.len() < bytes.len());
        let gzip = gzip.map(|gzip| Coded::new(gzip.into()));
        Self { media, plain: Coded::new(Bytes::from_static(bytes)), gzip }
    }

    /// The file in the best coding that the client takes, or that its copy is still right.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip(request));
        let coded = gzip.unwrap_or(&self.plain);
        let mut response = match has_copy(request, &coded.etag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => Body::from(coded.bytes.clone()).into_response(),
        };
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: &str| {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        };
        put(header::ETAG, &coded.etag);
        put(header::CACHE_CONTROL, CACHE);
        put(header::VARY, "Accept-Encoding");
        put(header::CONTENT_SECURITY_POLICY, POLICY);
        put(HeaderName::from_static("permissions-policy"), PERMISSIONS);
        put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        put(header::CONTENT_TYPE, self.media);
        if gzip.is_some() {
            put(header::CONTENT_ENCODING, "gzip");
        }
        response
    }
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// Accept-Encoding names gzip and does not forbid it (RFC 9110 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let lines = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let forbidden =
            weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !forbidden
    })
}

/// If-None-Match names the copy, weakly compared (RFC 9110 13.1.2).
fn has_copy(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
