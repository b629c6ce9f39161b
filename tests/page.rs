//! The web page over HTTP: its files and headers, and what it asks of the server: `/api/deidentify`, `/api/profile`,
//! `/v1/preview`. The page in a browser is `rig_page`'s.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

#[path = "page/assets.rs"]
mod assets;
#[path = "vault_api/form.rs"]
mod form;
#[path = "page/preview.rs"]
mod preview;
mod stow;
mod support;

use form::{BOUNDARY, Field, entries};
use std::io::{Cursor, Write};
use stow::{burned_in, ct};
use support::http::{Framing, Request, Response};
use support::server::Server;
use support::walk::walk;

const PATH: &str = "/api/deidentify";

fn one(body: Vec<u8>) -> Request {
    Request::new("POST", PATH).header("Content-Type", "application/dicom").body(body)
}

fn upload(fields: &[Field]) -> Request {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::new("POST", PATH).header("Content-Type", &content_type).body(form::body(fields))
}

/// A ZIP archive of these files, deflated.
fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn archive(body: Vec<u8>) -> Request {
    Request::new("POST", PATH).header("Content-Type", "application/zip").body(body)
}

fn used(server: &Server) -> u64 {
    server.send(Request::new("GET", "/v1/usage")).json()["files_used_mtd"].as_u64().unwrap()
}

fn names(answer: &Response) -> Vec<String> {
    entries(answer).into_iter().map(|(name, _)| name).collect()
}

fn with(settings: &[(&str, &str)]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], settings);
    (folder, server)
}

