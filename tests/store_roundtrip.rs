//! The way back over HTTP: results made on what a project gave out stand at a real Orthanc under the original study, and
//! nothing else ever comes there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod accounts;
mod drive;
mod roundtrip;
mod stow;
mod support;

#[path = "store_roundtrip/whose.rs"]
mod whose;

use accounts::{admin, told};
use drive::back::given_out;
use roundtrip::{HUGO, Person, ROSA, SOP_INSTANCE, STUDY, Seen, instance};
use serde_json::{Value, json};
use std::collections::HashMap;
use stow::{failed, push, stored};
use support::build::{Length, sequence, text};
use support::http::{Request, Response};
use support::rig::{self, Orthanc};
use support::server::{Server, postgres_for};
use support::walk::{Walked, walk};
use support::{Tag, multipart};
use veilgate::config::Config;
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::serve;

/// Failure Reasons.
const OTHER_PATIENT: u64 = 0x0106;
const DUPLICATE: u64 = 0x0111;
const UNKNOWN: u64 = 0x0112;

/// A clinical Orthanc with two patients, a gateway with a veil before it, and what it gave out.
struct Stage {
    orthanc: Orthanc,
    server: Server,
    /// A key with the right to lead back.
    key: String,
    rosa: Seen,
    hugo: Seen,
    /// Originals by pseudonym.
    originals: HashMap<String, String>,
    _folder: tempfile::TempDir,
}

const SLICES: std::ops::RangeInclusive<u32> = 1..=3;

fn stage() -> Option<Stage> {
    let orthanc = rig::orthanc()?;
    for person in [ROSA, HUGO] {
        SLICES.for_each(|number| orthanc.keep(&person.ct(number)));
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_ORIGIN", "veil"),
        ("VEILGATE_DESTINATION", "restore"),
        ("VEILGATE_DOWNSTREAM_URL", orthanc.url.as_str()),
        ("VEILGATE_PROFILE", "research"),
        ("VEILGATE_PUBLIC_BASE_URL", "https://gateway.example/dicom-web"),
        // Nothing that is sent back counts.
        ("VEILGATE_QUOTA_ENTERPRISE", "0"),
    ];
    let server = accounts::start(folder.path(), &settings);
    let right = ["key", "add", "default", "maker", "--right", "reidentify"];
    let key = accounts::text(&told(&server, &right), "key");
    let originals = pseudonyms(&server);
    let [rosa, hugo] = [ROSA, HUGO].map(|person| pulled(&server, &originals, person));
    Some(Stage { orthanc, server, key, rosa, hugo, originals, _folder: folder })
}

/// A study as it comes through the veil.
fn pulled(server: &Server, originals: &HashMap<String, String>, person: Person) -> Seen {
    let (study, _) = originals.iter().find(|(_, original)| *original == person.study).unwrap();
    let request = Request::new("GET", &format!("/dicom-web/studies/{study}"));
    let answer = server.send(request.header("Accept", "multipart/related; type=\"application/dicom\""));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    let mut slices: Vec<Vec<u8>> = parts.into_iter().map(|part| part.body).collect();
    slices.sort_by_key(|slice| walk(slice).text((0x0020, 0x0013)));
    assert_eq!(slices.len(), SLICES.count());
    Seen::new(&slices)
}

