//! OHIF in a browser against the gateway, as a reader uses it: study list, search by pseudonym, thumbnails, every series
//! really drawn, scrolling, a PDF, uploads. Across origins, with the API key as a bearer token. No original value occurs in
//! anything the browser was sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod leak;
mod pulled;
mod stow;
mod support;

#[path = "rig_ohif/screen.rs"]
mod screen;
#[path = "rig_ohif/session.rs"]
mod session;

use leak::{Search, marks};
use pulled::{Origin, Pulled, value};
use screen::Picture;
use serde_json::{Value, json};
use session::Session;
use std::path::Path;
use support::Tag;
use support::files::{File, rigs_home};
use support::rig;
use support::walk::walk;

/// Identified instances: what lies at the origin, and what is uploaded in the browser.
struct Files {
    study: Vec<File>,
    uploads: Vec<File>,
}

/// What the profile of these tests keeps besides: Encapsulated Document.
const KEPT: [Tag; 1] = [(0x0042, 0x0011)];

fn files(origin: Origin) -> Option<Files> {
    let corpus = rigs_home().join("corpus").display().to_string();
    let other = ["--seed", "other", "--name", "Uploadson^Ulla", "--id", "RIG-0002", "--slices", "2"];
    let mut uploads = rig::made(&other)?;
    // What is pushed to a gateway before a clinical server is not pulled from there.
    uploads.retain(|file| origin == Origin::Archive && file.name.starts_with("ct"));
    Some(Files { study: rig::made(&["--borrow", &corpus])?, uploads })
}

impl Files {
    /// The values that must not be seen again.
    fn marks(&self) -> Vec<marks::Mark> {
        let all = self.study.iter().chain(&self.uploads);
        all.flat_map(|file| marks::of_file(&file.name, &file.bytes, &KEPT)).collect()
    }

    fn instances(files: &[File]) -> Vec<Vec<u8>> {
        files.iter().map(|file| file.bytes.clone()).collect()
    }
}

/// What the viewer is to do, in the gateway's names.
fn plan(pulled: &Pulled, files: &Files, folder: &Path, front: u16) -> Value {
    let study = &pulled.found("/studies")[0];
    let uid = value(study, "0020000D");
    let mut series = pulled.found(&format!("/studies/{uid}/series"));
    series.sort_by_key(|series| series["00200011"]["Value"][0].as_u64());
    let kind = |series: &Value| if value(series, "00080060") == "DOC" { "document" } else { "image" };
    let series: Vec<Value> = series
        .iter()
        .map(|one| json!({"number": one["00200011"]["Value"][0], "uid": value(one, "0020000E"), "kind": kind(one)}))
        .collect();
    let uploaded = files.uploads.first().and_then(|file| {
        let made = pulled.expected(std::slice::from_ref(&file.bytes));
        walk(&made[0]).text((0x0010, 0x0020))
    });
    let uploads = files.uploads.iter().map(|file| {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.bytes).unwrap();
        path
    });
    json!({
        "gateway": pulled.server.url, "front": front,
        "key": pulled.server.key, "folder": folder, "patient": value(study, "00100020"), "study": uid, "series": series,
        "uploads": uploads.collect::<Vec<_>>(), "uploaded": uploaded,
    })
}

fn shows(origin: Origin) -> Option<Session> {
    let browser = rig::browser(&["@ohif/app/dist/index.html"])?;
    let files = files(origin)?;
    let front = rig::free_port();
    let base = format!("http://127.0.0.1:{front}/dicom-web");
    let pulled = origin.start("viewer.toml", &[("VEILGATE_PUBLIC_BASE_URL", &base)])?;
    pulled.hold(&Files::instances(&files.study));
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&pulled, &files, folder.path(), front);
    let session = Session::new(browser.run("ohif.mjs", plan.clone(), folder.path()), folder);
    drawn(&session);
    asked(&session, &plan);
    hidden(&session, &pulled, &files, &plan);
    Some(session)
}

