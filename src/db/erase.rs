//! The erasure of one patient or one study from a project (GDPR Art. 17): catalog, crosswalk and own pseudonyms in one
//! transaction, on record in the project's chain. The objects, which the catalog does not name any more then, are removed by
//! whoever asked; what a crash leaves of them is swept. Which pseudonyms a patient has is told in `names`.

mod names;

use super::account::{Hand, touch};
use super::catalog::{Studies, forget_studies};
use super::crosswalk::{self, Kind};
use super::seal::MasterKey;
use super::{Db, Fault, Write};
use crate::audit::action::Action;
use names::Known;
use serde::Serialize;
use std::collections::BTreeSet;

/// Who is to be erased, by pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom<'a> {
    /// A patient, with all studies that hold anything of theirs: Patient ID as it stands in the output, or stood there.
    Patient(&'a str),
    /// A study, and its patient with it if the archive holds no other of theirs: Study Instance UID as it stands in the
    /// output.
    Study(&'a str),
}

impl Whom<'_> {
    /// For the audit, which names nobody who was erased.
    fn reason(self) -> &'static str {
        match self {
            Self::Patient(_) => "patient-erased",
            Self::Study(_) => "study-erased",
        }
    }
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Studies in the catalog.
    pub studies: u64,
    /// Series in the catalog.
    pub series: u64,
    /// Instances in the catalog.
    pub instances: u64,
    /// Rows of the crosswalk.
    pub crosswalk: u64,
    /// Pseudonyms of the project's own.
    pub own_pseudonyms: u64,
    /// The objects that are of no use now.
    #[serde(skip)]
    pub objects: Vec<String>,
}

impl Db {
    /// Erases a patient or study from a project. Gateways that run forget what they remember of the project with their next
    /// request.
    ///
    /// # Errors
    /// There is no such project, nothing is known there under this pseudonym, or the database fails: nothing is erased then.
    pub async fn erase(
        &self,
        by: &Hand,
        master: &MasterKey,
        project: &str,
        whom: Whom<'_>,
    ) -> Result<Erased, Fault> {
        let project = self.project(project).await?.id;
        let secret = match self.project_secret(master, &project).await {
            // Crosswalk and own pseudonyms went with it.
            Err(Fault::Destroyed) => None,
            secret => Some(secret?),
        };
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &project).await?;
        let known = match (whom, &secret) {
            (Whom::Patient(patient), Some(secret)) => {
                Some(Known::by(self, &mut transaction, &project, secret, patient).await?)
            }
            _ => None,
        };
        let studies = match (whom, &known) {
            (Whom::Study(study), _) => Studies::of_uid(&mut transaction, &project, study).await?,
            (Whom::Patient(patient), None) => {
                Studies::of_patient(&mut transaction, &project, patient).await?
            }
            (Whom::Patient(_), Some(known)) => of_all(&mut transaction, &project, &known.names).await?,
        };
        let gone = forget_studies(&mut transaction, &project, &studies).await?;
        let mut erased = Erased {
            studies: studies.uids.len() as u64,
            series: gone.series.len() as u64,
            instances: gone.instances.len() as u64,
            objects: gone.objects,
            ..Erased::default()
        };
        if let Some(secret) = secret {
            let mut patients = gone_patients(&mut transaction, &project, whom, &studies).await?;
            patients.extend(known.iter().flat_map(|known| known.names.clone()));
            let study = if let Whom::Study(study) = whom { Some(study.to_owned()) } else { None };
            let uids = study.into_iter().chain(studies.uids).chain(gone.series).chain(gone.instances);
            let names = uids.map(|uid| (Kind::Uid, uid));
            let names: Vec<_> = names.chain(patients.into_iter().map(|it| (Kind::Patient, it))).collect();
            erased.crosswalk = crosswalk::erase(&mut transaction, &project, &secret, &names).await?;
            if let Some(Known { names, original }) = known {
                erased.own_pseudonyms =
                    self.drop_pseudonyms(&mut transaction, &project, &secret, &names).await?;
                if let Some(original) = original {
                    erased.crosswalk +=
                        crosswalk::erase_patient(&mut transaction, &project, &secret, original.expose())
                            .await?;
                }
            }
        }
        if erased == Erased::default() {
            return Err(Fault::Missing);
        }
        // What gateways have in memory is of an older state now.
        touch(&mut transaction, &project).await?;
        by.record(&mut transaction, &project, Action::Delete, &project, Some(whom.reason())).await?;
        transaction.commit().await?;
        Ok(erased)
    }
}

/// The studies that hold anything under one of these pseudonyms.
async fn of_all(transaction: &mut Write, project: &str, names: &BTreeSet<String>) -> Result<Studies, Fault> {
    let mut studies = Studies::default();
    for name in names {
        studies = studies.and(Studies::of_patient(transaction, project, name).await?);
    }
    Ok(studies)
}

