//! What a search may ask and show (PS3.18 10.6): results, which are parts of data sets whose SOP class may be unknown, and
//! keys, which are matched against originals. Pixels are not judged here: a result has none.

use super::action::Action;
use super::claims::Claims;
use super::engine::{Engine, Sop, Subject};
use super::facts::Facts;
use super::patient::Patient;
use super::receipt::Names;
use crate::dicom::dictionary;
use dicom_core::{Tag, VR};

/// Where the origin's own address stands: RetrieveAETitle, RetrieveURI, RetrieveURL, StationAETitle and kin never pass,
/// whatever the profile says.
const ADDRESSES: [Tag; 4] =
    [Tag(0x0008, 0x0054), Tag(0x0008, 0x1190), Tag(0x0008, 0x0055), Tag(0x0040, 0xE010)];

/// The original identifiers of a result. Each may be empty. Identifies: never printed.
#[derive(Clone, Default)]
pub struct Found {
    /// SOP Class UID.
    pub sop_class: String,
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub instance: String,
    /// Patient ID.
    pub patient_id: String,
    /// Issuer of Patient ID.
    pub issuer: String,
}

/// What a key of a search meets at an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The original value, bit for bit.
    Kept,
    /// Replacement UIDs.
    Uid,
    /// The patient's pseudonym.
    PatientId,
    /// The patient's pseudonym as a name.
    PatientName,
    /// Dates moved back by the patient's days.
    Shifted,
    /// Nothing of the original: to match it would tell what is hidden.
    Hidden,
}

impl Engine {
    /// What deciding about a result needs; its SOP class is one of all if it is unknown.
    pub fn result(&self, found: Found) -> Subject {
        let Found { sop_class, study, series, instance, patient_id, issuer } = found;
        let patient = Patient::of(&patient_id, &issuer, &study).text();
        let sop = if sop_class.is_empty() { Sop::Some } else { Sop::Is(self.plan.sop(&sop_class)) };
        let name = |tag, original: &str| self.uid_name(tag, &sop_class, original);
        let names = Names {
            sop_class: sop_class.clone(),
            instance: name(super::engine::SOP_INSTANCE, &instance),
            series: name(super::engine::SERIES, &series),
            study: name(super::engine::STUDY, &study),
        };
        Subject {
            names,
            patient_id: self.pseudonyms.patient_id(&patient),
            shift_days: self.pseudonyms.shift_days(&patient),
            sop,
            facts: facts(sop_class, study, series, instance, patient_id, issuer),
        }
    }

    /// The name of a study, series or instance, of this SOP class or of any.
    fn uid_name(&self, tag: Tag, sop_class: &str, original: &str) -> String {
        let decided = match sop_class {
            "" => self.plan.decide_for_any(&[], tag, VR::UI),
            known => self.plan.decide(self.plan.sop(known), &[], tag, VR::UI),
        };
        self.named(&decided.action, original)
    }

    /// By how many days dates of this patient move back.
    pub fn shift_of(&self, patient: &Patient) -> u32 {
        self.pseudonyms.shift_days(&patient.text())
    }

    /// What a key meets at the attribute that ends the path. Sequences must be open, and all that nobody knows without
    /// the instance is hidden.
    pub fn shown(&self, path: &[Tag], vr: VR) -> Shown {
        let Some((tag, above)) = path.split_last() else { return Shown::Hidden };
        let open = |depth: usize| {
            let (Some(within), Some(sequence)) = (path.get(..depth), path.get(depth)) else { return false };
            self.plan.decide_for_any(within, *sequence, VR::SQ).action == Action::Keep
        };
        if path.iter().any(|tag| dictionary::is_private(*tag) || ADDRESSES.contains(tag))
            || !(0..above.len()).all(open)
        {
            return Shown::Hidden;
        }
        match self.plan.decide_for_any(above, *tag, vr).action {
            Action::Keep => Shown::Kept,
            Action::Uid => Shown::Uid,
            Action::Shift if vr == VR::TM => Shown::Kept,
            Action::Shift => Shown::Shifted,
            Action::PatientId if above.is_empty() => Shown::PatientId,
            Action::PatientName if above.is_empty() => Shown::PatientName,
            _ => Shown::Hidden,
        }
    }
}

