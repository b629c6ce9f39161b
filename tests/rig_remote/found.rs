//! Searches (PS3.18 10.6): what clients send reaches Orthanc in words that it understands, and what it does not match is
//! matched here.

use super::{JSON, path, rig, slice, slices, study};
use crate::support::{build, samples, syntax};
use serde_json::Value;

fn uids(found: &Value, tag: &str) -> Vec<String> {
    let results = found.as_array().unwrap().iter();
    results.map(|result| result[tag]["Value"][0].as_str().unwrap().to_owned()).collect()
}

/// A CT of another patient and study.
fn of(patient: &str, study: &str, number: u32) -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, number);
    let own = [(0x0010, 0x0010), (0x0020, 0x000d), (0x0008, 0x1030), (0x0008, 0x103e)];
    file.elements.retain(|element| !own.contains(&element.tag));
    file.elements.push(build::text((0x0010, 0x0010), b"PN", patient));
    file.elements.push(build::text((0x0020, 0x000d), b"UI", study));
    file.elements.push(build::text((0x0008, 0x1030), b"LO", "CT of the head"));
    file.elements.push(build::text((0x0008, 0x103e), b"LO", &format!("Series {number}")));
    file.sorted().write()
}

#[test]
fn every_level_is_found_under_the_gateways_own_links() {
    let Some(rig) = rig(&slices()) else { return };
    let one = path(&slice(0));
    let (study, series) = (study(&one).to_owned(), super::series(&one).to_owned());
    for (target, tag, count, link) in [
        ("studies".to_owned(), "0020000D", 1, study.clone()),
        ("series".to_owned(), "0020000E", 1, series.clone()),
        ("instances".to_owned(), "00080018", 5, one.clone()),
        (format!("{study}/series"), "0020000E", 1, series.clone()),
        (format!("{study}/instances"), "00080018", 5, one.clone()),
        (format!("{series}/instances"), "00080018", 5, one.clone()),
    ] {
        let answer = rig.get(&target, JSON);
        assert_eq!((answer.status, uids(&answer.json(), tag).len()), (200, count), "{target}");
        assert_eq!(answer.header("content-type"), Some(JSON));
        let links = uids(&answer.json(), "00081190");
        assert!(links.contains(&format!("{}/dicom-web/{link}", rig.gateway.url)), "{links:?}");
    }
    let xml = rig.get("studies", "multipart/related; type=\"application/dicom+xml\"");
    assert!(xml.text().contains("keyword=\"StudyInstanceUID\""), "{}", xml.text());
}

#[test]
fn what_orthanc_does_not_decode_or_match_is_found_all_the_same() {
    let patients = [("Doe^John", "2.25.501"), ("Doe^Jane", "2.25.502"), ("O'Neil^M\u{fc}ller", "2.25.503")];
    let files: Vec<_> = (1..).zip(patients).map(|(number, (name, study))| of(name, study, number)).collect();
    let Some(rig) = rig(&files) else { return };
    let search = |parameters: &str| {
        let answer = rig.get(&format!("studies?{parameters}"), JSON);
        assert_eq!(answer.status, 200, "{parameters}: {}", answer.text());
        let mut found = uids(&answer.json(), "0020000D");
        found.sort();
        found.iter().map(|uid| uid.trim_start_matches("2.25.50").to_owned()).collect::<Vec<_>>().join("")
    };
    for (parameters, expected) in [
        ("PatientName=Doe*", "12"),
        ("PatientName=%2ADoe%2A", "12"),
        ("PatientName=Doe%5EJohn", "1"),
        ("PatientName=doe^jane", "2"),
        ("PatientName=O%27Neil%5E*", "3"),
        ("fuzzymatching=true&PatientName=jo", "1"),
        ("StudyDescription=CT%20of%20the%20head", "123"),
        ("StudyInstanceUID=2.25.501%2C2.25.503", "13"),
        ("StudyInstanceUID=2.25.501%5C2.25.502", "12"),
        ("PatientName=Nobody%5EX", ""),
        // What Orthanc ignores must not find everything.
        ("00101002.00100020=x", ""),
        ("EthnicGroup=unknown", ""),
    ] {
        assert_eq!(search(parameters), expected, "{parameters}");
    }
    let described = rig.get("studies?includefield=00081030%2C00080060", JSON).json();
    assert_eq!(described[0]["00081030"]["Value"][0], "CT of the head");
}

#[test]
fn pages_follow_each_other_without_gaps_and_end() {
    let files: Vec<_> = (1..=5).map(|number| of("Doe^John", &format!("2.25.60{number}"), number)).collect();
    let Some(rig) = rig(&files) else { return };
    let mut found = Vec::new();
    for offset in (0..6).step_by(2) {
        let answer = rig.get(&format!("studies?limit=2&offset={offset}&PatientName=Doe*"), JSON);
        let page = uids(&answer.json(), "0020000D");
        let warned = answer.header("warning").is_some_and(|it| it.contains("additional results"));
        assert_eq!(warned, offset < 4, "{offset}");
        found.extend(page);
    }
    found.sort();
    assert_eq!(found, (1..=5).map(|number| format!("2.25.60{number}")).collect::<Vec<_>>());
    let behind = rig.get("studies?limit=2&offset=5", JSON);
    assert_eq!((behind.status, behind.text().as_str()), (200, "[]"));
    assert_eq!(rig.get("studies?limit=abc", JSON).status, 400);
}
