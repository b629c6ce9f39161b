//! JPEG of 12 bits, sequential, with Huffman codes (ITU-T T.81, process 4), of one component, as no library here decodes it:
//! the headers and the order of blocks. One block is `jpeg_12_block`'s.

use super::Unfit;
use super::jpeg_12_block::{Bits, Block, Codes};
use super::segments::segment;

const BAD: Unfit = Unfit("a JPEG frame of 12 bits is damaged");

/// Samples are from 0 to this.
const MOST: f32 = 4095.0;

/// What the headers say; tables by their numbers.
#[derive(Default)]
struct Frame {
    size: Option<(usize, usize)>,
    quantizer: usize,
    quantizers: [Option<[f32; 64]>; 4],
    direct: [Option<Codes>; 4],
    alternating: [Option<Codes>; 4],
    /// Blocks between restarts; 0 for none.
    interval: usize,
}

/// Decodes a frame of `width` by `height` samples, row by row.
///
/// # Errors
/// It is damaged, of another shape, progressive, or of several components.
pub fn decode(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u16>, Unfit> {
    let mut frame = Frame::default();
    let mut at = 2;
    loop {
        let (marker, body, end) = segment(bytes, at).ok_or(BAD)?;
        at = end;
        match marker {
            0xC1 => frame.begin(body)?,
            0xC4 => frame.codes(body).ok_or(BAD)?,
            0xC0..=0xCF => return Err(Unfit("JPEG of 12 bits is decoded only where it is sequential")),
            0xDB => frame.quantizers(body).ok_or(BAD)?,
            0xDD => frame.interval = pair(body, 0).ok_or(BAD)?,
            0xDA if frame.size == Some((width, height)) => {
                return frame.scan(body, bytes.get(end..).unwrap_or_default());
            }
            0xDA => return Err(BAD),
            _ => {}
        }
    }
}

fn pair(body: &[u8], at: usize) -> Option<usize> {
    body.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes).map(usize::from)
}

impl Frame {
    /// T.81 B.2.2. With one component its sampling factors mean nothing.
    fn begin(&mut self, body: &[u8]) -> Result<(), Unfit> {
        let (Some(height), Some(width)) = (pair(body, 1), pair(body, 3)) else { return Err(BAD) };
        let (Some(12), Some([1, _, _, quantizer])) = (body.first(), body.get(5..9)) else {
            return Err(Unfit("JPEG of 12 bits is decoded only in grey"));
        };
        self.size = Some((width, height)).filter(|_| width > 0 && height > 0);
        self.quantizer = usize::from(*quantizer);
        Ok(())
    }

    /// T.81 B.2.4.1.
    fn quantizers(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_first() {
            let width = if head >> 4 == 0 { 1 } else { 2 };
            let (table, rest) = rest.split_at_checked(64 * width)?;
            let steps = table
                .chunks_exact(width)
                .map(|cell| cell.iter().fold(0, |all, it| all << 8 | u16::from(*it)));
            let slot = self.quantizers.get_mut(usize::from(head & 15))?.insert([0.0; 64]);
            slot.iter_mut().zip(steps).for_each(|(to, step)| *to = f32::from(step));
            body = rest;
        }
        Some(())
    }

    /// T.81 B.2.4.2.
    fn codes(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (values, rest) = rest.split_at_checked(counts.iter().copied().map(usize::from).sum())?;
            let tables = if head >> 4 == 0 { &mut self.direct } else { &mut self.alternating };
            *tables.get_mut(usize::from(head & 15))? = Some(Codes::new(counts, values)?);
            body = rest;
        }
        Some(())
    }

    /// The one scan (T.81 B.2.3): all blocks, row by row.
    fn scan(&self, header: &[u8], rest: &[u8]) -> Result<Vec<u16>, Unfit> {
        let (width, height) = self.size.ok_or(BAD)?;
        let Some([1, _, tables]) = header.get(..3) else { return Err(BAD) };
        let table = |all: &'_ [Option<Codes>; 4], number: u8| all.get(usize::from(number)).cloned().flatten();
        let direct = table(&self.direct, tables >> 4).ok_or(BAD)?;
        let alternating = table(&self.alternating, tables & 15).ok_or(BAD)?;
        let quantizer = self.quantizers.get(self.quantizer).copied().flatten().ok_or(BAD)?;
        let (across, down) = (width.div_ceil(8), height.div_ceil(8));
        let interval = if self.interval == 0 { across * down } else { self.interval };
        let mut parts = parts(rest);
        let mut samples = vec![0; width * height];
        for first in (0..across * down).step_by(interval) {
            let part = parts.next().ok_or(BAD)?;
            let (mut bits, mut level) = (Bits::new(&part), 0);
            for number in first..(first + interval).min(across * down) {
                let block = Block::read(&mut bits, &direct, &alternating, &mut level)?;
                place(&block.samples(&quantizer), number, across, width, &mut samples);
            }
        }
        Ok(samples)
    }
}

