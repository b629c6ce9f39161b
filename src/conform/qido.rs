//! Checks of searching (PS3.18 8.3.4, 10.6).

use super::reading::{broken, is, parts, results, status};
use super::scene::{INSTANCE, JSON, SERIES, STUDY, Scene, text};
use super::{Check, Miss, Outcome, may, must, need, should};
use crate::dicomweb::data_set::{DataSet, hex};
use dicom_core::Tag;

const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const MODALITY: Tag = Tag(0x0008, 0x0060);

pub(super) const CHECKS: &[Check] = &[
    must("QIDO-01", "all six resources of a search answer", resources),
    must("QIDO-02", "results come as DICOM XML where that is asked for", xml),
    must("QIDO-03", "no match is 204, or 200 with an empty array (CP-2473)", no_match),
    must("QIDO-04", "a limit that is no number is 400", bad_limit),
    must("QIDO-05", "an attribute is named by tag or keyword, with the same result", names),
    must("QIDO-06", "an attribute that stands twice is 400", repeated),
    must("QIDO-09", "studies are found by UID and patient ID", study_keys),
    must("QIDO-10", "series are found by modality", series_keys),
    must("QIDO-11", "instances are found by SOP Instance UID", instance_keys),
    must("QIDO-14", "an asterisk at the end of a patient ID matches what begins so", wildcard),
    must("QIDO-15", "a range of dates matches what lies within", range),
    must("QIDO-17", "a list of UIDs matches each of them", uid_list),
    must("QIDO-18", "an empty value matches all and brings the attribute back", universal),
    must("QIDO-21", "fuzzymatching is taken, supported or not", fuzzy),
    must("QIDO-24", "includefield brings an attribute of the level", include),
    should("QIDO-24c", "includefield takes a list with encoded commas, as OHIF sends it", include_list),
    must("QIDO-25", "attributes of a lower level are not returned", lower_level),
    must("QIDO-26", "limit and offset cut a page", paging),
    must("QIDO-27", "a Warning tells that results are left", remaining),
    must("QIDO-28", "the same search has the same order", order),
    must("QIDO-29", "results for studies have their attributes", study_fields),
    must("QIDO-30", "results for series have their attributes", series_fields),
    must("QIDO-31", "results for instances have their attributes", instance_fields),
    must("QIDO-33", "keys come back in the results", keys_back),
    must("QIDO-34", "a parameter that names no attribute is ignored", unknown),
    must("JSON-03", "attribute names are eight upper-case hexadecimal digits, ascending", hex_names),
    may("HTTP-06", "percent-encoded values are decoded", encoded),
    may("QIDO-26o", "an offset behind the end gives nothing, and no error", behind_the_end),
];

fn study_uid(scene: &Scene) -> Result<String, Miss> {
    scene.study().map(|path| path.trim_start_matches("/studies/").to_owned())
}

/// The study as a search finds it.
fn found(scene: &Scene) -> Result<DataSet, Miss> {
    let uid = study_uid(scene)?;
    let mut found = scene.search(&format!("/studies?StudyInstanceUID={uid}"))?;
    need(found.len() == 1, || format!("{} studies of one UID", found.len()))?;
    found.pop().ok_or_else(|| broken("the study is not found"))
}

fn patient(scene: &Scene) -> Result<String, Miss> {
    let id = text(&found(scene)?, PATIENT_ID);
    if id.is_empty() { Err(Miss::Skipped("the study has no Patient ID")) } else { Ok(id) }
}

/// True if the study is among the results.
fn has_study(scene: &Scene, path: &str) -> Result<bool, Miss> {
    let uid = study_uid(scene)?;
    Ok(scene.search(path)?.iter().any(|result| text(result, STUDY) == uid))
}

fn resources(scene: &Scene) -> Outcome {
    let (study, series) = (scene.study()?, scene.series()?);
    let below = [format!("{study}/series"), format!("{study}/instances"), format!("{series}/instances")];
    let flat = ["/studies", "/series", "/instances"].map(|path| format!("{path}?limit=1"));
    for path in below.iter().chain(&flat) {
        let reply = scene.get(path, JSON)?;
        need(reply.status == 200, || format!("status {} of a search", reply.status))?;
        is(&reply, JSON)?;
    }
    Ok(())
}

