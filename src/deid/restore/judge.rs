//! Whether an instance may go back, and to whom: fail closed, since what is filed under a wrong patient harms. Reading and
//! writing the instance do not live here.

use super::survey::{Names, Survey};
use super::{Found, Known, Options, Wanted};
use crate::deid::engine::{Engine, PATIENT_ID, STUDY};
use crate::deid::facts::Facts;
use crate::deid::patient::Patient;
use crate::deid::pseudonym;
use crate::deid::receipt::{self, Counts, Originals, Phi, Receipt};
use crate::deid::refusal::Refusal;
use crate::deid::sop::SopClass;
use dicom_core::Tag;

/// Any UID: which of them it is would be long to tell.
const SOME_UID: Tag = Tag(0x0008, 0x1155);

/// By what the crosswalk says: is it about a study and a patient that the project gave out, about them alone, and new?
pub(super) fn judge(
    engine: &Engine,
    options: &Options,
    survey: &Survey,
    known: &Known,
) -> Result<(), Refusal> {
    let Survey { facts, names } = survey;
    if engine.plan().sop(&facts.sop_class).class() == SopClass::Directory {
        return Err(Refusal::Directory);
    }
    if options.study.as_ref().is_some_and(|study| *study != facts.study) {
        return Err(Refusal::OtherStudy);
    }
    let is_known = |uid: &String| known.uids.contains_key(uid);
    if !is_known(&facts.study) || !names.studies.iter().all(is_known) {
        return Err(Refusal::UnknownName(STUDY));
    }
    if known.patient.is_none() {
        return Err(Refusal::UnknownName(PATIENT_ID));
    }
    // What is known under its pseudonym, or whose pseudonym is known, is an original.
    let veiled = engine.names(facts).instance;
    if is_known(&facts.instance) || is_known(&veiled) && !is_again(facts, known) {
        return Err(Refusal::Duplicate);
    }
    one_patient(names, |id| facts.decoded(id) == facts.patient_id)
}

/// By what the origin says: one patient, and no instance whose place it takes.
pub(super) fn check(survey: &Survey, known: &Known, found: &Found) -> Result<(), Refusal> {
    let patient = known.patient.as_ref().and_then(|text| Patient::parse(text.expose()));
    if patient.as_ref() != Some(found.study.patient()) {
        return Err(Refusal::OtherPatient(PATIENT_ID));
    }
    if found.patients.iter().any(|other| Some(other) != patient.as_ref()) {
        return Err(Refusal::OtherPatient(SOME_UID));
    }
    series(survey, known, found)?;
    let is_original = known.uids.contains_key(&survey.facts.instance);
    if is_original || found.is_taken && !is_again(&survey.facts, known) {
        return Err(Refusal::Duplicate);
    }
    all_known(&survey.names, known)
}

/// The instance comes into a series of its study, or one that its sender makes; series that it names are there. Whose they
/// are is settled then.
fn series(Survey { facts, names }: &Survey, known: &Known, found: &Found) -> Result<(), Refusal> {
    let is_known = |uid: &&String| known.uids.contains_key(*uid);
    let studies = |uid: &String| found.series.get(known.uids.get(uid).map_or(uid, Phi::expose));
    let own = std::iter::once(&facts.series);
    if names.series.iter().chain(own).filter(is_known).any(|uid| studies(uid).is_none()) {
        return Err(Refusal::NoSeries);
    }
    match studies(&facts.series) {
        Some(studies) if studies.iter().any(|study| study != found.study.uid()) => Err(Refusal::OtherSeries),
        _ => Ok(()),
    }
}

/// True if the project restored an instance of this name into this study before.
fn is_again(facts: &Facts, known: &Known) -> bool {
    known.restored.is_some() && known.restored.as_ref() == known.uids.get(&facts.study)
}

