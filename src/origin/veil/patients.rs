//! Which patient a study belongs to, remembered by study: results of a search do not always say it, or not all of it, and
//! pseudonym and shift must be the same in search, metadata and instances.

use super::{Fault, Veil};
use crate::deid::engine::{PATIENT_ID, STUDY};
use crate::deid::facts::Facts;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::condition::Condition;
use crate::dicomweb::query::{Include, Key, Query};
use crate::origin::recent::{Recent, Weighed};
use dicom_core::{Tag, VR};
use std::time::{Duration, Instant};

/// Issuer of Patient ID.
pub(super) const ISSUER: Tag = Tag(0x0010, 0x0021);

/// Most bytes that are remembered.
const MOST: u64 = 8 << 20;

/// How long a remembered Patient ID stands for what the origin says now.
const FRESH: Duration = Duration::from_secs(600);

/// The patient of a study, originals both. Identifies: never printed.
#[derive(Clone)]
pub(super) struct Identity {
    /// Patient ID.
    pub id: String,
    /// Issuer of Patient ID.
    pub issuer: String,
    since: Instant,
}

impl Weighed for Identity {
    fn weight(&self) -> u64 {
        (self.id.len() + self.issuer.len() + 256) as u64
    }
}

/// Patients by the original UID of a study.
pub(super) struct Patients(Recent<Identity>);

impl Default for Patients {
    fn default() -> Self {
        Self(Recent::new(MOST))
    }
}

impl Patients {
    /// Learns from somebody who says Patient ID and, unless it is `None`, the issuer. An issuer that is not said is the
    /// one that was said before about the same ID, or none.
    pub(super) fn learn(&self, study: &str, id: String, issuer: Option<String>) -> Identity {
        let before = || self.0.find(study).filter(|known| known.id == id).map(|known| known.issuer);
        let issuer = issuer.or_else(before).unwrap_or_default();
        let identity = Identity { id, issuer, since: Instant::now() };
        self.0.keep(study, identity.clone());
        identity
    }

    /// Learns from an instance, which says all.
    pub(super) fn learn_of(&self, facts: &Facts) {
        self.learn(&facts.study, facts.patient_id.clone(), Some(facts.issuer.clone()));
    }
}

impl Veil {
    /// The patient of a result, which belongs to this study.
    pub(super) async fn identity(&self, study: &str, result: &DataSet) -> Result<Identity, Fault> {
        let patients = &self.0.patients;
        if result.get(PATIENT_ID).is_some() {
            return Ok(patients.learn(study, text(result, PATIENT_ID), issuer(result)));
        }
        if let Some(known) = patients.0.find(study).filter(|known| known.since.elapsed() < FRESH) {
            return Ok(known);
        }
        let page = self.0.behind.search(&one(study)).await?;
        let found = page.results.iter().find(|result| result.text(STUDY) == study).ok_or(Fault::NotFound)?;
        Ok(patients.learn(study, text(found, PATIENT_ID), issuer(found)))
    }
}

fn issuer(result: &DataSet) -> Option<String> {
    result.get(ISSUER).map(|_| text(result, ISSUER))
}

/// All values of an attribute as one text, as it stands in an instance.
pub(super) fn text(result: &DataSet, tag: Tag) -> String {
    let values = result.values(tag).iter().map(|value| value.as_str().unwrap_or_default());
    let text = values.collect::<Vec<_>>().join("\\");
    text.trim_matches([' ', '\0']).to_owned()
}

/// The study with its patient.
fn one(study: &str) -> Query {
    let condition = Condition::Uids(vec![study.to_owned()]);
    Query {
        level: Level::Study,
        study: None,
        series: None,
        keys: vec![Key { path: vec![STUDY], vr: VR::UI, creator: None, condition, text: study.to_owned() }],
        include: Include::Tags(vec![PATIENT_ID, ISSUER]),
        limit: Some(1),
        offset: 0,
        notices: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_said_about_the_issuer_stays_until_the_id_changes() {
        let patients = Patients::default();
        assert_eq!(patients.learn("1.2", "7".to_owned(), None).issuer, "");
        assert_eq!(patients.learn("1.2", "7".to_owned(), Some("H".to_owned())).issuer, "H");
        assert_eq!(patients.learn("1.2", "7".to_owned(), None).issuer, "H");
        assert_eq!(patients.learn("1.2", "8".to_owned(), None).issuer, "");
    }
}
