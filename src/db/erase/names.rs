//! All pseudonyms that a patient has or had in a project: the generated one, those of the project's own at present and
//! before. Who is erased is erased under each of them.

use crate::db::catalog;
use crate::db::crosswalk::{self, Crosswalk, Kind};
use crate::db::{Db, Fault, Write};
use crate::deid::own_pseudonyms::OwnPseudonyms;
use crate::deid::pseudonym::{ProjectKey, Pseudonyms};
use crate::deid::receipt::Phi;
use std::collections::BTreeSet;

/// A patient of a project.
pub(super) struct Known {
    /// The pseudonyms, the one that was named among them.
    pub(super) names: BTreeSet<String>,
    /// Who it is, if that is known.
    pub(super) original: Option<Phi<String>>,
}

impl Known {
    /// Who is called so.
    pub(super) async fn by(
        db: &Db,
        transaction: &mut Write,
        project: &str,
        secret: &ProjectKey,
        named: &str,
    ) -> Result<Self, Fault> {
        let own = db.own_pseudonyms(project, secret).await?;
        let generated = Pseudonyms::new(secret);
        let mut names = BTreeSet::from([named.to_owned()]);
        let Some(original) = original(db, project, secret, &own, named).await? else {
            return Ok(Self { names, original: None });
        };
        names.insert(generated.patient_id(original.expose()));
        let is_it = |patient: &crate::deid::patient::Patient| patient.text() == *original.expose();
        names.extend(own.pairs().filter(|(_, patient)| is_it(patient)).map(|(name, _)| name.to_owned()));
        // Those that the project gave up are in the crosswalk as marks alone: what the catalog holds is held against them.
        let before = crosswalk::marks_of(transaction, project, secret, original.expose()).await?;
        let held = catalog::patients(transaction, project).await?;
        names
            .extend(held.into_iter().filter(|patient| before.contains(&crosswalk::mark_of(secret, patient))));
        Ok(Self { names, original: Some(original) })
    }
}

async fn original(
    db: &Db,
    project: &str,
    secret: &ProjectKey,
    own: &OwnPseudonyms,
    named: &str,
) -> Result<Option<Phi<String>>, Fault> {
    let crosswalk = Crosswalk::with_own(db.clone(), project, secret, own);
    if let Some(original) = crosswalk.original(Kind::Patient, named).await? {
        return Ok(Some(original));
    }
    let generated = Pseudonyms::new(secret);
    let mut texts = own.pairs().map(|(_, patient)| patient.text());
    Ok(texts.find(|text| generated.patient_id(text) == named).map(Phi::new))
}
