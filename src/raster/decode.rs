//! Decodes one compressed frame (PS3.5 8.2). Headers are read first, so that a code stream cannot ask for more memory
//! than the image it belongs to; what a codec gives is brought to the shape that the data set describes.

use super::{Raster, Unfit, jpeg_12, jpeg_ls, rle};
use crate::dicom::image::Image;
use crate::dicomweb::codestream::{self, Coding};
use jpeg_decoder::{ColorTransform, Decoder};
use std::borrow::Cow;

/// Largest frame that is decoded, in bytes.
const MOST: u64 = 512 << 20;

const BAD: Unfit = Unfit("the compressed frame is damaged");
const SHAPE: Unfit = Unfit("the code stream is of another shape than the image");

/// How a transfer syntax is compressed, as far as it can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Uncompressed,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

fn codec(syntax: &str) -> Option<Codec> {
    Some(match syntax.strip_prefix("1.2.840.10008.1.2.")? {
        "1.98" => Codec::Uncompressed,
        "5" => Codec::Rle,
        "4.50" | "4.51" | "4.57" | "4.70" => Codec::Jpeg,
        "4.80" | "4.81" => Codec::JpegLs,
        "4.90" | "4.91" | "4.201" | "4.202" | "4.203" => Codec::Jpeg2000,
        _ => return None,
    })
}

/// True if frames of this transfer syntax can be decoded.
pub fn decodes(syntax: &str) -> bool {
    codec(syntax).is_some()
}

/// Decodes a frame of `image`, compressed in `syntax`.
///
/// # Errors
/// The syntax or a feature of it cannot be decoded, or the frame is damaged.
pub fn decode(image: &Image, syntax: &str, frame: &[u8]) -> Result<Raster, Unfit> {
    let codec = codec(syntax).ok_or(Unfit("pixels of this transfer syntax are not decoded"))?;
    let shape = Shape::of(image)?;
    let photometric = image.photometric.as_str();
    let (photometric, samples, width) = match codec {
        Codec::Uncompressed => (photometric, Cow::Borrowed(frame), shape.width),
        Codec::Rle => {
            let data = rle::decode(frame, shape.pixels, shape.samples, shape.width)?;
            (photometric, Cow::Owned(data), shape.width)
        }
        Codec::Jpeg => jpeg(image, frame)?,
        Codec::JpegLs => near_lossless(image, frame)?,
        Codec::Jpeg2000 => jpeg_2000(image, frame, &shape)?,
    };
    let data = shape.fit(&samples, width)?;
    Ok(Raster { photometric: photometric.to_owned(), data })
}

/// The shape of a decoded frame.
struct Shape {
    pixels: usize,
    samples: usize,
    /// Bytes of a sample.
    width: usize,
    signed: bool,
}

impl Shape {
    fn of(image: &Image) -> Result<Self, Unfit> {
        let width = match image.bits_allocated {
            bits @ (8 | 16 | 32) => usize::from(bits / 8),
            _ => return Err(Unfit("pixels of this many bits are not decoded")),
        };
        let bytes = image.pixels() * u64::from(image.samples) * width as u64;
        if image.pixels() == 0 || image.samples == 0 || bytes > MOST {
            return Err(Unfit("the image has no pixels, or too many"));
        }
        let pixels = usize::try_from(image.pixels()).map_err(|_| BAD)?;
        Ok(Self { pixels, samples: usize::from(image.samples), width, signed: image.signed })
    }

    /// Samples of `width` bytes in cells of the image's.
    fn fit(&self, samples: &[u8], width: usize) -> Result<Vec<u8>, Unfit> {
        let wanted = self.pixels * self.samples;
        let samples = samples.get(..wanted * width).ok_or(SHAPE)?;
        if width == self.width {
            return Ok(samples.to_vec());
        }
        if width > self.width {
            return Err(SHAPE);
        }
        let fill = |cell: &[u8]| {
            if self.signed && cell.last().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0 }
        };
        let mut out = Vec::with_capacity(wanted * self.width);
        for cell in samples.chunks_exact(width) {
            out.extend_from_slice(cell);
            out.resize(out.len() + self.width - width, fill(cell));
        }
        Ok(out)
    }
}

type Decoded<'a> = (&'a str, Cow<'a, [u8]>, usize);

/// What the headers of a code stream say, if it is of the image's shape.
fn described(image: &Image, frame: &[u8]) -> Result<codestream::Description, Unfit> {
    let found = codestream::describe(frame).ok_or(BAD)?;
    let same = (found.rows, found.columns, found.samples) == (image.rows, image.columns, image.samples);
    if same { Ok(found) } else { Err(SHAPE) }
}

