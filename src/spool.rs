//! A run of bytes held in memory up to a threshold and in an unlinked temporary file beyond it: written once, then read
//! from the first byte on, or in any ranges. Only pseudonymized bytes ever come here.

use crate::budget::{Budget, Share};
use crate::metrics::{Level, metrics};
use crate::trail::carried;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Bytes written to, or read from, the file at once.
const BLOCK: usize = 1 << 20;

/// Blocks of one stream in memory: the one being sent and the next.
const AHEAD: usize = 2;

/// The file system fails, or bytes are asked for that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the spool fails")]
pub struct Fault;

/// An unlinked temporary file, in the metrics for as long as it is there.
struct File {
    file: std::fs::File,
    _one: Level,
    bytes: Level,
}

impl File {
    fn new(folder: PathBuf) -> std::io::Result<Self> {
        let mut one = Level::of(&metrics().spool_files);
        let file = tempfile::tempfile_in(folder)?;
        one.raise(1);
        Ok(Self { file, _one: one, bytes: Level::of(&metrics().spool_bytes) })
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes.raise(bytes.len());
        Ok(())
    }
}

/// Where spools lie. Clones are the same.
#[derive(Debug, Clone)]
pub struct Spools {
    /// Most bytes of one in memory.
    memory: u64,
    folder: PathBuf,
    budget: Budget,
}

impl Spools {
    /// `memory` bytes of each stay in memory, as long as `budget` gives them; the rest goes to a file in `folder`.
    pub fn new(memory: u64, folder: PathBuf, budget: Budget) -> Self {
        Self { memory, folder, budget }
    }

    /// The same, with at most `memory` bytes of each in memory.
    pub fn at_most(self, memory: u64) -> Self {
        Self { memory: self.memory.min(memory), ..self }
    }

    /// A share of the memory that they have, for something beside them.
    pub fn share(&self) -> Share {
        self.budget.share()
    }

    /// An empty one.
    pub fn open(&self) -> Spool {
        Spool::new(self.clone())
    }
}

/// A spool being filled.
pub struct Spool {
    place: Spools,
    share: Share,
    memory: Vec<Bytes>,
    in_memory: u64,
    /// The file, or the write that has it; the next bytes are gathered meanwhile.
    file: Option<JoinHandle<Result<File, Fault>>>,
    /// Bytes in the file or waiting for it.
    in_file: u64,
    waiting: Vec<Bytes>,
    waiting_len: usize,
}

impl Spool {
    fn new(place: Spools) -> Self {
        Self {
            share: place.budget.share(),
            place,
            memory: Vec::new(),
            in_memory: 0,
            file: None,
            in_file: 0,
            waiting: Vec::new(),
            waiting_len: 0,
        }
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.in_memory + self.in_file
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The file system fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let len = bytes.len() as u64;
        let held = self.in_memory + len;
        if self.in_file == 0 && held <= self.place.memory && self.share.try_hold(held) {
            self.in_memory = held;
            self.memory.push(bytes);
            return Ok(());
        }
        self.in_file += len;
        self.waiting_len += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_len >= BLOCK { self.flush().await } else { Ok(()) }
    }

    /// Cuts everything off behind `len`.
    ///
    /// # Errors
    /// The file system fails.
    pub async fn truncate(&mut self, len: u64) -> Result<(), Fault> {
        self.flush().await?;
        if let Some(mut file) = self.file().await? {
            self.in_file = len.saturating_sub(self.in_memory);
            let end = self.in_file;
            let cut = move || {
                file.file.set_len(end)?;
                file.file.seek(SeekFrom::Start(end))?;
                Ok(file)
            };
            self.file = Some(tokio::spawn(carried(blocking(cut))));
        }
        while self.in_memory > len {
            let Some(last) = self.memory.pop() else { break };
            self.in_memory -= last.len() as u64;
            let keep = usize::try_from(len.saturating_sub(self.in_memory)).unwrap_or(0).min(last.len());
            if keep > 0 {
                self.in_memory += keep as u64;
                self.memory.push(last.slice(..keep));
                break;
            }
        }
        Ok(())
    }

    /// The same bytes for reading, from the first on.
    ///
    /// # Errors
    /// The file system fails.
    pub async fn reader(mut self) -> Result<Reader, Fault> {
        self.flush().await?;
        let left = self.in_file;
        let file = match self.file().await? {
            Some(mut file) => Some((blocking(move || file.file.rewind().map(|()| file)).await?, left)),
            None => None,
        };
        Ok(Reader::new(self.memory, self.share, file))
    }

    /// The same bytes for reading in any ranges.
    ///
    /// # Errors
    /// The file system fails.
    pub async fn whole(mut self) -> Result<Whole, Fault> {
        self.flush().await?;
        let (in_memory, in_file) = (self.in_memory, self.in_file);
        let file = self.file().await?.map(|file| Arc::new(Mutex::new(file)));
        Ok(Whole { memory: self.memory.into(), in_memory, file, in_file, _share: Arc::new(self.share) })
    }

