//! Behind a proxy: whom the log names as client, and that no header of a request or proxy turns up in links.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod stow;
mod support;

use stow::{ct, push};
use support::http::Request;
use support::server::Server;

/// The log of a server, after a push that says it was forwarded.
fn log(trusted: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_PROXY_TRUSTED", trusted)]);
    let forwarded = |request: Request| {
        request
            .header("X-Forwarded-For", "198.51.100.1, 192.0.2.7")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https")
            .header("Forwarded", "for=203.0.113.9;host=evil.example;proto=https")
    };
    let answer = server.send(forwarded(push(&[ct(1)])));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains(&format!("{}/dicom-web/studies/", server.url)), "{}", answer.text());
    assert!(!answer.text().contains("evil.example"), "{}", answer.text());
    let refused = server.send_bare(forwarded(Request::new("GET", "/dicom-web/studies")));
    assert_eq!(refused.status, 401);
    let said = server.said_at_last("client=", 2);
    assert!(!said.contains("evil.example"), "{said}");
    said
}

#[test]
fn the_log_names_the_client_that_a_trusted_proxy_names() {
    let said = log("127.0.0.0/8");
    assert_eq!(said.matches("client=192.0.2.7").count(), 2, "served and refused: {said}");
    for other in ["198.51.100.1", "203.0.113.9", "client=127.0.0.1"] {
        assert!(!said.contains(other), "{other}: {said}");
    }
}

#[test]
fn nobody_else_is_believed() {
    for trusted in ["", "10.0.0.0/8"] {
        let said = log(trusted);
        assert_eq!(said.matches("client=127.0.0.1").count(), 2, "{said}");
        assert!(!said.contains("192.0.2.7") && !said.contains("203.0.113.9"), "{said}");
    }
}
