//! What an operator wants to know of the database as a whole: product, schema, clock, and whether what is committed
//! outlasts a power cut. Asks, and changes nothing.

use super::{Db, Fault, Kind, MIGRATIONS};
use sqlx::Row;

/// Oldest PostgreSQL that its makers still look after, as the number of its version.
const OLDEST_POSTGRES: i64 = 140_000;

/// The database as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Product and version, such as `PostgreSQL 15.18`.
    pub product: String,
    /// The number of its schema; 0 if it is empty.
    pub schema: u64,
    /// The number of the schema that this program knows.
    pub newest: u64,
    /// What is not as it should be, each with what to do about it.
    pub doubts: Vec<(&'static str, &'static str)>,
    /// The time by its own clock, in milliseconds since 1970 UTC, if it runs on a machine of its own.
    pub clock: Option<i64>,
}

impl Db {
    /// In what condition it is.
    ///
    /// # Errors
    /// It fails.
    pub async fn condition(&self) -> Result<Condition, Fault> {
        let schema = self.present_schema().await?;
        match self.kind {
            Kind::Sqlite => self.sqlite(schema).await,
            Kind::Postgres => self.postgres(schema).await,
        }
    }

    /// As `schema`, of a database that may be empty.
    async fn present_schema(&self) -> Result<u64, Fault> {
        let tables = match self.kind {
            Kind::Sqlite => {
                "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
            }
            Kind::Postgres => {
                "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_version')"
            }
        };
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&self.readers).await?;
        if tables == 0 { Ok(0) } else { self.schema().await }
    }

    async fn sqlite(&self, schema: u64) -> Result<Condition, Fault> {
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&self.readers).await?;
        let journal: String = sqlx::query_scalar("SELECT journal_mode FROM pragma_journal_mode")
            .fetch_one(&self.readers)
            .await?;
        let mut doubts = Vec::new();
        if !journal.eq_ignore_ascii_case("wal") {
            doubts.push((
                "its file system takes no write-ahead log",
                "put it on a local disk: over a network it may be damaged",
            ));
        }
        Ok(Condition { product: format!("SQLite {version}"), schema, newest: newest(), doubts, clock: None })
    }

    async fn postgres(&self, schema: u64) -> Result<Condition, Fault> {
        let row = sqlx::query(
            "SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS BIGINT), \
             current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(), \
             CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        )
        .fetch_one(&self.readers)
        .await?;
        let (version, number): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (fsync, commit): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let mut doubts = Vec::new();
        if row.try_get(4)? {
            doubts.push(("it is a standby, which takes nothing", "name the primary server in `database`"));
        }
        if fsync == "off" || commit == "off" {
            doubts.push((
                "what is committed may be lost at a power cut: usage, audit entries, the catalog",
                "set fsync and synchronous_commit to on in postgresql.conf",
            ));
        }
        if number < OLDEST_POSTGRES {
            doubts.push(("its makers look after that version no more", "move to a newer PostgreSQL"));
        }
        let version = version.split(' ').next().unwrap_or_default();
        let product = format!("PostgreSQL {version}");
        Ok(Condition { product, schema, newest: newest(), doubts, clock: Some(row.try_get(5)?) })
    }
}

fn newest() -> u64 {
    MIGRATIONS.len() as u64
}

impl Condition {
    /// True if this program's next start changes the schema.
    pub fn is_old(&self) -> bool {
        self.schema < self.newest
    }

    /// True if a newer program made it.
    pub fn is_newer(&self) -> bool {
        self.schema > self.newest
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::Address;
    use crate::db::tests::fresh;

    #[tokio::test]
    async fn a_database_that_is_up_to_date_is_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let db = fresh(folder.path()).await;
        let condition = db.condition().await.unwrap();
        assert_eq!((condition.schema, condition.is_old(), condition.is_newer()), (newest(), false, false));
        // A PostgreSQL for tests may run without fsync, for speed; that is to be told.
        let durable = match db.kind {
            Kind::Sqlite => true,
            Kind::Postgres => {
                let fsync: String = sqlx::query_scalar("SELECT current_setting('fsync')")
                    .fetch_one(&db.readers)
                    .await
                    .unwrap();
                fsync == "on"
            }
        };
        assert_eq!(condition.doubts.is_empty(), durable, "{:?}", condition.doubts);
        assert!(condition.product.contains('.'), "{}", condition.product);
        assert_eq!(condition.clock.is_some(), condition.product.starts_with("PostgreSQL"));
    }

    #[tokio::test]
    async fn who_looks_makes_no_file_and_changes_no_schema() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("none.db");
        assert!(Db::look_at(&Address::File(file.clone())).await.is_err());
        assert!(!file.exists(), "no file is made");
        std::fs::write(&file, "").unwrap();
        let db = Db::look_at(&Address::File(file)).await.unwrap();
        let condition = db.condition().await.unwrap();
        assert!(condition.schema == 0 && condition.is_old(), "{condition:?}");
        assert_eq!(db.condition().await.unwrap().schema, 0, "and looking changed nothing");
    }
}
