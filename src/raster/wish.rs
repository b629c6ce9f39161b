//! What a request asks of a rendered picture (PS3.18 8.3.5.1): window, viewport, quality. Reads the values of query
//! parameters; names of parameters and media types are the handlers'.

use super::scale::Viewport;
use super::window::{Function, Window};
use crate::dicomweb::report::Form;

/// Longest side of a picture that is made, in pixels.
const MOST: u32 = 16_384;

/// JPEG quality where none is asked for.
const QUALITY: u8 = 90;

/// Picture files that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// image/jpeg.
    Jpeg,
    /// image/png.
    Png,
    /// image/gif.
    Gif,
}

impl File {
    /// Its media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
        }
    }
}

/// The colour profile that a picture file is to have (PS3.18 8.3.5.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// None.
    No,
    /// That of the instance.
    Own,
    /// sRGB (IEC 61966-2-1).
    Srgb,
    /// Adobe RGB (1998).
    AdobeRgb,
    /// ROMM RGB (ISO 22028-2).
    RommRgb,
}

/// A picture as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// The file.
    pub file: File,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// In which it must fit.
    pub viewport: Option<Viewport>,
    /// In place of the window that the instance names.
    pub window: Option<Window>,
    /// The profile of its colours.
    pub profile: Profile,
    /// Images are wanted: of many instances perhaps the reports alone are.
    pub pictures: bool,
    /// What reports become; none if they are not wanted.
    pub report: Option<Form>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            file: File::Jpeg,
            quality: QUALITY,
            viewport: None,
            window: None,
            profile: Profile::No,
            pictures: true,
            report: Some(Form::Html),
        }
    }
}

/// A whole number from 1 to 100 (PS3.18 8.3.5.1.2).
pub fn quality(text: &str) -> Option<u8> {
    text.parse().ok().filter(|quality| (1..=100).contains(quality))
}

/// The value of `iccprofile` (PS3.18 8.3.5.1.5).
pub fn profile(text: &str) -> Option<Profile> {
    Some(match text {
        "no" => Profile::No,
        "yes" => Profile::Own,
        "srgb" => Profile::Srgb,
        "adobergb" => Profile::AdobeRgb,
        "rommrgb" => Profile::RommRgb,
        _ => return None,
    })
}

/// `vw,vh[,sx,sy,sw,sh]`; values between commas may be left out, commas at the end, too (PS3.18 8.3.5.1.3).
pub fn viewport(text: &str) -> Option<Viewport> {
    let mut values = text.split(',').map(str::trim);
    let mut size =
        || values.next().and_then(|text| text.parse::<u32>().ok()).filter(|it| (1..=MOST).contains(it));
    let (width, height) = (size()?, size()?);
    let mut rest = [None; 4];
    for (place, text) in rest.iter_mut().zip(values.by_ref()) {
        if !text.is_empty() {
            *place = Some(text.parse::<f64>().ok().filter(|number| number.is_finite())?);
        }
    }
    let [left, top, part_width, part_height] = rest;
    let legal = |start: Option<f64>| start.is_none_or(|start| start >= 0.0);
    let (left_legal, top_legal) = (legal(left), legal(top));
    let whole = values.next().is_none() && left_legal && top_legal;
    let (left, top) = (left.unwrap_or(0.0), top.unwrap_or(0.0));
    whole.then_some(Viewport { width, height, left, top, part_width, part_height })
}

/// `center,width,function`, all three (PS3.18 8.3.5.1.4).
pub fn window(text: &str) -> Option<Window> {
    let mut values = text.split(',').map(str::trim);
    let mut number = || values.next()?.parse::<f64>().ok().filter(|number| number.is_finite());
    let (center, width) = (number()?, number().filter(|width| *width > 0.0)?);
    let function = Function::of(values.next()?)?;
    values.next().is_none().then_some(Window { center, width, function })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rend_05_quality_is_a_whole_number_from_1_to_100() {
        assert_eq!((quality("1"), quality("100")), (Some(1), Some(100)));
        for bad in ["0", "101", "x", "", "50.5", "-1"] {
            assert_eq!(quality(bad), None, "{bad}");
        }
    }

    #[test]
    fn rend_06_viewports_may_leave_values_out() {
        let whole =
            Viewport { width: 512, height: 256, left: 0.0, top: 0.0, part_width: None, part_height: None };
        assert_eq!(viewport("512,256"), Some(whole));
        let part = Viewport { part_width: Some(512.0), part_height: Some(-12.0), ..whole };
        assert_eq!(viewport("512,256,,,512,-12"), Some(part));
        assert_eq!(viewport("512,256,10"), Some(Viewport { left: 10.0, ..whole }));
        for bad in ["", "512", "0,1", "a,b", "1,1,1,1,1,1,1", "1,1,-1", "1,1,NaN", "99999999,1"] {
            assert_eq!(viewport(bad), None, "{bad}");
        }
    }

    #[test]
    fn rend_07_a_window_has_all_three_parts() {
        let expected = Window { center: 40.0, width: 400.0, function: Function::Linear };
        assert_eq!(window("40,400,linear"), Some(expected));
        for bad in ["40,400", "40", "40,0,linear", "40,400,cubic", "40,400,linear,x", "a,400,linear", ""] {
            assert_eq!(window(bad), None, "{bad}");
        }
    }
}
