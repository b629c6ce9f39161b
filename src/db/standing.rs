//! How the database stands as a whole, in numbers: for metrics. Which chain or customer has which share is not told.

use super::{Db, Fault, unsigned};
use sqlx::Row;

/// The numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Audit chains.
    pub chains: u64,
    /// Their entries together.
    pub entries: u64,
    /// Those behind the checkpoints kept last.
    pub unkept: u64,
    /// When the last of these was kept, in milliseconds since 1970 UTC; 0 for never.
    pub kept_ms: u64,
    /// Lines and batches of usage that are not told to the payment provider yet.
    pub pending: u64,
    /// Batches that somebody has to look at.
    pub parked: u64,
}

/// Sums are cast: PostgreSQL makes another type of them.
const AUDIT: &str = "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(SUM(sequence), 0) AS BIGINT), \
    CAST(COALESCE(SUM(sequence - kept_sequence), 0) AS BIGINT), CAST(COALESCE(MAX(kept_ms), 0) AS BIGINT) FROM audit_head";

const BILLING: &str = "SELECT CAST((SELECT COUNT(*) FROM usage_line WHERE batch IS NULL) \
    + (SELECT COUNT(*) FROM meter_batch WHERE state = 'open') AS BIGINT), \
    CAST((SELECT COUNT(*) FROM meter_batch WHERE state = 'parked') AS BIGINT)";

impl Db {
    /// Counts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn standing(&self) -> Result<Standing, Fault> {
        let audit = sqlx::query(AUDIT).fetch_one(&self.readers).await?;
        let billing = sqlx::query(BILLING).fetch_one(&self.readers).await?;
        Ok(Standing {
            chains: unsigned(audit.try_get(0)?),
            entries: unsigned(audit.try_get(1)?),
            unkept: unsigned(audit.try_get(2)?),
            kept_ms: unsigned(audit.try_get(3)?),
            pending: unsigned(billing.try_get(0)?),
            parked: unsigned(billing.try_get(1)?),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::tests::founded;

    #[tokio::test]
    async fn chains_and_what_is_not_told_are_counted_and_an_empty_database_is_all_zero() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = founded(folder.path()).await;
        let mut write = db.write().await.unwrap();
        for table in ["audit_head", "usage_line", "meter_batch"] {
            let clear = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            sqlx::query(clear).execute(&mut *write).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(db.standing().await, Ok(Standing::default()));
        let mut write = db.write().await.unwrap();
        let fill = [
            "INSERT INTO audit_head (project_id, sequence, hash, kept_sequence, kept_ms) VALUES ('a', 7, '', 5, 30), ('b', 4, '', 4, 20)",
            "INSERT INTO usage_line (id, customer_id, stripe_customer, at_s, instances) VALUES (1, 'c', 's', 0, 9)",
            "INSERT INTO meter_batch (identifier, stripe_customer, at_s, instances, delivery, next_at_s, state) \
             VALUES ('x', 's', 0, 9, '', 0, 'open'), ('y', 's', 0, 9, '', 0, 'parked'), ('z', 's', 0, 9, '', 0, 'done')",
        ];
        for statement in fill {
            sqlx::query(statement).execute(&mut *write).await.unwrap();
        }
        write.commit().await.unwrap();
        let expected = Standing { chains: 2, entries: 11, unkept: 2, kept_ms: 30, pending: 2, parked: 1 };
        assert_eq!(db.standing().await, Ok(expected));
    }
}