/// Puts the samples of a block where they belong; what lies beyond the edges is filling.
fn place(block: &[f32; 64], number: usize, across: usize, width: usize, samples: &mut [u16]) {
    let (left, top) = (number % across * 8, number / across * 8);
    let rows = samples.chunks_exact_mut(width).skip(top);
    for (row, line) in rows.zip(block.chunks_exact(8)) {
        for (to, sample) in row.iter_mut().skip(left).zip(line) {
            *to = (sample + 2048.0).round().clamp(0.0, MOST) as u16;
        }
    }
}

/// The coded bytes between restarts, without stuffing (T.81 B.1.1.5), up to the next marker.
fn parts(rest: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut bytes = rest.iter().copied();
    let mut over = false;
    std::iter::from_fn(move || {
        let mut part = Vec::new();
        while !over {
            match bytes.next() {
                Some(0xFF) => match bytes.next() {
                    Some(0) => part.push(0xFF),
                    Some(0xD0..=0xD7) => return Some(part),
                    _ => over = true,
                },
                Some(byte) => part.push(byte),
                None => over = true,
            }
        }
        Some(part).filter(|part| !part.is_empty())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One component of 12 bits; each block is the same: a level of so many steps of 8, and no more.
    fn file(width: u16, height: u16, interval: u16, scan: &[u8]) -> Vec<u8> {
        let mut out = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        out.extend([64; 64]);
        out.extend([0xFF, 0xC1, 0, 11, 12]);
        out.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
        out.extend([1, 1, 0x11, 0]);
        // Of each kind one code of one bit: a difference of 4 bits; the end of the block.
        for (kind, value) in [(0x00, 4), (0x10, 0)] {
            out.extend([0xFF, 0xC4, 0, 20, kind, 1]);
            out.extend([0; 15]);
            out.push(value);
        }
        out.extend([0xFF, 0xDD, 0, 4]);
        out.extend(interval.to_be_bytes());
        out.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        out.extend(scan);
        out.extend([0xFF, 0xD9]);
        out
    }

    #[test]
    fn blocks_come_row_by_row_and_begin_anew_at_restarts() {
        // 0 (difference of 4 bits) 1000 (8) 0 (end): 8 steps of 64 are 512, an eighth of it a sample: 64.
        let one = [0b0100_0001];
        let two = [0b0100_0001, 0b0000_0111];
        assert_eq!(decode(&file(9, 3, 0, &[0b0100_0000, 0b1000_0111]), 9, 3).unwrap().len(), 27);
        let level = |scan: &[u8], interval, width| decode(&file(width, 1, interval, scan), width.into(), 1);
        assert_eq!(level(&one, 0, 8).unwrap(), [2112; 8]);
        let both = level(&two, 0, 9).unwrap();
        assert_eq!((both.first(), both.get(8)), (Some(&2112), Some(&2176)), "levels are told as differences");
        let restarted = [&one[..], &[0xFF, 0xD0], &one].concat();
        assert_eq!(level(&restarted, 1, 9).unwrap(), [2112; 9]);
        assert_eq!(level(&one, 1, 9), Err(BAD), "the second part is missing");
        assert_eq!(level(&[], 0, 8), Err(BAD));
    }

    #[test]
    fn what_is_cut_off_changed_or_of_another_shape_is_told() {
        let whole = file(8, 8, 0, &[0b0100_0001]);
        assert!(decode(&whole, 8, 8).is_ok());
        assert_eq!(decode(&whole, 8, 9), Err(BAD));
        for length in 0..whole.len() - 3 {
            assert!(decode(whole.get(..length).unwrap(), 8, 8).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed.iter_mut().skip(at).take(1).for_each(|byte| *byte = !*byte);
            let _ = decode(&changed, 8, 8);
        }
    }
}
