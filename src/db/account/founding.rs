//! The installation, and its first customer, project and key.

use super::{FreshKey, Hand, id, random};
use crate::audit::action::Action;
use crate::audit::key::SigningKey;
use crate::db::seal::{MasterKey, hex};
use crate::db::{Db, Fault, chain, now};
use crate::deid::pseudonym::ProjectKey;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What seals are bound to that belong to no entry of their own.
pub(super) const CHECK: &str = "installation";
pub(super) const AUDIT_KEY: &str = "audit-key";

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

const READ: &str = "SELECT id, sealed_check, sealed_audit_key FROM installation";

fn unlocked(master: &MasterKey, row: &AnyRow) -> Result<Installation, Fault> {
    let (id, check, audit_key): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    master.open(CHECK, &check)?;
    Ok(Installation { id, audit_seed: master.open(AUDIT_KEY, &audit_key)? })
}

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
        let row = sqlx::query(READ).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        unlocked(master, &row)
    }

    /// This installation, if there is one. Makes none.
    ///
    /// # Errors
    /// The database fails, or was made under another master key.
    pub async fn present_installation(&self, master: &MasterKey) -> Result<Option<Installation>, Fault> {
        let row = sqlx::query(READ).fetch_optional(&self.readers).await?;
        row.map(|row| unlocked(master, &row)).transpose()
    }

    /// Makes the first customer, project and key, unless there is a customer. True if it made them. Who hosts the
    /// gateway is bound by no quota: the customer's tier is enterprise.
    ///
    /// # Errors
    /// The database fails, or the system gives no random bytes.
    pub async fn found(
        &self,
        by: &Hand,
        master: &MasterKey,
        secret: &ProjectKey,
        key: &FreshKey,
    ) -> Result<bool, Fault> {
        let mut transaction = self.write().await?;
        // Locked: two gateways may start at once.
        by.lock(&mut transaction, chain::GATEWAY).await?;
        super::may_seal(&mut transaction, master).await?;
        let customers: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM customer").fetch_one(&mut *transaction).await?;
        if customers > 0 {
            return Ok(false);
        }
        let (customer, project, made) = (id()?, id()?, now());
        sqlx::query("INSERT INTO customer (id, name, created_ms) VALUES ($1, 'default', $2)")
            .bind(&customer)
            .bind(made)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO project (id, customer_id, name, sealed_secret, created_ms, changed_ms) VALUES ($1, $2, 'default', $3, $4, $4)",
        )
        .bind(&project)
        .bind(&customer)
        .bind(master.seal(&project, secret.expose())?)
        .bind(made)
        .execute(&mut *transaction)
        .await?;
        let api_key = id()?;
        sqlx::query(
            "INSERT INTO api_key (id, project_id, sha256, created_ms, name, prefix) VALUES ($1, $2, $3, $4, 'first', $5)",
        )
        .bind(&api_key)
        .bind(&project)
        .bind(hex(&key.sha256))
        .bind(made)
        .bind(&key.prefix)
        .execute(&mut *transaction)
        .await?;
        // All in the gateway's chain: the project's own begins with the first use of it.
        let acts = [
            (Action::ChangeCustomer, &customer),
            (Action::MakeProject, &project),
            (Action::MakeKey, &api_key),
        ];
        for (action, subject) in acts {
            by.record(&mut transaction, chain::GATEWAY, action, subject, Some("founding")).await?;
        }
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
}
