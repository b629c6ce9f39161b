//! The only door to SQL: opens the database, brings its schema up to date. What is kept
//! there stands in the modules; what a request leaves behind is written by `writer`.
//!
//! One text of each statement for SQLite and PostgreSQL. A row that must not change
//! between reading and writing is locked by `UPDATE … RETURNING`, or written only if it is what it was.

pub mod account;
#[cfg(feature = "billing")]
pub mod billing;
pub mod catalog;
pub mod chain;
pub mod condition;
pub mod crosswalk;
pub mod erase;
pub mod held;
pub mod pseudonyms;
mod script;
pub mod seal;
pub mod standing;
pub mod usage;
pub mod writer;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Connection, Executor, Transaction};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Schema changes in order; the first is number 1. A released one is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_accounts_and_catalog.sql"),
    include_str!("../../migrations/0002_tenants_usage_audit_billing.sql"),
    include_str!("../../migrations/0003_search.sql"),
    include_str!("../../migrations/0004_origin.sql"),
    include_str!("../../migrations/0005_reads.sql"),
    include_str!("../../migrations/0006_crosswalk.sql"),
    include_str!("../../migrations/0007_patients_of_instances.sql"),
];

/// How long a request waits for a connection before it is answered with 503.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Connections for reading, and on PostgreSQL for writing too.
const CONNECTIONS: u32 = 8;

/// The key of the lock under which PostgreSQL's schema is changed: "veilgate" as bytes.
const MIGRATION_LOCK: i64 = 0x7665_696c_6761_7465;

/// Readers never wait for the writer. `LIKE` minds case, as on PostgreSQL. A commit brings the log into the file only where
/// `writer` does not get to it before the log has so many pages (16 MB).
const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000; \
    PRAGMA case_sensitive_like = ON; PRAGMA wal_autocheckpoint = 4000;";

/// Begins what is safe on disk at its commit. Locked from the start: a transaction that reads first could otherwise find
/// that another process wrote meanwhile.
const DURABLE: &str = "PRAGMA synchronous = FULL; BEGIN IMMEDIATE";

/// As `DURABLE`, but safe on disk only with the next one: what is lost in between by a failure of the power is of no use
/// then.
const RELAXED: &str = "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE";

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// SQLite, in this file.
    File(PathBuf),
    /// PostgreSQL, by its URL, which holds a password.
    Postgres(String),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        })
    }
}

/// The kinds of database, as far as anybody must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    readers: AnyPool,
    /// On SQLite one connection: it has one writer, and waiting here is fairer than polling there.
    writers: AnyPool,
    kind: Kind,
}

/// A transaction that writes.
type Write = Transaction<'static, Any>;

/// What is wrong with the database. Never holds a value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be reached, or cannot be read or written at all at present.
    #[error("the database is down: {0}")]
    Down(&'static str),
    /// It cannot do what was asked, or holds what it should not.
    #[error("the database fails: {0}")]
    Failing(&'static str),
    /// What was to be made is there already.
    #[error("an entry of this name exists already")]
    Exists,
    /// What was asked for is not there, or not the caller's.
    #[error("there is no such entry")]
    Missing,
    /// It was made by a newer version of this program.
    #[error("the database was made by a newer version (schema {0})")]
    Newer(i64),
    /// A sealed secret does not open.
    #[error("a sealed secret does not open: the master key is not the one it was sealed under")]
    Sealed,
    /// The project's secret is gone for good.
    #[error("the project's key was destroyed: it pseudonymizes nothing any more")]
    Destroyed,
    /// The customer's instances of the month are used up.
    #[error("the customer's instances of this month are used up")]
    Spent,
    /// Several entries are called so.
    #[error("several entries are called so; name one by its id")]
    Ambiguous,
    /// What was given as a name is none.
    #[error("a name must be 1 to 64 ASCII letters, digits or . _ - : and must not look like an id")]
    Name,
    /// The key was revoked, or has expired.
    #[error("the key was revoked or has expired")]
    Ended,
    /// There is no server to forward to.
    #[error(
        "to forward, pull or lead back, the project or the server's settings must name a downstream server"
    )]
    NoDownstream,
    /// The caller's fault: pseudonymized instances would be forwarded to the server that holds the originals.
    #[error("a project does not forward to the clinical server that it pulls from through the veil")]
    BehindVeil,
    /// There is no veil behind which instances could be restored.
    #[error("what is sent can be restored only where the origin is the veil")]
    NoVeil,
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(error) if error.is_foreign_key_violation() => Self::Missing,
            sqlx::Error::Database(error) => refused(error.code().as_deref()),
            sqlx::Error::RowNotFound => Self::Missing,
            sqlx::Error::Io(_) => Self::Down("the connection broke"),
            sqlx::Error::Tls(_) => Self::Down("the connection's encryption"),
            sqlx::Error::PoolTimedOut => Self::Down("no connection became free in time"),
            sqlx::Error::PoolClosed => Self::Down("it is closed"),
            sqlx::Error::WorkerCrashed => Self::Down("a connection's thread ended"),
            sqlx::Error::Protocol(_) => Self::Down("the connection went out of step"),
            sqlx::Error::Configuration(_) => Self::Failing("its address is not usable"),
            _ => Self::Failing("unexpected answer"),
        }
    }
}

