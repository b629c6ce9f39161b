//! The only HTTP client of the DICOMweb server that instances are forwarded to. How
//! instances are grouped into requests is `destination`'s.

mod body;
pub mod probe;

pub use body::{Feed, Feeder};

use crate::dicomweb::store_answer::StoreAnswer;
use crate::secret::Secret;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of an answer that are read.
const MAX_ANSWER: usize = 16 << 20;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(5);

/// Longest wait between two attempts, whatever the server asks for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

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

/// Why the downstream server did not take a request. Never holds a word of its answer,
/// which may quote patient data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("the downstream server cannot be reached")]
    Unreachable,
    /// The connection broke.
    #[error("the downstream server broke the connection")]
    CutOff,
    /// It stopped taking bytes, or does not answer.
    #[error("the downstream server does not answer in time")]
    TimedOut,
    /// It asks to come back later.
    #[error("the downstream server is overloaded")]
    Busy {
        /// Seconds it asks to wait.
        retry_after: Option<u64>,
    },
    /// It does not accept the gateway's credentials.
    #[error("the downstream server refuses the gateway's credentials")]
    Denied,
    /// It refuses the request with this HTTP status and says nothing about instances.
    #[error("the downstream server refuses with status {0}")]
    Refused(u16),
    /// It claims success without saying what it stored.
    #[error("the downstream server does not say what it stored")]
    Nonsense,
}

impl Fault {
    /// True if another attempt may succeed.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::CutOff | Self::TimedOut | Self::Busy { .. })
    }
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
    /// The TLS library.
    #[error("the TLS client cannot be set up")]
    Tls,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Downstream {
    http: reqwest::Client,
    settings: Arc<Settings>,
    places: Arc<Semaphore>,
}

impl Downstream {
    /// A client for the server of these settings.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self, Unusable> {
        // A second installation fails and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect)
            // Servers close idle connections; the sooner we do, the rarer both happen at once.
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.concurrent)
            .default_headers(headers(&settings.headers)?);
        if let Some(pem) = &settings.ca {
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|_| Unusable::Certificates)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(|_| Unusable::Tls)?;
        let places = Arc::new(Semaphore::new(settings.concurrent.min(Semaphore::MAX_PERMITS)));
        Ok(Self { http, settings: Arc::new(settings), places })
    }

    /// Waits for a place among the requests that may run at the same time.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// STOW of a body that lies whole in memory, which may be repeated: a store of the
    /// same pseudonymized instance again changes nothing (PS3.18 10.5).
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn store_whole(&self, content_type: &str, body: &[Bytes]) -> Result<StoreAnswer, Fault> {
        let mut attempt = 0;
        loop {
            let feed = Feed::whole(body.to_vec());
            let fault = match self.store(content_type, feed).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !fault.is_passing() || attempt >= self.settings.retries {
                return Err(fault);
            }
            tokio::time::sleep(pause(fault, attempt)).await;
            attempt += 1;
        }
    }

    /// STOW of a body that is still coming in. Repeated only if it was not begun.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn store_stream(&self, content_type: &str, feed: Feed) -> Result<StoreAnswer, Fault> {
        let mut attempt = 0;
        let stored = loop {
            let stored = self.store(content_type, feed.clone()).await;
            let again = stored.as_ref().err() == Some(&Fault::Unreachable) && !feed.is_begun();
            if !again || attempt >= self.settings.retries {
                break stored;
            }
            tokio::time::sleep(pause(Fault::Unreachable, attempt)).await;
            attempt += 1;
        };
        feed.close();
        stored
    }

    /// One attempt.
    async fn store(&self, content_type: &str, feed: Feed) -> Result<StoreAnswer, Fault> {
        let length = feed.len();
        let mut request = self
            .http
            .post(format!("{}/studies", self.settings.url))
            .header("Content-Type", content_type)
            .header("Accept", "application/dicom+json");
        request = match &self.settings.credentials {
            Credentials::None => request,
            Credentials::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Credentials::Bearer(token) => request.bearer_auth(token.expose()),
        };
        if let Some(length) = length {
            request = request.header("Content-Length", length);
        }
        let watch = feed.clone();
        let request = request.body(reqwest::Body::wrap_stream(feed.stream()));
        tokio::select! {
            answer = exchange(request) => answer,
            () = watch.stalled(self.settings.answer) => Err(Fault::TimedOut),
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<StoreAnswer, Fault> {
    let mut response = request.send().await.map_err(|error| fault(&error))?;
    let status = response.status().as_u16();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.trim().parse().ok());
    match status {
        401 | 403 | 407 => return Err(Fault::Denied),
        429 | 502 | 503 => return Err(Fault::Busy { retry_after }),
        408 | 504 => return Err(Fault::TimedOut),
        _ => {}
    }
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Fault::Nonsense);
        }
        body.extend_from_slice(&chunk);
    }
    let content_type = content_type.as_ref().and_then(|it| it.to_str().ok());
    let answer = StoreAnswer::parse(content_type, &body);
    match answer.filter(|answer| answer.stored + answer.failed + answer.other.len() > 0) {
        Some(answer) => Ok(answer),
        None if (200..300).contains(&status) => Err(Fault::Nonsense),
        None => Err(Fault::Refused(status)),
    }
}

/// The kind of a failure; its text stays unread.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Unreachable
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::CutOff
    }
}

/// Doubles from half a second, or as long as the server asks for.
fn pause(fault: Fault, attempt: u32) -> Duration {
    let asked = match fault {
        Fault::Busy { retry_after: Some(seconds) } => Duration::from_secs(seconds),
        _ => Duration::from_millis(500) * 2u32.saturating_pow(attempt.min(6)),
    };
    asked.min(MAX_PAUSE)
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
