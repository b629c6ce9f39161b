//! Search over HTTP as clients ask it (PS3.18 10.6): routes, keys, answers, headers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use serde_json::Value;
use stow::{ct, push};
use support::http::{Request, Response};
use support::server::Server;

fn get(server: &Server, target: &str) -> Response {
    server
        .send(Request::new("GET", &format!("/dicom-web{target}")).header("Accept", "application/dicom+json"))
}

#[test]
fn scratch() {
    let server = Server::start();
    let answer = server.send(push(&[ct(1), ct(2)]));
    println!("{}", answer.text());
    for path in [
        "/studies",
        "/series?limit=1",
        "/instances?includefield=all",
        "/studies?foo=1&StudyDate=x",
        "/studies?PatientID=*&StudyDescription=*a*",
    ] {
        let answer = get(&server, path);
        println!("{path} {} {:?}\n{}", answer.status, answer.headers, answer.text());
    }
}
