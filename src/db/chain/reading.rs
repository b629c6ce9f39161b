//! Reads chains in the order of their numbers, a page at a time: memory does not grow with the chain. Rows are handed
//! over as they are stored; what is wrong with them is found by `audit::stored`.

use super::{Keeper, NOT_OURS, is_ours};
use crate::audit::chain::{Head, Sealed};
use crate::audit::checkpoint::{Checkpoint, Signed};
use crate::audit::digest::Digest;
use crate::audit::stored::{End, Row, What};
use crate::audit::value::Id;
use crate::db::{Db, Fault, Kind, Write, now, signed, unsigned};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

/// Rows of a page.
const PAGE: i64 = 1000;

/// One page of all that stands in a chain. Bounds stand within the parts, so that each is read along its index.
macro_rules! rows {
    ($texts:literal) => {
        concat!(
            "SELECT number, what, ",
            $texts,
            " FROM (SELECT * FROM (SELECT CAST(first_sequence AS BIGINT) AS number, CAST(0 AS BIGINT) AS what, \
            CAST('' AS TEXT) AS hash, body FROM audit_segment \
            WHERE project_id = $1 AND first_sequence BETWEEN $2 AND $5 ORDER BY first_sequence LIMIT $6) AS segments \
            UNION ALL SELECT * FROM (SELECT CAST(sequence AS BIGINT) AS number, CAST(1 AS BIGINT) AS what, \
            hash, body FROM audit_entry \
            WHERE project_id = $1 AND sequence BETWEEN $3 AND $5 ORDER BY sequence LIMIT $6) AS entries \
            UNION ALL SELECT * FROM (SELECT CAST(sequence AS BIGINT) AS number, CAST(2 AS BIGINT) AS what, \
            CAST('' AS TEXT) AS hash, body FROM audit_checkpoint \
            WHERE project_id = $1 AND sequence BETWEEN $4 AND $5 ORDER BY sequence LIMIT $6) AS checkpoints\
            ) AS page ORDER BY number, what LIMIT $6"
        )
    };
}

const ROWS: &str = rows!("hash, body");

/// The same, where a text is none: columns of SQLite hold whatever was put there.
const NUMBERS: &str = rows!("CAST('' AS TEXT), CAST('' AS TEXT)");

/// All that was ever given a place in a chain, whole or damaged.
const CHAINS: &str = "SELECT project_id FROM audit_head UNION SELECT DISTINCT project_id FROM audit_entry \
    UNION SELECT DISTINCT project_id FROM audit_checkpoint UNION SELECT DISTINCT project_id FROM audit_segment \
    ORDER BY project_id";

/// A chain on its way from the first to the last row.
#[derive(Debug, Clone)]
pub struct Walk {
    project: String,
    /// Where the next page begins, for each kind of row.
    from: [i64; 3],
    /// No number behind this one is read.
    until: i64,
    done: bool,
}

impl Walk {
    /// All of a project's chain, also what stands where nothing should.
    pub fn new(project: &str) -> Self {
        Self { project: project.to_owned(), from: [i64::MIN; 3], until: i64::MAX, done: false }
    }

    /// The rows up to this entry.
    pub fn until(project: &str, sequence: u64) -> Self {
        Self { until: signed(sequence), ..Self::new(project) }
    }

    async fn page(&mut self, on: &mut AnyConnection) -> Result<Vec<Row>, Fault> {
        let mut most = if self.done { 0 } else { PAGE };
        let rows = loop {
            match self.rows(on, ROWS, most).await {
                // Somewhere in it is a row that cannot be read: it comes to stand alone.
                Err(sqlx::Error::Decode(_)) if most > 1 => most /= 2,
                Err(sqlx::Error::Decode(_)) => break self.rows(on, NUMBERS, most).await?,
                rows => break rows?,
            }
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, Fault>>()?;
        self.done = signed(rows.len() as u64) < most;
        if let Some(last) = rows.last() {
            match last.number.checked_add(1) {
                // What sorts behind the last row at its number comes with the next page.
                Some(next) => {
                    let kinds = [What::Segment, What::Entry, What::Checkpoint];
                    self.from = kinds.map(|what| if what <= last.what { next } else { last.number });
                }
                None => self.done = true,
            }
        }
        Ok(rows)
    }

    async fn rows(
        &self,
        on: &mut AnyConnection,
        statement: &'static str,
        most: i64,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        let mut query = sqlx::query(statement).bind(self.project.clone());
        for from in self.from {
            query = query.bind(from);
        }
        query.bind(self.until).bind(most).fetch_all(on).await
    }
}

fn row(row: &AnyRow) -> Result<Row, Fault> {
    let what = match row.try_get::<i64, _>(1)? {
        0 => What::Segment,
        1 => What::Entry,
        _ => What::Checkpoint,
    };
    // What is no text is damaged, and for the verifier to tell.
    Ok(Row { what, number: row.try_get(0)?, hash: row.try_get(2).ok(), body: row.try_get(3).ok() })
}

/// One moment of the database, however long it is read while others write.
pub struct Snapshot(Write);

impl Snapshot {
    /// Names of all chains of which there is any row, also those that no chain of ours could have.
    ///
    /// # Errors
    /// The database fails.
    pub async fn chains(&mut self) -> Result<Vec<String>, Fault> {
        Ok(sqlx::query_scalar(CHAINS).fetch_all(&mut *self.0).await?)
    }

