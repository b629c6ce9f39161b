//! STOW-RS as the standard has it (PS3.18 10.5): forms of requests, statuses, the Store Instances Response.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use stow::{JSON, RESPOND, burned_in, ct, ct_of_study, failed, items, others, push, push_parts, stored, uid};
use support::http::{Framing, Request};
use support::multipart::{self, Part, parameter};
use support::server::Server;
use support::walk::walk;

#[test]
fn stow_01_21_24_both_paths_take_good_instances_with_200_and_a_response() {
    let server = Server::start();
    for path in ["/dicom-web/studies", "/dicom-web/studies/2.25.71"] {
        let mut request = push(&[ct(1), ct(2), ct(3)]);
        request.target = path.to_owned();
        let answer = server.send(request.header("Accept", JSON));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some(JSON));
        assert_eq!(stored(&answer).len(), 3);
        assert_eq!(items(&answer.json(), "00081198").len() + others(&answer).len(), 0);
    }
}

#[test]
fn stow_02_an_instance_of_another_study_fails_alone() {
    let server = Server::start();
    let to_study = |instances: &[Vec<u8>]| {
        let mut request = push(instances);
        request.target = "/dicom-web/studies/2.25.71".to_owned();
        server.send(request)
    };
    let some = to_study(&[ct(1), ct_of_study("2.25.99", 2)]);
    assert_eq!(some.status, 202);
    assert_eq!(stored(&some).len(), 1);
    assert_eq!(failed(&some).iter().map(|it| it.1).collect::<Vec<_>>(), [0xA901]);
    let none = to_study(&[ct_of_study("2.25.99", 2)]);
    assert_eq!((none.status, stored(&none).len()), (409, 0));
    assert!(
        !some.text().contains("2.25.99") && !none.text().contains("2.25.71"),
        "original UIDs are not told"
    );
}

#[test]
fn stow_03_http_02_unknown_query_parameters_are_ignored() {
    let server = Server::start();
    let mut request = push(&[ct(1)]);
    for query in ["?x=1", "?", "?transferSyntax=1.2&anonymize=no"] {
        request.target = format!("/dicom-web/studies{query}");
        assert_eq!(server.send(request.clone()).status, 200, "{query}");
    }
}

#[test]
fn stow_06_a_single_instance_may_be_the_body() {
    let server = Server::start();
    let request =
        Request::new("POST", "/dicom-web/studies").header("Content-Type", "Application/DICOM").body(ct(1));
    let answer = server.send(request);
    assert_eq!((answer.status, stored(&answer).len()), (200, 1));
}

#[test]
fn stow_07_other_media_types_get_415_and_hear_what_would_do() {
    let server = Server::start();
    let types = [
        "text/plain",
        "multipart/form-data; boundary=XX",
        "multipart/related; type=\"text/html\"; boundary=XX",
        "not a type",
    ];
    for content_type in types {
        let answer = server
            .send(Request::new("POST", "/dicom-web/studies").header("Content-Type", content_type).body("x"));
        assert_eq!(answer.status, 415, "{content_type}");
        assert!(answer.text().contains("application/dicom"), "{}", answer.text());
    }
    assert_eq!(
        server.send(Request::new("POST", "/dicom-web/studies").body("x")).status,
        415,
        "no Content-Type"
    );
    let packed = push(&[ct(1)]).header("Content-Encoding", "gzip");
    assert_eq!(server.send(packed).status, 415, "a coded body is refused, not misread");
}

