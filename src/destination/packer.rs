//! Entries of an archive on their way into the spool: stored as they come, or deflated a
//! block at a time on blocking threads while the next bytes are received. Blocks are
//! compressed independently and joined by sync flushes, so that one large entry uses all
//! cores and what is held of it is a few blocks. Framing is `answer`'s.

use super::Fault;
use crate::dicomweb::zip_out::{Content, Method};
use crate::spool::{Reader, Spool, Spools};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How the entries of an archive are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// As they are.
    Stored,
    /// Deflated to about the size of zlib's level 6 in a fraction of its time.
    #[default]
    Fast,
    /// Deflated as small as it gets.
    Best,
}

/// Bytes that are compressed at once: more would be held, less would compress worse.
const BLOCK: usize = 1 << 20;

/// Levels of compression: the other one is tried as well where the usual one makes a block
/// at least so many times smaller.
#[derive(Debug, Clone, Copy)]
struct Levels {
    usual: u32,
    other: u32,
    small: u64,
}

/// Cores of this machine; the work on blocks is divided by them.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(2, usize::from));

/// Blocks in work for all requests together: other work on blocking threads goes on.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(*CORES * 2)));

/// Blocks of one request in work or waiting for those before them.
static WAITING: LazyLock<usize> = LazyLock::new(|| CORES.saturating_add(1).clamp(3, 9));

/// The entries of one archive. At most one is open: `write` opens it, `commit` or
/// `discard` closes it.
pub(super) struct Packer {
    /// `None`: bytes for another framing than ZIP, which needs no checksum.
    packing: Option<Packing>,
    spool: Spool,
    entries: Vec<Entry>,
    /// The open entry, as far as it is spooled.
    open: Entry,
    /// Bytes of the open entry that make no block yet.
    gathered: Vec<Bytes>,
    gathered_len: usize,
    /// Blocks on their way, each with the index of its entry.
    blocks: VecDeque<(usize, JoinHandle<Option<Packed>>)>,
    /// A block of an entry that was committed is lost, or one that must not go out stays.
    broken: bool,
}

#[derive(Default)]
struct Entry {
    size: u64,
    packed: u64,
    crc: Crc,
}

/// A compressed block.
struct Packed {
    bytes: Vec<u8>,
    size: u64,
    crc: Crc,
}

impl Packer {
    pub(super) fn new(packing: Option<Packing>, spools: &Spools) -> Self {
        Self {
            packing,
            spool: spools.open(),
            entries: Vec::new(),
            open: Entry::default(),
            gathered: Vec::new(),
            gathered_len: 0,
            blocks: VecDeque::new(),
            broken: false,
        }
    }

    /// The levels of compression, if there is one.
    fn levels(&self) -> Option<Levels> {
        match self.packing? {
            Packing::Stored => None,
            // On noise level 3 of zlib-rs makes what zlib makes at 6; on what packs small it
            // loses up to a tenth, and a level higher is quick there.
            Packing::Fast => Some(Levels { usual: 3, other: 5, small: 4 }),
            // Level 9 is the better one as a rule, level 6 on noise.
            Packing::Best => Some(Levels { usual: 9, other: 6, small: 0 }),
        }
    }

