//! What is stored beside the sample for checks that need more than plain grey pictures: values of many forms, other
//! character sets, compressed, 1-bit and float pixels, colours, a presentation state, video. When it is stored is `scene`'s.

use super::sample::{Sample, mark};
use crate::dicom::meta;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};
use std::collections::BTreeMap;

/// What an instance is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several values, empty ones, pointers, large numbers, a group length, two private blocks of one creator.
    Values,
    /// Text in ISO_IR 144.
    Cyrillic,
    /// Text in ISO 2022 IR 87, with a backslash as half of a character.
    Japanese,
    /// Two frames of RLE Lossless.
    Rle,
    /// Two frames that are not compressed, in the same series.
    Plain,
    /// Three frames of nine pixels of one bit.
    Bits,
    /// Float Pixel Data.
    Floats,
    /// Double Float Pixel Data.
    Doubles,
    /// MONOCHROME2.
    Grey,
    /// MONOCHROME1.
    Inverse,
    /// PALETTE COLOR.
    Palette,
    /// RGB.
    Rgb,
    /// YBR_FULL.
    Ybr,
    /// A presentation state of `Grey` and `Inverse`.
    State,
    /// MPEG-4 in three frames.
    Video,
    /// A picture that says that it shows who the patient is.
    BurnedIn,
}

/// Word that stands in [`KERNEL`] of `Cyrillic`.
pub(super) const WORD: &str = "\u{41c}\u{44f}\u{433}\u{43a}\u{438}\u{439}";
/// The same in ISO_IR 144.
pub(super) const STORED: &[u8] = b"\xBC\xEF\xD3\xDA\xD8\xD9";
/// Convolution Kernel: a text that the Basic Profile keeps.
pub(super) const KERNEL: Tag = Tag(0x0018, 0x1210);
/// The pixels of `Bits`, from the lowest bit on.
pub(super) const BITS: u32 = 0x05A3_C96B;
/// The stream of `Video`: its first boxes, which is all that a server may look at.
pub(super) const VIDEO: &[u8] = b"\0\0\0\x14ftypmp42\0\0\0\0mp42\0\0\0\x08mdat";
/// The name of the patient of `Values`, in its groups.
pub(super) const IDEOGRAPHIC: &str = "\u{5c71}\u{7530}^\u{82b1}\u{5b50}";

/// How an instance is built.
struct Form {
    /// SOP class and transfer syntax behind what all have in common.
    class: &'static str,
    syntax: &'static str,
    modality: &'static str,
    /// Rows and columns; 0 without pixels.
    side: u16,
    frames: u16,
    samples: u16,
    bits: u16,
    photometric: &'static str,
}

impl Kind {
    fn form(self) -> Form {
        let picture = Form {
            class: "7",
            syntax: "1",
            modality: "OT",
            side: 8,
            frames: 1,
            samples: 1,
            bits: 8,
            photometric: "MONOCHROME2",
        };
        let plain = Form { class: "20", modality: "NM", frames: 2, bits: 16, ..picture };
        match self {
            Self::Values | Self::Cyrillic | Self::Japanese => Form { class: "2", modality: "CT", ..picture },
            Self::Rle => Form { syntax: "5", ..plain },
            Self::Plain => plain,
            Self::Bits => Form { class: "66.4", modality: "SEG", side: 3, frames: 3, bits: 1, ..picture },
            Self::Floats => Form { class: "30", bits: 32, ..picture },
            Self::Doubles => Form { class: "30", bits: 64, ..picture },
            Self::Grey => picture,
            Self::Inverse => Form { photometric: "MONOCHROME1", ..picture },
            Self::Palette => Form { photometric: "PALETTE COLOR", ..picture },
            Self::Rgb => Form { samples: 3, photometric: "RGB", ..picture },
            Self::Ybr => Form { samples: 3, photometric: "YBR_FULL", ..picture },
            Self::State => Form { class: "11.1", modality: "PR", side: 0, ..picture },
            Self::Video => Form {
                class: "77.1.4.1",
                syntax: "4.102",
                modality: "XC",
                frames: 3,
                samples: 3,
                photometric: "YBR_PARTIAL_420",
                ..picture
            },
            Self::BurnedIn => Form { class: "6.1", modality: "US", ..picture },
        }
    }

