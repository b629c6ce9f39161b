//! A project's own pseudonyms of patients, by command line, admin API and key: what a push makes of them, that running
//! gateways follow, and that both ways are on record.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod cli;
mod stow;
mod support;

use accounts::{ADMIN, refused, run, start, told};
use cli::Scene;
use serde_json::{Value, json};
use std::path::Path;
use stow::{RESPOND, ct, push};
use support::http::{Request, Response};
use support::multipart;
use support::server::Server;
use support::walk::walk;

const NAME: (u16, u16) = (0x0010, 0x0010);
const ID: (u16, u16) = (0x0010, 0x0020);
const STUDY: (u16, u16) = (0x0020, 0x000d);
const DATE: (u16, u16) = (0x0008, 0x0020);
const TABLE: &str = "patient_id,issuer,pseudonym\nRIG-0001,,SUBJECT-001\nRIG-0002,Riverside,SUBJECT-002\n";

/// Patient's Name, Patient ID, study and date of an instance that was pushed.
fn pushed(server: &Server, key: &str) -> [String; 4] {
    let answer = server.send_bare(push(&[ct(1)]).header("X-API-Key", key).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let file = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().remove(0).body;
    let walked = walk(&file);
    [NAME, ID, STUDY, DATE].map(|tag| walked.text(tag).unwrap_or_default())
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn acts(server: &Server) -> Vec<String> {
    let entries = server.send(Request::new("GET", "/v1/audit?limit=1000")).json()["entries"].clone();
    let events = entries.as_array().unwrap().iter().map(|entry| entry["body"]["event"].clone());
    let told =
        |event: Value| format!("{} {} {}", event["actor"], event["action"], event["kind"]).replace('"', "");
    let ours = events.filter(|event| event["kind"] == json!("act") || event["action"] == json!("reidentify"));
    ours.map(told).filter(|act| act.contains("pseudonyms") || act.contains("reidentify")).collect()
}

#[test]
fn a_subject_number_stands_for_the_patient_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_PROFILE", "research")]);
    let [_, before, study, date] = pushed(&server, &server.key);
    assert!(before.starts_with('P') && date != "20240229");
    let table = file(folder.path(), "subjects.csv", TABLE);
    let import = ["project", "pseudonyms", "import", "default", &table];
    assert_eq!(told(&server, &import), json!({"pseudonyms": 2}));
    let subject = || "SUBJECT-001".to_owned();
    let now = [subject(), subject(), study.clone(), date.clone()];
    assert_eq!(pushed(&server, &server.key), now, "the running gateway follows; study and date stay");
    let exported = folder.path().join("now.csv");
    let export = ["project", "pseudonyms", "export", "default", exported.to_str().unwrap()];
    assert_eq!(told(&server, &export), json!({"pseudonyms": 2}));
    assert_eq!(std::fs::read_to_string(&exported).unwrap(), TABLE);
    let (status, message) = refused(&server, &export);
    assert!(status == Some(2) && message.contains("not overwritten"), "{message}");
    let empty = file(folder.path(), "empty.csv", "patient_id,issuer,pseudonym\n");
    told(&server, &["project", "pseudonyms", "import", "default", &empty]);
    assert_eq!(pushed(&server, &server.key)[1], before, "generated again");
    let recorded =
        ["operator change-pseudonyms act", "operator reidentify act", "operator change-pseudonyms act"];
    assert_eq!(acts(&server), recorded);
}

#[test]
fn mistakes_are_told_by_line_without_values_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let wrong = format!("{TABLE}RIG-0001,,SUBJECT-003\nRIG-0004,,SUBJECT-001\nRIG-0005,,SUBJECT\\5\n");
    let bad = file(folder.path(), "bad.csv", &wrong);
    let (status, message) = refused(&server, &["project", "pseudonyms", "import", "default", &bad]);
    assert_eq!(status, Some(2));
    for line in
        ["line 4: the same patient as in line 2", "line 5: the same pseudonym as in line 2", "line 6: "]
    {
        assert!(message.contains(line), "{message}");
    }
    assert!(!message.contains("RIG-") && !message.contains("SUBJECT"), "{message}");
    assert!(pushed(&server, &server.key)[1].starts_with('P'));
    let (status, message) = refused(&server, &["project", "pseudonyms", "import", "nobody", &bad]);
    assert!(status == Some(2) && message.contains("nobody"), "{message}");
    let nowhere = folder.path().join("none.csv").display().to_string();
    assert_eq!(refused(&server, &["project", "pseudonyms", "import", "default", &nowhere]).0, Some(2));
    assert_eq!(refused(&server, &["project", "pseudonyms", "export", "nobody", &nowhere]).0, Some(2));
    assert!(!Path::new(&nowhere).exists(), "nothing is left where nothing was exported");
    assert!(run(&server, &["project", "pseudonyms", "--help"]).status.success());
}

fn call(server: &Server, method: &str, target: &str, (name, key): (&str, &str), body: &str) -> Response {
    server.send_bare(Request::new(method, target).header(name, key).body(body))
}

