//! JPEG-LS, lossless and near-lossless (ITU-T T.87): the headers and the order of components. The coding of samples is
//! `jpeg_ls_scan`'s.

use super::Unfit;
use super::jpeg_ls_scan::{Coder, Preset};
use super::segments::segment;

const BAD: Unfit = Unfit("a JPEG-LS frame is damaged");

/// A decoded image.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bits of a sample.
    pub bits: u32,
    /// Samples of a pixel side by side, row by row.
    pub samples: Vec<u16>,
}

#[derive(Debug, Default)]
struct Frame {
    bits: u32,
    width: usize,
    height: usize,
    components: Vec<u8>,
    preset: Preset,
}

/// Decodes a frame of `width` by `height` pixels with `components` samples each.
///
/// # Errors
/// It is damaged, of another shape, or uses restart intervals or mapping tables.
pub fn decode(bytes: &[u8], width: usize, height: usize, components: usize) -> Result<Decoded, Unfit> {
    let mut frame = Frame::default();
    let mut planes: Vec<Vec<u16>> = vec![Vec::new(); components];
    let mut at = 2;
    while planes.iter().any(Vec::is_empty) {
        let (marker, body, end) = segment(bytes, at).ok_or(BAD)?;
        at = end;
        match marker {
            0xF7 => frame.read(body).filter(|()| frame_fits(&frame, width, height, components)).ok_or(BAD)?,
            0xF8 => {
                frame.preset = Preset::read(body).ok_or(Unfit("JPEG-LS mapping tables are not decoded"))?
            }
            0xDD => return Err(Unfit("JPEG-LS restart intervals are not decoded")),
            0xDA => at += scan(&frame, body, bytes.get(end..).unwrap_or_default(), &mut planes)?,
            _ => {}
        }
    }
    let pixels = width * height;
    let mut samples = vec![0; pixels * components];
    for (number, plane) in planes.iter().enumerate() {
        samples.iter_mut().skip(number).step_by(components).zip(plane).for_each(|(to, from)| *to = *from);
    }
    Ok(Decoded { bits: frame.bits, samples })
}

fn frame_fits(frame: &Frame, width: usize, height: usize, components: usize) -> bool {
    (frame.width, frame.height, frame.components.len()) == (width, height, components)
        && (2..=16).contains(&frame.bits)
}

impl Frame {
    /// T.87 C.2.2.
    fn read(&mut self, body: &[u8]) -> Option<()> {
        let size = |at: usize| body.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes).map(usize::from);
        self.bits = u32::from(*body.first()?);
        (self.height, self.width) = (size(1)?, size(3)?);
        let parts = body.get(6..)?.chunks_exact(3).take(usize::from(*body.get(5)?));
        self.components = parts.filter_map(|part| part.first().copied()).collect();
        Some(())
    }
}

/// Decodes one scan into the planes of its components; how many bytes it has.
fn scan(frame: &Frame, header: &[u8], rest: &[u8], planes: &mut [Vec<u16>]) -> Result<usize, Unfit> {
    let count = usize::from(*header.first().ok_or(BAD)?);
    let ids = header.get(1..).unwrap_or_default().chunks_exact(2).take(count).filter_map(|part| part.first());
    let places: Vec<usize> =
        ids.filter_map(|id| frame.components.iter().position(|component| component == id)).collect();
    let &[near, interleave, _] = header.get(1 + count * 2..4 + count * 2).ok_or(BAD)? else {
        return Err(BAD);
    };
    if places.len() != count || count == 0 || frame.width == 0 {
        return Err(BAD);
    }
    let end = rest.windows(2).position(|pair| matches!(pair, [0xFF, next] if *next >= 0x80));
    let end = end.unwrap_or(rest.len());
    let preset = frame.preset.complete(frame.bits, near.into()).ok_or(BAD)?;
    let mut coder = Coder::new(rest.get(..end).unwrap_or_default(), preset, frame.width, count);
    let mut out: Vec<Vec<u16>> = vec![Vec::with_capacity(frame.width * frame.height); count];
    for _ in 0..frame.height {
        match (count, interleave) {
            (1, _) | (_, 1) => coder.lines()?,
            (_, 2) => coder.vectors()?,
            _ => return Err(BAD),
        }
        coder.finish_row(&mut out);
    }
    for (place, plane) in places.into_iter().zip(out) {
        planes.get_mut(place).into_iter().for_each(|to| to.clone_from(&plane));
    }
    Ok(end)
}