    /// The next rows of a chain; none at its end.
    ///
    /// # Errors
    /// The database fails.
    pub async fn page(&mut self, walk: &mut Walk) -> Result<Vec<Row>, Fault> {
        walk.page(&mut self.0).await
    }

    /// Where a chain ends, by its head's row.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(&mut self, project: &str) -> Result<Option<End>, Fault> {
        let row = sqlx::query(
            "SELECT CAST(sequence AS BIGINT), hash, checkpoint, CAST(kept_sequence AS BIGINT) FROM audit_head \
             WHERE project_id = $1",
        )
        .bind(project.to_owned())
        .fetch_optional(&mut *self.0)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let checkpoint: Option<Option<String>> = row.try_get(2).ok();
        Ok(Some(End {
            sequence: row.try_get(0)?,
            hash: row.try_get(1).ok(),
            // Nothing, or what cannot be read, which is not the same.
            checkpoint: checkpoint.unwrap_or_else(|| Some(String::new())),
            kept: row.try_get(3)?,
        }))
    }
}

impl Db {
    /// The database as it is now, for reading.
    ///
    /// # Errors
    /// The database fails.
    pub async fn snapshot(&self) -> Result<Snapshot, Fault> {
        let begin = match self.kind {
            // In WAL mode a reader sees what was there when it began.
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Snapshot(self.readers.begin_with(begin).await?))
    }

    /// The next rows of a chain, each page as it is then: entries before the end at the walk's beginning do not change.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_page(&self, walk: &mut Walk) -> Result<Vec<Row>, Fault> {
        walk.page(&mut *self.readers.acquire().await?).await
    }

    /// At most so many entries after a number.
    ///
    /// # Errors
    /// The database fails, or an entry in it is damaged.
    pub async fn audit_entries(&self, project: &str, after: u64, most: u64) -> Result<Vec<Sealed>, Fault> {
        const DAMAGED: Fault =
            Fault::Failing("an audit entry is damaged: `veilgate audit verify` tells which");
        let rows = sqlx::query(
            "SELECT sequence, CAST(1 AS BIGINT), hash, body FROM audit_entry WHERE project_id = $1 AND sequence > $2 \
             ORDER BY sequence LIMIT $3",
        )
        .bind(project)
        .bind(signed(after))
        .bind(signed(most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|stored| row(stored)?.entry().ok_or(DAMAGED)).collect()
    }

    /// Signs where a chain ends, at the present time, and keeps nothing.
    ///
    /// # Errors
    /// The database fails, or the end is not what was signed before.
    pub async fn audit_end(&self, keeper: &Keeper, project: &str) -> Result<Signed<Checkpoint>, Fault> {
        const DAMAGED: Fault = Fault::Failing("the head of an audit chain is damaged");
        let row = sqlx::query("SELECT sequence, hash, checkpoint FROM audit_head WHERE project_id = $1")
            .bind(project.to_owned())
            .fetch_optional(&self.readers)
            .await?;
        let project = Id::new(project).map_err(|_| DAMAGED)?;
        let head = match row {
            None => Head::genesis(&project, keeper.public()),
            Some(row) => {
                let (hash, checkpoint): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
                let hash = Digest::from_hex(&hash).ok_or(DAMAGED)?;
                let head = Head { project, sequence: unsigned(row.try_get(0)?), hash };
                if !is_ours(keeper, &head, checkpoint.as_deref()) {
                    return Err(NOT_OURS);
                }
                head
            }
        };
        Ok(Checkpoint::sign(&head, super::time(now())?, keeper.key()))
    }

    /// How many segments of a chain were deleted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_segments(&self, project: &str) -> Result<u64, Fault> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit_segment WHERE project_id = $1")
            .bind(project)
            .fetch_one(&self.readers)
            .await?;
        Ok(unsigned(count))
    }

    /// Checkpoints that were kept for good, by project: those after the number that `after` tells for the project.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kept_checkpoints(
        &self,
        after: impl Fn(&str) -> u64,
    ) -> Result<Vec<Signed<Checkpoint>>, Fault> {
        let heads =
            sqlx::query("SELECT project_id, kept_sequence FROM audit_head").fetch_all(&self.readers).await?;
        let mut kept = Vec::new();
        for head in heads {
            let (project, last): (String, i64) = (head.try_get(0)?, head.try_get(1)?);
            let after = after(&project);
            if unsigned(last) <= after {
                continue;
            }
            let bodies: Vec<String> = sqlx::query_scalar(
                "SELECT body FROM audit_checkpoint WHERE project_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            )
            .bind(project)
            .bind(signed(after))
            .bind(PAGE)
            .fetch_all(&self.readers)
            .await?;
            kept.extend(bodies.iter().filter_map(|body| Signed::parse(body).ok()));
        }
        Ok(kept)
    }
}
