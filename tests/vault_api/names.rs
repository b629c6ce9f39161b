//! Names of files: what a client sends, and where the file stands in the archive.

use super::form::{Field, entries, manifest, names, upload};
use super::stow::ct;
use super::support::server::Server;

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
fn a_refused_file_takes_no_name_from_one_that_comes_back() {
    let server = Server::start();
    let fields = [Field::file("a.dcm", b"junk".to_vec()), Field::file("a.dcm", ct(1))];
    let answer = server.send(upload(&fields));
    assert_eq!(names(&answer), ["a.dcm"]);
    let told = manifest(&answer);
    assert!(told["files"][0].get("entry").is_none());
    assert_eq!(told["files"][1]["entry"], "out/a.dcm");
}
