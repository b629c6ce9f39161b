//! Real clients pull identified studies through the gateway: the reference Python client in every form and at every level,
//! and Orthanc, which also pushes before it pulls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod leak;
mod pulled;
mod stow;
mod support;

use leak::{Search, marks};
use pulled::{Origin, Pulled, value};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use stow::uid;
use support::files::{self, File};
use support::rig;
use support::syntax;
use support::walk::walk;

/// Identified instances at an origin, and what the gateway makes of them.
struct Held {
    pulled: Pulled,
    files: Vec<File>,
    /// By SOP Instance UID, as the gateway gives it.
    expected: BTreeMap<String, Vec<u8>>,
    study: String,
}

fn held(origin: Origin) -> Option<Held> {
    let files = rig::made(&["--slices", "2", "--size", "64"])?;
    let pulled = origin.start("pass.toml", &[])?;
    let instances: Vec<Vec<u8>> = files.iter().map(|file| file.bytes.clone()).collect();
    pulled.hold(&instances);
    let expected: BTreeMap<_, _> =
        pulled.expected(&instances).into_iter().map(|file| (uid(&file), file)).collect();
    let study = walk(expected.values().next()?).text(stow::STUDY)?;
    Some(Held { pulled, files, expected, study })
}

impl Held {
    /// The reference client with these arguments; its answer.
    fn python(&self, command: &str, arguments: &[&str]) -> Option<Value> {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_ref()).collect();
        let (answer, code) =
            rig::dicomweb_client(command, &self.pulled.root(), &self.pulled.server.key, &arguments)?;
        assert_eq!(code, 0, "{command}: {answer}");
        Some(answer)
    }

    fn uids(&self) -> Vec<&str> {
        self.expected.keys().map(String::as_str).collect()
    }

    /// No original value in these bytes.
    fn hides<'a>(&self, bytes: impl Iterator<Item = &'a [u8]>) {
        let marks = self.files.iter().flat_map(|file| marks::of_file(&file.name, &file.bytes, &[]));
        let mut search = Search::new(marks.collect());
        assert!(search.planted(|_| true) > 100, "{} values planted", search.planted(|_| true));
        bytes.for_each(|bytes| search.look("what was pulled", bytes));
        assert!(search.bytes > 0 && search.hits.is_empty(), "{}", search.found(|_| true).join("\n"));
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the reference client must have got of one instance.
fn as_expected(name: &str, got: &Value, file: &[u8]) {
    let walked = walk(file);
    let pixels = walked.pixels().unwrap().bytes();
    let frames = walked.text((0x0028, 0x0008)).map_or(1, |number| number.trim().parse().unwrap());
    assert_eq!(got["frames"].as_array().unwrap().len(), frames, "{name}");
    for (picture, format) in got["rendered"].as_array().unwrap().iter().zip(["JPEG", "PNG", "PNG"]) {
        assert_eq!(*picture, json!([format, 64, 64]), "{name}");
    }
    if walked.syntax != syntax::EXPLICIT_LE {
        return;
    }
    assert_eq!(got["pixels"], sha256(&pixels), "{name}");
    assert_eq!(got["bulk"], json!([sha256(&pixels)]), "{name}");
    let each: Vec<String> = pixels.chunks_exact(pixels.len() / frames).map(sha256).collect();
    assert_eq!(got["frames"], json!(each), "{name}");
}

fn the_reference_client_pulls(origin: Origin) {
    let Some(held) = held(origin) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(got) = held.python("pull", &[&held.study, folder.path().to_str().unwrap()]) else { return };
    for level in [
        &got["study"],
        &got["series"],
        &got["metadata"]["study"],
        &got["metadata"]["series"],
        &got["metadata"]["instance"],
    ] {
        assert_eq!(*level, json!(held.uids()));
    }
    for (name, file) in &held.expected {
        as_expected(name, &got["instances"][name], file);
    }
    let pulled = files::read(folder.path());
    assert_eq!(pulled.len(), held.expected.len() + 1, "instances and metadata");
    held.hides(pulled.iter().map(|file| file.bytes.as_slice()));
}

fn the_reference_client_searches(origin: Origin) {
    let Some(held) = held(origin) else { return };
    let found = held.pulled.found("/studies");
    let (study, patient) = (&held.study, value(&found[0], "00100020"));
    let ct = value(&held.pulled.found(&format!("/studies/{study}/series?Modality=CT"))[0], "0020000E");
    for (level, arguments, count) in [
        ("studies", json!({}), 1),
        ("studies", json!({"search_filters": {"PatientID": patient}, "fields": ["all"]}), 1),
        ("studies", json!({"search_filters": {"PatientID": "RIG-0001"}}), 0),
        ("studies", json!({"search_filters": {"StudyInstanceUID": study}}), 1),
        ("series", json!({}), 4),
        ("series", json!({"study_instance_uid": study, "search_filters": {"Modality": "OT"}}), 2),
        ("instances", json!({}), 5),
        ("instances", json!({"study_instance_uid": study, "limit": 2, "get_remaining": true}), 5),
        ("instances", json!({"study_instance_uid": study, "series_instance_uid": ct}), 2),
    ] {
        let Some(answer) = held.python("search", &[level, &arguments.to_string()]) else { return };
        assert_eq!(answer[level].as_array().map(Vec::len), Some(count), "{level} {arguments}: {answer}");
    }
}

/// An Orthanc that knows the gateway as a server.
fn client(held: &Held) -> Option<rig::Orthanc> {
    let key = format!("X-API-Key: {}", held.pulled.server.key);
    rig::orthanc_with(&["--server", "gateway", &held.pulled.root(), &key])
}

fn orthanc_pulls(origin: Origin) {
    let Some(held) = held(origin) else { return };
    let Some(orthanc) = client(&held) else { return };
    let asked = orthanc.order("gateway", "qido", &json!({"Uri": "/studies"}));
    assert!(asked.status == 200 && asked.text().contains(&held.study), "{}", asked.text());
    let headers = json!({"Accept": "application/dicom+json"});
    let uri = format!("/studies/{}/metadata", held.study);
    let got = orthanc.order("gateway", "get", &json!({"Uri": uri, "HttpHeaders": headers}));
    assert_eq!(got.json().as_array().map(Vec::len), Some(held.expected.len()), "{}", got.text());
    let order = json!({"Resources": [{"Study": held.study}], "Synchronous": true});
    let retrieved = orthanc.order("gateway", "retrieve", &order);
    assert_eq!(retrieved.status, 200, "{}", retrieved.text());
    let instances = orthanc.instances();
    assert!(instances.iter().collect::<BTreeSet<_>>() == held.expected.values().collect(), "bit for bit");
    held.hides(instances.iter().map(Vec::as_slice).chain([asked.body.as_slice(), &got.body]));
}

#[test]
fn the_reference_client_pulls_from_the_archive_in_every_form() {
    the_reference_client_pulls(Origin::Archive);
}

#[test]
fn the_reference_client_searches_the_archive_at_every_level() {
    the_reference_client_searches(Origin::Archive);
}

#[test]
fn orthanc_pulls_from_the_archive_what_the_gateway_made() {
    orthanc_pulls(Origin::Archive);
}

#[test]
fn orthanc_pushes_an_identified_study_and_pulls_it_back_pseudonymized() {
    let Some(files) = rig::made(&["--slices", "2", "--size", "64"]) else { return };
    let Some(pulled) = Origin::Archive.start("pass.toml", &[]) else { return };
    let key = format!("X-API-Key: {}", pulled.server.key);
    let Some(orthanc) = rig::orthanc_with(&["--server", "gateway", &pulled.root(), &key]) else { return };
    files.iter().for_each(|file| orthanc.keep(&file.bytes));
    assert_eq!(orthanc.push("gateway").status, 200);
    let study = value(&pulled.found("/studies")[0], "0020000D");
    let order = json!({"Resources": [{"Study": study}], "Synchronous": true});
    assert_eq!(orthanc.order("gateway", "retrieve", &order).status, 200);
    let of = |study: &str| {
        let kept = orthanc.instances();
        kept.into_iter().filter(|file| walk(file).text(stow::STUDY).as_deref() == Some(study)).count()
    };
    assert_eq!(
        (of(&study), orthanc.instances().len()),
        (files.len(), 2 * files.len()),
        "both lie side by side"
    );
}