/// A refusal by the database's code: shutting down, starting up, out of connections (PostgreSQL 57P01 to 57P03, 53300),
/// or full, locked, not readable, not writable (SQLite's primary codes) are outages.
fn refused(code: Option<&str>) -> Fault {
    match code {
        Some("57P01" | "57P02" | "57P03" | "53300" | "53400") => Fault::Down("the server is not serving"),
        Some(code) if code.starts_with("08") => Fault::Down("the connection broke"),
        Some("53100" | "13") => Fault::Down("its disk is full"),
        Some("28000" | "28P01") => Fault::Failing("it refuses user or password"),
        Some("3D000") => Fault::Failing("its server has no database of that name"),
        Some(code) => match code.parse::<u32>().map(|code| code & 0xFF) {
            Ok(5 | 6) => Fault::Down("it is locked"),
            Ok(8) => Fault::Down("it cannot be written"),
            Ok(10 | 14) => Fault::Down("its file cannot be read or written"),
            _ => Fault::Failing("a statement was refused"),
        },
        None => Fault::Failing("a statement was refused"),
    }
}

impl Fault {
    /// True if it is the database as a whole that fails, and not what was asked of it.
    pub fn is_outage(self) -> bool {
        matches!(self, Self::Down(_))
    }
}

impl Db {
    /// Opens the database, made if it is a file that is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be reached, or is newer than this program.
    pub async fn open(address: &Address) -> Result<Self, Fault> {
        let db = Self::connect(address, "rwc").await?;
        db.migrate().await?;
        Ok(db)
    }

    /// Opens the database as it is, for whoever looks at it: makes no file and changes no schema.
    ///
    /// # Errors
    /// It cannot be reached, or its file is missing.
    pub async fn look_at(address: &Address) -> Result<Self, Fault> {
        Self::connect(address, "rw").await
    }

    /// `mode` is how SQLite opens the file.
    async fn connect(address: &Address, mode: &str) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let pool = |most: u32| AnyPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE);
        Ok(match address {
            Address::File(file) => {
                let pool = |most, pragmas: &'static str| {
                    pool(most)
                        // A file does not hang up, and whether it can still be read the next statement tells.
                        .test_before_acquire(false)
                        .after_connect(move |connection, _| {
                            Box::pin(async move { connection.execute(pragmas).await.map(drop) })
                        })
                        // SQLite rolls back by itself when its disk is full. The connection then believes for ever that
                        // its transaction is open, and takes no other.
                        .before_acquire(|connection, _| {
                            let stuck = connection.is_in_transaction();
                            Box::pin(async move { Ok(!stuck) })
                        })
                };
                let options = AnyConnectOptions::from_str(&url(file, mode)?)?;
                let writers = pool(1, SQLITE).connect_with(options.clone()).await?;
                let readers = pool(CONNECTIONS, SQLITE).connect_lazy_with(options);
                Self { readers, writers, kind: Kind::Sqlite }
            }
            Address::Postgres(url) => {
                let all = pool(CONNECTIONS).connect(url).await?;
                Self { readers: all.clone(), writers: all, kind: Kind::Postgres }
            }
        })
    }

    /// Closes it; what is committed stays.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    /// The number of its schema.
    ///
    /// # Errors
    /// It fails.
    pub async fn schema(&self) -> Result<u64, Fault> {
        let version: i64 =
            sqlx::query_scalar("SELECT MAX(version) FROM schema_version").fetch_one(&self.readers).await?;
        Ok(unsigned(version))
    }

    /// True if it answers and takes what is written.
    pub async fn is_writable(&self) -> bool {
        let touch = async {
            let mut transaction = self.write_relaxed().await?;
            // What changes nothing is not written, and on a full disk it would succeed.
            for statement in [
                "INSERT INTO gateway (id, seen_ms) VALUES ('', 0) ON CONFLICT (id) DO NOTHING",
                "DELETE FROM gateway WHERE id = ''",
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            Ok::<_, Fault>(transaction.commit().await?)
        };
        touch.await.is_ok()
    }

    async fn write(&self) -> Result<Write, Fault> {
        Ok(match self.kind {
            Kind::Sqlite => self.writers.begin_with(DURABLE).await?,
            Kind::Postgres => self.writers.begin().await?,
        })
    }

    /// As `write`, for what need not outlast a failure of the power.
    async fn write_relaxed(&self) -> Result<Write, Fault> {
        match self.kind {
            Kind::Sqlite => Ok(self.writers.begin_with(RELAXED).await?),
            Kind::Postgres => {
                let mut transaction = self.writers.begin().await?;
                sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
                Ok(transaction)
            }
        }
    }

    async fn migrate(&self) -> Result<(), Fault> {
        let mut transaction = self.write().await?;
        if self.kind == Kind::Postgres {
            // Two gateways may start at once.
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(MIGRATION_LOCK)
                .execute(&mut *transaction)
                .await?;
        }
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

/// The URL of an SQLite file, opened in this mode.
fn url(file: &Path, mode: &str) -> Result<String, Fault> {
    const SPECIAL: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');
    let path = file.to_str().ok_or(Fault::Failing("its path is not UTF-8"))?;
    Ok(format!("sqlite://{}?mode={mode}", utf8_percent_encode(path, SPECIAL)))
}

/// Milliseconds since 1970 UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What SQL keeps as a signed number; never below zero.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// As SQL keeps it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
