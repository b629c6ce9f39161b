//! A decoded frame as a picture of 8 bits (PS3.3 C.7.6.3.1.2, C.7.9, C.11): grey values, palettes, colours. What the head
//! says about them is `look`'s. Its size is changed in `scale`, its file made in `encode`.

use super::look::{Look, View};
use super::window::Window;
use super::{Raster, Unfit};
use crate::dicom::image::Image;
use crate::dicom::value;

/// A picture of 8-bit samples, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// The samples of each pixel side by side.
    pub data: Vec<u8>,
}

impl Look {
    /// The picture of one frame, grey levels through `asked` or the window of the head.
    ///
    /// # Errors
    /// The pixels are of a kind that has no picture.
    pub fn picture(&self, image: &Image, raster: &Raster, asked: Option<Window>) -> Result<Picture, Unfit> {
        let (channels, data) = match (raster.photometric.as_str(), image.samples) {
            ("MONOCHROME1" | "MONOCHROME2", 1) => (1, self.grey(image, raster, asked)?),
            ("PALETTE COLOR", 1) => (3, self.palette(image, raster)?),
            ("RGB", 3) => (3, rgb(image, &raster.data)?),
            ("YBR_FULL" | "YBR_FULL_422", 3) => {
                (3, rgb(image, &raster.data)?.chunks_exact(3).flat_map(full).collect())
            }
            ("YBR_PARTIAL_422" | "YBR_PARTIAL_420", 3) => {
                (3, rgb(image, &raster.data)?.chunks_exact(3).flat_map(partial).collect())
            }
            // A label or a parametric map says no interpretation, or another: it is looked at as grey.
            (_, 1) => (1, self.grey(image, raster, asked)?),
            _ => return Err(Unfit("pixels of this photometric interpretation are not rendered")),
        };
        let (width, height) = (u32::from(image.columns), u32::from(image.rows));
        let wanted = width as usize * height as usize * channels;
        if data.len() < wanted || wanted == 0 {
            return Err(Unfit("there are fewer pixels than rows and columns say"));
        }
        Ok(Picture { width, height, channels, data: data.into_iter().take(wanted).collect() })
    }

    /// A window that was asked for stands in place of the instance's own (PS3.18 8.3.5.1.4).
    fn grey(&self, image: &Image, raster: &Raster, asked: Option<Window>) -> Result<Vec<u8>, Unfit> {
        let meaning = self.modality.meaning(image)?;
        let view = asked.map(View::Window).or_else(|| self.view.clone());
        let view = view.unwrap_or_else(|| {
            let pads = self.pads(image);
            let shown = samples(image, &raster.data).filter(|value| value.is_finite() && !pads(*value));
            let (least, most) = shown
                .map(&meaning)
                .fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(it), most.max(it)));
            View::Window(Window::around(least.min(most), most.max(least).max(least.min(most))))
        });
        let inverse = (raster.photometric == "MONOCHROME1") != self.inverse;
        let signed = self.modality.signed(image);
        let level = |value: f64| view.level(meaning(value), signed);
        let values = samples(image, &raster.data);
        Ok(values.map(|value| if inverse { 255 - level(value) } else { level(value) }).collect())
    }

    /// PS3.3 C.7.6.3.1.5, C.7.6.3.1.6.
    fn palette(&self, image: &Image, raster: &Raster) -> Result<Vec<u8>, Unfit> {
        const NONE: Unfit = Unfit("the palette is not complete; segmented palettes are not rendered");
        let mut tables = Vec::with_capacity(3);
        for (descriptor, data) in &self.palettes {
            let [count, first, bits] = [0, 2, 4].map(|at| descriptor.get(at..).and_then(value::first_us));
            let (Some(count), Some(first), Some(bits)) = (count, first, bits) else { return Err(NONE) };
            let count = if count == 0 { 1 << 16 } else { usize::from(count) };
            let wide = data.len() >= count * 2;
            let entries: Vec<u8> = match (wide, bits) {
                (true, 16) => data.chunks_exact(2).filter_map(|cell| cell.last().copied()).collect(),
                // Eight bits in words; some writers put them into the high byte.
                (true, _) => {
                    data.chunks_exact(2).map(|cell| cell.iter().copied().max().unwrap_or(0)).collect()
                }
                (false, _) => data.clone(),
            };
            if entries.len() < count.min(2) {
                return Err(NONE);
            }
            tables.push((signed(i64::from(first), image), entries));
        }
        let look_up = |value: f64| {
            let value = value as i64;
            tables.iter().map(move |(first, entries)| {
                let index = usize::try_from(value - first).unwrap_or(0).min(entries.len() - 1);
                entries.get(index).copied().unwrap_or(0)
            })
        };
        Ok(samples(image, &raster.data).flat_map(look_up).collect())
    }
}