/// All originals by their pseudonyms in the first project.
fn pseudonyms(server: &Server) -> HashMap<String, String> {
    let data = server.data().display().to_string();
    let database = postgres_for(server.data()).map(|url| ("VEILGATE_DATABASE".to_owned(), url));
    let settings = std::iter::once(("VEILGATE_DATA".to_owned(), data)).chain(database);
    let config = Config::from_sources(None, settings, &[]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = runtime.block_on(async {
        let db = serve::database_beside(&config).await.unwrap();
        let (_, master) = serve::unlock_beside(&config, &db).await.unwrap();
        let project = db.first_project().await.unwrap().unwrap();
        let secret = db.project_settings(&master, &project).await.unwrap().secret;
        db.close().await;
        secret
    });
    [ROSA, HUGO].into_iter().flat_map(|person| under(&key, person).1).collect()
}

/// What a project of this secret gives out of a study, and the originals by their pseudonyms.
fn under(key: &ProjectKey, person: Person) -> (Seen, HashMap<String, String>) {
    let engine = Engine::new(Plan::new(&Profile::preset("research").unwrap()), key);
    let (mut slices, mut originals) = (Vec::new(), HashMap::new());
    for number in SLICES {
        let (given, world) = given_out(&engine, &person.ct(number)).unwrap();
        slices.push(given);
        originals.extend(world.uids);
    }
    (Seen::new(&slices), originals)
}

impl Stage {
    fn push(&self, instances: &[Vec<u8>]) -> Response {
        self.server.send_bare(push(instances).header("X-API-Key", &self.key))
    }

    /// Every instance that Orthanc has, whatever study it is in.
    fn held(&self) -> usize {
        self.orthanc.get("/instances", "application/dicom+json").json().as_array().unwrap().len()
    }

    /// A result as Orthanc has it.
    fn at_origin(&self, number: u32) -> Walked {
        let (study, uid) = (ROSA.study, instance(number));
        let path = format!("/studies/{study}/series/{uid}.1/instances/{uid}");
        let answer =
            self.orthanc.get(&path, "multipart/related; type=\"application/dicom\"; transfer-syntax=*");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        walk(&parts[0].body)
    }

    /// A single result that is refused for this reason, and does not come to Orthanc.
    fn refuses(&self, why: &str, instance: Vec<u8>, reason: u64) {
        let before = self.held();
        let answer = self.push(&[instance]);
        assert_eq!(answer.status, 409, "{why}: {}", answer.text());
        let reasons: Vec<u64> = failed(&answer).into_iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, [reason], "{why}");
        assert_eq!(self.held(), before, "{why}");
        self.tells_nothing(&answer, why);
    }

    /// No original stands in an answer.
    fn tells_nothing(&self, answer: &Response, why: &str) {
        let head = format!("{:?}", answer.headers);
        for planted in ["RIG-000", "ller^Rosa", "Rigpatient", "1.2.276.0.7230010", "ACC0042"] {
            assert!(!answer.text().contains(planted) && !head.contains(planted), "{why}: {planted}");
        }
    }

    fn audited(&self) -> Vec<Value> {
        let request = Request::new("GET", "/v1/audit?limit=1000").header("X-API-Key", &self.key);
        let page = self.server.send_bare(request).json();
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["body"]["event"].clone()).collect()
    }
}

/// Values of an attribute at any depth.
fn values(walked: &Walked, tag: Tag) -> Vec<String> {
    let leaves = walked.leaves.iter().filter(|leaf| leaf.tag == tag);
    let text = |leaf: &support::walk::Leaf| String::from_utf8_lossy(&leaf.bytes()).into_owned();
    leaves.map(|leaf| text(leaf).trim_end_matches(['\0', ' ']).to_owned()).collect()
}

