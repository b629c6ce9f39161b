//! `veilgate project erase` beside a running gateway: what it knows of a patient or study is gone at once, everywhere, and
//! nothing else is.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod stow;
mod support;

use accounts::{pushed, refused, run, start, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use stow::STUDY;
use support::build;
use support::http::{Request, Response};
use support::rig;
use support::samples;
use support::server::{Server, postgres_for};
use support::syntax::EXPLICIT_LE;

const SERIES: (u16, u16) = (0x0020, 0x000e);
const PATIENT: (u16, u16) = (0x0010, 0x0020);

/// An instance of another patient's study.
fn of(patient: &str, study: &str, number: u32) -> Vec<u8> {
    let mut file = samples::ct(EXPLICIT_LE, number);
    file.elements.retain(|element| ![STUDY, SERIES, PATIENT].contains(&element.tag));
    file.elements.push(build::text(PATIENT, b"LO", patient));
    file.elements.push(build::text(STUDY, b"UI", study));
    file.elements.push(build::text(SERIES, b"UI", &format!("{study}.1")));
    file.sorted().write()
}

/// A gateway with two patients of two instances each, and a key that may ask for originals.
struct Scene {
    server: Server,
    environment: Vec<(String, String)>,
    office: String,
}

impl Scene {
    fn new(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let server = start(folder, environment);
        let environment: Vec<_> =
            environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut scene = Self { server, environment, office: String::new() };
        let mut made = scene.command(&["key", "add", "default", "office", "--right", "reidentify", "--json"]);
        scene.office = text(&serde_json::from_slice(&made.output().unwrap().stdout).unwrap(), "key");
        for (patient, study, first) in [("RIG-1", "2.25.171", 1), ("RIG-2", "2.25.172", 3)] {
            let instances = [of(patient, study, first), of(patient, study, first + 1)];
            assert_eq!(pushed(&scene.server, &scene.office, &instances).status, 200);
        }
        scene
    }

    /// A command beside the gateway, with its settings.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        if let Some(url) = postgres_for(self.server.data()) {
            command.env("VEILGATE_DATABASE", url).env_remove("VEILGATE_TEST_DATABASE");
        }
        command.args(arguments).arg("--data").arg(self.server.data());
        command.envs(self.environment.iter().map(|(name, text)| (name, text)));
        command
    }

    fn erase(&self, flag: &str, pseudonym: &str) -> Value {
        let erase = ["project", "erase", "default", flag, pseudonym, "--confirm", pseudonym, "--json"];
        let output = self.command(&erase).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn get(&self, target: &str) -> Response {
        let request = Request::new("GET", target).header("Accept", "application/dicom+json");
        self.server.send_bare(request.header("X-API-Key", &self.office))
    }

    /// Pseudonyms of a patient and of the one study: what a search finds.
    fn names(&self, patient: &str) -> (String, String) {
        let body = json!({ "patients": [{ "patient_id": patient }] }).to_string();
        let asked = Request::new("POST", "/v1/pseudonym").header("X-API-Key", &self.office).body(body);
        let pseudonym = self.server.send_bare(asked).json()["patients"][0].as_str().unwrap().to_owned();
        let found = self.get(&format!("/dicom-web/studies?PatientID={pseudonym}")).json();
        let study = found[0]["0020000D"]["Value"][0].as_str().unwrap().to_owned();
        (pseudonym, study)
    }

    /// How many of patient and study can be led back.
    fn known(&self, (patient, study): &(String, String)) -> usize {
        let body = json!({ "uids": [study], "patients": [patient] }).to_string();
        let asked = Request::new("POST", "/v1/reidentify").header("X-API-Key", &self.office).body(body);
        let told = self.server.send_bare(asked).json();
        [&told["uids"][study], &told["patients"][patient]].iter().filter(|it| !it.is_null()).count()
    }

    fn status(&self, study: &str) -> u16 {
        self.get(&format!("/dicom-web/studies/{study}/metadata")).status
    }

    fn is_verified(&self) -> bool {
        self.command(&["audit", "verify"]).status().unwrap().success()
    }
}

