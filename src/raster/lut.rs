//! Lookup tables of grey values (PS3.3 C.11.1.1, C.11.2.1.1): reading one and looking values up. Which table is used is
//! `look`'s; palettes of colours are `picture`'s.

use crate::dicom::value;

/// A Modality LUT or VOI LUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lut {
    /// The first value mapped, of which only the values that come in tell whether it is signed.
    first: u16,
    /// What stands for each value from the first on; never empty.
    entries: Vec<u16>,
    /// Bits of an entry, 8 to 16.
    bits: u32,
}

impl Lut {
    /// Reads LUT Descriptor (0028,3002) and LUT Data (0028,3006), both little endian. `None` if they contradict each other:
    /// too few entries, entries beyond their bits, bits that the standard does not know. What is left over is padding.
    pub fn read(descriptor: &[u8], data: &[u8]) -> Option<Self> {
        let number = |at: usize| descriptor.get(at..).and_then(value::first_us);
        let (count, first, bits) = (number(0)?, number(2)?, u32::from(number(4)?));
        // A count of 65,536 does not fit into 16 bits and is written as 0.
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        let entries: Vec<u16> = match (data.get(..count * 2), data.get(..count)) {
            (Some(words), _) => words.chunks_exact(2).filter_map(value::first_us).collect(),
            // Entries of eight bits may be packed, two in a word.
            (None, Some(bytes)) if bits == 8 => bytes.iter().copied().map(u16::from).collect(),
            _ => return None,
        };
        let legal = (8..=16).contains(&bits) && entries.iter().all(|entry| u32::from(*entry) >> bits == 0);
        legal.then_some(Self { first, entries, bits })
    }

    /// The entry of a value; below the first value mapped it is the first entry, beyond the last the last. `signed` says
    /// that values that come in may be negative, and then the first value mapped may be, too.
    pub fn at(&self, value: f64, signed: bool) -> u16 {
        let first = if signed { i64::from(self.first.cast_signed()) } else { i64::from(self.first) };
        let index = usize::try_from((value.round() as i64).saturating_sub(first)).unwrap_or(0);
        self.entries.get(index).or(self.entries.last()).copied().unwrap_or(0)
    }

    /// The entry of a value as a grey level, from 0 to 255.
    pub fn level(&self, value: f64, signed: bool) -> u8 {
        let most = (1u32 << self.bits) - 1;
        let level = (u32::from(self.at(value, signed)) * 255 + most / 2) / most;
        u8::try_from(level).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn values_beyond_a_table_have_its_first_or_last_entry() {
        let lut = Lut::read(&words(&[3, 10, 12]), &words(&[100, 4095, 300])).unwrap();
        let found = [-5.0, 9.0, 10.0, 10.6, 12.0, 13.0, 1e300, f64::NAN].map(|value| lut.at(value, true));
        assert_eq!(found, [100, 100, 100, 4095, 300, 300, 300, 100]);
        assert_eq!((lut.level(11.0, true), lut.level(10.0, true)), (255, 6));
    }

    #[test]
    fn the_first_value_mapped_is_signed_as_the_values_are() {
        let lut = Lut::read(&words(&[3, 0xFFFF, 16]), &words(&[1, 2, 3])).unwrap();
        assert_eq!([-1.0, 0.0, 1.0].map(|value| lut.at(value, true)), [1, 2, 3]);
        assert_eq!([0.0, 65_535.0, 65_536.0].map(|value| lut.at(value, false)), [1, 1, 2]);
    }

    #[test]
    fn a_count_of_0_is_65536_entries() {
        let all: Vec<u16> = (0..=u16::MAX).rev().collect();
        let lut = Lut::read(&words(&[0, 0, 16]), &words(&all)).unwrap();
        assert_eq!((lut.at(0.0, false), lut.at(65_535.0, false)), (65_535, 0));
        assert_eq!(Lut::read(&words(&[0, 0, 16]), &words(&[1, 2])), None);
    }

    #[test]
    fn entries_of_eight_bits_may_be_packed() {
        let packed = Lut::read(&words(&[3, 0, 8]), &[10, 20, 255, 0]).unwrap();
        let wide = Lut::read(&words(&[3, 0, 8]), &words(&[10, 20, 255])).unwrap();
        assert_eq!(packed, wide);
        assert_eq!(packed.level(2.0, false), 255);
    }

    #[test]
    fn a_table_that_contradicts_itself_is_none() {
        for (descriptor, data) in [
            (&[2, 0, 7][..], &[1, 2][..]),
            (&[2, 0, 17], &[1, 2]),
            (&[2, 0, 12], &[1, 4096]),
            (&[3, 0, 12], &[1, 2]),
            (&[2, 0], &[1, 2]),
            (&[], &[]),
        ] {
            assert_eq!(Lut::read(&words(descriptor), &words(data)), None, "{descriptor:?}");
        }
    }
}
