//! Reads stored objects: ranges of known size, and streams with one range read ahead. What the bytes mean is known above.

use super::{Archive, Fault};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of one range of a stream: large enough that its round trip does not count, small enough to hold a few.
const CHUNK: u64 = 1 << 20;

/// Ranges of one stream in memory: the one being sent and the next.
const AHEAD: usize = 2;

impl Archive {
    /// The bytes of a range of an object.
    ///
    /// # Errors
    /// The object store fails, or the object is not there or ends before the range.
    pub async fn read(&self, object: &str, range: Range<u64>) -> Result<Bytes, Fault> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.store.objects.get_range(&Path::from(object), range).await?;
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(Fault::Lost) }
    }

    /// Bytes read so far, of all objects.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The bytes of a range of an object, as fast as they are taken.
    pub fn stream(&self, object: &str, range: Range<u64>) -> BoxStream<'static, Result<Bytes, Fault>> {
        let (archive, object) = (self.clone(), Arc::<str>::from(object));
        let starts =
            (0..).map(move |number| range.start + number * CHUNK).take_while(move |at| *at < range.end);
        let pieces = starts.map(move |at| at..range.end.min(at + CHUNK));
        let read = move |piece| {
            let (archive, object) = (archive.clone(), Arc::clone(&object));
            async move { archive.read(&object, piece).await }
        };
        stream::iter(pieces).map(read).buffered(AHEAD).boxed()
    }
}
