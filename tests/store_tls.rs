//! Push and forward over TLS: an authority of the operator is trusted when named, and only then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use stow::{ct, push, stored};
use support::rig;
use support::server::Server;

/// The server behind TLS, ended when dropped.
struct Tls {
    child: Child,
    port: u16,
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a certificate for `name` in `folder` and serves under it; None where a tool is missing.
fn tls(folder: &Path, name: &str) -> Option<Tls> {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = rig::tool("openssl")?
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=rig"])
        .args(["-addext", &format!("subjectAltName={name}"), "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stow/tls_double.py");
    let mut child =
        rig::tool("python3")?.arg(script).arg(&certificate).arg(&key).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Some(Tls { child, port: line.trim().parse().unwrap() })
}

fn pushed(folder: &Path, url: &str, more: &[(&str, &str)]) -> support::http::Response {
    let mut settings = vec![
        ("VEILGATE_DESTINATION", "forward"),
        ("VEILGATE_DOWNSTREAM_URL", url),
        ("VEILGATE_DOWNSTREAM_RETRIES", "0"),
    ];
    settings.extend(more);
    Server::on(&folder.join("data"), &[], &settings).send(push(&[ct(1)]))
}

#[test]
fn a_certificate_is_taken_only_from_a_trusted_authority_and_for_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tls) = tls(folder.path(), "IP:127.0.0.1") else { return };
    let url = format!("https://127.0.0.1:{}/dicom-web", tls.port);
    let ca = folder.path().join("cert.pem");
    let trusting = [("VEILGATE_DOWNSTREAM_CA_FILE", ca.to_str().unwrap())];
    let trusted = pushed(folder.path(), &url, &trusting);
    assert_eq!((trusted.status, stored(&trusted).len()), (200, 1), "{}", trusted.text());
    assert_eq!(pushed(folder.path(), &url, &[]).status, 502, "an unknown authority");
    let other_name = format!("https://localhost:{}/dicom-web", tls.port);
    assert_eq!(pushed(folder.path(), &other_name, &trusting).status, 502, "a certificate for another name");
}
