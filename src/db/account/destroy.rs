//! The end of a project's key: its secret goes, and with it everything that tells who is behind the project's pseudonyms.
//! They are final then. What was made under them stays.

use super::{Hand, may_seal};
use crate::audit::action::Action;
use crate::db::seal::MasterKey;
use crate::db::{Db, Fault, now};
use crate::deid::pseudonym::ProjectKey;

/// What stands in the place of a secret that was destroyed. Nothing that is sealed is empty.
const DESTROYED: &str = "";

/// What goes with the secret, by the project's id (1).
const TIES: [&str; 2] =
    ["DELETE FROM crosswalk WHERE project_id = $1", "DELETE FROM pseudonym_table WHERE project_id = $1"];

/// A project's secret.
///
/// # Errors
/// It was destroyed, or does not open under `master`.
pub(in crate::db) fn secret(master: &MasterKey, project: &str, sealed: &str) -> Result<ProjectKey, Fault> {
    if sealed == DESTROYED {
        return Err(Fault::Destroyed);
    }
    master.open(project, sealed).map(ProjectKey::from_bytes)
}

impl Db {
    /// Destroys a project's secret, its crosswalk, its own pseudonyms and its credentials, all or none, and tells of it in its
    /// chain. Nobody can undo it.
    ///
    /// # Errors
    /// There is no such project, its key is destroyed already, or the database fails.
    pub async fn destroy_key(&self, by: &Hand, master: &MasterKey, called: &str) -> Result<(), Fault> {
        let project = self.project(called).await?.id;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &project).await?;
        // Locks the installation: the secret is not sealed anew meanwhile.
        may_seal(&mut transaction, master).await?;
        let ended = sqlx::query(
            "UPDATE project SET sealed_secret = $2, sealed_downstream = NULL, \
             changed_ms = CASE WHEN changed_ms >= $3 THEN changed_ms + 1 ELSE $3 END \
             WHERE id = $1 AND sealed_secret <> $2",
        )
        .bind(project.clone())
        .bind(DESTROYED)
        .bind(now())
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            return Err(Fault::Destroyed);
        }
        for tie in TIES {
            sqlx::query(tie).bind(project.clone()).execute(&mut *transaction).await?;
        }
        by.record(&mut transaction, &project, Action::ChangeProject, &project, Some("key-destroyed")).await?;
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::crosswalk::{Crosswalk, Kind};
    use crate::db::tests::{founded, hand};
    use crate::deid::receipt::Phi;

    async fn rows(db: &Db, table: &str) -> i64 {
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")));
        count.fetch_one(&db.readers).await.unwrap()
    }

    #[tokio::test]
    async fn a_destroyed_key_takes_every_tie_with_it_and_is_destroyed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let master = MasterKey::new([1; 32]);
        let hand = hand(&db, &master).await;
        let settings = db.project_settings(&master, &project).await.unwrap();
        let crosswalk = Crosswalk::new(db.clone(), &project, &settings.secret);
        let pair = (Kind::Uid, "2.25.1".to_owned(), Phi::new("1.2.3".to_owned()));
        crosswalk.enter(vec![pair]).await.unwrap();
        let table = b"patient_id,issuer,pseudonym\nPATIENT-7,H,SUBJECT-1\n";
        db.set_pseudonyms(&hand, &master, &project, table).await.unwrap().unwrap();
        assert_eq!((rows(&db, "crosswalk").await, rows(&db, "pseudonym_table").await), (1, 1));

        db.destroy_key(&hand, &master, &project).await.unwrap();
        assert_eq!((rows(&db, "crosswalk").await, rows(&db, "pseudonym_table").await), (0, 0));
        let opened = db.project_settings(&master, &project).await.map(drop);
        assert_eq!(opened, Err(Fault::Destroyed));
        assert_eq!(db.destroy_key(&hand, &master, &project).await, Err(Fault::Destroyed));
        let imported = db.set_pseudonyms(&hand, &master, &project, table).await.map(drop);
        assert_eq!(imported, Err(Fault::Destroyed));

        let new = MasterKey::new([8; 32]);
        db.rotate_master_key(&hand, &master, &new).await.unwrap();
        assert_eq!(db.project_settings(&new, &project).await.map(drop), Err(Fault::Destroyed));
    }
}
