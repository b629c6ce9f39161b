//! Frames of stored instances, and their pixel data as bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6).

use super::known::Known;
use super::retrieve::path;
use super::{ArchiveOrigin, frames, native};
use crate::db::held::Place;
use crate::dicom::image::aligned;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicomweb::representation::As;
use crate::dicomweb::syntaxes::{self, OCTET_STREAM};
use crate::origin::Fault;
use crate::origin::part::{ByteStream, Content, Part, Parts};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;

/// Compressed frames up to this size are read whole, so that their padding can be cut off.
const HELD: u64 = 16 << 20;

/// Frames that are read at the same time.
const AHEAD: usize = 2;

impl ArchiveOrigin {
    pub(super) async fn frames(&self, place: &Place, numbers: &[u32], given: As) -> Result<Parts, Fault> {
        let held = self.one(place).await?;
        let known = self.known(&held).await?;
        let within = |number: &u32| (1..=known.image.frames).contains(number);
        // Video is one stream: there is nothing to take a frame out of (PS3.18 8.7.3.3.2).
        let whole = known.layout.bulk.is_none() || is_video(&known);
        if whole || !numbers.iter().all(within) {
            return Err(Fault::NotFound);
        }
        let resource = path(&place.study, &held);
        // The first comes before the answer begins, so that its failure can still be told.
        let mut numbers = numbers.iter().copied();
        let number = numbers.next().ok_or(Fault::NotFound)?;
        let first = frame(self, &known, number, given, format!("{resource}/frames/{number}")).await?;
        let (origin, numbers) = (self.clone(), numbers.collect::<Vec<_>>());
        let next = move |number| {
            let (origin, known, path) =
                (origin.clone(), Arc::clone(&known), format!("{resource}/frames/{number}"));
            async move { frame(&origin, &known, number, given, path).await }
        };
        let rest = stream::iter(numbers).map(next).buffered(AHEAD);
        Ok(Parts { partial: false, parts: stream::iter([Ok(first)]).chain(rest).boxed() })
    }
}

/// Frame `number`, from 1.
async fn frame(
    origin: &ArchiveOrigin,
    known: &Arc<Known>,
    number: u32,
    given: As,
    path: String,
) -> Result<Part, Fault> {
    let syntax = known.layout.transfer_syntax;
    let index = number.saturating_sub(1);
    let (transfer_syntax, content) = match given {
        _ if !syntax.encapsulated => (EXPLICIT_LE, native_frame(origin, known, index).await?),
        As::Native => (EXPLICIT_LE, Content::bytes(native::frame(origin, known, index).await?.data.into())),
        As::Stored => (syntax.uid, compressed(origin, known, index).await?),
    };
    let media = if given == As::Stored { syntaxes::media_of(transfer_syntax) } else { OCTET_STREAM };
    Ok(Part { media, transfer_syntax: Some(transfer_syntax), path, tag: None, content })
}

/// A native frame by arithmetic; one that begins within a byte is brought to its border.
async fn native_frame(origin: &ArchiveOrigin, known: &Known, index: u32) -> Result<Content, Fault> {
    let range = native_range(known, index)?;
    let (_, shift) = known.image.native_frame(index);
    let bits = known.image.frame_bits();
    if bits.is_multiple_of(8) && shift == 0 {
        return Ok(pieces(origin, known, std::iter::once(range)));
    }
    let bytes = origin.archive.read(&known.object, range).await?;
    Ok(Content::bytes(aligned(&bytes, shift, bits).into()))
}

/// Where a native frame stands in the object.
pub(super) fn native_range(known: &Known, index: u32) -> Result<Range<u64>, Fault> {
    let Some(bulk) = known.layout.bulk else { return Err(Fault::NotFound) };
    let (range, _) = known.image.native_frame(index);
    let range = bulk.value_at + range.start..bulk.value_at + range.end;
    let whole = !range.is_empty() && bulk.end().is_some_and(|end| range.end <= end);
    // So it was sent: nothing of ours is damaged.
    if whole {
        Ok(range)
    } else {
        Err(Fault::Undecodable("the pixels are fewer than their description says"))
    }
}

