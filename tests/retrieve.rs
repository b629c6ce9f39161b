//! Retrieval from the archive as clients ask it (PS3.18 10.4): push, then pull. One server a test; what comes back is
//! judged against what the gateway's own answer to the push held.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

#[path = "retrieve/instances.rs"]
mod instances;
#[path = "retrieve/metadata.rs"]
mod metadata;
#[path = "retrieve/pixels.rs"]
mod pixels;

use stow::{RESPOND, push};
use support::http::{Request, Response};
use support::multipart::{self, Part};
use support::server::Server;

/// What OHIF and Cornerstone send for frames.
const ANY_FRAMES: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";

/// A pushed instance: as the gateway gives it back, and where it is.
pub struct Pushed {
    pub file: Vec<u8>,
    /// `/dicom-web/studies/…/series/…/instances/…`.
    pub path: String,
}

impl Pushed {
    pub fn series(&self) -> &str {
        self.path.split_once("/instances/").unwrap().0
    }

    pub fn study(&self) -> &str {
        self.path.split_once("/series/").unwrap().0
    }

    pub fn text(&self, tag: (u16, u16)) -> String {
        support::walk::walk(&self.file).text(tag).unwrap_or_default()
    }
}

/// A server that passes pixels it would doubt.
pub fn lenient() -> Server {
    let profile = support::rig::script("pass.toml");
    Server::with(&["--profile", profile.to_str().unwrap()])
}

/// Stores one instance; asks for it back in the same words first.
pub fn put(server: &Server, instance: &[u8]) -> Pushed {
    let instances = [instance.to_vec()];
    let back = server.send(push(&instances).header("Accept", RESPOND));
    assert_eq!(back.status, 200, "{}", back.text());
    let file = parts(&back)[0].body.clone();
    let kept = server.send(push(&instances));
    assert_eq!(kept.status, 200, "{}", kept.text());
    let url = kept.json()["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
    let path = url[url.find("/dicom-web/").unwrap()..].to_owned();
    Pushed { file, path }
}

pub fn get(server: &Server, target: &str, accept: &str) -> Response {
    server.send(Request::new("GET", target).header("Accept", accept))
}

pub fn parts(answer: &Response) -> Vec<Part> {
    multipart::read(answer.header("content-type").unwrap_or_default(), &answer.body)
        .unwrap_or_else(|| panic!("{} {:?} {}", answer.status, answer.headers, answer.text()))
}
