//! PS3.18 10.5 and Annex I over HTTP: what is stored, and the exact shape of the Store Instances Response.
//! Named by the ids of the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use stow::{JSON, RESPOND, burned_in, ct, ct_of_study, failed, items, push, push_parts, stored};
use support::http::{Request, Response};
use support::multipart::{self, Part, write};
use support::server::Server;
use support::walk::{Walked, walk};
use support::{build, samples};

/// The objects that the archive holds.
fn archived(server: &Server) -> Vec<Walked> {
    let found = walkdir::WalkDir::new(server.data().join("archive")).into_iter().flatten();
    let files = found.filter(|entry| entry.file_type().is_file());
    files.map(|entry| walk(&std::fs::read(entry.path()).unwrap())).collect()
}

/// The members of a DICOM JSON object.
fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn metadata(number: u32) -> Value {
    json!({
        "00080016": {"vr": "UI", "Value": [samples::sop::CT]},
        "00080018": {"vr": "UI", "Value": [format!("2.25.7000{number}")]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Rigpatient^Rosa"}]},
        "00100020": {"vr": "LO", "Value": ["RIG-0001"]},
        "0020000D": {"vr": "UI", "Value": ["2.25.71"]},
        "0020000E": {"vr": "UI", "Value": ["2.25.72"]},
        "00280002": {"vr": "US", "Value": [1]},
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280010": {"vr": "US", "Value": [1]},
        "00280011": {"vr": "US", "Value": [3]},
        "00280100": {"vr": "US", "Value": [8]},
        "00280101": {"vr": "US", "Value": [8]},
        "00280102": {"vr": "US", "Value": [7]},
        "00280103": {"vr": "US", "Value": [0]},
        "7FE00010": {"vr": "OB", "BulkDataURI": format!("pixels{number}")},
    })
}

fn octets(location: &str, bytes: &[u8]) -> Part {
    let mut part = Part::new("application/octet-stream", bytes);
    part.headers.push(("Content-Location".to_owned(), location.to_owned()));
    part
}

fn post_json(parts: &[Part]) -> Request {
    Request::new("POST", "/dicom-web/studies")
        .header("Content-Type", &format!("multipart/related; type=\"{JSON}\"; boundary=XX"))
        .body(write(parts, "XX", "\r\n"))
}

#[test]
fn stow_10_metadata_is_one_part_that_holds_an_array() {
    let server = Server::start();
    let part = |value: &Value| Part::new(JSON, serde_json::to_vec(value).unwrap());
    let bulk = || (1..4).map(|number| octets(&format!("pixels{number}"), &[1, 2, 3]));
    let all = json!([metadata(1), metadata(2), metadata(3)]);
    let answer = server.send(post_json(&[part(&all)].into_iter().chain(bulk()).collect::<Vec<_>>()));
    assert_eq!((answer.status, stored(&answer).len()), (200, 3), "{}", answer.text());
    for (what, body) in [("a number", json!(1)), ("a text", json!("x")), ("nothing", json!([]))] {
        let answer = server.send(post_json(&[part(&body)]));
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
}

/// A file that can be read by itself: no fault, File Meta about this instance, tags that ascend, values padded.
fn assert_conforms(file: &Walked) {
    assert_eq!(file.fault, None);
    let syntaxes = [support::syntax::EXPLICIT_LE, support::syntax::JPEG_BASELINE];
    assert!(syntaxes.contains(&file.syntax.as_str()), "{}", file.syntax);
    assert_eq!(file.meta_text((0x0002, 0x0002)), file.text((0x0008, 0x0016)), "class in the File Meta");
    assert_eq!(file.meta_text((0x0002, 0x0003)), file.text((0x0008, 0x0018)), "instance in the File Meta");
    assert_eq!(file.meta_text((0x0002, 0x0010)).as_deref(), Some(file.syntax.as_str()));
    let top: Vec<_> =
        file.leaves.iter().map(|leaf| leaf.path.first().map_or(leaf.tag, |step| step.0)).collect();
    assert!(top.is_sorted(), "tags ascend");
    for uid in [(0x0008, 0x0018), (0x0020, 0x000d), (0x0020, 0x000e)] {
        let uid = file.text(uid).unwrap();
        assert!(uid.starts_with("2.25.") && uid.len() <= 64, "{uid}");
    }
    for leaf in &file.leaves {
        assert_eq!(leaf.bytes().len() % 2, 0, "{} has an odd length", leaf.place());
    }
}

#[test]
fn stow_19_what_is_stored_is_a_file_of_its_own() {
    let server = Server::start();
    let syntaxes =
        [support::syntax::IMPLICIT_LE, support::syntax::EXPLICIT_BE, support::syntax::JPEG_BASELINE];
    let files: Vec<_> = (1..).zip(syntaxes).map(|(number, uid)| samples::ct(uid, number).write()).collect();
    assert_eq!(server.send(push(&files)).status, 200);
    let metadata = Part::new(JSON, serde_json::to_vec(&json!([metadata(7)])).unwrap());
    let answer = server.send(post_json(&[metadata, octets("pixels7", &[1, 2, 3])]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kept = archived(&server);
    assert_eq!(kept.len(), 4);
    kept.iter().for_each(assert_conforms);
}

#[test]
fn stow_17_33_gif_and_png_fail_their_instance_as_a_syntax_that_is_not_supported() {
    let server = Server::start();
    let metadata = Part::new(JSON, serde_json::to_vec(&json!([metadata(1), metadata(2)])).unwrap());
    for media in ["image/png", "image/gif", "image/jls; transfer-syntax=1.2.840.10008.1.2.4.50"] {
        let mut picture = octets("pixels1", b"\x89PNG\r\n");
        picture.headers[0].1 = media.to_owned();
        let answer = server.send(post_json(&[metadata.clone(), picture, octets("pixels2", &[1, 2, 3])]));
        assert_eq!((answer.status, stored(&answer).len()), (202, 1), "{media}");
        assert_eq!(failed(&answer)[0].1, 0xC122, "{media}");
    }
}

#[test]
fn stow_20_no_original_value_is_kept_beside_the_coerced_one() {
    let server = Server::start();
    let original = vec![build::text((0x0010, 0x0020), b"LO", "RIG-0001")];
    let changed = vec![build::sequence((0x0400, 0x0550), build::Length::Defined, vec![original])];
    let mut file = samples::ct(support::syntax::EXPLICIT_LE, 1);
    file.elements.push(build::sequence((0x0400, 0x0561), build::Length::Defined, vec![changed]));
    assert_eq!(server.send(push(&[file.sorted().write()])).status, 200);
    let kept = archived(&server);
    assert_eq!(kept[0].text((0x0012, 0x0062)).as_deref(), Some("YES"));
    assert!(kept[0].leaves.len() > 20, "the rest is there");
    assert!(!kept[0].leaves.iter().any(|leaf| leaf.place().contains("0400,0561")), "no (0400,0561)");
}

#[test]
fn stow_24_200_202_and_409_carry_a_response_in_both_forms() {
    let server = Server::start();
    let xml = "multipart/related; type=\"application/dicom+xml\"";
    for (instances, status) in
        [(vec![ct(1)], 200), (vec![ct(1), burned_in(2)], 202), (vec![burned_in(2)], 409)]
    {
        let answer = server.send(push(&instances).header("Accept", JSON));
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(JSON)));
        assert!(answer.json().get("00081190").is_some(), "{status}");
        let answer = server.send(push(&instances).header("Accept", xml));
        assert_eq!(answer.status, status);
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        let text = String::from_utf8_lossy(&parts[0].body).into_owned();
        assert_eq!(text.contains("tag=\"00081199\""), status != 409, "{text}");
        assert_eq!(text.contains("tag=\"00081198\""), status != 200, "{text}");
        assert!(text.contains("tag=\"00081190\""), "{text}");
    }
}

#[test]
fn stow_27_28_29_33_items_have_exactly_their_attributes_and_one_code() {
    let server = Server::start();
    let parts = [Part::dicom(ct(1)), Part::dicom(burned_in(2)), Part::dicom("junk"), Part::dicom(ct(3))];
    let json = server.send(push_parts(&parts)).json();
    assert_eq!(members(&json), ["00081190", "00081198", "00081199", "0008119A"]);
    for (sequence, count, attributes) in [
        ("00081199", 2, &["00081150", "00081155", "00081190"][..]),
        ("00081198", 1, &["00081150", "00081155", "00081197"]),
        ("0008119A", 1, &["00081197"]),
    ] {
        assert_eq!(json[sequence]["vr"], "SQ");
        let items = items(&json, sequence);
        assert_eq!(items.len(), count, "{sequence}");
        for item in &items {
            assert_eq!(members(item), attributes, "{sequence}");
            for attribute in attributes {
                assert_eq!(item[attribute]["Value"].as_array().unwrap().len(), 1, "one {attribute}");
            }
            assert!(item["00081197"].is_null() || item["00081197"]["vr"] == "US");
        }
    }
    let good = server.send(push(&[ct(1)])).json();
    assert_eq!(members(&good), ["00081190", "00081199"], "no sequence of failures without one");
    let bad = server.send(push(&[burned_in(1)])).json();
    assert_eq!(members(&bad), ["00081190", "00081198"], "no sequence of instances without one");
}

fn location(answer: &Response) -> (Option<&str>, Option<&str>) {
    (answer.header("location"), answer.header("content-location"))
}

#[test]
fn stow_26_35_the_location_is_that_of_the_one_study_that_was_stored() {
    let server = Server::start();
    let one = server.send(push(&[ct(1), ct(2), burned_in(3)]));
    let url = one.json()["00081190"]["Value"][0].as_str().unwrap().to_owned();
    assert!(url.contains("/studies/2.25."), "{url}");
    assert_eq!(location(&one), (Some(url.as_str()), Some(url.as_str())));
    let two = server.send(push(&[ct(1), ct_of_study("2.25.99", 2)]));
    assert_eq!(two.status, 200);
    assert_eq!(two.json()["00081190"], json!({"vr": "UR"}), "two studies have no URL in common");
    assert_eq!(location(&two), (None, None));
    let urls: BTreeSet<_> =
        items(&two.json(), "00081199").iter().map(|item| item["00081190"]["Value"][0].to_string()).collect();
    assert_eq!(urls.len(), 2, "each instance has its own");
    for nothing_kept in
        [server.send(push(&[burned_in(1)])), server.send(push(&[ct(1)]).header("Accept", RESPOND))]
    {
        assert_eq!(location(&nothing_kept), (None, None), "{}", nothing_kept.status);
    }
}

#[test]
fn stow_30_without_the_setting_pseudonymizing_is_no_warning() {
    let server = Server::start();
    let answer = server.send(push(&[ct(1)]));
    assert_eq!((answer.status, answer.header("warning")), (200, None));
    assert!(items(&answer.json(), "00081199")[0].get("00081196").is_none());
}

#[test]
fn stow_31_the_failure_reason_tells_what_is_wrong() {
    let server = Server::start();
    let jpip = samples::ct("1.2.840.10008.1.2.4.94", 2).write();
    let answer =
        server.send(push_parts(&[Part::dicom("junk"), Part::dicom(burned_in(1)), Part::dicom(jpip)]));
    assert_eq!(answer.status, 409);
    let json = answer.json();
    let mut reasons: Vec<_> = ["00081198", "0008119A"]
        .iter()
        .flat_map(|sequence| items(&json, sequence))
        .map(|item| item["00081197"]["Value"][0].as_u64().unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [0x0124, 0xC000, 0xC122]);
}

#[test]
fn stow_32_the_statement_tells_each_code_that_can_come() {
    use veilgate::deid::refusal::FailureReason as Reason;
    let statement = include_str!("../conformance/statement.md");
    let reasons = [
        Reason::OUT_OF_RESOURCES,
        Reason::DOES_NOT_MATCH_SOP_CLASS,
        Reason::OTHER_STUDY,
        Reason::CANNOT_UNDERSTAND,
        Reason::TRANSFER_SYNTAX,
        Reason::PROCESSING_FAILURE,
        Reason::SOP_CLASS,
        Reason::POLICY,
    ];
    for code in reasons.map(|reason| reason.0).into_iter().chain([0xB000]) {
        assert!(statement.contains(&format!("{code:04X}")), "{code:04X}");
    }
}

#[test]
fn stow_38_cap_01_each_resource_that_stores_describes_itself() {
    let server = Server::start();
    for path in ["/dicom-web", "/dicom-web/", "/dicom-web/studies", "/dicom-web/studies/2.25.1"] {
        let answer = server.send(Request::new("OPTIONS", path));
        assert_eq!(answer.status, 200, "{path}");
        let resources = answer.json()["application"]["resources"]["resource"].clone();
        let post = &resources[0]["methods"][0];
        assert_eq!((&post["name"], &resources[0]["path"]), (&json!("POST"), &json!("/studies")), "{path}");
        let takes = post["request"]["representations"].as_array().unwrap();
        assert!(takes.contains(&json!("multipart/related; type=\"application/dicom\"")), "{path}");
    }
}
