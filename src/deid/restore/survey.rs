//! The first walk over an instance that is to be restored: which names it has, and where. Nothing is decided here.

use super::modules;
use crate::deid::engine::{PATIENT_ID, SERIES, STUDY, meaning};
use crate::deid::facts::{Facts, Gather};
use crate::deid::refusal::Refusal;
use crate::deid::stamp;
use crate::dicom::instance::{Head, Limits};
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::{Encoding, uid, value};
use dicom_core::{Tag, VR};
use std::collections::BTreeSet;

/// Referenced SOP Instance UID.
const REFERENCE: Tag = Tag(0x0008, 0x1155);

/// Most different UIDs of an instance: each is looked up.
const MOST: usize = 20_000;

/// Names that an instance, or a part of it, has in its attributes. Identifying where the sender sent what is not
/// pseudonymous: never printed.
#[derive(Default)]
pub(super) struct Names {
    /// UIDs at any depth, without those that the standard registers.
    pub uids: BTreeSet<String>,
    /// Instances referred to.
    pub references: BTreeSet<String>,
    /// Series named inside sequences.
    pub series: BTreeSet<String>,
    /// Studies named inside sequences.
    pub studies: BTreeSet<String>,
    /// Patient IDs named inside sequences, as bytes.
    pub patients: BTreeSet<Vec<u8>>,
    path: Vec<Tag>,
}

/// Sees the elements of the top level.
type See<'a> = &'a mut dyn FnMut(Tag, &[u8]) -> Result<(), Refusal>;

/// A head and what stands in it.
pub(super) struct Survey {
    pub facts: Facts,
    pub names: Names,
}

impl Survey {
    pub(super) fn of(head: &Head, limits: Limits) -> Result<Self, Refusal> {
        let (mut names, mut gather) = (Names::default(), Gather::default());
        names.walk(&head.data, head.encoding, limits, &mut |tag, value| gather.see(tag, value))?;
        let facts = gather.finish()?;
        if !uid::is_legal(&facts.study) {
            return Err(Refusal::NoIdentity(STUDY));
        }
        if !uid::is_legal(&facts.series) {
            return Err(Refusal::NoIdentity(SERIES));
        }
        Ok(Self { facts, names })
    }
}

impl Names {
    /// Those of what stands behind the bulk value.
    pub(super) fn of_tail(bytes: &[u8], encoding: Encoding, limits: Limits) -> Result<Self, Refusal> {
        let mut names = Self::default();
        names.walk(bytes, encoding, limits, &mut |_, _| Ok(()))?;
        Ok(names)
    }

    fn walk(
        &mut self,
        bytes: &[u8],
        encoding: Encoding,
        limits: Limits,
        top: See<'_>,
    ) -> Result<(), Refusal> {
        let mut walker = Walker::new(bytes, encoding, limits.depth);
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Sequence { tag, .. } if self.path.is_empty() && goes(tag) => walker.skip_sequence()?,
                Token::Sequence { tag, .. } => self.path.push(tag),
                Token::SequenceEnd => drop(self.path.pop()),
                Token::Element { tag, vr, value, encoding } => {
                    let value = value::little_endian(value, vr, encoding);
                    if self.path.is_empty() {
                        top(tag, &value)?;
                    }
                    self.element(tag, meaning(tag, vr), &value)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, tag: Tag, vr: VR, value: &[u8]) -> Result<(), Refusal> {
        let nested = !self.path.is_empty();
        if nested && tag == PATIENT_ID && !value::trimmed(value).is_empty() {
            self.patients.insert(value::trimmed(value).to_vec());
        }
        if vr != VR::UI {
            return Ok(());
        }
        for part in value.split(|byte| *byte == b'\\').filter_map(value::ascii) {
            if !uid::is_legal(part) || part.starts_with(uid::DICOM_ROOT) {
                continue;
            }
            self.uids.insert(part.to_owned());
            let is_study = tag == REFERENCE && modules::refers_to_a_study(&self.path);
            if is_study || nested && tag == STUDY {
                self.studies.insert(part.to_owned());
            } else if nested && tag == SERIES {
                self.series.insert(part.to_owned());
            } else if tag == REFERENCE && modules::refers_to_instances(&self.path) {
                self.references.insert(part.to_owned());
            }
        }
        if self.uids.len() > MOST { Err(Refusal::TooManyNames) } else { Ok(()) }
    }
}

/// True for top-level sequences that do not stay: what they name does not matter.
pub(super) fn goes(tag: Tag) -> bool {
    modules::is_of_study(tag) || stamp::is_stamp(tag) || is_signature(tag)
}

/// Signatures end with any change of what was signed (PS3.3 C.12.1.1.3).
fn is_signature(tag: Tag) -> bool {
    matches!(tag, Tag(0x4FFE, 0x0001) | Tag(0xFFFA, 0xFFFA))
}
