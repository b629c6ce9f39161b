//! Checks of metadata (PS3.18 10.4.1.1.2, F.2).

use super::get_parts;
use crate::conform::reading::{holds, is, results, status};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::data_set::{DataSet, values};
use serde_json::Value;

pub(super) fn resources(scene: &Scene) -> Outcome {
    for path in [scene.study()?, scene.series()?, scene.instance(0)?] {
        let reply = scene.get(&format!("{path}/metadata"), JSON)?;
        status(&reply, &[200])?;
        need(!results(&reply)?.is_empty(), || "no object".to_owned())?;
    }
    Ok(())
}

pub(super) fn array(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/metadata", scene.study()?), JSON)?;
    is(&reply, JSON)?;
    let (count, wanted) = (results(&reply)?.len(), scene.instances()?.len());
    need(count == wanted, || format!("{count} objects for {wanted} instances"))
}

pub(super) fn xml(scene: &Scene) -> Outcome {
    let accept = "multipart/related; type=\"application/dicom+xml\"";
    let parts = get_parts(scene, &format!("{}/metadata", scene.study()?), accept)?;
    let models = parts.iter().filter(|part| holds(&part.body, "NativeDicomModel")).count();
    let wanted = scene.instances()?.len();
    need(models == wanted, || format!("{models} documents for {wanted} instances"))
}

fn metadata(scene: &Scene) -> Result<DataSet, Miss> {
    let found = results(&scene.get(&format!("{}/metadata", scene.instance(0)?), JSON)?)?;
    found.into_iter().next().ok_or(Miss::Skipped("no metadata"))
}

/// Every attribute, at any depth.
fn all(data: &DataSet) -> Vec<(String, Value)> {
    let mut open: Vec<(String, Value)> = data.0.iter().map(|(name, it)| (name.clone(), it.clone())).collect();
    let mut found = Vec::new();
    while let Some((name, attribute)) = open.pop() {
        if attribute.get("vr").and_then(Value::as_str) == Some("SQ") {
            let items = values(&attribute).iter().filter_map(Value::as_object);
            open.extend(items.flat_map(|item| item.iter().map(|(name, it)| (name.clone(), it.clone()))));
        }
        found.push((name, attribute));
    }
    found
}

/// The first attribute that is not as it must be.
fn each(scene: &Scene, fits: impl Fn(&str, &Value) -> bool) -> Outcome {
    let all = all(&metadata(scene)?);
    let bad = all.iter().find(|(name, attribute)| !fits(name, attribute));
    need(bad.is_none(), || format!("not in {}", bad.map(|(name, _)| name.as_str()).unwrap_or_default()))
}

pub(super) fn bulk_vrs(scene: &Scene) -> Outcome {
    const MAY: [&str; 21] = [
        "DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL",
        "UN", "US", "UT", "UV",
    ];
    each(scene, |_, it| {
        let vr = it.get("vr").and_then(Value::as_str).unwrap_or_default();
        it.get("BulkDataURI").is_none() || MAY.contains(&vr)
    })
}

pub(super) fn no_group_two(scene: &Scene) -> Outcome {
    each(scene, |name, _| !name.starts_with("0002") && !name.ends_with("0000"))
}

pub(super) fn shape(scene: &Scene) -> Outcome {
    each(scene, |_, it| {
        let forms = ["Value", "BulkDataURI", "InlineBinary"].iter().filter(|form| it.get(**form).is_some());
        it.get("vr").is_some_and(Value::is_string) && forms.count() <= 1
    })
}

pub(super) fn types(scene: &Scene) -> Outcome {
    each(scene, |_, it| {
        let vr = it.get("vr").and_then(Value::as_str).unwrap_or_default();
        let fits = |value: &Value| match vr {
            "FL" | "FD" | "SL" | "SS" | "UL" | "US" => value.is_number(),
            "PN" | "SQ" => value.is_object(),
            "DS" | "IS" | "SV" | "UV" => value.is_number() || value.is_string(),
            _ => value.is_string(),
        };
        values(it).iter().all(|value| value.is_null() || fits(value))
    })
}

pub(super) fn bulk_followed(scene: &Scene) -> Outcome {
    let uri = all(&metadata(scene)?)
        .into_iter()
        .find_map(|(_, it)| it.get("BulkDataURI")?.as_str().map(str::to_owned));
    let uri = uri.ok_or(Miss::Skipped("metadata gives no BulkDataURI"))?;
    let base = format!("{}/", scene.instance(0)?);
    let path = if uri.starts_with("http") || uri.starts_with('/') { uri } else { base + &uri };
    let path = path.strip_prefix(&scene.root).map(str::to_owned).unwrap_or(path);
    let parts = get_parts(scene, &path, super::OCTETS)?;
    need(parts.iter().all(|part| !part.body.is_empty()), || "an empty part".to_owned())
}
