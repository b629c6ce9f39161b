//! Whose certificates a TLS client of the gateway believes.

use super::Unusable;
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use std::sync::Arc;

/// The certificates of a PEM file; nothing if there are none, or one is broken.
pub fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem).map(Result::ok).collect();
    all.filter(|all| !all.is_empty())
}

/// A TLS client, by ring, that believes these authorities; whether it shows a certificate itself is left open. Nothing if the
/// library cannot be set up.
pub fn client(authorities: RootCertStore) -> Option<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(authorities))
}

/// A TLS client that believes the system's authorities, and those in `ca` (PEM).
///
/// # Errors
/// There are no certificates in `ca`, or one is broken.
pub(super) fn config(ca: Option<&[u8]>) -> Result<ClientConfig, Unusable> {
    let mut store = RootCertStore::empty();
    // Without any, every server is refused.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca {
        store.add_parsable_certificates(certificates(pem).ok_or(Unusable::Certificates)?);
    }
    Ok(client(store).ok_or(Unusable::Tls)?.with_no_client_auth())
}
