//! Checks that the stored study comes back without the identity it came with (PS3.15 Annex E). Only marks that were
//! planted here are looked for, so the checks hold for any profile that does not retain them.

use super::reading::{File, broken, holds, object, parts, status};
use super::sample::{BIRTH_DATE, MARK, STUDY_DATE};
use super::scene::{INSTANCES, JSON, Scene, XML};
use super::{Check, Miss, Outcome, must, need, should};
use crate::dicomweb::data_set::values;
use crate::downstream::probe::Reply;
use dicom_core::Tag;
use serde_json::Value;

/// Any transfer syntax.
const AS_STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

pub(super) const CHECKS: &[Check] = &[
    must("DEID-01", "no planted mark is left in retrieved instances", marks_in_instances),
    must("DEID-02", "no planted mark is left in metadata, as JSON and as XML", marks_in_metadata),
    must("DEID-03", "no planted mark is left in results of searches at any level", marks_in_searches),
    must("DEID-04", "no planted mark stands in any header of an answer", marks_in_headers),
    must("DEID-05", "Study, Series and SOP Instance UIDs are replaced", uids_replaced),
    must(
        "DEID-06",
        "a UID that instances share, or refer to each other by, is replaced equally in all",
        references,
    ),
    must("DEID-07", "the same UID is replaced equally in another request", stable),
    must("DEID-08", "Patient Identity Removed is YES and the method is told (PS3.15 E.1.1)", told),
    must("DEID-09", "the UID in the file meta is the data set's", file_meta),
    must("DEID-10", "private attributes of an unknown creator are gone", no_private),
    must("DEID-11", "the date of birth and the dates of the study are not left", dates),
    must("DEID-12", "the original names lead nowhere: 404", original_names),
    should(
        "DEID-13",
        "an instance that says that its pixels identify is refused, or says it no more",
        burned_in,
    ),
    must("DEID-14", "a search by the original patient ID finds nothing", original_patient),
];

/// The stored instances, as files.
fn files(scene: &Scene) -> Result<Vec<Vec<u8>>, Miss> {
    scene.own()?;
    let reply = scene.get(&scene.study()?, AS_STORED)?;
    status(&reply, &[200])?;
    Ok(parts(&reply)?.into_iter().map(|part| part.body).collect())
}

/// No mark stands in these bytes.
fn clean(bytes: &[u8], where_: &str) -> Outcome {
    need(!holds(bytes, MARK), || format!("marks in {where_}"))
}

fn marks_in_instances(scene: &Scene) -> Outcome {
    let files = files(scene)?;
    need(files.len() == 3, || format!("{} of 3 instances", files.len()))?;
    files.iter().try_for_each(|file| clean(file, "an instance"))
}

fn marks_in_metadata(scene: &Scene) -> Outcome {
    scene.own()?;
    let path = format!("{}/metadata", scene.study()?);
    clean(&scene.get(&path, JSON)?.body, "metadata as JSON")?;
    clean(&scene.get(&path, XML)?.body, "metadata as XML")
}

fn searches(scene: &Scene) -> Result<Vec<Reply>, Miss> {
    scene.own()?;
    let study = scene.study()?;
    let uid = study.trim_start_matches("/studies/");
    let paths = [
        format!("/studies?StudyInstanceUID={uid}&includefield=all"),
        format!("{study}/series?includefield=all"),
        format!("{study}/instances?includefield=all"),
    ];
    paths.iter().map(|path| scene.get(path, JSON)).collect()
}

fn marks_in_searches(scene: &Scene) -> Outcome {
    searches(scene)?.iter().try_for_each(|reply| clean(&reply.body, "the results of a search"))
}

fn marks_in_headers(scene: &Scene) -> Outcome {
    let mut replies = searches(scene)?;
    replies.push(scene.get(&scene.study()?, AS_STORED)?);
    replies.push(scene.get(&format!("{}/metadata", scene.study()?), JSON)?);
    let names = ["content-disposition", "content-location", "location", "warning", "etag", "link"];
    let texts = replies.iter().flat_map(|reply| names.iter().filter_map(|name| reply.header(name)));
    let original = scene.sample.study.as_str();
    need(texts.clone().all(|text| !text.contains(MARK) && !text.contains(original)), || {
        "in a header".to_owned()
    })
}

fn uids_replaced(scene: &Scene) -> Outcome {
    let files = files(scene)?;
    let originals: Vec<String> = (0..3)
        .flat_map(|number| <[String; 2]>::from(scene.sample.names(number)))
        .chain([scene.sample.study.clone(), scene.sample.frame_of_reference()])
        .collect();
    let left = originals.iter().filter(|uid| files.iter().any(|file| holds(file, uid))).count();
    need(left == 0, || format!("{left} original UIDs are left"))
}

