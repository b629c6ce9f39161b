//! The only HTTP client of the DICOMweb server that instances are forwarded to, or pulled from.
//!
//! | I want to … | open |
//! |---|---|
//! | change how instances are sent | `store`, `body` |
//! | change how resources are asked for, and which status means what | `read`, `fault` |
//! | change how multipart answers are taken apart | `multipart` |
//! | change when a server that does not answer is left alone | `breaker` |
//! | change how many ask a server at the same time | `places` |
//! | change which clients have both in common | `server` |
//! | change which URLs that it names are followed | `address` |
//! | change what a server is told of whose work it does, and what is counted of it | `asked` |
//! | change on which connections resources are asked for, how their bytes come in | `wires`, `wire` |
//! | change how any HTTP client is set up | `client` |
//! | change whose certificates are believed | [`trust`] |
//! | change how spans are sent to a collector | `collector`, then `otlp` |
//! | ask another server for a small JSON document | [`document`] |
//! | show an exchange as it was, to whoever examines a server | [`probe`] |

mod address;
mod asked;
mod body;
mod breaker;
mod client;
#[cfg(feature = "otlp")]
mod collector;
pub mod document;
mod fault;
mod multipart;
mod places;
pub mod probe;
mod read;
mod server;
mod store;
pub mod trust;
mod wire;
mod wires;

pub use body::{Feed, Feeder};
pub use client::for_objects;
#[cfg(feature = "otlp")]
pub use collector::Collector;
pub use fault::Fault;
pub use multipart::{PartHead, ReplyParts};
pub use read::{BodyStream, Reply};
pub use server::Servers;

use crate::secret::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use server::{Bounded, Server};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use wires::Wires;

/// How the gateway names itself to the downstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    None,
    /// Basic.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// Bearer token.
    Bearer(Secret),
}

/// The downstream server, as configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its DICOMweb root, without a slash at the end.
    pub url: String,
    /// How to authenticate.
    pub credentials: Credentials,
    /// Further request headers.
    pub headers: Vec<(String, Secret)>,
    /// PEM certificates of authorities to trust besides the system's.
    pub ca: Option<Vec<u8>>,
    /// Time to connect.
    pub connect: Duration,
    /// Longest silence while it has to take bytes or to answer.
    pub answer: Duration,
    /// Most requests at the same time.
    pub concurrent: usize,
    /// Repetitions where they are safe.
    pub retries: u32,
}

/// The settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A header's name or value.
    #[error("downstream.headers holds a name or value that is not legal in HTTP")]
    Header,
    /// The certificates.
    #[error("downstream.ca_file holds no PEM certificates")]
    Certificates,
    /// The URL.
    #[error("downstream.url is no URL")]
    Url,
    /// The TLS library.
    #[error("the TLS client cannot be set up")]
    Tls,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Downstream {
    http: reqwest::Client,
    settings: Arc<Settings>,
    root: Arc<reqwest::Url>,
    server: Arc<Server>,
    /// For what is pulled.
    pulls: Bounded,
}

impl Downstream {
    /// A client for the server of these settings, one of `servers`.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: Settings, servers: &Servers) -> Result<Self, Unusable> {
        let headers = headers(&settings.headers)?;
        let builder = client::builder(settings.connect, settings.ca.as_deref())?
            .pool_max_idle_per_host(settings.concurrent)
            .default_headers(headers.clone());
        let http = builder.build().map_err(|_| Unusable::Tls)?;
        let root = Arc::new(address::root(&settings.url).ok_or(Unusable::Url)?);
        let server = servers.at(&root, &settings);
        let pulls = server.bound(&settings, Wires::new(&root, &settings, headers)?);
        Ok(Self { http, settings: Arc::new(settings), root, server, pulls })
    }

    /// The configured root.
    pub fn url(&self) -> &str {
        &self.settings.url
    }

    /// Waits for a place among the pushes that may run at the same time.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.server.pushes.place().await
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.settings.credentials {
            Credentials::None => request,
            Credentials::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
        }
    }
}

/// Seconds that the server asks to wait; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn headers(pairs: &[(String, Secret)]) -> Result<HeaderMap, Unusable> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unusable::Header)?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| Unusable::Header)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
