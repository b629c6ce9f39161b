//! Checks of metadata (PS3.18 10.4.1.1.2): which there is, and that all is in it. How it is written is `json`'s and `xml`'s.

use super::{AS_STORED, XML, bulk_path, get_parts, one_each, xml};
use crate::conform::gallery::Kind;
use crate::conform::reading::{File, broken, holds, is, results, status};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::data_set::{DataSet, hex, values};
use serde_json::Value;

pub(super) fn resources(scene: &Scene) -> Outcome {
    for path in [scene.study()?, scene.series()?, scene.instance(0)?] {
        let reply = scene.get(&format!("{path}/metadata"), JSON)?;
        status(&reply, &[200, 206])?;
        need(!results(&reply)?.is_empty(), || "no object".to_owned())?;
    }
    Ok(())
}

pub(super) fn array(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/metadata", scene.study()?), JSON)?;
    is(&reply, JSON)?;
    one_each(scene, results(&reply)?.len(), "objects")
}

pub(super) fn documents(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &format!("{}/metadata", scene.study()?), XML)?;
    let models = parts.iter().filter(|part| holds(&part.body, "NativeDicomModel")).count();
    need(models == parts.len(), || format!("{models} documents in {} parts", parts.len()))?;
    one_each(scene, models, "documents")
}

/// Metadata of the instance at this path.
pub(super) fn of(scene: &Scene, path: &str) -> Result<DataSet, Miss> {
    let found = results(&scene.get(&format!("{path}/metadata"), JSON)?)?;
    found.into_iter().next().ok_or(Miss::Skipped("no metadata"))
}

/// The first instance, and that of many values where it can be stored.
pub(super) fn pixels_or_values(scene: &Scene) -> Result<Vec<String>, Miss> {
    Ok([scene.instance(0)?].into_iter().chain(scene.gallery(Kind::Values).ok()).collect())
}

/// Every attribute, at any depth.
pub(super) fn all(data: &DataSet) -> Vec<(String, Value)> {
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

/// No attribute of the instance at this path is other than it must be.
pub(super) fn each_of(scene: &Scene, path: &str, fits: &dyn Fn(&str, &Value) -> bool) -> Outcome {
    let all = all(&of(scene, path)?);
    let bad = all.iter().find(|(name, attribute)| !fits(name, attribute));
    need(bad.is_none(), || format!("not in {}", bad.map(|(name, _)| name.as_str()).unwrap_or_default()))
}

fn each(scene: &Scene, fits: &dyn Fn(&str, &Value) -> bool) -> Outcome {
    each_of(scene, &scene.instance(0)?, fits)
}

pub(super) fn complete(scene: &Scene) -> Outcome {
    for path in pixels_or_values(scene)? {
        let part = get_parts(scene, &path, AS_STORED)?.pop().ok_or_else(|| broken("no part"))?;
        let file = File::read(&part.body)?;
        let told: Vec<String> = all(&of(scene, &path)?).into_iter().map(|(name, _)| name).collect();
        let names = file.attributes.iter().map(|(tag, _)| hex(*tag));
        let missing = names.filter(|name| !name.ends_with("0000")).find(|name| !told.contains(name));
        need(missing.is_none(), || format!("{} is missing", missing.unwrap_or_default()))?;
    }
    Ok(())
}

pub(super) fn no_group_length(scene: &Scene) -> Outcome {
    let fits = |name: &str, _: &Value| !name.ends_with("0000");
    for path in pixels_or_values(scene)? {
        each_of(scene, &path, &fits)?;
        let bad = xml::elements(scene, &path)?.iter().any(|it| it.of("tag").ends_with("0000"));
        need(!bad, || "a group length in XML".to_owned())?;
    }
    Ok(())
}

pub(super) fn bulk_vrs(scene: &Scene) -> Outcome {
    const MAY: [&str; 21] = [
        "DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL",
        "UN", "US", "UT", "UV",
    ];
    each(scene, &|_, it| {
        let vr = it.get("vr").and_then(Value::as_str).unwrap_or_default();
        it.get("BulkDataURI").is_none() || MAY.contains(&vr)
    })
}

pub(super) fn no_group_two(scene: &Scene) -> Outcome {
    each(scene, &|name, _| !name.starts_with("0002") && !name.ends_with("0000"))
}

pub(super) fn shape(scene: &Scene) -> Outcome {
    each(scene, &|_, it| {
        let forms = ["Value", "BulkDataURI", "InlineBinary"].iter().filter(|form| it.get(**form).is_some());
        it.get("vr").is_some_and(Value::is_string) && forms.count() <= 1
    })
}

pub(super) fn types(scene: &Scene) -> Outcome {
    each(scene, &|_, it| {
        let vr = it.get("vr").and_then(Value::as_str).unwrap_or_default();
        let fits = |value: &Value| match vr {
            // JSON has no number for these.
            "FL" | "FD" if value.is_string() => ["NaN", "Infinity", "-Infinity"].iter().any(|it| value == it),
            "FL" | "FD" | "SL" | "SS" | "UL" | "US" => value.is_number(),
            "PN" | "SQ" => value.is_object(),
            "DS" | "IS" | "SV" | "UV" => value.is_number() || value.is_string(),
            _ => value.is_string(),
        };
        values(it).iter().all(|value| value.is_null() || fits(value))
    })
}

pub(super) fn bulk_followed(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    let uri = all(&of(scene, &instance)?)
        .into_iter()
        .find_map(|(_, it)| it.get("BulkDataURI")?.as_str().map(str::to_owned));
    let path = bulk_path(scene, &instance, &uri.ok_or(Miss::Skipped("metadata gives no BulkDataURI"))?);
    if !path.starts_with('/') {
        return Err(Miss::Skipped("the BulkDataURI is another server's"));
    }
    let parts = get_parts(scene, &path, super::OCTETS)?;
    need(parts.iter().all(|part| !part.body.is_empty()), || "an empty part".to_owned())
}
