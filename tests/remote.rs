//! The origin `downstream` before servers that are slow, broken, lying or talkative: the right status, an answer that is
//! broken off rather than short, and no word of theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod support;

#[path = "remote/double.rs"]
mod double;

use double::{Double, Reply, ok, raw, status};
use serde_json::json;
use support::http::{Request, Response};
use support::multipart::{self, Part, write};
use support::server::Server;
use support::{samples, syntax, walk};

const DICOM: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const FRAMES: &str = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const JSON: &str = "application/dicom+json";
const ONE: &str = "studies/2.25.71/series/2.25.72/instances/2.25.70001";

struct Rig {
    gateway: Server,
    double: Double,
    _folder: tempfile::TempDir,
}

fn rig(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    rig_at(4, script)
}

/// A gateway that asks so many things at once.
fn rig_at(concurrent: usize, script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    let concurrent = concurrent.to_string();
    let double = Double::start(script);
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_ORIGIN", "downstream"),
        ("VEILGATE_DOWNSTREAM_URL", double.url.as_str()),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "1 s"),
        ("VEILGATE_DOWNSTREAM_RETRIES", "0"),
        ("VEILGATE_DOWNSTREAM_TOKEN", "T0k3n"),
        ("VEILGATE_DOWNSTREAM_CONCURRENT", &concurrent),
    ];
    let gateway = Server::on(&folder.path().join("data"), &[], &settings);
    Rig { gateway, double, _folder: folder }
}

impl Rig {
    /// The answer, if it ends well. Nothing of it may tell what the server said besides.
    fn get(&self, path: &str, accept: &str) -> Option<Response> {
        let request = Request::new("GET", &format!("/dicom-web/{path}")).header("Accept", accept);
        let request = request.header("X-API-Key", &self.gateway.key);
        let answer = request.send(self.gateway.address()).ok()?;
        let text = format!("{:?} {}", answer.headers, answer.text());
        let host = self.double.url.trim_start_matches("http://").split('/').next().unwrap();
        assert!(!text.contains(host) && !text.contains("T0k3n"), "{text}");
        Some(answer)
    }

    fn status(&self, path: &str, accept: &str) -> u16 {
        self.get(path, accept).unwrap_or_else(|| panic!("{path}: broken off")).status
    }
}

fn instance() -> Vec<u8> {
    samples::ct(syntax::EXPLICIT_LE, 1).write()
}

/// A multipart answer as Orthanc writes it: parameters within the quotes, parts that say little.
fn related(media: &str, parts: &[Vec<u8>]) -> Reply {
    let parts: Vec<Part> =
        parts.iter().map(|body| Part::new("application/octet-stream", body.clone())).collect();
    ok(&format!("multipart/related; type=\"{media}\"; boundary=XX"), write(&parts, "XX", "\r\n"))
}

/// A server that has a study of two instances, and answers all but searches for it by a script.
fn study(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    let found = json!([{
        "0020000D": {"vr": "UI", "Value": ["2.25.71"]}, "00201208": {"vr": "IS", "Value": [2]},
    }]);
    rig(move |target| if target.contains("studies?") { ok(JSON, found.to_string()) } else { script(target) })
}

fn set(number: usize) -> serde_json::Value {
    json!({
        "00080018": {"vr": "UI", "Value": [format!("2.25.7000{number}")]},
        "0020000D": {"vr": "UI", "Value": ["2.25.71"]},
        "0020000E": {"vr": "UI", "Value": ["2.25.72"]},
    })
}

#[test]
fn what_a_server_says_besides_its_status_stays_with_it() {
    for (code, expected) in [
        (404, 404),
        (410, 404),
        (401, 502),
        (403, 502),
        (302, 502),
        (307, 502),
        (400, 502),
        (406, 502),
        (429, 503),
        (503, 503),
        (500, 502),
        (504, 504),
    ] {
        let rig = rig(move |_| status(code));
        let answer = rig.get(&format!("{ONE}/metadata"), JSON).unwrap();
        assert_eq!(answer.status, expected, "{code}");
        let all = format!("{:?}{}", answer.headers, answer.text());
        assert!(!all.contains("Rigpatient") && !all.contains("127.0.0.1:9"), "{code}: {all}");
        if expected == 503 {
            assert_eq!(answer.header("retry-after"), Some("600"), "bounded");
        }
        assert!(rig.double.asked().iter().all(|head| head.contains("Bearer T0k3n")));
    }
}

