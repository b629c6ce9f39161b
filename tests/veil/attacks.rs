//! What an origin, or a client, may try to get values of a patient past the veil: answers that are no pixels, values that
//! decide and cannot be read, names that two instances share, searches for what is not shown.

use super::*;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A frame of the instance that `set` tells of.
const FRAME: [u8; 32] = [7; 32];

fn with(mut set: Value, more: Value) -> Value {
    set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set
}

fn frames(media: &str, body: &[u8]) -> Reply {
    let outer =
        format!("multipart/related; type=\"{media}\"; boundary=XX; transfer-syntax=1.2.840.10008.1.2.1");
    ok(&outer, related(media, &[body.to_vec()]))
}

/// A server that tells of one instance by `set`, gives its frames as `frame` says, and the instance by `ct(1)`.
fn telling(set: Value, frame: impl Fn() -> Reply + Send + Sync + 'static) -> Rig {
    rig(move |target| match target {
        target if target.ends_with("/metadata") => found(&set),
        target if target.contains("/frames/") => frame(),
        _ => instances(&[ct(1)]),
    })
}

#[test]
fn what_is_no_frame_is_not_passed_as_one_whatever_its_status() {
    let page = b"<html>riverside: last login Rigpatient^Rosa</html>";
    let data = b"[{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"Rigpatient^Rosa\"}]}}]";
    let answers = [
        ("a page", None, "text/html", &page[..]),
        ("a data set", None, JSON, data),
        ("an instance", Some(()), "application/dicom", b"DICM Rigpatient^Rosa"),
        ("a text", Some(()), "text/plain", page),
    ];
    for (what, multipart, media, body) in answers {
        let rig = telling(set(), move || match multipart {
            Some(()) => frames(media, body),
            None => ok(media, body),
        });
        let given = rig.get(&format!("{}/frames/1", rig.place()), FRAMES).unwrap();
        assert_eq!(given.status, 200, "{what}: cut out of the instance instead");
        let part = multipart::read(given.header("content-type").unwrap(), &given.body).unwrap().remove(0);
        assert_eq!(part.body.len(), FRAME.len(), "{what}");
    }
}

#[test]
fn a_native_frame_has_the_length_that_its_pixels_take_and_nothing_behind_it() {
    let pixels = |more: &'static [u8]| {
        telling(set(), move || frames("application/octet-stream", &[&FRAME, more].concat()))
    };
    let right = pixels(b"");
    let given = right.get(&format!("{}/frames/1", right.place()), FRAMES).unwrap();
    let part = multipart::read(given.header("content-type").unwrap(), &given.body).unwrap().remove(0);
    assert_eq!(part.body, FRAME);
    for more in [&b"Rigpatient^Rosa"[..], b"\0"] {
        let rig = pixels(more);
        let given = rig.get(&format!("{}/frames/1", rig.place()), FRAMES);
        assert!(given.is_none_or(|given| given.status == 502), "{} bytes too many", more.len());
    }
    let short = telling(set(), || frames("application/octet-stream", &FRAME[..30]));
    let given = short.get(&format!("{}/frames/1", short.place()), FRAMES);
    assert!(given.is_none_or(|given| given.status == 502));
}

#[test]
fn a_value_by_reference_is_no_page() {
    let table = json!({ "00281201": {"vr": "OW", "BulkDataURI": "instances/2.25.70001/bulk/00281201"} });
    let told = with(set(), table);
    let rig = rig(move |target| match target {
        target if target.ends_with("/metadata") => found(&told),
        target if target.contains("/bulk/") => ok("text/html", b"<html>riverside Rigpatient^Rosa</html>"),
        _ => instances(&[ct(1)]),
    });
    let given = rig.get(&format!("{}/bulk/00281201", rig.place()), "application/octet-stream").unwrap();
    assert_ne!(given.status, 200, "the instance has no such value");
}

