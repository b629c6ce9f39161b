//! DICOM audit messages over syslog: RFC 5424 messages (PS3.15 A.6), each with its length before it (RFC 6587 3.4.1,
//! RFC 5425 4.3), over TCP or TLS.
//!
//! Syslog acknowledges nothing. The one sign that a collector has read everything is that it ends the connection after
//! we ended ours (RFC 5425 4.4), so each batch has a connection of its own, and a batch whose connection broke is sent
//! again.

use super::{Address, Fault, Settings, Unusable, dicom};
use crate::audit::chain::Sealed;
use crate::downstream::trust::{self, certificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

/// For connection and handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// For a batch to be taken.
const WRITE: Duration = Duration::from_secs(30);
/// For the collector to end the connection. One that stays open does not do so at all, and has read.
const END: Duration = Duration::from_secs(5);
/// For a reset that follows the end: it was ended before everything was read.
const SETTLE: Duration = Duration::from_millis(100);

/// Facility 10, security and authorization (PS3.15 A.6).
const FACILITY: u8 = 10;

/// Sends to one collector.
pub(super) struct Sender {
    address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Sender {
    pub(super) fn tcp(address: Address) -> Self {
        Self { address, tls: None }
    }

    pub(super) fn tls(address: Address, settings: &Settings) -> Result<Self, Unusable> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| Unusable::Host)?;
        let connector = TlsConnector::from(Arc::new(config(settings)?));
        Ok(Self { address, tls: Some((connector, name)) })
    }

    /// Sends the entries over one connection.
    pub(super) async fn send(&mut self, entries: &[Sealed]) -> Result<(), Fault> {
        let address = (self.address.host.as_str(), self.address.port);
        let stream = within(CONNECT, TcpStream::connect(address)).await?.map_err(unreachable)?;
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().map_err(unreachable)?.ip();
        let (stream, watched) = watched(stream).map_err(unreachable)?;
        let batch = batch(entries, local);
        match &self.tls {
            None => deliver(stream, batch.as_bytes()).await?,
            Some((connector, name)) => {
                let shaken = within(CONNECT, connector.connect(name.clone(), stream)).await?;
                deliver(shaken.map_err(unreachable)?, batch.as_bytes()).await?;
            }
        }
        sleep(SETTLE).await;
        match watched.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(Fault::CutOff(error.kind())),
        }
    }
}

fn unreachable(error: io::Error) -> Fault {
    Fault::Unreachable(error.kind())
}

async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Result<T, Fault> {
    timeout(time, work).await.map_err(|_| Fault::TimedOut)
}

/// The stream, and a second handle of its socket, which tells of a reset after the stream has ended.
fn watched(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let second = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, second))
}

/// Writes all, ends our side, waits for the other side's end.
async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Result<(), Fault> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    let cut_off = |error: io::Error| Fault::CutOff(error.kind());
    within(WRITE, written).await?.map_err(cut_off)?;
    let ended = async {
        let mut ignored = [0; 512];
        loop {
            match stream.read(&mut ignored).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // TLS ended without saying so; the bytes were read all the same.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(cut_off(error)),
            }
        }
    };
    timeout(END, ended).await.unwrap_or(Ok(()))
}

fn batch(entries: &[Sealed], host: IpAddr) -> String {
    let mut out = String::with_capacity(entries.len() * 4096);
    for entry in entries {
        for message in dicom::messages(entry) {
            let message = frame(entry.body.time.as_str(), host, &message);
            // Writing into a text does not fail.
            let _ = write!(out, "{} {message}", message.len());
        }
    }
    out
}

/// One SYSLOG-MSG (RFC 5424 6). Severity is 5 (notice), of failures 4 (warning), as PS3.15 A.6 proposes.
fn frame(time: &str, host: IpAddr, message: &dicom::Message) -> String {
    let severity = if message.outcome == 0 { 5 } else { 4 };
    let (priority, process, xml) = (FACILITY * 8 + severity, std::process::id(), &message.xml);
    format!("<{priority}>1 {time} {host} veilgate {process} DICOM+RFC3881 - \u{feff}{xml}")
}

fn config(settings: &Settings) -> Result<ClientConfig, Unusable> {
    let builder = trust::client(authorities(settings.ca.as_deref())?).ok_or(Unusable::Tls)?;
    let Some(identity) = &settings.identity else { return Ok(builder.with_no_client_auth()) };
    let certificates = certificates(&identity.certificates).ok_or(Unusable::Identity)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes());
    let key = key.map_err(|_| Unusable::Identity)?;
    builder.with_client_auth_cert(certificates, key).map_err(|_| Unusable::Identity)
}

fn authorities(pem: Option<&[u8]>) -> Result<RootCertStore, Unusable> {
    let (certificates, none) = match pem {
        Some(pem) => (certificates(pem).ok_or(Unusable::Authorities)?, Unusable::Authorities),
        None => (rustls_native_certs::load_native_certs().certs, Unusable::SystemAuthorities),
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 { Err(none) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_message_of_rfc_5424_with_the_priority_of_its_outcome() {
        let message = |outcome| dicom::Message { xml: "<a/>".to_owned(), outcome };
        let host = IpAddr::from([10, 0, 0, 7]);
        let time = "2026-11-21T23:02:03.045Z";
        let id = std::process::id();
        for (outcome, priority) in [(0, 85), (4, 84), (8, 84)] {
            let expected =
                format!("<{priority}>1 {time} 10.0.0.7 veilgate {id} DICOM+RFC3881 - \u{feff}<a/>");
            assert_eq!(frame(time, host, &message(outcome)), expected);
        }
    }
}
