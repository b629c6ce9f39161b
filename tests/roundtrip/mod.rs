//! For the tests of the way back: identified studies, what a project gives out of them, and results that a maker of
//! algorithms makes of that. All over `support::build`.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use crate::support::build::{Element, Length, Part10, bytes, fragments, sequence, text, us};
use crate::support::walk::{Walked, walk};
use crate::support::{Tag, samples, syntax};

pub const SOP_CLASS: Tag = (0x0008, 0x0016);
pub const SOP_INSTANCE: Tag = (0x0008, 0x0018);
pub const STUDY: Tag = (0x0020, 0x000d);
pub const SERIES: Tag = (0x0020, 0x000e);
pub const FRAME_OF_REFERENCE: Tag = (0x0020, 0x0052);
pub const PATIENT_ID: Tag = (0x0010, 0x0020);
pub const PATIENT_NAME: Tag = (0x0010, 0x0010);

/// SOP classes of results.
pub mod sop {
    pub const SR: &str = "1.2.840.10008.5.1.4.1.1.88.33";
    pub const SEG: &str = "1.2.840.10008.5.1.4.1.1.66.4";
    pub const RTSTRUCT: &str = "1.2.840.10008.5.1.4.1.1.481.3";
    pub const GSPS: &str = "1.2.840.10008.5.1.4.1.1.11.1";
    pub const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
}

/// A patient of the clinical origin, with one study.
#[derive(Clone, Copy)]
pub struct Person {
    pub name: &'static str,
    pub id: &'static str,
    pub study: &'static str,
}

pub const ROSA: Person = Person { name: "Müller^Rosa", id: "RIG-0001", study: "1.2.276.0.7230010.3.71" };
pub const HUGO: Person = Person { name: "Rigpatient^Hugo", id: "RIG-0002", study: "1.2.276.0.7230010.3.81" };

impl Person {
    /// Frame of Reference UID of the study's slices.
    pub fn frame_of_reference(&self) -> String {
        format!("{}.9", self.study)
    }

    /// SOP Instance UID of a slice.
    pub fn slice(&self, number: u32) -> String {
        format!("{}.1.{number}", self.study)
    }

    /// A CT slice of the study.
    pub fn ct(&self, number: u32) -> Vec<u8> {
        let own = [
            text(SOP_INSTANCE, b"UI", &self.slice(number)),
            text(STUDY, b"UI", self.study),
            text(SERIES, b"UI", &format!("{}.1", self.study)),
            text(FRAME_OF_REFERENCE, b"UI", &self.frame_of_reference()),
            text(PATIENT_NAME, b"PN", self.name),
            text(PATIENT_ID, b"LO", self.id),
            text((0x0008, 0x0022), b"DA", "20240301"),
            text((0x0008, 0x1030), b"LO", "Schädel-CT"),
        ];
        let mut file = samples::ct(syntax::EXPLICIT_LE, number);
        file.elements.retain(|element| own.iter().all(|other| other.tag != element.tag));
        // What it refers to would be nowhere.
        file.elements.retain(|element| element.tag != (0x0008, 0x1140));
        file.elements.extend(own);
        file.sorted().write()
    }
}

/// What a maker of algorithms sees: slices as they were given out.
pub struct Seen(pub Vec<Walked>);

impl Seen {
    pub fn new(given: &[Vec<u8>]) -> Self {
        Self(given.iter().map(|file| walk(file)).collect())
    }

    pub fn first(&self, tag: Tag) -> String {
        self.0[0].text(tag).unwrap_or_default()
    }

    fn reference(slice: &Walked) -> Vec<Element> {
        let value = |tag| slice.text(tag).unwrap();
        vec![
            text((0x0008, 0x1150), b"UI", &value(SOP_CLASS)),
            text((0x0008, 0x1155), b"UI", &value(SOP_INSTANCE)),
        ]
    }

    /// A sequence that refers to all slices.
    pub fn references(&self, tag: Tag) -> Element {
        sequence(tag, Length::Defined, self.0.iter().map(Self::reference).collect())
    }

    /// A sequence that names series and slices, as Referenced Series Sequence does.
    fn series(&self, tag: Tag, instances: Tag) -> Element {
        let item = vec![self.references(instances), text(SERIES, b"UI", &self.first(SERIES))];
        sequence(tag, Length::Defined, vec![item])
    }

    /// A sequence that names study, series and slices, as an SR's evidence does.
    pub fn evidence(&self) -> Element {
        let study =
            vec![self.series((0x0008, 0x1115), (0x0008, 0x1199)), text(STUDY, b"UI", &self.first(STUDY))];
        sequence((0x0040, 0xa375), Length::Undefined, vec![study])
    }

    /// A result of this class, with a number of its own in its UIDs.
    pub fn result(&self, class: &str, modality: &str, number: u32, more: Vec<Element>) -> Part10 {
        let copied = |tag, vr| text(tag, vr, &self.first(tag));
        let mut elements = vec![
            text((0x0008, 0x0005), b"CS", "ISO_IR 100"),
            text((0x0008, 0x0012), b"DA", "20261130"),
            text(SOP_CLASS, b"UI", class),
            text(SOP_INSTANCE, b"UI", &instance(number)),
            copied((0x0008, 0x0020), b"DA"),
            copied((0x0008, 0x0030), b"TM"),
            text((0x0008, 0x0021), b"DA", "20261130"),
            text((0x0008, 0x0023), b"DA", "20261130"),
            text((0x0008, 0x0050), b"SH", ""),
            text((0x0008, 0x0060), b"CS", modality),
            text((0x0008, 0x0070), b"LO", "Maker of algorithms"),
            bytes((0x0008, 0x103e), b"LO", b"L\xe4sionen"),
            copied(PATIENT_NAME, b"PN"),
            copied(PATIENT_ID, b"LO"),
            text((0x0012, 0x0062), b"CS", "YES"),
            copied((0x0012, 0x0063), b"LO"),
            copied(STUDY, b"UI"),
            text(SERIES, b"UI", &format!("{}.1", instance(number))),
            text((0x0020, 0x0013), b"IS", &number.to_string()),
        ];
        elements.retain(|element| more.iter().all(|other| other.tag != element.tag));
        elements.extend(more);
        Part10::new(syntax::EXPLICIT_LE, elements).sorted()
    }

