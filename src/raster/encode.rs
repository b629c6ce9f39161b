//! Picture files: JPEG and PNG (PS3.18 8.7.4). They hold pixels and no word about anybody.

use super::Unfit;
use super::picture::Picture;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

const TOO_LARGE: Unfit = Unfit("the picture is too large for its file");

/// A JPEG file of quality 1 to 100.
///
/// # Errors
/// The picture is too large.
pub fn jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, Unfit> {
    let size = |length: u32| u16::try_from(length).map(u32::from).map_err(|_| TOO_LARGE);
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    // The encoder insists on the exact length.
    let length = width as usize * height as usize * picture.channels;
    let data = picture.data.get(..length).ok_or(TOO_LARGE)?;
    let colours = if picture.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .encode(data, width, height, colours)
        .map_err(|_| TOO_LARGE)?;
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
