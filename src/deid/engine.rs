//! Decides, does not carry out: (path, tag, VR, value, facts) → what stands in the
//! output. Pure; both drivers, `rewriter` and `object`, ask the same engine.

use super::action::{Action, Decided};
use super::dates;
use super::dummy;
use super::facts::Facts;
use super::own_pseudonyms::PseudonymMap;
use super::patient::Patient;
use super::pixel::{PixelFacts, PixelVerdict, judge};
use super::plan::Plan;
use super::private;
use super::profile::Policy;
use super::pseudonym::{ProjectKey, Pseudonyms};
use super::receipt::Names;
use super::refusal::Refusal;
use super::sop::{SopClass, SopKind};
use crate::dicom::dictionary;
use crate::dicom::{uid, value};
use dicom_core::{Tag, VR};
use std::sync::Arc;

/// SOP Instance UID.
pub const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
/// Study Instance UID.
pub const STUDY: Tag = Tag(0x0020, 0x000D);
/// Series Instance UID.
pub const SERIES: Tag = Tag(0x0020, 0x000E);
/// Patient ID.
pub const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// Timezone Offset From UTC: the one SH whose form is prescribed (PS3.3 C.12.1).
const TIMEZONE: Tag = Tag(0x0008, 0x0201);
const DOCUMENT: Tag = Tag(0x0042, 0x0011);

/// A plan under a project's key. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) plan: Arc<Plan>,
    pub(super) pseudonyms: Arc<Pseudonyms>,
}

/// One admitted instance: all that deciding about its elements needs.
pub struct Subject {
    /// What came in.
    pub facts: Facts,
    /// UIDs as they go out.
    pub names: Names,
    /// Patient ID pseudonym.
    pub patient_id: String,
    pub(super) shift_days: u32,
    pub(super) sop: Sop,
}

/// The SOP class that decisions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sop {
    /// This one.
    Is(SopKind),
    /// One of all that there are: of what is decided for each, that which tells least.
    Some,
}

/// Where an element stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Tags of the enclosing sequences, outermost first.
    pub path: &'a [Tag],
    /// The private creator that owns the element's block, if one does.
    pub creator: Option<&'a str>,
}

/// Which count of the receipt a replaced value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Dummy or pseudonym.
    Replaced,
    /// Replacement UID.
    Uid,
    /// Shifted date.
    Shifted,
}

/// What stands in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The value bit for bit; a sequence is descended into.
    Keep,
    /// Nothing.
    Remove,
    /// Zero length.
    Empty,
    /// These bytes, in little endian order.
    Value(Vec<u8>, Fate),
    /// One item with these encoded elements.
    Item(Vec<u8>),
}

impl Engine {
    /// A plan under a project's key.
    pub fn new(plan: impl Into<Arc<Plan>>, key: &ProjectKey) -> Self {
        Self { plan: plan.into(), pseudonyms: Arc::new(Pseudonyms::new(key)) }
    }

    /// The same pseudonyms under another plan.
    pub fn under(&self, plan: impl Into<Arc<Plan>>) -> Self {
        Self { plan: plan.into(), ..self.clone() }
    }

