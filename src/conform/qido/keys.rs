//! Checks of the attributes that are searched by (PS3.18 8.3.4.1, 10.6.1.2.3): how they are named, and which there are.

use super::{NOBODY, found, has_study, patient, series_shown, study_uid};
use crate::conform::reading::{results, status};
use crate::conform::sample::mark;
use crate::conform::scene::{INSTANCE, JSON, SERIES, STUDY, Scene, text};
use crate::conform::{Miss, Outcome, looked_at, need};
use crate::dicomweb::data_set::{DataSet, values};
use crate::dicomweb::links::segment;
use dicom_core::Tag;
use serde_json::Value;

/// A UID that names nothing.
const NO_UID: &str = "2.25.4711";

pub(super) fn names(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let by = |name: &str| has_study(scene, &format!("/studies?{name}={uid}"));
    need(by("StudyInstanceUID")? && by("0020000D")?, || "not found under both".to_owned())
}

pub(super) fn repeated(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    status(&scene.get(&format!("/studies?StudyInstanceUID={uid}&0020000D={uid}"), JSON)?, &[400])
}

pub(super) fn one_value(scene: &Scene) -> Outcome {
    let id = patient(scene)?;
    for list in [format!("{},{NOBODY}", segment(&id)), format!("{}%2C{NOBODY}", segment(&id))] {
        // A list may also be refused as what it is not.
        let path = format!("/studies?PatientID={list}");
        if scene.get(&path, JSON)?.status != 400 {
            need(!has_study(scene, &path)?, || "found by one of several patient IDs".to_owned())?;
        }
    }
    Ok(())
}

/// How a search of the sample's instances by its private attribute ends: status, and how many are found.
fn by_private(scene: &Scene, query: &str) -> Result<(u16, usize), Miss> {
    let reply = scene.get(&format!("{}/instances?{query}", scene.series()?), JSON)?;
    let count = results(&reply).map_or(0, |found| found.len());
    Ok((reply.status, count))
}

pub(super) fn private(scene: &Scene) -> Outcome {
    scene.own()?;
    let mark = mark(6);
    let (status, _) = by_private(scene, &format!("00090010=VEILGATE%20TEST&00091001={mark}"))?;
    need(matches!(status, 200 | 204), || format!("status {status} with the creator"))?;
    // Refused, ignored or matched by nothing; but never matched by its value.
    let (held, other) =
        (by_private(scene, &format!("00091001={mark}"))?, by_private(scene, &format!("00091001={NOBODY}"))?);
    need(held == other, || "matched without the creator".to_owned())
}

/// Keys by their tags, each with a value that nothing has.
type Keys = [(&'static str, &'static str)];

const STUDY_KEYS: &Keys = &[
    ("0020000D", NO_UID),
    ("00080020", "18000203"),
    ("00080030", "030405.678"),
    ("00080050", NOBODY),
    ("00080061", NOBODY),
    ("00080090", NOBODY),
    ("00100010", NOBODY),
    ("00100020", NOBODY),
    ("00200010", NOBODY),
];

const SERIES_KEYS: &Keys = &[
    ("00080060", NOBODY),
    ("0020000E", NO_UID),
    ("00200011", "2147483647"),
    ("00400244", "18000203"),
    ("00400245", "030405.678"),
    ("00400275.00400009", NOBODY),
    ("00400275.00401001", NOBODY),
];

const INSTANCE_KEYS: &Keys = &[("00080016", NO_UID), ("00080018", NO_UID), ("00200013", "2147483647")];

/// The first value at this path of tags, as a search asks for it; empty if there is none, or a name of several writings.
fn held(result: &DataSet, path: &str) -> String {
    let mut steps = path.split('.');
    let first = steps.next().and_then(|tag| result.0.get(tag));
    let attribute = steps.fold(first, |it, tag| values(it?).first()?.get(tag));
    match attribute.and_then(|it| values(it).first()) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Object(name)) if name.len() == 1 => {
            name.get("Alphabetic").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// Each key by itself finds the result that holds its value, and not by another value. `uid` tells results apart.
fn each(scene: &Scene, path: &str, uid: Tag, shown: &[DataSet], keys: &Keys) -> Outcome {
    let (mut tried, mut failed) = (0, Vec::new());
    for (key, other) in keys {
        let Some(result) = shown.iter().find(|it| !held(it, key).is_empty()) else { continue };
        let finds = |value: &str| -> Result<(bool, bool), Miss> {
            let reply = scene.get(&format!("{path}?{key}={}", segment(value)), JSON)?;
            let more = reply.header("warning").is_some_and(|it| it.contains("additional results"));
            Ok((results(&reply)?.iter().any(|it| text(it, uid) == text(result, uid)), more))
        };
        tried += 1;
        // In a large archive it may stand on a page further on.
        let (by_it, more) = finds(&held(result, key))?;
        if !(by_it || more) || finds(other)?.0 {
            failed.push(*key);
        }
    }
    need(failed.is_empty(), || format!("not found by {}, or by another value too", failed.join(" ")))?;
    looked_at(tried, "no result holds a value of a key")
}

pub(super) fn studies(scene: &Scene) -> Outcome {
    each(scene, "/studies", STUDY, &[found(scene)?], STUDY_KEYS)
}

pub(super) fn series(scene: &Scene) -> Outcome {
    let path = format!("{}/series", scene.study()?);
    each(scene, &path, SERIES, &series_shown(scene)?, SERIES_KEYS)
}

pub(super) fn instances(scene: &Scene) -> Outcome {
    let path = format!("{}/instances", scene.series()?);
    each(scene, &path, INSTANCE, &scene.search(&path)?, INSTANCE_KEYS)
}

/// Finds something by these UIDs, and nothing if the last is another.
fn by_uids(scene: &Scene, path: &str, uids: &[(&str, &str)]) -> Outcome {
    let query: Vec<String> = uids.iter().map(|(key, uid)| format!("{key}={uid}")).collect();
    let query = query.join("&");
    let (key, uid) = uids.last().copied().unwrap_or_default();
    let other = query.strip_suffix(uid).unwrap_or_default();
    let found = !scene.search(&format!("{path}?{query}"))?.is_empty();
    let wrong = !scene.search(&format!("{path}?{other}{NO_UID}"))?.is_empty();
    let resource = path.rsplit('/').next().unwrap_or_default();
    need(found && !wrong, || format!("/{resource} by {key}: found {found}, by another {wrong}"))
}

pub(super) fn levels(scene: &Scene) -> Outcome {
    let (study_path, series_path, study) = (scene.study()?, scene.series()?, study_uid(scene)?);
    let instances = scene.instances()?;
    let (series, instance) = instances.first().ok_or(Miss::Skipped("the study has no instances"))?;
    let (of_study, of_series, own) = (
        ("StudyInstanceUID", study.as_str()),
        ("SeriesInstanceUID", series.as_str()),
        ("SOPInstanceUID", instance.as_str()),
    );
    by_uids(scene, "/studies", &[of_study])?;
    by_uids(scene, &format!("{study_path}/series"), &[of_series])?;
    for keys in [&[of_series][..], &[own], &[own, of_series]] {
        by_uids(scene, &format!("{study_path}/instances"), keys)?;
    }
    by_uids(scene, &format!("{series_path}/instances"), &[own])?;
    for keys in [&[of_study][..], &[of_series], &[of_series, of_study]] {
        by_uids(scene, "/series", keys)?;
    }
    for keys in [&[of_study][..], &[of_series], &[own], &[own, of_series, of_study]] {
        by_uids(scene, "/instances", keys)?;
    }
    Ok(())
}
