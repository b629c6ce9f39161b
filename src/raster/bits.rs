//! The bits of a JPEG-LS scan (ITU-T T.87 A.1): after a byte of ones comes one bit of stuffing. Bounded by the scan; what
//! reads past it is told.

use super::Unfit;

const BAD: Unfit = Unfit("a JPEG-LS frame is damaged");

/// Reads bits, most significant first.
#[derive(Debug)]
pub struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Bits that are there, at the low end.
    held: u64,
    count: u32,
    stuffed: bool,
}

impl<'a> Bits<'a> {
    /// The bits of `scan`, which ends before the next marker.
    pub fn new(scan: &'a [u8]) -> Self {
        Self { bytes: scan.iter(), held: 0, count: 0, stuffed: false }
    }

    fn fill(&mut self) -> Result<(), Unfit> {
        let byte = *self.bytes.next().ok_or(BAD)?;
        let width = if self.stuffed { 7 } else { 8 };
        self.held = self.held << width | u64::from(byte);
        self.count += width;
        self.stuffed = byte == 0xFF;
        Ok(())
    }

    /// The next `count` bits, at most 32.
    ///
    /// # Errors
    /// The scan ends before them.
    pub fn take(&mut self, count: u32) -> Result<u32, Unfit> {
        while self.count < count {
            self.fill()?;
        }
        self.count -= count;
        let taken = self.held >> self.count;
        self.held &= (1 << self.count) - 1;
        u32::try_from(taken).map_err(|_| BAD)
    }

    /// Zeros before the next one, which is taken too; more than `most` are a fault.
    ///
    /// # Errors
    /// There are more, or the scan ends.
    pub fn zeros(&mut self, most: u32) -> Result<u32, Unfit> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > most {
                return Err(BAD);
            }
        }
        Ok(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_after_a_byte_of_ones_is_stuffing() {
        let mut bits = Bits::new(&[0xFF, 0x7F, 0x80]);
        assert_eq!(bits.take(15), Ok(0x7FFF));
        assert_eq!(bits.take(1), Ok(1));
        assert_eq!(bits.zeros(3), Err(BAD));
        assert_eq!(Bits::new(&[]).take(1), Err(BAD));
    }
}
