//! API keys that stand in the environment, as the vault's do: each with the name of its customer. They come and go with
//! the environment.

use super::key::{insert, revoke};
use super::project;
use super::{FreshKey, Hand, KeyWish, Quota, Tier};
use crate::audit::action::Action;
use crate::db::seal::{MasterKey, hex};
use crate::db::{Db, Fault, Write};
use sqlx::Row;

/// Where such a key came from, and that it stands there no more.
const HERE: &str = "environment";
const GONE: &str = "environment-gone";

/// The project that such keys belong to.
const PROJECT: &str = "default";

/// A key in the environment.
#[derive(Debug, Clone)]
pub struct EnvironmentKey {
    /// Name of its customer.
    pub customer: String,
    /// The key.
    pub key: FreshKey,
}

/// What the database knows of a key.
struct Known {
    id: String,
    project: String,
    origin: String,
    revoked: bool,
}

impl Db {
    /// Makes these keys valid, with a customer of the tier free and a project `default` where they are new; revokes
    /// those of an earlier start that are not among them. A key that an operator revoked stays so.
    ///
    /// # Errors
    /// A key belongs to another customer already, or the database fails.
    pub async fn follow_environment(
        &self,
        by: &Hand,
        master: &MasterKey,
        keys: &[EnvironmentKey],
    ) -> Result<(), Fault> {
        for key in keys {
            let project = self.environment_project(by, master, &key.customer).await?;
            let mut transaction = self.write().await?;
            by.lock(&mut transaction, &project).await?;
            admit(&mut transaction, by, &project, key).await?;
            transaction.commit().await?;
        }
        let stands = |sha256: &String| keys.iter().any(|key| hex(&key.key.sha256) == *sha256);
        let rows = sqlx::query(
            "SELECT id, project_id, sha256 FROM api_key WHERE origin = 'environment' AND revoked_ms IS NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        for row in rows {
            let (id, project, sha256): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if stands(&sha256) {
                continue;
            }
            let mut transaction = self.write().await?;
            by.lock(&mut transaction, &project).await?;
            if revoke(&mut transaction, &id, GONE).await? {
                by.record(&mut transaction, &project, Action::RevokeKey, &id, Some(HERE)).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// The project of a customer's keys; both made where they are missing.
    async fn environment_project(&self, by: &Hand, master: &MasterKey, name: &str) -> Result<String, Fault> {
        let customer = match self.customer(name).await {
            Err(Fault::Missing) => match self.add_customer(by, name, Tier::Free, Quota::OfTier).await {
                // Another gateway made it meanwhile.
                Err(Fault::Exists) => self.customer(name).await?,
                made => made?,
            },
            found => found?,
        };
        let find = async || {
            let projects = self.projects(Some(&customer.id)).await?;
            Ok::<_, Fault>(projects.into_iter().find(|it| it.name == PROJECT).map(|it| it.id))
        };
        if let Some(project) = find().await? {
            return Ok(project);
        }
        let mut transaction = self.write().await?;
        match project::insert(&mut transaction, by, master, &customer.id, PROJECT).await {
            Err(Fault::Exists) => {
                drop(transaction);
                find().await?.ok_or(Fault::Missing)
            }
            made => {
                let made = made?;
                transaction.commit().await?;
                Ok(made)
            }
        }
    }
}

async fn admit(transaction: &mut Write, by: &Hand, project: &str, key: &EnvironmentKey) -> Result<(), Fault> {
    match known(transaction, &key.key).await? {
        None => {
            let wish = KeyWish { name: HERE.to_owned(), ..KeyWish::default() };
            insert(transaction, by, project, &wish, &key.key, HERE).await.map(drop)
        }
        Some(known) if known.project != project => Err(Fault::Exists),
        Some(known) if known.origin == GONE => {
            sqlx::query("UPDATE api_key SET revoked_ms = NULL, origin = 'environment' WHERE id = $1")
                .bind(&known.id)
                .execute(&mut **transaction)
                .await?;
            by.record(transaction, project, Action::MakeKey, &known.id, Some(HERE)).await
        }
        Some(known) if known.revoked => {
            tracing::warn!(
                key = known.id,
                "a key in the environment stays revoked, as an operator revoked it"
            );
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

async fn known(transaction: &mut Write, key: &FreshKey) -> Result<Option<Known>, Fault> {
    let row = sqlx::query("SELECT id, project_id, origin, revoked_ms FROM api_key WHERE sha256 = $1")
        .bind(hex(&key.sha256))
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let revoked: Option<i64> = row.try_get(3)?;
    Ok(Some(Known {
        id: row.try_get(0)?,
        project: row.try_get(1)?,
        origin: row.try_get(2)?,
        revoked: revoked.is_some(),
    }))
}
