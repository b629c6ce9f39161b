//! Push and forward over TLS: an authority of the operator is trusted when named, and only then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;
#[path = "stow/tls.rs"]
mod tls;

use std::path::Path;
use stow::{ct, push, stored};
use support::server::Server;
use tls::tls;

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