/// True for attributes that tell where the origin is.
pub fn is_address(tag: Tag) -> bool {
    ADDRESSES.contains(&tag)
}

fn facts(
    sop_class: String,
    study: String,
    series: String,
    instance: String,
    patient_id: String,
    issuer: String,
) -> Facts {
    Facts {
        sop_class,
        instance,
        study,
        series,
        // Texts are decoded here.
        character_set: "ISO_IR 192".to_owned(),
        patient_id,
        issuer,
        modality: None,
        image_type: String::new(),
        burned_in: None,
        recognizable: None,
        document_type: None,
        signed_pixels: false,
        bits_allocated: 0,
        overlay_bits: 0,
        lists_references: false,
        claims: Claims::default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deid::plan::Plan;
    use crate::deid::profile::Profile;
    use crate::deid::pseudonym::ProjectKey;

    fn engine(profile: &str) -> Engine {
        let profile = Profile::parse(profile).unwrap();
        Engine::new(Plan::new(&profile), &ProjectKey::from_bytes([5; 32]))
    }

    const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
    const DESCRIPTION: Tag = Tag(0x0008, 0x1030);

    #[test]
    fn a_key_meets_what_a_result_shows() {
        let basic = engine("name = \"t\"");
        for (path, vr, shown) in [
            (vec![Tag(0x0010, 0x0020)], VR::LO, Shown::PatientId),
            (vec![Tag(0x0010, 0x0010)], VR::PN, Shown::PatientName),
            (vec![Tag(0x0020, 0x000D)], VR::UI, Shown::Uid),
            (vec![Tag(0x0008, 0x0060)], VR::CS, Shown::Kept),
            (vec![STUDY_DATE], VR::DA, Shown::Hidden),
            (vec![DESCRIPTION], VR::LO, Shown::Hidden),
            (vec![Tag(0x0008, 0x0050)], VR::SH, Shown::Hidden),
            (vec![Tag(0x0008, 0x0054)], VR::AE, Shown::Hidden),
            (vec![Tag(0x0029, 0x1010)], VR::UN, Shown::Hidden),
            (vec![Tag(0x0040, 0x0275), Tag(0x0040, 0x0009)], VR::SH, Shown::Hidden),
            (vec![], VR::LO, Shown::Hidden),
        ] {
            assert_eq!(basic.shown(&path, vr), shown, "{path:?}");
        }
        let dates = engine("name = \"t\"\noptions = [\"retain-modified-dates\"]");
        assert_eq!(dates.shown(&[STUDY_DATE], VR::DA), Shown::Shifted);
        assert_eq!(dates.shown(&[Tag(0x0008, 0x0030)], VR::TM), Shown::Kept);
        let uids = engine("name = \"t\"\noptions = [\"retain-uids\"]");
        assert_eq!(uids.shown(&[Tag(0x0020, 0x000D)], VR::UI), Shown::Kept);
    }

    #[test]
    fn a_rule_for_one_sop_class_hides_from_a_search_what_it_takes_from_that_class() {
        let kept = "name = \"t\"\n[[rule]]\ntag = \"00081030\"\naction = \"keep\"\n";
        let removed = "[[rule]]\ntag = \"00081030\"\naction = \"remove\"\n\
             sop_class = \"1.2.840.10008.5.1.4.1.1.6.1\"\n";
        assert_eq!(engine(kept).shown(&[DESCRIPTION], VR::LO), Shown::Kept);
        assert_eq!(engine(&format!("{kept}{removed}")).shown(&[DESCRIPTION], VR::LO), Shown::Hidden);
    }

    #[test]
    fn a_result_has_the_names_and_the_patient_of_its_instances() {
        let engine = engine("name = \"t\"");
        let found = Found {
            study: "1.2.3".to_owned(),
            patient_id: "7".to_owned(),
            issuer: "A".to_owned(),
            ..Found::default()
        };
        let subject = engine.result(found.clone());
        let whole = engine.result(Found { sop_class: "1.2.840.10008.5.1.4.1.1.2".to_owned(), ..found });
        assert_eq!((&subject.patient_id, &subject.names.study), (&whole.patient_id, &whole.names.study));
        let patient = Patient::of("7", "A", "1.2.3");
        assert_eq!(subject.patient_id, engine.patient(&patient));
        assert_eq!(subject.shift_days, engine.shift_of(&patient));
    }
}
