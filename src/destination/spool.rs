//! A run of bytes held in memory up to a threshold and in an unlinked temporary file
//! beyond it. Only rewritten bytes ever come here.

use super::Fault;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Bytes written to, or read from, the file at once.
const BLOCK: usize = 1 << 20;

/// A spool being filled.
pub(super) struct Spool {
    folder: PathBuf,
    threshold: u64,
    memory: Vec<Bytes>,
    in_memory: u64,
    file: Option<File>,
    /// Bytes in the file or waiting for it.
    in_file: u64,
    waiting: Vec<Bytes>,
    waiting_len: usize,
}

impl Spool {
    pub(super) fn new(threshold: u64, folder: PathBuf) -> Self {
        Self {
            folder,
            threshold,
            memory: Vec::new(),
            in_memory: 0,
            file: None,
            in_file: 0,
            waiting: Vec::new(),
            waiting_len: 0,
        }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.in_memory + self.in_file
    }

    /// Appends bytes.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let len = bytes.len() as u64;
        if self.in_file == 0 && self.in_memory + len <= self.threshold {
            self.in_memory += len;
            self.memory.push(bytes);
            return Ok(());
        }
        self.in_file += len;
        self.waiting_len += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_len >= BLOCK { self.flush().await } else { Ok(()) }
    }

    /// Cuts everything off behind `len`.
    pub(super) async fn truncate(&mut self, len: u64) -> Result<(), Fault> {
        self.flush().await?;
        if let Some(mut file) = self.file.take() {
            self.in_file = len.saturating_sub(self.in_memory);
            let end = self.in_file;
            let cut = move || file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map(|_| file);
            self.file = Some(blocking(cut).await?);
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
    pub(super) async fn reader(mut self) -> Result<Reader, Fault> {
        self.flush().await?;
        let file = match self.file.take() {
            Some(mut file) => Some(blocking(move || file.seek(SeekFrom::Start(0)).map(|_| file)).await?),
            None => None,
        };
        Ok(Reader { memory: self.memory.into(), file })
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (file, folder) = (self.file.take(), self.folder.clone());
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_len = 0;
        let write = move || {
            let mut file = match file {
                Some(file) => file,
                None => tempfile::tempfile_in(folder)?,
            };
            waiting.iter().try_for_each(|bytes| file.write_all(bytes))?;
            Ok(file)
        };
        self.file = Some(blocking(write).await?);
        Ok(())
    }
}

/// A spool being read.
pub(super) struct Reader {
    memory: VecDeque<Bytes>,
    file: Option<File>,
}

impl Reader {
    /// The next bytes, `most` of them at most; an error if there are none.
    pub(super) async fn read(&mut self, most: u64) -> Result<Bytes, Fault> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if let Some(mut bytes) = self.memory.pop_front() {
            if bytes.len() > most {
                self.memory.push_front(bytes.split_off(most));
            }
            return Ok(bytes);
        }
        let mut file = self.file.take().ok_or(Fault::Storage)?;
        let read = move || {
            let mut block = vec![0; most.min(BLOCK)];
            file.read_exact(&mut block).map(|()| (file, block))
        };
        let (file, block) = blocking(read).await?;
        self.file = Some(file);
        Ok(block.into())
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
            Err(Fault::Storage)
        }
        Err(_) => Err(Fault::Storage),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    async fn read_all(spool: Spool, step: u64) -> Vec<u8> {
        let mut left = spool.len();
        let mut reader = spool.reader().await.unwrap();
        let mut all = Vec::new();
        while left > 0 {
            let bytes = reader.read(step.min(left)).await.unwrap();
            left -= bytes.len() as u64;
            all.extend_from_slice(&bytes);
        }
        all
    }

    #[tokio::test]
    async fn what_was_written_comes_back_whatever_lies_in_memory() {
        let data: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for threshold in [0, 100, 2500, 10_000] {
            let mut spool = Spool::new(threshold, std::env::temp_dir());
            for chunk in data.chunks(7) {
                spool.write(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            assert_eq!(read_all(spool, 64).await, data, "threshold {threshold}");
        }
    }

    #[tokio::test]
    async fn a_cut_leaves_exactly_what_stood_before_it() {
        for (threshold, cut) in [(0, 10), (5, 10), (15, 10), (100, 10), (5, 0), (12, 12), (100, 20)] {
            let mut spool = Spool::new(threshold, std::env::temp_dir());
            for part in [&b"0123456"[..], b"789abc", b"defghij"] {
                spool.write(Bytes::copy_from_slice(part)).await.unwrap();
            }
            spool.truncate(cut).await.unwrap();
            assert_eq!(spool.len(), cut);
            spool.write(Bytes::from_static(b"XY")).await.unwrap();
            let expected = [&b"0123456789abcdefghij"[..usize::try_from(cut).unwrap()], b"XY"].concat();
            assert_eq!(read_all(spool, 3).await, expected, "threshold {threshold}, cut {cut}");
        }
    }
}
