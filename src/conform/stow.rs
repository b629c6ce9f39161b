//! Checks of storing (PS3.18 10.5, Annex I).

use super::reading::{broken, is, object, parts, status};
use super::scene::{INSTANCES, JSON, Scene, XML};
use super::{Check, Miss, Outcome, may, must, need, should};
use crate::dicomweb::data_set::values;
use dicom_core::Tag;
use serde_json::Value;

const REFERENCED: Tag = Tag(0x0008, 0x1199);
const FAILED: Tag = Tag(0x0008, 0x1198);
const OTHER: Tag = Tag(0x0008, 0x119A);
const RETRIEVE_URL: Tag = Tag(0x0008, 0x1190);

pub(super) const CHECKS: &[Check] = &[
    must("STOW-01", "POST /studies stores instances", stores),
    must("STOW-02", "with a study in the path, instances of another study are refused with 409", other_study),
    must("STOW-03", "unknown query parameters are ignored", unknown_parameter),
    should("STOW-06", "a single application/dicom body is taken", single_part),
    must("STOW-07", "a request of another media type is 415", wrong_media),
    must("STOW-08", "a request without part is 400", no_part),
    must("STOW-21", "200 (or 202 with warnings) when all were stored", all_stored),
    must("STOW-22", "202 when some were stored and some not", some_stored),
    must("STOW-23", "409 when none of several was stored", none_stored),
    must("STOW-24", "the answer is a Store Instances Response", response),
    must("STOW-25", "the answer comes as DICOM XML where that is asked for", response_xml),
    must("STOW-26", "Retrieve URL of the study is present", study_url),
    must("STOW-27", "each stored instance is listed with class, UID and Retrieve URL", listed),
    must("STOW-28", "each refused instance is listed with a Failure Reason", refused),
    must("STOW-36", "the same instances sent twice give the same names", twice),
    may(
        "HTTP-09",
        "the answer's Content-Type is exactly application/dicom+json, as clients compare it",
        exact_type,
    ),
    must("HTTP-13", "405 names the allowed methods", allowed),
];

fn stores(scene: &Scene) -> Outcome {
    let reply =
        scene.stored()?.reply.as_ref().ok_or(Miss::Skipped("nothing is stored where a study is named"))?;
    status(reply, &[200, 202])
}

/// A study that is none of the sample's.
const FOREIGN: &str = "/studies/2.25.4711";

fn other_study(scene: &Scene) -> Outcome {
    status(&scene.store(FOREIGN, &[scene.sample.file(0)])?, &[409])
}

fn unknown_parameter(scene: &Scene) -> Outcome {
    status(&scene.store("/studies?nonsense=1", &[scene.sample.file(0)])?, &[200, 202])
}

fn single_part(scene: &Scene) -> Outcome {
    status(&scene.post("/studies", "application/dicom", JSON, scene.sample.file(0))?, &[200, 202])
}

fn wrong_media(scene: &Scene) -> Outcome {
    status(&scene.post("/studies", "text/plain", JSON, b"nothing".to_vec())?, &[415])
}

fn no_part(scene: &Scene) -> Outcome {
    let media = format!("{INSTANCES}; boundary=b");
    status(&scene.post("/studies", &media, JSON, Vec::new())?, &[400])?;
    status(&scene.post("/studies", &media, JSON, b"--b--\r\n".to_vec())?, &[400])
}

fn all_stored(scene: &Scene) -> Outcome {
    let reply = scene.store("/studies", &[scene.sample.file(0), scene.sample.file(1)])?;
    status(&reply, &[200, 202])?;
    let count = object(&reply)?.values(REFERENCED).len();
    need(count == 2, || format!("{count} of 2 are listed as stored"))
}

fn some_stored(scene: &Scene) -> Outcome {
    status(&scene.store("/studies", &[scene.sample.file(0), b"no DICOM".to_vec()])?, &[202])
}

fn none_stored(scene: &Scene) -> Outcome {
    status(&scene.store("/studies", &[b"no DICOM".to_vec(), b"nor this".to_vec()])?, &[409])
}

fn response(scene: &Scene) -> Outcome {
    let reply = scene.store("/studies", &[scene.sample.file(0)])?;
    is(&reply, JSON)?;
    need(!object(&reply)?.values(REFERENCED).is_empty(), || "no Referenced SOP Sequence".to_owned())
}

fn response_xml(scene: &Scene) -> Outcome {
    let reply = scene.store_for("/studies", &[scene.sample.file(0)], XML)?;
    status(&reply, &[200, 202])?;
    let one = parts(&reply)?.pop().ok_or_else(|| broken("no part"))?;
    need(super::reading::holds(&one.body, "NativeDicomModel"), || "no Native DICOM Model".to_owned())
}

fn study_url(scene: &Scene) -> Outcome {
    let answer = object(&scene.store("/studies", &[scene.sample.file(0)])?)?;
    need(answer.get(RETRIEVE_URL).is_some(), || "(0008,1190) is missing".to_owned())
}

/// The members of an item of a sequence that are missing.
fn missing(item: &Value, members: &[&'static str]) -> Option<&'static str> {
    members.iter().find(|member| item.get(**member).map(values).is_none_or(<[Value]>::is_empty)).copied()
}

fn listed(scene: &Scene) -> Outcome {
    let answer = object(&scene.store("/studies", &[scene.sample.file(0)])?)?;
    let item = answer.values(REFERENCED).first().ok_or_else(|| broken("no item"))?;
    match missing(item, &["00081150", "00081155"]) {
        Some(tag) => Err(Miss::Broken(format!("{tag} is missing"))),
        None => need(item.get("00081190").is_some(), || "00081190 is missing".to_owned()),
    }
}

fn refused(scene: &Scene) -> Outcome {
    let answer = object(&scene.store(FOREIGN, &[scene.sample.file(0)])?)?;
    let failed = answer.values(FAILED).iter().chain(answer.values(OTHER)).next();
    let item = failed.ok_or_else(|| broken("no Failed SOP Sequence"))?;
    need(missing(item, &["00081197"]).is_none(), || "no Failure Reason".to_owned())
}

fn twice(scene: &Scene) -> Outcome {
    let once = || -> Result<Vec<Value>, Miss> {
        let answer = object(&scene.store("/studies", &[scene.sample.file(0)])?)?;
        let uid = |item: &Value| item.get("00081155").cloned().unwrap_or_default();
        Ok(answer.values(REFERENCED).iter().map(uid).collect())
    };
    let (first, second) = (once()?, once()?);
    need(first == second && !first.is_empty(), || "other names, or none".to_owned())
}

fn exact_type(scene: &Scene) -> Outcome {
    let reply = scene.store("/studies", &[scene.sample.file(0)])?;
    let text = reply.header("content-type").unwrap_or_default().to_owned();
    need(text == JSON, || format!("Content-Type {text}"))
}

fn allowed(scene: &Scene) -> Outcome {
    let ask = crate::downstream::probe::Ask {
        method: Some("PATCH"),
        path: "/studies".to_owned(),
        ..Default::default()
    };
    let reply = scene.ask(ask)?;
    status(&reply, &[405])?;
    need(reply.header("allow").is_some(), || "no Allow".to_owned())
}
