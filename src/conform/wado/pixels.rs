//! Checks of frames and bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6). What they must hold is known of the sample only.

use super::{OCTETS, get_parts};
use crate::conform::reading::{broken, results, status};
use crate::conform::sample::{FRAME, FRAMES};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::media::MediaType;

/// Frames as OHIF asks for them.
const FRAMES_AS_STORED: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";

/// Where the pixels of the sample's first instance are bulk data.
fn pixel_data(scene: &Scene) -> Result<String, Miss> {
    let found = results(&scene.get(&format!("{}/metadata", scene.instance(0)?), JSON)?)?;
    let pixels = found.first().and_then(|it| it.0.get("7FE00010")?.get("BulkDataURI")?.as_str());
    let uri = pixels.ok_or(Miss::Skipped("metadata gives no BulkDataURI of the pixels"))?;
    let path = uri.strip_prefix(&scene.root).unwrap_or(uri);
    let absolute = path.starts_with("http") || path.starts_with('/');
    Ok(if absolute { path.to_owned() } else { format!("{}/{path}", scene.instance(0)?) })
}

pub(super) fn bulk(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &pixel_data(scene)?, OCTETS)?;
    need(!parts.is_empty(), || "no part".to_owned())
}

pub(super) fn bulk_length(scene: &Scene) -> Outcome {
    scene.own()?;
    let part = get_parts(scene, &pixel_data(scene)?, OCTETS)?.pop().ok_or_else(|| broken("no part"))?;
    need(part.body.len() == FRAME, || format!("{} bytes of {FRAME}", part.body.len()))
}

/// The instance of several frames.
fn many(scene: &Scene) -> Result<String, Miss> {
    scene.own()?;
    scene.instance(2)
}

pub(super) fn list(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &format!("{}/frames/1,3", many(scene)?), FRAMES_AS_STORED)?;
    let sizes = parts.iter().all(|part| part.body.len() == FRAME);
    need(parts.len() == 2 && sizes, || format!("{} parts, or of other sizes", parts.len()))
}

pub(super) fn no_frames(scene: &Scene) -> Outcome {
    let instance = many(scene)?;
    for list in ["0".to_owned(), (FRAMES + 1).to_string(), "a".to_owned(), "2,1".to_owned()] {
        status(&scene.get(&format!("{instance}/frames/{list}"), FRAMES_AS_STORED)?, &[400, 404])?;
    }
    Ok(())
}

pub(super) fn one_part_each(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &format!("{}/frames/1,2,3", many(scene)?), FRAMES_AS_STORED)?;
    let starts: Vec<u16> =
        parts.iter().filter_map(|part| part.body.first_chunk().map(|it| u16::from_le_bytes(*it))).collect();
    need(starts == [14, 114, 214], || format!("{} parts, or in another order", parts.len()))
}

pub(super) fn part_header(scene: &Scene) -> Outcome {
    let path = format!("{}/frames/1", scene.instance(0)?);
    let part = get_parts(scene, &path, FRAMES_AS_STORED)?.pop().ok_or_else(|| broken("no part"))?;
    let media = part.headers.content_type.ok_or_else(|| broken("a part without Content-Type"))?;
    need(media.transfer_syntax().is_some(), || {
        format!("{} without transfer-syntax", MediaType::essence(&media))
    })
}
