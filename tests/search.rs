//! Search over HTTP as the standard has it (PS3.18 10.6): routes, forms, keys, answers, headers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod searched;
mod stow;
mod support;

use searched::{names, start, value};
use serde_json::{Value, json};
use stow::JSON;
use support::http::Request;
use support::multipart;

#[test]
fn qido_01_12_each_resource_is_searched_at_its_level() {
    let rig = start();
    let study = value(&rig.large_study(), "0020000D");
    let series = rig.found(&format!("/studies/{study}/series?Modality=CT"));
    let series = value(&series[0], "0020000E");
    for (target, count) in [
        ("/studies".to_owned(), 3),
        ("/series".to_owned(), 4),
        ("/instances".to_owned(), 6),
        (format!("/studies/{study}/series"), 2),
        (format!("/studies/{study}/instances"), 4),
        (format!("/studies/{study}/series/{series}/instances"), 3),
        (format!("/series?StudyInstanceUID={study}"), 2),
        (format!("/instances?SeriesInstanceUID={series}&InstanceNumber=2"), 1),
        (format!("/instances?StudyInstanceUID={study}&Modality=MR"), 1),
        (format!("/studies/{study}/instances?Modality=CT"), 3),
        ("/studies/1.2.3/series".to_owned(), 0),
        (format!("/studies/1.2.3/series/{series}/instances"), 0),
    ] {
        assert_eq!(rig.found(&target).len(), count, "{target}");
    }
    assert_eq!(rig.ask("/studies/1.2.x/series", JSON).status, 400);
}