#[test]
fn one_file_comes_back_as_it_is_counted_and_on_record() {
    let server = Server::start();
    let vault = upload(&[Field::file("a.dcm", ct(1))]);
    let vault = server.send(Request { target: "/v1/anonymize".to_owned(), ..vault });
    let wanted = &entries(&vault)[0].1;
    for (content_type, framing) in [
        (Some("application/dicom"), Framing::Length),
        (Some("application/octet-stream"), Framing::Chunked(7)),
        (None, Framing::Length),
    ] {
        let mut request = one(ct(1)).framing(framing);
        request.headers.clear();
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        let before = used(&server);
        let answer = server.send(request);
        assert_eq!(answer.status, 200, "{content_type:?}: {}", answer.text());
        assert!(answer.body == *wanted, "the same as over any other way in");
        assert_eq!(answer.header("content-type"), Some("application/dicom"));
        assert_eq!(answer.header("content-length"), Some(wanted.len().to_string().as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let uid = walk(wanted).text(stow::SOP_INSTANCE).unwrap();
        assert_eq!(answer.header("veilgate-instance"), Some(uid.as_str()));
        assert!(answer.header("veilgate-attributes").unwrap().starts_with("kept="));
        assert!(answer.header("veilgate-audit-receipt").is_some(), "nothing leaves that is not on record");
        assert_eq!(used(&server), before + 1);
    }
}

#[test]
fn whoever_sends_a_file_as_a_form_by_mistake_is_told_the_type_to_send_it_as() {
    let server = Server::start();
    for media in ["application/x-www-form-urlencoded", "text/plain"] {
        let mut request = one(ct(1));
        request.headers.clear();
        let answer = server.send(request.header("Content-Type", media));
        assert_eq!(answer.status, 415, "{}", answer.text());
        assert!(answer.text().contains("available: application/dicom, "), "{}", answer.text());
    }
}

#[test]
fn a_refused_file_is_answered_with_code_tag_and_words_and_costs_nothing() {
    let server = Server::start();
    for (body, code, tag) in [
        (burned_in(1), "pixels", Some("(0028,0301)")),
        (b"no DICOM at all, but long enough to be looked at: ".repeat(9), "malformed", None),
    ] {
        let answer = server.send(one(body));
        assert_eq!(answer.status, 422, "{}", answer.text());
        let told = answer.json();
        let file = &told["files"][0];
        assert_eq!((file["code"].as_str(), file["tag"].as_str()), (Some(code), tag), "{told}");
        assert!(!file["reason"].as_str().unwrap().is_empty() && file.get("name").is_none());
    }
    assert_eq!(server.send(one(Vec::new())).status, 400);
    let coded = one(ct(1)).header("Content-Encoding", "gzip");
    assert_eq!(server.send(coded).status, 422);
    assert_eq!(server.send(one(ct(1)).header("X", "y")).status, 200);
    assert_eq!(used(&server), 1);
}

#[test]
fn several_files_come_back_in_a_zip_under_the_same_names_and_folders() {
    let server = Server::start();
    let files = [("scan/a/1.dcm", ct(1)), ("scan/b/1.dcm", ct(2)), ("scan/us.dcm", burned_in(3))];
    let form = upload(&files.clone().map(|(name, bytes)| Field::file(name, bytes)));
    for request in [form, archive(zipped(&files))] {
        let answer = server.send(request.framing(Framing::Chunked(999)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(names(&answer), ["scan/a/1.dcm", "scan/b/1.dcm", "manifest.json"]);
        assert_eq!(answer.header("content-disposition"), Some("attachment; filename=pseudonymized.zip"));
        for (at, (_, file)) in files.iter().take(2).enumerate() {
            assert!(entries(&answer)[at].1 == server.send(one(file.clone())).body);
        }
        let told = form::manifest(&answer);
        assert_eq!((told["processed"].as_u64(), told["rejected_burned_in"].as_u64()), (Some(2), Some(1)));
        assert_eq!(told["files"][2]["tag"], "(0028,0301)");
    }
}

#[test]
fn an_archive_that_cannot_be_read_is_told_and_one_bad_file_sinks_no_other() {
    let server = Server::start();
    let whole = zipped(&[("a.dcm", ct(1)), ("b.dcm", ct(2))]);
    for body in [
        b"PK\x03\x04".to_vec(),
        b"this is no archive".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        zipped(&[]),
    ] {
        let answer = server.send(archive(body));
        assert_eq!((answer.status, answer.header("content-type")), (422, Some("application/problem+json")));
    }
    let mixed = zipped(&[("../../evil.dcm", ct(1)), ("notes.txt", b"text".to_vec())]);
    let answer = server.send(archive(mixed));
    assert_eq!(
        (answer.status, names(&answer)),
        (200, vec!["evil.dcm".to_owned(), "manifest.json".to_owned()])
    );
}

#[test]
fn an_archive_is_bounded_in_files_and_in_what_it_unpacks_to() {
    let bounds = [("VEILGATE_VAULT_FILES", "2"), ("VEILGATE_VAULT_REQUEST", "16 KiB")];
    let (_folder, server) = with(&bounds);
    let three = zipped(&[("a", ct(1)), ("b", ct(2)), ("c", ct(3))]);
    assert_eq!(server.send(archive(three)).status, 400);
    assert_eq!(server.send(archive(vec![0; 20 << 10])).status, 413);
    // Ten megabytes of zeros in ten kilobytes.
    let bomb = zipped(&[("a", vec![0; 10 << 20])]);
    assert!(bomb.len() < 16 << 10);
    assert_eq!(server.send(archive(bomb)).status, 413);
    assert_eq!(server.send(archive(zipped(&[("a", ct(1))]))).status, 200);
}

#[test]
fn quota_and_key_hold_here_too() {
    let (_folder, server) = with(&[("VEILGATE_QUOTA_ENTERPRISE", "1")]);
    assert_eq!(server.send(one(ct(1))).status, 200);
    for request in [one(ct(2)), archive(zipped(&[("a", ct(2))]))] {
        let answer = server.send(request);
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(
            answer.json()["title"],
            "the instances of this month are used up",
            "the page knows this text"
        );
    }
    let mut bare = vec![one(ct(1)), Request::new("GET", "/api/profile")];
    bare.push(Request::new("POST", "/v1/preview").body(ct(1)));
    bare.push(Request::new("POST", "/v1/preview/image?side=after").body(ct(1)));
    for request in bare {
        assert_eq!(server.send_bare(request.clone()).status, 401, "{}", request.target);
    }
    assert_eq!(server.send_bare(Request::new("GET", "/api/health")).status, 200);
}

#[test]
fn an_admin_sees_where_a_project_s_chain_ends() {
    const KEY: &str = "admin key of the page's tests";
    let (_folder, server) = with(&[("VEILGATE_ADMIN_KEY", KEY)]);
    let chain = || Request::new("GET", "/admin/v1/projects/default/chain");
    let head = || server.send_bare(chain().header("X-Admin-Key", KEY)).json()["head"]["body"].clone();
    let before = head()["sequence"].as_u64().unwrap();
    let hash = server.send(one(ct(1))).header("x-audit-sha256").unwrap().to_owned();
    assert_eq!(
        (head()["sequence"].as_u64(), head()["hash"].as_str()),
        (Some(before + 2), Some(hash.as_str()))
    );
    assert_eq!(server.send(chain()).status, 401, "an API key opens nothing there");
}

fn choosing(request: Request, profile: &str, options: &str) -> Request {
    request.header("Veilgate-Profile", profile).header("Veilgate-Options", options)
}

#[test]
fn a_request_chooses_its_profile_only_where_the_setting_lets_it() {
    let refused = Server::start();
    let answer = refused.send(choosing(one(ct(1)), "research", ""));
    assert_eq!(
        (answer.status, answer.json()["fault_of"].as_str()),
        (403, Some("right")),
        "never silently another"
    );
    let (_folder, server) = with(&[("VEILGATE_PAGE_CHOOSE", "true")]);
    let date = |answer: &Response| walk(&answer.body).text((0x0008, 0x0020)).unwrap_or_default();
    assert_eq!(date(&server.send(one(ct(1)))), "", "without a choice the project's profile holds");
    let kept = server.send(choosing(one(ct(1)), "basic", "retain-full-dates, retain-uids"));
    assert_eq!((kept.status, date(&kept)), (200, "20240229".to_owned()), "{}", kept.text());
    assert_eq!(kept.header("veilgate-instance"), Some("2.25.70001"));
    let profile = || Request::new("GET", "/api/profile");
    let told = server.send(choosing(profile(), "basic", "retain-full-dates,retain-uids")).json();
    let project = server.send(profile()).json();
    assert_eq!((&told["choose"], &told["presets"][0]), (&true.into(), &"basic".into()));
    assert_ne!(told["profile"]["digest"], project["profile"]["digest"]);
    let chain = server.send(Request::new("GET", "/v1/audit")).text();
    assert!(chain.contains(told["profile"]["digest"].as_str().unwrap()), "what was chosen is on record");
    for (name, options) in
        [("none", ""), ("basic", "retain-all"), ("basic", "clean-pixel-data"), ("", "retain-uids")]
    {
        assert_eq!(server.send(choosing(one(ct(1)), name, options)).status, 400, "{name} {options}");
    }
    assert_eq!(server.send(choosing(one(ct(1)), "basic", "\"]; burned_in=\"pass")).status, 400);
    let elsewhere = choosing(stow::push(&[ct(1)]), "basic", "retain-uids");
    assert_eq!(server.send(elsewhere).status, 403, "it would mean nothing there");
}

#[test]
fn the_profile_is_told_with_its_options_and_what_they_keep() {
    let (_folder, server) = with(&[("VEILGATE_PROFILE", "research")]);
    let told = server.send(Request::new("GET", "/api/profile")).json();
    assert_eq!((&told["project_name"], &told["key_name"]), (&"default".into(), &"first".into()));
    assert_ne!(told["project"], "default", "the audit's name, which tells nothing");
    assert_eq!((&told["tier"], &told["profile"]["name"]), (&"enterprise".into(), &"research".into()));
    let options = told["profile"]["options"].as_array().unwrap();
    assert_eq!(options.len(), 12);
    let option = |name: &str| options.iter().find(|option| option["name"] == name).unwrap();
    let dates = option("retain-modified-dates");
    assert_eq!((&dates["chosen"], &dates["clause"]), (&true.into(), &"PS3.15 E.3.6".into()));
    let uids = option("retain-uids");
    assert_eq!(uids["chosen"], false);
    assert!(uids["attributes"].as_array().unwrap().contains(&"StudyInstanceUID".into()));
    assert_eq!(told["limits"]["instance"], 16u64 << 30);
}
