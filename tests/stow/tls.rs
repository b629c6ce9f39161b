//! A server behind TLS, under a certificate that is made for it.

use crate::support::rig;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// The server behind TLS, ended when dropped.
pub struct Tls {
    child: Child,
    pub port: u16,
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a certificate for `name` in `folder` and serves under it; None where a tool is missing.
pub fn tls(folder: &Path, name: &str) -> Option<Tls> {
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
