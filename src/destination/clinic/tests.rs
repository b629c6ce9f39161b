//! The questions to a clinical origin that knows little, answers something else, or fails. A real one is asked in the tests
//! of the routes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::db::tests::founded;
use crate::deid::plan::Plan;
use crate::deid::profile::Profile;
use crate::deid::pseudonym::ProjectKey;
use crate::downstream::{Credentials, Servers, Settings};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STUDY: &str = "1.2.10";
const OTHER: &str = "1.2.20";

/// Status and body for the target of a request.
type Script = fn(&str) -> (u16, Value);

struct Rig {
    visit: Visit,
    engine: Engine,
    _folder: tempfile::TempDir,
}

async fn rig(script: Script) -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings {
        url: format!("http://{}/dicom-web", listener.local_addr().unwrap()),
        credentials: Credentials::None,
        headers: Vec::new(),
        ca: None,
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(5),
        concurrent: 4,
        retries: 0,
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, script));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let key = ProjectKey::from_bytes([7; 32]);
    let clinic = Clinic::new(
        Downstream::new(settings, &Servers::default()).unwrap(),
        Crosswalk::new(db, &project, &key),
    );
    let engine = Engine::new(Plan::new(&Profile::preset("basic").unwrap()), &key);
    Rig { visit: Visit::new(clinic), engine, _folder: folder }
}

async fn answer(mut stream: TcpStream, script: Script) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        asked.push(byte[0]);
    }
    let head = String::from_utf8(asked).unwrap();
    let target = head.split(' ').nth(1).unwrap().trim_start_matches("/dicom-web/").to_owned();
    let (status, body) = script(&target);
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

fn ui(uid: &str) -> Value {
    json!({ "vr": "UI", "Value": [uid] })
}

/// Metadata of an instance of a study and a patient.
fn metadata(study: &str, patient: &str) -> Value {
    json!([{
        "00080016": ui("1.2.840.10008.5.1.4.1.1.2"),
        "00080018": ui("1.2.10.1.1"),
        "0020000D": ui(study),
        "00200052": ui("1.2.10.9"),
        "00100020": { "vr": "LO", "Value": [patient] },
    }])
}

/// Results of a search, of instances of the first series of a study.
fn results(study: &str, instances: &[&str]) -> Value {
    let result = |uid: &&str| json!({ "00080018": ui(uid), "0020000D": ui(study), "0020000E": ui(&format!("{study}.1")) });
    instances.iter().map(result).collect()
}

/// A server that has two studies and searches all its instances only if `relational`.
fn small(target: &str, relational: bool) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked =
        |uid: &str| query.contains(&format!("SOPInstanceUID={uid}")) || query.contains(&format!("%2C{uid}"));
    let of = |study: &str, all: bool| {
        let uid = format!("{study}.1.1");
        if all || asked(&uid) { results(study, &[&uid]) } else { json!([]) }
    };
    match path {
        "instances" if !relational => (400, json!("Rigpatient^Rosa")),
        "instances" => {
            let found = [of(STUDY, false), of(OTHER, false)]
                .into_iter()
                .flat_map(|it| it.as_array().cloned().unwrap());
            (200, found.collect())
        }
        "studies/1.2.10/instances" if query.starts_with("SOP") => (200, of(STUDY, false)),
        "studies/1.2.20/instances" if query.starts_with("SOP") => (200, of(OTHER, false)),
        "studies/1.2.10/instances" if query.contains("offset=0&") => (200, of(STUDY, true)),
        "studies/1.2.20/instances" if query.contains("offset=0&") => (200, of(OTHER, true)),
        _ if path.starts_with("studies/1.2.10/") && path.ends_with("/metadata") => {
            (200, metadata(STUDY, "ROSA"))
        }
        _ if path.starts_with("studies/1.2.20/") && path.ends_with("/metadata") => {
            (200, metadata(OTHER, "HUGO"))
        }
        _ => (200, json!([])),
    }
}

fn wanted(others: &[&str], references: &[&str], instance: &str) -> Wanted {
    let phi = |uid: &&str| Phi::new((*uid).to_owned());
    Wanted {
        study: phi(&STUDY),
        others: others.iter().map(phi).collect(),
        references: references.iter().map(phi).collect(),
        names: Vec::new(),
        instance: phi(&instance),
        lost: Vec::new(),
    }
}

async fn found(rig: &Rig, wanted: &Wanted) -> Found {
    match rig.visit.find(&rig.engine, wanted).await {
        Ok(found) => found,
        Err(Miss::Refusal(refusal)) => panic!("{refusal}"),
        Err(Miss::Fault(fault)) => panic!("{fault}"),
    }
}

async fn refused(rig: &Rig, wanted: &Wanted) -> Option<Refusal> {
    match rig.visit.find(&rig.engine, wanted).await {
        Err(Miss::Refusal(refusal)) => Some(refusal),
        _ => None,
    }
}

