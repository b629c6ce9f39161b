//! How far the second sink has come in each chain. Two gateways share the cursor: an entry goes to the sink of one of
//! them, or of both where they read at the same time.

use crate::audit::chain::Sealed;
use crate::audit::value::Id;
use crate::db::{Db, Fault, signed, unsigned};
use sqlx::Row;

impl Db {
    /// At most so many entries that were not sent yet, those of a project in their order. Chains with few come first, so
    /// that a long one keeps none waiting.
    ///
    /// # Errors
    /// The database fails, or an entry in it is damaged.
    pub async fn unsent_entries(&self, most: u64) -> Result<Vec<Sealed>, Fault> {
        let rows = sqlx::query(
            "SELECT audit_head.project_id, COALESCE(audit_sink.sequence, 0) AS sent FROM audit_head \
             LEFT JOIN audit_sink ON audit_sink.project_id = audit_head.project_id \
             WHERE audit_head.sequence > COALESCE(audit_sink.sequence, 0) \
             ORDER BY audit_head.sequence - COALESCE(audit_sink.sequence, 0), audit_head.project_id LIMIT $1",
        )
        .bind(signed(most))
        .fetch_all(&self.readers)
        .await?;
        let mut entries = Vec::new();
        for row in rows {
            let (project, sent): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let room = most.saturating_sub(entries.len() as u64);
            if room == 0 {
                break;
            }
            entries.extend(self.audit_entries(&project, unsigned(sent), room).await?);
        }
        Ok(entries)
    }

    /// Moves the cursor: all entries of these projects up to these numbers were sent. It never goes back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sent_entries(&self, last: &[(Id, u64)]) -> Result<(), Fault> {
        let mut last = last.to_vec();
        // In one order, so that two gateways do not wait for each other.
        last.sort_unstable();
        let mut transaction = self.write_relaxed().await?;
        for (project, sequence) in &last {
            sqlx::query(
                "INSERT INTO audit_sink (project_id, sequence) VALUES ($1, $2) ON CONFLICT (project_id) DO UPDATE SET \
                 sequence = CASE WHEN excluded.sequence > audit_sink.sequence THEN excluded.sequence \
                 ELSE audit_sink.sequence END",
            )
            .bind(project.as_str().to_owned())
            .bind(signed(*sequence))
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The number up to which a project's entries were sent.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sent_until(&self, project: &str) -> Result<u64, Fault> {
        let sent: Option<i64> = sqlx::query_scalar("SELECT sequence FROM audit_sink WHERE project_id = $1")
            .bind(project.to_owned())
            .fetch_optional(&self.readers)
            .await?;
        Ok(sent.map_or(0, unsigned))
    }
}
