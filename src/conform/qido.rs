//! Checks of searching (PS3.18 8.3.4, 10.6): resources and pages. By what is searched is `keys`', what matches
//! `matching`'s, what comes back `fields`' and in which form `forms`'.

mod fields;
mod forms;
mod keys;
mod matching;

use super::reading::{broken, is, results, status};
use super::scene::{INSTANCE, JSON, STUDY, Scene, text};
use super::{Check, Miss, Outcome, may, must, need, should};
use crate::dicomweb::data_set::DataSet;
use dicom_core::Tag;

const PATIENT_ID: Tag = Tag(0x0010, 0x0020);

/// A value that nobody has, of any text.
const NOBODY: &str = "VGNOBODY";

pub(super) const CHECKS: &[Check] = &[
    must("QIDO-01", "all six resources of a search answer", resources),
    must("QIDO-02", "results are DICOM JSON by default, DICOM XML where that is asked for", forms::both),
    must("QIDO-03", "no match is 204, or 200 with an empty array (CP-2473)", no_match),
    must("QIDO-04", "a limit that is no number is 400", bad_limit),
    must("QIDO-05", "an attribute is named by tag or keyword, with the same result", keys::names),
    must("QIDO-06", "an attribute that stands twice is 400", keys::repeated),
    must("QIDO-07", "a comma parts values of UIDs only", keys::one_value),
    must("QIDO-08", "a private attribute is matched only with its creator in the query", keys::private),
    must("QIDO-09", "studies are found by each key of theirs that has a value", keys::studies),
    must("QIDO-10", "series are found by each key of theirs that has a value", keys::series),
    must("QIDO-11", "instances are found by each key of theirs that has a value", keys::instances),
    must("QIDO-12", "each resource is searched by the keys of all its levels", keys::levels),
    must("QIDO-13", "a single value is matched whole and by case", matching::exact),
    must("QIDO-14", "an asterisk at the end of a patient ID matches what begins so", matching::wildcard),
    must("QIDO-15", "a range of dates matches what lies within", matching::range),
    must("QIDO-16", "a range of dates and one of times are one interval", matching::interval),
    must("QIDO-17", "a list of UIDs matches each of them", matching::uid_list),
    must("QIDO-18", "an empty value matches all and brings the attribute back", matching::universal),
    must("QIDO-19", "keys below a sequence are met by one item of it", matching::sequence),
    must("QIDO-20", "Timezone Offset From UTC shifts dates and times of the query", matching::zone),
    must("QIDO-21", "fuzzymatching is taken, supported or not", matching::fuzzy),
    must("QIDO-22", "emptyvaluematching is done, or a Warning 299 says that it is not", matching::empty),
    must(
        "QIDO-23",
        "multiplevaluematching is done, or a Warning 299 says that it is not",
        matching::multiple,
    ),
    must("QIDO-24", "includefield brings an attribute of the level", fields::include),
    should(
        "QIDO-24c",
        "includefield takes a list with encoded commas, as OHIF sends it",
        fields::include_list,
    ),
    must("QIDO-25", "attributes of a lower level are not returned", fields::lower_level),
    must("QIDO-26", "limit and offset cut a page", paging),
    must("QIDO-27", "a Warning tells that results are left", remaining),
    must("QIDO-28", "the same search has the same order", order),
    must("QIDO-29", "results for studies have their attributes", fields::study_fields),
    must("QIDO-30", "results for series have their attributes", fields::series_fields),
    must("QIDO-31", "results for instances have their attributes", fields::instance_fields),
    must("QIDO-33", "keys come back in the results", fields::keys_back),
    must("QIDO-34", "a parameter that names no attribute is ignored", unknown),
    must("JSON-01", "results and metadata are UTF-8 and application/dicom+json", forms::json),
    must("JSON-02", "several results are one array", forms::array),
    must("JSON-03", "attribute names are eight upper-case hexadecimal digits, ascending", fields::hex_names),
    must("XML-01", "DICOM XML of results and metadata is one document a part", forms::documents),
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

/// The series of the study as a search shows them, and the first one's as metadata do, which tell more.
fn series_shown(scene: &Scene) -> Result<Vec<DataSet>, Miss> {
    let mut shown = scene.search(&format!("{}/series?includefield=00400275", scene.study()?))?;
    shown.extend(scene.search(&format!("{}/metadata", scene.instance(0)?))?);
    Ok(shown)
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

fn no_match(scene: &Scene) -> Outcome {
    let reply = scene.get("/studies?StudyInstanceUID=2.25.4711", JSON)?;
    status(&reply, &[200, 204])?;
    need(results(&reply)?.is_empty(), || "results where nothing matches".to_owned())
}

fn bad_limit(scene: &Scene) -> Outcome {
    status(&scene.get("/studies?limit=abc", JSON)?, &[400])?;
    status(&scene.get("/studies?limit=-1", JSON)?, &[400])
}

/// The path of a search that has two results at least.
fn several(scene: &Scene) -> Result<String, Miss> {
    match scene.instances()?.len() {
        0 | 1 => Err(Miss::Skipped("the study has one instance only")),
        _ => Ok(format!("{}/instances", scene.study()?)),
    }
}

fn paging(scene: &Scene) -> Outcome {
    let path = several(scene)?;
    let all = scene.search(&path)?;
    let page = scene.search(&format!("{path}?limit=1&offset=1"))?;
    let same = page.len() == 1
        && all.get(1).map(|it| text(it, INSTANCE)) == page.first().map(|it| text(it, INSTANCE));
    need(same, || format!("{} results, or not the second", page.len()))
}

fn remaining(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}?limit=1", several(scene)?), JSON)?;
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

fn unknown(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    need(has_study(scene, &format!("/studies?StudyInstanceUID={uid}&NoSuchThing=1"))?, || {
        "not found".to_owned()
    })
}

fn encoded(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?.replace('.', "%2E");
    need(has_study(scene, &format!("/studies?StudyInstanceUID={uid}"))?, || "not found".to_owned())
}

fn behind_the_end(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/instances?offset=100000", scene.study()?), JSON)?;
    need(results(&reply)?.is_empty(), || "results".to_owned())
}
