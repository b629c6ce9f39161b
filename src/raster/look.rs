//! What a head says about how the pixels of one frame look (PS3.3 C.11.1, C.11.2, C.7.6.16.2.9, C.7.6.16.2.10), and which
//! of it holds. Made a picture of in `picture`.

use super::Unfit;
use super::lut::Lut;
use super::window::{Function, Window};
use crate::dicom::fault::Fault;
use crate::dicom::image::Image;
use crate::dicom::layout::Layout;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use dicom_core::Tag;

const DEPTH: usize = 64;

const SHARED: Tag = Tag(0x5200, 0x9229);
const PER_FRAME: Tag = Tag(0x5200, 0x9230);
const TRANSFORMATION: Tag = Tag(0x0028, 0x9145);
const FRAME_VOI: Tag = Tag(0x0028, 0x9132);
const MODALITY_LUT: Tag = Tag(0x0028, 0x3000);
const VOI_LUT: Tag = Tag(0x0028, 0x3010);
const OPTICAL_PATHS: Tag = Tag(0x0048, 0x0105);
const ICC_PROFILE: Tag = Tag(0x0028, 0x2000);

/// What the head says about how the pixels of one frame look.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// What stored values mean.
    pub(super) modality: Modality,
    /// How values become grey levels, if the head says so.
    pub(super) view: Option<View>,
    /// Pixel Padding Value (0028,0120).
    padding: Option<u16>,
    /// Pixel Padding Range Limit (0028,0121).
    padding_limit: Option<u16>,
    /// Descriptor and data of the red, green and blue palettes.
    pub(super) palettes: [(Vec<u8>, Vec<u8>); 3],
    /// Presentation LUT Shape (2050,0020) is INVERSE.
    pub(super) inverse: bool,
    /// ICC Profile (0028,2000) of the image and of its optical paths (PS3.3 C.11.15, C.8.12.5); equal ones once, and of
    /// different ones two, since more are no more use.
    profiles: Vec<Vec<u8>>,
}

/// From stored values to those that they mean (PS3.3 C.11.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Modality {
    /// Rescale Slope (0028,1053) and Rescale Intercept (0028,1052).
    Rescale(f64, f64),
    /// The first item of Modality LUT Sequence (0028,3000).
    Table(Lut),
    /// The same, but it contradicts itself. What the values mean is not known then, not even which is the greater.
    Malformed,
}

impl Default for Modality {
    fn default() -> Self {
        Self::Rescale(1.0, 0.0)
    }
}

impl Modality {
    /// What the stored values of `image` mean, one by one.
    ///
    /// # Errors
    /// The table contradicts itself: a picture without it could be wrong, and nobody would see that.
    pub(super) fn meaning(&self, image: &Image) -> Result<impl Fn(f64) -> f64 + '_, Unfit> {
        if *self == Self::Malformed {
            return Err(Unfit("the Modality LUT contradicts itself"));
        }
        let signed = image.signed;
        Ok(move |value: f64| match self {
            Self::Rescale(slope, intercept) => value * slope + intercept,
            Self::Table(lut) => lut.at(value, signed).into(),
            Self::Malformed => value,
        })
    }

    /// True if what comes out may be negative; then the first value that a VOI LUT maps is signed (PS3.3 C.11.2.1.1).
    pub(super) fn signed(&self, image: &Image) -> bool {
        let Self::Rescale(slope, intercept) = self else { return false };
        let bits = i32::from(image.bits_stored.min(32));
        let (least, most) = match image.signed {
            true => (-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0),
            false => (0.0, 2f64.powi(bits) - 1.0),
        };
        // Floats have no Bits Stored and may be anything.
        bits == 0 || (least * slope + intercept).min(most * slope + intercept) < 0.0
    }
}

/// From values to grey levels (PS3.3 C.11.2).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum View {
    /// A window.
    Window(Window),
    /// The first item of VOI LUT Sequence (0028,3010).
    Table(Lut),
}

impl View {
    /// The grey level of a value, from 0 to 255; `signed` as of [`Lut::at`].
    pub(super) fn level(&self, value: f64, signed: bool) -> u8 {
        match self {
            Self::Window(window) => window.level(value),
            Self::Table(lut) => lut.level(value, signed),
        }
    }
}

