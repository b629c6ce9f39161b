//! Metadata (PS3.18 10.4.1.1.2): levels, forms, completeness, references to bulk data.

use super::{get, lenient, parts, put};
use crate::stow::ct;
use crate::support::http::Request;
use crate::support::server::Server;
use crate::support::{files, samples, walk};
use serde_json::Value;

const JSON: &str = "application/dicom+json";

#[test]
fn meta_01_02_wado_14_every_level_gives_an_array_with_an_object_an_instance() {
    let server = Server::start();
    let pushed = [put(&server, &ct(1)), put(&server, &ct(2))];
    for (target, count) in [(pushed[0].study(), 2), (pushed[0].series(), 2), (&*pushed[0].path, 1)] {
        let answer = get(&server, &format!("{target}/metadata"), JSON);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)));
        assert_eq!(answer.json().as_array().unwrap().len(), count, "{target}");
    }
    assert_eq!(get(&server, "/dicom-web/studies/1.2.3/metadata", JSON).status, 404);
}

#[test]
fn meta_04_06_07_all_attributes_are_there_and_no_group_2_and_no_group_lengths() {
    let server = lenient();
    for name in [
        "CT_small.dcm",
        "chrGreek.dcm",
        "examples_palette.dcm",
        "waveform_ecg.dcm",
        "rtdose.dcm",
        "MR_small_RLE.dcm",
    ] {
        let one = put(&server, &files::fixture(name));
        let answer = get(&server, &format!("{}/metadata", one.path), JSON);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let object = answer.json()[0].as_object().unwrap().clone();
        let mut expected: Vec<String> = walk::walk(&one.file)
            .leaves
            .iter()
            .filter(|leaf| leaf.path.is_empty() && leaf.tag.1 != 0)
            .map(|leaf| leaf.tag)
            .map(|(group, element)| format!("{group:04X}{element:04X}"))
            .collect();
        expected.push("00083002".to_owned());
        expected.sort();
        expected.dedup();
        let found: Vec<String> = object.keys().cloned().collect();
        let missing: Vec<_> = expected.iter().filter(|tag| !found.contains(tag)).collect();
        let extra: Vec<_> = found.iter().filter(|tag| !expected.contains(tag)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:?}, extra {extra:?}");
    }
}

#[test]
fn meta_08_bulk_01_03_wado_14_every_reference_can_be_followed_and_stands_under_the_public_url() {
    let server = lenient();
    for name in ["CT_small.dcm", "examples_palette.dcm", "waveform_ecg.dcm", "MR_small_RLE.dcm"] {
        let one = put(&server, &files::fixture(name));
        let mut uris = Vec::new();
        references(&get(&server, &format!("{}/metadata", one.path), JSON).json(), &mut uris);
        assert!(!uris.is_empty(), "{name}");
        for uri in uris {
            let target = uri.strip_prefix(&server.url).unwrap();
            assert!(!target.contains('?'), "viewers append to it");
            let any = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
            let answer = get(&server, target, any);
            assert_eq!(answer.status, 200, "{name} {target}: {}", answer.text());
            assert_eq!(parts(&answer)[0].header("content-location"), Some(&*uri), "bulk_03");
        }
    }
}

fn references(value: &Value, uris: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, uris)),
        Value::Object(members) => {
            uris.extend(members.get("BulkDataURI").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| references(value, uris));
        }
        _ => {}
    }
}

#[test]
fn acc_18_20_21_json_01_texts_are_utf_8_whatever_they_were_stored_in() {
    let server = lenient();
    let one = put(&server, &files::fixture("chrGreek.dcm"));
    let answer = get(&server, &format!("{}/metadata", one.path), JSON);
    assert!(std::str::from_utf8(&answer.body).is_ok());
    assert_eq!(answer.json()[0]["00080005"]["Value"][0], "ISO_IR 192");
    let other = Request::new("GET", &format!("{}/metadata?charset=ISO-8859-7", one.path));
    let other = server.send(other.header("Accept", JSON).header("Accept-Charset", "ISO-8859-7"));
    assert_eq!(other.json(), answer.json(), "acc_18, acc_20: no other is made");
}

#[test]
fn acc_09_what_viewers_and_clients_accept_gives_json() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    for accept in [
        "*/*",
        "application/json",
        "application/dicom+json, application/json",
        "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*",
    ] {
        let answer = get(&server, &format!("{}/metadata", one.series()), accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{accept}");
    }
    let bare = server.send(Request::new("GET", &format!("{}/metadata", one.series())));
    assert_eq!(bare.status, 200);
    assert_eq!(get(&server, &format!("{}/metadata", one.series()), "image/png").status, 406);
}

#[test]
fn meta_03_xml_01_xml_comes_one_document_a_part() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    put(&server, &ct(2));
    let accept = "multipart/related; type=\"application/dicom+xml\"";
    let answer = get(&server, &format!("{}/metadata", one.series()), accept);
    assert!(answer.header("content-type").unwrap().starts_with(accept));
    let parts = parts(&answer);
    assert_eq!(parts.len(), 2);
    let text = String::from_utf8(parts[0].body.clone()).unwrap();
    assert!(
        text.starts_with("<?xml") && text.contains("<NativeDicomModel") && text.contains("<BulkData uri=\""),
        "{text}"
    );
    assert_eq!(parts[0].header("content-type"), Some("application/dicom+xml"));
}

#[test]
fn c_09_numbers_that_viewers_compute_with_are_numbers() {
    let server = Server::start();
    let one = put(&server, &samples::ct(crate::support::syntax::EXPLICIT_LE, 1).write());
    let object = get(&server, &format!("{}/metadata", one.path), JSON).json()[0].clone();
    for tag in ["00280010", "00280011", "00280100", "00280101", "00280102", "00280103", "00280002"] {
        assert!(object[tag]["Value"][0].is_number(), "{tag}: {}", object[tag]);
    }
    assert_eq!(object["00083002"]["Value"][0], "1.2.840.10008.1.2.1");
    assert!(object["7FE00010"]["BulkDataURI"].is_string(), "c_10");
}