#[test]
fn what_decides_and_cannot_be_read_refuses_the_instance() {
    let burned = "00280301";
    for (tag, attribute) in [
        (burned, json!({"vr": "CS", "Value": ["YES"]})),
        (burned, json!({"vr": "UN", "BulkDataURI": "x"})),
        (burned, json!({"vr": "UT", "BulkDataURI": "x"})),
        (burned, json!({"vr": "SQ"})),
        (burned, json!({"vr": "SQ", "Value": [{}]})),
        ("60000100", json!({"vr": "US", "BulkDataURI": "x"})),
        ("60000100", json!({"vr": "US", "Value": ["x"]})),
        ("60000100", json!({"Value": [16]})),
        ("60000102", json!({"vr": "SQ"})),
    ] {
        let told = with(set(), json!({ tag: attribute }));
        let rig = telling(told, || frames("application/octet-stream", &FRAME));
        let place = rig.place();
        for path in [format!("{place}/frames/1"), format!("{place}/rendered")] {
            let accept = if path.ends_with("rendered") { "image/png" } else { FRAMES };
            let given = rig.get(&path, accept).unwrap();
            assert_eq!(given.status, 403, "{tag} {attribute}: {}", given.text());
        }
    }
}

#[test]
fn the_verdict_about_one_of_two_instances_of_one_name_says_nothing_about_the_other() {
    let other = json!({ "0020000D": {"vr": "UI", "Value": ["2.25.71001"]}, "00280301": {"vr": "CS", "Value": ["YES"]} });
    let other = with(set(), other);
    let told = other.clone();
    let rig = rig_of(json!([set(), other]), move |target| match target {
        target if target.contains("2.25.71001") && target.ends_with("/metadata") => found(&told),
        target if target.ends_with("/metadata") => found(&set()),
        target if target.contains("/frames/") => frames("application/octet-stream", &FRAME),
        _ => status(404),
    });
    let places = rig.places();
    let frame = |place: &str| rig.get(&format!("{place}/frames/1"), FRAMES).unwrap().status;
    assert_eq!((frame(&places[1]), frame(&places[0])), (403, 200));
    assert_eq!(rig.get(&format!("{}/metadata", places[0]), JSON).unwrap().status, 200);
    assert_eq!(frame(&places[1]), 403, "what was seen of the first opens nothing");
}

#[test]
fn a_search_does_not_find_by_what_it_does_not_show() {
    let part = json!({ "00180015": {"vr": "CS", "Value": ["Knee of Mrs. Rigpatient"]} });
    let rig = rig_of(json!([with(set(), part)]), |_| status(404));
    let found = |query: &str| rig.get(&format!("instances?{query}"), JSON).unwrap();
    assert_eq!(found("includefield=00180015").json()[0]["00180015"], json!({ "vr": "CS" }));
    for guess in
        ["*Rig*", "Knee*", "*patient", "Knee%20of%20Mrs.%20Rigpatien?", "Knee%20of%20Mrs.%20Rigpatient"]
    {
        let found = found(&format!("BodyPartExamined={guess}"));
        assert!(found.status == 204 || found.json() == json!([]), "{guess}: {}", found.text());
    }
}

#[test]
fn readers_who_take_their_time_do_not_keep_others_from_the_server() {
    let large = related("application/dicom", &[large_ct(1, 64 << 20)]);
    let rig = rig(move |target| match target {
        target if target.ends_with("/metadata") => found(&set()),
        _ => ok("multipart/related; type=\"application/dicom\"; boundary=XX", &large),
    });
    let place = rig.place();
    let ask = |_| {
        let mut client = TcpStream::connect(rig.gateway.address()).unwrap();
        let key = &rig.gateway.key;
        write!(
            client,
            "GET /dicom-web/{place} HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\nAccept: {DICOM}\r\n\r\n"
        )
        .unwrap();
        client
    };
    // More than may be asked of the server at the same time; none reads its answer.
    let open: Vec<TcpStream> = (0..6).map(ask).collect();
    std::thread::sleep(Duration::from_secs(3));
    let from = Instant::now();
    while rig.get("studies", JSON).unwrap().status == 503 {
        assert!(from.elapsed() < Duration::from_secs(20), "nobody else gets to the server");
    }
    assert_eq!(rig.get("studies", JSON).unwrap().status, 200);
    drop(open);
}