#[test]
fn an_answer_that_was_cut_is_broken_off_and_never_looks_whole() {
    let parts = [instance(), instance()];
    for missing in [1, 5, 100, instance().len() / 2] {
        let whole = related("application/dicom", &parts);
        let rig = study(move |_| whole.clone().cut(missing));
        let answer = rig.get("studies/2.25.71", DICOM).map(|answer| (answer.status, answer.text()));
        assert!(answer.is_none(), "{missing} bytes missing: {answer:?} {:?}", rig.double.asked());
    }
    // A length that is kept, around a body whose last boundary never comes; and none at all.
    let body = write(&[Part::dicom(instance())], "XX", "\r\n");
    let media = "multipart/related; type=\"application/dicom\"; boundary=XX";
    let short = body[..body.len() - 10].to_vec();
    let (lying, media_of) = (short.clone(), media.to_owned());
    assert!(study(move |_| ok(&media_of, &lying)).get("studies/2.25.71", DICOM).is_none());
    let endless = [format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n\r\n").into_bytes(), short].concat();
    assert!(study(move |_| raw(endless.clone())).get("studies/2.25.71", DICOM).is_none());
    let stuck = related("application/dicom", &parts).cut(700).hanging();
    assert!(study(move |_| stuck.clone()).get("studies/2.25.71", DICOM).is_none(), "silence in the middle");
}

#[test]
fn a_study_comes_one_request_at_a_time_from_a_server_that_does_not_count() {
    let all = related("application/dicom", &[instance(), instance()]);
    let rig = rig_at(1, move |target| match target.split_once('?') {
        Some(("studies/2.25.71/instances", _)) => ok(JSON, json!([set(1), set(2)]).to_string()),
        Some(_) => ok(JSON, json!([{"0020000D": {"vr": "UI", "Value": ["2.25.71"]}}]).to_string()),
        None => all.clone(),
    });
    for _ in 0..2 {
        let answer = rig.get("studies/2.25.71", DICOM);
        let told = answer.map(|answer| answer.status);
        assert_eq!(told, Some(200), "{:?}", rig.double.asked());
    }
}

#[test]
fn metadata_that_break_off_or_are_none_are_told_or_broken_off() {
    let sets = json!([set(1), set(2)]).to_string();
    let all = sets.clone();
    let whole = rig(move |_| ok(JSON, &all));
    assert_eq!(whole.get("studies/2.25.71/metadata", JSON).unwrap().json().as_array().unwrap().len(), 2);
    for cut in [1, 60] {
        let short = sets[..sets.len() - cut].to_owned();
        let answer = rig(move |_| ok(JSON, &short)).get("studies/2.25.71/metadata", JSON);
        assert!(answer.is_none_or(|answer| answer.status == 502), "{cut}: never what looks whole");
    }
    for rubbish in ["<html>login</html>", "{}", "[1]", "[{\"00100010\":", ""] {
        let rig = rig(move |_| ok(JSON, rubbish));
        assert_eq!(rig.status("studies/2.25.71/metadata", JSON), 502, "{rubbish}");
        assert_eq!(rig.status("studies", JSON), 502, "{rubbish}");
    }
    let none = rig(|_| raw("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
    assert_eq!(none.status("studies/2.25.71/metadata", JSON), 404);
    assert_eq!(none.get("studies", JSON).unwrap().text(), "[]");
    let lost = rig(|_| status(404));
    assert_eq!(lost.status("studies", JSON), 502, "no studies at all: the address is wrong");
    assert_eq!(lost.status("studies/2.25.71/series", JSON), 200);
}

#[test]
fn frames_are_as_many_as_were_asked_for_or_none() {
    let frames = |count: u8| (1..=count).map(|number| vec![number; 32]).collect::<Vec<_>>();
    let media = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1";
    let two = rig(move |_| related(media, &frames(2)));
    let answer = two.get(&format!("{ONE}/frames/3,5"), FRAMES).unwrap();
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    assert_eq!(parts[1].body, [2; 32]);
    let named = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1";
    assert_eq!(parts[0].header("content-type"), Some(named), "what stood within the quotes");
    for list in ["1", "1,2,3"] {
        assert!(two.get(&format!("{ONE}/frames/{list}"), FRAMES).is_none(), "{list}");
    }
}

#[test]
fn what_a_server_fails_at_is_made_of_its_instance() {
    let script = |target: &str| match target {
        ONE => related("application/dicom", &[instance()]),
        _ => status(500),
    };
    let rig = rig(script);
    let pixels = walk::walk(&instance()).pixels().unwrap().bytes();
    let frame = rig.get(&format!("{ONE}/frames/1"), FRAMES).unwrap();
    let parts = multipart::read(frame.header("content-type").unwrap(), &frame.body).unwrap();
    assert_eq!(parts[0].body, pixels);
    assert_eq!(rig.status(&format!("{ONE}/rendered"), "image/jpeg"), 200);
    assert_eq!(rig.status(&format!("{ONE}/frames/1/rendered"), "image/png"), 200);
    assert_eq!(rig.status(&format!("{ONE}/frames/1/rendered?iccprofile=srgb"), "image/png"), 200);
    assert_eq!(rig.status(&format!("{ONE}/frames/2/rendered"), "image/png"), 404);
    let pulls =
        rig.double.asked().iter().filter(|head| head.starts_with(&format!("GET /dicom-web/{ONE} "))).count();
    assert_eq!(pulls, 1, "one pull for all of them");
}

#[test]
fn rend_08_a_picture_with_a_profile_is_made_here_since_the_server_may_ignore_the_parameter() {
    let script = |target: &str| match target {
        ONE => related("application/dicom", &[instance()]),
        _ => ok("image/png", "a picture without profile"),
    };
    let rig = rig(script);
    let ask = |query: &str| rig.get(&format!("{ONE}/rendered{query}"), "image/png").unwrap().body;
    assert_eq!(ask(""), b"a picture without profile");
    assert!(ask("?iccprofile=srgb").windows(4).any(|bytes| bytes == b"iCCP"));
}

#[test]
fn references_that_lead_elsewhere_are_not_followed() {
    let elsewhere = Double::start(|_| ok("application/octet-stream", "secret of another server"));
    let value = "a value that stands in the instance, too, and is long enough to be one".repeat(30);
    let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
    file.elements.push(support::build::bytes((0x0028, 0x1201), b"OW", value.as_bytes()));
    let file = file.sorted().write();
    for uri in [
        format!("{}/x", elsewhere.url),
        format!("//{}/x", elsewhere.url.trim_start_matches("http://")),
        "../../../../../../../x".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let (file, mut described) = (file.clone(), set(1));
        described["00281201"] = json!({"vr": "OW", "BulkDataURI": uri});
        let script = move |target: &str| match target {
            ONE => related("application/dicom", std::slice::from_ref(&file)),
            _ if target.ends_with("/metadata") => ok(JSON, json!([described]).to_string()),
            _ => ok("application/octet-stream", "secret of a neighbour"),
        };
        let rig = rig(script);
        let answer = rig.get(&format!("{ONE}/bulk/00281201"), OCTETS).unwrap();
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        assert!(parts[0].body == value.as_bytes(), "{uri}: {}", String::from_utf8_lossy(&parts[0].body));
        let told = rig.get(&format!("{ONE}/metadata"), JSON).unwrap().text();
        assert!(told.contains(&format!("{}/dicom-web/{ONE}/bulk/00281201", rig.gateway.url)), "{told}");
        assert!(rig.double.asked().iter().all(|head| head.starts_with("GET /dicom-web/")), "{uri}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_server_with_limits_of_its_own_is_searched_in_its_own_steps() {
    let script = |target: &str| {
        let number = |name: &str| {
            let pair = target.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            pair.map(|value| value.parse::<usize>().unwrap())
        };
        let (limit, offset) = (number("limit").unwrap_or(100), number("offset").unwrap_or(0));
        if limit > 200 {
            return status(400);
        }
        let all: Vec<_> = (1..=250)
            .map(|number| json!({"0020000D": {"vr": "UI", "Value": [format!("2.25.{number}")]}}))
            .collect();
        ok(JSON, json!(all.iter().skip(offset).take(limit).collect::<Vec<_>>()).to_string())
    };
    let rig = rig(script);
    let search = |parameters: &str| {
        let answer = rig.get(&format!("studies?{parameters}"), JSON).unwrap();
        assert_eq!(answer.status, 200, "{parameters}: {}", answer.text());
        (answer.json().as_array().unwrap().len(), answer.header("warning").is_some())
    };
    assert_eq!(search("limit=10"), (10, true));
    assert_eq!(search("limit=200"), (200, true), "one more is refused, and asked without");
    assert_eq!(search("limit=1000"), (100, true));
    assert_eq!(search(""), (100, true));
    assert_eq!(search("limit=100&offset=200"), (50, false));
    assert_eq!(search("EthnicGroup=x"), (0, false), "what is not shown is not taken for a match");
}

#[test]
fn silence_has_its_own_status() {
    let silent = rig(|_| raw("").hanging());
    for (path, accept) in [("studies", JSON), (ONE, DICOM), ("studies/2.25.71/metadata", JSON)] {
        assert_eq!(silent.status(path, accept), 504, "{path}");
    }
}