    /// A structured report: evidence, an image reference, a text with the patient's pseudonym, dates.
    pub fn sr(&self, number: u32) -> Vec<u8> {
        let image = vec![
            text((0x0040, 0xa040), b"CS", "IMAGE"),
            sequence((0x0008, 0x1199), Length::Defined, vec![Self::reference(&self.0[1])]),
        ];
        let of_image = vec![
            text((0x0040, 0xa040), b"CS", "UIDREF"),
            text((0x0040, 0xa124), b"UI", &self.first(FRAME_OF_REFERENCE)),
        ];
        let subject = vec![
            text((0x0040, 0xa040), b"CS", "TEXT"),
            text((0x0040, 0xa160), b"UT", &self.first(PATIENT_ID)),
        ];
        let date = vec![
            text((0x0040, 0xa040), b"CS", "DATE"),
            text((0x0040, 0xa121), b"DA", &self.first((0x0008, 0x0022))),
        ];
        let content = sequence((0x0040, 0xa730), Length::Defined, vec![image, of_image, subject, date]);
        self.result(sop::SR, "SR", number, vec![self.evidence(), content]).write()
    }

    /// A segmentation with this many bytes of pixels.
    pub fn seg(&self, number: u32, pixels: usize) -> Vec<u8> {
        let source = vec![self.references((0x0008, 0x2112))];
        let frame = vec![sequence((0x0008, 0x9124), Length::Undefined, vec![source])];
        let more = vec![
            self.series((0x0008, 0x1115), (0x0008, 0x114a)),
            text(FRAME_OF_REFERENCE, b"UI", &self.first(FRAME_OF_REFERENCE)),
            sequence((0x5200, 0x9230), Length::Undefined, vec![frame]),
            us((0x0028, 0x0002), 1),
            us((0x0028, 0x0010), 64),
            us((0x0028, 0x0011), u16::try_from(pixels / 8).unwrap_or(u16::MAX)),
            us((0x0028, 0x0100), 1),
            bytes((0x7fe0, 0x0010), b"OB", &vec![0x5a; pixels]),
        ];
        self.result(sop::SEG, "SEG", number, more).write()
    }

    /// A structure set: frame of reference, the study as RT names it, an image for a contour.
    pub fn rtstruct(&self, number: u32) -> Vec<u8> {
        let frame = text(FRAME_OF_REFERENCE, b"UI", &self.first(FRAME_OF_REFERENCE));
        let study = vec![
            text((0x0008, 0x1150), b"UI", "1.2.840.10008.3.1.2.3.1"),
            text((0x0008, 0x1155), b"UI", &self.first(STUDY)),
            self.series((0x3006, 0x0014), (0x3006, 0x0016)),
        ];
        let referenced = vec![frame, sequence((0x3006, 0x0012), Length::Defined, vec![study])];
        let contour = vec![self.references((0x3006, 0x0016)), text((0x3006, 0x0050), b"DS", "1\\2\\3")];
        let roi = vec![sequence((0x3006, 0x0040), Length::Defined, vec![contour])];
        let more = vec![
            sequence((0x3006, 0x0010), Length::Defined, vec![referenced]),
            text((0x3006, 0x0008), b"DA", "20261130"),
            sequence((0x3006, 0x0039), Length::Undefined, vec![roi]),
        ];
        self.result(sop::RTSTRUCT, "RTSTRUCT", number, more).write()
    }

    /// A presentation state.
    pub fn gsps(&self, number: u32) -> Vec<u8> {
        let more = vec![
            self.series((0x0008, 0x1115), (0x0008, 0x1140)),
            text((0x0070, 0x0080), b"CS", "LESIONS"),
            text((0x0070, 0x0082), b"DA", "20261130"),
        ];
        self.result(sop::GSPS, "PR", number, more).write()
    }

    /// A report as a PDF.
    pub fn pdf(&self, number: u32) -> Vec<u8> {
        let more = vec![
            self.references((0x0042, 0x0013)),
            text((0x0042, 0x0010), b"ST", "Report"),
            text((0x0042, 0x0012), b"LO", "application/pdf"),
            bytes((0x0042, 0x0011), b"OB", b"%PDF-1.4 a report %%EOF "),
        ];
        self.result(sop::PDF, "DOC", number, more).write()
    }

    /// A compressed picture of its own making.
    pub fn picture(&self, number: u32) -> Vec<u8> {
        let mut more = samples::picture(4, 4, 8);
        more.push(self.references((0x0008, 0x2112)));
        more.push(fragments(&[b"\xff\xd8\xff\xda\0\x02 not a picture \xff\xd9"]));
        let mut file = self.result("1.2.840.10008.5.1.4.1.1.7", "OT", number, more);
        (file.declared, file.body) = (syntax::JPEG_BASELINE.to_owned(), syntax::JPEG_BASELINE.to_owned());
        file.write()
    }
}

/// SOP Instance UID of a result.
pub fn instance(number: u32) -> String {
    format!("1.2.826.0.1.3680043.8.498.5.{number}")
}
