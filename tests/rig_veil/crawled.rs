//! Every resource that any answer mentions, over instances of many kinds, all let out: the names of one instance are the
//! same wherever they stand, and nothing that identifies is anywhere.

use super::*;
use crate::support::files::fixture;
use crate::support::samples;

const KINDS: [&str; 12] = [
    "CT_small.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "MR_small_RLE.dcm",
    "693_J2KI.dcm",
    "JPEG-lossy.dcm",
    "examples_palette.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "waveform_ecg.dcm",
    "rtplan.dcm",
    "rtdose.dcm",
    "dcmqi__seg.dcm",
    "dcmqi__sr.dcm",
];

/// The attribute's URLs below the gateway's root, with the VR that they have.
fn references(set: &Value, found: &mut Vec<String>) {
    match set {
        Value::Object(members) => {
            found.extend(members.get("BulkDataURI").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn all_that_is_mentioned_can_be_had_and_none_of_it_identifies() {
    let mut instances: Vec<Vec<u8>> = KINDS.iter().map(|name| fixture(name)).collect();
    instances.push(samples::pdf().write());
    let profile = support::rig::script("pass.toml");
    let Some(rig) = rig(profile.to_str().unwrap(), &instances) else { return };
    let root = format!("{}/dicom-web/", rig.gateway.url);
    let studies = rig.json("studies?includefield=all");
    assert!(studies.len() > 8, "{}", studies.len());
    let (mut seen, mut bulk, mut frames, mut pictures) = (0, 0, 0, 0);
    for one in &studies {
        let uid = text(one, "0020000D");
        for set in rig.json(&format!("studies/{uid}/metadata")) {
            seen += 1;
            let place = path(&set);
            let file = walk(&rig.parts(&place, DICOM)[0].body);
            for (tag, name) in [
                ((0x0008, 0x0018), "00080018"),
                ((0x0020, 0x000d), "0020000D"),
                ((0x0010, 0x0020), "00100020"),
                ((0x0010, 0x0010), "00100010"),
                ((0x0008, 0x0060), "00080060"),
            ] {
                assert_eq!(told(&file, tag), text(&set, name), "{name}");
            }
            assert_eq!(text(one, "00100020"), text(&set, "00100020"));
            let mut uris = Vec::new();
            references(&set, &mut uris);
            for uri in uris {
                let path = uri.strip_prefix(&root).unwrap_or_else(|| panic!("{uri}"));
                assert!(
                    !rig.parts(path, "multipart/related; type=\"*/*\"; transfer-syntax=*")[0].body.is_empty(),
                    "{uri}"
                );
                bulk += 1;
            }
            let answer = rig.get(&format!("{place}/frames/1"), FRAMES);
            if file.pixels().is_some() {
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                frames += 1;
            } else {
                assert_eq!(answer.status, 404);
            }
            let answer = rig.get(&format!("{place}/rendered"), "image/jpeg, application/pdf");
            pictures += usize::from(answer.status == 200);
            assert!(matches!(answer.status, 200 | 406), "{place}: {}", answer.text());
            let xml = "multipart/related; type=\"application/dicom+xml\"";
            assert_eq!(rig.parts(&format!("{place}/metadata"), xml).len(), 1);
        }
        rig.get(&format!("studies/{uid}/series?includefield=all"), JSON);
        rig.get(
            &format!("studies/{uid}/instances?includefield=all"),
            "multipart/related; type=\"application/dicom+xml\"",
        );
    }
    assert_eq!(seen, instances.len());
    assert!(bulk >= 8 && frames >= 8 && pictures >= 8, "{bulk} {frames} {pictures}");
}
