//! Checks of the forms of results: DICOM JSON (PS3.18 F.2) and DICOM XML (PS3.18 10.6.4).

use super::study_uid;
use crate::conform::reading::{broken, is, media, parts, results, status};
use crate::conform::scene::{JSON, Scene, XML};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::media::MediaType;
use serde_json::Value;

/// A search at each level.
fn searches(scene: &Scene) -> Result<Vec<String>, Miss> {
    let (study, uid) = (scene.study()?, study_uid(scene)?);
    let below = ["series", "instances"].map(|level| format!("{study}/{level}"));
    Ok([format!("/studies?StudyInstanceUID={uid}")].into_iter().chain(below).collect())
}

pub(super) fn both(scene: &Scene) -> Outcome {
    for path in searches(scene)? {
        let reply = scene.get(&path, "*/*")?;
        is(&reply, JSON)?;
        let (parts, wanted) = (parts(&scene.get(&path, XML)?)?.len(), results(&reply)?.len());
        need(parts == wanted, || format!("{parts} parts for {wanted} results"))?;
    }
    Ok(())
}

pub(super) fn documents(scene: &Scene) -> Outcome {
    let mut paths = searches(scene)?;
    paths.push(format!("{}/metadata", scene.study()?));
    for path in paths {
        let reply = scene.get(&path, XML)?;
        status(&reply, &[200, 206])?;
        for part in parts(&reply)? {
            let media = part.headers.content_type.as_ref().map(MediaType::essence).unwrap_or_default();
            need(media == "application/dicom+xml", || format!("a part of Content-Type {media}"))?;
            // Its opening and its closing tag, or one for both.
            let tags = memchr::memmem::find_iter(&part.body, "NativeDicomModel").count();
            need(matches!(tags, 1 | 2), || "a part that is not one document".to_owned())?;
        }
    }
    Ok(())
}

pub(super) fn json(scene: &Scene) -> Outcome {
    let mut paths = searches(scene)?;
    paths.push(format!("{}/metadata", scene.study()?));
    for path in paths {
        let reply = scene.get(&path, JSON)?;
        status(&reply, &[200, 206])?;
        is(&reply, JSON)?;
        let media = media(&reply)?;
        let charset = media.param("charset").unwrap_or("utf-8");
        let encoded = charset.eq_ignore_ascii_case("utf-8") && std::str::from_utf8(&reply.body).is_ok();
        need(encoded, || "another encoding than UTF-8".to_owned())?;
    }
    Ok(())
}

pub(super) fn array(scene: &Scene) -> Outcome {
    let wanted = scene.instances()?.len();
    if wanted < 2 {
        return Err(Miss::Skipped("the study has one instance only"));
    }
    let reply = scene.get(&format!("{}/instances", scene.study()?), JSON)?;
    let body: Value = serde_json::from_slice(&reply.body).map_err(|_| broken("no JSON"))?;
    let count = body.as_array().ok_or_else(|| broken("no array"))?.iter().filter(|it| it.is_object()).count();
    need(count == wanted, || format!("{count} objects in the array for {wanted} instances"))
}