/// What is said at one place: in the groups of the frame, in the shared ones or at the top level.
#[derive(Debug, Clone, Default)]
struct Said {
    slope: Option<f64>,
    intercept: Option<f64>,
    center: Option<f64>,
    width: Option<f64>,
    function: Option<Function>,
    modality: Option<Modality>,
    /// A table that contradicts itself is left out: unlike a Modality LUT it is one of several legal ways to look at
    /// values whose meaning is known, so that without it a window or all values from least to greatest will do.
    voi: Option<Lut>,
}

impl Said {
    /// Takes an element; of several values the first.
    fn see(&mut self, tag: Tag, bytes: &[u8]) {
        let number = || {
            let first = bytes.split(|byte| *byte == b'\\').next().and_then(value::ascii);
            first.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite())
        };
        match tag {
            Tag(0x0028, 0x1050) => self.center = number(),
            Tag(0x0028, 0x1051) => self.width = number(),
            Tag(0x0028, 0x1052) => self.intercept = number(),
            Tag(0x0028, 0x1053) => self.slope = number(),
            Tag(0x0028, 0x1056) => self.function = value::ascii(bytes).and_then(Function::of),
            _ => {}
        }
    }

    /// A Modality LUT stands in place of the rescale (PS3.3 C.11.1).
    fn modality(&self) -> Option<Modality> {
        let rescale = || match (self.slope, self.intercept) {
            (None, None) => None,
            (slope, intercept) => Some(Modality::Rescale(slope.unwrap_or(1.0), intercept.unwrap_or(0.0))),
        };
        self.modality.clone().or_else(rescale)
    }

    /// Window and VOI LUT beside each other are two views, of which either may be shown (PS3.3 C.11.2.1): the window, since
    /// viewers show it, too, and let it be changed from there.
    fn view(&self) -> Option<View> {
        let function = self.function.unwrap_or(Function::Linear);
        let window = |(center, width)| View::Window(Window { center, width, function });
        let sizes = self.center.zip(self.width.filter(|width| *width > 0.0));
        sizes.map(window).or_else(|| self.voi.clone().map(View::Table))
    }
}

impl Look {
    /// Reads it out of a head, in one walk. For `frame`, from 0, what its item of Per-Frame Functional Groups says holds
    /// before what the shared groups say, and that before the top level.
    ///
    /// # Errors
    /// The head cannot be walked.
    pub fn of(layout: &Layout, frame: u32) -> Result<Self, Fault> {
        let (mut look, mut top) = (Self::default(), Said::default());
        let (mut shared, mut own) = (Said::default(), Said::default());
        let mut walker = Walker::new(&layout.head, layout.encoding, DEPTH);
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag, value, .. } => {
                    look.see(tag, value);
                    top.see(tag, value);
                }
                Token::Sequence { tag: SHARED, .. } => groups(&mut walker, 0, &mut shared)?,
                Token::Sequence { tag: PER_FRAME, .. } => groups(&mut walker, frame, &mut own)?,
                Token::Sequence { tag: OPTICAL_PATHS, .. } => look.optical_paths(&mut walker)?,
                Token::Sequence { tag, .. } => table(&mut walker, tag, &mut top)?,
                _ => {}
            }
        }
        let said = [own, shared, top];
        look.modality = said.iter().find_map(Said::modality).unwrap_or_default();
        look.view = said.iter().find_map(Said::view);
        Ok(look)
    }

    /// The ICC profiles of the colours, each once, two at most.
    pub fn profiles(&self) -> &[Vec<u8>] {
        &self.profiles
    }

    fn see(&mut self, tag: Tag, bytes: &[u8]) {
        match (tag.group(), tag.element()) {
            (0x0028, 0x0120) => self.padding = value::first_us(bytes),
            (0x0028, 0x0121) => self.padding_limit = value::first_us(bytes),
            (0x0028, 0x2000) => self.profile(bytes),
            (0x2050, 0x0020) => self.inverse = value::ascii(bytes) == Some("INVERSE"),
            (0x0028, element @ 0x1101..=0x1103) => {
                let channel = self.palettes.get_mut(usize::from(element - 0x1101));
                channel.into_iter().for_each(|(descriptor, _)| *descriptor = bytes.to_vec());
            }
            (0x0028, element @ 0x1201..=0x1203) => {
                let channel = self.palettes.get_mut(usize::from(element - 0x1201));
                channel.into_iter().for_each(|(_, data)| *data = bytes.to_vec());
            }
            _ => {}
        }
    }

    fn profile(&mut self, bytes: &[u8]) {
        let known = self.profiles.iter().any(|profile| profile == bytes);
        if !known && !bytes.is_empty() && self.profiles.len() < 2 {
            self.profiles.push(bytes.to_vec());
        }
    }

    /// Slides have their profile here. Which path a frame was seen through is not looked up: they mostly have one.
    fn optical_paths(&mut self, walker: &mut Walker<'_>) -> Result<(), Fault> {
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag: ICC_PROFILE, value, .. } => self.profile(value),
                Token::Sequence { .. } => walker.skip_sequence()?,
                Token::SequenceEnd => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// True if a stored value is padding: Pixel Padding Value, or between it and the limit (PS3.3 C.7.5.1.1.2).
    pub(super) fn pads(&self, image: &Image) -> impl Fn(f64) -> bool {
        let sign = |value: u16| if image.signed { f64::from(value.cast_signed()) } else { f64::from(value) };
        let one = self.padding.map(sign);
        let other = self.padding_limit.map(sign).or(one);
        move |value| {
            one.zip(other).is_some_and(|(one, other)| (one.min(other)..=one.max(other)).contains(&value))
        }
    }
}

