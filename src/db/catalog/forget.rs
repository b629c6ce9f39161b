//! What the catalog must forget: because its objects were never meant to last, or because somebody asks for it.

use super::described::searched;
use crate::db::{Db, Fault, Write};
use sqlx::Row;
use std::collections::BTreeSet;

impl Db {
    /// Forgets all instances whose objects stood on this shelf of their projects, and series and studies that hold
    /// nothing then.
    ///
    /// # Errors
    /// The database fails; nothing is forgotten.
    pub async fn forget_shelf(&self, shelf: &str) -> Result<(), Fault> {
        let mut transaction = self.write().await?;
        let forgotten = sqlx::query("DELETE FROM instance WHERE object LIKE $1")
            .bind(format!("%/{shelf}/%"))
            .execute(&mut *transaction)
            .await?;
        if forgotten.rows_affected() > 0 {
            for tidying in TIDYING {
                sqlx::query(tidying).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Brings series and studies in line with the instances that are left.
const TIDYING: [&str; 3] = [
    "UPDATE series SET instance_count = (SELECT COUNT(*) FROM instance WHERE instance.project_id = series.project_id \
     AND instance.study_uid = series.study_uid AND instance.series_uid = series.series_uid)",
    "DELETE FROM series WHERE instance_count = 0",
    "DELETE FROM study WHERE NOT EXISTS (SELECT 1 FROM series \
     WHERE series.project_id = study.project_id AND series.study_uid = study.study_uid)",
];

/// Studies of a project in the catalog.
#[derive(Default)]
pub(in crate::db) struct Studies {
    /// Study Instance UIDs.
    pub uids: BTreeSet<String>,
    /// Their patients.
    pub patients: BTreeSet<String>,
}

impl Studies {
    /// Those that hold anything of a patient, whose pseudonym is not empty: a study is one patient's (PS3.3 A.1.2), so one that
    /// came under two goes with either.
    pub(in crate::db) async fn of_patient(
        transaction: &mut Write,
        project: &str,
        patient: &str,
    ) -> Result<Self, Fault> {
        const STATEMENT: &str = "SELECT DISTINCT study_uid FROM (\
            SELECT study_uid, patient_id FROM study WHERE project_id = $1 UNION ALL \
            SELECT study_uid, patient_id FROM instance WHERE project_id = $1) AS held \
            WHERE patient_id = $2 AND patient_id <> ''";
        Self::found(transaction, STATEMENT, project, searched(patient)).await
    }

    /// The one of this UID, if it is there.
    pub(in crate::db) async fn of_uid(
        transaction: &mut Write,
        project: &str,
        uid: &str,
    ) -> Result<Self, Fault> {
        const STATEMENT: &str = "SELECT study_uid FROM study WHERE project_id = $1 AND study_uid = $2";
        Self::found(transaction, STATEMENT, project, uid.to_owned()).await
    }

    async fn found(
        transaction: &mut Write,
        statement: &'static str,
        project: &str,
        named: String,
    ) -> Result<Self, Fault> {
        const PATIENTS: &str = "SELECT patient_id FROM study WHERE project_id = $1 AND study_uid = $2 UNION \
            SELECT patient_id FROM instance WHERE project_id = $1 AND study_uid = $2";
        let found = sqlx::query_scalar(statement).bind(project.to_owned()).bind(named);
        let uids: BTreeSet<String> = found.fetch_all(&mut **transaction).await?.into_iter().collect();
        let mut patients = BTreeSet::new();
        for uid in &uids {
            let theirs = sqlx::query_scalar::<_, String>(PATIENTS).bind(project.to_owned()).bind(uid.clone());
            patients.extend(theirs.fetch_all(&mut **transaction).await?);
        }
        patients.remove("");
        Ok(Self { uids, patients })
    }

    /// These and those, each once.
    pub(in crate::db) fn and(mut self, more: Self) -> Self {
        self.uids.extend(more.uids);
        self.patients.extend(more.patients);
        self
    }
}

/// All patients of whom a project holds anything.
pub(in crate::db) async fn patients(
    transaction: &mut Write,
    project: &str,
) -> Result<BTreeSet<String>, Fault> {
    let all = sqlx::query_scalar(
        "SELECT patient_id FROM study WHERE project_id = $1 UNION SELECT patient_id FROM instance WHERE project_id = $1",
    );
    Ok(all.bind(project.to_owned()).fetch_all(&mut **transaction).await?.into_iter().collect())
}

/// What the catalog does not name any more.
#[derive(Default)]
pub(in crate::db) struct Gone {
    /// Series Instance UIDs.
    pub series: Vec<String>,
    /// SOP Instance UIDs.
    pub instances: Vec<String>,
    /// Their objects.
    pub objects: Vec<String>,
}

/// Forgets whole studies of a project.
pub(in crate::db) async fn forget_studies(
    transaction: &mut Write,
    project: &str,
    studies: &Studies,
) -> Result<Gone, Fault> {
    let mut gone = Gone::default();
    for study in &studies.uids {
        let bound = |statement| sqlx::query(statement).bind(project.to_owned()).bind(study.clone());
        for row in bound(INSTANCES).fetch_all(&mut **transaction).await? {
            gone.instances.push(row.try_get(0)?);
            gone.objects.push(row.try_get(1)?);
        }
        for row in bound(SERIES).fetch_all(&mut **transaction).await? {
            gone.series.push(row.try_get(0)?);
        }
        bound(STUDY).execute(&mut **transaction).await?;
    }
    Ok(gone)
}

/// What one study (2) of a project (1) holds, and itself.
const INSTANCES: &str =
    "DELETE FROM instance WHERE project_id = $1 AND study_uid = $2 RETURNING instance_uid, object";
const SERIES: &str = "DELETE FROM series WHERE project_id = $1 AND study_uid = $2 RETURNING series_uid";
const STUDY: &str = "DELETE FROM study WHERE project_id = $1 AND study_uid = $2";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::db::catalog::Entry;
    use crate::db::catalog::described::Described;
    use crate::db::tests::{enter, founded};
    use crate::deid::receipt::Names;

    fn entry(study: &str, instance: &str, object: &str) -> Entry {
        let names = Names {
            sop_class: "1.2".into(),
            instance: instance.into(),
            series: format!("{study}.1"),
            study: study.into(),
        };
        Entry {
            names,
            patient_id: "P1".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            size: 10,
            sha256: "aa".into(),
            object: object.into(),
            described: Described::default(),
        }
    }

    #[tokio::test]
    async fn a_forgotten_shelf_takes_empty_series_and_studies_with_it_and_corrects_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let entries = [
            entry("2.25.1", "2.25.3", "p/00/a.dcm"),
            entry("2.25.1", "2.25.4", "p/memory/b.dcm"),
            entry("2.25.2", "2.25.5", "p/memory/c.dcm"),
        ];
        enter(&db, &project, &entries).await.unwrap();
        db.forget_shelf("memory").await.unwrap();
        assert_eq!(db.instances().await.unwrap(), 1);
        let left: Vec<(String, i64)> = sqlx::query_as(
            "SELECT study.study_uid, series.instance_count FROM study JOIN series ON series.study_uid = study.study_uid",
        )
        .fetch_all(&db.readers)
        .await
        .unwrap();
        assert_eq!(left, [("2.25.1".to_owned(), 1)]);
        let studies: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM study").fetch_one(&db.readers).await.unwrap();
        assert_eq!(studies, 1);
    }
}