#[test]
fn qido_02_acc_04_results_come_in_the_form_that_is_asked_for() {
    let rig = start();
    for (accept, content_type) in [
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/dicom+json, application/json", JSON),
        ("application/json", JSON),
        ("application/dicom+xml;q=0.1, application/dicom+json", JSON),
    ] {
        let answer = rig.ask("/studies", accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{accept}");
        assert_eq!(answer.json().as_array().unwrap().len(), 3);
    }
    let bare = rig.server.send(Request::new("GET", "/dicom-web/studies"));
    assert_eq!((bare.status, bare.header("content-type")), (200, Some(JSON)));
    let asked = rig.ask("/studies?accept=application/dicom%2Bxml", "*/*");
    assert!(
        asked
            .header("content-type")
            .unwrap()
            .starts_with("multipart/related; type=\"application/dicom+xml\"")
    );
    for (target, accept, status) in [
        ("/studies", "image/png", 406),
        ("/studies", "application/dicom, image/jpeg", 400),
        ("/studies?accept=x", "*/*", 400),
    ] {
        assert_eq!(rig.ask(target, accept).status, status, "{target} {accept}");
    }
}

#[test]
fn xml_01_qido_02_each_result_is_a_document_of_its_own() {
    let rig = start();
    for accept in ["multipart/related; type=\"application/dicom+xml\"", "application/dicom+xml"] {
        let answer = rig.ask("/studies?includefield=all", accept);
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        assert_eq!(parts.len(), 3);
        for part in parts {
            assert_eq!(part.header("content-type"), Some("application/dicom+xml"));
            let document = String::from_utf8(part.body).unwrap();
            for inside in [
                "<NativeDicomModel",
                "keyword=\"StudyInstanceUID\"",
                "<PersonName number=\"1\"><Alphabetic>",
                "keyword=\"RetrieveURL\"",
            ] {
                assert!(document.contains(inside), "{inside} in {document}");
            }
        }
        let none = rig.ask("/studies?PatientID=nobody", accept);
        assert_eq!((none.status, none.body.len()), (204, 0), "no part, no multipart");
    }
}

#[test]
fn qido_03_no_match_is_an_empty_array() {
    let rig = start();
    for target in [
        "/studies?PatientID=nobody",
        "/studies?offset=3",
        "/instances?offset=99999999",
        "/series?StudyInstanceUID=1.2",
    ] {
        let answer = rig.ask(target, JSON);
        assert_eq!((answer.status, answer.text().as_str()), (200, "[]"), "{target}");
        assert_eq!((answer.header("content-type"), answer.header("warning")), (Some(JSON), None));
    }
}

#[test]
fn qido_04_35_what_cannot_be_served_is_400_with_the_name_and_never_the_value() {
    let rig = start();
    for (target, name) in [
        ("/studies?StudyDate=SECRET", "StudyDate"),
        ("/studies?00100020=SECRET&PatientID=SECRET", "PatientID"),
        ("/studies?limit=SECRET", "limit"),
        ("/studies?SeriesNumber=7777", "SeriesNumber"),
        ("/instances?RequestAttributesSequence.Foo=SECRET", "RequestAttributesSequence.Foo"),
        ("/studies?PatientName=%FFSECRET", "PatientName"),
        ("/studies?fuzzymatching=SECRET", "fuzzymatching"),
    ] {
        let answer = rig.ask(target, JSON);
        assert_eq!(answer.status, 400, "{target}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(name), "{detail}");
        let told = format!("{:?} {}", answer.headers, answer.text());
        assert!(!told.contains("SECRET") && !told.contains("7777"), "{told}");
    }
}

#[test]
fn http_02_03_04_unknown_parameters_and_a_bare_question_mark_change_nothing() {
    let rig = start();
    let whole = rig.found("/studies");
    for target in
        ["/studies?", "/studies?foo=bar", "/studies?patientid=x", "/studies?charset=utf-8", "/studies?&&"]
    {
        assert_eq!(rig.found(target), whole, "{target}");
    }
    let told = rig.ask("/studies?foo=bar", JSON);
    assert!(told.header("warning").unwrap().starts_with("299 https://gateway.example.org/dicom-web: "));
}

#[test]
fn qido_21_22_23_20_what_is_not_supported_is_told_in_a_warning() {
    let rig = start();
    for (target, word) in [
        ("/studies?emptyvaluematching=true", "emptyvaluematching"),
        ("/studies?multiplevaluematching=true", "multiplevaluematching"),
        ("/studies?00080201=%2B0100&StudyTime=10-", "TimezoneOffsetFromUTC"),
    ] {
        let answer = rig.ask(target, JSON);
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.header("warning").unwrap().contains(word), "{target}");
    }
    assert_eq!(rig.ask("/studies?fuzzymatching=true", JSON).header("warning"), None);
}

#[test]
fn qido_26_27_28_pages_follow_each_other_and_tell_what_is_left() {
    let rig = start();
    let whole = rig.found("/instances");
    let mut paged = Vec::new();
    for offset in 0..6 {
        let answer = rig.ask(&format!("/instances?limit=1&offset={offset}"), JSON);
        let left = 5 - offset;
        let expected = format!(
            "299 https://gateway.example.org/dicom-web: There are {left} additional results that can be requested"
        );
        assert_eq!(answer.header("warning"), Some(expected.as_str()).filter(|_| left > 0));
        paged.extend(answer.json().as_array().unwrap().clone());
    }
    assert_eq!(paged, whole);
    assert_eq!(rig.found("/instances?limit=0"), Vec::<Value>::new());
}

#[test]
fn qido_29_c05_a_study_has_all_that_is_required_and_viewers_need() {
    let rig = start();
    let study = rig.large_study();
    let required = [
        "00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030",
        "00100040", "0020000D", "00200010", "00201206", "00201208", "00080056", "00081190",
    ];
    for tag in required {
        assert!(study[tag]["vr"].is_string(), "{tag} in {study}");
    }
    assert_eq!(study["00080061"], json!({"vr": "CS", "Value": ["CT", "MR"]}));
    assert_eq!((value(&study, "00201206"), value(&study, "00201208")), ("2".into(), "4".into()));
    assert_eq!(study["00080050"], json!({"vr": "SH"}), "emptied by the profile");
    assert!(study["00080020"]["Value"][0].is_string());
    let mut sorted = names(&study);
    sorted.sort();
    assert_eq!(names(&study), sorted, "JSON-03: ascending");
    assert!(names(&study).iter().all(|name| name.len() == 8 && *name == name.to_uppercase()));
}

#[test]
fn qido_30_31_32_series_and_instances_have_what_is_required_of_each_level() {
    let rig = start();
    let study = value(&rig.large_study(), "0020000D");
    let within = rig.found(&format!("/studies/{study}/series"));
    for series in &within {
        for tag in ["00080060", "0020000E", "00200011", "00201209", "00081190"] {
            assert!(series[tag]["Value"][0] != Value::Null, "{tag} in {series}");
        }
        assert!(series.get("00100020").is_none(), "the path names the study");
    }
    let series = rig.found("/series").into_iter().next().unwrap();
    assert!(series["00100020"]["vr"].is_string() && series["00201208"]["vr"].is_string());
    let one = value(&within[0], "0020000E");
    let instance = &rig.found(&format!("/studies/{study}/series/{one}/instances"))[0];
    for tag in [
        "00080016", "00080018", "00200013", "00081190", "00080056", "00280010", "00280011", "00280100",
        "00083002",
    ] {
        assert!(instance[tag]["Value"][0] != Value::Null, "{tag} in {instance}");
    }
    assert!(instance.get("00080060").is_none() && instance.get("00100020").is_none());
    let of_study = &rig.found(&format!("/studies/{study}/instances"))[0];
    assert!(of_study["00080060"]["vr"].is_string() && of_study.get("00100020").is_none());
    let of_all = &rig.found("/instances")[0];
    assert!(of_all["00080060"]["vr"].is_string() && of_all["00100020"]["vr"].is_string());
}

#[test]
fn qido_24_25_33_fields_are_added_by_name_tag_or_all_but_not_of_lower_levels() {
    let rig = start();
    assert!(rig.found("/studies")[0].get("00120062").is_none());
    for fields in [
        "includefield=00120062",
        "includefield=PatientIdentityRemoved,Modality",
        "includefield=all",
        "includefield=00081030%2C00120062",
    ] {
        let study = &rig.found(&format!("/studies?{fields}"))[0];
        assert_eq!(value(study, "00120062"), "YES", "{fields}");
        assert!(study.get("00080060").is_none() && study.get("00280010").is_none(), "{fields}");
    }
    let matched = &rig.found("/studies?PatientIdentityRemoved=YES&PatientComments=")[0];
    assert_eq!((value(matched, "00120062"), &matched["00104000"]), ("YES".into(), &json!({"vr": "LT"})));
}

#[test]
fn cap_01_05_searches_are_described_with_their_parameters() {
    let rig = start();
    for (path, allow) in [
        ("/dicom-web", "OPTIONS"),
        ("/dicom-web/studies", "OPTIONS, GET, HEAD, POST"),
        ("/dicom-web/studies/2.25.1", "OPTIONS, GET, HEAD, POST"),
        ("/dicom-web/studies/2.25.1/series/2.25.2/instances", "OPTIONS, GET, HEAD"),
        ("/dicom-web/instances", "OPTIONS, GET, HEAD"),
        ("/wado", "OPTIONS, GET, HEAD"),
    ] {
        let answer = rig.server.send_bare(Request::new("OPTIONS", path));
        assert_eq!((answer.status, answer.header("allow")), (200, Some(allow)), "{path}");
        let resources = answer.json()["application"]["resources"]["resource"].as_array().unwrap().clone();
        let search =
            |it: &&Value| it["methods"].as_array().unwrap().iter().any(|method| method["id"] == "search");
        assert_eq!(resources.iter().filter(search).count(), 6);
        assert!(answer.text().contains("fuzzymatching"));
    }
}
