//! What the origin says of the study that an instance belongs to: patient and study modules, ready to be written.

use super::modules;
use crate::deid::dates;
use crate::deid::engine::{PATIENT_ID, STUDY};
use crate::deid::patient::Patient;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, Fault};
use chrono::NaiveDate;
use dicom_core::Tag;

const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
const ISSUER: Tag = Tag(0x0010, 0x0021);

/// Nesting in a study's own attributes.
const DEPTH: usize = 64;

/// One study of the origin. Holds identifying values: never printed.
#[derive(Clone)]
pub struct Study {
    /// Its attributes, ascending, each encoded; texts in UTF-8.
    pub(super) elements: Vec<(Tag, Vec<u8>)>,
    uid: String,
    patient: Patient,
    pub(super) name: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) date: Option<NaiveDate>,
    /// All texts are ASCII, which stands in every character set.
    pub(super) is_ascii: bool,
}

impl Study {
    /// True for top-level attributes of an instance that tell of its study.
    pub fn wants(tag: Tag) -> bool {
        modules::is_of_study(tag) || tag == STUDY
    }

    /// The study of an instance with these top-level elements, each of them encoded in Explicit VR Little Endian with its
    /// texts in UTF-8.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new(elements: Vec<(Tag, Vec<u8>)>) -> Result<Self, Fault> {
        let mut read = Reading { is_ascii: true, ..Reading::default() };
        for (_, element) in &elements {
            read.element(element)?;
        }
        let mut elements: Vec<_> =
            elements.into_iter().filter(|(tag, _)| modules::is_of_study(*tag)).collect();
        for (tag, vr) in modules::REQUIRED {
            if !elements.iter().any(|(there, _)| there == tag) {
                let mut empty = Writer::default();
                empty.element(*tag, *vr, &[]);
                elements.push((*tag, empty.finish()));
            }
        }
        elements.sort_by_key(|(tag, _)| *tag);
        let text = |tag: Tag| String::from_utf8_lossy(read.top(tag)).into_owned();
        Ok(Self {
            elements,
            patient: Patient::of(&text(PATIENT_ID), &text(ISSUER), &text(STUDY)),
            uid: text(STUDY),
            name: read.top(PATIENT_NAME).to_vec(),
            id: read.top(PATIENT_ID).to_vec(),
            date: dates::day(read.top(STUDY_DATE)),
            is_ascii: read.is_ascii,
        })
    }

    /// Study Instance UID.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whose it is.
    pub fn patient(&self) -> &Patient {
        &self.patient
    }
}

#[derive(Default)]
struct Reading {
    top: Vec<(Tag, Vec<u8>)>,
    is_ascii: bool,
}

impl Reading {
    /// One top-level element with all that is nested in it.
    fn element(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut walker = Walker::new(bytes, Encoding::ExplicitLittle, DEPTH);
        while let Some(token) = walker.next_token()? {
            let Token::Element { tag, vr, value, .. } = token else { continue };
            self.is_ascii &= !super::carry::is_text(vr) || value.is_ascii();
            if walker.depth() == 0 {
                self.top.push((tag, value::trimmed(value).to_vec()));
            }
        }
        Ok(())
    }

    fn top(&self, tag: Tag) -> &[u8] {
        self.top
            .iter()
            .find(|(there, _)| *there == tag)
            .map(|(_, value)| value.as_slice())
            .unwrap_or_default()
    }
}