#[test]
fn keys_with_the_right_and_the_admin_set_and_read_the_table_and_all_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let made = told(&server, &["key", "add", "default", "office", "--right", "reidentify"]);
    let (id, office) = (accounts::text(&made, "id"), accounts::text(&made, "key"));
    for (target, who, what) in [
        ("/v1/pseudonyms", ("X-API-Key", office.as_str()), TABLE.to_owned()),
        ("/admin/v1/projects/default/pseudonyms", ("X-Admin-Key", ADMIN), TABLE.replace("001\n", "009\n")),
    ] {
        let set = call(&server, "PUT", target, who, &what);
        assert_eq!((set.status, set.json()), (200, json!({"pseudonyms": 2})), "{target}");
        let got = call(&server, "GET", target, who, "");
        assert_eq!((got.status, got.text()), (200, what), "{target}");
        assert_eq!(got.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        assert_eq!(got.header("cache-control"), Some("no-store"));
        let bad = call(&server, "PUT", target, who, &format!("{TABLE}RIG-0001,,SUBJECT-003\n"));
        assert_eq!(bad.status, 422, "{}", bad.text());
        assert!(bad.text().contains("line 4") && !bad.text().contains("RIG-"), "{}", bad.text());
        let large = call(&server, "PUT", target, who, &"x".repeat((16 << 20) + 1));
        assert_eq!(large.status, 413, "{target}");
    }
    assert_eq!(pushed(&server, &server.key)[1], "SUBJECT-009");
    let asked = json!({"patients": ["SUBJECT-002", "SUBJECT-009", "SUBJECT-001"]}).to_string();
    let told = call(&server, "POST", "/v1/reidentify", ("X-API-Key", &office), &asked).json();
    let expected = json!({
        "SUBJECT-001": null,
        "SUBJECT-002": {"patient_id": "RIG-0002", "issuer": "Riverside"},
        "SUBJECT-009": {"patient_id": "RIG-0001", "issuer": ""},
    });
    assert_eq!(told["patients"], expected, "also of a patient that never came");
    assert_eq!(
        call(&server, "GET", "/admin/v1/projects/nobody/pseudonyms", ("X-Admin-Key", ADMIN), "").status,
        404
    );
    let expected = [
        format!("{id} change-pseudonyms act"),
        format!("{id} reidentify request"),
        "admin change-pseudonyms act".to_owned(),
        "admin reidentify act".to_owned(),
        format!("{id} reidentify request"),
    ];
    assert_eq!(acts(&server), expected);
}

#[test]
fn a_table_harms_no_spreadsheet_no_page_and_no_search_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let office =
        accounts::text(&told(&server, &["key", "add", "default", "office", "--right", "reidentify"]), "key");
    let office = ("X-API-Key", office.as_str());
    for bad in
        ["@SUM(1+1)*cmd", "+1+1", "-1", "<script>", "S1*", "S?", "\"S\"\"1\"", "S'1", "=1", "S 1>", "_S"]
    {
        let table = format!("patient_id,issuer,pseudonym\n7,,{bad}\n");
        let set = call(&server, "PUT", "/v1/pseudonyms", office, &table);
        assert_eq!(set.status, 422, "{bad}: {}", set.text());
        assert!(set.text().contains("line 2: pseudonym must be"), "{bad}: {}", set.text());
    }
    // Patient IDs and issuers are what they are.
    let table = "patient_id,issuer,pseudonym\n\"=HYPERLINK(\"\"x\"\")\",@home,S-1\n+49-7,-,S-2\n'7,,S-3\n";
    assert_eq!(call(&server, "PUT", "/v1/pseudonyms", office, table).status, 200);
    let exported = call(&server, "GET", "/v1/pseudonyms", office, "").text();
    let guarded =
        "patient_id,issuer,pseudonym\n\"'=HYPERLINK(\"\"x\"\")\",'@home,S-1\n'+49-7,'-,S-2\n'7,,S-3\n";
    assert_eq!(exported, guarded);
    assert_eq!(call(&server, "PUT", "/v1/pseudonyms", office, &exported).status, 200);
    assert_eq!(call(&server, "GET", "/v1/pseudonyms", office, "").text(), exported);
    let asked = json!({"patients": ["S-1", "S-2", "S-3"]}).to_string();
    let told = call(&server, "POST", "/v1/reidentify", office, &asked).json();
    let expected = json!({
        "S-1": {"patient_id": "=HYPERLINK(\"x\")", "issuer": "@home"},
        "S-2": {"patient_id": "+49-7", "issuer": "-"},
        "S-3": {"patient_id": "'7", "issuer": ""},
    });
    assert_eq!(told["patients"], expected);
}

#[test]
fn the_command_line_takes_the_servers_table_or_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let table = file(folder.path(), "subjects.csv", TABLE);
    told(&server, &["project", "pseudonyms", "import", "default", &table]);
    let over_http = pushed(&server, &server.key);
    file(folder.path(), "key", cli::KEY);
    std::fs::write(folder.path().join("a.dcm"), ct(1)).unwrap();
    // ./data is the server's data folder here.
    let deid = |out: &str, more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(["deid", "a.dcm", "--out", out]).args(more).current_dir(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let walked = walk(&std::fs::read(folder.path().join(out).join("a.dcm")).unwrap());
        [NAME, ID, STUDY, DATE].map(|tag| walked.text(tag).unwrap_or_default())
    };
    assert_eq!(deid("one", &[]), over_http);
    assert!(deid("two", &["--key-file", "key"])[1].starts_with('P'), "another key is another project");
    let own = deid("three", &["--key-file", "key", "--pseudonyms", "subjects.csv"]);
    assert_eq!(own[..2], ["SUBJECT-001", "SUBJECT-001"]);
    assert_ne!(own[2], over_http[2]);
}

#[test]
fn a_table_with_mistakes_stops_the_command_line_before_it_begins() {
    let scene = Scene::new();
    scene.file("in/a.dcm", &ct(1));
    scene.file("bad.csv", b"patient_id,issuer,pseudonym\nRIG-0001,,\n");
    let ran = scene.run(&["deid", "in", "--out", "out", "--key-file", "key", "--pseudonyms", "bad.csv"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("line 2: pseudonym must be") && !ran.err.contains("RIG-0001"), "{}", ran.err);
}
