//! Real clients against the gateway: the reference Python client and Orthanc push to the archive and through the
//! gateway to an Orthanc behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::ffi::OsStr;
use stow::{ct, push, stored, uid};
use support::rig::{self, Orthanc};
use support::server::Server;
use support::walk::walk;

/// What the gateway makes of these instances, asked for as an answer: the names and bytes that must turn up elsewhere.
fn expected(server: &Server, instances: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let answer = server.send(push(instances).header("Accept", stow::RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = support::multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    parts.into_iter().map(|part| part.body).collect()
}

/// The reference client stores these files in one request; the SOP Instance UIDs it is told.
fn python_stores(url: &str, key: &str, instances: &[Vec<u8>]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = instances
        .iter()
        .enumerate()
        .map(|(number, bytes)| {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let arguments: Vec<&OsStr> = paths.iter().map(|path| path.as_os_str()).collect();
    let (answer, code) = rig::dicomweb_client("store", url, key, &arguments)?;
    assert_eq!(code, 0, "{answer}");
    let referenced = answer["referenced"].as_array().unwrap();
    Some(referenced.iter().map(|uid| uid.as_str().unwrap().to_owned()).collect())
}

/// A gateway in front of this Orthanc.
fn forwarding(orthanc: &Orthanc, data: &std::path::Path) -> Server {
    let settings = [("VEILGATE_DESTINATION", "forward"), ("VEILGATE_DOWNSTREAM_URL", orthanc.url.as_str())];
    Server::on(data, &[], &settings)
}

/// Orthanc holds exactly the study that the gateway made, and nothing of the patient.
fn holds(orthanc: &Orthanc, made: &[Vec<u8>]) {
    let study = walk(&made[0]).text(stow::STUDY).unwrap();
    let metadata = orthanc.get(&format!("/studies/{study}/metadata"), "application/dicom+json");
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.json().as_array().unwrap().len(), made.len());
    for file in made {
        assert!(metadata.text().contains(&uid(file)), "an instance is missing");
    }
    for planted in ["Rigpatient", "RIG-0001", "\"2.25.71\""] {
        assert!(!metadata.text().contains(planted), "{planted}");
    }
}

#[test]
fn the_reference_client_stores_into_the_archive() {
    let server = Server::start();
    let instances = [ct(1), ct(2)];
    let url = format!("{}/dicom-web", server.url);
    let Some(names) = python_stores(&url, &server.key, &instances) else { return };
    let made: Vec<String> = expected(&server, &instances).iter().map(|file| uid(file)).collect();
    assert_eq!(names, made);
}

#[test]
fn the_reference_client_stores_through_the_gateway_into_orthanc() {
    let Some(orthanc) = rig::orthanc() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = forwarding(&orthanc, &folder.path().join("data"));
    // More than 1,000,000 bytes: the client then sends in chunks, without a length.
    let instances = [ct(1), ct(2), stow::large_ct(3, 1_200_000)];
    let url = format!("{}/dicom-web", server.url);
    let Some(names) = python_stores(&url, &server.key, &instances) else { return };
    let made = expected(&server, &instances);
    assert_eq!(names, made.iter().map(|file| uid(file)).collect::<Vec<_>>());
    holds(&orthanc, &made);
}

/// One Orthanc pushes what it holds to the gateway.
fn orthanc_pushes(server: &Server, instances: &[Vec<u8>]) -> Option<()> {
    let (url, key) = (format!("{}/dicom-web", server.url), format!("X-API-Key: {}", server.key));
    let source = rig::orthanc_with(&["--server", "gw", &url, &key])?;
    instances.iter().for_each(|instance| source.keep(instance));
    let answer = source.push("gw");
    assert_eq!(answer.status, 200, "{}", answer.text());
    Some(())
}

#[test]
fn orthanc_pushes_into_the_archive() {
    let server = Server::start();
    let instances = [ct(1), ct(2)];
    if orthanc_pushes(&server, &instances).is_some() {
        // The same again is a success that names the same instances (STOW-36).
        let again = server.send(push(&instances));
        let made: Vec<String> = expected(&server, &instances).iter().map(|file| uid(file)).collect();
        assert_eq!(stored(&again), made);
        let objects = walk_folder(&server.data().join("archive"));
        assert_eq!(objects, 2, "one object an instance, whoever pushed it");
    }
}

fn walk_folder(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk_folder(&path) } else { 1 }).sum()
}

#[test]
fn orthanc_pushes_through_the_gateway_into_another_orthanc() {
    let Some(behind) = rig::orthanc() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = forwarding(&behind, &folder.path().join("data"));
    let instances = [ct(1), ct(2)];
    if orthanc_pushes(&server, &instances).is_some() {
        holds(&behind, &expected(&server, &instances));
    }
}
