//! How every HTTP client of the gateway is set up: TLS by ring, nothing from the environment, no redirects. What is
//! asked with one is told in `super`, and of an object store in `archive`.

use super::Unusable;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};
use std::time::Duration;

/// How long an unused connection is kept: servers close idle ones, and the sooner we do, the rarer both happen at once.
pub(super) const IDLE: Duration = Duration::from_secs(5);

/// A client that connects within `connect`, and trusts the authorities in `ca` (PEM) besides the system's.
///
/// # Errors
/// There are no certificates that can be read.
pub(super) fn builder(connect: Duration, ca: Option<&[u8]>) -> Result<ClientBuilder, Unusable> {
    // A second installation fails and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .http1_only()
        .no_proxy()
        .tcp_nodelay(true)
        .redirect(Policy::none())
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE);
    let Some(pem) = ca else { return Ok(builder) };
    let certificates = Certificate::from_pem_bundle(pem).map_err(|_| Unusable::Certificates)?;
    if certificates.is_empty() {
        return Err(Unusable::Certificates);
    }
    Ok(builder.tls_certs_merge(certificates))
}

/// A client for an object store, whose requests end within `whole`, answers included.
///
/// # Errors
/// The certificates cannot be read, or TLS cannot be set up.
pub fn for_objects(connect: Duration, whole: Duration, ca: Option<&[u8]>) -> Result<Client, Unusable> {
    builder(connect, ca)?.timeout(whole).build().map_err(|_| Unusable::Tls)
}