fn xml(scene: &Scene) -> Outcome {
    let path = format!("/studies?StudyInstanceUID={}", study_uid(scene)?);
    let parts = parts(&scene.get(&path, "multipart/related; type=\"application/dicom+xml\"")?)?;
    let count = parts.len();
    need(count == 1, || format!("{count} parts for one result"))
}

fn no_match(scene: &Scene) -> Outcome {
    let reply = scene.get("/studies?StudyInstanceUID=2.25.4711", JSON)?;
    status(&reply, &[200, 204])?;
    need(results(&reply)?.is_empty(), || "results where nothing matches".to_owned())
}

fn bad_limit(scene: &Scene) -> Outcome {
    status(&scene.get("/studies?limit=abc", JSON)?, &[400])?;
    status(&scene.get("/studies?limit=-1", JSON)?, &[400])
}

fn names(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let by = |name: &str| has_study(scene, &format!("/studies?{name}={uid}"));
    need(by("StudyInstanceUID")? && by("0020000D")?, || "not found under both".to_owned())
}

fn repeated(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    status(&scene.get(&format!("/studies?StudyInstanceUID={uid}&0020000D={uid}"), JSON)?, &[400])
}

fn study_keys(scene: &Scene) -> Outcome {
    let id = patient(scene)?;
    need(has_study(scene, &format!("/studies?PatientID={id}"))?, || "not found by patient ID".to_owned())
}

fn series_keys(scene: &Scene) -> Outcome {
    let study = scene.study()?;
    let all = scene.search(&format!("{study}/series"))?;
    let modality = all.first().map(|series| text(series, MODALITY)).unwrap_or_default();
    let some = scene.search(&format!("{study}/series?Modality={modality}"))?;
    let fit = some.iter().all(|series| text(series, MODALITY) == modality);
    need(!some.is_empty() && fit, || "other modalities, or none".to_owned())
}

fn instance_keys(scene: &Scene) -> Outcome {
    let (series, instances) = (scene.series()?, scene.instances()?);
    let uid = instances.first().map(|(_, uid)| uid.clone()).unwrap_or_default();
    let found = scene.search(&format!("{series}/instances?SOPInstanceUID={uid}"))?;
    let one = found.len() == 1 && found.iter().all(|instance| text(instance, INSTANCE) == uid);
    need(one, || format!("{} results", found.len()))
}

fn wildcard(scene: &Scene) -> Outcome {
    let id = patient(scene)?;
    let cut = id.char_indices().nth(id.chars().count() * 2 / 3).map_or(id.len(), |(at, _)| at);
    let begin = id.get(..cut).unwrap_or_default();
    need(has_study(scene, &format!("/studies?PatientID={begin}*"))?, || "not found".to_owned())
}

fn range(scene: &Scene) -> Outcome {
    let date = text(&found(scene)?, Tag(0x0008, 0x0020));
    if date.is_empty() {
        return Err(Miss::Skipped("the study has no date"));
    }
    let within = has_study(scene, &format!("/studies?StudyDate={date}-{date}"))?;
    let open = has_study(scene, &format!("/studies?StudyDate=-{date}"))?;
    let before = has_study(scene, "/studies?StudyDate=19000101-19000102")?;
    need(within && open && !before, || format!("within {within}, open {open}, outside {before}"))
}

fn uid_list(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let comma = has_study(scene, &format!("/studies?StudyInstanceUID=2.25.4711,{uid}"))?;
    need(comma, || "not found in a list".to_owned())
}

fn universal(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let found = scene.search(&format!("/studies?StudyInstanceUID={uid}&PatientID="))?;
    need(found.first().is_some_and(|it| it.get(PATIENT_ID).is_some()), || {
        "not found or not returned".to_owned()
    })
}

fn fuzzy(scene: &Scene) -> Outcome {
    status(&scene.get("/studies?fuzzymatching=true&PatientName=nobody", JSON)?, &[200, 204])?;
    status(&scene.get("/studies?fuzzymatching=false&limit=1", JSON)?, &[200, 204])
}

/// An attribute of the instances that no result has by itself.
const PIXEL_REPRESENTATION: &str = "00280103";

