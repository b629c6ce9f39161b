//! Customers, projects and API keys. What a caller may do is decided in `layer`.

use super::seal::{MasterKey, hex, unhex};
use super::{Db, Fault, Write, now, unsigned};
use crate::audit::key::SigningKey;
use crate::deid::pseudonym::ProjectKey;
use sqlx::Row;
use std::collections::BTreeSet;

/// What a customer pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Nothing.
    Free,
    /// By the month or the year.
    Pro,
    /// By contract.
    Enterprise,
}

impl Tier {
    /// As it is stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Free, Self::Pro, Self::Enterprise].into_iter().find(|tier| tier.word() == word)
    }

    /// The higher of what the operator gave and what is paid for at `now`, in milliseconds since 1970 UTC. A damaged
    /// word is the lowest.
    pub(super) fn effective(given: &str, paid: Option<&str>, until: Option<i64>, now: i64) -> Self {
        let paid = paid.filter(|_| until.is_none_or(|until| until > now)).and_then(Self::parse);
        Self::parse(given).unwrap_or(Self::Free).max(paid.unwrap_or(Self::Free))
    }
}

/// Who a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The key's own name.
    pub key: String,
    /// Its project.
    pub project: String,
    /// When the project was changed last: what was made of its settings before is stale.
    pub changed: i64,
    /// The project's customer.
    pub customer: String,
    /// The customer's tier now.
    pub tier: Tier,
    /// The key's own rate: requests a minute.
    pub rate: Option<u64>,
    /// What the key may do beyond the common, as words.
    pub rights: String,
    /// SHA-256 of the key, for a comparison in constant time.
    pub sha256: [u8; 32],
}

/// This installation, whichever gateways serve it.
#[derive(Clone)]
pub struct Installation {
    /// Its name.
    pub id: String,
    /// The seed of the key that signs audit chains.
    pub audit_seed: [u8; 32],
}

impl Installation {
    /// The key that signs audit chains.
    pub fn audit_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.audit_seed)
    }
}

/// What a project has of its own; `None` is what the server's settings say.
#[derive(Clone)]
pub struct ProjectSettings {
    /// The secret from which pseudonyms follow.
    pub secret: ProjectKey,
    /// Text of a profile, or name of a preset.
    pub profile: Option<String>,
    /// `archive` or `forward`.
    pub destination: Option<String>,
    /// The server to forward to.
    pub downstream_url: Option<String>,
}

/// Bytes of randomness in the names of entries.
const ID_BYTES: usize = 16;

/// What seals are bound to that belong to no entry of their own.
const CHECK: &str = "installation";
const AUDIT_KEY: &str = "audit-key";

/// A key is marked as used at most once in so many milliseconds.
const USED: i64 = 60_000;

impl Db {
    /// This installation; made if the database is new.
    ///
    /// # Errors
    /// The database fails, or was made under another master key.
    pub async fn installation(&self, master: &MasterKey) -> Result<Installation, Fault> {
        let mut transaction = self.write().await?;
        sqlx::query(
            "INSERT INTO installation (one, id, sealed_check, sealed_audit_key, created_ms) VALUES (1, $1, $2, $3, $4) \
             ON CONFLICT (one) DO NOTHING",
        )
        .bind(id()?)
        .bind(master.seal(CHECK, &[0; 32])?)
        .bind(master.seal(AUDIT_KEY, &random::<32>()?)?)
        .bind(now())
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT id, sealed_check, sealed_audit_key FROM installation")
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let (id, check, audit_key): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        master.open(CHECK, &check)?;
        Ok(Installation { id, audit_seed: master.open(AUDIT_KEY, &audit_key)? })
    }

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
        // Locked: two gateways may start at once.
        sqlx::query("UPDATE installation SET one = one").execute(&mut *transaction).await?;
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
            "SELECT api_key.id, api_key.sha256, project.id, project.customer_id, customer.tier, customer.paid_tier, \
             customer.paid_until_ms, api_key.rate, api_key.rights, project.changed_ms FROM api_key \
             JOIN project ON project.id = api_key.project_id JOIN customer ON customer.id = project.customer_id \
             WHERE api_key.sha256 = $1 AND api_key.revoked_ms IS NULL \
             AND (api_key.expires_ms IS NULL OR api_key.expires_ms > $2)",
        )
        .bind(hex(&sha256))
        .bind(now())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let stored: String = row.try_get(1)?;
        let stored = unhex(&stored).and_then(|bytes| bytes.try_into().ok());
        let (given, paid): (String, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
        let rate: Option<i64> = row.try_get(7)?;
        Ok(Some(KeyOwner {
            key: row.try_get(0)?,
            project: row.try_get(2)?,
            customer: row.try_get(3)?,
            tier: Tier::effective(&given, paid.as_deref(), row.try_get(6)?, now()),
            rate: rate.map(unsigned),
            rights: row.try_get(8)?,
            changed: row.try_get(9)?,
            sha256: stored.ok_or(Fault::Failing("a key's digest is damaged"))?,
        }))
    }

    /// What a project has of its own.
    ///
    /// # Errors
    /// The database fails, or the secret does not open under `master`.
    pub async fn project_settings(
        &self,
        master: &MasterKey,
        project: &str,
    ) -> Result<ProjectSettings, Fault> {
        let row = sqlx::query(
            "SELECT sealed_secret, profile, destination, downstream_url FROM project WHERE id = $1",
        )
        .bind(project)
        .fetch_one(&self.readers)
        .await?;
        let sealed: String = row.try_get(0)?;
        Ok(ProjectSettings {
            secret: master.open(project, &sealed).map(ProjectKey::from_bytes)?,
            profile: row.try_get(1)?,
            destination: row.try_get(2)?,
            downstream_url: row.try_get(3)?,
        })
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

/// Marks API keys as used.
pub(super) async fn mark_used(transaction: &mut Write, keys: &BTreeSet<&str>, now: i64) -> Result<(), Fault> {
    for key in keys {
        sqlx::query("UPDATE api_key SET used_ms = $2 WHERE id = $1 AND (used_ms IS NULL OR used_ms < $3)")
            .bind((*key).to_owned())
            .bind(now)
            .bind(now.saturating_sub(USED))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// A random name of an entry.
fn id() -> Result<String, Fault> {
    random::<ID_BYTES>().map(|bytes| hex(&bytes))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], Fault> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Failing("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::tests::{founded, fresh};

    #[tokio::test]
    async fn the_first_customer_is_made_once_and_its_key_is_known_by_digest() {
        let folder = tempfile::tempdir().unwrap();
        let db = fresh(folder.path()).await;
        let master = MasterKey::new([1; 32]);
        let secret = ProjectKey::from_bytes([2; 32]);
        assert!(!db.is_founded().await.unwrap());
        assert!(db.found(&master, &secret, [3; 32]).await.unwrap());
        assert!(!db.found(&master, &secret, [4; 32]).await.unwrap(), "a second founding");
        let owner = db.key_owner([3; 32]).await.unwrap().unwrap();
        assert_eq!(db.first_project().await.unwrap(), Some(owner.project.clone()));
        assert_eq!(db.project_settings(&master, &owner.project).await.unwrap().secret.expose(), &[2; 32]);
        assert_eq!(db.key_owner([4; 32]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_revoked_key_has_no_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = founded(folder.path()).await;
        sqlx::query("UPDATE api_key SET revoked_ms = 1").execute(&db.writers).await.unwrap();
        assert_eq!(db.key_owner([3; 32]).await.unwrap(), None);
    }
}
