//! The origin `downstream`, against a real server: Orthanc holds studies, the gateway gives them as its own. Every
//! service, at every level, whatever Orthanc does not do itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

#[path = "rig_remote/described.rs"]
mod described;
#[path = "rig_remote/found.rs"]
mod found;
#[path = "rig_remote/pictures.rs"]
mod pictures;
#[path = "rig_remote/pulled.rs"]
mod pulled;

use support::files::fixture;
use support::http::{Request, Response};
use support::multipart::{self, Part};
use support::rig::{self, Orthanc};
use support::server::Server;
use support::{syntax, walk};

const DICOM: &str = "multipart/related; type=\"application/dicom\"";
const AS_STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const ANY_FRAMES: &str = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const JSON: &str = "application/dicom+json";

/// One slice in every encoding: the file in Explicit VR Little Endian comes first, the others are made of it without loss.
const SLICES: [&str; 5] = [
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
];

/// A gateway before an Orthanc.
struct Rig {
    gateway: Server,
    orthanc: Orthanc,
    _folder: tempfile::TempDir,
}

/// None where Orthanc is missing.
fn rig(instances: &[Vec<u8>]) -> Option<Rig> {
    let orthanc = rig::orthanc()?;
    instances.iter().for_each(|instance| orthanc.keep(instance));
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_ORIGIN", "downstream"),
        ("VEILGATE_DOWNSTREAM_URL", orthanc.url.as_str()),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "5 s"),
    ];
    let gateway = Server::on(&folder.path().join("data"), &[], &settings);
    Some(Rig { gateway, orthanc, _folder: folder })
}

impl Rig {
    /// GET below the DICOMweb root. Nothing of it may tell where Orthanc is.
    fn get(&self, path: &str, accept: &str) -> Response {
        self.send(Request::new("GET", &format!("/dicom-web/{path}")).header("Accept", accept))
    }

    fn send(&self, request: Request) -> Response {
        let target = request.target.clone();
        let answer = self.gateway.send(request);
        let address = self.orthanc.address();
        let told = answer.text().contains(address) || format!("{:?}", answer.headers).contains(address);
        assert!(!told && !answer.text().contains("OrthancError"), "{target}: {answer:?}");
        answer
    }

    fn parts(&self, path: &str, accept: &str) -> Vec<Part> {
        let answer = self.get(path, accept);
        assert_eq!(answer.status, 200, "{path} {accept}: {}", answer.text());
        multipart::read(answer.header("content-type").unwrap_or_default(), &answer.body).unwrap()
    }

    /// The first part's bytes.
    fn one(&self, path: &str, accept: &str) -> Vec<u8> {
        self.parts(path, accept).remove(0).body
    }
}

/// One of [`SLICES`] under a SOP Instance UID of its own, of the same length.
fn slice(number: usize) -> Vec<u8> {
    let mut file = fixture(SLICES[number]);
    let (uid, at) = (b"5962.1.1.4.1.1.2004", 14);
    let places: Vec<usize> = (0..file.len() - uid.len()).filter(|at| file[*at..].starts_with(uid)).collect();
    assert_eq!(places.len(), 2, "{}: in the file meta and in the data set", SLICES[number]);
    for place in places {
        file[place + at] = b'1' + u8::try_from(number).unwrap();
    }
    file
}

fn slices() -> Vec<Vec<u8>> {
    (0..SLICES.len()).map(slice).collect()
}

/// `studies/…/series/…/instances/…`.
fn path(file: &[u8]) -> String {
    let file = walk::walk(file);
    let uid = |tag| file.text(tag).unwrap();
    let (study, series) = (uid((0x0020, 0x000d)), uid((0x0020, 0x000e)));
    format!("studies/{study}/series/{series}/instances/{}", uid((0x0008, 0x0018)))
}

fn series(path: &str) -> &str {
    path.split_once("/instances/").unwrap().0
}

fn study(path: &str) -> &str {
    path.split_once("/series/").unwrap().0
}

/// The pixels that all slices have, as Explicit VR Little Endian.
fn pixels() -> Vec<u8> {
    walk::walk(&slice(0)).pixels().unwrap().bytes()
}

#[test]
fn a_server_that_is_gone_is_told_apart_from_one_that_has_nothing() {
    let Some(rig) = rig(&[slice(0)]) else { return };
    let (path, absent) = (path(&slice(0)), "studies/1.2.3");
    assert_eq!(rig.get(absent, DICOM).status, 404);
    assert_eq!(rig.get(&format!("{absent}/metadata"), JSON).status, 404);
    assert_eq!(rig.get(&format!("{}/instances/1.2.3/frames/1", series(&path)), ANY_FRAMES).status, 404);
    assert_eq!(rig.get(&format!("{}/instances/1.2.3/rendered", series(&path)), "image/jpeg").status, 404);
    let found = rig.get(&format!("{absent}/series"), JSON);
    assert_eq!((found.status, found.text().as_str()), (200, "[]"));
    let Rig { gateway, orthanc, _folder } = rig;
    drop(orthanc);
    let ask = || gateway.send(Request::new("GET", "/dicom-web/studies").header("Accept", JSON));
    assert_eq!(ask().status, 502);
    let resting = (0..10).map(|_| ask()).find(|answer| answer.status == 503).expect("it is left alone");
    assert!(resting.header("retry-after").is_some());
    assert!(resting.text().contains("\"fault_of\":\"downstream\""), "{}", resting.text());
}

#[test]
fn the_reference_client_finds_and_retrieves_as_from_the_server_itself() {
    let Some(rig) = rig(&slices()) else { return };
    let (url, key) = (format!("{}/dicom-web", rig.gateway.url), rig.gateway.key.as_str());
    let run =
        |command: &str, arguments: &[&std::ffi::OsStr]| rig::dicomweb_client(command, &url, key, arguments);
    let Some((found, 0)) = run("search", &["instances".as_ref()]) else { return };
    assert_eq!(found["instances"].as_array().unwrap().len(), SLICES.len());
    let folder = tempfile::tempdir().unwrap();
    let uid = study(&path(&slice(0))).trim_start_matches("studies/").to_owned();
    let (retrieved, status) = run("retrieve", &[uid.as_ref(), folder.path().as_ref()]).unwrap();
    assert_eq!((retrieved["instances"].as_u64(), status), (Some(5), 0), "{retrieved}");
    for entry in folder.path().read_dir().unwrap() {
        let file = walk::walk(&std::fs::read(entry.unwrap().path()).unwrap());
        assert_eq!((file.syntax.as_str(), file.pixels().unwrap().bytes()), (syntax::EXPLICIT_LE, pixels()));
    }
}

#[test]
fn what_is_pushed_on_to_orthanc_is_pulled_back_as_the_standard_asks() {
    let Some(orthanc) = rig::orthanc() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_DESTINATION", "forward"),
        ("VEILGATE_ORIGIN", "downstream"),
        ("VEILGATE_DOWNSTREAM_URL", orthanc.url.as_str()),
    ];
    let gateway = Server::on(&folder.path().join("data"), &[], &settings);
    let url = format!("{}/dicom-web", gateway.url);
    let mut examine = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"));
    let output = examine.args(["conformance", &url, "--key", &gateway.key, "--json"]).output().unwrap();
    let verdicts: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |state: &str| verdicts.iter().filter(|it| it["state"] == state).collect::<Vec<_>>();
    assert!(of("broken").into_iter().all(support::is_declared), "{:#?}", of("broken"));
    assert!(of("met").len() > 90, "{:#?}", of("skipped"));
}
