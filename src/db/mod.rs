//! The only door to SQL: opens the database, brings its schema up to date. Accounts are
//! `account`, the archive's index is `catalog`, sealing of secrets is `seal`.
//!
//! Statements are written so that SQLite and PostgreSQL both take them.

pub mod account;
pub mod catalog;
pub mod seal;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Schema changes in order; the first is number 1. A released one is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_accounts_and_catalog.sql")];

/// How long a statement waits for a lock of another process.
const BUSY: Duration = Duration::from_secs(10);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    readers: SqlitePool,
    /// One connection: SQLite has one writer, and waiting here is fairer than polling there.
    writer: SqlitePool,
}

/// What is wrong with the database. Never holds a value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be opened, read or written.
    #[error("the database fails: {0}")]
    Failing(&'static str),
    /// It was made by a newer version of this program.
    #[error("the database was made by a newer version (schema {0})")]
    Newer(i64),
    /// A sealed secret does not open.
    #[error("a sealed secret does not open: the master key is not the one it was sealed under")]
    Sealed,
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Failing(match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => "an entry exists already",
            sqlx::Error::Database(error) if error.is_foreign_key_violation() => "an entry is missing",
            sqlx::Error::Database(_) => "a statement was refused",
            sqlx::Error::Io(_) => "reading or writing its file",
            sqlx::Error::PoolTimedOut => "no connection became free in time",
            sqlx::Error::PoolClosed => "it is closed",
            sqlx::Error::RowNotFound => "an entry is missing",
            _ => "unexpected answer",
        })
    }
}

impl Db {
    /// Opens the database in `file`, made if missing, and brings its schema up to date.
    ///
    /// # Errors
    /// The file cannot be used, or is newer than this program.
    pub async fn open(file: &Path) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options);
        let db = Self { readers, writer };
        db.migrate().await?;
        Ok(db)
    }

    /// Closes it; what is committed stays.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// True if it answers.
    pub async fn is_ready(&self) -> bool {
        sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(&self.readers).await.is_ok()
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        Ok(self.writer.begin().await?)
    }

    async fn migrate(&self) -> Result<(), Fault> {
        let mut transaction = self.write().await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
            .execute(&mut *transaction)
            .await?;
        let current: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version")
            .fetch_one(&mut *transaction)
            .await?;
        let done = usize::try_from(current).unwrap_or(usize::MAX);
        let open = MIGRATIONS.get(done..).ok_or(Fault::Newer(current))?;
        for (version, statements) in (current + 1..).zip(open) {
            sqlx::raw_sql(*statements).execute(&mut *transaction).await?;
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind(version)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Milliseconds since 1970 UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_second_start_finds_the_schema_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        for _ in 0..2 {
            let db = Db::open(&file).await.unwrap();
            assert!(db.is_ready().await);
            db.close().await;
        }
        let db = Db::open(&file).await.unwrap();
        sqlx::query("INSERT INTO schema_version (version) VALUES (99)").execute(&db.writer).await.unwrap();
        db.close().await;
        assert_eq!(Db::open(&file).await.err(), Some(Fault::Newer(99)));
    }
}
