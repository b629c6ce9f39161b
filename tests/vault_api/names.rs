//! Names of files: what a client sends, and where the file stands in the archive.

use super::form::{Field, entries, manifest, names, upload};
use super::stow::ct;
use super::support::server::{Server, terminate, wait};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn equal_names_are_kept_apart_in_the_order_sent() {
    let server = Server::start();
    let sent = ["b/IM1.dcm", "a/IM1.dcm", "IM1.dcm", "IM1.dcm", "im1.DCM"];
    let fields: Vec<Field> = sent.iter().zip(1..).map(|(name, at)| Field::file(name, ct(at))).collect();
    let answer = server.send(upload(&fields));
    assert_eq!(names(&answer), ["b/IM1.dcm", "a/IM1.dcm", "IM1.dcm", "IM1 (2).dcm", "im1 (3).DCM"]);
    let told = manifest(&answer);
    let mut different: Vec<String> =
        entries(&answer).iter().map(|entry| super::form::sha256(&entry.1)).collect();
    for (at, name) in sent.iter().enumerate() {
        assert_eq!(
            (&told["files"][at]["name"], &told["files"][at]["index"]),
            (&(*name).into(), &(at + 1).into())
        );
        assert_eq!(told["files"][at]["sha256_out"], different[at].as_str());
    }
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 6, "five instances and a manifest");
}

#[test]
fn no_name_leaves_the_folder_or_fails_the_request() {
    let server = Server::start();
    let long = format!("{}.dcm", "x".repeat(400));
    for (sent, stands) in [
        ("../../evil.dcm", "evil.dcm"),
        (r"..\..\evil.dcm", "evil.dcm"),
        (r"C:\scans\a.dcm", "C_/scans/a.dcm"),
        ("/etc/cron.d/a", "etc/cron.d/a"),
        ("..", "upload.dcm"),
        ("", "upload.dcm"),
        ("a\0b.dcm", "ab.dcm"),
        ("nul.dcm", "_nul.dcm"),
        (&long, &format!("{}.dcm", "x".repeat(251))),
        ("IM0001", "IM0001"),
        ("\u{e9}tude/\u{756b}\u{50cf}.dcm", "\u{e9}tude/\u{756b}\u{50cf}.dcm"),
    ] {
        let answer = server.send(upload(&[Field::file(sent, ct(1))]));
        assert_eq!(names(&answer), [stands], "{sent:?}");
        assert_eq!(manifest(&answer)["files"][0]["name"], sent);
    }
}

#[test]
fn names_are_read_as_each_client_writes_them() {
    let server = Server::start();
    for (disposition, stands) in [
        (r#"form-data; name="files"; filename="say \"aah\".dcm""#, "say _aah_.dcm"),
        (r#"form-data; name="files"; filename="say %22aah%22.dcm""#, "say _aah_.dcm"),
        ("form-data; name=files; filename=bare.dcm", "bare.dcm"),
        ("form-data; filename=\"first.dcm\"; name=\"files\"", "first.dcm"),
        ("form-data; name=\"files\"; filename*=utf-8''%C3%A9tude.dcm", "\u{e9}tude.dcm"),
        ("FORM-DATA; NAME=\"files\"; FILENAME=\"a;b.dcm\"", "a;b.dcm"),
    ] {
        let answer = server.send(upload(&[Field::disposed(disposition, ct(1))]));
        assert_eq!(names(&answer), [stands], "{disposition}");
    }
    let latin = Field::disposed("form-data; name=\"files\"; filename=\"_.dcm\"", ct(1));
    let mut request = upload(&[latin]);
    let at = request.body.windows(5).position(|bytes| bytes == b"_.dcm").unwrap();
    request.body[at] = 0xE9;
    assert_eq!(names(&server.send(request)), ["\u{e9}.dcm"]);
}

#[test]
fn names_stand_neither_in_the_log_nor_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .envs([("VEILGATE_LOG_LEVEL", "trace"), ("VEILGATE_LIMITS_SPOOL_MEMORY", "0")])
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let address = ready.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let key = std::fs::read_to_string(data.join("first-api-key")).unwrap();
    let send = |fields: &[Field]| upload(fields).header("X-API-Key", key.trim()).send(&address).unwrap();
    let file = |bytes: Vec<u8>| Field::file("Doe^Jane-4711.dcm", bytes);
    let served = send(&[file(ct(1)), file(b"junk".to_vec())]);
    assert_eq!(served.status, 200);
    let headers = format!("{:?}", served.headers);
    let errors =
        [send(&[file(b"junk".to_vec())]), send(&[Field::named("other", "Doe^Jane-4711.dcm", ct(1))])];
    assert!(errors.iter().all(|answer| answer.status == 422 && !answer.text().contains("Jane-4711")));
    terminate(child.id());
    assert!(wait(&mut child, Duration::from_secs(20)).unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/v1/anonymize"), "the route is logged: {log}");
    assert!(!log.contains("Jane-4711") && !headers.contains("Jane-4711"), "{headers}\n{log}");
    let held =
        walkdir::WalkDir::new(&data).into_iter().map(Result::unwrap).filter(|it| it.file_type().is_file());
    let named = held
        .filter(|file| memchr::memmem::find(&std::fs::read(file.path()).unwrap(), b"Jane-4711").is_some());
    assert_eq!(named.count(), 0, "a file of the data folder holds the name");
}

#[test]
fn a_refused_file_takes_no_name_from_one_that_comes_back() {
    let server = Server::start();
    let fields = [Field::file("a.dcm", b"junk".to_vec()), Field::file("a.dcm", ct(1))];
    let answer = server.send(upload(&fields));
    assert_eq!(names(&answer), ["a.dcm"]);
    let told = manifest(&answer);
    assert!(told["files"][0].get("entry").is_none());
    assert_eq!(told["files"][1]["entry"], "out/a.dcm");
}
