//! Checks of what a value matches (PS3.18 8.3.4.1.1 and PS3.4 C.2.2.2), and of the parameters that change it.

use super::{NOBODY, PATIENT_ID, found, has_study, patient, series_shown, study_uid};
use crate::conform::reading::{results, status};
use crate::conform::sample::ZONE;
use crate::conform::scene::{JSON, SERIES, Scene, text};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::data_set::{DataSet, values};
use crate::dicomweb::links::segment;
use dicom_core::Tag;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn exact(scene: &Scene) -> Outcome {
    let (id, uid) = (patient(scene)?, study_uid(scene)?);
    let whole = has_study(scene, &format!("/studies?StudyInstanceUID={uid}&PatientID={}", segment(&id)))?;
    need(whole, || "not found by the whole value".to_owned())?;
    let begin: String = id.chars().take(id.chars().count() - 1).collect();
    let cases = [id.to_lowercase(), id.to_uppercase(), begin];
    for other in cases.iter().filter(|other| **other != id && !other.is_empty()) {
        let wrong =
            has_study(scene, &format!("/studies?StudyInstanceUID={uid}&PatientID={}", segment(other)))?;
        need(!wrong, || "found by another case, or by the beginning".to_owned())?;
    }
    Ok(())
}

pub(super) fn wildcard(scene: &Scene) -> Outcome {
    let (id, uid) = (patient(scene)?, study_uid(scene)?);
    let cut = id.char_indices().nth(id.chars().count() * 2 / 3).map_or(id.len(), |(at, _)| at);
    let begin = id.get(..cut).unwrap_or_default();
    need(has_study(scene, &format!("/studies?StudyInstanceUID={uid}&PatientID={}*", segment(begin)))?, || {
        "not found".to_owned()
    })
}

/// Date and time of the study, where it has both.
fn moment(scene: &Scene) -> Result<(String, String), Miss> {
    let found = found(scene)?;
    let (date, time) = (text(&found, Tag(0x0008, 0x0020)), text(&found, Tag(0x0008, 0x0030)));
    if date.is_empty() || time.is_empty() {
        return Err(Miss::Skipped("the study has no date, or no time"));
    }
    Ok((date, time))
}

pub(super) fn range(scene: &Scene) -> Outcome {
    let date = text(&found(scene)?, Tag(0x0008, 0x0020));
    if date.is_empty() {
        return Err(Miss::Skipped("the study has no date"));
    }
    let uid = study_uid(scene)?;
    let of = |dates: &str| has_study(scene, &format!("/studies?StudyInstanceUID={uid}&StudyDate={dates}"));
    let within = of(&format!("{date}-{date}"))?;
    let open = of(&format!("-{date}"))?;
    let before = of("18000203-18000204")?;
    need(within && open && !before, || format!("within {within}, open {open}, outside {before}"))
}

pub(super) fn interval(scene: &Scene) -> Outcome {
    moment(scene)?;
    let uid = study_uid(scene)?;
    let within = |dates: &str, times: &str| {
        has_study(scene, &format!("/studies?StudyInstanceUID={uid}&StudyDate={dates}&StudyTime={times}"))
    };
    // Read apart, hardly any time lies between the last second of a day and its first.
    let (one, other) =
        (within("19000101-29991231", "235959-000001")?, within("18000203-18000204", "000000-235959")?);
    need(one && !other, || format!("within {one}, outside {other}"))
}

pub(super) fn uid_list(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let comma = has_study(scene, &format!("/studies?StudyInstanceUID=2.25.4711,{uid}"))?;
    need(comma, || "not found in a list".to_owned())
}

pub(super) fn universal(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let found = scene.search(&format!("/studies?StudyInstanceUID={uid}&PatientID="))?;
    need(found.first().is_some_and(|it| it.get(PATIENT_ID).is_some()), || {
        "not found or not returned".to_owned()
    })
}

/// The Scheduled Procedure Step IDs and Requested Procedure IDs of a series' requests.
fn requests(series: &DataSet) -> Vec<[String; 2]> {
    let id = |item: &Value, tag| {
        let first = item.get(tag).and_then(|it| values(it).first()?.as_str());
        first.unwrap_or_default().to_owned()
    };
    let items = series.values(Tag(0x0040, 0x0275)).iter();
    items.map(|item| ["00400009", "00401001"].map(|tag| id(item, tag))).collect()
}