#[test]
fn results_stand_under_the_original_study_with_patient_references_and_dates() {
    let Some(stage) = stage() else { return };
    let seen = &stage.rosa;
    // The large one streams.
    let results = [
        seen.sr(1),
        seen.seg(2, 4096),
        seen.rtstruct(3),
        seen.pdf(4),
        seen.gsps(5),
        seen.picture(6),
        seen.seg(7, 3_000_000),
    ];
    let answer = stage.push(&results);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let names: Vec<String> = (1..=7).map(instance).collect();
    assert_eq!(stored(&answer), names, "the answer has the names that the sender knows");
    stage.tells_nothing(&answer, "the answer");
    for (number, result) in (1..).zip(&results) {
        let there = stage.at_origin(number);
        assert_eq!(there.fault, None);
        assert_eq!(there.text(roundtrip::PATIENT_NAME).unwrap(), "Müller^Rosa", "{number}");
        for (tag, value) in [
            (roundtrip::PATIENT_ID, "RIG-0001"),
            ((0x0010, 0x0030), "19600115"),
            ((0x0010, 0x0040), "F"),
            (STUDY, ROSA.study),
            ((0x0008, 0x0020), "20240229"),
            ((0x0008, 0x0030), "101112"),
            ((0x0008, 0x0050), "ACC0042"),
            ((0x0008, 0x0090), "Referrer^Rita"),
            ((0x0008, 0x1030), "Schädel-CT"),
            ((0x0020, 0x0010), "ST7"),
            ((0x0008, 0x0005), "ISO_IR 192"),
            ((0x0008, 0x103e), "Läsionen"),
            ((0x0008, 0x0012), "20261130"),
            ((0x0008, 0x0023), "20261130"),
        ] {
            assert_eq!(there.text(tag).as_deref(), Some(value), "{number}: {tag:04x?}");
        }
        for tag in [(0x0012, 0x0062), (0x0012, 0x0063)] {
            assert!(there.top(tag).is_none(), "{number}: {tag:04x?}");
        }
        let pixels = |walked: &Walked| walked.pixels().map(|leaf| leaf.bytes());
        assert!(pixels(&there) == pixels(&walk(result)), "{number}: pixels");
        let slices: Vec<String> = SLICES.map(|slice| ROSA.slice(slice)).collect();
        let mut references = values(&there, (0x0008, 0x1155));
        references.retain(|uid| uid != ROSA.study);
        assert!(references.len() >= 3 && references.iter().all(|uid| slices.contains(uid)), "{references:?}");
        let pseudonyms = there.leaves.iter().filter(|leaf| leaf.vr == Some(*b"UI")).map(|leaf| leaf.bytes());
        let text = |uid: Vec<u8>| String::from_utf8_lossy(&uid).trim_end_matches('\0').to_owned();
        let left: Vec<String> =
            pseudonyms.map(text).filter(|uid| stage.originals.contains_key(uid)).collect();
        assert!(left.is_empty(), "{number}: {left:?}");
    }
    let frames = [
        values(&stage.at_origin(2), roundtrip::FRAME_OF_REFERENCE),
        values(&stage.at_origin(3), roundtrip::FRAME_OF_REFERENCE),
    ];
    assert_eq!(frames.concat(), vec![ROSA.frame_of_reference(); 2]);
    let report = stage.at_origin(1);
    assert_eq!(values(&report, (0x0040, 0xa124)), [ROSA.frame_of_reference()]);
    assert_eq!(values(&report, (0x0040, 0xa160)), ["RIG-0001"]);
    assert_eq!(values(&report, (0x0040, 0xa121)), ["20240301"]);
    let rt_study = &values(&stage.at_origin(3), (0x0008, 0x1155))[0];
    assert!([ROSA.study.to_owned(), ROSA.slice(1)].contains(rt_study));
    is_on_record(&stage);
}

