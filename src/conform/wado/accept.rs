//! Checks of negotiation (PS3.18 8.3.3.1, 8.7.3 to 8.7.8): media types and transfer syntaxes. Character sets are `charset`'s.

use super::resources::given_in;
use super::{AS_STORED, EXPLICIT_LE, File, INSTANCES, JPEG, PNG, XML, get_parts};
use crate::conform::gallery::Kind;
use crate::conform::reading::{broken, is, status};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Miss, Outcome, need};

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
    let accept = format!("{JSON};q=0, {XML}");
    let reply = scene.get(&format!("{}/metadata", scene.instance(0)?), &accept)?;
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
    scene.own()?;
    let part = get_parts(scene, &scene.instance(0)?, INSTANCES)?.pop().ok_or_else(|| broken("no part"))?;
    let syntax = File::read(&part.body)?.transfer_syntax;
    need(syntax == EXPLICIT_LE, || format!("transfer syntax {syntax}"))
}

pub(super) fn none(_: &Scene) -> Outcome {
    Err(Miss::Skipped("the client that examines always sends an Accept"))
}

pub(super) fn unquoted(scene: &Scene) -> Outcome {
    for kind in ["application/dicom", "\"application/dicom\""] {
        get_parts(scene, &scene.instance(0)?, &format!("multipart/related; type={kind}; transfer-syntax=*"))?;
    }
    Ok(())
}

/// What is accepted, and the type that it must lead to.
type Rows<'a> = &'a [(&'a str, &'a str)];

/// Of each row the answer is of its type.
fn leads(scene: &Scene, below: &str, rows: Rows<'_>) -> Outcome {
    for (accept, essence) in rows {
        let reply = scene.get(&format!("{}/{below}", scene.instance(0)?), accept)?;
        status(&reply, &[200])?;
        is(&reply, essence)?;
    }
    Ok(())
}

pub(super) fn weights(scene: &Scene) -> Outcome {
    let less = format!("{XML};q=0.5, {JSON}");
    let more = format!("{JSON};q=0.5, {XML}");
    leads(scene, "metadata", &[(&less, JSON), (&more, "multipart/related")])?;
    leads(
        scene,
        "rendered",
        &[("image/png;q=0.3, image/jpeg;q=0.9, image/*;q=0.1", JPEG), ("image/jpeg;q=0.2, image/png", PNG)],
    )
}

pub(super) fn uncovered(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    for (below, parameter, accept) in [
        ("rendered", "image/png", JPEG),
        ("metadata", "multipart/related%3Btype%3D%22application/dicom%2Bxml%22", JSON),
    ] {
        let reply = scene.get(&format!("{instance}/{below}?accept={parameter}"), accept)?;
        status(&reply, &[200, 400, 406])?;
        if reply.status == 200 {
            is(&reply, accept)?;
        }
    }
    Ok(())
}

pub(super) fn unsupported(scene: &Scene) -> Outcome {
    leads(scene, "metadata?accept=application/no-such-type", &[("*/*", JSON)])
}

pub(super) fn syntax(scene: &Scene) -> Outcome {
    scene.own()?;
    let instance = scene.instance(0)?;
    for value in [EXPLICIT_LE, &format!("\"{EXPLICIT_LE}\""), "*"] {
        given_in(scene, &instance, &format!("{INSTANCES}; transfer-syntax={value}"), EXPLICIT_LE)?;
    }
    // Grey levels do not become a video of their own accord.
    let video = format!("{INSTANCES}; transfer-syntax=1.2.840.10008.1.2.4.102");
    status(&scene.get(&instance, &video)?, &[406])
}

pub(super) fn rendered_syntax(scene: &Scene) -> Outcome {
    let accept = "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50";
    status(&scene.get(&format!("{}/rendered", scene.instance(0)?), accept)?, &[400, 406])
}

pub(super) fn syntax_parameter(scene: &Scene) -> Outcome {
    scene.own()?;
    let path = format!("{}?transferSyntax=1.2.840.10008.1.2.5", scene.instance(0)?);
    given_in(scene, &path, INSTANCES, EXPLICIT_LE)
}

pub(super) fn each_part(scene: &Scene) -> Outcome {
    const RLE: &str = "1.2.840.10008.1.2.5";
    scene.gallery(Kind::Plain)?;
    let instance = scene.gallery(Kind::Rle)?;
    let series = instance.split("/instances").next().unwrap_or_default();
    let one = |syntax| format!("{INSTANCES}; transfer-syntax={syntax}");
    for accept in [one("*"), format!("{}, {};q=0.9", one(RLE), one(EXPLICIT_LE))] {
        let parts = get_parts(scene, series, &accept)?;
        need(parts.len() == 2, || format!("{} of 2 instances", parts.len()))?;
        for part in parts {
            let syntax = File::read(&part.body)?.transfer_syntax;
            let fits = accept.contains('*') || [RLE, EXPLICIT_LE].contains(&syntax.as_str());
            need(fits, || format!("transfer syntax {syntax}"))?;
        }
    }
    Ok(())
}