/// The patients whose last study went.
async fn gone_patients(
    transaction: &mut Write,
    project: &str,
    whom: Whom<'_>,
    studies: &Studies,
) -> Result<Vec<String>, Fault> {
    if let Whom::Patient(patient) = whom {
        return Ok(vec![patient.to_owned()]);
    }
    let mut gone = Vec::new();
    for patient in &studies.patients {
        if Studies::of_patient(transaction, project, patient).await?.uids.is_empty() {
            gone.push(patient.clone());
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::db::catalog::Entry;
    use crate::db::catalog::described::Described;
    use crate::db::crosswalk::Crosswalk;
    use crate::db::tests::{enter, founded, hand};
    use crate::deid::pseudonym::Pseudonyms;
    use crate::deid::receipt::{Names, Phi};

    const PATIENTS: [&str; 2] = ["SUBJECT-1", "P2"];

    /// Study `2.25.N` with one series and two instances.
    fn entries(number: u64, patient: &str) -> Vec<Entry> {
        let study = format!("2.25.{number}");
        let entry = |instance: u64| Entry {
            names: Names {
                sop_class: "1.2".into(),
                instance: format!("{study}.1.{instance}"),
                series: format!("{study}.1"),
                study: study.clone(),
            },
            patient_id: patient.into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            size: 10,
            sha256: "aa".into(),
            object: format!("p/{number}/{instance}.dcm"),
            described: Described::default(),
        };
        vec![entry(1), entry(2)]
    }

    struct Rig {
        _folder: tempfile::TempDir,
        db: Db,
        project: String,
        master: MasterKey,
        hand: Hand,
    }

    /// The first patient has the studies 1 and 2, the second has 3; all are in the crosswalk.
    async fn rig() -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let master = MasterKey::new([1; 32]);
        let hand = hand(&db, &master).await;
        let table = b"patient_id,issuer,pseudonym\nPATIENT-7,H,SUBJECT-1\nPATIENT-8,H,SUBJECT-2\n";
        db.set_pseudonyms(&hand, &master, &project, table).await.unwrap().unwrap();
        let rig = Rig { _folder: folder, db, project, master, hand };
        let crosswalk = rig.crosswalk().await;
        for (number, patient) in [(1, PATIENTS[0]), (2, PATIENTS[0]), (3, PATIENTS[1])] {
            let entries = entries(number, patient);
            enter(&rig.db, &rig.project, &entries).await.unwrap();
            let names = entries.iter().map(|it| it.names.clone());
            let uids = names.flat_map(|it| [it.study, it.series, it.instance]);
            let mut pairs: Vec<_> = uids.map(|it| (Kind::Uid, it, Phi::new("1.2.3".to_owned()))).collect();
            pairs.push((Kind::Patient, patient.to_owned(), Phi::new(format!("id\n{number}\n"))));
            crosswalk.enter(pairs).await.unwrap();
        }
        rig
    }

    impl Rig {
        /// As a gateway has it after the project has changed.
        async fn crosswalk(&self) -> Crosswalk {
            let settings = self.db.project_settings(&self.master, &self.project).await.unwrap();
            Crosswalk::with_own(self.db.clone(), &self.project, &settings.secret, &settings.own_pseudonyms)
        }

        async fn erase(&self, whom: Whom<'_>) -> Result<Erased, Fault> {
            self.db.erase(&self.hand, &self.master, &self.project, whom).await
        }

        async fn knows(&self, kind: Kind, name: &str) -> bool {
            self.crosswalk().await.original(kind, name).await.unwrap().is_some()
        }

        async fn studies(&self) -> Vec<String> {
            let all = sqlx::query_scalar("SELECT study_uid FROM study ORDER BY study_uid");
            all.fetch_all(&self.db.readers).await.unwrap()
        }

        async fn reasons(&self) -> usize {
            let all = sqlx::query_scalar("SELECT body FROM audit_entry WHERE body LIKE '%-erased%'");
            let all: Vec<String> = all.fetch_all(&self.db.readers).await.unwrap();
            assert!(all.iter().all(|body| !body.contains("SUBJECT") && !body.contains("2.25.")), "{all:?}");
            all.len()
        }
    }

    #[tokio::test]
    async fn a_patient_goes_with_all_studies_names_and_own_pseudonym_and_nobody_else() {
        let rig = rig().await;
        let before = rig.db.project(&rig.project).await.unwrap().changed;
        let erased = rig.erase(Whom::Patient(PATIENTS[0])).await.unwrap();
        let mut objects = erased.objects.clone();
        objects.sort();
        assert_eq!(objects, ["p/1/1.dcm", "p/1/2.dcm", "p/2/1.dcm", "p/2/2.dcm"]);
        // Of each study: itself, its series, two instances; and the patient.
        let counts =
            (erased.studies, erased.series, erased.instances, erased.crosswalk, erased.own_pseudonyms);
        assert_eq!(counts, (2, 2, 4, 9, 1));
        assert_eq!(rig.studies().await, ["2.25.3"]);
        for name in ["2.25.1", "2.25.1.1", "2.25.1.1.2", "2.25.2"] {
            assert!(!rig.knows(Kind::Uid, name).await, "{name}");
        }
        assert!(!rig.knows(Kind::Patient, PATIENTS[0]).await);
        for (kind, name) in [
            (Kind::Uid, "2.25.3"),
            (Kind::Uid, "2.25.3.1.1"),
            (Kind::Patient, "P2"),
            (Kind::Patient, "SUBJECT-2"),
        ] {
            assert!(rig.knows(kind, name).await, "{name} is another's");
        }
        assert!(rig.db.project(&rig.project).await.unwrap().changed > before, "gateways take it for changed");
        assert_eq!(rig.erase(Whom::Patient(PATIENTS[0])).await, Err(Fault::Missing));
        assert_eq!(rig.reasons().await, 1, "what did nothing is not on record");
    }

    #[tokio::test]
    async fn a_study_takes_its_patient_with_it_only_if_it_was_the_last() {
        let rig = rig().await;
        let erased = rig.erase(Whom::Study("2.25.1")).await.unwrap();
        assert_eq!((erased.studies, erased.instances, erased.crosswalk), (1, 2, 4));
        assert!(rig.knows(Kind::Patient, PATIENTS[0]).await && !rig.knows(Kind::Uid, "2.25.1").await);
        assert_eq!(rig.studies().await, ["2.25.2", "2.25.3"]);
        let erased = rig.erase(Whom::Study("2.25.3")).await.unwrap();
        assert_eq!(erased.crosswalk, 5, "with the patient");
        assert!(!rig.knows(Kind::Patient, "P2").await);
        assert_eq!(rig.erase(Whom::Study("2.25.77")).await, Err(Fault::Missing));
    }

    #[tokio::test]
    async fn what_only_the_crosswalk_knows_can_be_erased_and_other_projects_stay() {
        let rig = rig().await;
        let other = rig.db.add_project(&rig.hand, &rig.master, "default", "other", &Default::default()).await;
        let other = other.unwrap().id;
        let mut theirs = entries(1, PATIENTS[0]);
        theirs.iter_mut().for_each(|it| it.object = format!("other/{}", it.object));
        enter(&rig.db, &other, &theirs).await.unwrap();
        let forwarded = (Kind::Uid, "2.25.9".to_owned(), Phi::new("1.2.9".to_owned()));
        rig.crosswalk().await.enter(vec![forwarded]).await.unwrap();
        let erased = rig.erase(Whom::Study("2.25.9")).await.unwrap();
        assert_eq!((erased.studies, erased.crosswalk), (0, 1));
        rig.erase(Whom::Patient(PATIENTS[0])).await.unwrap();
        assert_eq!(rig.studies().await, ["2.25.1", "2.25.3"], "the other project's");
        assert_eq!(rig.db.instances().await, Ok(4));
    }

    #[tokio::test]
    async fn without_the_projects_key_studies_can_still_be_erased() {
        let rig = rig().await;
        rig.db.destroy_key(&rig.hand, &rig.master, &rig.project).await.unwrap();
        let erased = rig.erase(Whom::Patient(PATIENTS[0])).await.unwrap();
        assert_eq!((erased.studies, erased.crosswalk, erased.objects.len()), (2, 0, 4));
    }

    #[tokio::test]
    async fn a_patient_goes_under_every_pseudonym_that_they_have_or_had() {
        let text = "id\nPATIENT-7\nH";
        for by_the_generated_one in [false, true] {
            let rig = rig().await;
            let secret = rig.db.project_settings(&rig.master, &rig.project).await.unwrap().secret;
            let generated = Pseudonyms::new(&secret).patient_id(text);
            for (number, patient) in [(4, generated.as_str()), (5, "SUBJECT-OLD")] {
                enter(&rig.db, &rig.project, &entries(number, patient)).await.unwrap();
                let pair = (Kind::Patient, patient.to_owned(), Phi::new(text.to_owned()));
                rig.crosswalk().await.enter(vec![pair]).await.unwrap();
            }
            let named = if by_the_generated_one { generated.as_str() } else { "SUBJECT-1" };
            let erased = rig.erase(Whom::Patient(named)).await.unwrap();
            assert_eq!((erased.studies, erased.own_pseudonyms), (4, 1), "{named}");
            assert_eq!(rig.studies().await, ["2.25.3"]);
            for name in [generated.as_str(), "SUBJECT-1", "SUBJECT-OLD"] {
                assert!(!rig.knows(Kind::Patient, name).await, "{name}");
            }
            assert!(rig.knows(Kind::Patient, "SUBJECT-2").await, "another's");
        }
    }

    #[tokio::test]
    async fn a_study_that_came_under_two_patients_goes_with_either() {
        for named in ["P2", "P9"] {
            let rig = rig().await;
            let mut late = entries(3, "P9");
            late.iter_mut().for_each(|it| it.names.instance += ".9");
            late.iter_mut().for_each(|it| it.object += ".9");
            late.iter_mut().for_each(|it| it.described.study.patient_name = "P9".to_owned());
            enter(&rig.db, &rig.project, &late).await.unwrap();
            let erased = rig.erase(Whom::Patient(named)).await.unwrap();
            assert_eq!((erased.studies, erased.instances), (1, 4), "{named}");
            assert_eq!(rig.studies().await, ["2.25.1", "2.25.2"]);
        }
    }
}