/// The push is an act of its own kind, told by pseudonyms, it counts nothing, and its results can be pulled at once.
fn is_on_record(stage: &Stage) {
    let events = stage.audited();
    let restored: Vec<&Value> =
        events.iter().filter(|event| event["action"] == "restore" && event["kind"] == "instance").collect();
    assert_eq!(restored.len(), 7);
    for event in restored {
        assert_eq!(event["study"], stage.rosa.first(STUDY));
        assert_eq!(event["outcome"], "done");
        assert!(event["input_sha256"].is_string() && event["output_sha256"].is_string());
    }
    let request = events.iter().find(|it| it["action"] == "restore" && it["kind"] == "request").unwrap();
    assert_eq!((request["instances_done"].as_u64(), &request["outcome"]), (Some(7), &json!("done")));
    let all = Value::from(events.clone()).to_string();
    for planted in ["RIG-000", "1.2.276.0.7230010", &instance(1)] {
        assert!(!all.contains(planted), "{planted}");
    }
    assert_eq!(accounts::usage(&stage.server, &stage.key)["files_used_mtd"], 0);
    // Its new name under the veil is known: it leads back to the one the sender gave.
    let event = events.iter().find(|event| event["kind"] == "instance").unwrap();
    let (series, name) = (event["series"].as_str().unwrap(), event["instance"].as_str().unwrap());
    let ask = Request::new("POST", "/v1/reidentify").header("X-API-Key", &stage.key);
    let ask =
        ask.header("Content-Type", "application/json").body(json!({ "uids": [series, name] }).to_string());
    let told = stage.server.send_bare(ask).json();
    assert_eq!(told["uids"][name], instance(1));
    assert_eq!(told["uids"][series], format!("{}.1", instance(1)));
}

