//! A picture of one frame of an instance that is in memory as a whole: for a look at it, not for diagnosis.

use super::picture::Look;
use super::scale::{self, Viewport};
use super::{Raster, Unfit, decode, encode};
use crate::dicom::frames::Fragments;
use crate::dicom::image::{Image, aligned};
use crate::dicom::layout::Layout;

const DAMAGED: Unfit = Unfit("the pixels cannot be read");

/// Frame `number` (from 1) as PNG, no side longer than `most`; `value` is the bulk value, of fragments with their items.
///
/// # Errors
/// There is no such frame, or it has no picture.
pub fn still(layout: &Layout, value: &[u8], number: u32, most: u32) -> Result<Vec<u8>, Unfit> {
    if layout.encoding.is_big_endian() {
        return Err(Unfit("a big endian file is shown only as it goes out"));
    }
    if layout.bulk.is_none() {
        return Err(Unfit("the instance has no picture"));
    }
    let image = Image::of(layout).map_err(|_| Unfit("the head cannot be read"))?;
    let index = number.checked_sub(1).filter(|index| *index < image.frames);
    let index = index.ok_or(Unfit("there is no such frame"))?;
    let raster = match layout.transfer_syntax.encapsulated {
        true => compressed(layout, &image, value, index)?,
        false => native(&image, value, index)?,
    };
    let look = Look::of(layout).map_err(|_| Unfit("the head cannot be read"))?;
    let mut picture = look.picture(&image, &raster, None)?;
    if picture.width.max(picture.height) > most {
        let whole =
            Viewport { width: most, height: most, left: 0.0, top: 0.0, part_width: None, part_height: None };
        picture = scale::fit(&picture, &whole);
    }
    encode::png(&picture)
}

fn compressed(layout: &Layout, image: &Image, value: &[u8], index: u32) -> Result<Raster, Unfit> {
    let syntax = layout.transfer_syntax.uid;
    let mut fragments = Fragments::new(0);
    fragments.look(0, value, true).map_err(|_| DAMAGED)?;
    let frame = fragments.frame(index, image.frames, syntax).ok().flatten().ok_or(DAMAGED)?;
    let mut stream = Vec::new();
    for (at, len) in fragments.spans().get(frame).ok_or(DAMAGED)? {
        let from = usize::try_from(*at).map_err(|_| DAMAGED)?;
        stream.extend_from_slice(value.get(from..from.saturating_add(*len as usize)).ok_or(DAMAGED)?);
    }
    // The byte that pads a fragment to even length is none of the code stream's (PS3.5 A.4).
    if stream.ends_with(&[0xFF, 0xD9, 0]) {
        stream.pop();
    }
    decode::decode(image, syntax, &stream)
}

fn native(image: &Image, value: &[u8], index: u32) -> Result<Raster, Unfit> {
    let (range, shift) = image.native_frame(index);
    let at = |place: u64| usize::try_from(place).map_err(|_| DAMAGED);
    let bytes = value.get(at(range.start)?..at(range.end)?).ok_or(DAMAGED)?;
    let whole = image.frame_bits().is_multiple_of(8) && shift == 0;
    let data = match (whole, image.planar && image.samples > 1) {
        (false, _) => aligned(bytes, shift, image.frame_bits()),
        (true, true) => interleaved(image, bytes),
        (true, false) => bytes.to_vec(),
    };
    Ok(Raster { photometric: image.photometric.clone(), data })
}

/// Planes to pixels (PS3.3 C.7.6.3.1.3).
fn interleaved(image: &Image, planes: &[u8]) -> Vec<u8> {
    let (samples, width) = (usize::from(image.samples), usize::from(image.bits_allocated / 8).max(1));
    let plane = planes.len() / samples.max(1);
    let cells =
        (0..plane / width).flat_map(|pixel| (0..samples).map(move |sample| sample * plane + pixel * width));
    cells.flat_map(|at| planes.get(at..at + width).unwrap_or_default().iter().copied()).collect()
}
