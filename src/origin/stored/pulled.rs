//! Instances that come from elsewhere as a stream: kept in spools for a while, so that many frames of one cost one pull.
//! Where the bytes come from, and what is done to them on the way, is the caller's.

use super::{Decoders, Ranged, Stored};
use crate::budget::Share;
use crate::origin::recent::{Recent, Weighed};
use crate::origin::{Answer, ByteStream, Content, Fault};
use crate::spool::{Spools, Whole};
use bytes::Bytes;
use futures_util::stream::{StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Most bytes of all spools together that lie in files.
const IN_FILES: u64 = 4 << 30;

/// Most bytes of all spools together that lie in memory.
const IN_MEMORY: u64 = 32 << 20;

/// Most bytes of one spool that lie in memory.
const EACH: u64 = 4 << 20;

/// What a byte in memory weighs, where one in a file weighs one: so the sum of all bounds both.
const HEAVIER: u64 = IN_FILES / IN_MEMORY;

/// What an entry takes in memory of its own, be it empty.
const ENTRY: u64 = 512;

/// How long a pulled instance stands for what its origin has now.
const FRESH: Duration = Duration::from_secs(300);

/// Pulled instances. Clones share them and their bounds.
#[derive(Clone)]
pub struct Pulled {
    recent: Arc<Recent<Pull>>,
    spools: Spools,
    decoders: Decoders,
    /// Nothing is kept, so nothing can be had that must be kept.
    nothing: bool,
}

const NOT_KEPT: Fault = Fault::Undecodable("the origin does not give it, and its instances are not kept");

/// One instance, there or on its way. Who asks for it meanwhile waits for the same pull.
#[derive(Clone)]
struct Pull {
    since: Instant,
    stored: Arc<OnceCell<Spooled>>,
}

#[derive(Clone)]
struct Spooled {
    stored: Arc<Stored>,
    lengths: (u64, u64),
}

impl Weighed for Pull {
    fn weight(&self) -> u64 {
        let entry = ENTRY * HEAVIER;
        let Some(Spooled { stored, lengths: (in_memory, in_file) }) = self.stored.get() else { return entry };
        (in_memory + stored.weight()) * HEAVIER + in_file + entry
    }
}

impl Pulled {
    /// Nothing yet; what is pulled lies in such spools.
    pub fn new(spools: Spools, decoders: Decoders) -> Self {
        Self {
            recent: Arc::new(Recent::new(IN_FILES)),
            spools: spools.at_most(EACH),
            decoders,
            nothing: false,
        }
    }

    /// The same bounds for somebody whose instances must not lie on a disk: none is pulled.
    pub(in crate::origin) fn of_nothing(&self) -> Self {
        Self { recent: Arc::new(Recent::new(0)), nothing: true, ..self.clone() }
    }

    /// A share of the memory for requests, for what is held of an instance on its way.
    pub(in crate::origin) fn share(&self) -> Share {
        self.spools.share()
    }

    /// The instance that is known by this name; if it is not here, `open` gives its bytes in the form of [`Ranged`]. The
    /// name says all that the bytes depend on, the project first.
    ///
    /// # Errors
    /// Those of `open` and of its stream; the bytes are no instance; the spool fails.
    pub(in crate::origin) async fn of<F>(
        &self,
        name: &str,
        open: impl FnOnce() -> F + Send,
    ) -> Result<Arc<Stored>, Fault>
    where
        F: Future<Output = Result<ByteStream, Fault>> + Send,
    {
        if self.nothing {
            return Err(NOT_KEPT);
        }
        let pull = self.pull(name);
        if let Some(spooled) = pull.stored.get() {
            return Ok(Arc::clone(&spooled.stored));
        }
        let spooled = pull.stored.get_or_try_init(|| async { self.fill(open().await?).await }).await?;
        let stored = Arc::clone(&spooled.stored);
        // Now its weight is known.
        self.recent.keep(name, pull);
        Ok(stored)
    }

    /// Bytes that come once as a content of which ranges can be had. They are not kept for others.
    ///
    /// # Errors
    /// The stream breaks, or the spool fails.
    pub(in crate::origin) async fn value(&self, bytes: ByteStream) -> Result<Content, Fault> {
        if self.nothing {
            return Ok(Content::stream(None, bytes));
        }
        let whole = self.spooled(bytes).await?;
        Ok(Content::seekable(whole.size(), move |range| Ranged::stream(&whole, range)))
    }

    fn pull(&self, name: &str) -> Pull {
        let fresh = |pull: &Pull| pull.since.elapsed() < FRESH;
        self.recent.find_or(name, fresh, || Pull { since: Instant::now(), stored: Arc::default() })
    }

    async fn fill(&self, bytes: ByteStream) -> Result<Spooled, Fault> {
        let whole = self.spooled(bytes).await?;
        let lengths = whole.lengths();
        let stored = Stored::read(Arc::new(whole), self.decoders.clone()).await?;
        Ok(Spooled { stored: Arc::new(stored), lengths })
    }

    async fn spooled(&self, mut bytes: ByteStream) -> Result<Whole, Fault> {
        let mut spool = self.spools.open();
        while let Some(chunk) = bytes.try_next().await? {
            // A slice would hold the whole buffer that it came in.
            spool.write(Bytes::copy_from_slice(&chunk)).await?;
        }
        Ok(spool.whole().await?)
    }
}

impl Ranged for Whole {
    fn size(&self) -> u64 {
        let (in_memory, in_file) = self.lengths();
        in_memory + in_file
    }

    fn read(&self, range: Range<u64>) -> Answer<'_, Bytes> {
        Box::pin(async move { Ok(Whole::read(self, range).await?) })
    }

    fn stream(&self, range: Range<u64>) -> ByteStream {
        Whole::stream(self, range).map_err(Fault::from).boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::budget::Budget;
    use crate::dicom::meta;
    use crate::dicom::syntax::EXPLICIT_LE;
    use crate::dicom::writer::Writer;
    use crate::dicomweb::representation::As;
    use dicom_core::{Tag, VR};
    use futures_util::stream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn pulled(folder: &tempfile::TempDir) -> Pulled {
        Pulled::new(Spools::new(1000, folder.path().to_owned(), Budget::new(1 << 30)), Decoders::default())
    }

    /// An image of three frames of 5000 bytes each, the number of the frame in each byte.
    fn image() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(Tag(0x0028, 0x0004), VR::CS, "MONOCHROME2");
        writer.text(Tag(0x0028, 0x0008), VR::IS, "3");
        writer.element(Tag(0x0028, 0x0010), VR::US, &100u16.to_le_bytes());
        writer.element(Tag(0x0028, 0x0011), VR::US, &50u16.to_le_bytes());
        writer.element(Tag(0x0028, 0x0100), VR::US, &[8, 0]);
        let pixels: Vec<u8> = [1, 2, 3].into_iter().flat_map(|number| [number; 5000]).collect();
        writer.element(Tag(0x7FE0, 0x0010), VR::OB, &pixels);
        [meta::write("1.2", "2.25.3", EXPLICIT_LE), writer.finish()].concat()
    }

    fn stream_of(file: &[u8]) -> ByteStream {
        let chunks: Vec<_> = file.chunks(777).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        stream::iter(chunks).boxed()
    }

    #[tokio::test]
    async fn many_frames_asked_for_at_once_cost_one_pull() {
        let folder = tempfile::tempdir().unwrap();
        let (pulled, pulls) = (pulled(&folder), Arc::new(AtomicUsize::new(0)));
        let frame = |number: u8| {
            let (pulled, pulls) = (pulled.clone(), Arc::clone(&pulls));
            tokio::spawn(async move {
                let open = || async {
                    pulls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(stream_of(&image()))
                };
                let stored = pulled.of("p/i", open).await.unwrap();
                let parts = stored.frames("i", &[number.into()], As::Stored).await.unwrap();
                let part = parts.parts.try_collect::<Vec<_>>().await.unwrap().remove(0);
                part.content.whole().try_collect::<Vec<Bytes>>().await.unwrap().concat()
            })
        };
        for (number, frame) in [1, 2, 3].map(|number| (number, frame(number))) {
            assert_eq!(frame.await.unwrap(), vec![number; 5000]);
        }
        assert_eq!(pulls.load(Ordering::Relaxed), 1);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the file has no name");
    }

    #[tokio::test]
    async fn a_pull_that_failed_is_made_again_and_a_stream_that_broke_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pulled = pulled(&folder);
        let file = image();
        let broken = file.get(..9000).unwrap();
        let cut = || async { Ok(stream_of(broken).chain(stream::iter([Err(Fault::Damaged)])).boxed()) };
        assert_eq!(pulled.of("i", cut).await.err(), Some(Fault::Damaged));
        assert_eq!(pulled.of("i", || async { Err(Fault::NotFound) }).await.err(), Some(Fault::NotFound));
        assert!(pulled.of("i", || async { Ok(stream_of(&file)) }).await.is_ok());
        assert!(pulled.of("i", || async { Err(Fault::NotFound) }).await.is_ok(), "it is here");
        assert_eq!(pulled.of("j", || async { Err(Fault::NotFound) }).await.err(), Some(Fault::NotFound));
    }
}
