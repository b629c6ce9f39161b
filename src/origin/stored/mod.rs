//! One instance whose bytes can be had in ranges, wherever they lie: in the archive, or in a spool that a pull has
//! filled. What is known of it without reading its pixels; what can be given of it is told in files of its own.
//!
//! | I want to … | open |
//! |---|---|
//! | let instances come from somewhere else | `Ranged`, [`Pulled`] |
//! | change how frames are found | `spans` |
//! | change how frames and bulk data go out | `pixels`, `native` |
//! | change metadata, or what stands in an attribute | `described` |
//! | change pictures | `rendered` |
//! | change what becomes of reports | `report` |
//! | make a picture of an instance in memory | [`still`] |

mod described;
mod native;
mod pixels;
mod pulled;
mod rendered;
mod report;
mod spans;
mod still;
#[cfg(test)]
mod tests;

pub use pulled::Pulled;
pub use still::still;

use super::recent::Weighed;
use super::{Answer, ByteStream, Fault};
use crate::dicom::frames::Fragments;
use crate::dicom::image::Image;
use crate::dicom::instance::Limits;
use crate::dicom::layout::{Layout, Reader};
use crate::raster::Unfit;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The first bytes that are read: enough for the head of most instances.
const FIRST: u64 = 16 << 10;

/// The bytes of one instance in the form in which this gateway writes instances (PS3.10; little endian, not deflated),
/// of which any range can be had. They never change.
pub(super) trait Ranged: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// The bytes of a range.
    fn read(&self, range: Range<u64>) -> Answer<'_, Bytes>;

    /// The bytes of a range, as fast as they are taken.
    fn stream(&self, range: Range<u64>) -> ByteStream;
}

/// How many frames may be decoded or rendered at the same time. Clones share one bound.
#[derive(Clone)]
pub struct Decoders(Arc<Semaphore>);

impl Default for Decoders {
    fn default() -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(at_once)))
    }
}

impl Decoders {
    /// Waits for a place; what the work needs in memory is fetched with the place in hand.
    async fn place(&self) -> Result<DecodingPlace<'_>, Fault> {
        let held = self.0.acquire().await.map_err(|_| Fault::Undecodable("the server is stopping"))?;
        Ok(DecodingPlace { _held: held })
    }
}

/// The right to work on pixels.
struct DecodingPlace<'a> {
    _held: SemaphorePermit<'a>,
}

impl DecodingPlace<'_> {
    /// Runs work where it may take its time. A decoder that panics has met a frame it was not made for.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Unfit> + Send + 'static,
    ) -> Result<T, Fault> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Fault::Undecodable("the compressed frame is damaged"))?
            .map_err(|unfit| Fault::Undecodable(unfit.0))
    }
}

/// One instance. What was learned of it stays true as long as it is held.
pub(super) struct Stored {
    bytes: Arc<dyn Ranged>,
    decoders: Decoders,
    /// Where its parts stand.
    pub(super) layout: Layout,
    /// What its head says about its pixels.
    pub(super) image: Image,
    /// Its fragments as far as they were seen.
    fragments: tokio::sync::Mutex<Fragments>,
}

impl Stored {
    /// Reads the head, and nothing behind it but what the last read brought along.
    pub(super) async fn read(bytes: Arc<dyn Ranged>, decoders: Decoders) -> Result<Self, Fault> {
        let (mut reader, size) = (Reader::new(Limits::default()), bytes.size());
        let mut window = FIRST;
        loop {
            let from = reader.taken();
            let to = size.min(from.saturating_add(window));
            let next = bytes.read(from..to).await?;
            window = window.saturating_mul(4);
            if let Some(layout) = reader.push(&next, to == size).map_err(|_| Fault::Damaged)? {
                let image = Image::of(&layout).map_err(|_| Fault::Damaged)?;
                let fragments = Fragments::new(layout.bulk.map_or(0, |bulk| bulk.value_at));
                let fragments = tokio::sync::Mutex::new(fragments);
                return Ok(Self { bytes, decoders, layout, image, fragments });
            }
        }
    }

    fn size(&self) -> u64 {
        self.bytes.size()
    }

    /// What stands behind the bulk value. Fragments tell where they end only when all were seen; an instance that ends
    /// with their delimiter has nothing behind them.
    async fn tail(&self) -> Result<Bytes, Fault> {
        const DELIMITER: &[u8] = b"\xFE\xFF\xDD\xE0\0\0\0\0";
        let Some(bulk) = self.layout.bulk else { return Ok(Bytes::new()) };
        let size = self.size();
        let from = match bulk.end() {
            Some(end) => end,
            None => {
                let last = self.bytes.read(size.saturating_sub(8)..size).await?;
                if last == DELIMITER {
                    return Ok(Bytes::new());
                }
                self.end_of_fragments().await?
            }
        };
        self.bytes.read(from..size.max(from)).await
    }
}

impl Weighed for Arc<Stored> {
    fn weight(&self) -> u64 {
        let fragments = self.fragments.try_lock().map_or(0, |fragments| fragments.weight());
        let tables = (self.image.offsets.len() + self.image.lengths.len()) * 8;
        (512 + self.layout.head.len() + tables + fragments) as u64
    }
}
