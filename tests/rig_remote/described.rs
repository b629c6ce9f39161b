//! Metadata and bulk data (PS3.18 10.4.1.1.2, 10.4.1.1.5): every reference is ours and can be followed.

use super::{JSON, OCTETS, path, rig, series, slice, slices, study};
use crate::support::files::fixture;
use crate::support::http::Request;
use crate::support::{samples, walk};
use serde_json::Value;

fn uris(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("BulkDataURI").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| uris(member, found));
        }
        Value::Array(values) => values.iter().for_each(|value| uris(value, found)),
        _ => {}
    }
}

#[test]
fn every_level_describes_its_instances_and_every_reference_can_be_followed() {
    let Some(rig) = rig(&slices()) else { return };
    let one = path(&slice(0));
    for (level, count) in [(study(&one), 5), (series(&one), 5), (one.as_str(), 1)] {
        let answer = rig.get(&format!("{level}/metadata"), JSON);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{}", answer.text());
        let sets = answer.json();
        assert_eq!(sets.as_array().unwrap().len(), count, "{level}");
        let mut found = Vec::new();
        uris(&sets, &mut found);
        let pixels = found.iter().filter(|uri| uri.ends_with("/bulk/7FE00010")).count();
        assert_eq!(pixels, count, "pixels are referred to, compressed or not: {found:?}");
        for uri in found {
            let target = uri.strip_prefix(&format!("{}/dicom-web/", rig.gateway.url)).unwrap();
            assert!(!rig.one(target, OCTETS).is_empty(), "{uri}");
        }
        for set in sets.as_array().unwrap() {
            assert_eq!(set["00280010"]["Value"][0], 64, "{level}");
            let group_2 = set.as_object().unwrap().keys().any(|tag| tag.starts_with("0002"));
            assert!(!group_2 && set["00081190"].is_null());
        }
    }
    let xml = rig.parts(&format!("{one}/metadata"), "multipart/related; type=\"application/dicom+xml\"");
    let text = String::from_utf8(xml[0].body.clone()).unwrap();
    assert!(text.contains("<NativeDicomModel") && text.contains("keyword=\"PatientName\""));
    assert!(text.contains(&format!("<BulkData uri=\"{}/dicom-web/{one}/bulk/7FE00010\"/>", rig.gateway.url)));
}

#[test]
fn values_behind_references_come_whole_and_in_ranges() {
    let (ct, pdf) = (fixture("CT_small.dcm"), samples::pdf().write());
    let Some(rig) = rig(&[ct.clone(), pdf.clone()]) else { return };
    let private = (0x0043, 0x1029);
    let value = walk::walk(&ct).top(private).unwrap().bytes();
    let target = format!("{}/bulk/00431029", path(&ct));
    assert_eq!(rig.one(&target, OCTETS), value);
    let range =
        Request::new("GET", &format!("/dicom-web/{target}")).header("Accept", "application/octet-stream");
    let part = rig.send(range.header("Range", "bytes=4-7"));
    assert_eq!((part.status, part.body.as_slice()), (206, &value[4..8]));
    let document = walk::walk(&pdf).top((0x0042, 0x0011)).unwrap().bytes();
    let target = format!("{}/bulk/00420011", path(&pdf));
    for accept in ["application/pdf", "application/octet-stream"] {
        let answer = rig.get(&target, accept);
        assert_eq!((answer.header("content-type"), &answer.body), (Some(accept), &document), "{accept}");
    }
    assert_eq!(rig.one(&target, "multipart/related; type=\"application/pdf\""), document);
    for absent in ["00431099", "00100010", "00081140/1/00081155", "7FE00008"] {
        assert_eq!(rig.get(&format!("{}/bulk/{absent}", path(&ct)), OCTETS).status, 404, "{absent}");
    }
}