    /// Study, Series and SOP Instance UID as they are sent.
    pub(super) fn names(self, sample: &Sample) -> [String; 3] {
        let series = if self == Self::Plain { Self::Rle } else { self };
        let below = ["1".to_owned(), format!("2.{}", series as u8), format!("3.{}", self as u8)];
        below.map(|below| sample.another(&below))
    }

    fn class(self) -> String {
        format!("1.2.840.10008.5.1.4.1.1.{}", self.form().class)
    }

    /// The instance as a file.
    pub(super) fn file(self, sample: &Sample) -> Vec<u8> {
        let [study, series, instance] = self.names(sample);
        let mut set = Set::default();
        for (group, element, vr, text) in [
            (0x0008, 0x0005, VR::CS, "ISO_IR 192"),
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY"),
            (0x0008, 0x0016, VR::UI, self.class().as_str()),
            (0x0008, 0x0018, VR::UI, instance.as_str()),
            (0x0008, 0x0020, VR::DA, ""),
            (0x0008, 0x0030, VR::TM, ""),
            (0x0008, 0x0050, VR::SH, ""),
            (0x0008, 0x0060, VR::CS, self.form().modality),
            (0x0008, 0x0090, VR::PN, ""),
            (0x0010, 0x0010, VR::PN, format!("{}^Jane", mark(7)).as_str()),
            (0x0010, 0x0020, VR::LO, mark(8).as_str()),
            (0x0010, 0x0030, VR::DA, ""),
            (0x0010, 0x0040, VR::CS, ""),
            (0x0020, 0x000D, VR::UI, study.as_str()),
            (0x0020, 0x000E, VR::UI, series.as_str()),
            (0x0020, 0x0010, VR::SH, ""),
            (0x0020, 0x0011, VR::IS, "1"),
            (0x0020, 0x0013, VR::IS, "1"),
        ] {
            set.text(Tag(group, element), vr, text);
        }
        self.describe(&mut set);
        self.particulars(&mut set, sample);
        let syntax = format!("1.2.840.10008.1.2.{}", self.form().syntax);
        [meta::write(&self.class(), &instance, &syntax), set.finish()].concat()
    }

    /// The pixels and what is said of them.
    fn describe(self, set: &mut Set) {
        let Form { side, frames, samples, bits, photometric, .. } = self.form();
        if side == 0 {
            return;
        }
        set.text(Tag(0x0028, 0x0004), VR::CS, photometric);
        set.text(Tag(0x0028, 0x0008), VR::IS, &frames.to_string());
        set.text(Tag(0x0028, 0x0301), VR::CS, if self == Self::BurnedIn { "YES" } else { "NO" });
        set.us(0x0002, &[samples]);
        if samples > 1 {
            set.us(0x0006, &[0]);
        }
        set.us(0x0010, &[side]);
        set.us(0x0011, &[side]);
        set.us(0x0100, &[bits]);
        if bits < 32 {
            set.us(0x0101, &[bits]);
            set.us(0x0102, &[bits - 1]);
            set.us(0x0103, &[0]);
        }
        let (element, vr) = match bits {
            64 => (0x0009, VR::OD),
            32 => (0x0008, VR::OF),
            16 if self == Self::Plain => (0x0010, VR::OW),
            _ => (0x0010, VR::OB),
        };
        let tag = Tag(0x7FE0, element);
        match self {
            Self::Rle => set.fragments(tag, &[&rle(0), &rle(1)]),
            Self::Video => set.fragments(tag, &[VIDEO]),
            _ => set.put(tag, vr, &self.pixels()),
        }
    }