/// A value of 16 bits as the pixels' sign has it.
fn signed(value: i64, image: &Image) -> i64 {
    if image.signed { i64::from(value as u16 as i16) } else { value }
}

/// The stored values: Bits Stored below High Bit, with their sign; floats as they are.
fn samples<'a>(image: &Image, data: &'a [u8]) -> Box<dyn Iterator<Item = f64> + 'a> {
    let stored = u32::from(image.bits_stored.clamp(1, 32));
    let low = u32::from(image.high_bit + 1).saturating_sub(stored);
    let (mask, sign) = (u32::MAX >> (32 - stored), 32 - stored);
    let signed = image.signed;
    let number = move |raw: u32| {
        let value = (raw >> low.min(31)) & mask;
        if signed { f64::from(((value << sign).cast_signed()) >> sign) } else { f64::from(value) }
    };
    match image.bits_allocated {
        1 => Box::new(data.iter().flat_map(|byte| (0..8).map(move |bit| f64::from(byte >> bit & 1)))),
        8 => Box::new(data.iter().map(move |byte| number(u32::from(*byte)))),
        16 => Box::new(units(data).map(move |raw: [u8; 2]| number(u16::from_le_bytes(raw).into()))),
        32 if image.bits_stored == 0 => {
            Box::new(units(data).map(|raw: [u8; 4]| f32::from_le_bytes(raw).into()))
        }
        32 => Box::new(units(data).map(move |raw: [u8; 4]| number(u32::from_le_bytes(raw)))),
        _ => Box::new(units(data).map(f64::from_le_bytes)),
    }
}

fn units<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> {
    data.chunks_exact(N).filter_map(|raw| raw.try_into().ok())
}

/// Samples of colours as bytes, those of a pixel side by side.
fn rgb(image: &Image, data: &[u8]) -> Result<Vec<u8>, Unfit> {
    let bytes: Vec<u8> = match image.bits_allocated {
        8 => data.to_vec(),
        16 => {
            let drop = u32::from(image.bits_stored.clamp(8, 16)) - 8;
            units(data).map(|raw| (u16::from_le_bytes(raw) >> drop).to_le_bytes()[0]).collect()
        }
        _ => return Err(Unfit("colours of this many bits are not rendered")),
    };
    let plane = usize::try_from(image.pixels()).unwrap_or(usize::MAX);
    Ok(bytes).map(|bytes| if bytes.len() == plane * 2 { halved(&bytes) } else { bytes })
}

/// Native YBR_FULL_422: two luminances, then the chrominance of both.
fn halved(bytes: &[u8]) -> Vec<u8> {
    let pair = |cell: &[u8]| match *cell {
        [first, second, blue, red] => vec![first, blue, red, second, blue, red],
        _ => Vec::new(),
    };
    bytes.chunks_exact(4).flat_map(pair).collect()
}

fn full(cell: &[u8]) -> [u8; 3] {
    let [y, cb, cr] = ybr(cell);
    colour(y, cb, cr)
}

fn partial(cell: &[u8]) -> [u8; 3] {
    let [y, cb, cr] = ybr(cell);
    colour((y - 16.0) * 255.0 / 219.0, cb * 255.0 / 224.0, cr * 255.0 / 224.0)
}

fn ybr(cell: &[u8]) -> [f32; 3] {
    let at = |index: usize| f32::from(cell.get(index).copied().unwrap_or(0));
    [at(0), at(1) - 128.0, at(2) - 128.0]
}

/// PS3.3 C.7.6.3.1.2.
fn colour(y: f32, cb: f32, cr: f32) -> [u8; 3] {
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
        .map(|it| it.round().clamp(0.0, 255.0) as u8)
}
