//! One block of 8 by 8 samples of a sequential JPEG: its Huffman codes (ITU-T T.81 F.2.2) and the inverse of its transform
//! (A.3.3). Headers and order are `jpeg_12`'s.

use super::Unfit;
use std::f32::consts::{FRAC_1_SQRT_2, PI};
use std::sync::LazyLock;

const BAD: Unfit = Unfit("a JPEG frame of 12 bits is damaged");

/// Places of coefficients in the order in which they are coded (T.81 A.3.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Row u, column x: what coefficient u adds to sample x (T.81 A.3.3).
static WAVES: LazyLock<[[f32; 8]; 8]> = LazyLock::new(|| {
    let wave = |u: usize, x: usize| {
        let scale = if u == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
        scale * ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos()
    };
    std::array::from_fn(|u| std::array::from_fn(|x| wave(u, x)))
});

/// A table of Huffman codes.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    /// For each length from 1: the first code, the place of its value, how many codes.
    lengths: [(u32, usize, u32); 16],
    values: Vec<u8>,
}

impl Codes {
    /// The codes of which there are so many of each length, and their values; nothing if there are too many.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut lengths = [(0, 0, 0); 16];
        let (mut code, mut place) = (0u32, 0);
        for (number, (length, count)) in lengths.iter_mut().zip(counts).enumerate() {
            code <<= 1;
            *length = (code, place, u32::from(*count));
            code += u32::from(*count);
            place += usize::from(*count);
            if code > 1 << (number + 1) {
                return None;
            }
        }
        Some(Self { lengths, values: values.to_vec() })
    }

    fn read(&self, bits: &mut Bits) -> Result<u32, Unfit> {
        let mut code = 0;
        for (first, place, count) in &self.lengths {
            code = code << 1 | bits.take(1)?;
            let number = code.wrapping_sub(*first);
            if number < *count {
                return self.values.get(place + number as usize).map(|value| u32::from(*value)).ok_or(BAD);
            }
        }
        Err(BAD)
    }
}

/// Bits, most significant first, of bytes without stuffing.
pub(super) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), held: 0, count: 0 }
    }

    /// The next `count` bits, at most 16.
    fn take(&mut self, count: u32) -> Result<u32, Unfit> {
        while self.count < count {
            self.held = self.held << 8 | u64::from(*self.bytes.next().ok_or(BAD)?);
            self.count += 8;
        }
        self.count -= count;
        let taken = self.held >> self.count;
        self.held &= (1 << self.count) - 1;
        u32::try_from(taken).map_err(|_| BAD)
    }

    /// A number of `size` bits, with its sign (T.81 F.2.2.1, EXTEND).
    fn number(&mut self, size: u32) -> Result<i32, Unfit> {
        if size > 15 {
            return Err(BAD);
        }
        let raw = self.take(size)?.cast_signed();
        let is_negative = size > 0 && raw < 1 << (size - 1);
        Ok(if is_negative { raw - (1 << size) + 1 } else { raw })
    }
}

/// Coefficients in their places, not yet multiplied.
pub(super) struct Block([i32; 64]);

impl Block {
    /// Reads a block; `level` is the one of the block before, then its own.
    ///
    /// # Errors
    /// The bits end, or are no code.
    pub(super) fn read(
        bits: &mut Bits,
        direct: &Codes,
        others: &Codes,
        level: &mut i32,
    ) -> Result<Self, Unfit> {
        let mut block = [0; 64];
        let size = direct.read(bits)?;
        // 16 bits hold each level that is legal; what is not goes round.
        *level = i32::from(level.wrapping_add(bits.number(size)?) as i16);
        block[0] = *level;
        let mut at = 1;
        while at < 64 {
            let code = others.read(bits)?;
            let (run, size) = (code as usize >> 4, code & 15);
            match (run, size) {
                (15, 0) => at += 16,
                (_, 0) => break,
                _ => {
                    at += run;
                    let place = ZIGZAG.get(at).and_then(|place| block.get_mut(*place)).ok_or(BAD)?;
                    *place = bits.number(size)?;
                    at += 1;
                }
            }
        }
        Ok(Self(block))
    }

    /// Its samples around zero, row by row; `steps` are in the order of the code.
    pub(super) fn samples(&self, steps: &[f32; 64]) -> [f32; 64] {
        let mut scaled = [0.0; 64];
        for (place, step) in ZIGZAG.iter().zip(steps) {
            if let (Some(to), Some(from)) = (scaled.get_mut(*place), self.0.get(*place)) {
                *to = *from as f32 * step;
            }
        }
        turned(&turned(&scaled))
    }
}

/// Transforms each row, and turns rows into columns.
fn turned(block: &[f32; 64]) -> [f32; 64] {
    let mut out = [0.0; 64];
    for (number, row) in block.chunks_exact(8).enumerate() {
        let mut samples = [0.0; 8];
        for (coefficient, wave) in
            row.iter().zip(WAVES.iter()).filter(|(coefficient, _)| **coefficient != 0.0)
        {
            samples.iter_mut().zip(wave).for_each(|(to, part)| *to += coefficient * part);
        }
        out.iter_mut().skip(number).step_by(8).zip(samples).for_each(|(to, sample)| *to = sample);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_have_their_sign_in_their_first_bit() {
        let mut bits = Bits::new(&[0b1010_1000, 0]);
        assert_eq!([bits.number(3), bits.number(2), bits.number(0)], [Ok(5), Ok(-2), Ok(0)]);
        assert_eq!(Bits::new(&[0; 2]).number(16), Err(BAD));
        assert_eq!(Bits::new(&[0]).number(9), Err(BAD));
    }

    #[test]
    fn more_codes_than_a_length_holds_are_none() {
        let counts = |first, second| std::array::from_fn(|at| [first, second].get(at).copied().unwrap_or(0));
        assert!(Codes::new(&counts(1, 2), &[1, 2, 3]).is_some());
        assert!(Codes::new(&counts(2, 1), &[1, 2, 3]).is_none());
        assert!(Codes::new(&counts(3, 0), &[1, 2, 3]).is_none());
    }

    #[test]
    fn a_block_of_one_coefficient_is_its_wave() {
        let mut block = [0; 64];
        block[8] = 100;
        let samples = Block(block).samples(&[2.0; 64]);
        // Down the rows half a wave, along them always the same.
        let expected = |y: usize| 200.0 * 0.5 * ((2 * y + 1) as f32 * PI / 16.0).cos() * FRAC_1_SQRT_2 / 2.0;
        for (at, sample) in samples.iter().enumerate() {
            assert!((sample - expected(at / 8)).abs() < 1e-3, "{at}");
        }
    }
}
