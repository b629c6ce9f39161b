//! Checks of retrieval (PS3.18 8.7, 10.4): which resources there are and what they answer with. How an answer is
//! negotiated is `accept`'s.

mod accept;
mod metadata;
mod pictures;
mod pixels;

use super::reading::{File, Part, broken, parts, status};
use super::scene::{INSTANCES, Scene};
use super::{Check, Miss, Outcome, capabilities, must, need, should};
use crate::downstream::probe::Ask;

const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const AS_STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";

pub(super) const CHECKS: &[Check] = &[
    must("WADO-01", "study, series and instance can be retrieved", resources),
    must("WADO-02", "the default answer is multipart, one part an instance", one_part_each),
    must("WADO-03", "a study as a single application/dicom is 406", no_single_study),
    must("WADO-07", "what is unknown is 404", unknown),
    must("WADO-09", "each part names its resource in Content-Location", locations),
    must("WADO-10", "parts are files with preamble and file meta", whole_files),
    should("WADO-13", "a failure has a body that says why", failure_body),
    must("ACC-01", "DICOM and rendered media types together are 400", accept::mixed),
    must("ACC-02", "the accept query parameter is taken", accept::parameter),
    must("ACC-04", "nothing acceptable is 406", accept::nothing),
    must("ACC-07", "q=0 means not acceptable", accept::zero),
    must("ACC-08", "what cannot be read in Accept is ignored beside what can", accept::rubbish),
    must("ACC-09", "*/* is answered with the default", accept::anything),
    must("ACC-11", "transfer-syntax=* is answered", accept::star),
    must("ACC-12", "without transfer-syntax the answer is Explicit VR Little Endian", accept::default_syntax),
    must("HTTP-08", "a request without Accept is 406, or taken as */*", accept::none),
    must("HTTP-23", "type is taken quoted and unquoted", accept::unquoted),
    must("META-01", "metadata of study, series and instance", metadata::resources),
    must("META-02", "metadata is one JSON array, one object an instance", metadata::array),
    must("META-03", "metadata comes as DICOM XML, one part an instance", metadata::xml),
    must("META-05", "only VRs that may are given as bulk data", metadata::bulk_vrs),
    must("META-06", "no file meta in metadata", metadata::no_group_two),
    must("META-08", "a BulkDataURI that is given can be followed", metadata::bulk_followed),
    must(
        "JSON-04",
        "each attribute has a VR and at most one of Value, BulkDataURI, InlineBinary",
        metadata::shape,
    ),
    must("JSON-06", "numbers are numbers, names are objects", metadata::types),
    must("BULK-02", "bulk data as multipart octet-stream", pixels::bulk),
    must("BULK-04", "uncompressed pixels as bulk data have their length", pixels::bulk_length),
    must("FRM-01", "a list of frames is answered", pixels::list),
    must("FRM-02", "frames that are not there, or out of order, are 400 or 404", pixels::no_frames),
    must("FRM-03", "one part a frame, each of its own content", pixels::one_part_each),
    must("FRM-04", "frames are octet-stream with the transfer syntax in the part", pixels::part_header),
    must("REND-01", "instances, series, studies and frames can be rendered", pictures::resources),
    must("REND-02", "JPEG by default, PNG where that is asked for", pictures::types),
    must("REND-05", "a quality beyond 100 is 400", pictures::bad_quality),
    must("REND-06", "viewport bounds the picture; an ill-formed one is 400", pictures::viewport),
    must("REND-07", "window needs all three of its parts", pictures::bad_window),
    must("REND-09", "a rendered study as a single picture is 406", pictures::no_single_study),
    must("REND-11", "thumbnails at all levels or none", pictures::thumbnails),
    must("CAP-01", "OPTIONS on the root describes what the server does", capabilities::described),
    must("CAP-02", "capabilities are WADL or JSON", capabilities::media_type),
    must("CAP-03", "WADL is one application with the tree of resources below the root", capabilities::wadl),
    must("CAP-04", "capabilities are 200, or 304 for an entity tag that is known", capabilities::conditional),
    must("HTTP-11", "401 carries WWW-Authenticate", challenge),
];

/// The parts of the answer to a GET, which must be 200.
fn get_parts(scene: &Scene, path: &str, accept: &str) -> Result<Vec<Part>, Miss> {
    let reply = scene.get(path, accept)?;
    status(&reply, &[200])?;
    parts(&reply)
}

fn resources(scene: &Scene) -> Outcome {
    for path in [scene.study()?, scene.series()?, scene.instance(0)?] {
        let parts = get_parts(scene, &path, AS_STORED)?;
        need(!parts.is_empty(), || "no part".to_owned())?;
    }
    Ok(())
}

fn one_part_each(scene: &Scene) -> Outcome {
    let (count, wanted) = (get_parts(scene, &scene.study()?, INSTANCES)?.len(), scene.instances()?.len());
    need(count == wanted, || format!("{count} parts for {wanted} instances"))
}

fn no_single_study(scene: &Scene) -> Outcome {
    status(&scene.get(&scene.study()?, "application/dicom")?, &[406])
}

fn unknown(scene: &Scene) -> Outcome {
    let study = scene.study()?;
    for path in [
        "/studies/2.25.4711".to_owned(),
        format!("{study}/series/2.25.4711"),
        format!("{study}/series/2.25.1/instances/2.25.2"),
    ] {
        status(&scene.get(&path, AS_STORED)?, &[404])?;
        status(&scene.get(&format!("{path}/metadata"), super::scene::JSON)?, &[404])?;
    }
    Ok(())
}

fn locations(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &scene.study()?, INSTANCES)?;
    let named = parts.iter().filter(|part| part.headers.content_location.is_some()).count();
    need(named == parts.len(), || format!("{named} of {} parts", parts.len()))
}

fn whole_files(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &scene.study()?, AS_STORED)?;
    parts.iter().try_for_each(|part| File::read(&part.body).map(drop))
}

fn failure_body(scene: &Scene) -> Outcome {
    let reply = scene.get("/studies/2.25.4711", AS_STORED)?;
    need(!reply.body.is_empty() && reply.header("content-type").is_some(), || {
        "no body, or no Content-Type".to_owned()
    })
}

fn challenge(scene: &Scene) -> Outcome {
    if !scene.named {
        return Err(Miss::Skipped("no key was given, so the server asks for none"));
    }
    let reply = scene.ask(Ask { path: "/studies".to_owned(), nameless: true, ..Ask::default() })?;
    status(&reply, &[401])?;
    reply.header("www-authenticate").map(drop).ok_or_else(|| broken("no WWW-Authenticate"))
}