fn references(scene: &Scene) -> Outcome {
    let files = files(scene)?;
    let read: Result<Vec<File>, Miss> = files.iter().map(|file| File::read(file)).collect();
    let read = read?;
    let shared: Vec<String> = read.iter().flat_map(|file| file.values(Tag(0x0020, 0x0052))).collect();
    let frame = shared.first().ok_or(Miss::Skipped("no frame of reference is left"))?;
    let kept = *frame == scene.sample.frame_of_reference();
    need(!kept && shared.iter().all(|uid| uid == frame), || {
        "the frame of reference is kept, or torn apart".to_owned()
    })?;
    let own: Vec<String> = read.iter().flat_map(|file| file.values(Tag(0x0008, 0x0018))).collect();
    let referred: Vec<String> = read.iter().flat_map(|file| file.values(Tag(0x0008, 0x1155))).collect();
    need(referred.iter().all(|uid| own.contains(uid)), || "a reference to nothing".to_owned())
}

fn stable(scene: &Scene) -> Outcome {
    scene.own()?;
    let name = || -> Result<Option<Value>, Miss> {
        let answer = object(&scene.store("/studies", &[scene.sample.file(1)])?)?;
        Ok(answer.values(Tag(0x0008, 0x1199)).first().and_then(|item| item.get("00081155")).cloned())
    };
    let (first, second) = (name()?, name()?);
    need(first.is_some() && first == second, || "another name each time".to_owned())
}

fn told(scene: &Scene) -> Outcome {
    for file in files(scene)? {
        let file = File::read(&file)?;
        let removed = file.values(Tag(0x0012, 0x0062));
        need(removed.first().is_some_and(|it| it == "YES"), || "(0012,0062) is not YES".to_owned())?;
        let method = file.values(Tag(0x0012, 0x0063));
        need(method.iter().any(|it| !it.is_empty()), || "(0012,0063) is missing".to_owned())?;
    }
    Ok(())
}

fn file_meta(scene: &Scene) -> Outcome {
    for file in files(scene)? {
        let own = File::read(&file)?.values(Tag(0x0008, 0x0018)).into_iter().next().unwrap_or_default();
        let head = file.get(..2048.min(file.len())).unwrap_or_default();
        let count = head.windows(own.len().max(1)).filter(|window| *window == own.as_bytes()).count();
        need(count >= 2, || "the file meta names another instance".to_owned())?;
    }
    Ok(())
}

fn no_private(scene: &Scene) -> Outcome {
    for file in files(scene)? {
        need(!File::read(&file)?.has_private(), || "a private attribute is left".to_owned())?;
    }
    Ok(())
}

fn dates(scene: &Scene) -> Outcome {
    let files = files(scene)?;
    let left = |date| files.iter().any(|file| holds(file, date));
    need(!left(BIRTH_DATE), || "the date of birth is left".to_owned())?;
    need(!left(STUDY_DATE), || "the date of the study is left".to_owned())
}

fn original_names(scene: &Scene) -> Outcome {
    scene.own()?;
    scene.stored()?;
    let study = format!("/studies/{}", scene.sample.study);
    status(&scene.get(&study, INSTANCES)?, &[404])?;
    status(&scene.get(&format!("{study}/metadata"), JSON)?, &[404])
}

fn burned_in(scene: &Scene) -> Outcome {
    let reply = scene.store("/studies", &[scene.sample.burned_in()])?;
    if !(200..300).contains(&reply.status) {
        return Ok(());
    }
    let answer = object(&reply)?;
    let item = answer.values(Tag(0x0008, 0x1199)).first().ok_or_else(|| broken("no item"))?;
    let url = item.get("00081190").map(values).and_then(|it| it.first()?.as_str()).unwrap_or_default();
    let parts = parts(&scene.get(url, AS_STORED)?)?;
    let kept = parts.iter().any(|part| {
        File::read(&part.body).is_ok_and(|file| file.values(Tag(0x0028, 0x0301)).iter().any(|it| it == "YES"))
    });
    need(!kept, || "kept as it was".to_owned())
}

fn original_patient(scene: &Scene) -> Outcome {
    scene.own()?;
    scene.stored()?;
    let reply = scene.get(&format!("/studies?PatientID={MARK}8"), JSON)?;
    let found = if reply.status == 400 { Vec::new() } else { super::reading::results(&reply)? };
    need(found.is_empty(), || "it is found".to_owned())
}
