//! The database's files, and a copy of them, hold in clear no identifier of what was pushed, no API key, no secret of a
//! project, no credential: looked for as planted marks, in every form they could have there.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod stow;
mod support;

use accounts::{ADMIN, key, pseudonym, pushed, start, told};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::Path;
use stow::{RESPOND, burned_in, ct, push, uid};
use support::http::Request;
use support::plant;
use support::server::Server;
use support::syntax::EXPLICIT_LE;
use support::walk::walk;

/// Every file of the database, one after the other.
fn bytes(data: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let ours = files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("veilgate.db"));
    ours.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

/// True if the mark stands there. One of digits must stand alone: a pseudonym may begin like an original UID.
fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let alone = |at: usize| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + mark.len()).copied();
        !before.into_iter().chain(after).any(digit)
    };
    let number = mark.iter().copied().all(digit);
    memchr::memmem::find_iter(bytes, mark).any(|at| !number || alone(at))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True if the mark stands there in base64, behind whatever: in each of its three shifts, without the digits at the ends
/// that other bytes have part in.
fn in_base64(bytes: &[u8], mark: &[u8]) -> bool {
    (0..3).any(|shift| {
        let text = URL_SAFE_NO_PAD.encode([vec![0; shift], mark.to_vec()].concat());
        let core = &text[if shift == 0 { 0 } else { shift + 1 }..text.len() - 1];
        core.len() >= 6 && holds(bytes, core.as_bytes())
    })
}

/// The names are there all the same, and lead back to the originals.
fn is_kept(server: &Server, name: &str, original: &str) {
    let made = told(server, &["key", "add", "default/default", "office", "--right", "reidentify"]);
    let body = serde_json::json!({"uids": [name], "patients": ["PLANTED-SUBJECT"]}).to_string();
    let request = Request::new("POST", "/v1/reidentify").header("X-API-Key", made["key"].as_str().unwrap());
    let answer = server.send_bare(request.body(body)).json();
    assert_eq!(answer["uids"][name], original);
    assert_eq!(answer["patients"]["PLANTED-SUBJECT"]["issuer"], "PLANTED-ISSUER");
}

/// Original identifiers that are long enough to be told from chance.
fn identifiers(file: &[u8]) -> Vec<Vec<u8>> {
    let tags = [
        (0x0008, 0x0018),
        (0x0020, 0x000d),
        (0x0020, 0x000e),
        (0x0010, 0x0010),
        (0x0010, 0x0020),
        (0x0008, 0x0050),
    ];
    let walked = walk(file);
    let texts = tags.into_iter().filter_map(|tag| walked.text(tag));
    texts.filter(|text| text.len() >= 5).map(String::into_bytes).collect()
}

#[test]
fn neither_the_database_nor_a_copy_of_it_holds_an_identifier_or_a_secret_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("DCM_API_KEYS", "acme:key-of-acme-in-the-environment")]);
    let token = folder.path().join("token");
    std::fs::write(&token, "downstream-token-in-clear").unwrap();
    let own =
        ["--downstream-url", "http://127.0.0.1:9/x", "--downstream-token-file", token.to_str().unwrap()];
    told(&server, &[&["project", "add", "default", "second"][..], &own].concat());
    let second = key(&server, "second", "k");
    let table = folder.path().join("subjects.csv");
    std::fs::write(&table, "patient_id,issuer,pseudonym\nPLANTED-PATIENT,PLANTED-ISSUER,PLANTED-SUBJECT\n")
        .unwrap();
    told(&server, &["project", "pseudonyms", "import", "default/default", table.to_str().unwrap()]);
    let files = [ct(1), ct(2), burned_in(3)];
    let mut marks: Vec<Vec<u8>> = files.iter().flat_map(|file| identifiers(file)).collect();
    assert!(marks.len() >= 3 * 4, "{}", marks.len());
    let rows: Vec<_> = plant::table_rows().into_iter().map(|row| (row.tag, row.vr)).collect();
    let planted = plant::plant(EXPLICIT_LE, &rows, &plant::NESTING);
    marks.extend(planted.marks.iter().map(|mark| mark.value.clone()).filter(|value| value.len() >= 8));
    for key in [server.key.as_str(), "key-of-acme-in-the-environment"] {
        pushed(&server, key, &files);
        pushed(&server, key, &[planted.file.write(), b"no DICOM, from Doe^Jane".to_vec()]);
        server.send_bare(push(&files).header("Accept", RESPOND).header("X-API-Key", key));
    }
    let name = pseudonym(&server, &server.key, &ct(1));
    marks.push(b"Doe^Jane".to_vec());
    marks.extend(
        ["PLANTED-PATIENT", "PLANTED-ISSUER", "PLANTED-SUBJECT"].map(|mark| mark.as_bytes().to_vec()),
    );
    is_kept(&server, &name, &uid(&ct(1)));
    let secrets: Vec<Vec<u8>> = [
        &server.key,
        &second,
        "key-of-acme-in-the-environment",
        "downstream-token-in-clear",
        ADMIN,
        std::fs::read_to_string(server.data().join("master.key")).unwrap().trim(),
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let live = bytes(server.data());
    server.stop();
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
    }
    for bytes in [live, bytes(&copy)] {
        assert!(holds(&bytes, name.as_bytes()), "what is looked for would be found: pseudonyms are");
        for mark in marks.iter().chain(&secrets) {
            let text = String::from_utf8_lossy(mark).into_owned();
            assert!(!holds(&bytes, mark), "{text} in clear");
            assert!(!holds(&bytes, hex(mark).as_bytes()), "{text} in hexadecimal digits");
            assert!(!in_base64(&bytes, mark), "{text} in base64");
        }
    }
    assert!(!name.contains(&uid(&ct(1))));
    secret_of_a_project(&folder.path().join("data"), &copy);
}

/// The secret that the command line uses beside the server: its pseudonyms show that it is the right one.
fn secret_of_a_project(data: &Path, copy: &Path) {
    let secret = veilgate::serve::project_key(data).unwrap();
    let bytes = bytes(copy);
    assert!(!holds(&bytes, secret.expose()), "a project's secret in clear");
    assert!(!holds(&bytes, secret.to_hex().as_bytes()), "a project's secret in hexadecimal digits");
}