/// The code stream of a compressed frame.
async fn compressed(origin: &ArchiveOrigin, known: &Known, index: u32) -> Result<Content, Fault> {
    let spans = frames::fragments(&origin.archive, known, index).await?;
    let length: u64 = spans.iter().map(|span| span.end - span.start).sum();
    if length > HELD {
        return Ok(pieces(origin, known, spans));
    }
    Ok(Content::bytes(code_stream(origin, known, spans).await?))
}

/// The code stream of a compressed frame, in memory.
pub(super) async fn code_stream(
    origin: &ArchiveOrigin,
    known: &Known,
    spans: Vec<Range<u64>>,
) -> Result<Bytes, Fault> {
    let mut read = Vec::with_capacity(spans.len());
    for span in spans {
        read.push(origin.archive.read(&known.object, span).await?);
    }
    let mut bytes = match read.as_slice() {
        [one] => one.clone(),
        several => several.concat().into(),
    };
    // The byte that pads a fragment to even length is none of the code stream's (PS3.5 A.4).
    if bytes.ends_with(&[0xFF, 0xD9, 0]) {
        bytes.truncate(bytes.len() - 1);
    }
    Ok(bytes)
}

/// Ranges of the object as one content.
fn pieces(origin: &ArchiveOrigin, known: &Known, spans: impl IntoIterator<Item = Range<u64>>) -> Content {
    let spans: Vec<_> = spans.into_iter().collect();
    let (archive, object) = (origin.archive.clone(), known.object.clone());
    let length = spans.iter().map(|span| span.end - span.start).sum();
    Content::seekable(length, move |wanted| -> ByteStream {
        let mut at = 0;
        let cut = spans.iter().filter_map(|span| {
            let len = span.end - span.start;
            let (from, to) = (wanted.start.clamp(at, at + len) - at, wanted.end.clamp(at, at + len) - at);
            at += len;
            (from < to).then(|| span.start + from..span.start + to)
        });
        let cut: Vec<_> = cut.collect();
        let (archive, object) = (archive.clone(), object.clone());
        let streams = cut.into_iter().map(move |range| archive.stream(&object, range).map_err(Fault::from));
        stream::iter(streams).flatten().boxed()
    })
}

/// The pixel data as bulk data: native in one part, compressed one part a frame, video in one.
pub(super) async fn bulk(
    origin: &ArchiveOrigin,
    known: Arc<Known>,
    resource: String,
    given: As,
) -> Result<Parts, Fault> {
    let Some(bulk) = known.layout.bulk else { return Err(Fault::NotFound) };
    let syntax = known.layout.transfer_syntax;
    let part = |transfer_syntax: &'static str, media, content| {
        let path = resource.clone();
        Parts::one(Part { media, transfer_syntax: Some(transfer_syntax), path, tag: None, content })
    };
    if let Some(end) = bulk.end() {
        return Ok(part(
            EXPLICIT_LE,
            OCTET_STREAM,
            pieces(origin, &known, std::iter::once(bulk.value_at..end)),
        ));
    }
    if given == As::Native {
        let (length, stream) = native::values(origin, &known).await?;
        return Ok(part(EXPLICIT_LE, OCTET_STREAM, Content::stream(Some(length), stream)));
    }
    if is_video(&known) {
        frames::end(&origin.archive, &known).await?;
        let spans = known.fragments.lock().await.spans().to_vec();
        let spans = spans.into_iter().map(|(at, len)| at..at + u64::from(len));
        return Ok(part(syntax.uid, syntaxes::media_of(syntax.uid), pieces(origin, &known, spans)));
    }
    let (origin, frames) = (origin.clone(), known.image.frames);
    let parts = stream::iter(1..=frames).map(move |number| {
        let (origin, known, path) = (origin.clone(), Arc::clone(&known), resource.clone());
        async move { frame(&origin, &known, number, As::Stored, path).await }
    });
    Ok(Parts { partial: false, parts: parts.buffered(AHEAD).boxed() })
}

/// Video is one stream for all frames.
pub(super) fn is_video(known: &Known) -> bool {
    syntaxes::compressed(syntaxes::media_of(known.layout.transfer_syntax.uid)).is_some_and(|row| row.video)
}
