//! Frames of an instance, and its pixel data as bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6).

use super::Stored;
use crate::dicom::image::aligned;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicomweb::representation::As;
use crate::dicomweb::syntaxes::{self, OCTET_STREAM};
use crate::origin::Fault;
use crate::origin::part::{ByteStream, Content, Part, Parts};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use std::ops::Range;
use std::sync::Arc;

/// Compressed frames up to this size are read whole, so that their padding can be cut off.
const HELD: u64 = 16 << 20;

/// Frames that are read at the same time.
const AHEAD: usize = 2;

impl Stored {
    /// Frames by their numbers, from 1, of the instance that is the resource `path`.
    pub(in crate::origin) async fn frames(
        self: &Arc<Self>,
        path: &str,
        numbers: &[u32],
        given: As,
    ) -> Result<Parts, Fault> {
        let within = |number: &u32| (1..=self.image.frames).contains(number);
        // Video is one stream: there is nothing to take a frame out of (PS3.18 8.7.3.3.2).
        let whole = self.layout.bulk.is_none() || self.is_video();
        if whole || !numbers.iter().all(within) {
            return Err(Fault::NotFound);
        }
        // The first comes before the answer begins, so that its failure can still be told.
        let mut numbers = numbers.iter().copied();
        let number = numbers.next().ok_or(Fault::NotFound)?;
        let first = self.frame(number, given, format!("{path}/frames/{number}")).await?;
        let (stored, path, numbers) = (Arc::clone(self), path.to_owned(), numbers.collect::<Vec<_>>());
        let next = move |number| {
            let (stored, path) = (Arc::clone(&stored), format!("{path}/frames/{number}"));
            async move { stored.frame(number, given, path).await }
        };
        let rest = stream::iter(numbers).map(next).buffered(AHEAD);
        Ok(Parts::of_one(stream::iter([Ok(first)]).chain(rest).boxed()))
    }

    /// Frame `number`, from 1.
    async fn frame(self: &Arc<Self>, number: u32, given: As, path: String) -> Result<Part, Fault> {
        let syntax = self.layout.transfer_syntax;
        let index = number.saturating_sub(1);
        let (transfer_syntax, content) = match given {
            _ if !syntax.encapsulated => (EXPLICIT_LE, self.native_frame(index).await?),
            As::Native => (EXPLICIT_LE, Content::bytes(self.decoded(index).await?.data.into())),
            As::Stored => (syntax.uid, self.compressed(index).await?),
        };
        let media = if given == As::Stored { syntaxes::media_of(transfer_syntax) } else { OCTET_STREAM };
        Ok(Part { media, transfer_syntax: Some(transfer_syntax), path, tag: None, content })
    }

    /// A native frame by arithmetic; one that begins within a byte is brought to its border.
    async fn native_frame(&self, index: u32) -> Result<Content, Fault> {
        let range = self.native_range(index)?;
        let (_, shift) = self.image.native_frame(index);
        let bits = self.image.frame_bits();
        if bits.is_multiple_of(8) && shift == 0 {
            return Ok(self.pieces(std::iter::once(range)));
        }
        let bytes = self.bytes.read(range).await?;
        Ok(Content::bytes(aligned(&bytes, shift, bits).into()))
    }

    /// Where a native frame stands.
    pub(super) fn native_range(&self, index: u32) -> Result<Range<u64>, Fault> {
        let Some(bulk) = self.layout.bulk else { return Err(Fault::NotFound) };
        let (range, _) = self.image.native_frame(index);
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
    async fn compressed(&self, index: u32) -> Result<Content, Fault> {
        let spans = self.frame_spans(index).await?;
        let length: u64 = spans.iter().map(|span| span.end - span.start).sum();
        if length > HELD {
            return Ok(self.pieces(spans));
        }
        Ok(Content::bytes(self.code_stream(spans).await?))
    }

    /// The code stream of a compressed frame, in memory.
    pub(super) async fn code_stream(&self, spans: Vec<Range<u64>>) -> Result<Bytes, Fault> {
        let mut read = Vec::with_capacity(spans.len());
        for span in spans {
            read.push(self.bytes.read(span).await?);
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

    /// Ranges of the instance as one content.
    fn pieces(&self, spans: impl IntoIterator<Item = Range<u64>>) -> Content {
        let spans: Vec<_> = spans.into_iter().collect();
        let bytes = Arc::clone(&self.bytes);
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
            let bytes = Arc::clone(&bytes);
            let streams = cut.into_iter().map(move |range| bytes.stream(range));
            stream::iter(streams).flatten().boxed()
        })
    }

    /// The pixel data as bulk data, the resource `path`: native in one part, compressed one part a frame, video in one.
    pub(super) async fn bulk_pixels(self: &Arc<Self>, path: String, given: As) -> Result<Parts, Fault> {
        let Some(bulk) = self.layout.bulk else { return Err(Fault::NotFound) };
        let syntax = self.layout.transfer_syntax;
        let part = |transfer_syntax: &'static str, media, content| {
            let path = path.clone();
            Parts::one(Part { media, transfer_syntax: Some(transfer_syntax), path, tag: None, content })
        };
        if let Some(end) = bulk.end() {
            return Ok(part(EXPLICIT_LE, OCTET_STREAM, self.pieces(std::iter::once(bulk.value_at..end))));
        }
        if given == As::Native {
            let (length, stream) = self.native_pixels().await?;
            return Ok(part(EXPLICIT_LE, OCTET_STREAM, Content::stream(Some(length), stream)));
        }
        if self.is_video() {
            let spans = self.all_spans().await?;
            return Ok(part(syntax.uid, syntaxes::media_of(syntax.uid), self.pieces(spans)));
        }
        let (stored, frames) = (Arc::clone(self), self.image.frames);
        let parts = stream::iter(1..=frames).map(move |number| {
            let (stored, path) = (Arc::clone(&stored), path.clone());
            async move { stored.frame(number, As::Stored, path).await }
        });
        Ok(Parts::of_one(parts.buffered(AHEAD).boxed()))
    }

    /// Video is one stream for all frames.
    pub(super) fn is_video(&self) -> bool {
        syntaxes::is_video(self.layout.transfer_syntax.uid)
    }
}
