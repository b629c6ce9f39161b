//! Checks of retrieval (PS3.18 8.7, 10.4): which resources there are and what they answer with. How an answer is
//! negotiated is `accept`'s and `charset`'s.

mod accept;
mod charset;
mod json;
mod metadata;
mod pictures;
mod pixels;
mod resources;
mod xml;

use super::reading::{File, Part, broken, parts, status};
use super::scene::{INSTANCES, Scene, XML};
use super::{Check, Miss, Outcome, capabilities, must, need, should};
use crate::downstream::probe::Ask;

const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const AS_STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const JPEG: &str = "image/jpeg";
const JPEGS: &str = "multipart/related; type=\"image/jpeg\"";
const PNG: &str = "image/png";
const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";

pub(super) const CHECKS: &[Check] = &[
    must("WADO-01", "study, series and instance can be retrieved", levels),
    must("WADO-02", "the default answer is multipart, one part an instance", one_part_each),
    must("WADO-03", "a study as a single application/dicom is 406", no_single_study),
    must("WADO-04", "an instance as octet-stream is its bulk data", resources::octets),
    must("WADO-05", "200 means that all instances are in the answer", resources::everything),
    must("WADO-06", "206 where an instance of the study is withheld", resources::withheld),
    must("WADO-07", "what is unknown is 404", unknown),
    must("WADO-08", "an answer with a body has a Content-Type", resources::typed),
    must("WADO-09", "each part names its resource in Content-Location", locations),
    must("WADO-10", "parts are files with preamble and file meta", whole_files),
    must("WADO-11", "accept and charset are taken in the query of each resource", resources::parameters),
    must("WADO-12", "transfer-syntax and charset are taken in media types", resources::syntaxes),
    should("WADO-13", "a failure has a body that says why", failure_body),
    must("WADO-14", "all resources that retrieval implies are there", resources::mandatory),
    must("ACC-01", "DICOM and rendered media types together are 400", accept::mixed),
    must("ACC-02", "the accept query parameter is taken", accept::parameter),
    must("ACC-03", "the accept parameter gives nothing that Accept does not cover", accept::uncovered),
    must("ACC-04", "nothing acceptable is 406", accept::nothing),
    must("ACC-05", "an accept parameter of no known type leaves the default", accept::unsupported),
    must("ACC-06", "the highest weight wins, of the range that says most", accept::weights),
    must("ACC-07", "q=0 means not acceptable", accept::zero),
    must("ACC-08", "what cannot be read in Accept is ignored beside what can", accept::rubbish),
    must("ACC-09", "*/* is answered with the default", accept::anything),
    must("ACC-10", "transfer-syntax is a UID or *; one that cannot be given is 406", accept::syntax),
    must("ACC-11", "transfer-syntax=* is answered", accept::star),
    must("ACC-12", "without transfer-syntax the answer is Explicit VR Little Endian", accept::default_syntax),
    must("ACC-13", "what is too large for Explicit VR Little Endian is 406", too_large),
    must("ACC-14", "transfer-syntax on a rendered type matches nothing", accept::rendered_syntax),
    must("ACC-15", "a transferSyntax parameter is ignored", accept::syntax_parameter),
    must("ACC-16", "each part has a transfer syntax of its own", accept::each_part),
    must(
        "ACC-17",
        "one transfer syntax and one character set at most in a Content-Type",
        charset::one_of_each,
    ),
    must("ACC-18", "a charset that is asked for stands before Accept-Charset", charset::precedence),
    must("ACC-19", "unknown character sets are ignored", charset::unknown),
    must("ACC-20", "a character set that lacks characters of the text is 406", charset::unmapped),
    must("ACC-21", "metadata is UTF-8 by default, whatever is stored", charset::default),
    must("ACC-23", "frames of a media type are in one of its transfer syntaxes", pixels::media_types),
    must("HTTP-08", "a request without Accept is 406, or taken as */*", accept::none),
    must("HTTP-23", "type is taken quoted and unquoted", accept::unquoted),
    must("META-01", "metadata of study, series and instance", metadata::resources),
    must("META-02", "metadata is one JSON array, one object an instance", metadata::array),
    must("META-03", "metadata comes as DICOM XML, one part an instance", metadata::documents),
    must("META-04", "every attribute of the instance is in its metadata", metadata::complete),
    must("META-05", "only VRs that may are given as bulk data", metadata::bulk_vrs),
    must("META-06", "no file meta in metadata", metadata::no_group_two),
    must("META-07", "no group length in metadata, as JSON and as XML", metadata::no_group_length),
    must("META-08", "a BulkDataURI that is given can be followed", metadata::bulk_followed),
    must(
        "JSON-04",
        "each attribute has a VR and at most one of Value, BulkDataURI, InlineBinary",
        metadata::shape,
    ),
    must("JSON-05", "no group length in DICOM JSON", json::no_group_length),
    must("JSON-06", "numbers are numbers, names are objects", metadata::types),
    must("JSON-07", "decimal and large numbers keep their precision", json::precision),
    must("JSON-08", "AT is eight upper-case hexadecimal digits", json::pointers),
    must("JSON-09", "a name has its component groups, none of them empty", json::names),
    must("JSON-10", "Value is an array, divided at backslashes that are characters", json::arrays),
    must("JSON-11", "no value is vr alone, an empty one null, an empty item {}", json::empty),
    must("JSON-12", "InlineBinary is the whole value, little endian", json::inline),
    must("JSON-13", "BulkDataURI is a URI that leads somewhere", json::bulk_uris),
    must("JSON-14", "values in files are of even length", json::padding),
    must("JSON-15", "two private blocks of one creator are told apart", json::private),
    must("XML-02", "elements and attributes of XML are those of the model, as many as in JSON", xml::model),
    must("XML-03", "private attributes in XML name their creator", xml::creators),
    must("BULK-01", "every BulkDataURI is answered", pixels::every_uri),
    must("BULK-02", "bulk data as multipart octet-stream", pixels::bulk),
    must("BULK-03", "parts of bulk data name their URI in Content-Location", pixels::location),
    must("BULK-04", "uncompressed pixels as bulk data have their length", pixels::bulk_length),
    must("BULK-05", "compressed bulk data is bare code streams, one a frame", pixels::code_streams),
    must("FRM-01", "a list of frames is answered", pixels::list),
    must("FRM-02", "frames that are not there, or out of order, are 400 or 404", pixels::no_frames),
    must("FRM-03", "one part a frame, each of its own content", pixels::one_part_each),
    must("FRM-04", "frames are octet-stream with the transfer syntax in the part", pixels::part_header),
    must("FRM-05", "frames of one bit begin at their first bit", pixels::single_bits),
    must("FRM-06", "Float and Double Float Pixel Data have frames", pixels::floats),
    must("FRM-07", "video is one part, not one a frame", pixels::video),
    must("REND-01", "instances, series, studies and frames can be rendered", pictures::resources),
    must("REND-02", "JPEG by default, PNG and GIF where they are asked for", pictures::types),
    must("REND-03", "each photometric interpretation has its picture", pictures::interpretations),
    must(
        "REND-04",
        "annotation takes keywords; others are 400, or ignored with a Warning",
        pictures::annotation,
    ),
    must("REND-05", "a quality beyond 100 is 400", pictures::bad_quality),
    must("REND-06", "viewport bounds the picture; an ill-formed one is 400", pictures::viewport),
    must("REND-07", "window needs all three of its parts", pictures::bad_window),
    must("REND-08", "iccprofile embeds a profile; an unknown value is 400", pictures::profiles),
    must("REND-09", "a rendered study as a single picture is 406", pictures::no_single_study),
    must("REND-10", "a presentation state is rendered with all that it refers to", pictures::presentation),
    must("REND-11", "thumbnails at all levels or none", pictures::thumbnails),
    must("REND-12", "a thumbnail is one picture, or leads to one, without identity", pictures::thumbnail),
    must("CAP-01", "OPTIONS on the root describes what the server does", capabilities::described),
    must("CAP-02", "capabilities are WADL or JSON", capabilities::media_type),
    must("CAP-03", "WADL is one application with the tree of resources below the root", capabilities::wadl),
    must("CAP-04", "capabilities are 200, or 304 for an entity tag that is known", capabilities::conditional),
    must("HTTP-11", "401 carries WWW-Authenticate", challenge),
];