    /// Takes the next bytes of the open entry.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let Some(levels) = self.levels() else {
            self.open.size += bytes.len() as u64;
            self.open.packed += bytes.len() as u64;
            if self.packing.is_some() {
                self.open.crc.update(&bytes);
            }
            return Ok(self.spool.write(bytes).await?);
        };
        self.gathered_len += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_len >= BLOCK { self.block(levels, false).await } else { Ok(()) }
    }

    /// The open entry is complete. Its last blocks may still be in work.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        if let Some(levels) = self.levels() {
            self.block(levels, true).await?;
        }
        self.entries.push(std::mem::take(&mut self.open));
        Ok(())
    }

    /// Cuts the open entry off.
    pub(super) async fn discard(&mut self) {
        self.gathered.clear();
        self.gathered_len = 0;
        let index = self.entries.len();
        while self.blocks.back().is_some_and(|(entry, _)| *entry == index) {
            self.blocks.pop_back();
        }
        // What is spooled of it stands at the end: blocks come in order.
        let begin = self.spool.len().saturating_sub(self.open.packed);
        if std::mem::take(&mut self.open).packed > 0 {
            self.broken |= self.spool.truncate(begin).await.is_err();
        }
    }

    /// The contents of all entries in order, and their bytes one behind the other.
    pub(super) async fn finish(mut self) -> Result<(Vec<Content>, Reader), Fault> {
        while !self.blocks.is_empty() {
            self.next().await?;
        }
        if self.broken {
            return Err(Fault::Storage);
        }
        let method = if self.levels().is_some() { Method::Deflated } else { Method::Stored };
        let contents = self.entries.iter().map(|entry| entry.content(method)).collect();
        Ok((contents, self.spool.reader().await?))
    }

    /// Sends what is gathered to be compressed.
    async fn block(&mut self, levels: Levels, last: bool) -> Result<(), Fault> {
        while self.blocks.len() >= *WAITING {
            self.next().await?;
        }
        let place = Arc::clone(&*PLACES).acquire_owned().await.map_err(|_| Fault::Storage)?;
        let bytes = std::mem::take(&mut self.gathered);
        self.gathered_len = 0;
        let work = tokio::task::spawn_blocking(move || {
            let packed = pack(&bytes, levels, last);
            drop(place);
            packed
        });
        self.blocks.push_back((self.entries.len(), work));
        Ok(())
    }

    /// Spools the oldest block on its way. It may belong to an entry that was committed, so
    /// that its loss breaks the archive.
    async fn next(&mut self) -> Result<(), Fault> {
        let Some((index, work)) = self.blocks.pop_front() else { return Ok(()) };
        let spooled = self.spooled(index, work).await;
        self.broken |= spooled.is_err();
        spooled
    }

    async fn spooled(&mut self, index: usize, work: JoinHandle<Option<Packed>>) -> Result<(), Fault> {
        let packed = work.await.ok().flatten().ok_or(Fault::Storage)?;
        let entry = self.entries.get_mut(index).unwrap_or(&mut self.open);
        entry.size += packed.size;
        entry.packed += packed.bytes.len() as u64;
        entry.crc.combine(&packed.crc);
        Ok(self.spool.write(packed.bytes.into()).await?)
    }
}

impl Entry {
    fn content(&self, method: Method) -> Content {
        Content { method, size: self.size, packed: self.packed, crc32: self.crc.sum() }
    }
}

/// Compresses a block at the level that suits it.
fn pack(block: &[Bytes], levels: Levels, last: bool) -> Option<Packed> {
    let usual = deflate(block, levels.usual, last)?;
    if usual.bytes.len() as u64 * levels.small > usual.size {
        return Some(usual);
    }
    let other = deflate(block, levels.other, last)?;
    Some(if other.bytes.len() < usual.bytes.len() { other } else { usual })
}

/// Compresses a block into bytes that end on a byte boundary, so that the next block's can
/// follow (RFC 1951 3.2.4); the `last` ends the stream.
fn deflate(block: &[Bytes], level: u32, last: bool) -> Option<Packed> {
    let size: usize = block.iter().map(Bytes::len).sum();
    let mut packed = Packed { bytes: Vec::with_capacity(size / 2 + 64), size: size as u64, crc: Crc::new() };
    let mut state = Compress::new(Compression::new(level), false);
    for bytes in block {
        packed.crc.update(bytes);
        feed(&mut state, bytes, &mut packed.bytes, FlushCompress::None)?;
    }
    feed(&mut state, &[], &mut packed.bytes, if last { FlushCompress::Finish } else { FlushCompress::Sync })?;
    packed.bytes.shrink_to_fit();
    Some(packed)
}

