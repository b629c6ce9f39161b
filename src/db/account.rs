//! Customers, projects and API keys. What a caller may do is decided in `layer`.

use super::seal::{MasterKey, hex, unhex};
use super::{Db, Fault, now};
use crate::deid::pseudonym::ProjectKey;
use sqlx::Row;

/// Who a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The key's own name.
    pub key: String,
    /// Its project.
    pub project: String,
    /// The project's customer.
    pub customer: String,
    /// SHA-256 of the key, for a comparison in constant time.
    pub sha256: [u8; 32],
}

/// Bytes of randomness in the names of entries.
const ID_BYTES: usize = 16;

impl Db {
    /// Makes the first customer, project and key, unless there is a customer.
    /// True if it made them.
    ///
    /// # Errors
    /// The database fails, or the system gives no random bytes.
    pub async fn found(
        &self,
        master: &MasterKey,
        secret: &ProjectKey,
        key_sha256: [u8; 32],
    ) -> Result<bool, Fault> {
        let mut transaction = self.write().await?;
        let customers: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM customer").fetch_one(&mut *transaction).await?;
        if customers > 0 {
            return Ok(false);
        }
        let (customer, project, key, made) = (id()?, id()?, id()?, now());
        sqlx::query("INSERT INTO customer (id, name, created_ms) VALUES ($1, 'default', $2)")
            .bind(&customer)
            .bind(made)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO project (id, customer_id, name, sealed_secret, created_ms) VALUES ($1, $2, 'default', $3, $4)",
        )
        .bind(&project)
        .bind(&customer)
        .bind(master.seal(&project, secret.expose())?)
        .bind(made)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO api_key (id, project_id, sha256, created_ms) VALUES ($1, $2, $3, $4)")
            .bind(&key)
            .bind(&project)
            .bind(hex(&key_sha256))
            .bind(made)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// True if there is a customer, so that `found` would do nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_founded(&self) -> Result<bool, Fault> {
        let customers: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM customer").fetch_one(&self.readers).await?;
        Ok(customers > 0)
    }

    /// The owner of the API key with this SHA-256, unless it was revoked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn key_owner(&self, sha256: [u8; 32]) -> Result<Option<KeyOwner>, Fault> {
        let row = sqlx::query(
            "SELECT api_key.id, api_key.sha256, project.id, project.customer_id FROM api_key \
             JOIN project ON project.id = api_key.project_id \
             WHERE api_key.sha256 = $1 AND api_key.revoked_ms IS NULL",
        )
        .bind(hex(&sha256))
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let stored: String = row.try_get(1)?;
        let stored = unhex(&stored).and_then(|bytes| bytes.try_into().ok());
        Ok(Some(KeyOwner {
            key: row.try_get(0)?,
            project: row.try_get(2)?,
            customer: row.try_get(3)?,
            sha256: stored.ok_or(Fault::Failing("a key's digest is damaged"))?,
        }))
    }

    /// The secret of a project.
    ///
    /// # Errors
    /// The database fails, or the secret does not open under `master`.
    pub async fn project_key(&self, master: &MasterKey, project: &str) -> Result<ProjectKey, Fault> {
        let sealed: String = sqlx::query_scalar("SELECT sealed_secret FROM project WHERE id = $1")
            .bind(project)
            .fetch_one(&self.readers)
            .await?;
        master.open(project, &sealed).map(ProjectKey::from_bytes)
    }

    /// The oldest project, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_project(&self) -> Result<Option<String>, Fault> {
        let first = sqlx::query_scalar("SELECT id FROM project ORDER BY created_ms, id LIMIT 1");
        Ok(first.fetch_optional(&self.readers).await?)
    }
}

/// A random name of an entry.
fn id() -> Result<String, Fault> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Failing("the system gives no random bytes"))?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn the_first_customer_is_made_once_and_its_key_is_known_by_digest() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        let master = MasterKey::new([1; 32]);
        let secret = ProjectKey::from_bytes([2; 32]);
        assert!(!db.is_founded().await.unwrap());
        assert!(db.found(&master, &secret, [3; 32]).await.unwrap());
        assert!(!db.found(&master, &secret, [4; 32]).await.unwrap(), "a second founding");
        let owner = db.key_owner([3; 32]).await.unwrap().unwrap();
        assert_eq!(db.first_project().await.unwrap(), Some(owner.project.clone()));
        assert_eq!(db.project_key(&master, &owner.project).await.unwrap().expose(), &[2; 32]);
        assert_eq!(db.key_owner([4; 32]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_revoked_key_has_no_owner() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        db.found(&MasterKey::new([1; 32]), &ProjectKey::from_bytes([2; 32]), [3; 32]).await.unwrap();
        sqlx::query("UPDATE api_key SET revoked_ms = 1").execute(&db.writer).await.unwrap();
        assert_eq!(db.key_owner([3; 32]).await.unwrap(), None);
    }
}
