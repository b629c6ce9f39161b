//! Reads an input in large chunks through one buffer that is used again, so that neither
//! memory nor page faults grow with the input.

use bytes::{Bytes, BytesMut};
use std::io::{self, ErrorKind, Read};

/// Bytes per chunk: holds a usual slice whole, and still fits the cache of a core.
pub const SIZE: usize = 1024 * 1024;

/// The reading side of a worker.
#[derive(Default)]
pub struct Chunks {
    /// The whole buffer of the chunk handed out last.
    last: Option<Bytes>,
}

impl Chunks {
    /// The next bytes of `input`: [`SIZE`] of them unless the input ends, none at its end.
    pub fn next(&mut self, input: &mut dyn Read) -> io::Result<Bytes> {
        let mut buffer = self.take_back();
        let len = fill(input, &mut buffer)?;
        let whole = buffer.freeze();
        let chunk = whole.slice(..len);
        self.last = Some(whole);
        Ok(chunk)
    }

    /// The buffer used last if nobody holds a slice of it any more, else a new one.
    fn take_back(&mut self) -> BytesMut {
        let last = self.last.take().and_then(|last| last.try_into_mut().ok());
        last.unwrap_or_else(|| BytesMut::zeroed(SIZE))
    }
}

fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(free) = buffer.get_mut(len..).filter(|free| !free.is_empty()) {
        match input.read(free) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_bytes_come_once_and_in_order() {
        let input: Vec<u8> = (0..SIZE * 2 + 7).map(|n| (n % 251) as u8).collect();
        let (mut reader, mut chunks, mut got) = (input.as_slice(), Chunks::default(), Vec::new());
        loop {
            let chunk = chunks.next(&mut reader).unwrap();
            if chunk.is_empty() {
                break;
            }
            got.extend_from_slice(&chunk);
        }
        assert_eq!(got, input);
    }

    #[test]
    fn a_chunk_that_is_still_held_keeps_its_bytes() {
        let input = vec![1; SIZE].into_iter().chain(vec![2; SIZE]).collect::<Vec<u8>>();
        let (mut reader, mut chunks) = (input.as_slice(), Chunks::default());
        let first = chunks.next(&mut reader).unwrap();
        let second = chunks.next(&mut reader).unwrap();
        assert!(first.iter().all(|byte| *byte == 1) && second.iter().all(|byte| *byte == 2));
    }
}