/// The parts of the answer to a GET, which must succeed: whether parts are left out, and so told, is asked elsewhere (WADO-05,
/// WADO-06).
fn get_parts(scene: &Scene, path: &str, accept: &str) -> Result<Vec<Part>, Miss> {
    let reply = scene.get(path, accept)?;
    status(&reply, &[200, 206])?;
    parts(&reply)
}

/// One for each instance that is given.
fn one_each(scene: &Scene, count: usize, what: &str) -> Outcome {
    let instances = scene.instances()?.len();
    need((1..=instances).contains(&count), || format!("{count} {what} for {instances} instances"))
}

/// Where a BulkDataURI of the metadata of an instance leads: a path below the root, or another server.
fn bulk_path(scene: &Scene, instance: &str, uri: &str) -> String {
    scene.resolve(&format!("{instance}/"), uri)
}

/// Where the pixels of an instance are bulk data.
fn pixel_data(scene: &Scene, instance: &str) -> Result<String, Miss> {
    let data = metadata::of(scene, instance)?;
    let uri = data.0.get("7FE00010").and_then(|it| it.get("BulkDataURI")?.as_str());
    let uri = uri.ok_or(Miss::Skipped("metadata gives no BulkDataURI of the pixels"))?;
    Ok(bulk_path(scene, instance, uri))
}

fn too_large(_: &Scene) -> Outcome {
    Err(Miss::Skipped("it would take pixels of more than 4 GiB"))
}

fn levels(scene: &Scene) -> Outcome {
    for path in [scene.study()?, scene.series()?, scene.instance(0)?] {
        let parts = get_parts(scene, &path, AS_STORED)?;
        need(!parts.is_empty(), || "no part".to_owned())?;
    }
    Ok(())
}

fn one_part_each(scene: &Scene) -> Outcome {
    one_each(scene, get_parts(scene, &scene.study()?, INSTANCES)?.len(), "parts")
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
