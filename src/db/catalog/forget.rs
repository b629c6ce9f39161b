//! What the catalog must forget because its objects were never meant to last.

use crate::db::{Db, Fault};

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
