//! The study that is stored to be looked for: three instances in two series, with a mark in every attribute that may
//! identify somebody. What becomes of the marks is `deid`'s question.

use crate::dicom::meta;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};

/// The marks begin with this; a number follows.
pub(super) const MARK: &str = "VGQZMARK";

/// The date of the study, which must not be left either.
pub(super) const STUDY_DATE: &str = "19340517";
/// The patient's date of birth.
pub(super) const BIRTH_DATE: &str = "19310203";

/// Timezone Offset From UTC of all its dates and times.
pub(super) const ZONE: &str = "+0000";

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const NM: &str = "1.2.840.10008.5.1.4.1.1.20";

/// Rows and columns of every instance.
pub(super) const SIDE: u16 = 32;
/// Frames of the third instance.
pub(super) const FRAMES: u32 = 3;

/// The names of a study as it is sent.
#[derive(Clone)]
pub(super) struct Sample {
    /// Study Instance UID.
    pub(super) study: String,
    root: String,
}

impl Sample {
    /// A study that nobody has; `random` names it.
    pub(super) fn new(random: u128) -> Self {
        // Below 2.25 any number is free; shortened, so that there is room for what follows.
        let root = format!("2.25.{}", random >> 64);
        Self { study: format!("{root}.1"), root }
    }

    /// Series and SOP Instance UID of an instance, from 0: the first two are one series.
    pub(super) fn names(&self, number: usize) -> (String, String) {
        (format!("{}.2.{}", self.root, number / 2), format!("{}.3.{number}", self.root))
    }

    /// A name beside those of the sample, for what is stored besides; `below` is its number, or several with dots.
    pub(super) fn another(&self, below: &str) -> String {
        format!("{}.5.{below}", self.root)
    }

    /// Frame of Reference UID of all instances.
    pub(super) fn frame_of_reference(&self) -> String {
        format!("{}.4", self.root)
    }

    /// One of the three instances as a file.
    pub(super) fn file(&self, number: usize) -> Vec<u8> {
        let frames = if number == 2 { FRAMES } else { 1 };
        let class = if number == 2 { NM } else { CT };
        let (_, instance) = self.names(number);
        let mut writer = Writer::default();
        self.head(&mut writer, number, class);
        pixels(&mut writer, number, frames);
        [meta::write(class, &instance, EXPLICIT_LE), writer.finish()].concat()
    }

    /// An instance that says that its pixels show who the patient is.
    pub(super) fn burned_in(&self) -> Vec<u8> {
        let (_, instance) = self.names(7);
        let mut writer = Writer::default();
        self.head(&mut writer, 7, CT);
        writer.text(Tag(0x0028, 0x0301), VR::CS, "YES");
        pixels(&mut writer, 7, 1);
        [meta::write(CT, &instance, EXPLICIT_LE), writer.finish()].concat()
    }

