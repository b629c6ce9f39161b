//! Checks of the attributes of results (PS3.18 8.3.4.3, 10.6.3.3).

use super::{found, study_uid};
use crate::conform::reading::{broken, names};
use crate::conform::scene::{INSTANCE, JSON, SERIES, Scene};
use crate::conform::{Outcome, need};
use crate::dicomweb::data_set::{DataSet, hex};

/// An attribute of the instances that no result has by itself.
const PIXEL_REPRESENTATION: &str = "00280103";

pub(super) fn include(scene: &Scene) -> Outcome {
    let found =
        scene.search(&format!("{}/instances?includefield={PIXEL_REPRESENTATION}", scene.series()?))?;
    need(found.first().is_some_and(|it| it.0.contains_key(PIXEL_REPRESENTATION)), || {
        "not returned".to_owned()
    })
}

pub(super) fn include_list(scene: &Scene) -> Outcome {
    let path = format!("{}/instances?includefield=00280102%2C{PIXEL_REPRESENTATION}", scene.series()?);
    let found = scene.search(&path)?;
    need(found.first().is_some_and(|it| it.0.contains_key(PIXEL_REPRESENTATION)), || {
        "not returned".to_owned()
    })
}

pub(super) fn lower_level(scene: &Scene) -> Outcome {
    let uid = study_uid(scene)?;
    let found = scene.search(&format!("/studies?StudyInstanceUID={uid}&includefield=00080018"))?;
    need(found.iter().all(|it| it.get(INSTANCE).is_none()), || "returned".to_owned())
}

/// All of these stand in a result.
fn fields(result: &DataSet, tags: &[&str]) -> Outcome {
    let missing: Vec<_> = tags.iter().filter(|tag| !result.0.contains_key(**tag)).copied().collect();
    need(missing.is_empty(), || format!("missing: {}", missing.join(" ")))
}

pub(super) fn study_fields(scene: &Scene) -> Outcome {
    let tags = [
        "00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030",
        "00100040", "0020000D", "00200010", "00201206", "00201208",
    ];
    fields(&found(scene)?, &tags)
}

pub(super) fn series_fields(scene: &Scene) -> Outcome {
    let found = scene.search(&format!("{}/series", scene.study()?))?;
    let first = found.first().ok_or_else(|| broken("no series"))?;
    fields(first, &["00080060", &hex(SERIES), "00200011", "00201209", "00081190"])
}

pub(super) fn instance_fields(scene: &Scene) -> Outcome {
    let found = scene.search(&format!("{}/instances", scene.series()?))?;
    let first = found.first().ok_or_else(|| broken("no instance"))?;
    fields(first, &["00080016", "00080018", "00200013", "00081190", "00280010", "00280011", "00280100"])
}

pub(super) fn keys_back(scene: &Scene) -> Outcome {
    let series = scene.series()?;
    let found = scene.search(&format!("{series}/instances?00280010=*"))?;
    need(found.first().is_some_and(|it| it.0.contains_key("00280010")), || "not returned".to_owned())
}

pub(super) fn hex_names(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("/studies?StudyInstanceUID={}", study_uid(scene)?), JSON)?;
    let names = names(&reply)?;
    let upper = |it: char| it.is_ascii_digit() || ('A'..='F').contains(&it);
    need(names.iter().all(|name| name.len() == 8 && name.chars().all(upper)), || "other names".to_owned())?;
    need(!names.is_empty() && names.is_sorted(), || "in another order, or none".to_owned())
}
