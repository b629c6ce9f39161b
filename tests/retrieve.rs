//! Retrieval from the archive as clients ask it (PS3.18 10.4): push, then pull. One server a test; what comes back is
//! judged against what the gateway's own answer to the push held.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

#[path = "retrieve/instances.rs"]
mod instances;
#[path = "retrieve/lossy.rs"]
mod lossy;
#[path = "retrieve/metadata.rs"]
mod metadata;
#[path = "retrieve/pixels.rs"]
mod pixels;
#[path = "retrieve/rendered.rs"]
mod rendered;
#[path = "retrieve/reports.rs"]
mod reports;

use std::sync::OnceLock;
use stow::{RESPOND, push};
use support::http::{Request, Response};
use support::multipart::{self, Part};
use support::server::Server;

/// What OHIF and Cornerstone send for frames.
const ANY_FRAMES: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";

/// A pushed instance: as the gateway gives it back, and where it is.
struct Pushed {
    file: Vec<u8>,
    /// `/dicom-web/studies/…/series/…/instances/…`.
    path: String,
}

impl Pushed {
    fn series(&self) -> &str {
        self.path.split_once("/instances/").unwrap().0
    }

    fn study(&self) -> &str {
        self.path.split_once("/series/").unwrap().0
    }

    /// Its head names a window.
    fn has_window(&self) -> bool {
        support::walk::walk(&self.file).top((0x0028, 0x1051)).is_some_and(|leaf| !leaf.bytes().is_empty())
    }

    /// `requestType=WADO&studyUID=…&seriesUID=…&objectUID=…`.
    fn by_query(&self) -> String {
        let uids: Vec<&str> = self.path.split('/').skip(3).step_by(2).collect();
        format!("/wado?requestType=WADO&studyUID={}&seriesUID={}&objectUID={}", uids[0], uids[1], uids[2])
    }
}

/// A server that passes pixels it would doubt.
fn lenient() -> Server {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    // Written once: another server may be reading it.
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let profile = support::rig::script("pass.toml");
        let settings = format!("profile = '{}'\n", profile.display());
        std::fs::write(folder.path().join("veilgate.toml"), settings).unwrap();
        folder
    });
    let settings = folder.path().join("veilgate.toml");
    Server::with(&["--config", settings.to_str().unwrap()])
}

/// Stores one instance; asks for it back in the same words first.
fn put(server: &Server, instance: &[u8]) -> Pushed {
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

fn get(server: &Server, target: &str, accept: &str) -> Response {
    server.send(Request::new("GET", target).header("Accept", accept))
}

fn parts(answer: &Response) -> Vec<Part> {
    multipart::read(answer.header("content-type").unwrap_or_default(), &answer.body)
        .unwrap_or_else(|| panic!("{} {:?} {}", answer.status, answer.headers, answer.text()))
}
