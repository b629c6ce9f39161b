//! One HTTP exchange with a server, shown as it was: for whoever examines one. What is examined of a DICOMweb server is
//! `conform`'s.

use super::fault::{self, Fault};
use super::{Unusable, client, read};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url, redirect};
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
    /// What names the caller, to whoever may know.
    own: HeaderMap,
    known: Vec<Url>,
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
    /// A client for the DICOMweb root `root` (no slash at its end), which names itself by `headers` there and where `other`
    /// is. Other servers that a server names are not to learn its callers' keys.
    ///
    /// # Errors
    /// A header is not legal.
    pub fn new(root: &str, other: Option<&str>, headers: &[(String, String)]) -> Result<Self, NotAHeader> {
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
            .build()
            .map_err(|_| NotAHeader)?;
        let known = [Some(root), other].into_iter().flatten().filter_map(|url| Url::parse(url).ok());
        Ok(Self { http, root: root.to_owned(), own, known: known.collect() })
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
        let http = builder.build().map_err(|_| Unusable::Tls)?;
        Ok(Self { http, root: root.to_owned(), own: HeaderMap::new(), known: Vec::new() })
    }

    /// What a URI reference means in what stands at this path below the root (RFC 3986 5.2): again such a path, or a URL
    /// elsewhere.
    pub fn resolve(&self, path: &str, uri: &str) -> String {
        let base = Url::parse(&format!("{}{path}", self.root));
        let Ok(url) = base.and_then(|base| base.join(uri)) else { return uri.to_owned() };
        let below = url.as_str().strip_prefix(&self.root).filter(|path| path.starts_with('/'));
        below.unwrap_or(url.as_str()).to_owned()
    }

    /// One exchange.
    ///
    /// # Errors
    /// There is no whole answer in time, or it is too large.
    pub async fn ask(&self, ask: Ask) -> Result<Reply, Fault> {
        let method = Method::from_bytes(ask.method.unwrap_or("GET").as_bytes()).unwrap_or(Method::GET);
        let url = if ask.path.starts_with("http") { ask.path } else { format!("{}{}", self.root, ask.path) };
        let is_known =
            Url::parse(&url).is_ok_and(|url| self.known.iter().any(|it| it.origin() == url.origin()));
        let mut request = self.http.request(method, url);
        for (name, value) in self.own.iter().filter(|_| is_known && !ask.nameless) {
            if !ask.headers.iter().any(|(other, _)| name == other) {
                request = request.header(name, value);
            }
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| fault::of_error(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault::of_error(&error))? {
            if body.len() + chunk.len() > MOST {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body: body.into() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers once, and tells what it was asked.
    async fn asked(probe: &Probe, listener: &TcpListener, ask: Ask) -> String {
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(head.get(..length).unwrap()).to_lowercase()
        };
        let (answer, head) = tokio::join!(probe.ask(ask), serve);
        assert_eq!(answer.unwrap().status, 204);
        head
    }

    #[test]
    fn references_are_resolved_as_uris_are() {
        let probe = Probe::new("http://h/dicom-web", None, &[]).unwrap();
        for (uri, wanted) in [
            ("bulk/1", "/studies/1/bulk/1"),
            ("../2/bulk", "/studies/2/bulk"),
            ("/dicom-web/studies/1/b", "/studies/1/b"),
            ("http://h/dicom-web/b?x=1", "/b?x=1"),
            ("http://h/dicom-web2/b", "http://h/dicom-web2/b"),
            ("//other/dicom-web/b", "http://other/dicom-web/b"),
        ] {
            assert_eq!(probe.resolve("/studies/1/", uri), wanted);
        }
    }

    #[tokio::test]
    async fn only_the_examined_server_and_its_uri_service_learn_the_callers_key() {
        let [root, service, foreign] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0"));
        let (root, service, foreign) = (root.await.unwrap(), service.await.unwrap(), foreign.await.unwrap());
        let url = |at: &TcpListener| format!("http://{}/dicom-web", at.local_addr().unwrap());
        let own =
            [("X-API-Key", "s3cret"), ("Accept", "own/type")].map(|(name, it)| (name.into(), it.into()));
        let probe = Probe::new(&url(&root), Some(&url(&service)), &own).unwrap();
        let to = |path: String| Ask { path, headers: vec![("Accept", "a/b".to_owned())], ..Ask::default() };
        let told = asked(&probe, &root, to("/studies".to_owned())).await;
        assert!(told.contains("s3cret") && told.contains("a/b") && !told.contains("own/type"), "{told}");
        assert!(asked(&probe, &service, to(url(&service))).await.contains("s3cret"));
        assert!(!asked(&probe, &foreign, to(url(&foreign))).await.contains("s3cret"));
        let nameless = Ask { nameless: true, ..to("/studies".to_owned()) };
        assert!(!asked(&probe, &root, nameless).await.contains("s3cret"));
    }
}
