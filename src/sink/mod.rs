//! The second sink of the audit: every entry once more, in the forms that hospitals collect. FHIR AuditEvents as lines
//! of a file, or DICOM audit messages over syslog (PS3.15 A.5, A.6). The only door to syslog. What an entry may hold is
//! decided in `audit`, where the cursor is kept is up to the [`Source`].
//!
//! Delivery is at least once: a collector may see an entry twice after a failure, and knows it by the entry's hash.

pub mod dicom;
pub mod fhir;
mod file;
mod meaning;
mod run;
mod syslog;

pub use run::{Source, run};

use crate::audit::chain::Sealed;
use crate::secret::Secret;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where the entries go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// FHIR R4 AuditEvents, one a line, appended to this file.
    Fhir(PathBuf),
    /// DICOM audit messages over TCP (RFC 6587 3.4.1).
    Tcp(Address),
    /// DICOM audit messages over TLS (RFC 5425).
    Tls(Address),
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Ports of syslog, where none is given: RFC 5425 4.1, and IANA's for syslog over TCP.
const TLS_PORT: u16 = 6514;
const TCP_PORT: u16 = 601;

impl Target {
    /// Reads a setting's text: empty for none, `fhir:FILE`, `syslog+tcp://HOST:PORT` or `syslog+tls://HOST:PORT`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let wrong = || {
            format!(
                "`{text}` is none of fhir:FILE, syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, or nothing"
            )
        };
        let target = match text.split_once(':') {
            _ if text.is_empty() => return Ok(None),
            Some(("fhir", path)) if !path.is_empty() => Some(Self::Fhir(PathBuf::from(path))),
            Some(("syslog+tcp", rest)) => address(rest, TCP_PORT).map(Self::Tcp),
            Some(("syslog+tls", rest)) => address(rest, TLS_PORT).map(Self::Tls),
            _ => None,
        };
        target.map(Some).ok_or_else(wrong)
    }
}

fn address(text: &str, default: u16) -> Option<Address> {
    let authority: http::uri::Authority = text.strip_prefix("//")?.parse().ok()?;
    let port = match authority.port() {
        Some(_) => authority.port_u16()?,
        None if authority.as_str() == authority.host() => default,
        None => return None,
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let stranger = authority.as_str().contains('@') || host.is_empty() || port == 0;
    (!stranger).then_some(Address { host, port })
}

/// What the sink is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to.
    pub target: Target,
    /// PEM of the authorities to trust for TLS; `None`: the system's.
    pub ca: Option<Vec<u8>>,
    /// Who we are in TLS, for collectors that ask (RFC 5425 4.2.2).
    pub identity: Option<Identity>,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The chain, our own certificate first.
    pub certificates: Vec<u8>,
    /// The private key.
    pub key: Secret,
}

/// The settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No authorities in the file named.
    #[error("audit.sink_ca_file holds no PEM certificates")]
    Authorities,
    /// The system trusts nobody.
    #[error("the system trusts no certificates; name them with audit.sink_ca_file")]
    SystemAuthorities,
    /// The certificate and key that we show do not fit or cannot be read.
    #[error("audit.sink_cert_file and audit.sink_key_file are no PEM certificate and its private key")]
    Identity,
    /// The host is no name that a certificate could have.
    #[error("the host of audit.sink is neither a DNS name nor an IP address")]
    Host,
    /// The TLS library.
    #[error("the TLS client cannot be set up")]
    Tls,
}

/// Entries were not delivered. Kinds only: a foreign text may quote anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file.
    #[error("the audit sink's file cannot be written: {0}")]
    File(ErrorKind),
    /// No connection, or none with the right certificate.
    #[error("the audit sink's collector cannot be reached: {0}")]
    Unreachable(ErrorKind),
    /// The connection ended before everything was read.
    #[error("the audit sink's connection was cut off: {0}")]
    CutOff(ErrorKind),
    /// The collector takes nothing.
    #[error("the audit sink's collector takes too long")]
    TimedOut,
}

/// An open sink.
pub struct Sink(Inner);

enum Inner {
    File(file::Lines),
    Syslog(syslog::Sender),
}

impl Sink {
    /// Gets ready; nothing is opened yet.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self, Unusable> {
        let inner = match &settings.target {
            Target::Fhir(path) => Inner::File(file::Lines::new(path.clone())),
            Target::Tcp(address) => Inner::Syslog(syslog::Sender::tcp(address.clone())),
            Target::Tls(address) => Inner::Syslog(syslog::Sender::tls(address.clone(), &settings)?),
        };
        Ok(Self(inner))
    }

    /// Delivers all of the entries, in their order. The caller moves its cursor after that.
    ///
    /// # Errors
    /// Some of them, or all, were not delivered as far as can be told; all are to be sent again.
    pub async fn send(&mut self, entries: &[Sealed]) -> Result<(), Fault> {
        match &mut self.0 {
            _ if entries.is_empty() => Ok(()),
            Inner::File(lines) => lines.append(entries).await,
            Inner::Syslog(sender) => sender.send(entries).await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_target_is_read_from_its_text() {
        let at = |host: &str, port| Address { host: host.to_owned(), port };
        assert_eq!(Target::parse(""), Ok(None));
        for (text, target) in [
            ("fhir:/var/log/audit.jsonl", Target::Fhir(PathBuf::from("/var/log/audit.jsonl"))),
            ("syslog+tcp://collector:1514", Target::Tcp(at("collector", 1514))),
            ("syslog+tcp://collector", Target::Tcp(at("collector", 601))),
            ("syslog+tls://10.0.0.7", Target::Tls(at("10.0.0.7", 6514))),
            ("syslog+tls://[::1]:6515", Target::Tls(at("::1", 6515))),
        ] {
            assert_eq!(Target::parse(text), Ok(Some(target)), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_told_with_what_would_be() {
        for text in [
            "on",
            "fhir:",
            "syslog://h:1",
            "syslog+udp://h:1",
            "syslog+tcp:h:1",
            "syslog+tcp://",
            "syslog+tcp://h:",
            "syslog+tcp://h:0",
            "syslog+tcp://h:99999",
            "syslog+tls://u:p@h:1",
            "syslog+tls://h:1/path",
        ] {
            assert!(Target::parse(text).unwrap_err().contains("syslog+tls://HOST:PORT"), "{text}");
        }
    }
}
