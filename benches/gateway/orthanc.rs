//! Push + respond against Orthanc doing the same in its way: STOW, anonymize, retrieve.

use super::client;
use super::data::{self, Body};
use super::process;
use super::table::{Table, median};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

/// Measures 200 slices; skipped where Orthanc is not installed.
pub fn run(table: &mut Table) {
    let Some(orthanc) = Orthanc::start() else {
        eprintln!("skipped: Orthanc is missing (tests/rigs/install.sh)");
        return;
    };
    let gateway = process::gateway(&[]);
    let body = data::body(200, 512 << 10, 1);
    let accept = "multipart/related; type=\"application/dicom\"";
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        theirs.push(orthanc.round(&body));
        let answer = client::post(&gateway.address, "/dicom-web/studies", &gateway.key, accept, &body);
        assert_eq!(answer.status, 200);
        ours.push(answer.time.as_secs_f64());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    table.row(
        "200 × 513 KiB CT, pushed and back",
        format!("{ours:.3} s"),
        format!("Orthanc STOW + anonymize + WADO {theirs:.2} s"),
        format!("{:.1} times as fast", theirs / ours),
        "≥ 8",
    );
}

/// A throw-away Orthanc; ended when dropped.
pub struct Orthanc {
    /// Host and port.
    pub address: String,
    /// All that it stores; goes with it.
    folder: TempDir,
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = Command::new(script("stop-rig.sh")).arg(self.folder.path()).output();
    }
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rigs").join(name)
}

impl Orthanc {
    /// Starts one, if it is installed.
    pub fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let folder = tempfile::tempdir().ok()?;
        let mut start = Command::new(script("start-orthanc.sh"));
        let started = start.arg(port.to_string()).arg(folder.path()).output().ok()?;
        started.status.success().then(|| Self { address: format!("127.0.0.1:{port}"), folder })
    }

    /// Store, anonymize, retrieve, then forget both studies outside the measured time.
    fn round(&self, body: &Body) -> f64 {
        let start = Instant::now();
        let stored = client::post(&self.address, "/dicom-web/studies", "", "application/dicom+json", body);
        assert_eq!(stored.status, 200);
        let identified = self.studies().first().cloned().expect("stored study");
        let answer =
            self.request("POST", &format!("/studies/{identified}/anonymize"), "application/json", "{}");
        let made = field(&answer, "\"ID\" : \"");
        let tags = self.request("GET", &format!("/studies/{made}"), "application/json", "");
        let uid = field(&tags, "\"StudyInstanceUID\" : \"");
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        let retrieved = self.request("GET", &format!("/dicom-web/studies/{uid}"), accept, "");
        assert!(retrieved.len() as u64 > body.len / 2);
        let time = start.elapsed().as_secs_f64();
        for study in self.studies() {
            self.request("DELETE", &format!("/studies/{study}"), "*/*", "");
        }
        time
    }

    fn studies(&self) -> Vec<String> {
        let answer = self.request("GET", "/studies", "application/json", "");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let list = text.split("\r\n\r\n").nth(1).unwrap_or_default();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn request(&self, method: &str, path: &str, accept: &str, body: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("connect");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n", self.address);
        let rest = format!("Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all((head + &rest).as_bytes()).expect("request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answer");
        answer
    }
}

fn field(answer: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split(name).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}