#[tokio::test]
async fn whose_instances_are_referred_to_is_found_wherever_they_are() {
    let rig = rig(|target| small(target, true)).await;
    let own = found(&rig, &wanted(&[], &["1.2.10.1.1"], "9.9")).await;
    assert_eq!((own.study.uid(), own.patients.len(), own.is_taken), (STUDY, 0, false));
    let other = found(&rig, &wanted(&[], &["1.2.10.1.1", "1.2.20.1.1"], "9.9")).await;
    assert!(other.patients == [crate::deid::patient::Patient::of("HUGO", "", "")]);
    let nowhere = found(&rig, &wanted(&[], &["1.2.99"], "9.9")).await;
    assert_eq!(nowhere.patients.len(), 0, "what the origin does not have is nobody else's");
    assert!(found(&rig, &wanted(&[], &[], "1.2.10.1.1")).await.is_taken);
}

#[tokio::test]
async fn an_origin_that_does_not_search_all_instances_is_asked_by_study() {
    let rig = rig(|target| small(target, false)).await;
    let own = found(&rig, &wanted(&[], &["1.2.10.1.1"], "1.2.10.1.1")).await;
    assert!(own.is_taken);
    assert_eq!(refused(&rig, &wanted(&[], &["1.2.20.1.1"], "9.9")).await, Some(Refusal::Untold));
    let named = found(&rig, &wanted(&[OTHER], &["1.2.20.1.1"], "9.9")).await;
    assert_eq!(named.patients.len(), 1);
    assert_eq!(refused(&rig, &wanted(&[], &["1.2/3"], "9.9")).await, Some(Refusal::Untold));
}

/// `small`, whose series are found, too.
fn series(target: &str) -> (u16, Value) {
    let of = |study: &str| {
        let named = target.contains(&format!("SeriesInstanceUID={study}.1"))
            || target.contains(&format!("%2C{study}.1"));
        if named { results(study, &["9"]) } else { json!([]) }
    };
    match target.split('?').next().unwrap_or_default() {
        "series" => {
            let found = [STUDY, OTHER].map(of).into_iter().flat_map(|it| it.as_array().cloned().unwrap());
            (200, found.collect())
        }
        "studies" if target.contains(OTHER) => (200, results(OTHER, &["9"])),
        _ => small(target, true),
    }
}

#[tokio::test]
async fn whatever_a_name_names_is_found() {
    let names = |names: &[&str]| Wanted {
        names: names.iter().map(|uid| Phi::new((*uid).to_owned())).collect(),
        ..wanted(&[], &[], "9.9")
    };
    let rig = rig(series).await;
    // What was asked for once is remembered.
    for _ in 0..2 {
        let own = found(&rig, &names(&["1.2.10.1", "1.2.10.9"])).await;
        assert_eq!((own.patients.len(), own.series.len()), (0, 1));
        assert!(own.series.get("1.2.10.1").is_some_and(|studies| studies.contains(STUDY)));
        for other in ["1.2.20.1", "1.2.20.1.1", "1.2.20"] {
            let other = found(&rig, &names(&["1.2.10.1", other])).await;
            assert!(other.patients == [crate::deid::patient::Patient::of("HUGO", "", "")]);
        }
    }
    let refusing =
        self::rig(
            |target| {
                if target.starts_with("studies?") { (400, json!("x")) } else { small(target, true) }
            },
        );
    assert_eq!(refused(&refusing.await, &names(&["1.2.10.9"])).await, Some(Refusal::Untold));
}

#[tokio::test]
async fn lost_names_are_found_in_what_the_study_names() {
    let rig = rig(|target| small(target, true)).await;
    let name = |uid: &str| rig.engine.uid(uid);
    let lost = vec![name("1.2.10.9"), name("1.2.10.1"), name("1.2.10.1.1"), name("1.2.77")];
    let again = found(&rig, &Wanted { lost, ..wanted(&[], &[], "9.9") }).await.again;
    let known: BTreeSet<String> = again.values().map(|original| original.expose().clone()).collect();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), ["1.2.10.1", "1.2.10.1.1", "1.2.10.9"]);
    let entered = rig.visit.clinic.crosswalk.original(Kind::Uid, &name("1.2.10.9")).await.unwrap();
    assert_eq!(entered.unwrap().expose(), "1.2.10.9", "and known from then on");
}

#[tokio::test]
async fn a_study_that_is_gone_is_refused_and_an_origin_that_answers_something_else_fails() {
    let gone = rig(|_| (404, json!("x"))).await;
    assert_eq!(refused(&gone, &wanted(&[], &[], "9.9")).await, Some(Refusal::NoStudy));
    let scripts: [Script; 4] = [
        |_| (500, json!("Rigpatient^Rosa")),
        |_| (200, json!({ "not": "results" })),
        // The metadata of another study.
        |target| {
            if target.contains("metadata") { (200, metadata(OTHER, "HUGO")) } else { small(target, true) }
        },
        // A search that ignores what is searched for.
        |target| {
            if target.contains("SOPInstanceUID") {
                (200, results(STUDY, &["1.2.66"]))
            } else {
                small(target, true)
            }
        },
    ];
    for script in scripts {
        let rig = rig(script).await;
        let wanted = wanted(&[], &["1.2.10.1.1"], "9.9");
        assert!(matches!(rig.visit.find(&rig.engine, &wanted).await, Err(Miss::Fault(Fault::Downstream(_)))));
    }
}