#[test]
fn stow_08_what_is_no_multipart_body_gets_400() {
    let server = Server::start();
    let good = push(&[ct(1), ct(2)]).body;
    let cut = good[..good.len() - 20].to_vec();
    for (what, body) in [
        ("empty", Vec::new()),
        ("cut", cut),
        ("no part", b"--XX--\r\n".to_vec()),
        ("other", b"hello".to_vec()),
    ] {
        let mut request = push(&[]);
        request.body = body;
        let answer = server.send(request);
        assert_eq!(answer.status, 400, "{what}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    let empty = Request::new("POST", "/dicom-web/studies").header("Content-Type", "application/dicom");
    assert_eq!(server.send(empty).status, 400);
}

#[test]
fn stow_09_two_files_in_one_part_are_not_stored_as_one() {
    let server = Server::start();
    let answer = server.send(push(&[[ct(1), ct(2)].concat()]));
    assert_eq!(answer.status, 409, "{}", answer.text());
}

#[test]
fn stow_22_some_stored_is_202_and_each_instance_has_its_own_outcome_in_order() {
    let server = Server::start();
    let junk = Part::dicom("no DICOM at all");
    let html = Part::new("text/html", "<p>");
    let parts = [Part::dicom(ct(1)), junk, Part::dicom(burned_in(2)), html, Part::dicom(ct(3))];
    let answer = server.send(push_parts(&parts));
    assert_eq!(answer.status, 202);
    let good: Vec<String> = [1, 3].iter().map(|number| pseudonym(&server, &ct(*number))).collect();
    assert_eq!(stored(&answer), good, "stored instances in the order sent, by pseudonymous UID");
    assert_eq!(failed(&answer), [(pseudonym_of_burned_in(&answer), 0x0124)]);
    assert_eq!(others(&answer), [0xC000, 0xC000]);
    assert_eq!((answer.header("veilgate-stored"), answer.header("veilgate-refused")), (Some("2"), Some("3")));
    let warnings = answer.headers.iter().filter(|header| header.0 == "warning").count();
    assert_eq!(warnings, 3, "each failure in words (STOW-34)");
    assert!(
        answer.headers.iter().any(|header| header.1.contains("(0028,0301)")),
        "the refusal names its tag"
    );
}

/// The UID under which the server gives an instance back.
fn pseudonym(server: &Server, instance: &[u8]) -> String {
    let answer = server.send(push(&[instance.to_vec()]).header("Accept", RESPOND));
    uid(&multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap()[0].body)
}

fn pseudonym_of_burned_in(answer: &support::http::Response) -> String {
    let uid = failed(answer)[0].0.clone();
    assert!(uid.starts_with("2.25.") && uid != "2.25.70002", "{uid}");
    uid
}

#[test]
fn stow_23_nothing_stored_is_409_with_a_response() {
    let server = Server::start();
    for accept in [JSON, RESPOND, "application/zip"] {
        let answer = server.send(push(&[b"junk".to_vec(), burned_in(1)]).header("Accept", accept));
        assert_eq!(answer.status, 409, "{accept}");
        assert_eq!(answer.header("content-type"), Some(JSON), "{accept}");
        assert_eq!((failed(&answer).len(), others(&answer).len()), (1, 1));
    }
}

#[test]
fn stow_25_the_response_comes_in_xml_when_asked() {
    let server = Server::start();
    let answer =
        server.send(push(&[ct(1)]).header("Accept", "multipart/related; type=\"application/dicom+xml\""));
    let content_type = answer.header("content-type").unwrap();
    assert_eq!(parameter(content_type, "type").as_deref(), Some("application/dicom+xml"));
    let parts = multipart::read(content_type, &answer.body).unwrap();
    assert_eq!(parts.len(), 1);
    assert!(String::from_utf8_lossy(&parts[0].body).contains("ReferencedSOPSequence"));
}

#[test]
fn stow_26_27_35_links_stand_under_the_public_base_and_name_pseudonyms() {
    let base = "https://pacs.example.org/dicom-web";
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_PUBLIC_BASE_URL", base)]);
    let answer = server.send(push(&[ct(1), ct(2)]));
    let json = answer.json();
    let study = json["00081190"]["Value"][0].as_str().unwrap().to_owned();
    assert!(study.starts_with(&format!("{base}/studies/2.25.")) && !study.ends_with("/2.25.71"), "{study}");
    assert_eq!(answer.header("location"), Some(study.as_str()));
    assert_eq!(answer.header("content-location"), Some(study.as_str()));
    for item in items(&json, "00081199") {
        let url = item["00081190"]["Value"][0].as_str().unwrap();
        assert!(url.starts_with(&format!("{study}/series/2.25.")), "{url}");
        assert!(url.ends_with(item["00081155"]["Value"][0].as_str().unwrap()));
    }
}

#[test]
fn what_lies_in_the_archive_while_pulls_come_from_elsewhere_has_no_retrieve_url() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("VEILGATE_ORIGIN", "downstream"), ("VEILGATE_DOWNSTREAM_URL", "http://127.0.0.1:1/dicom-web")];
    let server = Server::on(&folder.path().join("data"), &[], &settings);
    let answer = server.send(push(&[ct(1)]));
    assert_eq!((answer.status, stored(&answer).len()), (200, 1), "{}", answer.text());
    let json = answer.json();
    for url in [&json["00081190"], &items(&json, "00081199")[0]["00081190"]] {
        assert_eq!(*url, serde_json::json!({"vr": "UR"}));
    }
    assert_eq!((answer.header("location"), answer.header("content-location")), (None, None));
}

#[test]
fn stow_30_coercion_is_reported_as_b000_where_the_setting_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_STORE_WARNING", "true")]);
    let answer = server.send(push(&[ct(1)]));
    assert_eq!(answer.status, 202);
    assert_eq!(items(&answer.json(), "00081199")[0]["00081196"]["Value"][0], 45056);
}

