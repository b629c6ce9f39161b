//! One HTTP exchange with a server, shown as it was: for whoever examines one. What is examined of a DICOMweb server is
//! `conform`'s.

use super::fault::{self, Fault};
use super::{Unusable, client, read};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, redirect};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// Most bytes of an answer that are read.
const MOST: usize = 64 << 20;

/// Longest time of one exchange.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that hides nothing. Cheap to clone.
#[derive(Clone)]
pub struct Probe {
    http: reqwest::Client,
    root: String,
}

/// One request.
#[derive(Clone, Default)]
pub struct Ask {
    /// GET unless it is said.
    pub method: Option<&'static str>,
    /// Path below the root, from its slash on, with its query.
    pub path: String,
    /// Headers beside those of every request.
    pub headers: Vec<(&'static str, String)>,
    /// Body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Leave out what names the caller.
    pub nameless: bool,
}

/// What came back.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The time by the server's clock, to the second, if it tells.
    pub fn date(&self) -> Option<SystemTime> {
        self.header("date").and_then(read::date)
    }
}

/// A name or value that is not legal in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a header's name or value is not legal in HTTP")]
pub struct NotAHeader;

impl Probe {
    /// A client for the DICOMweb root `root` (no slash at its end), which names itself by `headers`.
    ///
    /// # Errors
    /// A header is not legal.
    pub fn new(root: &str, headers: &[(String, String)]) -> Result<Self, NotAHeader> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut own = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotAHeader)?;
            own.append(name, HeaderValue::from_str(value).map_err(|_| NotAHeader)?);
        }
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent("veilgate-conformance")
            .default_headers(own)
            .build()
            .map_err(|_| NotAHeader)?;
        Ok(Self { http, root: root.to_owned() })
    }

    /// A client of `root` (no slash at its end) that waits for no exchange longer than `patience`, and trusts the
    /// authorities in `ca` (PEM) besides the system's. With `at` it connects there, wherever the root's name leads.
    ///
    /// # Errors
    /// The certificates cannot be read, or TLS cannot be set up.
    pub fn quick(
        root: &str,
        patience: Duration,
        ca: Option<&[u8]>,
        at: Option<SocketAddr>,
    ) -> Result<Self, Unusable> {
        let mut builder = client::builder(patience, ca)?.timeout(patience).user_agent("veilgate");
        let uri: Option<http::Uri> = root.parse().ok();
        if let (Some(host), Some(at)) = (uri.as_ref().and_then(http::Uri::host), at) {
            builder = builder.resolve(host, at);
        }
        Ok(Self { http: builder.build().map_err(|_| Unusable::Tls)?, root: root.to_owned() })
    }

    /// One exchange.
    ///
    /// # Errors
    /// There is no whole answer in time, or it is too large.
    pub async fn ask(&self, ask: Ask) -> Result<Reply, Fault> {
        let method = Method::from_bytes(ask.method.unwrap_or("GET").as_bytes()).unwrap_or(Method::GET);
        let url = if ask.path.starts_with("http") { ask.path } else { format!("{}{}", self.root, ask.path) };
        let mut request = self.http.request(method, url);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if ask.nameless {
            request = request.header("X-API-Key", "").header("Authorization", "");
        }
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| fault::of_error(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault::of_error(&error))? {
            if body.len() + chunk.len() > MOST {
                return Err(Fault::Nonsense);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body: body.into() })
    }
}
