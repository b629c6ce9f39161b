//! What must happen to native pixel bytes on their way: byte order, cleared bits. Works
//! on chunks of any size. Whether anything must happen is decided by the caller.

use super::value;
use bytes::Bytes;

/// A transformation of the bulk stream; by default none, and then nothing is copied.
#[derive(Debug, Default)]
pub struct BulkFilter {
    /// Bytes per cell; the stream is cut at its multiples.
    cell: usize,
    swap: bool,
    /// Bits to clear in each cell, of `cell` bytes little endian.
    clear: u32,
    carry: Vec<u8>,
}

impl BulkFilter {
    /// Reverses cells of `swap` bytes (1: none), then clears `clear` in each cell of
    /// `cell` bytes (1, 2 or 4).
    pub fn new(swap: usize, cell: usize, clear: u32) -> Self {
        Self { cell: swap.max(if clear == 0 { 1 } else { cell }), swap: swap > 1, clear, carry: Vec::new() }
    }

    /// Takes a chunk and gives what can go on; at a cut cell the rest waits.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        if self.cell <= 1 && self.clear == 0 {
            return chunk;
        }
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.extend_from_slice(&chunk);
        let whole = bytes.len() - bytes.len() % self.cell.max(1);
        self.carry = bytes.split_off(whole);
        self.transform(&mut bytes);
        bytes.into()
    }

    /// What is left of a cut last cell, as it came.
    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.carry).into()
    }

    fn transform(&self, bytes: &mut [u8]) {
        if self.swap {
            value::swap(bytes, self.cell);
        }
        if self.clear != 0 {
            let mask = self.clear.to_le_bytes();
            for cell in bytes.chunks_exact_mut(self.cell.max(1)) {
                cell.iter_mut().zip(mask).for_each(|(byte, clear)| *byte &= !clear);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut filter: BulkFilter, input: &[u8], step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in input.chunks(step) {
            out.extend_from_slice(&filter.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&filter.finish());
        out
    }

    #[test]
    fn without_a_task_chunks_pass_uncopied() {
        let chunk = Bytes::from_static(b"abc");
        assert_eq!(BulkFilter::default().push(chunk.clone()).as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn words_are_swapped_and_bits_cleared_across_chunks() {
        for step in 1..6 {
            assert_eq!(run(BulkFilter::new(2, 2, 0), &[1, 2, 3, 4, 5], step), [2, 1, 4, 3, 5]);
            assert_eq!(run(BulkFilter::new(1, 2, 1 << 12), &[0xFF; 4], step), [0xFF, 0xEF, 0xFF, 0xEF]);
            assert_eq!(run(BulkFilter::new(2, 2, 1 << 12), &[0xFF, 1, 0x10, 2], step), [1, 0xEF, 2, 0]);
        }
    }
}