    fn head(&self, writer: &mut Writer, number: usize, class: &str) {
        let (series, instance) = self.names(number);
        let modality = if class == CT { "CT" } else { "NM" };
        writer.text(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 192");
        writer.text(Tag(0x0008, 0x0008), VR::CS, "ORIGINAL\\PRIMARY");
        writer.text(Tag(0x0008, 0x0016), VR::UI, class);
        writer.text(Tag(0x0008, 0x0018), VR::UI, &instance);
        writer.text(Tag(0x0008, 0x0020), VR::DA, STUDY_DATE);
        writer.text(Tag(0x0008, 0x0030), VR::TM, "101112");
        writer.text(Tag(0x0008, 0x0050), VR::SH, &mark(1));
        writer.text(Tag(0x0008, 0x0060), VR::CS, modality);
        writer.text(Tag(0x0008, 0x0080), VR::LO, &mark(2));
        writer.text(Tag(0x0008, 0x0090), VR::PN, &mark(3));
        writer.text(Tag(0x0008, 0x0201), VR::SH, ZONE);
        writer.text(Tag(0x0008, 0x1010), VR::SH, &mark(4));
        writer.text(Tag(0x0008, 0x1070), VR::PN, &mark(5));
        if number == 1 {
            reference(writer, class, &self.names(0).1);
        }
        writer.element(Tag(0x0009, 0x0010), VR::LO, b"VEILGATE TEST ");
        writer.text(Tag(0x0009, 0x1001), VR::LO, &mark(6));
        writer.text(Tag(0x0010, 0x0010), VR::PN, &format!("{}^Jane", mark(7)));
        writer.text(Tag(0x0010, 0x0020), VR::LO, &mark(8));
        writer.text(Tag(0x0010, 0x0030), VR::DA, BIRTH_DATE);
        writer.text(Tag(0x0010, 0x0040), VR::CS, "F");
        writer.text(Tag(0x0010, 0x1040), VR::LO, &mark(9));
        writer.text(Tag(0x0010, 0x4000), VR::LT, &mark(10));
        writer.text(Tag(0x0018, 0x1000), VR::LO, &mark(11));
        writer.text(Tag(0x0020, 0x000D), VR::UI, &self.study);
        writer.text(Tag(0x0020, 0x000E), VR::UI, &series);
        writer.text(Tag(0x0020, 0x0010), VR::SH, &mark(12));
        writer.text(Tag(0x0020, 0x0011), VR::IS, &(number / 2 + 1).to_string());
        writer.text(Tag(0x0020, 0x0013), VR::IS, &(number + 1).to_string());
        writer.text(Tag(0x0020, 0x0052), VR::UI, &self.frame_of_reference());
    }
}

/// The mark of this number.
pub(super) fn mark(number: u32) -> String {
    format!("{MARK}{number}")
}

/// Referenced Image Sequence with one item, and a mark within another sequence below it.
fn reference(writer: &mut Writer, class: &str, instance: &str) {
    writer.begin_sequence(Tag(0x0008, 0x1140), true);
    writer.begin_item(true);
    writer.text(Tag(0x0008, 0x1150), VR::UI, class);
    writer.text(Tag(0x0008, 0x1155), VR::UI, instance);
    writer.begin_sequence(Tag(0x0040, 0xA170), true);
    writer.begin_item(true);
    writer.text(Tag(0x0008, 0x0104), VR::LO, &mark(13));
    writer.text(Tag(0x0010, 0x0010), VR::PN, &mark(14));
    writer.end_item();
    writer.end_sequence();
    writer.end_item();
    writer.end_sequence();
}

/// The performed step: of the first series with two requests, of the others begun nobody knows when.
fn step(writer: &mut Writer, number: usize) {
    let (date, time) = if number < 2 { (STUDY_DATE, "101112") } else { ("", "") };
    writer.text(Tag(0x0040, 0x0244), VR::DA, date);
    writer.text(Tag(0x0040, 0x0245), VR::TM, time);
    if number < 2 {
        writer.begin_sequence(Tag(0x0040, 0x0275), true);
        for request in 1..3 {
            writer.begin_item(true);
            writer.text(Tag(0x0040, 0x0009), VR::SH, &format!("STEP{request}"));
            writer.text(Tag(0x0040, 0x1001), VR::SH, &format!("REQUEST{request}"));
            writer.end_item();
        }
        writer.end_sequence();
    }
}

/// Image Pixel Module of 16-bit gradients, each frame another.
fn pixels(writer: &mut Writer, number: usize, frames: u32) {
    let us = |writer: &mut Writer, element, value: u16| {
        writer.element(Tag(0x0028, element), VR::US, &value.to_le_bytes());
    };
    us(writer, 0x0002, 1);
    writer.text(Tag(0x0028, 0x0004), VR::CS, "MONOCHROME2");
    writer.text(Tag(0x0028, 0x0008), VR::IS, &frames.to_string());
    us(writer, 0x0010, SIDE);
    us(writer, 0x0011, SIDE);
    for (element, value) in [(0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)] {
        us(writer, element, value);
    }
    let values = (0..frames).flat_map(|frame| {
        let base = number as u32 * 7 + frame * 100;
        (0..u32::from(SIDE) * u32::from(SIDE)).map(move |at| ((base + at) % 4096) as u16)
    });
    let bytes: Vec<u8> = values.flat_map(u16::to_le_bytes).collect();
    step(writer, number);
    writer.element(Tag(0x7FE0, 0x0010), VR::OW, &bytes);
}

/// Bytes of one frame.
pub(super) const FRAME: usize = SIDE as usize * SIDE as usize * 2;
