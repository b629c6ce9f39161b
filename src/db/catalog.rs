//! The index of the embedded archive: which instance lies in which object. The bytes
//! themselves are `archive`'s.

pub mod described;
mod forget;
pub mod search;

pub(super) use forget::{Studies, forget_studies, patients};

use super::{Db, Fault, Write, now, signed, unsigned};
use crate::deid::receipt::Names;
use described::{Described, number, searched};
use sqlx::Row;
use std::collections::BTreeMap;

/// An instance whose bytes lie safely in the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UIDs of the output.
    pub names: Names,
    /// Patient ID of the output.
    pub patient_id: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Name of the object.
    pub object: String,
    /// What a search finds it by.
    pub described: Described,
}

/// How many instances came to or left a series, by study and series.
type Moves = BTreeMap<(String, String), i64>;

impl Db {
    /// True if an instance lies in this object.
    ///
    /// # Errors
    /// The database fails.
    pub async fn knows_object(&self, object: &str) -> Result<bool, Fault> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM instance WHERE object = $1")
            .bind(object)
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// True if an object below the name of a project of ours is of no use: no instance lies in it, and no request that
    /// is being settled can still enter it. A gateway that was killed may have told the database to commit and not lived
    /// to see it; its settlement, which holds the end of its chain, is waited for.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_orphan(&self, object: &str) -> Result<bool, Fault> {
        if self.knows_object(object).await? {
            return Ok(false);
        }
        let project = object.split('/').next().unwrap_or_default();
        let mut transaction = self.write().await?;
        let chain = sqlx::query("UPDATE audit_head SET sequence = sequence WHERE project_id = $1")
            .bind(project.to_owned())
            .execute(&mut *transaction)
            .await?;
        let entered: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM instance WHERE object = $1")
            .bind(object.to_owned())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        // What has no chain here is another installation's, or its first request is under way.
        Ok(chain.rows_affected() > 0 && entered == 0)
    }

    /// The object and the size of an instance of a project.
    ///
    /// # Errors
    /// The database fails.
    pub async fn object_of(&self, project: &str, instance: &str) -> Result<Option<(String, u64)>, Fault> {
        let row = sqlx::query(
            "SELECT object, size_bytes FROM instance WHERE project_id = $1 AND instance_uid = $2",
        )
        .bind(project)
        .bind(instance)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_get(0)?, unsigned(row.try_get(1)?))))
    }

    /// How many instances are held.
    ///
    /// # Errors
    /// The database fails.
    pub async fn instances(&self) -> Result<u64, Fault> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM instance").fetch_one(&self.readers).await?;
        Ok(unsigned(count))
    }
}

/// Enters instances. An instance held already with the same bytes stays as it is; with other bytes the new ones take
/// its place (PS3.18 10.5.2). Study and series are described as the instance that came last has them. Returns the
/// objects that are now of no use.
pub(super) async fn enter(
    transaction: &mut Write,
    project: &str,
    entries: &[Entry],
) -> Result<Vec<String>, Fault> {
    let (mut useless, mut moves) = (Vec::new(), Moves::new());
    let mut parents = None;
    for entry in entries {
        // Instances of one series mostly come together.
        let its = (&entry.names.study, &entry.names.series);
        if parents.replace(its) != Some(its) {
            enter_study(transaction, project, entry).await?;
            enter_series(transaction, project, entry).await?;
        }
        useless.extend(enter_one(transaction, project, entry, &mut moves).await?);
    }
    for ((study, series), by) in moves.into_iter().filter(|(_, by)| *by != 0) {
        count(transaction, project, (&study, &series), by).await?;
    }
    Ok(useless)
}

async fn enter_one(
    transaction: &mut Write,
    project: &str,
    entry: &Entry,
    moves: &mut Moves,
) -> Result<Option<String>, Fault> {
    let held = sqlx::query(
        "SELECT object, sha256, study_uid, series_uid FROM instance WHERE project_id = $1 AND instance_uid = $2",
    )
    .bind(project)
    .bind(&entry.names.instance)
    .fetch_optional(&mut **transaction)
    .await?;
    let mut replaced = None;
    if let Some(held) = held {
        let (object, sha256): (String, String) = (held.try_get(0)?, held.try_get(1)?);
        if sha256 == entry.sha256 {
            return Ok(Some(entry.object.clone()).filter(|new| *new != object));
        }
        *moves.entry((held.try_get(2)?, held.try_get(3)?)).or_default() -= 1;
        replaced = Some(object);
    }
    enter_instance(transaction, project, entry).await?;
    *moves.entry((entry.names.study.clone(), entry.names.series.clone())).or_default() += 1;
    Ok(replaced)
}