    /// The same, where the project's own pseudonyms of patients take the place of generated ones.
    pub fn with_own_pseudonyms(self, own: Arc<PseudonymMap>) -> Self {
        Self { pseudonyms: Arc::new(self.pseudonyms.as_ref().clone().with_own(own)), ..self }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Names under which an instance may be spoken of, refused or not.
    pub fn names(&self, facts: &Facts) -> Names {
        let sop = self.plan.sop(&facts.sop_class);
        let name = |tag: Tag, original: &str| self.name(sop, tag, original);
        Names {
            sop_class: facts.sop_class.clone(),
            instance: name(SOP_INSTANCE, &facts.instance),
            series: name(SERIES, &facts.series),
            study: name(STUDY, &facts.study),
        }
    }

    /// By how many days the dates of a patient move back.
    pub fn shift_days(&self, patient: &Patient) -> u32 {
        self.pseudonyms.shift_days(&patient.text())
    }

    /// True if the dates of an attribute move (PS3.15 E.3.6), in an instance of this SOP class.
    pub fn moves(&self, sop: SopKind, place: Place<'_>, tag: Tag, vr: VR) -> bool {
        let decided = match dictionary::is_private(tag) {
            true => self.plan.decide_private(sop, place.creator, tag, vr, place.path),
            false => self.plan.decide(sop, place.path, tag, vr),
        };
        decided.action == Action::Shift
    }

    /// The Patient ID that a patient has in the output, if the plan replaces it.
    pub fn patient(&self, patient: &Patient) -> String {
        self.pseudonyms.patient_id(&patient.text())
    }

    /// What becomes of a UID, as the plan has it for SOP Instance UID.
    pub fn uid(&self, original: &str) -> String {
        self.name(self.plan.sop(""), SOP_INSTANCE, original)
    }

    /// Admits an instance or refuses it, by all that its head says (fail closed).
    pub fn admit(&self, facts: Facts, has_pixels: bool, native: bool) -> Result<Subject, Refusal> {
        let sop = self.plan.sop(&facts.sop_class);
        match sop.class() {
            SopClass::Directory => return Err(Refusal::Directory),
            SopClass::Private if self.plan.profile().private_sop_class == Policy::Refuse => {
                return Err(Refusal::PrivateSopClass);
            }
            _ => {}
        }
        self.judge_pixels(&facts, has_pixels)?;
        if facts.overlay_bits != 0 && !native && has_pixels {
            return Err(Refusal::OverlayInPixels);
        }
        Ok(self.subject(facts))
    }

    /// The subject of an instance that nobody has admitted yet.
    pub(super) fn subject(&self, facts: Facts) -> Subject {
        let patient = facts.patient();
        Subject {
            names: self.names(&facts),
            patient_id: self.pseudonyms.patient_id(&patient),
            shift_days: self.pseudonyms.shift_days(&patient),
            sop: Sop::Is(self.plan.sop(&facts.sop_class)),
            facts,
        }
    }

    fn judge_pixels(&self, facts: &Facts, has_pixels: bool) -> Result<(), Refusal> {
        let image_type: Vec<&str> = facts.image_type.split('\\').map(str::trim).collect();
        let verdict = judge(
            self.plan.profile(),
            &PixelFacts {
                sop_class: &facts.sop_class,
                modality: facts.modality.as_deref().unwrap_or_default(),
                image_type: &image_type,
                burned_in: facts.burned_in.as_deref(),
                recognizable: facts.recognizable.as_deref(),
                has_pixels,
                is_document: facts.document_type.is_some(),
            },
        );
        match verdict {
            PixelVerdict::Pass => Ok(()),
            PixelVerdict::Refuse { tag, clause, setting, why } => {
                Err(Refusal::Pixels { tag, clause, setting, why })
            }
        }
    }

    /// What becomes of a sequence: `Keep` means descend.
    ///
    /// X/Z/U* goes at Type 3 unless the replacement of the UIDs in it is needed for conformance (PS3.15 Table E.1-1a):
    /// it is where Referenced Series Sequence stays, which lists the instances that something must refer to (PS3.3
    /// C.12.2).
    pub fn sequence(&self, subject: &Subject, place: Place<'_>, tag: Tag) -> Decision {
        let decided = self.decided(subject, place, tag, VR::SQ);
        match decided.action {
            Action::Remove if subject.facts.lists_references && decided.reason.is_reference_row() => {
                Decision::Keep
            }
            Action::Keep if dictionary::vr_of(tag, false).is_some_and(|vr| vr != VR::SQ) => Decision::Remove,
            Action::Keep => Decision::Keep,
            Action::Empty => Decision::Empty,
            Action::Dummy => Decision::Item(dummy::item(tag)),
            _ => Decision::Remove,
        }
    }

    /// What becomes of an element that is no sequence; `value` in little endian order.
    pub fn element(
        &self,
        subject: &Subject,
        place: Place<'_>,
        tag: Tag,
        vr: VR,
        value: &[u8],
    ) -> Result<Decision, Refusal> {
        let meaning = meaning(tag, vr);
        Ok(match self.decided(subject, place, tag, meaning).action {
            Action::Keep => keep(place, tag, meaning, value),
            Action::Remove => Decision::Remove,
            Action::Empty => Decision::Empty,
            Action::Dummy if meaning == VR::SQ => Decision::Remove,
            Action::Dummy if tag == DOCUMENT => self.document(subject)?,
            Action::Dummy if value.is_empty() => Decision::Empty,
            Action::Dummy => Decision::Value(self.dummy(tag, meaning, value), Fate::Replaced),
            Action::Uid => self.uids(value),
            Action::Shift => self.shift(subject, meaning, value),
            Action::PatientId => self.patient_id(subject, place, value),
            Action::PatientName => self.patient_name(subject, place, value),
            Action::Replace(text) => {
                Decision::Value(padded(text.as_bytes().to_vec(), meaning), Fate::Replaced)
            }
        })
    }

    /// The plan's decision about an element, and why.
    pub(super) fn why(&self, subject: &Subject, place: Place<'_>, tag: Tag, vr: VR) -> Decided {
        self.decided(subject, place, tag, meaning(tag, vr))
    }

    fn decided(&self, subject: &Subject, place: Place<'_>, tag: Tag, vr: VR) -> Decided {
        let sop = match subject.sop {
            Sop::Is(sop) => sop,
            Sop::Some => return self.plan.decide_for_any(place.path, tag, vr),
        };
        if dictionary::is_private(tag) {
            let claim = place.creator.and_then(|creator| subject.facts.claims.about(creator, tag));
            let decided = self.plan.decide_private(sop, place.creator, tag, vr, place.path);
            self.plan.claimed(decided, claim, vr)
        } else {
            self.plan.decide(sop, place.path, tag, vr)
        }
    }

    /// One of the three identifying UIDs of an instance, as the plan has it at top level.
    fn name(&self, sop: SopKind, tag: Tag, original: &str) -> String {
        self.named(&self.plan.decide(sop, &[], tag, VR::UI).action, original)
    }

    /// The name that an action gives.
    pub(super) fn named(&self, action: &Action, original: &str) -> String {
        match action {
            _ if original.is_empty() => String::new(),
            Action::Keep => original.to_owned(),
            Action::Replace(text) => text.to_string(),
            _ if uid::is_well_known(original) => original.to_owned(),
            _ => self.pseudonyms.uid(original.as_bytes()),
        }
    }

    /// PS3.15 E.1.1: each value of a UI attribute on its own; UIDs that the standard
    /// registers name no instance and stay (E.3.9 note).
    fn uids(&self, value: &[u8]) -> Decision {
        if value::trimmed(value).is_empty() {
            return Decision::Empty;
        }
        let mut changed = false;
        let mut one = |part: &[u8]| {
            let part = value::trimmed(part);
            let text = value::ascii(part).unwrap_or_default();
            if part.is_empty() || uid::is_well_known(text) {
                return text.to_owned();
            }
            changed = true;
            self.pseudonyms.uid(part)
        };
        let uids: Vec<String> = value.split(|byte| *byte == b'\\').map(&mut one).collect();
        if changed {
            Decision::Value(padded(uids.join("\\").into_bytes(), VR::UI), Fate::Uid)
        } else {
            Decision::Keep
        }
    }

    /// PS3.15 E.3.6. What is no date falls back to what the Basic Profile does at worst:
    /// nothing of it stays.
    fn shift(&self, subject: &Subject, vr: VR, value: &[u8]) -> Decision {
        match dates::shift(value, vr, subject.shift_days) {
            Some(shifted) if shifted == value => Decision::Keep,
            Some(shifted) => Decision::Value(shifted, Fate::Shifted),
            None => Decision::Empty,
        }
    }

    /// The pseudonym of the instance's own patient, or of whoever a nested ID names.
    fn patient_id(&self, subject: &Subject, place: Place<'_>, value: &[u8]) -> Decision {
        let nested = subject.facts.decoded(value::trimmed(value));
        let same = place.path.is_empty() || nested == subject.facts.patient_id;
        let id = match nested.is_empty() {
            _ if same => subject.patient_id.clone(),
            true => return Decision::Empty,
            false => self.pseudonyms.patient_id(&Patient::of(&nested, "", "").text()),
        };
        Decision::Value(padded(id.into_bytes(), VR::LO), Fate::Replaced)
    }

    /// At top level the name is the pseudonym; a nested name may be anybody's.
    fn patient_name(&self, subject: &Subject, place: Place<'_>, value: &[u8]) -> Decision {
        match place.path {
            [] => Decision::Value(padded(subject.patient_id.clone().into_bytes(), VR::PN), Fate::Replaced),
            _ if value.is_empty() => Decision::Empty,
            _ => Decision::Value(dummy::leaf(VR::PN), Fate::Replaced),
        }
    }

    fn dummy(&self, tag: Tag, vr: VR, value: &[u8]) -> Vec<u8> {
        match vr {
            // A dummy UID must not join instances that have nothing to do with each other.
            _ if tag == TIMEZONE => b"+0000 ".to_vec(),
            VR::UI => padded(self.pseudonyms.uid(value::trimmed(value)).into_bytes(), VR::UI),
            _ => dummy::leaf(vr),
        }
    }

    fn document(&self, subject: &Subject) -> Result<Decision, Refusal> {
        let mime_type = subject.facts.document_type.as_deref().unwrap_or_default();
        let document = dummy::document(mime_type).ok_or(Refusal::NoDummyDocument)?;
        Ok(Decision::Value(document, Fate::Replaced))
    }
}

/// What an attribute means whatever its encoding says: UN hides a standard attribute's
/// VR, it does not change it (PS3.5 6.2.2).
pub(super) fn meaning(tag: Tag, vr: VR) -> VR {
    if vr == VR::UN { dictionary::vr_of(tag, false).unwrap_or(VR::UN) } else { vr }
}

/// A value that stays must be what its VR promises, since the decision to keep it rests
/// on that (PS3.15 E.3.5 note): a name in a number or a date goes.
fn keep(place: Place<'_>, tag: Tag, vr: VR, value: &[u8]) -> Decision {
    if vr == VR::SQ {
        return Decision::Remove;
    }
    let listed = || place.creator.and_then(|creator| private::find_safe(creator, tag));
    let promised = match vr {
        VR::UN if dictionary::is_private(tag) => listed().and_then(|(_, row)| row.known_vr()).unwrap_or(vr),
        _ => vr,
    };
    if value::fits(promised, value) { Decision::Keep } else { Decision::Empty }
}

fn padded(mut value: Vec<u8>, vr: VR) -> Vec<u8> {
    if value.len() % 2 == 1 {
        value.push(if vr == VR::UI { 0 } else { b' ' });
    }
    value
}
