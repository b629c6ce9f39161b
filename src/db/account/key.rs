//! API keys: made and shown once, known by their SHA-256, ended by expiry or revocation. A project may have several, so
//! that changing one changes no pseudonym.

use super::{Hand, Rights, Tier, id, name, only, random, time};
use crate::audit::action::Action;
use crate::audit::value::Time;
use crate::db::seal::{hex, unhex};
use crate::db::{Db, Fault, Write, now, signed, unsigned};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Most characters that are shown of a key, and never more than a quarter of it.
const SHOWN: usize = 8;

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
    /// What the key may do beyond what every key may.
    pub rights: Rights,
    /// SHA-256 of the key, for a comparison in constant time.
    pub sha256: [u8; 32],
}

/// A key that is given out: the only time that anybody sees it.
#[derive(Debug, Clone)]
pub struct FreshKey {
    /// The key itself.
    pub text: Secret,
    /// By which it is known.
    pub sha256: [u8; 32],
    /// What is shown of it later.
    pub prefix: String,
}

impl FreshKey {
    /// A new random one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, Fault> {
        Ok(Self::of(&format!("vg_{}", URL_SAFE_NO_PAD.encode(random::<32>()?))))
    }

    /// One that somebody chose.
    pub fn of(text: &str) -> Self {
        let text = Secret::new(text);
        let most = SHOWN.min(text.expose().chars().count() / 4);
        Self {
            sha256: Sha256::digest(text.expose().as_bytes()).into(),
            prefix: text.expose().chars().take(most).collect(),
            text,
        }
    }
}

/// When a key is to end, in milliseconds since 1970 UTC: a date (at its first moment in UTC), a time as RFC 3339 writes
/// it, or a time from now in days, hours or minutes (`30d`, `12h`, `5m`).
pub fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let unit = match text.chars().last()? {
        'd' => 86_400_000,
        'h' => 3_600_000,
        'm' => 60_000,
        _ => return written(text),
    };
    let number: i64 = text.get(..text.len() - 1)?.parse().ok().filter(|number| *number >= 0)?;
    now().checked_add(number.checked_mul(unit)?).filter(|at| time(*at).is_ok())
}

/// True of a moment that is still to come: a key that is to end before opens nothing.
pub fn is_ahead(at: i64) -> bool {
    at > now()
}

fn written(text: &str) -> Option<i64> {
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let at = match DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.timestamp_millis(),
        Err(_) => date()?.and_time(NaiveTime::MIN).and_utc().timestamp_millis(),
    };
    Some(at).filter(|at| time(*at).is_ok())
}

/// An API key, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its random name, which audit entries tell.
    pub id: String,
    /// Its project.
    pub project: String,
    /// The name that the operator gave it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// Requests a minute, if not those of the tier.
    pub rate: Option<u64>,
    /// What it may do beyond what every key may.
    pub rights: Rights,
    /// `environment` if it stands in the environment; else empty.
    pub origin: String,
    /// When it was made.
    pub created: Time,
    /// When it ends, or ended, by itself.
    pub expires: Option<Time>,
    /// When it was used last, to a minute.
    pub used: Option<Time>,
    /// When it was revoked.
    pub revoked: Option<Time>,
}

/// What a key is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyWish {
    /// The name that the operator gives it; several keys may have the same.
    pub name: String,
    /// When it ends by itself, in milliseconds since 1970 UTC.
    pub expires: Option<i64>,
    /// Requests a minute, if not those of the tier.
    pub rate: Option<u64>,
    /// What it may do beyond what every key may.
    pub rights: Rights,
}

const COLUMNS: &str = "SELECT id, project_id, name, prefix, rate, origin, created_ms, expires_ms, used_ms, revoked_ms, \
    rights FROM api_key WHERE (id = $1 OR $1 = '') AND (project_id = $2 OR $2 = '') ORDER BY created_ms, id";

/// By id, prefix or name; of several with one name only those count that are not revoked.
const NAMED: &str = "SELECT id FROM api_key WHERE id = $1 \
    OR ((name = $1 OR prefix = $1) AND $1 <> '' AND (revoked_ms IS NULL OR NOT EXISTS (SELECT 1 FROM api_key other \
    WHERE (other.name = $1 OR other.prefix = $1) AND other.revoked_ms IS NULL))) LIMIT 2";

