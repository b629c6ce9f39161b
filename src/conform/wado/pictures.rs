//! Checks of rendered resources and thumbnails (PS3.18 8.3.5, 10.4.1.1.3, 10.4.1.1.4).

use crate::conform::reading::{is, status};
use crate::conform::scene::Scene;
use crate::conform::{Outcome, need};

const JPEG: &str = "image/jpeg";
const PNG: &str = "image/png";

fn rendered(scene: &Scene, query: &str) -> Result<String, crate::conform::Miss> {
    Ok(format!("{}/rendered{query}", scene.instance(0)?))
}

pub(super) fn resources(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    for path in [format!("{instance}/rendered"), format!("{instance}/frames/1/rendered")] {
        let reply = scene.get(&path, JPEG)?;
        status(&reply, &[200])?;
        is(&reply, JPEG)?;
    }
    for path in [scene.study()?, scene.series()?] {
        let reply = scene.get(&format!("{path}/rendered"), "multipart/related; type=\"image/jpeg\"")?;
        status(&reply, &[200, 206])?;
    }
    Ok(())
}

pub(super) fn types(scene: &Scene) -> Outcome {
    let reply = scene.get(&rendered(scene, "")?, "image/*")?;
    is(&reply, JPEG)?;
    let reply = scene.get(&rendered(scene, "")?, PNG)?;
    is(&reply, PNG)?;
    need(reply.body.starts_with(b"\x89PNG"), || "no PNG file".to_owned())
}

pub(super) fn bad_quality(scene: &Scene) -> Outcome {
    status(&scene.get(&rendered(scene, "?quality=101")?, JPEG)?, &[400])
}

/// Width and height of a PNG file.
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(*png.get(at..)?.first_chunk()?));
    Some((number(16)?, number(20)?))
}

pub(super) fn viewport(scene: &Scene) -> Outcome {
    let reply = scene.get(&rendered(scene, "?viewport=16,16")?, PNG)?;
    status(&reply, &[200])?;
    let size = size(&reply.body);
    need(size.is_some_and(|(width, height)| width <= 16 && height <= 16), || {
        format!("a picture of {size:?}")
    })?;
    status(&scene.get(&rendered(scene, "?viewport=a,b")?, PNG)?, &[400])
}

pub(super) fn bad_window(scene: &Scene) -> Outcome {
    status(&scene.get(&rendered(scene, "?window=40,400,linear")?, JPEG)?, &[200])?;
    status(&scene.get(&rendered(scene, "?window=40")?, JPEG)?, &[400])
}

pub(super) fn no_single_study(scene: &Scene) -> Outcome {
    status(&scene.get(&format!("{}/rendered", scene.study()?), JPEG)?, &[406])
}

pub(super) fn thumbnails(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    let paths = [scene.study()?, scene.series()?, instance.clone(), format!("{instance}/frames/1")];
    let mut there = Vec::new();
    for path in &paths {
        there.push(scene.get(&format!("{path}/thumbnail"), JPEG)?.status == 200);
    }
    let count = there.iter().filter(|it| **it).count();
    need(count == 0 || count == paths.len(), || format!("at {count} of {} levels", paths.len()))
}
