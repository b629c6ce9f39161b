//! STOW-RS clients as they really send: line ends, quotes, chunks, expectations, many parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use stow::{RESPOND, ct, push, stored};
use support::http::{Framing, Request};
use support::multipart::{self, Part, write};
use support::server::Server;

fn post(content_type: &str, body: Vec<u8>) -> Request {
    Request::new("POST", "/dicom-web/studies").header("Content-Type", content_type).body(body)
}

#[test]
fn http_20_23_framings_of_real_clients_are_understood() {
    let server = Server::start();
    let parts = [Part::dicom(ct(1)), Part::dicom(ct(2))];
    let bare = [Part { headers: vec![], body: ct(1) }, Part { headers: vec![], body: ct(2) }];
    let disposed: Vec<Part> = parts
        .iter()
        .map(|part| {
            let mut part = part.clone();
            part.headers = vec![
                ("Content-Disposition".into(), "attachment; name=\"x\"; filename=\"y.dcm\"".into()),
                ("content-type".into(), "application/dicom;transfer-syntax=1.2.840.10008.1.2.1".into()),
            ];
            part
        })
        .collect();
    let guid = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1";
    let quoted = format!("multipart/related; type=\"application/dicom\"; boundary=\"{guid}\"");
    let unquoted = format!("multipart/related; type=application/dicom; boundary={guid}");
    let shapes = [
        ("leading CRLF, quoted", quoted.clone(), [b"\r\n".to_vec(), write(&parts, guid, "\r\n")].concat()),
        ("unquoted", unquoted.clone(), write(&parts, guid, "\r\n")),
        ("LF only", unquoted.clone(), write(&parts, guid, "\n")),
        ("preamble", quoted.clone(), [b"hello\r\n".to_vec(), write(&parts, guid, "\r\n")].concat()),
        ("epilogue", quoted.clone(), [write(&parts, guid, "\r\n"), b"bye\r\n".to_vec()].concat()),
        ("no part types", quoted.clone(), write(&bare, guid, "\r\n")),
        ("dispositions", quoted, write(&disposed, guid, "\r\n")),
        ("no type", format!("multipart/related; boundary={guid}"), write(&parts, guid, "\r\n")),
        (
            "upper case",
            format!("Multipart/Related; TYPE=Application/DICOM; Boundary={guid}"),
            write(&parts, guid, "\r\n"),
        ),
    ];
    for (what, content_type, body) in shapes {
        for framing in [Framing::Length, Framing::Chunked(1), Framing::Chunked(997)] {
            let answer = server.send(post(&content_type, body.clone()).framing(framing));
            assert_eq!(answer.status, 200, "{what}, {framing:?}: {}", answer.text());
            assert_eq!(stored(&answer).len(), 2, "{what}");
        }
    }
}

#[test]
fn a_client_that_expects_100_continue_hears_it() {
    let server = Server::start();
    let answer = server.send(push(&[ct(1)]).expect_continue());
    assert_eq!(answer.status, 200);
}

#[test]
fn two_thousand_parts_in_one_post_each_have_their_outcome() {
    let server = Server::start();
    let instances: Vec<Vec<u8>> = (0..2000).map(ct).collect();
    let answer = server.send(push(&instances).framing(Framing::Chunked(65_536)));
    assert_eq!(answer.status, 200);
    assert_eq!(stored(&answer).len(), 2000);
    let back = server.send(push(&instances).header("Accept", RESPOND));
    let parts = multipart::read(back.header("content-type").unwrap(), &back.body).unwrap();
    let uids: Vec<String> = parts.iter().map(|part| stow::uid(&part.body)).collect();
    assert!(uids == stored(&answer), "both answers name the same instances in the same order");
}

#[test]
fn one_file_a_post_gives_the_same_pseudonyms_as_all_in_one() {
    let server = Server::start();
    let together = stored(&server.send(push(&[ct(1), ct(2)])));
    let apart: Vec<String> =
        [1, 2].iter().flat_map(|number| stored(&server.send(push(&[ct(*number)])))).collect();
    assert_eq!(apart, together);
}

#[test]
fn a_connection_serves_several_requests() {
    let server = Server::start();
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    for _ in 0..3 {
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut head = [0; 15];
        std::io::Read::read_exact(&mut stream, &mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        let mut rest = vec![0; 4096];
        let read = std::io::Read::read(&mut stream, &mut rest).unwrap();
        assert!(rest[..read].ends_with(b"}"));
    }
}

#[test]
fn a_large_answer_is_spooled_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::on(&data, &[], &[("VEILGATE_LIMITS_SPOOL_MEMORY", "64 KiB")]);
    let instances: Vec<Vec<u8>> = (0..20).map(|number| stow::large_ct(number, 300_000)).collect();
    let mut mixed = instances.clone();
    mixed.insert(10, stow::burned_in(99));
    let answer = server.send(push(&mixed).header("Accept", RESPOND));
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    assert_eq!(parts.len(), 20);
    for (part, sent) in parts.iter().zip(&instances) {
        let pixels = |file: &[u8]| support::walk::walk(file).pixels().unwrap().bytes();
        assert!(pixels(&part.body) == pixels(sent), "pixels are untouched");
    }
    assert_eq!(std::fs::read_dir(data.join("spool")).unwrap().count(), 0);
}

#[test]
fn a_late_refusal_cuts_its_bytes_out_of_the_answer() {
    let server = Server::start();
    let mut truncated = stow::large_ct(2, 3_000_000);
    truncated.truncate(2_900_001);
    for accept in [RESPOND, "application/dicom+json"] {
        let answer = server.send(push(&[ct(1), truncated.clone(), ct(3)]).header("Accept", accept));
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("veilgate-stored"), Some("2"));
        if accept == RESPOND {
            let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
            assert_eq!(parts.len(), 2);
            assert!(answer.body.len() < 100_000);
        }
    }
    let staged = walkdir::WalkDir::new(server.data().join("archive")).into_iter().flatten();
    assert_eq!(
        staged.filter(|entry| entry.file_type().is_file()).count(),
        2,
        "nothing of the truncated one stays"
    );
}

#[test]
fn more_parts_than_allowed_are_refused_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_LIMITS_PARTS", "3")]);
    let send =
        |count: u32| server.send(push(&(0..count).map(ct).collect::<Vec<_>>()).header("Accept", RESPOND));
    assert_eq!(send(3).status, 200);
    let refused = send(4);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("at most 3 parts"), "{}", refused.text());
}
