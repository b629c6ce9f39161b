//! A server with some studies in its archive, to be searched.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use crate::stow::{JSON, push};
use crate::support::build::{self, Part10, text};
use crate::support::http::{Request, Response};
use crate::support::server::Server;
use crate::support::{samples, syntax};
use serde_json::Value;

/// A server whose profile keeps (shifted) dates and the like, with two studies of one patient and one of another: the
/// first with a CT series of three instances and an MR series of one.
pub struct Rig {
    pub server: Server,
    _folder: tempfile::TempDir,
}

/// A small instance of this study, series and patient.
pub fn instance(study: &str, series: &str, modality: &str, patient: &str, number: u32) -> Vec<u8> {
    let mut elements = samples::identified(samples::sop::CT, modality, number);
    let given = [((0x0020, 0x000d), study), ((0x0020, 0x000e), series), ((0x0010, 0x0020), patient)];
    elements.retain(|element| given.iter().all(|(tag, _)| *tag != element.tag));
    elements.extend(samples::picture(2, 2, 16));
    elements.push(build::bytes((0x7fe0, 0x0010), b"OW", &[1; 8]));
    for (tag, value) in given {
        elements.push(text(tag, if tag.0 == 0x0010 { b"LO" } else { b"UI" }, value));
    }
    Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

/// Starts it.
pub fn start() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let base = ("VEILGATE_PUBLIC_BASE_URL", "https://gateway.example.org/dicom-web");
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_PROFILE", "research"), base]);
    let sent = [
        instance("2.25.1", "2.25.11", "CT", "A", 1),
        instance("2.25.1", "2.25.11", "CT", "A", 2),
        instance("2.25.1", "2.25.11", "CT", "A", 3),
        instance("2.25.1", "2.25.12", "MR", "A", 4),
        instance("2.25.2", "2.25.21", "CT", "A", 5),
        instance("2.25.3", "2.25.31", "CT", "B", 6),
    ];
    let answer = server.send(push(&sent));
    assert_eq!(answer.status, 200, "{}", answer.text());
    Rig { server, _folder: folder }
}

impl Rig {
    /// GET below the DICOMweb root.
    pub fn ask(&self, target: &str, accept: &str) -> Response {
        self.server.send(Request::new("GET", &format!("/dicom-web{target}")).header("Accept", accept))
    }

    /// The results of a search that must succeed.
    pub fn found(&self, target: &str) -> Vec<Value> {
        let answer = self.ask(target, JSON);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(JSON), "{target}");
        answer.json().as_array().unwrap().clone()
    }

    /// The study with two series.
    pub fn large_study(&self) -> Value {
        self.found("/studies").into_iter().find(|study| study["00201206"]["Value"][0] == 2).unwrap()
    }
}

/// The first value of an attribute as text.
pub fn value(result: &Value, tag: &str) -> String {
    let value = &result[tag]["Value"][0];
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The tags of a result.
pub fn names(result: &Value) -> Vec<String> {
    result.as_object().unwrap().keys().cloned().collect()
}
