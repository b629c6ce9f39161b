//! What an origin gives: representations with their bytes on the way. Framing them as HTTP is the handlers'.

use super::Fault;
use crate::downstream;
use crate::spool::Spool;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;

/// Bytes on their way, as fast as they are taken. A fault in them means that the answer must be broken off.
pub type ByteStream = BoxStream<'static, Result<Bytes, Fault>>;

/// The same bytes, once the first are here: what fails at once can still be answered with a status.
///
/// # Errors
/// The first cannot be had.
pub async fn begun(mut stream: ByteStream) -> Result<ByteStream, Fault> {
    let first = stream.try_next().await?;
    Ok(stream::iter(first.map(Ok)).chain(stream).boxed())
}

/// One representation.
pub struct Part {
    /// Its media type.
    pub media: &'static str,
    /// Transfer Syntax UID, for DICOM media types (PS3.18 8.7.9).
    pub transfer_syntax: Option<&'static str>,
    /// The resource it represents: a path below the DICOMweb root, without a slash at its start.
    pub path: String,
    /// Names these very bytes: two with the same tag are the same (RFC 9110 8.8.3).
    pub tag: Option<String>,
    /// Its bytes.
    pub content: Content,
}

/// The representations of one answer.
pub struct Parts {
    /// There are others, which cannot be given (PS3.18 10.4.3.1: 206).
    pub partial: bool,
    /// Of how many instances they are file, frames, bulk data or picture; none if they only describe.
    pub instances: u64,
    /// In the order of the answer.
    pub parts: BoxStream<'static, Result<Part, Fault>>,
}

impl Parts {
    /// One representation, and no other.
    pub fn one(part: Part) -> Self {
        Self::of_one(stream::iter([Ok(part)]).boxed())
    }

    /// Representations of so many instances, at most one each. What comes to the origin while its answer is given is not in
    /// it: it was not counted.
    pub fn counted(partial: bool, instances: u64, parts: BoxStream<'static, Result<Part, Fault>>) -> Self {
        let most = usize::try_from(instances).unwrap_or(usize::MAX);
        Self { partial, instances, parts: parts.take(most).boxed() }
    }

    /// The same of a server's answer. One that goes on behind what was counted is broken off: it must not look whole, and
    /// nothing is given that is not accounted for.
    pub fn counted_to_the_end(
        partial: bool,
        instances: u64,
        parts: BoxStream<'static, Result<Part, Fault>>,
    ) -> Self {
        let most = usize::try_from(instances).unwrap_or(usize::MAX);
        let more = || Err(Fault::Downstream(downstream::Fault::Nonsense));
        let parts =
            parts.enumerate().map(move |(at, part)| if at < most { part } else { part.and_then(|_| more()) });
        Self { partial, instances, parts: parts.boxed() }
    }

    /// Representations of one instance.
    pub fn of_one(parts: BoxStream<'static, Result<Part, Fault>>) -> Self {
        Self { partial: false, instances: 1, parts }
    }
}

/// Bytes, and what is known of them before they come.
pub struct Content {
    /// How many, where known.
    pub length: Option<u64>,
    source: Source,
}

type Seek = Arc<dyn Fn(Range<u64>) -> ByteStream + Send + Sync>;

enum Source {
    Stream(ByteStream),
    Seekable(Seek),
}

impl Content {
    /// Bytes that are here.
    pub fn bytes(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        let cut = move |range: Range<u64>| {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let (from, to) = (place(range.start), place(range.end));
            let piece = bytes.slice(from.min(to)..to);
            stream::iter((!piece.is_empty()).then_some(Ok(piece))).boxed()
        };
        Self::seekable(length, cut)
    }

    /// `length` bytes, of which `open` gives any range.
    pub fn seekable(length: u64, open: impl Fn(Range<u64>) -> ByteStream + Send + Sync + 'static) -> Self {
        Self { length: Some(length), source: Source::Seekable(Arc::new(open)) }
    }

    /// Bytes that come from start to end only.
    pub fn stream(length: Option<u64>, stream: ByteStream) -> Self {
        Self { length, source: Source::Stream(stream) }
    }

    /// The length, if any range of the bytes can be had.
    pub fn seekable_length(&self) -> Option<u64> {
        self.length.filter(|_| matches!(self.source, Source::Seekable(_)))
    }

    /// All bytes.
    pub fn whole(self) -> ByteStream {
        match self.source {
            Source::Stream(stream) => stream,
            Source::Seekable(open) => open(0..self.length.unwrap_or(0)),
        }
    }

    /// The bytes of a range; all of them if ranges cannot be had.
    pub fn range(self, range: Range<u64>) -> ByteStream {
        match self.source {
            Source::Stream(stream) => stream,
            Source::Seekable(open) => open(range),
        }
    }

    /// The same, to be read from start to end, once its first bytes are here.
    ///
    /// # Errors
    /// There are no first bytes.
    pub async fn begun(self) -> Result<Self, Fault> {
        let length = self.length;
        Ok(Self::stream(length, begun(self.whole()).await?))
    }

    /// The same, to be read more than once; what comes from start to end only is put into `spool`.
    ///
    /// # Errors
    /// It breaks off, or the spool fails.
    pub async fn again(self, mut spool: Spool) -> Result<Self, Fault> {
        let Source::Stream(mut stream) = self.source else { return Ok(self) };
        while let Some(bytes) = stream.try_next().await? {
            spool.write(bytes).await?;
        }
        let whole = spool.whole().await?;
        let (in_memory, in_file) = whole.lengths();
        Ok(Self::seekable(in_memory + in_file, move |range| whole.stream(range).map_err(Fault::from).boxed()))
    }

    /// All bytes, and again later; nothing if they can be read once only.
    pub fn open(&self) -> ByteStream {
        match &self.source {
            Source::Stream(_) => stream::empty().boxed(),
            Source::Seekable(open) => open(0..self.length.unwrap_or(0)),
        }
    }
}