fn include(scene: &Scene) -> Outcome {
    let found =
        scene.search(&format!("{}/instances?includefield={PIXEL_REPRESENTATION}", scene.series()?))?;
    need(found.first().is_some_and(|it| it.0.contains_key(PIXEL_REPRESENTATION)), || {
        "not returned".to_owned()
    })
}

fn include_list(scene: &Scene) -> Outcome {
    let path = format!("{}/instances?includefield=00280102%2C{PIXEL_REPRESENTATION}", scene.series()?);
    let found = scene.search(&path)?;
    need(found.first().is_some_and(|it| it.0.contains_key(PIXEL_REPRESENTATION)), || {
        "not returned".to_owned()
    })
}

fn lower_level(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let found = scene.search(&format!("/studies?StudyInstanceUID={uid}&includefield=00080018"))?;
    need(found.iter().all(|it| it.get(INSTANCE).is_none()), || "returned".to_owned())
}

fn paging(scene: &Scene) -> Outcome {
    let path = format!("{}/instances", scene.study()?);
    let all = scene.search(&path)?;
    let page = scene.search(&format!("{path}?limit=1&offset=1"))?;
    let same = page.len() == 1
        && all.get(1).map(|it| text(it, INSTANCE)) == page.first().map(|it| text(it, INSTANCE));
    need(same, || format!("{} results, or not the second", page.len()))
}

fn remaining(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/instances?limit=1", scene.study()?), JSON)?;
    let warning = reply.header("warning").unwrap_or_default().to_owned();
    need(warning.contains("299") && warning.contains("additional results"), || "no Warning 299".to_owned())
}

fn order(scene: &Scene) -> Outcome {
    let names = || -> Result<Vec<String>, Miss> {
        let found = scene.search(&format!("{}/instances", scene.study()?))?;
        Ok(found.iter().map(|it| text(it, INSTANCE)).collect())
    };
    need(names()? == names()?, || "another order".to_owned())
}

/// All of these stand in a result.
fn fields(result: &DataSet, tags: &[&str]) -> Outcome {
    let missing: Vec<_> = tags.iter().filter(|tag| !result.0.contains_key(**tag)).copied().collect();
    need(missing.is_empty(), || format!("missing: {}", missing.join(" ")))
}

fn study_fields(scene: &Scene) -> Outcome {
    let tags = [
        "00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030",
        "00100040", "0020000D", "00200010", "00201206", "00201208",
    ];
    fields(&found(scene)?, &tags)
}

fn series_fields(scene: &Scene) -> Outcome {
    let found = scene.search(&format!("{}/series", scene.study()?))?;
    let first = found.first().ok_or_else(|| broken("no series"))?;
    fields(first, &["00080060", &hex(SERIES), "00200011", "00201209", "00081190"])
}

fn instance_fields(scene: &Scene) -> Outcome {
    let found = scene.search(&format!("{}/instances", scene.series()?))?;
    let first = found.first().ok_or_else(|| broken("no instance"))?;
    fields(first, &["00080016", "00080018", "00200013", "00081190", "00280010", "00280011", "00280100"])
}

fn keys_back(scene: &Scene) -> Outcome {
    let series = scene.series()?;
    let found = scene.search(&format!("{series}/instances?00280010=*"))?;
    need(found.first().is_some_and(|it| it.0.contains_key("00280010")), || "not returned".to_owned())
}

fn unknown(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    need(has_study(scene, &format!("/studies?StudyInstanceUID={uid}&NoSuchThing=1"))?, || {
        "not found".to_owned()
    })
}

fn hex_names(scene: &Scene) -> Outcome {
    let found = found(scene)?;
    let upper = |it: char| it.is_ascii_digit() || ('A'..='F').contains(&it);
    need(found.0.keys().all(|name| name.len() == 8 && name.chars().all(upper)), || "other names".to_owned())
}

fn encoded(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?.replace('.', "%2E");
    need(has_study(scene, &format!("/studies?StudyInstanceUID={uid}"))?, || "not found".to_owned())
}

fn behind_the_end(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/instances?offset=100000", scene.study()?), JSON)?;
    need(results(&reply)?.is_empty(), || "results".to_owned())
}
