//! The project that a token of an issuer claims for its caller. That the token may claim it is checked before.

use super::Tier;
use crate::db::{Db, Fault, now};
use sqlx::Row;

/// A project whose caller comes without a key of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The project.
    pub project: String,
    /// When it was changed last: what was made of its settings before is stale.
    pub changed: i64,
    /// Its customer.
    pub customer: String,
    /// The customer's tier now.
    pub tier: Tier,
}

/// A name alone is not enough: another customer may give it to a project of theirs tomorrow.
const CLAIMED: &str = "SELECT project.id, project.changed_ms, customer.id, customer.tier, customer.paid_tier, \
    customer.paid_until_ms FROM project JOIN customer ON customer.id = project.customer_id \
    WHERE ($1 = '' AND project.id = $2) OR ((customer.id = $1 OR customer.name = $1) AND project.name = $2) LIMIT 2";

impl Db {
    /// The project of this id, or of `CUSTOMER/NAME` (the customer's id or name). Nothing if there is none, or if it is not
    /// that customer's.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claimed_project(&self, claim: &str) -> Result<Option<Claimed>, Fault> {
        let (customer, project) = match claim.split_once('/') {
            Some(("", _)) => return Ok(None),
            Some(both) => both,
            None => ("", claim),
        };
        let rows = sqlx::query(CLAIMED).bind(customer).bind(project).fetch_all(&self.readers).await?;
        let [row] = rows.as_slice() else { return Ok(None) };
        let (given, paid): (String, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
        Ok(Some(Claimed {
            project: row.try_get(0)?,
            changed: row.try_get(1)?,
            customer: row.try_get(2)?,
            tier: Tier::effective(&given, paid.as_deref(), row.try_get(5)?, now()),
        }))
    }
}