/// Patients named inside sequences are the same.
pub(super) fn one_patient(names: &Names, is_same: impl Fn(&[u8]) -> bool) -> Result<(), Refusal> {
    match names.patients.iter().all(|id| is_same(id)) {
        true => Ok(()),
        false => Err(Refusal::OtherPatient(PATIENT_ID)),
    }
}

/// A UID that nobody knows is the sender's own and stays; one that has the form of a pseudonym is another project's, or
/// forgotten, and would lead nowhere.
pub(super) fn all_known(names: &Names, known: &Known) -> Result<(), Refusal> {
    match lost(names, known).next() {
        Some(_) => Err(Refusal::UnknownName(SOME_UID)),
        None => Ok(()),
    }
}

fn lost<'a>(names: &'a Names, known: &'a Known) -> impl Iterator<Item = &'a String> {
    names.uids.iter().filter(|uid| !known.uids.contains_key(*uid) && pseudonym::is_shaped(uid))
}

/// What is to be asked of the origin.
pub(super) fn wanted(survey: &Survey, known: &Known) -> Wanted {
    let Survey { facts, names } = survey;
    let original = |uid: &String| known.uids.get(uid).cloned();
    let there = |uid: &String| original(uid).unwrap_or_else(|| Phi::new(uid.clone()));
    let is_study = |uid: &String| *uid == facts.study || names.studies.contains(uid);
    // Of the rest the sender's own names stay what they are, whatever they name.
    let matters = |uid: &&String| {
        let points = names.references.contains(*uid) || names.series.contains(*uid) || **uid == facts.series;
        (points || known.uids.contains_key(*uid)) && !is_study(uid) && **uid != facts.instance
    };
    let references = names.references.iter().filter(|uid| !is_study(uid));
    Wanted {
        study: original(&facts.study).unwrap_or_else(|| Phi::new(String::new())),
        others: names.studies.iter().filter(|study| **study != facts.study).filter_map(original).collect(),
        references: references.filter_map(original).collect(),
        names: names.uids.iter().filter(matters).map(there).collect(),
        instance: Phi::new(facts.instance.clone()),
        lost: lost(names, known).cloned().collect(),
    }
}

/// The facts as the origin will have them.
fn at_origin(facts: &Facts, known: &Known) -> Facts {
    let original = |uid: &String| known.uids.get(uid).map_or_else(|| uid.clone(), |it| it.expose().clone());
    Facts {
        study: original(&facts.study),
        series: original(&facts.series),
        instance: original(&facts.instance),
        ..facts.clone()
    }
}

/// The names under which an instance can be pulled when it is back, which are pseudonyms of those it has there.
pub(super) fn names(engine: &Engine, facts: &Facts, known: &Known) -> receipt::Names {
    engine.names(&at_origin(facts, known))
}

/// The receipt, but for the numbers of bytes.
pub(super) fn receipt(
    engine: &Engine,
    facts: &Facts,
    known: &Known,
    patient: &Patient,
    transfer_syntax: &'static str,
    counts: Counts,
) -> Receipt {
    let there = at_origin(facts, known);
    let (patient_id, issuer) = match patient {
        Patient::Id(id, issuer) => (id.clone(), issuer.clone()),
        Patient::Study(_) => (String::new(), String::new()),
    };
    Receipt {
        names: engine.names(&there),
        sent: Some(facts.instance.as_str().into()),
        patient_id: facts.patient_id.clone(),
        transfer_syntax,
        counts,
        bytes_in: 0,
        bytes_out: 0,
        sha256_in: None,
        sha256_out: None,
        originals: Phi::new(Originals {
            instance: there.instance,
            series: there.series,
            study: there.study,
            patient_id,
            issuer,
        }),
    }
}

/// True if the instance is about a study that the project gave out: then its sender may be told of it by the name that
/// it was sent under.
pub(super) fn may_be_told(facts: &Facts, known: &Known) -> bool {
    known.uids.contains_key(&facts.study)
}
