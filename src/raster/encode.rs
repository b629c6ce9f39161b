//! Picture files: JPEG and PNG (PS3.18 8.7.4). They hold pixels and no word about anybody.

use super::Unfit;
use super::picture::Picture;
use jpeg_encoder::{ColorType, Encoder};

const TOO_LARGE: Unfit = Unfit("the picture is too large for its file");

/// A JPEG file of quality 1 to 100.
///
/// # Errors
/// The picture is too large.
pub fn jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, Unfit> {
    let size = |length: u32| u16::try_from(length).map_err(|_| TOO_LARGE);
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    let colours = if picture.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    let mut out = Vec::new();
    Encoder::new(&mut out, quality).encode(&picture.data, width, height, colours).map_err(|_| TOO_LARGE)?;
    Ok(out)
}

/// A PNG file.
///
/// # Errors
/// The picture is too large.
pub fn png(picture: &Picture) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width, picture.height);
    encoder.set_color(if picture.channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|_| TOO_LARGE)?;
    writer.write_image_data(&picture.data).map_err(|_| TOO_LARGE)?;
    writer.finish().map_err(|_| TOO_LARGE)?;
    Ok(out)
}