impl Db {
    /// The owner of the API key with this SHA-256, unless it was revoked or ended.
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
            rights: Rights::stored(&row.try_get::<String, _>(8)?),
            changed: row.try_get(9)?,
            sha256: stored.ok_or(Fault::Failing("a key's digest is damaged"))?,
        }))
    }

    /// Makes a key of a project (its id, or a name that only one has). The key itself is nowhere but in the answer.
    ///
    /// # Errors
    /// There is no such project, or the database fails.
    pub async fn add_key(&self, by: &Hand, project: &str, wish: &KeyWish) -> Result<(ApiKey, Secret), Fault> {
        let project = self.project(project).await?.id;
        let fresh = FreshKey::random()?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &project).await?;
        let id = insert(&mut transaction, by, &project, wish, &fresh, "").await?;
        transaction.commit().await?;
        Ok((self.key(&id).await?, fresh.text))
    }

    /// The keys of a project, or all; oldest first.
    ///
    /// # Errors
    /// There is no such project, or the database fails.
    pub async fn keys(&self, project: Option<&str>) -> Result<Vec<ApiKey>, Fault> {
        let project = match project {
            Some(project) => self.project(project).await?.id,
            None => String::new(),
        };
        let rows = sqlx::query(COLUMNS).bind("").bind(project).fetch_all(&self.readers).await?;
        rows.iter().map(api_key).collect()
    }

    /// The key of this id, or of a prefix or name that only one has.
    ///
    /// # Errors
    /// There is none, there are several, or the database fails.
    pub async fn key(&self, called: &str) -> Result<ApiKey, Fault> {
        let id = only(&self.readers, NAMED, called).await?;
        api_key(&sqlx::query(COLUMNS).bind(id).bind("").fetch_one(&self.readers).await?)
    }

    /// Ends a key at once. Of one that is revoked already nothing changes.
    ///
    /// # Errors
    /// There is no such key, or the database fails.
    pub async fn revoke_key(&self, by: &Hand, called: &str) -> Result<ApiKey, Fault> {
        let key = self.key(called).await?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &key.project).await?;
        if revoke(&mut transaction, &key.id, "").await? {
            by.record(&mut transaction, &key.project, Action::RevokeKey, &key.id, None).await?;
            transaction.commit().await?;
        }
        self.key(&key.id).await
    }

    /// Makes a new key beside an old one, of its name, rate and rights, and of its end unless `expires` is given; the old one
    /// ends at `old_expires`, if that is given and earlier than its own end.
    ///
    /// # Errors
    /// There is no such key, it has ended, or the database fails.
    pub async fn rotate_key(
        &self,
        by: &Hand,
        called: &str,
        expires: Option<i64>,
        old_expires: Option<i64>,
    ) -> Result<(ApiKey, Secret), Fault> {
        let old = self.key(called).await?;
        let fresh = FreshKey::random()?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &old.project).await?;
        let lives: Option<Option<i64>> = sqlx::query_scalar(
            "SELECT expires_ms FROM api_key WHERE id = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)",
        )
        .bind(&old.id)
        .bind(now())
        .fetch_optional(&mut *transaction)
        .await?;
        let expires = expires.or(lives.ok_or(Fault::Ended)?);
        let wish = KeyWish { name: old.name.clone(), expires, rate: old.rate, rights: old.rights.clone() };
        let id = insert(&mut transaction, by, &old.project, &wish, &fresh, "").await?;
        if let Some(end) = old_expires {
            sqlx::query("UPDATE api_key SET expires_ms = $2 WHERE id = $1 AND (expires_ms IS NULL OR expires_ms > $2)")
                .bind(&old.id)
                .bind(end)
                .execute(&mut *transaction)
                .await?;
            by.record(&mut transaction, &old.project, Action::RevokeKey, &old.id, Some("expires")).await?;
        }
        transaction.commit().await?;
        Ok((self.key(&id).await?, fresh.text))
    }
}

/// Enters a key and tells of it, and of a right beyond the common, in its project's chain; its id.
pub(super) async fn insert(
    transaction: &mut Write,
    by: &Hand,
    project: &str,
    wish: &KeyWish,
    fresh: &FreshKey,
    origin: &'static str,
) -> Result<String, Fault> {
    let (key, called) = (id()?, name(&wish.name)?);
    sqlx::query(
        "INSERT INTO api_key (id, project_id, sha256, created_ms, name, prefix, rate, origin, expires_ms, rights) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&key)
    .bind(project)
    .bind(hex(&fresh.sha256))
    .bind(now())
    .bind(called.as_str())
    .bind(&fresh.prefix)
    .bind(wish.rate.map(signed))
    .bind(origin)
    .bind(wish.expires)
    .bind(wish.rights.text())
    .execute(&mut **transaction)
    .await?;
    by.record(transaction, project, Action::MakeKey, &key, wish.rights.words().next()).await?;
    Ok(key)
}

/// Revokes a key unless it is; true if it did. Its origin becomes `origin` unless that is empty.
pub(super) async fn revoke(transaction: &mut Write, key: &str, origin: &'static str) -> Result<bool, Fault> {
    let done = sqlx::query(
        "UPDATE api_key SET revoked_ms = $2, origin = CASE WHEN $3 = '' THEN origin ELSE $3 END \
         WHERE id = $1 AND revoked_ms IS NULL",
    )
    .bind(key.to_owned())
    .bind(now())
    .bind(origin)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn api_key(row: &AnyRow) -> Result<ApiKey, Fault> {
    let moment = |column: usize| {
        let millis: Option<i64> = row.try_get(column)?;
        millis.map(time).transpose()
    };
    let rate: Option<i64> = row.try_get(4)?;
    Ok(ApiKey {
        id: row.try_get(0)?,
        project: row.try_get(1)?,
        name: row.try_get(2)?,
        prefix: row.try_get(3)?,
        rate: rate.map(unsigned),
        rights: Rights::stored(&row.try_get::<String, _>(10)?),
        origin: row.try_get(5)?,
        created: time(row.try_get(6)?)?,
        expires: moment(7)?,
        used: moment(8)?,
        revoked: moment(9)?,
    })
}
