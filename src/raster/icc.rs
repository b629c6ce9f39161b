//! Colour profiles of picture files (PS3.18 8.3.5.1.5, ICC.1): which one is embedded, and bringing colours into it. Where an
//! instance holds its own is `look`'s, how a file holds one `encode`'s.

use super::Unfit;
use super::picture::Picture;
use super::wish::Profile;
use moxcms::{ColorProfile, DataColorSpace, Xyzd};

/// Largest profile that is read, in bytes.
const MOST: usize = 4 << 20;

const BAD: Unfit = Unfit("the ICC profile of the instance cannot be read");
const TABLES: Unfit = Unfit("colours are not converted from an ICC profile made of tables");
const SEVERAL: Unfit = Unfit("the instance has several ICC profiles");
const INTERNAL: Unfit = Unfit("the ICC profile cannot be written");

/// The picture and the profile for its file, as `wanted`; `own` are the profiles of the instance. Without one its colours
/// are taken for sRGB, as viewers take them. Grey levels become colours of equal parts: a profile of colours says nothing
/// about a file of grey.
///
/// # Errors
/// The instance's profile cannot be read, is one of several, or is made of tables where colours are to be converted. A
/// picture without the profile that was asked for, or with a wrong one, would show other colours than it says.
pub fn apply(
    picture: Picture,
    own: &[Vec<u8>],
    wanted: Profile,
) -> Result<(Picture, Option<Vec<u8>>), Unfit> {
    if wanted == Profile::No {
        return Ok((picture, None));
    }
    let own = match own {
        _ if picture.channels == 1 => None,
        [] => None,
        [one] => Some(one),
        _ => return Err(SEVERAL),
    };
    let source = own.map(|bytes| read(bytes)).transpose()?;
    let mut picture = coloured(picture);
    let target = match (wanted, own) {
        (Profile::Own, Some(bytes)) => return Ok((picture, Some(bytes.clone()))),
        (Profile::AdobeRgb, _) => ColorProfile::new_adobe_rgb(),
        (Profile::RommRgb, _) => ColorProfile::new_pro_photo_rgb(),
        _ => ColorProfile::new_srgb(),
    };
    match source {
        Some(source) => convert(&mut picture, &source, &target)?,
        None if matches!(wanted, Profile::AdobeRgb | Profile::RommRgb) => {
            convert(&mut picture, &ColorProfile::new_srgb(), &target)?;
        }
        None => {}
    }
    Ok((picture, Some(written(&target)?)))
}

/// A profile of RGB.
fn read(bytes: &[u8]) -> Result<ColorProfile, Unfit> {
    if bytes.len() > MOST {
        return Err(BAD);
    }
    let profile = ColorProfile::new_from_slice(bytes).map_err(|_| BAD)?;
    if profile.color_space == DataColorSpace::Rgb { Ok(profile) } else { Err(BAD) }
}

