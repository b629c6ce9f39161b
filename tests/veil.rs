//! The veil before a server that is slow, broken, lying or talkative: the right status, an answer that is broken off rather
//! than short, and nothing of the patient in any of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

#[path = "veil/attacks.rs"]
mod attacks;
#[path = "remote/double.rs"]
mod double;

use double::{Double, Reply, ok, raw, status};
use serde_json::{Value, json};
use stow::{burned_in, ct, large_ct};
use support::http::{Request, Response};
use support::multipart::{self, Part, write};
use support::server::Server;
use support::{build, samples};

const DICOM: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const FRAMES: &str = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
const JSON: &str = "application/dicom+json";
/// For the metrics.
const TOKEN: &str = "a-token-for-the-metrics-of-this-rig";

const MARKS: [&str; 8] =
    ["2.25.71", "2.25.72", "2.25.7000", "Rigpatient", "RIG-0001", "20240229", "ACC0042", "Riverside"];

struct Rig {
    gateway: Server,
    double: Double,
    _folder: tempfile::TempDir,
}

/// A gateway whose veil hides a server that answers searches, and the rest by this script.
fn rig(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    rig_of(json!([set()]), script)
}

/// The same, where searches find this.
fn rig_of(results: Value, script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    let double = Double::start(move |target| {
        let searched = ["studies?", "series?", "instances?"].iter().any(|level| target.contains(level));
        if searched { ok(JSON, results.to_string().into_bytes()) } else { script(target) }
    });
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_ORIGIN", "veil"),
        ("VEILGATE_PROFILE", "research"),
        ("VEILGATE_DOWNSTREAM_URL", double.url.as_str()),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "1 s"),
        ("VEILGATE_DOWNSTREAM_RETRIES", "0"),
        ("VEILGATE_METRICS_TOKEN", TOKEN),
    ];
    let gateway = Server::on(&folder.path().join("data"), &[], &settings);
    Rig { gateway, double, _folder: folder }
}

fn found(set: &Value) -> Reply {
    ok(JSON, json!([set]).to_string().into_bytes())
}

