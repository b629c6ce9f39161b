//! The marker segments of JPEG and JPEG-LS (ITU-T T.81 B.1.1.4): where the next one is. What they hold is for those who read
//! them.

/// The marker of the segment at `at`, what it holds and where it ends. Bytes of ones before a marker are filling (B.1.1.2).
/// `None` if no whole segment is there.
pub(super) fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    loop {
        match *bytes.get(at..at + 2)? {
            [0xFF, 0xFF] => at += 1,
            [0xFF, marker] => {
                let length = bytes.get(at + 2..at + 4)?.try_into().ok().map(u16::from_be_bytes)?;
                let end = at + 2 + usize::from(length);
                return Some((marker, bytes.get(at + 4..end)?, end));
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_begins_behind_filling_and_is_whole_or_none() {
        let bytes = [0xFF, 0xFF, 0xFF, 0xDA, 0, 4, 1, 2, 9];
        assert_eq!(segment(&bytes, 0), Some((0xDA, &[1, 2][..], 8)));
        assert_eq!(segment(&bytes, 2), Some((0xDA, &[1, 2][..], 8)));
        for broken in
            [&[][..], &[0xFF], &[0xFF, 0xFF], &[0xFF, 0xDA, 0, 4, 1], &[0xFF, 0xDA, 0, 1], &[0, 0xDA]]
        {
            assert_eq!(segment(broken, 0), None, "{broken:?}");
        }
    }
}