    /// The file itself, once the write that has it is through.
    async fn file(&mut self) -> Result<Option<File>, Fault> {
        match self.file.take() {
            Some(write) => write.await.map_err(|_| Fault)?.map(Some),
            None => Ok(None),
        }
    }

    /// Begins to write what waits.
    async fn flush(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (file, folder) = (self.file().await?, self.place.folder.clone());
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_len = 0;
        let write = move || {
            let mut file = match file {
                Some(file) => file,
                None => File::new(folder)?,
            };
            waiting.iter().try_for_each(|bytes| file.write_all(bytes))?;
            Ok(file)
        };
        self.file = Some(tokio::spawn(carried(blocking(write))));
        Ok(())
    }
}

/// A spool being read from its first byte on. The file is read a block ahead of what is asked for.
pub struct Reader {
    memory: VecDeque<Bytes>,
    _share: Share,
    block: Bytes,
    ahead: Option<JoinHandle<Result<Block, Fault>>>,
}

/// A block of the file, and the file again with the bytes that are left in it.
struct Block {
    bytes: Vec<u8>,
    file: File,
    left: u64,
}

impl Reader {
    fn new(memory: Vec<Bytes>, share: Share, file: Option<(File, u64)>) -> Self {
        let ahead = file.and_then(|(file, left)| read_ahead(file, left));
        Self { memory: memory.into(), _share: share, block: Bytes::new(), ahead }
    }

    /// The next bytes, `most` of them at most.
    ///
    /// # Errors
    /// There are none, or the file system fails.
    pub async fn read(&mut self, most: u64) -> Result<Bytes, Fault> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if let Some(mut bytes) = self.memory.pop_front() {
            if bytes.len() > most {
                self.memory.push_front(bytes.split_off(most));
            }
            return Ok(bytes);
        }
        if self.block.is_empty() {
            let ahead = self.ahead.take().ok_or(Fault)?;
            let block = ahead.await.map_err(|_| Fault)??;
            self.ahead = read_ahead(block.file, block.left);
            self.block = block.bytes.into();
        }
        Ok(self.block.split_to(most.min(self.block.len())))
    }
}

/// Begins to read the next block, if one is left.
fn read_ahead(mut file: File, left: u64) -> Option<JoinHandle<Result<Block, Fault>>> {
    let size = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK);
    let read = move || {
        let mut bytes = vec![0; size];
        file.file.read_exact(&mut bytes)?;
        Ok(Block { bytes, file, left: left - size as u64 })
    };
    (left > 0).then(|| tokio::spawn(carried(blocking(read))))
}

/// A full spool. Clones are the same bytes.
#[derive(Clone)]
pub struct Whole {
    memory: Arc<[Bytes]>,
    in_memory: u64,
    file: Option<Arc<Mutex<File>>>,
    in_file: u64,
    _share: Arc<Share>,
}

impl Whole {
    /// Bytes that lie in memory, and in the file behind them.
    pub fn lengths(&self) -> (u64, u64) {
        (self.in_memory, self.in_file)
    }

    /// The bytes of a range.
    ///
    /// # Errors
    /// The file system fails, or the range is not within.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Fault> {
        if range.start > range.end || range.end > self.in_memory + self.in_file {
            return Err(Fault);
        }
        let mut pieces = self.held_part(&range);
        if range.end > self.in_memory {
            pieces.push(self.filed_part(range.start.max(self.in_memory)..range.end).await?);
        }
        Ok(match pieces.as_slice() {
            [one] => one.clone(),
            several => several.concat().into(),
        })
    }

    fn held_part(&self, range: &Range<u64>) -> Vec<Bytes> {
        let mut at = 0;
        let piece = |bytes: &Bytes| {
            let len = bytes.len() as u64;
            let place = |end: u64| usize::try_from(end.clamp(at, at + len) - at).unwrap_or(usize::MAX);
            let (from, to) = (place(range.start), place(range.end));
            at += len;
            (from < to).then(|| bytes.slice(from..to))
        };
        self.memory.iter().filter_map(piece).collect()
    }

    async fn filed_part(&self, range: Range<u64>) -> Result<Bytes, Fault> {
        let file = Arc::clone(self.file.as_ref().ok_or(Fault)?);
        let (at, size) = (range.start - self.in_memory, range.end - range.start);
        let size = usize::try_from(size).map_err(|_| Fault)?;
        blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.file.seek(SeekFrom::Start(at))?;
            let mut bytes = vec![0; size];
            file.file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    /// The bytes of a range, as fast as they are taken.
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, Fault>> {
        let (whole, block) = (self.clone(), BLOCK as u64);
        let starts =
            (0..).map(move |number| range.start + number * block).take_while(move |at| *at < range.end);
        let pieces = starts.map(move |at| at..range.end.min(at + block));
        let read = move |piece| {
            let whole = whole.clone();
            async move { whole.read(piece).await }
        };
        stream::iter(pieces).map(read).buffered(AHEAD).boxed()
    }
}

/// Runs file work where it may block. The cause of a failure is for the log alone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(kind = %error.kind(), "the spool fails");
            Err(Fault)
        }
        Err(_) => Err(Fault),
    }
}

#[cfg(test)]
mod tests;
