//! RLE Lossless (PS3.5 G): byte planes, each packed.

use super::Unfit;

const BAD: Unfit = Unfit("an RLE frame is damaged");

/// Decodes a frame of `pixels` pixels with `samples` samples of `bytes` bytes each, to little endian samples side by
/// side.
///
/// # Errors
/// The frame is damaged or of another shape.
pub fn decode(frame: &[u8], pixels: usize, samples: usize, bytes: usize) -> Result<Vec<u8>, Unfit> {
    let word = |at: usize| -> Result<usize, Unfit> {
        let raw = frame.get(at * 4..at * 4 + 4).and_then(|raw| raw.try_into().ok()).ok_or(BAD)?;
        usize::try_from(u32::from_le_bytes(raw)).map_err(|_| BAD)
    };
    let planes = samples * bytes;
    if planes == 0 || planes > 15 || word(0)? != planes {
        return Err(BAD);
    }
    let mut out = vec![0; pixels.checked_mul(planes).ok_or(BAD)?];
    for plane in 0..planes {
        let from = word(plane + 1)?;
        let to = if plane + 1 < planes { word(plane + 2)? } else { frame.len() };
        let packed = frame.get(from..to).ok_or(BAD)?;
        // Of each sample the most significant byte comes first (PS3.5 G.2).
        let offset = plane / bytes * bytes + (bytes - 1 - plane % bytes);
        let cells = out.iter_mut().skip(offset).step_by(planes);
        unpack(packed, cells)?;
    }
    Ok(out)
}

/// PS3.5 G.3.2; the bytes of one plane into their places.
fn unpack<'a>(packed: &[u8], cells: impl Iterator<Item = &'a mut u8>) -> Result<(), Unfit> {
    let mut packed = packed.iter().copied();
    // Bytes left of the present run; `None` for a literal one.
    let (mut left, mut repeated) = (0usize, None);
    for cell in cells {
        while left == 0 {
            match packed.next().ok_or(BAD)? {
                128 => {}
                control @ 0..=127 => (left, repeated) = (usize::from(control) + 1, None),
                control => (left, repeated) = (257 - usize::from(control), Some(packed.next().ok_or(BAD)?)),
            }
        }
        left -= 1;
        *cell = match repeated {
            Some(byte) => byte,
            None => packed.next().ok_or(BAD)?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = 64;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(16, 0);
        let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        [header, segments.concat()].concat()
    }

    #[test]
    fn runs_and_literals_fill_the_planes_most_significant_first() {
        let bytes = frame(&[&[254, 1], &[2, 10, 11, 12]]);
        assert_eq!(decode(&bytes, 3, 1, 2), Ok(vec![10, 1, 11, 1, 12, 1]));
    }

    #[test]
    fn damage_is_told() {
        let bytes = frame(&[&[254, 1]]);
        assert_eq!(decode(&bytes, 4, 1, 1), Err(BAD), "too short");
        assert_eq!(decode(&bytes, 3, 3, 1), Err(BAD), "of another shape");
        assert_eq!(decode(&[1, 0, 0], 3, 1, 1), Err(BAD));
    }
}