/// JPEG processes 1, 2, 4, 10 and 14. Luminance and chrominance become RGB, as the codec gives them.
fn jpeg<'a>(image: &'a Image, frame: &[u8]) -> Result<Decoded<'a>, Unfit> {
    let found = described(image, frame)?;
    let lossless = matches!(found.coding, Coding::JpegLossless { .. });
    if found.bits_stored > 8 && !lossless {
        return twelve_bits(image, frame);
    }
    let mut decoder = Decoder::new(frame);
    decoder.set_max_decoding_buffer_size(usize::try_from(MOST).unwrap_or(usize::MAX));
    let mut photometric = image.photometric.as_str();
    if image.samples == 3 {
        if lossless {
            decoder.set_color_transform(ColorTransform::None);
        } else if photometric == "RGB" && !names_its_colours(frame) {
            decoder.set_color_transform(ColorTransform::RGB);
        } else {
            photometric = "RGB";
        }
    }
    let data = decoder.decode().map_err(|_| BAD)?;
    let width = if found.bits_stored > 8 { 2 } else { 1 };
    let native = if cfg!(target_endian = "big") && width == 2 {
        data.chunks_exact(2).flat_map(|cell| cell.iter().rev().copied()).collect()
    } else {
        data
    };
    Ok((photometric, Cow::Owned(native), width))
}

fn twelve_bits<'a>(image: &'a Image, frame: &[u8]) -> Result<Decoded<'a>, Unfit> {
    let samples = jpeg_12::decode(frame, image.columns.into(), image.rows.into())?;
    let data: Vec<u8> = samples.into_iter().flat_map(u16::to_le_bytes).collect();
    let data = if image.signed { extended(&data, 2, 12) } else { data };
    Ok((&image.photometric, Cow::Owned(data), 2))
}

/// A JFIF or Adobe marker says what the components are; then the photometric interpretation need not.
fn names_its_colours(frame: &[u8]) -> bool {
    let head = frame.get(..frame.len().min(4096)).unwrap_or_default();
    [&b"JFIF\0"[..], b"Adobe"].iter().any(|name| memchr::memmem::find(head, name).is_some())
}

fn near_lossless<'a>(image: &'a Image, frame: &[u8]) -> Result<Decoded<'a>, Unfit> {
    described(image, frame)?;
    let (width, height) = (usize::from(image.columns), usize::from(image.rows));
    let decoded = jpeg_ls::decode(frame, width, height, usize::from(image.samples))?;
    let samples = decoded.samples.into_iter();
    let (data, width): (Vec<u8>, usize) = if decoded.bits > 8 {
        (samples.flat_map(u16::to_le_bytes).collect(), 2)
    } else {
        (samples.map(|sample| sample.to_le_bytes()[0]).collect(), 1)
    };
    let data = if image.signed { extended(&data, width, decoded.bits) } else { data };
    Ok((&image.photometric, Cow::Owned(data), width))
}

/// Samples of `bits` bits, two's complement, in cells of `width` bytes.
fn extended(samples: &[u8], width: usize, bits: u32) -> Vec<u8> {
    let shift = (width * 8).saturating_sub(bits as usize);
    let one = |cell: &[u8]| match *cell {
        [low, high] => ((i16::from_le_bytes([low, high]) << shift) >> shift).to_le_bytes().to_vec(),
        [byte] => vec![((byte.cast_signed() << shift) >> shift).cast_unsigned()],
        _ => cell.to_vec(),
    };
    samples.chunks_exact(width).flat_map(one).collect()
}

/// JPEG 2000 and HTJ2K. The codec undoes the transform of the components.
fn jpeg_2000<'a>(image: &'a Image, frame: &[u8], shape: &Shape) -> Result<Decoded<'a>, Unfit> {
    described(image, frame)?;
    let decoded = jpeg2k::Image::from_bytes(frame).map_err(|_| BAD)?;
    let components = decoded.components();
    if components.len() != shape.samples {
        return Err(SHAPE);
    }
    let cells = shape.pixels * shape.samples;
    let mut out = vec![0; cells * shape.width];
    for (number, component) in components.iter().enumerate() {
        let data = component.data();
        if data.len() != shape.pixels {
            return Err(SHAPE);
        }
        let places = out.chunks_exact_mut(shape.width).skip(number).step_by(shape.samples);
        for (cell, sample) in places.zip(data) {
            cell.iter_mut().zip(sample.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
    let photometric = match image.photometric.as_str() {
        "YBR_RCT" | "YBR_ICT" => "RGB",
        other => other,
    };
    Ok((photometric, Cow::Owned(out), shape.width))
}
