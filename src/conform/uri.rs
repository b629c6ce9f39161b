//! Checks of the URI service (PS3.18 9): one instance, named by query parameters alone.

use super::reading::{File, is, status};
use super::scene::{INSTANCE, Scene};
use super::{Check, Miss, Outcome, must, need};
use crate::dicom::syntax::EXPLICIT_LE;
use crate::downstream::probe::Reply;
use dicom_core::Tag;

const DICOM: &str = "contentType=application/dicom";
/// MPEG2: a syntax that no instance of the sample can be had in.
const VIDEO: &str = "1.2.840.10008.1.2.4.100";

pub(super) const CHECKS: &[Check] = &[
    must("URI-01", "requestType and the three UIDs, in any order; without one of them 400", needed),
    must("URI-02", "an image is a JPEG where nothing else is asked for", default),
    must("URI-03", "contentType is a DICOM or rendered type; with parameters 400", content_type),
    must(
        "URI-04",
        "transferSyntax is one UID, Explicit VR Little Endian if absent; none 400, another 406",
        syntax,
    ),
    must(
        "URI-06",
        "de-identification is asked for by yes, else 400, and gives another SOP Instance UID",
        de_identified,
    ),
    must("URI-07", "what is unknown is 404", unknown),
];

/// `wado` beside the root; below it, where the root is the server's.
fn beside(root: &str) -> String {
    let parent = root.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.ends_with('/'));
    format!("{}/wado", parent.unwrap_or(root))
}

/// The parameters that every request needs, for the first instance.
fn parameters(scene: &Scene) -> Result<Vec<String>, Miss> {
    let (study, instances) = (scene.study()?, scene.instances()?);
    let (series, instance) = instances.first().ok_or(Miss::Skipped("the study has no instances"))?;
    let study = study.trim_start_matches("/studies/");
    Ok(vec![
        "requestType=WADO".to_owned(),
        format!("studyUID={study}"),
        format!("seriesUID={series}"),
        format!("objectUID={instance}"),
    ])
}

fn get(scene: &Scene, parameters: &[String], more: &str) -> Result<Reply, Miss> {
    let place = scene.wado_uri.clone().unwrap_or_else(|| beside(&scene.root));
    scene.get(&format!("{place}?{}&{more}", parameters.join("&")), "*/*")
}

/// The first instance, with further parameters; nothing if the service is not there.
fn first(scene: &Scene, more: &str) -> Result<Reply, Miss> {
    let parameters = parameters(scene)?;
    if matches!(get(scene, &parameters, DICOM)?.status, 404 | 405 | 501) {
        return Err(Miss::Skipped("no URI service is there; --wado-uri says where it is"));
    }
    get(scene, &parameters, more)
}

/// The first instance as a file.
fn file(scene: &Scene, more: &str) -> Result<File, Miss> {
    let reply = first(scene, &format!("{DICOM}{more}"))?;
    status(&reply, &[200])?;
    is(&reply, "application/dicom")?;
    File::read(&reply.body)
}

fn needed(scene: &Scene) -> Outcome {
    status(&first(scene, DICOM)?, &[200])?;
    let mut all = parameters(scene)?;
    for left_out in 0..all.len() {
        let mut rest = all.clone();
        rest.remove(left_out);
        status(&get(scene, &rest, DICOM)?, &[400])?;
    }
    all.reverse();
    status(&get(scene, &all, DICOM)?, &[200])?;
    all.pop();
    all.push("requestType=OTHER".to_owned());
    status(&get(scene, &all, DICOM)?, &[400])
}

/// The answer is a JPEG.
fn jpeg(reply: &Reply) -> Outcome {
    status(reply, &[200])?;
    is(reply, "image/jpeg")?;
    need(reply.body.starts_with(b"\xFF\xD8"), || "no JPEG file".to_owned())
}

fn default(scene: &Scene) -> Outcome {
    scene.own()?;
    jpeg(&first(scene, "")?)
}

fn content_type(scene: &Scene) -> Outcome {
    file(scene, "")?;
    for parameter in ["transfer-syntax%3D1.2.840.10008.1.2.1", "charset%3Dutf-8"] {
        status(&first(scene, &format!("{DICOM}%3B{parameter}"))?, &[400])?;
    }
    scene.own()?;
    jpeg(&first(scene, "contentType=image/jpeg")?)
}

fn syntax(scene: &Scene) -> Outcome {
    scene.own()?;
    for more in ["", "&transferSyntax=1.2.840.10008.1.2.1"] {
        let syntax = file(scene, more)?.transfer_syntax;
        need(syntax == EXPLICIT_LE, || format!("transfer syntax {syntax}"))?;
    }
    let several = format!("{EXPLICIT_LE},{VIDEO}");
    for (value, wanted) in [("nonsense", 400), (several.as_str(), 400), (VIDEO, 406)] {
        status(&first(scene, &format!("{DICOM}&transferSyntax={value}"))?, &[wanted])?;
    }
    Ok(())
}

fn de_identified(scene: &Scene) -> Outcome {
    status(&first(scene, &format!("{DICOM}&anonymize=no"))?, &[400])?;
    // Who does not offer it refuses it.
    if first(scene, &format!("{DICOM}&anonymize=yes"))?.status >= 400 {
        return Ok(());
    }
    let is_clean = |file: &File| file.values(Tag(0x0012, 0x0062)).iter().any(|it| it == "YES");
    let (plain, made) = (file(scene, "")?, file(scene, "&anonymize=yes")?);
    need(is_clean(&made), || "(0012,0062) is not YES".to_owned())?;
    let renamed = plain.values(INSTANCE) != made.values(INSTANCE);
    need(renamed || is_clean(&plain), || "the SOP Instance UID is the original's".to_owned())
}

fn unknown(scene: &Scene) -> Outcome {
    first(scene, DICOM)?;
    for unknown in 1..4 {
        let mut parameters = parameters(scene)?;
        for parameter in parameters.iter_mut().skip(unknown) {
            let name = parameter.split('=').next().unwrap_or_default();
            *parameter = format!("{name}=2.25.4711");
        }
        status(&get(scene, &parameters, DICOM)?, &[404])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_stands_beside_the_root() {
        assert_eq!(beside("http://h:8042/dicom-web"), "http://h:8042/wado");
        assert_eq!(beside("http://h/a/b"), "http://h/a/wado");
        assert_eq!(beside("http://h"), "http://h/wado");
    }
}
