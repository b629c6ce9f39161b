//! Who may have how many instances pseudonymized in a month, how many were, and how many were read. Reserving and settling
//! is `writer`'s.

use super::account::Tier;
use super::script::Script;
use super::{Db, Fault, Write, now, unsigned};
use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Instances a month by tier; `None` for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Of a customer who pays nothing.
    pub free: Option<u64>,
    /// Of one who pays by the month or year.
    pub pro: Option<u64>,
    /// Of one with a contract.
    pub enterprise: Option<u64>,
}

impl Quotas {
    fn of(&self, tier: Tier) -> Option<u64> {
        match tier {
            Tier::Free => self.free,
            Tier::Pro => self.pro,
            Tier::Enterprise => self.enterprise,
        }
    }
}

/// A UTC month, as `2026-11`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(String);

impl Month {
    /// The present one.
    pub fn now() -> Self {
        Self::at(now())
    }

    fn at(millis: i64) -> Self {
        let time = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
        Self(format!("{:04}-{:02}", time.year(), time.month()))
    }

    /// As it was stored.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the next month begins, in seconds since 1970 UTC.
    pub fn end(&self) -> i64 {
        let first = NaiveDate::parse_from_str(&format!("{}-01", self.0), "%Y-%m-%d").unwrap_or_default();
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        next.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
    }

    /// When the next month begins, as `2026-12-01T00:00:00+00:00`.
    pub fn reset(&self) -> String {
        let next = DateTime::<Utc>::from_timestamp(self.end(), 0).unwrap_or_default();
        format!("{:04}-{:02}-01T00:00:00+00:00", next.year(), next.month())
    }

    /// Seconds until the next month begins; at least one.
    pub fn left(&self) -> u64 {
        unsigned(self.end().saturating_sub(now().div_euclid(1000))).max(1)
    }
}

/// How much of its month a customer has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The tier that holds now.
    pub tier: Tier,
    /// Instances a month; `None` for no bound.
    pub quota: Option<u64>,
    /// Instances pseudonymized.
    pub used: u64,
    /// Instances that requests under way may still use.
    pub reserved: u64,
    /// Instances read: each once for each answer that gave its file, frames, bulk data or picture.
    pub read: u64,
    /// Bytes of the bodies of those answers, as far as they have left.
    pub read_bytes: u64,
}

/// A customer's month, locked: what it holds, before anything is added.
pub(super) struct Locked {
    taken: u64,
    quota: Option<u64>,
    pub(super) stripe_customer: Option<String>,
}

impl Locked {
    /// Instances that nobody used or reserved, `added` included; `None` for no bound.
    pub(super) fn left(&self, added: &Added) -> Option<u64> {
        let taken = self.taken.saturating_add_signed(added.used.saturating_add(added.reserved));
        self.quota.map(|quota| quota.saturating_sub(taken))
    }
}

/// What is added to a month.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) used: i64,
    /// Less than nothing where more is given back.
    pub(super) reserved: i64,
    pub(super) read: i64,
    pub(super) read_bytes: i64,
}

const CUSTOMER: &str = "SELECT tier, paid_tier, paid_until_ms, quota FROM customer WHERE id = $1";

/// Takes the first four columns.
fn standing(row: &AnyRow, quotas: &Quotas) -> Result<(Tier, Option<u64>), Fault> {
    let (tier, paid): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let tier = Tier::effective(&tier, paid.as_deref(), row.try_get(2)?, now());
    let own: Option<i64> = row.try_get(3)?;
    Ok((tier, own.map_or(quotas.of(tier), |own| u64::try_from(own).ok())))
}

/// Locks a customer's month until the transaction ends; it begins if it is new.
pub(super) async fn lock(
    transaction: &mut Write,
    quotas: &Quotas,
    customer: &str,
    month: &Month,
) -> Result<Locked, Fault> {
    // With what stands of the customer: one question fewer.
    const LOCK: &str = "UPDATE usage SET used = used WHERE customer_id = $1 AND month = $2 RETURNING \
        (SELECT tier FROM customer WHERE id = $1), (SELECT paid_tier FROM customer WHERE id = $1), \
        (SELECT paid_until_ms FROM customer WHERE id = $1), (SELECT quota FROM customer WHERE id = $1), \
        (SELECT stripe_customer FROM customer WHERE id = $1), used + reserved";
    let locking = || sqlx::query(LOCK).bind(customer.to_owned()).bind(month.0.clone());
    let mut row = locking().fetch_optional(&mut **transaction).await?;
    if row.is_none() {
        begin(transaction, customer, month).await?;
        row = locking().fetch_optional(&mut **transaction).await?;
    }
    let row = row.ok_or(Fault::Missing)?;
    let quota = standing(&row, quotas)?.1;
    Ok(Locked { quota, stripe_customer: row.try_get(4)?, taken: unsigned(row.try_get(5)?) })
}

/// Begins a month, if it has not begun.
pub(super) async fn begin(transaction: &mut Write, customer: &str, month: &Month) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO usage (customer_id, month, used, reserved) VALUES ($1, $2, 0, 0) \
         ON CONFLICT (customer_id, month) DO NOTHING",
    )
    .bind(customer)
    .bind(month.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Adds to a month that has begun. What is only counted needs no lock before.
pub(super) fn add(script: &mut Script, customer: &str, month: &Month, added: &Added) {
    let Added { used, reserved, read, read_bytes } = *added;
    script.add(
        "UPDATE usage SET used = used + $3, \
         reserved = CASE WHEN reserved + $4 < 0 THEN 0 ELSE reserved + $4 END, \
         read_instances = read_instances + $5, read_bytes = read_bytes + $6 WHERE customer_id = $1 AND month = $2",
        [customer.into(), month.as_str().into(), used.into(), reserved.into(), read.into(), read_bytes.into()],
        1,
    );
}

impl Db {
    /// A customer's month.
    ///
    /// # Errors
    /// The database fails, or there is no such customer.
    pub async fn usage(&self, quotas: &Quotas, customer: &str, month: &Month) -> Result<Usage, Fault> {
        let owner = sqlx::query(CUSTOMER).bind(customer).fetch_one(&self.readers).await?;
        let (tier, quota) = standing(&owner, quotas)?;
        let row = sqlx::query(
            "SELECT used, reserved, read_instances, read_bytes FROM usage WHERE customer_id = $1 AND month = $2",
        )
        .bind(customer)
        .bind(month.as_str())
        .fetch_optional(&self.readers)
        .await?;
        let number = |column: usize| row.as_ref().map_or(Ok(0), |row| row.try_get(column).map(unsigned));
        let (used, reserved, read, read_bytes) = (number(0)?, number(1)?, number(2)?, number(3)?);
        Ok(Usage { tier, quota, used, reserved, read, read_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins_also_in_december() {
        let december = Month::at(1_798_761_599_999);
        assert_eq!((december.as_str(), december.end()), ("2026-12", 1_798_761_600));
        assert_eq!(december.reset(), "2027-01-01T00:00:00+00:00");
        assert_eq!(Month::at(1_798_761_600_000).as_str(), "2027-01");
    }
}