/// Compresses these bytes; with a flush, everything taken so far comes out.
fn feed(state: &mut Compress, mut bytes: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> Option<()> {
    loop {
        if out.capacity() == out.len() {
            out.reserve(64 << 10);
        }
        let before = state.total_in();
        let status = state.compress_vec(bytes, out, flush).ok()?;
        let taken = usize::try_from(state.total_in() - before).ok()?;
        bytes = bytes.get(taken..)?;
        let more = match flush {
            FlushCompress::None => !bytes.is_empty(),
            FlushCompress::Finish => status != Status::StreamEnd,
            // A flush is complete where room is left behind it.
            _ => out.len() == out.capacity(),
        };
        if !more {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::budget::Budget;
    use std::io::Read;

    /// Bytes that deflate to about a half.
    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let next = move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 13) as u8
        };
        (0..len).map(next).collect()
    }

    async fn packed(packing: Packing, entries: &[(Vec<u8>, bool)], step: usize) -> Vec<(Content, Vec<u8>)> {
        let spools = Spools::new(100_000, std::env::temp_dir(), Budget::new(1 << 30));
        let mut packer = Packer::new(Some(packing), &spools);
        for (data, keep) in entries {
            for chunk in data.chunks(step) {
                packer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            if *keep { packer.commit().await.unwrap() } else { packer.discard().await }
        }
        let (contents, mut reader) = packer.finish().await.unwrap();
        let mut out = Vec::new();
        for content in contents {
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < content.packed {
                bytes.extend(reader.read(content.packed - bytes.len() as u64).await.unwrap());
            }
            out.push((content, bytes));
        }
        out
    }

    fn unpacked(content: &Content, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match content.method {
            Method::Stored => out.extend_from_slice(bytes),
            Method::Deflated => {
                let mut decoder = flate2::bufread::DeflateDecoder::new(bytes);
                decoder.read_to_end(&mut out).unwrap();
                assert_eq!(decoder.total_in(), bytes.len() as u64, "bytes behind the end of the stream");
            }
        }
        let mut crc = Crc::new();
        crc.update(&out);
        assert_eq!((content.size, content.crc32), (out.len() as u64, crc.sum()));
        out
    }

    #[tokio::test]
    async fn every_entry_comes_back_and_what_was_discarded_does_not() {
        let sizes = [0, 1, 5000, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7, 3, 2 * BLOCK];
        let entries: Vec<(Vec<u8>, bool)> =
            sizes.iter().enumerate().map(|(at, size)| (noise(*size, at as u64), at % 4 != 2)).collect();
        let kept: Vec<&Vec<u8>> = entries.iter().filter(|entry| entry.1).map(|entry| &entry.0).collect();
        for packing in [Packing::Stored, Packing::Fast, Packing::Best] {
            let out = packed(packing, &entries, 70_001).await;
            let back: Vec<Vec<u8>> = out.iter().map(|(content, bytes)| unpacked(content, bytes)).collect();
            assert!(back.iter().eq(kept.iter().copied()), "{packing:?}");
        }
    }

    #[tokio::test]
    async fn a_large_entry_that_is_discarded_late_leaves_nothing() {
        let entries = [
            (noise(100, 1), true),
            (noise(20 * BLOCK, 2), false),
            (noise(200, 3), true),
            (noise(12 * BLOCK, 4), false),
        ];
        for packing in [Packing::Stored, Packing::Fast] {
            let out = packed(packing, &entries, 1 << 18).await;
            let back: Vec<Vec<u8>> = out.iter().map(|(content, bytes)| unpacked(content, bytes)).collect();
            assert_eq!(back, [entries[0].0.clone(), entries[2].0.clone()], "{packing:?}");
        }
    }

    #[tokio::test]
    async fn data_that_does_not_compress_grows_by_little() {
        let mut state = 7u64;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(2 * BLOCK)
        .collect();
        let out = packed(Packing::Fast, &[(random.clone(), true)], BLOCK / 3).await;
        assert_eq!(unpacked(&out[0].0, &out[0].1), random);
        assert!(out[0].0.packed < random.len() as u64 + 4096, "{}", out[0].0.packed);
    }
}
