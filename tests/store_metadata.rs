//! Store requests as metadata and bulk data (PS3.18 10.5.1.4), in DICOM JSON and XML.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use serde_json::{Value, json};
use stow::{RESPOND, failed, others, stored};
use support::http::{Request, Response};
use support::multipart::{self, Part, write};
use support::server::Server;
use support::walk::{Content, Walked, walk};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// Metadata of a CT instance whose pixels are 2 × 2 of 16 bits, at `uri`.
fn metadata(number: u32, uri: &str) -> Value {
    json!({
        "00080016": {"vr": "UI", "Value": [CT]},
        "00080018": {"vr": "UI", "Value": [format!("2.25.7000{number}")]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Rigpatient^Rosa"}]},
        "00100020": {"vr": "LO", "Value": ["RIG-0001"]},
        "0020000D": {"vr": "UI", "Value": ["2.25.71"]},
        "0020000E": {"vr": "UI", "Value": ["2.25.72"]},
        "00200013": {"vr": "IS", "Value": [number]},
        "00280002": {"vr": "US", "Value": [1]},
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280010": {"vr": "US", "Value": [2]},
        "00280011": {"vr": "US", "Value": [2]},
        "00280100": {"vr": "US", "Value": [16]},
        "00280101": {"vr": "US", "Value": [16]},
        "00280102": {"vr": "US", "Value": [15]},
        "00280103": {"vr": "US", "Value": [0]},
        "7FE00010": {"vr": "OW", "BulkDataURI": uri},
    })
}

fn bulk(location: &str, media: &str, bytes: &[u8]) -> Part {
    let mut part = Part::new(media, bytes);
    part.headers.push(("Content-Location".to_owned(), location.to_owned()));
    part
}

fn octets(location: &str, bytes: &[u8]) -> Part {
    bulk(location, "application/octet-stream", bytes)
}

fn json_part(instances: &[Value]) -> Part {
    Part::new("application/dicom+json", serde_json::to_vec(instances).unwrap())
}

fn post(root: &str, parts: &[Part]) -> Request {
    Request::new("POST", "/dicom-web/studies")
        .header("Content-Type", &format!("multipart/related; type=\"{root}\"; boundary=XX"))
        .body(write(parts, "XX", "\r\n"))
}

fn post_json(parts: &[Part]) -> Request {
    post("application/dicom+json", parts)
}

/// The instances that come back.
fn back(answer: &Response) -> Vec<Walked> {
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    parts.iter().map(|part| walk(&part.body)).collect()
}

#[test]
fn stow_04_10_13_14_an_array_of_instances_is_joined_with_its_bulk_data() {
    let server = Server::start();
    let parts = [
        json_part(&[metadata(1, "one"), metadata(2, "http://client/bulk/two")]),
        octets("http://client/bulk/two", &[8, 7, 6, 5, 4, 3, 2, 1]),
        octets("one", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ];
    let answer = server.send(post_json(&parts).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let instances = back(&answer);
    assert_eq!(instances[0].pixels().unwrap().bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(instances[1].pixels().unwrap().bytes(), [8, 7, 6, 5, 4, 3, 2, 1]);
    for instance in &instances {
        assert_eq!(instance.fault, None);
        assert_ne!(instance.text((0x0010, 0x0010)).as_deref(), Some("Rigpatient^Rosa"));
    }
}

#[test]
fn http_22_bulk_data_before_its_metadata_is_joined_all_the_same() {
    let server = Server::start();
    let parts = [octets("one", &[1; 8]), json_part(&[metadata(1, "one")])];
    assert_eq!(server.send(post_json(&parts)).status, 200);
}

#[test]
fn the_json_form_gives_the_pseudonyms_of_the_file_form() {
    let server = Server::start();
    let json = stored(&server.send(post_json(&[json_part(&[metadata(1, "one")]), octets("one", &[1; 8])])));
    let file = stored(&server.send(stow::push(&[stow::ct(1)])));
    assert_eq!(json, file);
}

#[test]
fn stow_13_an_unresolved_uri_fails_its_instance_only_and_by_name() {
    let server = Server::start();
    let parts = [json_part(&[metadata(1, "nowhere"), metadata(2, "two")]), octets("two", &[1; 8])];
    let answer = server.send(post_json(&parts));
    assert_eq!(answer.status, 202);
    let good = stored(&server.send(stow::push(&[stow::ct(1), stow::ct(2)])));
    assert_eq!(failed(&answer), [(good[0].clone(), 0xC000)]);
    assert_eq!(stored(&answer), [good[1].clone()]);
}

#[test]
fn stow_12_file_meta_in_the_metadata_is_not_taken_over() {
    let server = Server::start();
    let mut set = metadata(1, "one");
    set["00020010"] = json!({"vr": "UI", "Value": ["1.2.840.10008.1.2.4.90"]});
    set["00020016"] = json!({"vr": "AE", "Value": ["RIGPATIENT"]});
    let answer =
        server.send(post_json(&[json_part(&[set]), octets("one", &[1; 8])]).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let instance = &back(&answer)[0];
    assert_eq!(instance.syntax, support::syntax::EXPLICIT_LE);
    assert!(multipart::find(&answer.body, b"RIGPATIENT").is_none());
}

#[test]
fn stow_15_frames_become_fragments_in_order() {
    let server = Server::start();
    let mut set = metadata(1, "frames");
    set["00280008"] = json!({"vr": "IS", "Value": [3]});
    set["7FE00010"]["vr"] = json!("OB");
    let media = "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80";
    let frames: [&[u8]; 3] =
        [b"\xFF\xD8\xFF\xDA\0\x02first", b"\xFF\xD8\xFF\xDA\0\x02second!", b"\xFF\xD8\xFF\xDA\0\x02third"];
    let mut parts = vec![json_part(&[set])];
    parts.extend(frames.iter().map(|frame| bulk("frames", media, frame)));
    let answer = server.send(post_json(&parts).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let instance = &back(&answer)[0];
    assert_eq!(instance.syntax, "1.2.840.10008.1.2.4.80");
    let Content::Fragments(fragments) = &instance.pixels().unwrap().content else { panic!("no fragments") };
    assert_eq!(fragments.len(), 4, "offset table and three frames");
    for (fragment, frame) in fragments[1..].iter().zip(frames) {
        assert!(fragment.starts_with(frame));
    }
}

#[test]
fn stow_11_an_xml_document_a_part_is_an_instance() {
    let server = Server::start();
    let attribute = |tag: &str, vr: &str, value: &str| {
        format!(
            "<DicomAttribute tag=\"{tag}\" vr=\"{vr}\"><Value number=\"1\">{value}</Value></DicomAttribute>"
        )
    };
    let document = |number: u32| {
        let inner = [
            attribute("00080016", "UI", CT),
            attribute("00080018", "UI", &format!("2.25.7000{number}")),
            attribute("00080060", "CS", "CT"),
            attribute("00100020", "LO", "RIG-0001"),
            attribute("0020000D", "UI", "2.25.71"),
            attribute("0020000E", "UI", "2.25.72"),
            attribute("00280002", "US", "1"),
            attribute("00280004", "CS", "MONOCHROME2"),
            attribute("00280010", "US", "2"),
            attribute("00280011", "US", "2"),
            attribute("00280100", "US", "16"),
            attribute("00280101", "US", "16"),
            attribute("00280102", "US", "15"),
            attribute("00280103", "US", "0"),
            format!(
                "<DicomAttribute tag=\"7FE00010\" vr=\"OW\"><BulkData uri=\"b{number}\"/></DicomAttribute>"
            ),
        ];
        let text = format!(
            "<?xml version=\"1.0\"?><NativeDicomModel xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\">{}</NativeDicomModel>",
            inner.concat()
        );
        Part::new("application/dicom+xml", text)
    };
    let parts = [document(1), document(2), octets("b1", &[1; 8]), octets("b2", &[2; 8])];
    let answer = server.send(post("application/dicom+xml", &parts));
    assert_eq!(answer.status, 200, "{:?}", answer.header("warning"));
    assert_eq!(stored(&answer), stored(&server.send(stow::push(&[stow::ct(1), stow::ct(2)]))));
}

#[test]
fn metadata_that_cannot_be_read_is_400_and_a_bad_instance_in_it_fails_alone() {
    let server = Server::start();
    for parts in [vec![Part::new("application/dicom+json", "[{")], vec![octets("one", &[1; 8])]] {
        let answer = server.send(post_json(&parts));
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    let mut bad = metadata(1, "one");
    bad["00100010"] = json!({"Value": ["Rigpatient"]});
    let answer = server.send(post_json(&[json_part(&[bad, metadata(2, "one")]), octets("one", &[1; 8])]));
    assert_eq!((answer.status, stored(&answer).len()), (202, 1), "{}", answer.text());
    assert_eq!(failed(&answer).len() + others(&answer).len(), 1);
    assert!(!format!("{:?}", answer.headers).contains("Rigpatient"));
}

#[test]
fn what_is_held_to_be_joined_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_LIMITS_METADATA", "64 KiB")]);
    let answer = server.send(post_json(&[json_part(&[metadata(1, "one")]), octets("one", &[0; 100_000])]));
    assert_eq!(answer.status, 413);
    let many: Vec<Part> = (0..200).map(|number| octets(&number.to_string(), b"")).collect();
    assert_eq!(server.send(post_json(&many)).status, 413, "empty parts count too");
}
