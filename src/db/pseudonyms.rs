//! A project's own pseudonyms of patients: kept sealed under a key of the project, changed on record. What they may be is
//! `deid`'s.

use super::account::{Hand, secret, touch};
use super::seal::{MasterKey, SealKey};
use super::{Db, Fault, Write};
use crate::audit::action::Action;
use crate::deid::own_pseudonyms::{Mistake, OwnPseudonyms};
use crate::deid::pseudonym::{ProjectKey, sub_key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::collections::BTreeSet;

/// Most bytes of a table as CSV.
pub const MOST: u64 = 16 << 20;

const DAMAGED: Fault = Fault::Failing("a project's own pseudonyms are damaged");

fn seal(secret: &ProjectKey) -> SealKey {
    SealKey::new(sub_key(secret, "pseudonym-table-seal"))
}

fn sealed(project: &str, secret: &ProjectKey, own: &OwnPseudonyms) -> Result<String, Fault> {
    Ok(BASE64.encode(seal(secret).seal(project, own.kept().as_bytes())?))
}

impl Db {
    /// Puts these pseudonyms in the place of all that the project had of its own; how many they are, or what is wrong with
    /// them. Gateways that run follow with their next request.
    ///
    /// # Errors
    /// There is no such project, its secret does not open under `master`, or the database fails.
    pub async fn set_pseudonyms(
        &self,
        by: &Hand,
        master: &MasterKey,
        project: &str,
        csv: &[u8],
    ) -> Result<Result<u64, Vec<Mistake>>, Fault> {
        let project = self.project(project).await?.id;
        let secret = self.project_secret(master, &project).await?;
        let own = match OwnPseudonyms::parse(csv, &secret) {
            Ok(own) => own,
            Err(mistakes) => return Ok(Err(mistakes)),
        };
        let sealed = sealed(&project, &secret, &own)?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &project).await?;
        sqlx::query(
            "INSERT INTO pseudonym_table (project_id, value) VALUES ($1, $2) \
             ON CONFLICT (project_id) DO UPDATE SET value = excluded.value",
        )
        .bind(&project)
        .bind(sealed)
        .execute(&mut *transaction)
        .await?;
        touch(&mut transaction, &project).await?;
        by.record(&mut transaction, &project, Action::ChangePseudonyms, &project, None).await?;
        transaction.commit().await?;
        Ok(Ok(own.len() as u64))
    }

    /// The project's own pseudonyms, for whoever may see them; that somebody saw them is on record then.
    ///
    /// # Errors
    /// There is no such project, its secret does not open under `master`, or the database fails.
    pub async fn export_pseudonyms(
        &self,
        by: &Hand,
        master: &MasterKey,
        project: &str,
    ) -> Result<OwnPseudonyms, Fault> {
        let project = self.project(project).await?.id;
        let own = self.pseudonyms(master, &project).await?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &project).await?;
        by.record(&mut transaction, &project, Action::Reidentify, &project, Some("export")).await?;
        transaction.commit().await?;
        Ok(own)
    }

    /// As `export_pseudonyms`, by the project's id, where the request as a whole is on record.
    ///
    /// # Errors
    /// There is no such project, its secret does not open under `master`, or the database fails.
    pub async fn pseudonyms(&self, master: &MasterKey, project: &str) -> Result<OwnPseudonyms, Fault> {
        let secret = self.project_secret(master, project).await?;
        self.own_pseudonyms(project, &secret).await
    }

    /// Those of a project of this secret.
    pub(super) async fn own_pseudonyms(
        &self,
        project: &str,
        secret: &ProjectKey,
    ) -> Result<OwnPseudonyms, Fault> {
        let kept: Option<String> =
            sqlx::query_scalar("SELECT value FROM pseudonym_table WHERE project_id = $1")
                .bind(project.to_owned())
                .fetch_optional(&self.readers)
                .await?;
        let Some(kept) = kept else { return Ok(OwnPseudonyms::default()) };
        let sealed = BASE64.decode(kept).map_err(|_| DAMAGED)?;
        let csv = seal(secret).open(project, &sealed).map_err(|_| DAMAGED)?;
        OwnPseudonyms::parse_kept(&csv, secret).map_err(|_| DAMAGED)
    }

    /// Takes pseudonyms out of the project's own, as part of a transaction that has locked its chain; how many there were.
    pub(super) async fn drop_pseudonyms(
        &self,
        transaction: &mut Write,
        project: &str,
        secret: &ProjectKey,
        pseudonyms: &BTreeSet<String>,
    ) -> Result<u64, Fault> {
        let own = self.own_pseudonyms(project, secret).await?;
        let left = own.without(pseudonyms);
        if left.len() < own.len() {
            sqlx::query("UPDATE pseudonym_table SET value = $2 WHERE project_id = $1")
                .bind(project.to_owned())
                .bind(sealed(project, secret, &left)?)
                .execute(&mut **transaction)
                .await?;
        }
        Ok((own.len() - left.len()) as u64)
    }

    pub(super) async fn project_secret(
        &self,
        master: &MasterKey,
        project: &str,
    ) -> Result<ProjectKey, Fault> {
        let sealed: String = sqlx::query_scalar("SELECT sealed_secret FROM project WHERE id = $1")
            .bind(project.to_owned())
            .fetch_one(&self.readers)
            .await?;
        secret(master, project, &sealed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::tests::{founded, hand};

    const TABLE: &str = "patient_id,issuer,pseudonym\nPATIENT-7,H,SUBJECT-1\n";

    #[tokio::test]
    async fn a_table_is_kept_sealed_changes_the_project_and_is_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let (old, new) = (MasterKey::new([1; 32]), MasterKey::new([8; 32]));
        let hand = hand(&db, &old).await;
        let changed = async || db.project(&project).await.unwrap().changed;
        let before = changed().await;
        assert!(db.pseudonyms(&old, &project).await.unwrap().is_empty());
        let set = async |master, csv: &str| {
            db.set_pseudonyms(&hand, master, "default", csv.as_bytes()).await.unwrap().ok()
        };
        assert_eq!(set(&old, TABLE).await, Some(1));
        assert!(changed().await > before);
        assert_eq!(db.pseudonyms(&old, &project).await.unwrap().to_csv(), TABLE);
        let kept: String =
            sqlx::query_scalar("SELECT value FROM pseudonym_table").fetch_one(&db.readers).await.unwrap();
        for mark in ["PATIENT-7", "SUBJECT-1"] {
            assert!(!kept.contains(mark) && !kept.contains(&BASE64.encode(mark)));
        }
        assert_eq!(set(&old, "no table").await, None);
        db.rotate_master_key(&hand, &old, &new).await.unwrap();
        assert_eq!(db.export_pseudonyms(&hand, &new, "default").await.unwrap().to_csv(), TABLE);
        let entries = db.audit_entries(&project, 0, 100).await.unwrap();
        let acts: Vec<Action> = entries.iter().map(|entry| entry.body.event.action()).collect();
        assert_eq!(acts.last_chunk(), Some(&[Action::ChangePseudonyms, Action::Reidentify]));
        assert_eq!(set(&new, "patient_id,issuer,pseudonym\n").await, Some(0));
        assert!(db.project_settings(&new, &project).await.unwrap().own_pseudonyms.is_empty());
        assert!(db.pseudonyms(&old, &project).await.is_err());
        assert_eq!(db.set_pseudonyms(&hand, &new, "nobody", b"").await.err(), Some(Fault::Missing));
    }

    #[tokio::test]
    async fn a_table_that_was_moved_to_another_project_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let master = MasterKey::new([1; 32]);
        let hand = hand(&db, &master).await;
        db.set_pseudonyms(&hand, &master, &project, TABLE.as_bytes()).await.unwrap().ok().unwrap();
        let other = db.add_project(&hand, &master, "default", "other", &Default::default()).await.unwrap().id;
        sqlx::query("UPDATE pseudonym_table SET project_id = $1")
            .bind(&other)
            .execute(&db.writers)
            .await
            .unwrap();
        assert_eq!(db.project_settings(&master, &other).await.err(), Some(DAMAGED));
    }
}