/// Gives what stands in item `wanted`, from 0, of the sequence that the last token opened, and leaves the sequence. What is
/// given takes the sequences that it is given.
fn item<'a>(
    walker: &mut Walker<'a>,
    wanted: u32,
    mut take: impl FnMut(&mut Walker<'a>, Token<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut items = 0u64;
    while let Some(token) = walker.next_token()? {
        match token {
            Token::Item { .. } => items += 1,
            Token::SequenceEnd => return Ok(()),
            token if items == u64::from(wanted) + 1 => take(walker, token)?,
            Token::Sequence { .. } => walker.skip_sequence()?,
            _ => {}
        }
    }
    Ok(())
}

/// The functional groups of one item: Pixel Value Transformation and Frame VOI LUT.
fn groups(walker: &mut Walker<'_>, wanted: u32, said: &mut Said) -> Result<(), Fault> {
    item(walker, wanted, |walker, token| match token {
        Token::Sequence { tag: TRANSFORMATION | FRAME_VOI, .. } => {
            item(walker, 0, |walker, token| match token {
                Token::Element { tag, value, .. } => {
                    said.see(tag, value);
                    Ok(())
                }
                Token::Sequence { tag, .. } => table(walker, tag, said),
                _ => Ok(()),
            })
        }
        Token::Sequence { .. } => walker.skip_sequence(),
        _ => Ok(()),
    })
}

/// The table in the first item of the sequence `tag`; any other sequence is left.
fn table<'a>(walker: &mut Walker<'a>, tag: Tag, said: &mut Said) -> Result<(), Fault> {
    if ![MODALITY_LUT, VOI_LUT].contains(&tag) {
        return walker.skip_sequence();
    }
    let (mut descriptor, mut data) = (None, None);
    item(walker, 0, |walker, token| {
        match token {
            Token::Element { tag: Tag(0x0028, 0x3002), value, .. } => descriptor = Some(value),
            Token::Element { tag: Tag(0x0028, 0x3006), value, .. } => data = Some(value),
            Token::Sequence { .. } => walker.skip_sequence()?,
            _ => {}
        }
        Ok(())
    })?;
    let there = descriptor.is_some() || data.is_some();
    let lut = Lut::read(descriptor.unwrap_or_default(), data.unwrap_or_default());
    match tag {
        MODALITY_LUT if there => said.modality = Some(lut.map_or(Modality::Malformed, Modality::Table)),
        VOI_LUT => said.voi = lut,
        _ => {}
    }
    Ok(())
}
