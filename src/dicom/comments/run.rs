//! Bytes under a walker's eyes, some of which it overwrites. Nothing is copied until a byte changes; nothing is ever
//! longer or shorter afterwards.

use bytes::Bytes;

/// A chunk that may be changed in place.
pub(super) struct Piece {
    bytes: Bytes,
    own: Option<Vec<u8>>,
}

impl Piece {
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, own: None }
    }

    pub fn finish(self) -> Bytes {
        self.own.map_or(self.bytes, Bytes::from)
    }

    pub fn as_slice(&self) -> &[u8] {
        self.own.as_deref().unwrap_or(&self.bytes)
    }

    /// The bytes from `at` on, at most so many.
    pub fn run(&mut self, at: usize, most: usize) -> Run<'_> {
        let end = at.saturating_add(most).min(self.bytes.len());
        Run { piece: self, at, end }
    }

    fn put(&mut self, at: usize, byte: u8) {
        if self.as_slice().get(at).is_some_and(|old| *old != byte) {
            let own = self.own.get_or_insert_with(|| self.bytes.to_vec());
            if let Some(place) = own.get_mut(at) {
                *place = byte;
            }
        }
    }
}

/// What is left of a chunk, or of a part of it.
pub(super) struct Run<'a> {
    piece: &'a mut Piece,
    at: usize,
    end: usize,
}

impl Run<'_> {
    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// Where in the chunk it goes on.
    pub fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &[u8] {
        self.piece.as_slice().get(self.at..self.end).unwrap_or_default()
    }

    fn most(&self, most: u64) -> usize {
        usize::try_from(most).unwrap_or(usize::MAX).min(self.end.saturating_sub(self.at))
    }

    /// The next byte, which is not taken.
    pub fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// The next byte, which stays as it is unless `put` follows.
    pub fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Writes over the byte that was read last.
    pub fn put(&mut self, byte: u8) {
        if let Some(at) = self.at.checked_sub(1) {
            self.piece.put(at, byte);
        }
    }

    /// Leaves at most so many bytes as they are; tells how many.
    pub fn pass(&mut self, most: u64) -> u64 {
        let count = self.most(most);
        self.at += count;
        count as u64
    }

    /// Leaves everything before the next FF as it is; true if there is one.
    pub fn pass_to_ff(&mut self) -> bool {
        let found = memchr::memchr(0xFF, self.rest());
        self.at = found.map_or(self.end, |offset| self.at + offset);
        found.is_some()
    }

    /// Writes over at most so many bytes; tells how many.
    pub fn fill(&mut self, most: u64, byte: u8) -> u64 {
        let count = self.most(most);
        for at in self.at..self.at + count {
            self.piece.put(at, byte);
        }
        self.at += count;
        count as u64
    }

    /// Leaves nothing of the rest but padding: zeros and FF.
    pub fn pad(&mut self) {
        for at in self.at..self.end {
            if self.piece.as_slice().get(at).is_some_and(|byte| !matches!(byte, 0 | 0xFF)) {
                self.piece.put(at, 0);
            }
        }
        self.at = self.end;
    }

    /// The next bytes, at most so many, as a run of their own.
    pub fn first(&mut self, most: u64) -> Run<'_> {
        let end = self.at + self.most(most);
        Run { piece: self.piece, at: self.at, end }
    }
}
