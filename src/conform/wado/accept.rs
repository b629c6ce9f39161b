//! Checks of negotiation (PS3.18 8.7.5, 8.7.8).

use super::{AS_STORED, EXPLICIT_LE, File, INSTANCES, get_parts};
use crate::conform::reading::{broken, is, status};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Outcome, need};
use crate::downstream::probe::Ask;

pub(super) fn mixed(scene: &Scene) -> Outcome {
    status(&scene.get(&scene.instance(0)?, &format!("{AS_STORED}, image/jpeg"))?, &[400])
}

pub(super) fn parameter(scene: &Scene) -> Outcome {
    let reply =
        scene.get(&format!("{}/metadata?accept=application/dicom%2Bjson", scene.instance(0)?), "*/*")?;
    status(&reply, &[200])?;
    is(&reply, JSON)
}

pub(super) fn nothing(scene: &Scene) -> Outcome {
    status(&scene.get(&scene.instance(0)?, "text/csv")?, &[406])?;
    status(&scene.get(&format!("{}/metadata", scene.instance(0)?), "text/csv")?, &[406])
}

pub(super) fn zero(scene: &Scene) -> Outcome {
    let accept = "application/dicom+json;q=0, multipart/related; type=\"application/dicom+xml\"";
    let reply = scene.get(&format!("{}/metadata", scene.instance(0)?), accept)?;
    status(&reply, &[200])?;
    is(&reply, "multipart/related")
}

pub(super) fn rubbish(scene: &Scene) -> Outcome {
    let reply =
        scene.get(&format!("{}/metadata", scene.instance(0)?), "no/such;;, ===, application/dicom+json")?;
    status(&reply, &[200])?;
    is(&reply, JSON)
}

pub(super) fn anything(scene: &Scene) -> Outcome {
    let reply = scene.get(&format!("{}/metadata", scene.instance(0)?), "*/*")?;
    status(&reply, &[200])?;
    is(&reply, JSON)?;
    let parts = get_parts(scene, &scene.instance(0)?, "*/*")?;
    need(parts.len() == 1, || format!("{} parts", parts.len()))
}

pub(super) fn star(scene: &Scene) -> Outcome {
    get_parts(scene, &scene.instance(0)?, AS_STORED).map(drop)
}

pub(super) fn default_syntax(scene: &Scene) -> Outcome {
    let part = get_parts(scene, &scene.instance(0)?, INSTANCES)?.pop().ok_or_else(|| broken("no part"))?;
    let syntax = File::read(&part.body)?.transfer_syntax;
    need(syntax == EXPLICIT_LE, || format!("transfer syntax {syntax}"))
}

pub(super) fn none(scene: &Scene) -> Outcome {
    let reply = scene.ask(Ask { path: format!("{}/metadata", scene.instance(0)?), ..Ask::default() })?;
    status(&reply, &[200, 406])
}

pub(super) fn unquoted(scene: &Scene) -> Outcome {
    for kind in ["application/dicom", "\"application/dicom\""] {
        get_parts(scene, &scene.instance(0)?, &format!("multipart/related; type={kind}; transfer-syntax=*"))?;
    }
    Ok(())
}
