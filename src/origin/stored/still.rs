//! A picture of one instance that is in memory as a whole and comes from no origin: for a look at it.

use super::{Decoders, Ranged, Stored};
use crate::origin::{Answer, ByteStream, Fault};
use crate::raster::scale::Viewport;
use crate::raster::wish::{File, Wish};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;

/// All bytes of an instance.
struct Whole(Bytes);

impl Whole {
    fn cut(&self, range: Range<u64>) -> Bytes {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.0.len());
        let (from, to) = (place(range.start), place(range.end));
        self.0.slice(from.min(to)..to)
    }
}

impl Ranged for Whole {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Answer<'_, Bytes> {
        let bytes = self.cut(range);
        Box::pin(async move { Ok(bytes) })
    }

    fn stream(&self, range: Range<u64>) -> ByteStream {
        stream::iter([Ok(self.cut(range))]).boxed()
    }
}

/// Frame `number` (from 1) of `file`, an instance in the form of `Ranged`, as PNG with no side longer than `most`.
///
/// # Errors
/// There is no such frame, or it has no picture.
pub async fn still(file: Bytes, number: u32, most: u32, decoders: Decoders) -> Result<Bytes, Fault> {
    let stored = Arc::new(Stored::read(Arc::new(Whole(file)), decoders).await?);
    let large = u32::from(stored.image.rows.max(stored.image.columns)) > most;
    let whole =
        Viewport { width: most, height: most, left: 0.0, top: 0.0, part_width: None, part_height: None };
    let wish = Wish { file: File::Png, viewport: large.then_some(whole), ..Wish::default() };
    let part = stored.thumbnail("", Some(number), wish).await?;
    let chunks: Vec<Bytes> = part.content.whole().try_collect().await?;
    Ok(chunks.concat().into())
}
