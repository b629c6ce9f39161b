//! The veil against a real clinical server: Orthanc holds identified studies, the gateway gives them under pseudonyms.
//! Every answer is searched for what identifies, headers and all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod accounts;
mod stow;
mod support;

#[path = "rig_veil/burst.rs"]
mod burst;
#[path = "rig_veil/crawled.rs"]
mod crawled;
#[path = "rig_veil/viewed.rs"]
mod viewed;

use serde_json::Value;
use support::http::{Request, Response};
use support::multipart::{self, Part};
use support::rig::{self, Orthanc};
use support::server::Server;
use support::walk::{Walked, walk};

const DICOM: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const FRAMES: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";
const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const JSON: &str = "application/dicom+json";

/// A gateway whose veil hides an Orthanc.
struct Rig {
    gateway: Server,
    orthanc: Orthanc,
    /// What identifies, as bytes to look for.
    marks: Vec<String>,
    folder: tempfile::TempDir,
}

/// None where Orthanc is missing.
fn rig(profile: &str, instances: &[Vec<u8>]) -> Option<Rig> {
    let orthanc = rig::orthanc()?;
    instances.iter().for_each(|instance| orthanc.keep(instance));
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder.path().join("data"), profile, &orthanc);
    let marks = instances.iter().flat_map(|instance| marks(instance)).collect();
    Some(Rig { gateway, orthanc, marks, folder })
}

fn gateway(data: &std::path::Path, profile: &str, orthanc: &Orthanc) -> Server {
    let settings = [
        ("VEILGATE_ORIGIN", "veil"),
        ("VEILGATE_DOWNSTREAM_URL", orthanc.url.as_str()),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "10 s"),
        ("VEILGATE_PROFILE", profile),
    ];
    Server::on(data, &[], &settings)
}

/// The UIDs, names and numbers of an instance that no profile here keeps.
fn marks(instance: &[u8]) -> Vec<String> {
    let file = walk(instance);
    let tags = [
        (0x0008, 0x0018),
        (0x0020, 0x000d),
        (0x0020, 0x000e),
        (0x0020, 0x0052),
        (0x0010, 0x0010),
        (0x0010, 0x0020),
        (0x0008, 0x0050),
        (0x0008, 0x0090),
        (0x0008, 0x1030),
    ];
    let texts = tags.into_iter().filter_map(|tag| file.text(tag));
    texts.filter(|text| text.len() > 4 && text.is_ascii()).collect()
}

/// True if the text stands there as a whole: digits may follow by chance in another UID.
fn holds(bytes: &[u8], mark: &str) -> bool {
    let mut rest = bytes;
    while let Some(at) = multipart::find(rest, mark.as_bytes()) {
        let end = at + mark.len();
        let digit = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !(digit(rest.get(end)) || at > 0 && digit(rest.get(at - 1))) {
            return true;
        }
        rest = &rest[end..];
    }
    false
}

impl Rig {
    /// GET below the DICOMweb root; nothing that identifies may be in the answer.
    fn get(&self, path: &str, accept: &str) -> Response {
        self.send(Request::new("GET", &format!("/dicom-web/{path}")).header("Accept", accept))
    }

    fn send(&self, request: Request) -> Response {
        let target = request.target.clone();
        let answer = self.gateway.send(request);
        self.check(&target, &answer);
        answer
    }

    fn check(&self, target: &str, answer: &Response) {
        let head = format!("{:?}", answer.headers);
        let address = self.orthanc.address().to_owned();
        for mark in self.marks.iter().chain([&address]) {
            let told = holds(&answer.body, mark) || holds(head.as_bytes(), mark);
            assert!(!told, "{mark} came through in {target}: {}", answer.status);
        }
    }

    fn json(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path, JSON);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json().as_array().unwrap().clone()
    }

    fn parts(&self, path: &str, accept: &str) -> Vec<Part> {
        let answer = self.get(path, accept);
        assert!(matches!(answer.status, 200 | 206), "{path} {accept}: {} {}", answer.status, answer.text());
        multipart::read(answer.header("content-type").unwrap_or_default(), &answer.body).unwrap()
    }
}

/// The first value of an attribute.
fn text(set: &Value, tag: &str) -> String {
    let value = &set[tag]["Value"][0];
    value["Alphabetic"].as_str().or(value.as_str()).unwrap_or_default().to_owned()
}

/// The path of the instance that a data set describes.
fn path(set: &Value) -> String {
    let uid = |tag| text(set, tag);
    format!("studies/{}/series/{}/instances/{}", uid("0020000D"), uid("0020000E"), uid("00080018"))
}

fn series(path: &str) -> &str {
    path.split_once("/instances/").unwrap().0
}

fn study(path: &str) -> &str {
    path.split_once("/series/").unwrap().0
}

fn told(file: &Walked, tag: support::Tag) -> String {
    file.text(tag).unwrap_or_default()
}
