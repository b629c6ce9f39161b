//! Picture files: JPEG, PNG and GIF (PS3.18 8.7.4). They hold pixels, a colour profile where one is given, and no
//! word about anybody.

use super::Unfit;
use super::picture::Picture;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

const TOO_LARGE: Unfit = Unfit("the picture is too large for its file");

/// A JPEG file of quality 1 to 100, with an ICC profile of RGB in APP2 (ICC.1 B.4).
///
/// # Errors
/// The picture or the profile is too large.
pub fn jpeg(picture: &Picture, quality: u8, profile: Option<Vec<u8>>) -> Result<Vec<u8>, Unfit> {
    let size = |length: u32| u16::try_from(length).map(u32::from).map_err(|_| TOO_LARGE);
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    // The encoder insists on the exact length.
    let length = width as usize * height as usize * picture.channels;
    let data = picture.data.get(..length).ok_or(TOO_LARGE)?;
    let colours = if picture.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, quality);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| TOO_LARGE)?;
    }
    encoder.encode(data, width, height, colours).map_err(|_| TOO_LARGE)?;
    Ok(out)
}

/// A PNG file, with an ICC profile of RGB in iCCP.
///
/// # Errors
/// The picture or the profile is too large.
pub fn png(picture: &Picture, profile: Option<Vec<u8>>) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::new();
    let mut info = png::Info::with_size(picture.width, picture.height);
    info.icc_profile = profile.map(Into::into);
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(|_| TOO_LARGE)?;
    encoder.set_color(if picture.channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|_| TOO_LARGE)?;
    writer.write_image_data(&picture.data).map_err(|_| TOO_LARGE)?;
    writer.finish().map_err(|_| TOO_LARGE)?;
    Ok(out)
}

/// A GIF file. Grey levels are exact; of more than 256 colours those are chosen that are nearest to all.
///
/// # Errors
/// The picture is too large.
pub fn gif(picture: &Picture) -> Result<Vec<u8>, Unfit> {
    // Of pixels every tenth teaches the palette: more would take ten times as long, and nobody would see it.
    const EVERY: i32 = 10;
    let size = |length: u32| u16::try_from(length).map_err(|_| TOO_LARGE);
    let (width, height) = (size(picture.width)?, size(picture.height)?);
    // The frame insists on the exact length.
    let length = usize::from(width) * usize::from(height) * picture.channels;
    let data = picture.data.get(..length).filter(|data| !data.is_empty()).ok_or(TOO_LARGE)?;
    let frame = if picture.channels == 1 {
        let greys: Vec<u8> = (0..=u8::MAX).flat_map(|grey| [grey; 3]).collect();
        gif::Frame::from_palette_pixels(width, height, data, greys, None)
    } else {
        gif::Frame::from_rgb_speed(width, height, data, EVERY)
    };
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, width, height, &[]).map_err(|_| TOO_LARGE)?;
    encoder.write_frame(&frame).map_err(|_| TOO_LARGE)?;
    drop(encoder);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Width, height and pixels as RGBA.
    fn read(file: &[u8]) -> (u16, u16, Vec<u8>) {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(file).unwrap();
        let frame = decoder.read_next_frame().unwrap().unwrap();
        let read = (frame.width, frame.height, frame.buffer.to_vec());
        assert!(decoder.read_next_frame().unwrap().is_none());
        read
    }

    fn picture(width: u32, height: u32, channels: usize, data: Vec<u8>) -> Picture {
        Picture { width, height, channels, data }
    }

    #[test]
    fn rend_02_a_gif_has_each_of_256_grey_levels_exactly() {
        let data: Vec<u8> = (0..=255).rev().collect();
        let (width, height, pixels) = read(&gif(&picture(32, 8, 1, data.clone())).unwrap());
        assert_eq!((width, height), (32, 8));
        let expected: Vec<u8> = data.into_iter().flat_map(|grey| [grey, grey, grey, 255]).collect();
        assert_eq!(pixels, expected);
    }

    #[test]
    fn rend_02_a_gif_of_many_colours_has_near_ones_and_is_always_the_same() {
        let few = picture(2, 1, 3, vec![200, 10, 20, 0, 0, 255]);
        assert_eq!(read(&gif(&few).unwrap()).2, [200, 10, 20, 255, 0, 0, 255, 255]);
        let colours = |at: u32| [(at % 64 * 4) as u8, (at / 64 * 4) as u8, (at % 7 * 36) as u8];
        let many = picture(64, 64, 3, (0..64 * 64).flat_map(colours).collect());
        let file = gif(&many).unwrap();
        assert_eq!(file, gif(&many).unwrap());
        let shown = read(&file).2;
        let near = shown.chunks_exact(4).flat_map(|pixel| pixel.iter().take(3));
        let apart: u64 = near.zip(&many.data).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        assert!(apart / (64 * 64 * 3) < 20, "{apart}");
    }

    #[test]
    fn rend_08_jpeg_and_png_hold_the_profile_that_is_given() {
        let profile: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        let small = picture(2, 1, 3, vec![200, 10, 20, 0, 0, 255]);
        let file = jpeg(&small, 90, Some(profile.clone())).unwrap();
        let mut decoder = jpeg_decoder::Decoder::new(&file[..]);
        decoder.decode().unwrap();
        assert!(decoder.icc_profile() == Some(profile.clone()));
        let file = png(&small, Some(profile.clone())).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        assert!(reader.info().icc_profile.as_deref() == Some(&profile[..]));
    }

    #[test]
    fn what_is_too_large_or_empty_is_told() {
        assert_eq!(gif(&picture(65_536, 1, 1, vec![0; 65_536])), Err(TOO_LARGE));
        assert_eq!(gif(&picture(4, 4, 1, vec![0; 15])), Err(TOO_LARGE));
        assert_eq!(gif(&picture(0, 0, 1, Vec::new())), Err(TOO_LARGE));
    }
}
