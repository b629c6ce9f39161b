//! Checks of rendered resources and thumbnails (PS3.18 8.3.5, 10.4.1.1.3, 10.4.1.1.4).

use super::{JPEG, JPEGS, PNG, get_parts};
use crate::conform::gallery::Kind;
use crate::conform::reading::{holds, is, media, status};
use crate::conform::sample::MARK;
use crate::conform::scene::Scene;
use crate::conform::{Miss, Outcome, need};

fn rendered(scene: &Scene, query: &str) -> Result<String, Miss> {
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
        let reply = scene.get(&format!("{path}/rendered"), JPEGS)?;
        status(&reply, &[200, 206])?;
    }
    Ok(())
}

pub(super) fn types(scene: &Scene) -> Outcome {
    let reply = scene.get(&rendered(scene, "")?, "image/*")?;
    is(&reply, JPEG)?;
    let reply = scene.get(&rendered(scene, "")?, PNG)?;
    is(&reply, PNG)?;
    need(reply.body.starts_with(b"\x89PNG"), || "no PNG file".to_owned())?;
    let reply = scene.get(&rendered(scene, "")?, "image/gif")?;
    need(reply.status == 200 && reply.body.starts_with(b"GIF8"), || {
        format!("status {} for a GIF", reply.status)
    })
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
        // It may also lead to a rendered resource.
        let status = scene.get(&format!("{path}/thumbnail"), JPEG)?.status;
        there.push(status == 200 || (300..400).contains(&status));
    }
    let count = there.iter().filter(|it| **it).count();
    need(count == 0 || count == paths.len(), || format!("at {count} of {} levels", paths.len()))
}

pub(super) fn interpretations(scene: &Scene) -> Outcome {
    let mut seen: Vec<bytes::Bytes> = Vec::new();
    for kind in [Kind::Grey, Kind::Inverse, Kind::Palette, Kind::Rgb, Kind::Ybr] {
        let reply = scene.get(&format!("{}/rendered", scene.gallery(kind)?), PNG)?;
        status(&reply, &[200])?;
        is(&reply, PNG)?;
        // All are made of the same bytes: what looks alike was not interpreted.
        need(!seen.contains(&reply.body), || "two interpretations, one picture".to_owned())?;
        seen.push(reply.body);
    }
    Ok(())
}

pub(super) fn annotation(scene: &Scene) -> Outcome {
    let ask = |value: &str| scene.get(&rendered(scene, &format!("?annotation={value}"))?, JPEG);
    status(&ask("patient,technique")?, &[200])?;
    for bad in ["", "%21"] {
        status(&ask(bad)?, &[400])?;
    }
    // A word that nobody knows is no keyword, or one that is not supported.
    let reply = ask("nonsense")?;
    status(&reply, &[200, 400])?;
    let warned = reply.header("warning").is_some_and(|text| text.starts_with("299"));
    need(reply.status == 400 || warned, || "ignored without a Warning".to_owned())
}

pub(super) fn profiles(scene: &Scene) -> Outcome {
    let path = format!("{}/rendered", scene.gallery(Kind::Rgb)?);
    let ask = |value: &str| scene.get(&format!("{path}?iccprofile={value}"), JPEG);
    status(&ask("no")?, &[200])?;
    status(&ask("nonsense")?, &[400])?;
    let reply = ask("srgb")?;
    status(&reply, &[200])?;
    need(holds(&reply.body, "ICC_PROFILE"), || "no profile in the picture".to_owned())
}

pub(super) fn presentation(scene: &Scene) -> Outcome {
    for kind in [Kind::Grey, Kind::Inverse] {
        scene.gallery(kind)?;
    }
    let parts = get_parts(scene, &format!("{}/rendered", scene.gallery(Kind::State)?), JPEGS)?;
    need(parts.len() == 2, || format!("{} pictures of 2", parts.len()))
}

pub(super) fn thumbnail(scene: &Scene) -> Outcome {
    for path in [scene.study()?, scene.series()?, scene.instance(0)?] {
        let reply = scene.get(&format!("{path}/thumbnail"), JPEG)?;
        match reply.status {
            404 | 405 | 501 => return Err(Miss::Skipped("there are no thumbnails")),
            301 | 302 | 303 | 307 | 308 => {
                let there = reply.header("location").is_some_and(|to| to.contains("/rendered"));
                need(there, || "leads to no rendered resource".to_owned())?;
            }
            _ => {
                status(&reply, &[200])?;
                let media = media(&reply)?;
                need(media.essence().starts_with("image/"), || format!("Content-Type {}", media.essence()))?;
                need(!holds(&reply.body, MARK), || "a mark in the picture's file".to_owned())?;
            }
        }
    }
    Ok(())
}
