//! TLS of the listener: certificate, key and authorities as their files hold them, and again when those change. A new
//! state of the files holds for new connections; one that cannot be used changes nothing.

use crate::config::Tls;
use crate::downstream::trust::certificates;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What others than the owner and its group may do with a file.
const OTHERS: u32 = 0o007;

/// A file of TLS is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct Unusable {
    setting: &'static str,
    why: String,
}

fn unusable(setting: &'static str, why: impl ToString) -> Unusable {
    Unusable { setting, why: why.to_string() }
}

const CERTIFICATE: &str = "tls.certificate_file";
const KEY: &str = "tls.key_file";
const AUTHORITIES: &str = "tls.client_ca_file";

/// How connections of now are to be taken.
pub(super) type Current = watch::Receiver<Arc<ServerConfig>>;

/// What the files hold, and keeps looking at them as long as somebody takes connections.
///
/// # Errors
/// A file cannot be used.
pub(super) fn open(settings: Tls) -> Result<Current, Unusable> {
    let files = Files::read(&settings)?;
    let (to, current) = watch::channel(Arc::new(files.config(&settings)?));
    tokio::spawn(follow(settings, Ok(files.digest()), to));
    Ok(current)
}

/// What was in the files when they were looked at last.
type Seen = Result<[u8; 32], Unusable>;

async fn follow(settings: Tls, mut seen: Seen, to: watch::Sender<Arc<ServerConfig>>) {
    let mut beat = interval(LOOK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = hung_up(&mut hangup) => {}
            () = to.closed() => return,
        }
        let (looked, settings) = (settings.clone(), seen.clone());
        let looked = tokio::task::spawn_blocking(move || look(&looked, settings)).await;
        let Ok((now, Some(made))) = looked else { continue };
        seen = now;
        match made {
            Ok(config) => {
                to.send_replace(Arc::new(config));
                tracing::info!("the files of TLS have changed: new connections follow them");
            }
            Err(unusable) => {
                tracing::warn!(%unusable, "the files of TLS have changed and cannot be used: what they were holds");
            }
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// The state of the files, and what can be made of it if it is another one.
fn look(settings: &Tls, seen: Seen) -> (Seen, Option<Result<ServerConfig, Unusable>>) {
    let files = Files::read(settings);
    let now = files.as_ref().map(Files::digest).map_err(Clone::clone);
    if now == seen {
        return (now, None);
    }
    (now, Some(files.and_then(|files| files.config(settings))))
}

/// What the files hold.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Option<Vec<u8>>,
}

impl Files {
    fn read(settings: &Tls) -> Result<Self, Unusable> {
        let read = |setting, path: &Path| {
            let cannot = |error: io::Error| unusable(setting, format!("cannot be read: {}", error.kind()));
            std::fs::read(path).map_err(cannot)
        };
        let authorities = settings.client.as_ref().map(|client| read(AUTHORITIES, &client.ca)).transpose()?;
        Ok(Self {
            certificate: read(CERTIFICATE, &settings.certificate)?,
            key: read(KEY, &settings.key)?,
            authorities,
        })
    }

    /// By which two states are told apart; the key itself is not kept for it.
    fn digest(&self) -> [u8; 32] {
        let parts = [&self.certificate, &self.key].into_iter().chain(&self.authorities);
        let one = |all: Sha256, part: &Vec<u8>| all.chain_update(Sha256::digest(part));
        parts.fold(Sha256::new(), one).finalize().into()
    }

    fn config(&self, settings: &Tls) -> Result<ServerConfig, Unusable> {
        warn_of_readers(&settings.key);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate);
        let chain = chain.ok_or_else(|| unusable(CERTIFICATE, "holds no PEM certificates"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|_| unusable(KEY, "holds no PEM private key without a password"))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable(CERTIFICATE, "the TLS library offers no version"))?;
        let builder = match &self.authorities {
            Some(pem) => builder.with_client_cert_verifier(verifier(pem, settings, provider)?),
            None => builder.with_no_client_auth(),
        };
        let pair = "is of a kind that is not supported, or not the key of the certificate";
        let mut config = builder.with_single_cert(chain, key).map_err(|_| unusable(KEY, pair))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Who asks clients for certificates of these authorities.
fn verifier(
    pem: &[u8],
    settings: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let none = || unusable(AUTHORITIES, "holds no PEM certificates of authorities");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(pem).ok_or_else(none)?);
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let required = settings.client.as_ref().is_some_and(|client| client.required);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|_| none())
}

fn warn_of_readers(key: &Path) {
    if std::fs::metadata(key).is_ok_and(|found| found.permissions().mode() & OTHERS != 0) {
        tracing::warn!("tls.key_file is open to everybody on this machine: chmod o= takes that away");
    }
}

/// Why a handshake failed, in words of ours: those of the library may quote a certificate.
pub(super) fn why(error: &io::Error) -> &'static str {
    use rustls::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        None if error.kind() == io::ErrorKind::TimedOut => "the client takes too long",
        Some(Error::NoCertificatesPresented) => "the client shows no certificate",
        Some(Error::InvalidCertificate(_)) => "the client's certificate is not to be trusted",
        Some(Error::AlertReceived(_)) => "the client breaks off",
        Some(Error::PeerIncompatible(_)) => "nothing in common",
        Some(Error::InvalidMessage(_)) => "not TLS",
        Some(_) => "not as it should be",
        None => "the connection ended",
    }
}
