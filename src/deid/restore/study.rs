//! What the origin says of the study that an instance belongs to: patient and study modules, ready to be written.

use super::modules;
use crate::deid::dates;
use crate::deid::facts::Gather;
use crate::deid::receipt::Phi;
use crate::deid::refusal::Refusal;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, Fault};
use chrono::NaiveDate;
use dicom_core::Tag;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);

/// Nesting in a study's own attributes.
const DEPTH: usize = 64;

/// One study of the origin. Holds identifying values: never printed.
#[derive(Clone)]
pub struct Study {
    /// Its attributes, ascending, each encoded; texts in UTF-8.
    pub(super) elements: Vec<(Tag, Vec<u8>)>,
    /// As `Facts::patient` has it.
    pub(super) patient: Phi<String>,
    pub(super) name: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) date: Option<NaiveDate>,
    /// All texts are ASCII, which stands in every character set.
    pub(super) is_ascii: bool,
}

impl Study {
    /// True for top-level attributes of an instance that tell of its study.
    pub fn wants(tag: Tag) -> bool {
        modules::is_of_study(tag) || super::IDENTITY.contains(&tag)
    }

    /// The study of an instance with these top-level elements, each of them encoded in Explicit VR Little Endian with its
    /// texts in UTF-8.
    ///
    /// # Errors
    /// They cannot be read, or do not say which instance they are of.
    pub fn new(elements: Vec<(Tag, Vec<u8>)>) -> Result<Self, Refusal> {
        let mut read = Reading { gather: Gather::default(), is_ascii: true, ..Reading::default() };
        read.gather.see(CHARACTER_SET, b"ISO_IR 192")?;
        for (_, element) in &elements {
            read.element(element)?;
        }
        let facts = read.gather.finish()?;
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
        Ok(Self {
            elements,
            patient: Phi::new(facts.patient()),
            name: read.name,
            id: read.id,
            date: read.date,
            is_ascii: read.is_ascii,
        })
    }

    /// Whose it is, as `Facts::patient` has it.
    pub fn patient(&self) -> &Phi<String> {
        &self.patient
    }
}

#[derive(Default)]
struct Reading {
    gather: Gather,
    name: Vec<u8>,
    id: Vec<u8>,
    date: Option<NaiveDate>,
    is_ascii: bool,
}

impl Reading {
    /// One top-level element with all that is nested in it.
    fn element(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut walker = Walker::new(bytes, Encoding::ExplicitLittle, DEPTH);
        while let Some(token) = walker.next_token().map_err(without_tag)? {
            let Token::Element { tag, vr, value, .. } = token else { continue };
            self.is_ascii &= !super::carry::is_text(vr) || value.is_ascii();
            if walker.depth() > 0 {
                continue;
            }
            self.gather.see(tag, value)?;
            match tag {
                PATIENT_NAME => self.name = value::trimmed(value).to_vec(),
                PATIENT_ID => self.id = value::trimmed(value).to_vec(),
                STUDY_DATE => self.date = dates::day(value),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A fault of the origin's data is not one of the attribute that was sent.
fn without_tag(fault: Fault) -> Refusal {
    Refusal::from(Fault::from(fault.kind))
}