/// Corrects the count of a series; one that is empty now goes, and its study with it if that was the last.
async fn count(
    transaction: &mut Write,
    project: &str,
    (study, series): (&str, &str),
    by: i64,
) -> Result<(), Fault> {
    let left: i64 = sqlx::query_scalar(
        "UPDATE series SET instance_count = instance_count + $4 \
         WHERE project_id = $1 AND study_uid = $2 AND series_uid = $3 RETURNING instance_count",
    )
    .bind(project)
    .bind(study)
    .bind(series)
    .bind(by)
    .fetch_one(&mut **transaction)
    .await?;
    if left > 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM series WHERE project_id = $1 AND study_uid = $2 AND series_uid = $3")
        .bind(project)
        .bind(study)
        .bind(series)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "DELETE FROM study WHERE project_id = $1 AND study_uid = $2 AND NOT EXISTS \
         (SELECT 1 FROM series WHERE series.project_id = $1 AND series.study_uid = $2)",
    )
    .bind(project)
    .bind(study)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn enter_study(transaction: &mut Write, project: &str, entry: &Entry) -> Result<(), Fault> {
    let row = &entry.described.study;
    sqlx::query(
        "INSERT INTO study (project_id, study_uid, patient_id, created_ms, patient_name, patient_words, study_date, \
         study_time, accession_number, referring_name, referring_words, study_id, study_description, attributes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (project_id, study_uid) DO UPDATE SET patient_id = excluded.patient_id, \
         patient_name = excluded.patient_name, patient_words = excluded.patient_words, \
         study_date = excluded.study_date, study_time = excluded.study_time, \
         accession_number = excluded.accession_number, referring_name = excluded.referring_name, \
         referring_words = excluded.referring_words, study_id = excluded.study_id, \
         study_description = excluded.study_description, attributes = excluded.attributes \
         WHERE study.attributes <> excluded.attributes",
    )
    .bind(project)
    .bind(&entry.names.study)
    .bind(searched(&entry.patient_id))
    .bind(now())
    .bind(searched(&row.patient_name))
    .bind(searched(&row.patient_words))
    .bind(searched(&row.date))
    .bind(searched(&row.time))
    .bind(searched(&row.accession_number))
    .bind(searched(&row.referring_name))
    .bind(searched(&row.referring_words))
    .bind(searched(&row.study_id))
    .bind(searched(&row.description))
    .bind(row.attributes.text())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn enter_series(transaction: &mut Write, project: &str, entry: &Entry) -> Result<(), Fault> {
    let row = &entry.described.series;
    sqlx::query(
        "INSERT INTO series (project_id, study_uid, series_uid, created_ms, modality, series_number, \
         performed_date, performed_time, attributes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (project_id, study_uid, series_uid) DO UPDATE SET modality = excluded.modality, \
         series_number = excluded.series_number, performed_date = excluded.performed_date, \
         performed_time = excluded.performed_time, attributes = excluded.attributes \
         WHERE series.attributes <> excluded.attributes",
    )
    .bind(project)
    .bind(&entry.names.study)
    .bind(&entry.names.series)
    .bind(now())
    .bind(searched(&row.modality))
    .bind(number(row.number))
    .bind(searched(&row.performed_date))
    .bind(searched(&row.performed_time))
    .bind(row.attributes.text())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn enter_instance(transaction: &mut Write, project: &str, entry: &Entry) -> Result<(), Fault> {
    let row = &entry.described.instance;
    sqlx::query(
        "INSERT INTO instance (project_id, instance_uid, series_uid, study_uid, sop_class_uid, \
         transfer_syntax_uid, size_bytes, sha256, object, stored_ms, instance_number, attributes, patient_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (project_id, instance_uid) DO UPDATE SET series_uid = excluded.series_uid, \
         study_uid = excluded.study_uid, sop_class_uid = excluded.sop_class_uid, \
         transfer_syntax_uid = excluded.transfer_syntax_uid, size_bytes = excluded.size_bytes, \
         sha256 = excluded.sha256, object = excluded.object, stored_ms = excluded.stored_ms, \
         instance_number = excluded.instance_number, attributes = excluded.attributes, \
         patient_id = excluded.patient_id",
    )
    .bind(project)
    .bind(&entry.names.instance)
    .bind(&entry.names.series)
    .bind(&entry.names.study)
    .bind(&entry.names.sop_class)
    .bind(&entry.transfer_syntax)
    .bind(signed(entry.size))
    .bind(&entry.sha256)
    .bind(&entry.object)
    .bind(now())
    .bind(number(row.number))
    .bind(row.attributes.text())
    .bind(searched(&entry.patient_id))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::chain;
    use crate::db::tests::{begin_chain, enter, founded, keeper};

    fn entry(instance: &str, sha256: &str, object: &str) -> Entry {
        let names = Names {
            sop_class: "1.2".into(),
            instance: instance.into(),
            series: "2.25.2".into(),
            study: "2.25.1".into(),
        };
        Entry {
            names,
            patient_id: "P1".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            size: 10,
            sha256: sha256.into(),
            object: object.into(),
            described: Described::default(),
        }
    }

    #[tokio::test]
    async fn stow_36_the_same_instance_again_leaves_one_entry() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        assert!(enter(&db, &project, &[entry("2.25.3", "aa", "one")]).await.unwrap().is_empty());
        let again = enter(&db, &project, &[entry("2.25.3", "aa", "two")]).await.unwrap();
        assert_eq!(again, ["two"], "equal bytes: the new object is of no use");
        let other = enter(&db, &project, &[entry("2.25.3", "bb", "three")]).await.unwrap();
        assert_eq!(other, ["one"], "other bytes: the old object is of no use");
        assert_eq!(db.object_of(&project, "2.25.3").await.unwrap(), Some(("three".into(), 10)));
        assert_eq!(db.instances().await.unwrap(), 1);
        assert!(db.knows_object("three").await.unwrap() && !db.knows_object("one").await.unwrap());
    }

    #[tokio::test]
    async fn an_object_is_an_orphan_only_once_nobody_can_still_enter_it() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let object = |name: &str| format!("{project}/00/{name}.dcm");
        assert_eq!(
            db.is_orphan(&object("early")).await,
            Ok(false),
            "the project's first request is under way"
        );
        begin_chain(&db, &project).await;
        assert_eq!(db.is_orphan(&object("left")).await, Ok(true));
        assert_eq!(db.is_orphan("elsewhere/00/left.dcm").await, Ok(false), "another installation's");
        // A settlement that is being committed while somebody sweeps.
        let keeper = keeper(&db).await;
        let mut settling = db.write().await.unwrap();
        chain::lock(&mut settling, &keeper, &project).await.unwrap();
        super::enter(&mut settling, &project, &[entry("2.25.3", "aa", &object("late"))]).await.unwrap();
        let (asking, name) = (db.clone(), object("late"));
        let asked = tokio::spawn(async move { asking.is_orphan(&name).await });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!asked.is_finished(), "it does not wait for the settlement");
        settling.commit().await.unwrap();
        assert_eq!(asked.await.unwrap(), Ok(false));
    }

    #[tokio::test]
    async fn values_that_no_index_holds_keep_no_instance_out() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let mut odd = entry("2.25.3", "aa", "one");
        let long: String = (0..3000u32).filter_map(|code| char::from_u32(0x4E00 + code * 7)).collect();
        odd.patient_id = format!("a\0{long}");
        odd.described.study.accession_number = format!("\0{long}");
        odd.described.series.modality = long;
        assert_eq!(enter(&db, &project, &[odd]).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn an_instance_that_moves_takes_an_emptied_series_and_study_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        enter(&db, &project, &[entry("2.25.3", "aa", "one")]).await.unwrap();
        let mut moved = entry("2.25.3", "bb", "two");
        moved.names = Names { study: "2.25.9".into(), series: "2.25.8".into(), ..moved.names };
        enter(&db, &project, &[moved]).await.unwrap();
        let studies: Vec<String> =
            sqlx::query_scalar("SELECT study_uid FROM series WHERE instance_count = 1")
                .fetch_all(&db.readers)
                .await
                .unwrap();
        assert_eq!(studies, ["2.25.9"]);
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM study").fetch_one(&db.readers).await.unwrap();
        assert_eq!(left, 1);
    }

    #[tokio::test]
    async fn a_failing_entry_takes_back_the_whole_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let twice = [entry("2.25.3", "aa", "one"), entry("2.25.4", "bb", "one")];
        assert!(enter(&db, &project, &twice).await.is_err());
        assert_eq!(db.instances().await.unwrap(), 0);
    }
}