/// What the server says of its one instance.
fn set() -> Value {
    json!({
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": ["2.25.70001"]},
        "00080020": {"vr": "DA", "Value": ["20240229"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00081190": {"vr": "UR", "Value": ["http://riverside/2.25.71"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Rigpatient^Rosa"}]},
        "00100020": {"vr": "LO", "Value": ["RIG-0001"]},
        "0020000D": {"vr": "UI", "Value": ["2.25.71"]},
        "0020000E": {"vr": "UI", "Value": ["2.25.72"]},
        "00200013": {"vr": "IS", "Value": [1]},
        "00280010": {"vr": "US", "Value": [4]},
        "00280011": {"vr": "US", "Value": [4]},
        "00280100": {"vr": "US", "Value": [16]},
        "00280301": {"vr": "CS", "Value": ["NO"]},
    })
}

fn related(media: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<Part> = parts.iter().map(|body| Part::new(media, body.clone())).collect();
    write(&parts, "XX", "\r\n")
}

fn instances(parts: &[Vec<u8>]) -> Reply {
    ok("multipart/related; type=\"application/dicom\"; boundary=XX", related("application/dicom", parts))
}

impl Rig {
    /// The answer, if it ends well.
    fn get(&self, path: &str, accept: &str) -> Option<Response> {
        let request = Request::new("GET", &format!("/dicom-web/{path}")).header("Accept", accept);
        let answer = request.header("X-API-Key", &self.gateway.key).send(self.gateway.address()).ok()?;
        let text = format!("{:?} {}", answer.headers, answer.text());
        for mark in MARKS {
            let mut places = text.match_indices(mark);
            // Digits of another UID may look alike.
            let whole = |at: usize| !text[at + mark.len()..].starts_with(|next: char| next.is_ascii_digit());
            assert!(!places.any(|(at, _)| whole(at)), "{mark} in {path}: {text}");
        }
        Some(answer)
    }

    /// The instance's path, as a search gives it.
    fn place(&self) -> String {
        self.places().remove(0)
    }

    /// The paths of all instances, as a search gives them.
    fn places(&self) -> Vec<String> {
        let sets = self.get("instances", JSON).unwrap().json();
        sets.as_array().unwrap().iter().map(Self::path).collect()
    }

    fn path(set: &Value) -> String {
        let uid = |tag: &str| set[tag]["Value"][0].as_str().unwrap().to_owned();
        format!("studies/{}/series/{}/instances/{}", uid("0020000D"), uid("0020000E"), uid("00080018"))
    }
}

#[test]
fn what_the_server_says_when_it_fails_stays_with_it() {
    for (code, expected) in
        [(404, 404), (401, 502), (403, 502), (302, 502), (500, 502), (503, 503), (504, 504)]
    {
        let rig = rig(move |_| status(code));
        let place = rig.place();
        for (path, accept) in [
            (format!("{place}/metadata"), JSON),
            (place.clone(), DICOM),
            (format!("{place}/frames/1"), FRAMES),
        ] {
            assert_eq!(rig.get(&path, accept).unwrap().status, expected, "{code} {path}");
        }
    }
}

#[test]
fn an_instance_that_was_cut_is_broken_off_and_a_broken_data_set_is_told() {
    let rig = rig(|target| {
        if target.ends_with("/metadata") {
            return ok(JSON, br#"[{"00080018":{"vr":"UI","Value":["2.25.70001"]},"00100010":"#);
        }
        let whole = related("application/dicom", &[large_ct(1, 3_000_000)]);
        let media = "multipart/related; type=\"application/dicom\"; boundary=XX";
        ok(media, &whole).cut(1_000_000)
    });
    let place = rig.place();
    assert!(rig.get(&place, DICOM).is_none(), "a body must not look whole");
    let silent = self::rig(|_| ok(JSON, "[").cut(1).hanging());
    let place = silent.place();
    assert_eq!(silent.get(&format!("{place}/metadata"), JSON).unwrap().status, 504);
    let place = rig.place();
    let answer = rig.get(&format!("{place}/metadata"), JSON).unwrap();
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("is not what was asked for"), "{}", answer.text());
    assert_eq!(rig.get(&format!("{place}/frames/1"), FRAMES).unwrap().status, 502, "no verdict, no pixels");
}

#[test]
fn a_server_whose_metadata_are_better_than_its_instances_gives_neither_pixels_nor_instances() {
    let rig = rig(|target| match target {
        target if target.ends_with("/metadata") => found(&set()),
        target if target.contains("/frames/") => status(500),
        target if target.contains("/instances/") => instances(&[burned_in(1)]),
        _ => instances(&[ct(1), burned_in(3)]),
    });
    let place = rig.place();
    assert_eq!(rig.get(&place, DICOM).unwrap().status, 403);
    assert_eq!(rig.get(&format!("{place}/frames/1"), FRAMES).unwrap().status, 403, "cut out of the instance");
    assert_eq!(rig.get(&format!("{place}/rendered"), "image/jpeg").unwrap().status, 403);
    let (study, _) = place.split_once("/series/").unwrap();
    assert!(
        rig.get(study, DICOM).is_none(),
        "what is not announced to be partial must not end as if it were whole"
    );
}

#[test]
fn headers_and_links_of_the_server_are_not_passed_on() {
    let rig = rig(|target| match target {
        target if target.ends_with("/metadata") => found(&set()),
        target if target.contains("/frames/") => {
            let body = b"--XX\r\nContent-Type: application/octet-stream\r\nContent-Location: \
                http://riverside/studies/2.25.71/frames/1\r\n\r\n\x01\x020000000000000000000000000000\x03\x04\r\n--XX--\r\n";
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=\"application/octet-stream\"; boundary=XX; \
                 transfer-syntax=1.2.840.10008.1.2.1\r\nETag: \"RIG-0001\"\r\nWarning: 299 riverside: \"Rigpatient^Rosa\"\r\n\
                 Set-Cookie: patient=RIG-0001\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            raw([head.as_bytes(), body].concat())
        }
        _ => instances(&[ct(1)]),
    });
    let place = rig.place();
    let answer = rig.get(&format!("{place}/frames/1"), FRAMES).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    for name in ["etag", "set-cookie", "warning"] {
        assert_eq!(answer.header(name), None);
    }
    let part = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().remove(0);
    assert!(part.header("content-location").unwrap().ends_with(&format!("{place}/frames/1")));
    assert!(!rig.double.asked().is_empty());
}

#[test]
fn rend_02_a_report_is_told_from_what_was_let_out_and_never_by_the_server() {
    let mut told = set();
    told.as_object_mut().unwrap().retain(|tag, _| !tag.starts_with("0028"));
    told["00080016"]["Value"][0] = json!(samples::sop::KEY_OBJECT);
    told["00080018"]["Value"][0] = json!("2.25.70003");
    told["00080060"]["Value"][0] = json!("KO");
    let found_by_search = json!([told]);
    let rig = rig_of(found_by_search, move |target| match target {
        target if target.ends_with("/metadata") => found(&told),
        target if target.contains("/rendered") => ok("text/html", b"<html>For Rigpatient^Rosa</html>"),
        _ => instances(&[samples::key_object().write()]),
    });
    let place = rig.place();
    for media in ["text/html", "text/plain", "text/xml"] {
        let text = rig.get(&format!("{place}/rendered"), media).unwrap();
        assert_eq!(text.status, 200, "{}", text.text());
        assert!(text.header("content-type").unwrap().starts_with(media));
        assert!(text.text().contains("Comment"), "{}", text.text());
    }
    let (series, _) = place.split_once("/instances/").unwrap();
    let many = rig.get(&format!("{series}/rendered"), "multipart/related; type=\"text/html\"").unwrap();
    assert_eq!(many.status, 200, "{}", many.text());
    assert!(!rig.double.asked().iter().any(|head| head.contains("/rendered")));
}

#[test]
fn guessing_names_makes_no_load() {
    let rig = rig(|_| status(404));
    rig.place();
    let before = rig.double.asked().len();
    for number in 0..50 {
        assert_eq!(rig.get(&format!("studies/2.25.9{number}/metadata"), JSON).unwrap().status, 404);
    }
    assert!(rig.double.asked().len() - before <= 2, "one walk at the most");
}

/// A JPEG-LS stream that says whose it is, in a comment and in Exif.
fn named_frame() -> Vec<u8> {
    let said = b"\xFF\xE1\0\x12Exif\0\0Rigpatient\xFF\xFE\0\x11Rigpatient^Rosa";
    let bare = samples::code_stream(JPEG_LS, &[1, 2, 3, 4]);
    [&bare[..2], said, &bare[2..]].concat()
}

const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";

#[test]
fn seq_07_neither_instances_nor_frames_nor_bulk_data_say_beside_the_picture_whose_it_is() {
    let rig = rig(|target| {
        let mut file = samples::ct(JPEG_LS, 1);
        file.elements.retain(|element| element.tag != (0x7fe0, 0x0010));
        file.elements.push(build::fragments(&[&named_frame()]));
        match target {
            target if target.ends_with("/metadata") => found(&set()),
            target if target.contains("/frames/") => {
                let media = format!("image/jls; transfer-syntax={JPEG_LS}");
                let head = "multipart/related; type=\"image/jls\"; boundary=XX";
                ok(head, related(&media, &[named_frame()]))
            }
            _ => instances(&[file.sorted().write()]),
        }
    });
    let place = rig.place();
    let len = named_frame().len();
    for (path, accept) in [
        (place.clone(), DICOM),
        (format!("{place}/frames/1"), FRAMES),
        (format!("{place}/frames/1"), "multipart/related; type=\"image/jls\""),
        (format!("{place}/bulk/7FE00010"), "multipart/related; type=\"image/jls\""),
    ] {
        // That no mark is in it is looked for there.
        let answer = rig.get(&path, accept).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let part = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().remove(0);
        let at = multipart::find(&part.body, b"\xFF\xD8\xFF\xE1").unwrap();
        assert!(
            part.body[at..]
                .starts_with(&[b"\xFF\xD8\xFF\xE1\0\x12", &[0; 16][..], b"\xFF\xFE\0\x11"].concat())
        );
        assert!(path == place || part.body.len() == len, "{path}");
    }
    assert!(rig.double.asked().iter().any(|asked| asked.contains("/frames/")));
}

#[test]
fn a_frame_that_is_not_of_its_syntax_is_nonsense() {
    let rig = rig(|target| match target {
        target if target.contains("/frames/") => {
            let media = format!("image/jls; transfer-syntax={JPEG_LS}");
            let body = related(&media, &[b"Rigpatient^Rosa".to_vec()]);
            ok("multipart/related; type=\"image/jls\"; boundary=XX", body)
        }
        _ => found(&set()),
    });
    let answer = rig.get(&format!("{}/frames/1", rig.place()), FRAMES);
    assert!(answer.is_none_or(|answer| answer.status == 502));
}

#[test]
fn an_instance_whose_name_is_no_legal_uid_is_left_out_of_its_study_and_refused_alone() {
    let long = format!("2.25.9{}", "1".repeat(70));
    let mut bad = set();
    bad["00080018"]["Value"][0] = json!(long);
    let mut file = samples::ct(support::syntax::EXPLICIT_LE, 2);
    file.elements.retain(|element| element.tag != (0x0008, 0x0018));
    file.elements.push(build::text((0x0008, 0x0018), b"UI", &long));
    let (told, named, illegal) = (bad.clone(), long.clone(), file.sorted().write());
    let rig = rig_of(json!([set(), bad]), move |target| match (target, target.contains(&named)) {
        (target, true) if target.ends_with("/metadata") => found(&told),
        (target, false) if target.ends_with("/metadata") && target.contains("/instances/") => found(&set()),
        (target, _) if target.ends_with("/metadata") => {
            ok(JSON, json!([told, set()]).to_string().into_bytes())
        }
        (_, true) => instances(std::slice::from_ref(&illegal)),
        (target, false) if target.contains("/instances/") => instances(&[ct(1)]),
        _ => instances(&[illegal.clone(), ct(1)]),
    });
    let places = rig.places();
    let get = |path: &str, accept: &str| {
        let answer = rig.get(path, accept).expect("the answer ends well");
        assert!(!format!("{:?}{}", answer.headers, answer.text()).contains(&long), "{path}");
        answer
    };
    let (series, _) = places[0].split_once("/instances/").unwrap();
    let (study, _) = places[0].split_once("/series/").unwrap();
    for path in [series, study] {
        let metadata = get(&format!("{path}/metadata"), JSON);
        assert_eq!(metadata.status, 200, "{}", metadata.text());
        assert!(metadata.header("warning").unwrap().contains("left out"));
        assert_eq!(metadata.json().as_array().unwrap().len(), 1);
        assert!(places[0].ends_with(metadata.json()[0]["00080018"]["Value"][0].as_str().unwrap()));
        let files = get(path, DICOM);
        assert_eq!(files.status, 206, "{}", files.text());
        assert_eq!(multipart::read(files.header("content-type").unwrap(), &files.body).unwrap().len(), 1);
    }
    for (place, status) in [(&places[0], 200), (&places[1], 403)] {
        assert_eq!(get(place, DICOM).status, status, "{place}");
        assert_eq!(get(&format!("{place}/metadata"), JSON).status, status, "{place}");
    }
    assert_eq!(get(&format!("{}/frames/1", places[1]), FRAMES).status, 403);
}

#[test]
fn an_answer_that_the_server_cuts_is_told_in_the_log_and_counted() {
    let rig = rig(|target| match target {
        target if target.ends_with("/metadata") => found(&set()),
        _ => instances(&[large_ct(1, 3_000_000)]).cut(1_000_000),
    });
    assert!(rig.get(&rig.place(), DICOM).is_none());
    let said = rig.gateway.said_at_last("the answer was broken off", 1);
    let line = said.lines().find(|line| line.contains("the answer was broken off")).unwrap();
    for word in ["WARN", "cut-off", "downstream", "id="] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let metrics = Request::new("GET", "/metrics").header("Authorization", &format!("Bearer {TOKEN}"));
    let counted = rig.gateway.send_bare(metrics).text();
    assert!(counted.contains("veilgate_downstream_requests_total{outcome=\"cut-off\"} 1"), "{counted}");
}

#[test]
fn a_client_that_leaves_in_mid_answer_stands_in_the_log() {
    let rig = rig(|target| match target {
        target if target.ends_with("/metadata") => found(&set()),
        _ => instances(&[large_ct(1, 64 << 20)]),
    });
    let place = rig.place();
    let served = rig.get(&format!("{place}/metadata"), JSON).unwrap();
    assert_eq!(served.status, 200);
    let mut client = std::net::TcpStream::connect(rig.gateway.address()).unwrap();
    let key = &rig.gateway.key;
    let head =
        format!("GET /dicom-web/{place} HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\nAccept: {DICOM}\r\n\r\n");
    std::io::Write::write_all(&mut client, head.as_bytes()).unwrap();
    std::io::Read::read_exact(&mut client, &mut [0; 100_000]).unwrap();
    drop(client);
    let told = "the client left before the end of the answer";
    let said = rig.gateway.said_at_last(told, 1);
    assert_eq!(said.matches(told).count(), 1, "whole answers are not among them: {said}");
    assert!(said.lines().any(|line| line.contains(told) && line.contains("INFO")), "{said}");
}
