//! Checks that run over all resources of retrieval (PS3.18 10.1, 10.2, 10.4), and of what is given of them: all, a part.

use super::{AS_STORED, EXPLICIT_LE, JPEG, JPEGS, OCTETS, PNG, XML, capabilities, get_parts, pixel_data};
use crate::conform::gallery::Kind;
use crate::conform::reading::{File, broken, is, media, results, status};
use crate::conform::scene::{INSTANCES, JSON, Scene};
use crate::conform::{Miss, Outcome, need};
use crate::dicomweb::media::MediaType;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Every resource that there must be, and what it is asked for as.
pub(super) fn all(scene: &Scene) -> Result<Vec<(String, String)>, Miss> {
    let instance = scene.instance(0)?;
    let mut all = Vec::new();
    for (path, picture) in [(scene.study()?, JPEGS), (scene.series()?, JPEGS), (instance.clone(), JPEG)] {
        for (below, accept) in [("", AS_STORED), ("/metadata", JSON), ("/rendered", picture)] {
            all.push((format!("{path}{below}"), accept.to_owned()));
        }
    }
    all.push((format!("{instance}/frames/1"), format!("{OCTETS}; transfer-syntax=*")));
    all.push((format!("{instance}/frames/1/rendered"), JPEG.to_owned()));
    all.extend(pixel_data(scene, &instance).ok().map(|path| (path, OCTETS.to_owned())));
    Ok(all)
}

pub(super) fn mandatory(scene: &Scene) -> Outcome {
    for (path, accept) in all(scene)? {
        let status = scene.get(&path, &accept)?.status;
        // Of several instances some may have no picture, or be withheld.
        need(matches!(status, 200 | 206), || format!("status {status} at …{}", last(&path)))?;
    }
    capabilities::described(scene)
}

/// The word at the end of a path; a UID and whatever else a server calls its bulk data stay untold.
fn last(path: &str) -> &str {
    let end = path.rsplit('/').next().unwrap_or_default();
    if end.chars().all(|letter| letter.is_ascii_alphabetic()) { end } else { "" }
}

pub(super) fn typed(scene: &Scene) -> Outcome {
    let unknown = ("/studies/2.25.4711".to_owned(), AS_STORED.to_owned());
    for (path, accept) in all(scene)?.into_iter().chain([unknown]) {
        let reply = scene.get(&path, &accept)?;
        let named = reply.body.is_empty() || reply.header("content-type").is_some();
        need(named, || format!("no Content-Type with status {}", reply.status))?;
    }
    Ok(())
}

pub(super) fn parameters(scene: &Scene) -> Outcome {
    let mut asked = all(scene)?;
    let instance = scene.instance(0)?;
    // And what is not the default, so that it must have been read.
    asked.push((format!("{instance}/rendered"), PNG.to_owned()));
    asked.push((format!("{instance}/metadata"), XML.to_owned()));
    for (path, accept) in asked {
        let wanted = MediaType::parse(&accept).map_err(|_| broken("no media type"))?;
        let value = utf8_percent_encode(&accept, NON_ALPHANUMERIC);
        let begin = if path.contains('?') { '&' } else { '?' };
        let reply = scene.get(&format!("{path}{begin}accept={value}&charset=utf-8"), "*/*")?;
        status(&reply, &[200, 206])?;
        is(&reply, wanted.essence())?;
        let root = |media: &MediaType| media.root_type().map(|root| root.essence().to_owned());
        let (given, wanted) = (root(&media(&reply)?), root(&wanted));
        need(given == wanted, || format!("parts of {}", given.unwrap_or_default()))?;
    }
    Ok(())
}

pub(super) fn syntaxes(scene: &Scene) -> Outcome {
    let path = format!("{}/metadata", scene.instance(0)?);
    let reply = scene.get(&path, &format!("{JSON}; charset=utf-8"))?;
    status(&reply, &[200])?;
    is(&reply, JSON)?;
    let instance = scene.gallery(Kind::Rle)?;
    for syntax in ["1.2.840.10008.1.2.5", EXPLICIT_LE] {
        given_in(scene, &instance, &format!("{INSTANCES}; transfer-syntax={syntax}"), syntax)?;
    }
    Ok(())
}

/// An instance comes in a transfer syntax.
pub(super) fn given_in(scene: &Scene, path: &str, accept: &str, syntax: &str) -> Outcome {
    let part = get_parts(scene, path, accept)?.pop().ok_or_else(|| broken("no part"))?;
    let given = File::read(&part.body)?.transfer_syntax;
    need(given == syntax, || format!("transfer syntax {given}"))
}

pub(super) fn octets(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    let all = get_parts(scene, &instance, OCTETS)?;
    let bulk = get_parts(scene, &pixel_data(scene, &instance)?, OCTETS)?;
    let there = bulk.iter().all(|part| all.iter().any(|other| other.body == part.body));
    need(there && !bulk.is_empty(), || "not the bulk data of the instance".to_owned())
}

/// How many instances a study has, by a search.
fn count(scene: &Scene, study: &str) -> Result<usize, Miss> {
    Ok(scene.search(&format!("{study}/instances"))?.len())
}

pub(super) fn everything(scene: &Scene) -> Outcome {
    let study = scene.study()?;
    let wanted = count(scene, &study)?;
    let reply = scene.get(&format!("{study}/metadata"), JSON)?;
    let told = results(&reply)?.len();
    need(reply.status == 206 || told >= wanted, || {
        format!("metadata of {told} of {wanted} with status 200")
    })?;
    let reply = scene.get(&study, AS_STORED)?;
    status(&reply, &[200, 206])?;
    let given = crate::conform::reading::parts(&reply)?.len();
    need(reply.status == 206 || given >= wanted, || format!("{given} of {wanted} instances with status 200"))
}

pub(super) fn withheld(scene: &Scene) -> Outcome {
    let study = match (scene.own(), scene.gallery(Kind::Plain), scene.gallery(Kind::BurnedIn)) {
        (Err(_), ..) => scene.study()?,
        (_, Ok(_), Ok(instance)) => instance.split("/series").next().unwrap_or_default().to_owned(),
        _ => return Err(Miss::Skipped("what a policy withholds is refused already when it is stored")),
    };
    let wanted = count(scene, &study)?;
    let reply = scene.get(&study, AS_STORED)?;
    status(&reply, &[200, 206])?;
    let given = crate::conform::reading::parts(&reply)?.len();
    if given >= wanted {
        return Err(Miss::Skipped("no policy withholds an instance of the study"));
    }
    need(reply.status == 206, || format!("{given} of {wanted} instances with status {}", reply.status))
}
