//! Small JSON documents that other servers publish, such as the keys of an issuer of tokens. What they mean is told where they
//! are asked for.

use super::{Fault, Unusable, client};
use reqwest::{Client, StatusCode, Url};
use std::net::IpAddr;
use std::time::Duration;

/// Time to connect, and for the whole exchange. Somebody waits for what is asked.
const CONNECT: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(4);

/// Most bytes of a document.
const MOST: usize = 256 << 10;

/// Asks for documents. Cheap to clone.
#[derive(Clone)]
pub struct Documents(Client);

impl Documents {
    /// A client that trusts the authorities in `ca` (PEM) besides the system's.
    ///
    /// # Errors
    /// There are no certificates that can be read, or TLS cannot be set up.
    pub fn new(ca: Option<&[u8]>) -> Result<Self, Unusable> {
        let client = client::builder(CONNECT, ca)?.timeout(WHOLE).build();
        client.map(Self).map_err(|_| Unusable::Tls)
    }

    /// The document at a [safe](is_safe) URL. Redirects are not followed.
    ///
    /// # Errors
    /// The URL is not safe, there is no answer, or it is no JSON within bounds.
    pub async fn get(&self, url: &str) -> Result<serde_json::Value, Fault> {
        if !is_safe(url) {
            return Err(Fault::Unsupported);
        }
        let mut answer = self.0.get(url).send().await.map_err(|error| of(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(Fault::Refused(answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| of(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST {
                return Err(Fault::TooLarge);
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| Fault::Nonsense)
    }
}

fn of(error: &reqwest::Error) -> Fault {
    match error {
        error if error.is_timeout() => Fault::TimedOut,
        error if error.is_connect() => Fault::Unreachable,
        _ => Fault::CutOff,
    }
}

/// True if what a server says at this URL can be believed to be its word: https, or http on this machine.
pub fn is_safe(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost" || bare.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    let named = url.username().is_empty() && url.password().is_none() && !host.is_empty();
    named && (url.scheme() == "https" || (url.scheme() == "http" && local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_safe_on_this_machine_alone() {
        for url in ["https://id.example/a", "http://127.0.0.1:1/a", "http://localhost", "http://[::1]:9"] {
            assert!(is_safe(url), "{url}");
        }
        for url in
            ["http://id.example", "http://10.0.0.1", "file:///etc/passwd", "https://u:p@id.example", "id", ""]
        {
            assert!(!is_safe(url), "{url}");
        }
    }
}