#[test]
fn a_result_that_is_sent_again_replaces_itself_and_names_where_to_pull_it() {
    let Some(stage) = stage() else { return };
    for _ in 0..2 {
        let answer = stage.push(&[stage.rosa.sr(1)]);
        assert_eq!((answer.status, stored(&answer)), (200, vec![instance(1)]), "{}", answer.text());
        let items = stow::items(&answer.json(), "00081199");
        let url = items[0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
        let study =
            format!("https://gateway.example/dicom-web/studies/{}/series/2.25.", stage.rosa.first(STUDY));
        assert!(url.starts_with(&study) && !url.contains(&instance(1)), "{url}");
        let path = url.strip_prefix("https://gateway.example").unwrap();
        let metadata = Request::new("GET", &format!("{path}/metadata")).header("Accept", stow::JSON);
        let pulled = stage.server.send(metadata);
        assert_eq!(pulled.status, 200, "{}", pulled.text());
        let name = &pulled.json()[0]["00080018"]["Value"][0];
        assert!(url.ends_with(&format!("/instances/{}", name.as_str().unwrap())), "{url}: {name}");
        stage.tells_nothing(&pulled, "what is pulled again");
    }
    assert_eq!(stage.held(), 7);
    // A second result may refer to the first by the name its maker gave.
    let item = vec![text((0x0008, 0x1155), b"UI", &instance(1))];
    let more = vec![sequence((0x0008, 0x1140), Length::Defined, vec![item])];
    let second = stage.rosa.result(roundtrip::sop::SR, "SR", 2, more).write();
    assert_eq!(stage.push(&[second]).status, 200);
    assert_eq!(values(&stage.at_origin(2), (0x0008, 0x1155)), [instance(1)]);
}

#[test]
fn what_is_not_about_one_known_patient_never_comes_to_the_origin() {
    let Some(stage) = stage() else { return };
    let (rosa, hugo) = (&stage.rosa, &stage.hugo);
    let result = |more| rosa.result(roundtrip::sop::SR, "SR", 9, more).write();
    let foreign = under(&ProjectKey::from_bytes([9; 32]), ROSA).0;
    stage.refuses("another project's study", foreign.sr(9), UNKNOWN);
    stage.refuses("another project's slices", result(vec![foreign.references((0x0008, 0x2112))]), UNKNOWN);
    stage.refuses("an original study", result(vec![text(STUDY, b"UI", ROSA.study)]), UNKNOWN);
    stage.refuses("an identified instance", ROSA.ct(7), UNKNOWN);
    let of_hugo = text(roundtrip::PATIENT_ID, b"LO", &hugo.first(roundtrip::PATIENT_ID));
    stage.refuses("another patient's ID", result(vec![of_hugo.clone()]), OTHER_PATIENT);
    stage.refuses("another patient's study", result(vec![hugo.evidence()]), OTHER_PATIENT);
    let nested = sequence((0x0008, 0x1140), Length::Defined, vec![vec![of_hugo]]);
    stage.refuses("another patient inside", result(vec![nested]), OTHER_PATIENT);
    let slices = result(vec![rosa.evidence(), hugo.references((0x0008, 0x2112))]);
    stage.refuses("another patient's slices", slices, OTHER_PATIENT);
    let pseudonym = rosa.first(SOP_INSTANCE);
    stage.refuses("an original's pseudonym", result(vec![text(SOP_INSTANCE, b"UI", &pseudonym)]), DUPLICATE);
    let original = result(vec![text(SOP_INSTANCE, b"UI", &ROSA.slice(1))]);
    let answer = stage.push(std::slice::from_ref(&original));
    assert_eq!(
        failed(&answer),
        [(ROSA.slice(1), DUPLICATE)],
        "it is told by the name that it was sent under"
    );
    // The project never saw this one; the origin knows that it has it.
    stage.orthanc.keep(&ROSA.ct(20));
    let unseen = result(vec![text(SOP_INSTANCE, b"UI", &ROSA.slice(20))]);
    assert_eq!(failed(&stage.push(&[unseen])), [(ROSA.slice(20), DUPLICATE)]);
    assert_eq!(stage.held(), 7);
    // One that is refused does not sink the others.
    let answer = stage.push(&[foreign.sr(8), rosa.sr(1)]);
    assert_eq!((answer.status, stored(&answer)), (202, vec![instance(1)]), "{}", answer.text());
    let refusals =
        stage.audited().into_iter().filter(|it| it["action"] == "restore" && it["kind"] == "refusal");
    assert!(refusals.count() >= 10);
}

#[test]
fn without_the_right_the_body_is_not_read_and_the_attempt_is_on_record() {
    let Some(stage) = stage() else { return };
    let before = stage.held();
    let request = push(&[stage.rosa.sr(1)]).expect_continue().header("X-API-Key", &stage.server.key);
    let answer = stage.server.send_bare(request);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(stage.held(), before);
    let event = stage.audited().into_iter().find(|event| event["action"] == "restore").unwrap();
    assert_eq!((&event["outcome"], &event["kind"]), (&json!("refused"), &json!("request")));
}

#[test]
fn nothing_restored_is_given_to_anybody_but_the_origin() {
    let Some(stage) = stage() else { return };
    let before = stage.held();
    let back = push(&[stage.rosa.sr(1)]).header("X-API-Key", &stage.key).header("Accept", stow::RESPOND);
    assert_eq!(stage.server.send_bare(back).status, 409);
    let form = Request::new("POST", "/v1/anonymize").header("X-API-Key", &stage.key);
    let form = form.header("Content-Type", "multipart/form-data; boundary=XX").body("--XX--\r\n");
    assert_eq!(stage.server.send_bare(form).status, 409);
    assert_eq!(stage.held(), before);
}

#[test]
fn an_origin_that_is_gone_is_no_refusal() {
    let Some(Stage { orthanc, server, key, rosa, _folder, .. }) = stage() else { return };
    drop(orthanc);
    let answer = server.send_bare(push(&[rosa.sr(1)]).header("X-API-Key", &key));
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[test]
fn only_a_project_behind_the_veil_can_lead_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = accounts::start(folder.path(), &[]);
    let (status, why) =
        accounts::refused(&server, &["project", "set", "default", "--destination", "restore"]);
    assert!(status == Some(2) && why.contains("only where the origin is the veil"), "{status:?} {why}");
    let change = json!({ "destination": "restore" });
    let answer = admin(&server, "PATCH", "/projects/default", &change);
    assert_eq!(answer.status, 422, "{}", answer.text());
    let both = json!({ "destination": "restore", "origin": "veil", "downstream_url": "http://127.0.0.1:1/dicom-web" });
    let answer = admin(&server, "PATCH", "/projects/default", &both);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let back = json!({ "origin": "archive" });
    assert_eq!(admin(&server, "PATCH", "/projects/default", &back).status, 422);
}