#[test]
fn stow_20_http_24_what_comes_back_is_pseudonymized_explicit_little_endian_in_the_order_sent() {
    let server = Server::start();
    let implicit = support::samples::ct(support::syntax::IMPLICIT_LE, 9).write();
    let answer = server.send(push(&[ct(2), implicit, ct(1)]).header("Accept", RESPOND));
    assert_eq!(answer.status, 200);
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    assert_eq!(parts.len(), 3);
    for (part, number) in parts.iter().zip(["2", "9", "1"]) {
        let file = walk(&part.body);
        assert_eq!(file.fault, None);
        assert_eq!(file.text((0x0020, 0x0013)).as_deref(), Some(number), "the order sent");
        assert_eq!(file.syntax, support::syntax::EXPLICIT_LE);
        assert_eq!(
            part.header("content-type"),
            Some("application/dicom; transfer-syntax=1.2.840.10008.1.2.1")
        );
        assert_eq!(part.header("content-length"), Some(part.body.len().to_string().as_str()));
        assert_eq!(file.text((0x0012, 0x0062)).as_deref(), Some("YES"));
        for planted in [&b"Rigpatient"[..], b"RIG-0001", b"2.25.71\0"] {
            assert_eq!(multipart::find(&part.body, planted), None, "{}", String::from_utf8_lossy(planted));
        }
    }
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
}

#[test]
fn a_response_with_refusals_is_202_and_carries_the_reasons_where_the_client_can_read_them() {
    let server = Server::start();
    let instances = [ct(1), burned_in(2), ct(3)];
    let both = format!("{RESPOND}, application/dicom+json");
    for (accept, manifest) in [(RESPOND, false), (both.as_str(), true)] {
        let answer = server.send(push(&instances).header("Accept", accept));
        assert_eq!(answer.status, 202);
        assert_eq!(
            (answer.header("veilgate-stored"), answer.header("veilgate-refused")),
            (Some("2"), Some("1"))
        );
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        assert_eq!(parts.len(), if manifest { 3 } else { 2 });
        if manifest {
            assert_eq!(parts[2].header("content-type"), Some(JSON));
            let json: serde_json::Value = serde_json::from_slice(&parts[2].body).unwrap();
            assert_eq!((items(&json, "00081199").len(), items(&json, "00081198").len()), (2, 1));
        }
    }
}

#[test]
fn a_zip_holds_the_instances_and_a_manifest_only_of_failures() {
    let server = Server::start();
    for (instances, entries) in [(vec![ct(1), ct(2)], 2), (vec![ct(1), burned_in(2), ct(1)], 3)] {
        let answer = server.send(push(&instances).header("Accept", "application/zip"));
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(answer.body)).unwrap();
        assert_eq!(zip.len(), entries);
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            assert!(bytes.starts_with(b"{") || walk(&bytes).fault.is_none());
        }
    }
}

#[test]
fn stow_36_the_same_instance_again_is_a_success_with_the_same_uid() {
    let server = Server::start();
    let uids: Vec<_> = (0..3).map(|_| stored(&server.send(push(&[ct(1), ct(1)])))).collect();
    assert_eq!(uids[0].len(), 2);
    assert!(uids.iter().flatten().all(|uid| *uid == uids[0][0]));
    let objects = walkdir::WalkDir::new(server.data().join("archive")).into_iter().flatten();
    assert_eq!(objects.filter(|entry| entry.file_type().is_file()).count(), 1, "never two copies");
}

#[test]
fn stow_37_http_15_a_body_over_the_limit_gets_413_with_and_without_a_length() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_LIMITS_REQUEST", "100 KiB")]);
    for framing in [Framing::Length, Framing::Chunked(8000)] {
        let answer = server.send(push(&[stow::large_ct(1, 1 << 20)]).framing(framing));
        assert_eq!(answer.status, 413, "{framing:?}");
        assert!(answer.text().contains("102400"), "the limit is told");
    }
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
}

#[test]
fn an_instance_over_its_limit_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &[("VEILGATE_LIMITS_INSTANCE", "100 KiB")]);
    let answer = server.send(push(&[stow::large_ct(1, 1 << 20), ct(2)]));
    assert_eq!((answer.status, stored(&answer).len(), others(&answer)), (202, 1, vec![0xA700]));
}

#[test]
fn acc_03_04_06_07_08_the_answer_follows_accept_and_its_query_parameter() {
    let server = Server::start();
    let zip_first = format!("{RESPOND};q=0.5, application/zip");
    for (accept, query, status, content_type) in [
        ("*/*", "", 200, JSON),
        ("application/json, text/plain, */*", "", 200, JSON),
        ("garbage, application/dicom+json", "", 200, JSON),
        (zip_first.as_str(), "", 200, "application/zip"),
        ("*/*", "?accept=application/zip", 200, "application/zip"),
        ("application/dicom+json", "?accept=application/zip", 200, JSON),
        ("image/png", "", 406, "application/problem+json"),
        ("application/dicom+json;q=0", "", 406, "application/problem+json"),
        ("application/dicom, image/jpeg", "", 400, "application/problem+json"),
    ] {
        let mut request = push(&[ct(1)]).header("Accept", accept);
        request.target += query;
        let answer = server.send(request);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some(content_type)),
            "{accept} {query}"
        );
    }
    let answer = server.send(push(&[ct(1)]).header("Accept", "image/png"));
    assert!(answer.text().contains("application/dicom+json"), "406 names what would do");
}
