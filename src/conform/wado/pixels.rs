//! Checks of frames and bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6). What they must hold is known of the sample only.

use super::{OCTETS, Part, bulk_path, get_parts, json, pixel_data};
use crate::conform::gallery::{self, Kind};
use crate::conform::reading::{broken, parts, status};
use crate::conform::sample::{FRAME, FRAMES};
use crate::conform::scene::Scene;
use crate::conform::{Miss, Outcome, looked_at, need};
use crate::dicomweb::media::MediaType;
use crate::dicomweb::syntaxes::{COMPRESSED, current_name};

/// Frames as OHIF asks for them.
const FRAMES_AS_STORED: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";

pub(super) fn bulk(scene: &Scene) -> Outcome {
    let parts = get_parts(scene, &pixel_data(scene, &scene.instance(0)?)?, OCTETS)?;
    need(!parts.is_empty(), || "no part".to_owned())
}

pub(super) fn bulk_length(scene: &Scene) -> Outcome {
    scene.own()?;
    let part = get_parts(scene, &pixel_data(scene, &scene.instance(0)?)?, OCTETS)?
        .pop()
        .ok_or_else(|| broken("no part"))?;
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

pub(super) fn every_uri(scene: &Scene) -> Outcome {
    for (instance, uri) in json::uris(scene)? {
        let reply = scene.get(&bulk_path(scene, &instance, &uri), &format!("{OCTETS}; transfer-syntax=*"))?;
        status(&reply, &[200])?;
    }
    Ok(())
}

pub(super) fn location(scene: &Scene) -> Outcome {
    let instance = scene.instance(0)?;
    let path = pixel_data(scene, &instance)?;
    for part in get_parts(scene, &path, OCTETS)? {
        let location = part.headers.content_location.ok_or_else(|| broken("no Content-Location"))?;
        need(bulk_path(scene, &instance, &location) == path, || "another Content-Location".to_owned())?;
    }
    Ok(())
}

/// The pixels of a compressed instance of the gallery as bulk data of their own media type.
fn compressed(scene: &Scene, kind: Kind, media: &str) -> Result<Vec<Part>, Miss> {
    let path = pixel_data(scene, &scene.gallery(kind)?)?;
    let reply = scene.get(&path, &format!("multipart/related; type=\"{media}\""))?;
    if reply.status == 406 {
        return Err(Miss::Skipped("compressed pixels are not given as such"));
    }
    status(&reply, &[200])?;
    parts(&reply)
}

/// A code stream, with a byte that makes its length even or without.
fn is_stream(part: &[u8], stream: &[u8]) -> bool {
    part.strip_prefix(stream).is_some_and(|rest| matches!(rest, [] | [0]))
}

pub(super) fn code_streams(scene: &Scene) -> Outcome {
    let parts = compressed(scene, Kind::Rle, "image/dicom-rle")?;
    let same = parts.iter().zip(0..).all(|(part, number)| is_stream(&part.body, &gallery::rle(number)));
    need(parts.len() == 2 && same, || format!("{} parts for 2 frames, or no bare code streams", parts.len()))
}

pub(super) fn video(scene: &Scene) -> Outcome {
    let parts = compressed(scene, Kind::Video, "video/mp4")?;
    let whole = parts.first().is_some_and(|part| is_stream(&part.body, gallery::VIDEO));
    need(parts.len() == 1 && whole, || format!("{} parts, or not the stream", parts.len()))
}

/// Frame `number` (from 0) of the 1-bit instance, from the lowest bit on.
fn bits(number: u32) -> u32 {
    gallery::BITS >> (9 * number) & 0x1FF
}

pub(super) fn single_bits(scene: &Scene) -> Outcome {
    let instance = scene.gallery(Kind::Bits)?;
    let frames = |list: &str| get_parts(scene, &format!("{instance}/frames/{list}"), FRAMES_AS_STORED);
    let number = |part: &Part, width: u32| {
        let bytes = part.body.iter().take(4).rev();
        bytes.fold(0, |number: u32, byte| number << 8 | u32::from(*byte)) & ((1 << width) - 1)
    };
    let second: Vec<u32> = frames("2")?.iter().map(|part| number(part, 9)).collect();
    need(second == [bits(1)], || "other bits in the second frame".to_owned())?;
    // Several are parts of their own, or one without padding between them.
    let several = frames("1,2")?;
    let apart: Vec<u32> = several.iter().map(|part| number(part, 9)).collect();
    let joined: Vec<u32> = several.iter().map(|part| number(part, 18)).collect();
    need(apart == [bits(0), bits(1)] || joined == [bits(1) << 9 | bits(0)], || {
        format!("{} parts for two frames, or other bits", several.len())
    })
}

pub(super) fn floats(scene: &Scene) -> Outcome {
    for kind in [Kind::Floats, Kind::Doubles] {
        let parts = get_parts(scene, &format!("{}/frames/1", scene.gallery(kind)?), FRAMES_AS_STORED)?;
        let same = matches!(parts.as_slice(), [part] if part.body == kind.pixels());
        need(same, || format!("{} parts, or other pixels", parts.len()))?;
    }
    Ok(())
}

pub(super) fn media_types(scene: &Scene) -> Outcome {
    let mut paths = vec![scene.instance(0)?];
    paths.extend(scene.gallery(Kind::Rle).ok());
    let mut given = 0;
    for (path, row) in paths.iter().flat_map(|path| COMPRESSED.iter().map(move |row| (path, row))) {
        let accept = format!("multipart/related; type=\"{}\"", row.media);
        let reply = scene.get(&format!("{path}/frames/1"), &accept)?;
        if row.video || reply.status != 200 {
            continue;
        }
        given += 1;
        let part = parts(&reply)?.pop().ok_or_else(|| broken("no part"))?;
        let media = part.headers.content_type.ok_or_else(|| broken("a part without Content-Type"))?;
        let syntax = media.transfer_syntax().is_none_or(|syntax| row.syntaxes.contains(&syntax));
        need(current_name(media.essence()) == row.media && syntax, || {
            format!("{} for {}, or of another transfer syntax", media.essence(), row.media)
        })?;
    }
    looked_at(given, "no compressed frames are given")
}