/// Every series is on the screen as it was made.
fn drawn(session: &Session) {
    for series in ["1", "2", "3", "4"] {
        session.picture(series).shows_phantom(series);
    }
    let yellow =
        |picture: &Picture| picture.count(|[red, green, blue]| red > 180 && green > 180 && blue < 90);
    assert!(yellow(&session.picture("2")) > 100, "the text burned into the ultrasound is yellow");
    assert_eq!(yellow(&session.picture("1")), 0, "the CT has no colour");
    let compressed = ["5", "6", "7"].map(|series| session.picture(series));
    assert!(compressed[0].levels() > 100, "{} levels of grey", compressed[0].levels());
    for (other, name) in compressed[1..].iter().zip(["JPEG 2000", "RLE"]) {
        assert!(compressed[0].like(other), "{name} does not look like JPEG-LS of the same picture");
    }
    session.picture("first").shows_phantom("the first picture");
    assert!(session.picture("first").like(&session.picture("link")), "by link and token the same picture");
    assert!(!session.picture("first").like(&session.picture("scrolled")), "scrolling shows another slice");
    assert_eq!(session.notes()["place"], json!(["I:6 (1/6)", "I:5 (2/6)"]));
    assert!(
        !session.notes()["address"].as_str().unwrap().contains("token"),
        "OHIF takes the token off its address"
    );
    let page = session.screenshot("series-8").part(600..1200, 150..700);
    let (white, black) =
        (page.count(|colour| colour == [255; 3]), page.count(|colour| colour.iter().all(|part| *part < 90)));
    assert!(
        white > 300_000 && (200..5_000).contains(&black),
        "a line of text on a page: {white} white, {black} black"
    );
}

/// What the browser asked, and that all of it was answered.
fn asked(session: &Session, plan: &Value) {
    let exchanges = session.exchanges();
    for one in &exchanges {
        assert!(
            one.complete && matches!(one.status, 200 | 204),
            "{} {}: {}",
            one.method,
            one.url,
            one.status
        );
        let bearer = one.asked("authorization").is_some_and(|value| value.starts_with("Bearer "));
        assert_eq!(bearer, one.method != "OPTIONS", "{} {}", one.method, one.url);
        assert!(one.header("access-control-allow-origin").is_some(), "{} {}", one.method, one.url);
    }
    let count = |method: &str, part: &str| exchanges.iter().filter(|one| one.is(method, part)).count();
    let patient = plan["patient"].as_str().unwrap();
    assert_eq!(count("GET", &format!("?PatientName=*{patient}*&")), 1, "search by pseudonym");
    assert!(count("GET", &format!("?00100020={patient}&")) > 0, "earlier studies of the patient");
    assert!(count("GET", "/thumbnail?viewport=256") >= 7);
    assert!(count("GET", "/frames/3") > 0, "frames of the multi-frame");
    assert!(count("GET", "/bulk/00420011") > 0, "the PDF");
    assert!(count("OPTIONS", "/studies") > 20, "across origins, so preflights");
    assert_eq!(count("POST", "/studies"), plan["uploads"].as_array().unwrap().len(), "one request a file");
    if let Some(row) = session.notes()["uploaded"].as_str() {
        assert!(row.split_whitespace().any(|cell| cell == "2"), "two instances were uploaded: {row}");
    }
    assert_eq!(session.foreign(), json!([]), "the viewer asks nobody else");
}

/// No original value in anything that came; and the same search finds the pseudonyms there.
fn hidden(session: &Session, pulled: &Pulled, files: &Files, plan: &Value) {
    let look = |search: &mut Search| {
        session.each_text(|place, bytes| search.look(place, bytes));
        search.look("the gateway's log", pulled.server.said().as_bytes());
        pulled.files().iter().for_each(|(path, bytes)| search.look(&path.display().to_string(), bytes));
    };
    let mut search = Search::new(files.marks());
    look(&mut search);
    let known = ["patient", "study", "uploaded"].iter().filter_map(|name| {
        let value = plan[name].as_str()?.as_bytes();
        Some(marks::Mark::new(name.to_string(), false, *b"LO", value))
    });
    let mut control = Search::new(known.collect());
    look(&mut control);
    let found = search.found(|_| true);
    println!(
        "{} exchanges, {} bytes searched for {} original values: {} found",
        session.exchanges().len(),
        search.bytes,
        search.planted(|_| true),
        found.len()
    );
    assert!(search.planted(|_| true) > 300, "{} values planted", search.planted(|_| true));
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(control.lost(|_| true).is_empty(), "the pseudonyms are there");
}

#[test]
fn ohif_shows_a_clinical_server_through_the_veil_and_sees_no_original_value() {
    if let Some(session) = shows(Origin::Veil) {
        session.keep_screenshots(&[
            ("thumbnails", "study_list"),
            ("series-1", "ct"),
            ("series-2", "ultrasound_rgb"),
            ("series-6", "jpeg_2000"),
            ("series-8", "pdf"),
        ]);
    }
}

#[test]
fn ohif_shows_the_archive_uploads_to_it_and_sees_no_original_value() {
    if let Some(session) = shows(Origin::Archive) {
        session.keep_screenshots(&[("upload", "upload")]);
    }
}