pub(super) fn sequence(scene: &Scene) -> Outcome {
    let path = format!("{}/series", scene.study()?);
    for series in series_shown(scene)? {
        let requests = requests(&series);
        let (Some([step, its]), Some([_, others])) = (requests.first(), requests.last()) else { continue };
        let torn = [step.clone(), others.clone()];
        if [step, its, others].iter().any(|id| id.is_empty()) || requests.contains(&torn) {
            continue;
        }
        let by = |request: &str| -> Result<bool, Miss> {
            let (step, request) = (segment(step), segment(request));
            let query = format!("{path}?00400275.00400009={step}&00400275.00401001={request}");
            Ok(scene.search(&query)?.iter().any(|it| text(it, SERIES) == text(&series, SERIES)))
        };
        let (one, two) = (by(its)?, by(others)?);
        return need(one && !two, || format!("by one item {one}, by two together {two}"));
    }
    Err(Miss::Skipped("no series has two requests"))
}

pub(super) fn zone(scene: &Scene) -> Outcome {
    let ((date, time), uid) = (moment(scene)?, study_uid(scene)?);
    let within = |time: &str, zone: &str| {
        let moment = format!("StudyDate={date}&StudyTime={time}&TimezoneOffsetFromUTC={}", segment(zone));
        has_study(scene, &format!("/studies?StudyInstanceUID={uid}&{moment}"))
    };
    // Whatever the zone of the study: the same hour of two zones is never one moment.
    let (here, east) = (within(&time, ZONE)?, within(&time, "+0100")?);
    need(!(here && east), || "the same time in two zones".to_owned())?;
    if text(&found(scene)?, Tag(0x0008, 0x0201)) != ZONE {
        return Err(Miss::Skipped("the study does not say its zone"));
    }
    let hour = time.get(..2).and_then(|hour| hour.parse::<u8>().ok());
    let hour =
        hour.filter(|hour| *hour < 23).ok_or(Miss::Skipped("the study is of the last hour of its day"))?;
    let later = format!("{:02}{}", hour + 1, time.get(2..).unwrap_or_default());
    let moved = within(&later, "+0100")?;
    need(here && moved, || format!("in its own zone {here}, an hour later one zone east {moved}"))
}

pub(super) fn fuzzy(scene: &Scene) -> Outcome {
    status(&scene.get("/studies?fuzzymatching=true&PatientName=nobody", JSON)?, &[200, 204])?;
    status(&scene.get("/studies?fuzzymatching=false&limit=1", JSON)?, &[200, 204])
}

/// True if the answer warns that it does not support this parameter.
fn warns(scene: &Scene, path: &str, parameter: &str) -> Result<bool, Miss> {
    let reply = scene.get(path, JSON)?;
    status(&reply, &[200, 204])?;
    let warning = reply.header("warning").unwrap_or_default().to_ascii_lowercase();
    Ok(warning.contains("299") && warning.contains(parameter))
}

/// The series found, those without a value of an attribute, or all.
fn series(found: &[DataSet], without: Option<Tag>) -> BTreeSet<String> {
    let without = |it: &&DataSet| without.is_none_or(|tag| it.values(tag).is_empty());
    found.iter().filter(without).map(|it| text(it, SERIES)).collect()
}

pub(super) fn empty(scene: &Scene) -> Outcome {
    let (uid, with) = (study_uid(scene)?, "%22%22&emptyvaluematching=true");
    if warns(scene, &format!("/studies?StudyInstanceUID={uid}&PatientID={with}"), "emptyvaluematching")? {
        return Ok(());
    }
    let path = format!("{}/series?PerformedProcedureStepStartDate=", scene.study()?);
    let wanted = series(&scene.search(&path)?, Some(Tag(0x0040, 0x0244)));
    if wanted.is_empty() {
        return Err(Miss::Skipped("no Warning, and no series that such a search could find"));
    }
    need(series(&scene.search(&format!("{path}{with}"))?, None) == wanted, || {
        "no Warning, and not done".to_owned()
    })
}

pub(super) fn multiple(scene: &Scene) -> Outcome {
    let path = format!("{}/series", scene.study()?);
    let all = scene.search(&path)?;
    let modality = all.first().map(|it| text(it, Tag(0x0008, 0x0060))).unwrap_or_default();
    let mut found = false;
    for more in [String::new(), format!("%5C{NOBODY}"), format!(",{NOBODY}")] {
        let asked = format!("{path}?Modality={modality}{more}&multiplevaluematching=true");
        if warns(scene, &asked, "multiplevaluematching")? {
            return Ok(());
        }
        found |= !more.is_empty() && !results(&scene.get(&asked, JSON)?)?.is_empty();
    }
    need(found, || "no Warning, and not done".to_owned())
}
