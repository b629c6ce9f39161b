//! Customers: whose tier and quota decide how much a month they may have pseudonymized.

use super::{Hand, Tier, id, name, only, time};
use crate::audit::action::Action;
use crate::audit::value::Time;
use crate::db::{Db, Fault, chain, now, signed};
use serde::{Serialize, Serializer};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Instances a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// What the settings say of the tier.
    OfTier,
    /// No bound.
    Unlimited,
    /// So many, whatever the tier.
    Own(u64),
}

impl Quota {
    /// `tier`, `unlimited` or a number.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "tier" => Some(Self::OfTier),
            "unlimited" => Some(Self::Unlimited),
            number => number.parse().ok().filter(|number| i64::try_from(*number).is_ok()).map(Self::Own),
        }
    }

    fn stored(self) -> Option<i64> {
        match self {
            Self::OfTier => None,
            Self::Unlimited => Some(-1),
            Self::Own(number) => Some(signed(number)),
        }
    }

    fn of(stored: Option<i64>) -> Self {
        stored.map_or(Self::OfTier, |stored| u64::try_from(stored).map_or(Self::Unlimited, Self::Own))
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OfTier => serializer.serialize_str("tier"),
            Self::Unlimited => serializer.serialize_str("unlimited"),
            Self::Own(number) => serializer.serialize_u64(*number),
        }
    }
}

/// A customer, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Its random name.
    pub id: String,
    /// The name that the operator gave it.
    pub name: String,
    /// The tier that holds now: the higher of what was given and what is paid for.
    pub tier: Tier,
    /// The tier that the operator gave.
    pub given_tier: Tier,
    /// Instances a month.
    pub quota: Quota,
    /// When it was made.
    pub created: Time,
}

/// What is to be changed of a customer; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CustomerWish {
    /// The tier that the operator gives.
    pub tier: Option<Tier>,
    /// Instances a month.
    pub quota: Option<Quota>,
}

const ALL: &str =
    "SELECT id, name, tier, paid_tier, paid_until_ms, quota, created_ms FROM customer ORDER BY name, id";
const ONE: &str =
    "SELECT id, name, tier, paid_tier, paid_until_ms, quota, created_ms FROM customer WHERE id = $1";
const NAMED: &str = "SELECT id FROM customer WHERE id = $1 OR name = $1 LIMIT 2";

impl Db {
    /// Makes a customer without projects.
    ///
    /// # Errors
    /// There is one of that name, the name is none, or the database fails.
    pub async fn add_customer(
        &self,
        by: &Hand,
        called: &str,
        tier: Tier,
        quota: Quota,
    ) -> Result<Customer, Fault> {
        let (customer, called) = (id()?, name(called)?);
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, chain::GATEWAY).await?;
        match only(&mut *transaction, NAMED, called.as_str()).await {
            Err(Fault::Missing) => {}
            Ok(_) | Err(Fault::Ambiguous) => return Err(Fault::Exists),
            Err(fault) => return Err(fault),
        }
        sqlx::query("INSERT INTO customer (id, name, created_ms, tier, quota) VALUES ($1, $2, $3, $4, $5)")
            .bind(&customer)
            .bind(called.as_str())
            .bind(now())
            .bind(tier.word())
            .bind(quota.stored())
            .execute(&mut *transaction)
            .await?;
        by.record(&mut transaction, chain::GATEWAY, Action::ChangeCustomer, &customer, Some("made")).await?;
        transaction.commit().await?;
        self.customer(&customer).await
    }

    /// All customers, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn customers(&self) -> Result<Vec<Customer>, Fault> {
        let rows = sqlx::query(ALL).fetch_all(&self.readers).await?;
        rows.iter().map(customer).collect()
    }

    /// The customer of this id or name.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn customer(&self, called: &str) -> Result<Customer, Fault> {
        let id = only(&self.readers, NAMED, called).await?;
        customer(&sqlx::query(ONE).bind(id).fetch_one(&self.readers).await?)
    }

    /// Changes a customer's tier or quota.
    ///
    /// # Errors
    /// There is no such customer, or the database fails.
    pub async fn change_customer(
        &self,
        by: &Hand,
        called: &str,
        wish: CustomerWish,
    ) -> Result<Customer, Fault> {
        let before = self.customer(called).await?;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, chain::GATEWAY).await?;
        if let Some(tier) = wish.tier {
            sqlx::query("UPDATE customer SET tier = $2 WHERE id = $1")
                .bind(&before.id)
                .bind(tier.word())
                .execute(&mut *transaction)
                .await?;
            by.record(&mut transaction, chain::GATEWAY, Action::ChangeTier, &before.id, Some(tier.word()))
                .await?;
        }
        if let Some(quota) = wish.quota {
            sqlx::query("UPDATE customer SET quota = $2 WHERE id = $1")
                .bind(&before.id)
                .bind(quota.stored())
                .execute(&mut *transaction)
                .await?;
            by.record(&mut transaction, chain::GATEWAY, Action::ChangeCustomer, &before.id, Some("quota"))
                .await?;
        }
        transaction.commit().await?;
        self.customer(&before.id).await
    }
}

fn customer(row: &AnyRow) -> Result<Customer, Fault> {
    let (given, paid): (String, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Customer {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        tier: Tier::effective(&given, paid.as_deref(), row.try_get(4)?, now()),
        given_tier: Tier::parse(&given).unwrap_or(Tier::Free),
        quota: Quota::of(row.try_get(5)?),
        created: time(row.try_get(6)?)?,
    })
}
