//! Inflates a deflated data set while it streams (PS3.5 A.5), bounded against bombs.

use super::fault::{Fault, FaultKind};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

/// Size of the pieces in which inflated bytes are handed on.
const PIECE: usize = 64 * 1024;

/// A raw deflate stream in flight.
#[derive(Debug)]
pub struct Inflate {
    state: Decompress,
    ended: bool,
    limit: u64,
}

impl Inflate {
    /// A stream that may inflate to at most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { state: Decompress::new(false), ended: false, limit }
    }

    /// Inflates `input` and hands each piece on. Bytes after the end of the stream are
    /// dropped: the standard pads deflated data sets to even length.
    pub fn push(
        &mut self,
        mut input: &[u8],
        hand_on: &mut dyn FnMut(Bytes) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while !self.ended {
            let mut piece = Vec::with_capacity(PIECE);
            let before = self.state.total_in();
            let status = self.state.decompress_vec(input, &mut piece, FlushDecompress::None);
            let used = usize::try_from(self.state.total_in() - before).unwrap_or(input.len());
            input = input.get(used..).unwrap_or_default();
            if self.state.total_out() > self.limit {
                return Err(FaultKind::InflatesTooLarge.into());
            }
            let stalled = piece.is_empty() && used == 0;
            // What came before a damage is judged before the damage is told, so that the same fault of two is found
            // however the input was cut.
            if !piece.is_empty() {
                hand_on(piece.into())?;
            }
            self.ended = status.map_err(|_| FaultKind::BadDeflate)? == Status::StreamEnd;
            if stalled {
                break;
            }
        }
        Ok(())
    }

    /// Tells whether the stream came to its end.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(FaultKind::Truncated.into()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 1024);
        let mut state = Compress::new(Compression::default(), false);
        state.compress_vec(data, &mut out, FlushCompress::Finish).unwrap();
        out
    }

    fn inflated(input: &[u8], step: usize, limit: u64) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let mut inflate = Inflate::new(limit);
        for piece in input.chunks(step) {
            inflate.push(piece, &mut |bytes| {
                out.extend_from_slice(&bytes);
                Ok(())
            })?;
        }
        inflate.finish()?;
        Ok(out)
    }

    #[test]
    fn any_chunk_size_inflates_to_the_same_bytes() {
        let data: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let packed = deflated(&data);
        for step in [1, 7, 4096, packed.len()] {
            assert!(inflated(&packed, step, 1 << 30).unwrap() == data, "{step}");
        }
    }

    #[test]
    fn a_bomb_a_cut_and_junk_are_told() {
        let packed = deflated(&vec![0; 4 << 20]);
        assert_eq!(inflated(&packed, 512, 1 << 20).unwrap_err().kind, FaultKind::InflatesTooLarge);
        assert_eq!(
            inflated(packed.get(..100).unwrap(), 512, 1 << 30).unwrap_err().kind,
            FaultKind::Truncated
        );
        assert_eq!(inflated(&[0xFF; 64], 64, 1 << 30).unwrap_err().kind, FaultKind::BadDeflate);
    }
}