/// All objects in an archive's folder.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let below = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = below.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.into_path()).filter(|path| !path.ends_with("ready-probe")).collect()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_erased_patient_is_gone_from_archive_searches_and_crosswalk_and_the_other_stays() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path(), &[]);
    let archive = scene.server.data().join("archive");
    let (one, other) = (scene.names("RIG-1"), scene.names("RIG-2"));
    assert_eq!((scene.known(&one), scene.known(&other), objects(&archive).len()), (2, 2, 4));
    for (flag, whom, again) in
        [("--patient", &one.0, "PS-0"), ("--study", &one.1, ""), ("--patient", &other.0, &one.0)]
    {
        let (status, why) =
            refused(&scene.server, &["project", "erase", "default", flag, whom, "--confirm", again]);
        assert!(status == Some(2) && why.contains("nothing was erased"), "{why}");
    }
    for nobody in [["--patient", "PS-0"], ["--study", "2.25.1"]] {
        let erase = [&["project", "erase", "default"], &nobody[..], &["--confirm", nobody[1]]].concat();
        let (status, why) = refused(&scene.server, &erase);
        assert!(status == Some(2) && why.contains("there is no such entry"), "{why}");
    }
    assert_eq!((scene.known(&one), scene.status(&one.1), objects(&archive).len()), (2, 200, 4));

    let told = scene.erase("--patient", &one.0);
    // Study, series, two instances and the patient.
    let expected = json!({"studies": 1, "series": 1, "instances": 2, "crosswalk": 5, "own_pseudonyms": 0});
    assert_eq!(told, expected);
    assert_eq!((scene.status(&one.1), scene.status(&other.1)), (404, 200));
    assert_eq!(objects(&archive).len(), 2, "its files are gone");
    assert_eq!((scene.known(&one), scene.known(&other)), (0, 2), "the gateway forgets what it remembered");
    let found = scene.get("/dicom-web/studies").json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert!(scene.is_verified());
    let chain = String::from_utf8(scene.command(&["audit", "export"]).output().unwrap().stdout).unwrap();
    let act = chain.lines().find(|line| line.contains("patient-erased")).unwrap();
    assert!(
        act.contains("\"action\":\"delete\"") && !act.contains(&one.0) && !act.contains("RIG-1"),
        "{act}"
    );

    // Who is erased can be pushed again, and is known again.
    assert_eq!(pushed(&scene.server, &scene.office, &[of("RIG-1", "2.25.171", 1)]).status, 200);
    assert_eq!((scene.status(&one.1), scene.known(&one)), (200, 2));
}

#[test]
fn an_object_that_a_kill_left_of_an_erased_study_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path(), &[]);
    let archive = scene.server.data().join("archive");
    let (_, study) = scene.names("RIG-2");
    let before: Vec<(PathBuf, Vec<u8>)> =
        objects(&archive).into_iter().map(|it| (it.clone(), std::fs::read(it).unwrap())).collect();
    assert_eq!(scene.erase("--study", &study)["crosswalk"], json!(5), "with the patient, whose last it was");
    let Scene { server, .. } = scene;
    server.kill();
    // As if the command had been killed before it came to them.
    let gone: Vec<_> = before.iter().filter(|(path, _)| !path.exists()).collect();
    assert_eq!(gone.len(), 2);
    for (path, bytes) in gone {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let server = start(folder.path(), &[]);
    wait_for("the sweep", || objects(&archive).len() == 2);
    assert!(run(&server, &["audit", "verify"]).status.success());
}

#[test]
fn an_erased_study_is_gone_from_a_bucket_too() {
    let Some(s3) = rig::s3() else { return };
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("VEILGATE_ARCHIVE_URL", "s3://rig/erase"),
        ("VEILGATE_ARCHIVE_ENDPOINT", s3.url.as_str()),
        ("AWS_ACCESS_KEY_ID", s3.key.0.as_str()),
        ("AWS_SECRET_ACCESS_KEY", s3.key.1.as_str()),
    ];
    let scene = Scene::new(folder.path(), &environment);
    let (one, other) = (scene.names("RIG-1"), scene.names("RIG-2"));
    assert_eq!(s3.look().objects.len(), 4);
    assert_eq!(scene.erase("--study", &one.1)["instances"], json!(2));
    assert_eq!(s3.look().objects.len(), 2);
    assert_eq!((scene.status(&one.1), scene.status(&other.1)), (404, 200));
    assert!(scene.is_verified());
}