/// The same bytes at any time: a new profile would tell when it was made, at byte 24 of its head (ICC.1 7.2).
fn written(profile: &ColorProfile) -> Result<Vec<u8>, Unfit> {
    const AT: std::ops::Range<usize> = 24..36;
    const DAY: [u8; 12] = [0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut bytes = profile.encode().map_err(|_| INTERNAL)?;
    bytes.get_mut(AT).ok_or(INTERNAL)?.copy_from_slice(&DAY);
    Ok(bytes)
}

fn coloured(picture: Picture) -> Picture {
    if picture.channels != 1 {
        return picture;
    }
    let data = picture.data.iter().flat_map(|grey| [*grey; 3]).collect();
    Picture { channels: 3, data, ..picture }
}

/// Curves and matrix of the one, matrix and curve of the other, by way of XYZ (ICC.1 F.3). Both are relative to D50, so that
/// white stays white. Colours that the other does not have become the nearest in each part.
fn convert(picture: &mut Picture, source: &ColorProfile, target: &ColorProfile) -> Result<(), Unfit> {
    let tables = [&source.lut_a_to_b_perceptual, &source.lut_a_to_b_colorimetric];
    let curves = [&source.red_trc, &source.green_trc, &source.blue_trc];
    if source.pcs != DataColorSpace::Xyz || tables.iter().any(|table| table.is_some()) {
        return Err(TABLES);
    }
    // What is left out counts as nothing, and a colour would be lost without a word.
    if [source.red_colorant, source.green_colorant, source.blue_colorant].contains(&Xyzd::default()) {
        return Err(BAD);
    }
    let mut linear = [const { Vec::new() }; 3];
    for (levels, curve) in linear.iter_mut().zip(curves) {
        let curve = curve.as_ref().ok_or(TABLES)?.make_linear_evaluator().map_err(|_| BAD)?;
        *levels =
            (0..=u8::MAX).map(|level| f64::from(curve.evaluate_value(f32::from(level) / 255.0))).collect();
    }
    let curve = target.red_trc.as_ref().ok_or(INTERNAL)?.make_gamma_evaluator().map_err(|_| INTERNAL)?;
    let level = |part: u16| (curve.evaluate_value(f32::from(part) / 65_535.0) * 255.0).round() as u8;
    let encoded: Vec<u8> = (0..=u16::MAX).map(level).collect();
    let matrix = source.transform_matrix(target).v;
    for pixel in picture.data.chunks_exact_mut(3) {
        let mut light = [0.0; 3];
        for ((light, levels), level) in light.iter_mut().zip(&linear).zip(pixel.iter()) {
            *light = levels.get(usize::from(*level)).copied().unwrap_or(0.0);
        }
        for (level, row) in pixel.iter_mut().zip(matrix) {
            let part: f64 = row.iter().zip(light).map(|(factor, light)| factor * light).sum();
            // Clamped; what is no number becomes 0.
            let part = (part.clamp(0.0, 1.0) * 65_535.0).round() as usize;
            *level = encoded.get(part).copied().unwrap_or(0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn colours(data: &[u8]) -> Picture {
        Picture { width: data.len() as u32 / 3, height: 1, channels: 3, data: data.to_vec() }
    }

    fn near(one: &[u8], other: &[u8]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= 1)
    }

    const SOME: [u8; 12] = [255, 255, 255, 0, 0, 0, 128, 128, 128, 200, 100, 50];

    #[test]
    fn rend_08_none_is_embedded_where_none_is_asked_for() {
        let own = [b"no profile at all".to_vec()];
        assert_eq!(apply(colours(&SOME), &own, Profile::No), Ok((colours(&SOME), None)));
    }

    #[test]
    fn rend_08_the_instance_s_own_is_embedded_as_it_is_else_srgb() {
        let own = ColorProfile::new_display_p3().encode().unwrap();
        let (picture, profile) = apply(colours(&SOME), std::slice::from_ref(&own), Profile::Own).unwrap();
        assert_eq!((picture, profile), (colours(&SOME), Some(own)));
        let (picture, profile) = apply(colours(&SOME), &[], Profile::Own).unwrap();
        assert_eq!(picture, colours(&SOME));
        assert_eq!(profile, apply(colours(&SOME), &[], Profile::Srgb).unwrap().1);
    }

    #[test]
    fn rend_08_colours_are_brought_into_the_profile_that_is_asked_for() {
        // What colour calculators give for these sRGB colours, relative colorimetric.
        let (adobe, profile) = apply(colours(&SOME), &[], Profile::AdobeRgb).unwrap();
        assert!(near(&adobe.data, &[255, 255, 255, 0, 0, 0, 127, 127, 127, 177, 99, 56]), "{adobe:?}");
        // And back, with the profile that was embedded.
        let (back, _) = apply(adobe, &[profile.unwrap()], Profile::Srgb).unwrap();
        assert!(near(&back.data, &SOME), "{back:?}");
        let (romm, profile) = apply(colours(&SOME), &[], Profile::RommRgb).unwrap();
        assert_eq!(romm.data.get(..6), Some(&[255, 255, 255, 0, 0, 0][..]));
        assert_ne!(romm.data.get(9..), SOME.get(9..));
        let (back, _) = apply(romm, &[profile.unwrap()], Profile::Srgb).unwrap();
        assert!(back.data.iter().zip(SOME).all(|(one, other)| one.abs_diff(other) <= 2), "{back:?}");
    }

    #[test]
    fn rend_08_grey_becomes_colours_of_equal_parts() {
        let grey = Picture { width: 3, height: 1, channels: 1, data: vec![0, 100, 255] };
        let (picture, profile) = apply(grey, &[vec![1]], Profile::Srgb).unwrap();
        assert_eq!(picture, colours(&[0, 0, 0, 100, 100, 100, 255, 255, 255]));
        assert!(profile.is_some());
    }

    #[test]
    fn what_cannot_be_read_or_converted_is_told_and_nothing_is_embedded() {
        let good = ColorProfile::new_adobe_rgb().encode().unwrap();
        let mut grey = ColorProfile::new_adobe_rgb();
        grey.color_space = DataColorSpace::Gray;
        let large = [good.clone(), vec![0; MOST]].concat();
        for bad in [Vec::new(), b"profile".to_vec(), vec![0xFF; 4096], grey.encode().unwrap(), large] {
            for wanted in [Profile::Own, Profile::Srgb] {
                assert_eq!(apply(colours(&SOME), std::slice::from_ref(&bad), wanted), Err(BAD));
            }
        }
        let two = [good.clone(), good.clone()];
        assert_eq!(apply(colours(&SOME), &two, Profile::Srgb), Err(SEVERAL));
        let mut bare = ColorProfile::new_adobe_rgb();
        bare.green_trc = None;
        let bare = bare.encode().unwrap();
        assert_eq!(apply(colours(&SOME), &[bare], Profile::Srgb), Err(TABLES));
        let mut dark = ColorProfile::new_adobe_rgb();
        dark.green_colorant = Xyzd::default();
        let dark = dark.encode().unwrap();
        assert_eq!(apply(colours(&SOME), &[dark], Profile::Srgb), Err(BAD));
        // Wherever it is cut or turned around, reading ends and does not panic.
        for at in 0..good.len() {
            let _ = apply(colours(&SOME), &[good.iter().take(at).copied().collect()], Profile::Srgb);
            let mut turned = good.clone();
            turned.iter_mut().skip(at).take(1).for_each(|byte| *byte = !*byte);
            let _ = apply(colours(&SOME), &[turned], Profile::Srgb);
        }
    }

    #[test]
    fn a_profile_made_here_is_always_the_same() {
        let one = || written(&ColorProfile::new_srgb()).unwrap();
        assert_eq!(one(), one());
        assert_eq!(one().get(24..36), Some(&[0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0][..]));
    }
}