    /// All pixels, if they are not compressed.
    pub(super) fn pixels(self) -> Vec<u8> {
        let Form { side, samples, bits, .. } = self.form();
        let cells = 0..side * side * samples;
        match bits {
            1 => BITS.to_le_bytes().to_vec(),
            16 => [[7, 0].repeat(64), [8, 0].repeat(64)].concat(),
            32 => cells.flat_map(|at| (f32::from(at) / 2.0).to_le_bytes()).collect(),
            64 => cells.flat_map(|at| (f64::from(at) / 2.0).to_le_bytes()).collect(),
            _ => cells.map(|at| (at * 3).to_le_bytes()[0]).collect(),
        }
    }

    /// What one kind has and others have not.
    fn particulars(self, set: &mut Set, sample: &Sample) {
        match self {
            Self::Values => values(set),
            Self::Cyrillic => {
                set.text(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 144");
                set.put(KERNEL, VR::SH, STORED);
            }
            Self::Japanese => {
                set.text(Tag(0x0008, 0x0005), VR::CS, "\\ISO 2022 IR 87");
                set.put(KERNEL, VR::SH, b"\x1B$B\x3B\x33\x21\x5C\x1B(B\\B");
            }
            Self::Palette => palettes(set),
            Self::State => state(set, sample),
            _ => {}
        }
    }
}

/// Frame `number` of `Rle`, from 0: as many equal pixels as `Plain` has (PS3.5 G).
pub(super) fn rle(number: u8) -> Vec<u8> {
    let mut words = [0; 16];
    for (word, value) in words.iter_mut().zip([2u32, 64, 66]) {
        *word = value;
    }
    let header: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    [header, vec![193, 0, 193, number + 7]].concat()
}

/// Data of the red palette.
pub(super) fn red() -> Vec<u8> {
    (0..256u16).flat_map(|at| (at * 257).to_le_bytes()).collect()
}

fn palettes(set: &mut Set) {
    let falling: Vec<u8> = (0..256u16).flat_map(|at| (65535 - at * 257).to_le_bytes()).collect();
    for (number, data) in [(1, red()), (2, falling.clone()), (3, falling)] {
        set.us(0x1100 + number, &[256, 0, 16]);
        set.put(Tag(0x0028, 0x1200 + number), VR::OW, &data);
    }
}

fn values(set: &mut Set) {
    let name = format!("{}^Jane={IDEOGRAPHIC}=", mark(7));
    for (group, element, vr, text) in [
        (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY\\\\AXIAL"),
        (0x0010, 0x0010, VR::PN, name.as_str()),
        (0x0018, 0x0050, VR::DS, ""),
        (0x0028, 0x0030, VR::DS, "1.50\\0.25"),
        (0x0028, 0x1050, VR::DS, "40.123456789012"),
        (0x0028, 0x1051, VR::DS, "400"),
        // Safe Private Attributes (PS3.15 E.3.10), which some profiles keep.
        (0x7053, 0x0010, VR::LO, "Philips PET Private Group"),
        (0x7053, 0x0011, VR::LO, "Philips PET Private Group"),
        (0x7053, 0x1000, VR::DS, "1.5"),
        (0x7053, 0x1100, VR::DS, "2.5"),
    ] {
        set.text(Tag(group, element), vr, text);
    }
    set.put(Tag(0x0028, 0x0009), VR::AT, b"\x18\0\x63\x10\x18\0\x6A\x10");
    set.put(Tag(0x0072, 0x0083), VR::UV, &9_007_199_254_740_993u64.to_le_bytes());
    set.sequence(Tag(0x0018, 0x9346), &[&[]]);
    let group: Vec<_> = set.0.range(Tag(0x0018, 0)..Tag(0x0019, 0)).collect();
    let length: u32 = group.iter().map(|(_, element)| element.len() as u32).sum();
    set.put(Tag(0x0018, 0x0000), VR::UL, &length.to_le_bytes());
}

/// Grayscale Softcopy Presentation State (PS3.3 A.33.1) of two images, each of a series of its own.
fn state(set: &mut Set, sample: &Sample) {
    let mut series = Vec::new();
    for kind in [Kind::Grey, Kind::Inverse] {
        let [_, in_series, instance] = kind.names(sample);
        let (mut image, mut item) = (Set::default(), Set::default());
        image.text(Tag(0x0008, 0x1150), VR::UI, &kind.class());
        image.text(Tag(0x0008, 0x1155), VR::UI, &instance);
        item.sequence(Tag(0x0008, 0x1140), &[&image.finish()]);
        item.text(Tag(0x0020, 0x000E), VR::UI, &in_series);
        series.push(item.finish());
    }
    let series: Vec<&[u8]> = series.iter().map(Vec::as_slice).collect();
    set.sequence(Tag(0x0008, 0x1115), &series);
    let mut area = Set::default();
    let corner = |at: i32| [at.to_le_bytes(), at.to_le_bytes()].concat();
    area.put(Tag(0x0070, 0x0052), VR::SL, &corner(1));
    area.put(Tag(0x0070, 0x0053), VR::SL, &corner(8));
    area.text(Tag(0x0070, 0x0100), VR::CS, "SCALE TO FIT");
    area.text(Tag(0x0070, 0x0101), VR::DS, "1\\1");
    set.sequence(Tag(0x0070, 0x005A), &[&area.finish()]);
    set.text(Tag(0x0070, 0x0080), VR::CS, "BOTH");
    set.text(Tag(0x0070, 0x0082), VR::DA, "20000101");
    set.text(Tag(0x0070, 0x0083), VR::TM, "000000");
    set.text(Tag(0x2050, 0x0020), VR::CS, "IDENTITY");
}

/// Encoded attributes, ascending.
#[derive(Default)]
struct Set(BTreeMap<Tag, Vec<u8>>);

impl Set {
    fn write(&mut self, tag: Tag, write: &dyn Fn(&mut Writer)) {
        let mut writer = Writer::default();
        write(&mut writer);
        self.0.insert(tag, writer.finish());
    }

    fn put(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        self.write(tag, &|writer| writer.element(tag, vr, value));
    }

    fn text(&mut self, tag: Tag, vr: VR, text: &str) {
        self.write(tag, &|writer| writer.text(tag, vr, text));
    }

    /// Unsigned numbers of group 0028.
    fn us(&mut self, element: u16, numbers: &[u16]) {
        let value: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(Tag(0x0028, element), VR::US, &value);
    }

    fn sequence(&mut self, tag: Tag, items: &[&[u8]]) {
        self.write(tag, &|writer| {
            writer.begin_sequence(tag, true);
            for item in items {
                writer.begin_item(true);
                writer.raw(item);
                writer.end_item();
            }
            writer.end_sequence();
        });
    }

    fn finish(self) -> Vec<u8> {
        self.0.into_values().collect::<Vec<_>>().concat()
    }

    /// Encapsulated pixels with an empty offset table (PS3.5 A.4).
    fn fragments(&mut self, tag: Tag, fragments: &[&[u8]]) {
        let mut raw = Vec::new();
        for fragment in [&[][..]].iter().chain(fragments) {
            raw.extend(b"\xFE\xFF\0\xE0");
            raw.extend((fragment.len() as u32).to_le_bytes());
            raw.extend_from_slice(fragment);
        }
        raw.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        self.write(tag, &|writer| writer.fragments(tag, VR::OB, &raw));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::reading::File;
    use super::*;
    use crate::raster::rle as decoder;

    #[test]
    fn what_is_sent_can_be_read_and_is_what_it_says() {
        let sample = Sample::new(7 << 64);
        for kind in
            [Kind::Values, Kind::Rle, Kind::Bits, Kind::Doubles, Kind::Palette, Kind::State, Kind::Video]
        {
            let file = File::read(&kind.file(&sample)).ok().unwrap();
            assert_eq!(file.values(Tag(0x0008, 0x0016)), [kind.class()]);
            assert!(file.attributes.len() > 18);
        }
        for number in [0, 1] {
            let pixels = Kind::Plain.pixels();
            let frame = pixels.chunks(128).nth(usize::from(number)).unwrap();
            assert_eq!(decoder::decode(&rle(number), 64, 1, 2).unwrap(), frame);
        }
    }
}
