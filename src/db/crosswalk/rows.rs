//! The crosswalk's rows as SQL: written many at once, read many at once, removed when there are too many.

use super::{Entries, Kind, Mark, STALE};
use crate::db::{Db, Fault, Write, now, signed, unsigned};
use crate::deid::pseudonym::ProjectKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What stands behind a pseudonym's mark.
pub(super) struct Row {
    /// The original's mark.
    pub original: Mark,
    /// The original, sealed.
    pub value: Vec<u8>,
}

/// Rows in the order in which they are locked, so that two gateways never wait for each other.
pub(super) type Rows = BTreeMap<(Kind, Mark), Row>;

/// A row that was found.
pub(super) struct Stored {
    pub mark: Mark,
    pub value: Vec<u8>,
    pub seen: i64,
}

/// Rows in one statement. Both databases take ten times as many.
const AT_ONCE: usize = 500;

/// Rows removed in one transaction, and how long others have for theirs before the next.
const REMOVED: i64 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// As it is stored.
pub(super) fn text(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// What is entered, each row once, in the order in which rows are locked.
fn together(entries: &[Entries]) -> Vec<(&(Kind, Mark), &Row)> {
    let rows: BTreeMap<_, _> = entries.iter().flat_map(|entries| &entries.0.rows).collect();
    rows.into_iter().collect()
}

/// Enters what waits, in transactions of their own.
pub(super) async fn write(db: &Db, project: &str, entries: &[Entries]) -> Result<(), Fault> {
    for rows in together(entries).chunks(AT_ONCE) {
        // One for each: whoever commits an account meanwhile waits for no more than that.
        let mut transaction = db.write_relaxed().await?;
        insert_some(&mut transaction, project, rows).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Enters what is part of another transaction.
pub(in crate::db) async fn insert(
    transaction: &mut Write,
    project: &str,
    entries: &[Entries],
) -> Result<(), Fault> {
    for rows in together(entries).chunks(AT_ONCE) {
        insert_some(transaction, project, rows).await?;
    }
    Ok(())
}

/// Removes the rows of these pseudonyms of a project with this secret, as part of another transaction; how many there
/// were.
pub(in crate::db) async fn erase(
    transaction: &mut Write,
    project: &str,
    key: &ProjectKey,
    names: &[(Kind, String)],
) -> Result<u64, Fault> {
    let index = super::index(key);
    // In the order in which rows are locked.
    let marks: BTreeSet<(Kind, Mark)> =
        names.iter().map(|(kind, name)| (*kind, index.mark(kind.word(), name))).collect();
    let mut erased = 0;
    for (kind, mark) in marks {
        let done =
            sqlx::query("DELETE FROM crosswalk WHERE project_id = $1 AND kind = $2 AND pseudonym = $3")
                .bind(project.to_owned())
                .bind(kind.word())
                .bind(text(&mark))
                .execute(&mut **transaction)
                .await?;
        erased += done.rows_affected();
    }
    Ok(erased)
}

/// Removes what leads to this patient, under whatever pseudonyms; how many rows there were.
pub(in crate::db) async fn erase_patient(
    transaction: &mut Write,
    project: &str,
    key: &ProjectKey,
    original: &str,
) -> Result<u64, Fault> {
    const STATEMENT: &str = "DELETE FROM crosswalk WHERE project_id = $1 AND kind = $2 AND original = $3";
    let done = behind(STATEMENT, project, key, original).execute(&mut **transaction).await?;
    Ok(done.rows_affected())
}

/// The marks of all pseudonyms that lead to this patient.
pub(in crate::db) async fn marks_of(
    transaction: &mut Write,
    project: &str,
    key: &ProjectKey,
    original: &str,
) -> Result<BTreeSet<String>, Fault> {
    const STATEMENT: &str =
        "SELECT pseudonym FROM crosswalk WHERE project_id = $1 AND kind = $2 AND original = $3";
    let rows = behind(STATEMENT, project, key, original).fetch_all(&mut **transaction).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A statement about the rows (project, kind, original) of a patient.
fn behind<'a>(
    statement: &'static str,
    project: &str,
    key: &ProjectKey,
    original: &str,
) -> Query<'a, Any, AnyArguments> {
    let mark = super::original_mark(&super::index(key), Kind::Patient, original);
    sqlx::query(statement).bind(project.to_owned()).bind(Kind::Patient.word()).bind(text(&mark))
}

/// One that is there already stays as it is, unless it was seen too long ago or tells of another original.
async fn insert_some(
    transaction: &mut Write,
    project: &str,
    rows: &[(&(Kind, Mark), &Row)],
) -> Result<(), Fault> {
    let seen = now();
    let values: Vec<String> = (0..rows.len())
        .map(|row| {
            let first = 4 + row * 4;
            format!("($1, ${first}, ${}, ${}, ${}, $2)", first + 1, first + 2, first + 3)
        })
        .collect();
    let sql = format!(
        "INSERT INTO crosswalk (project_id, kind, pseudonym, original, value, seen_ms) VALUES {} \
         ON CONFLICT (project_id, kind, pseudonym) DO UPDATE \
         SET original = excluded.original, value = excluded.value, seen_ms = excluded.seen_ms \
         WHERE crosswalk.original <> excluded.original OR crosswalk.seen_ms <= $3",
        values.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    query = query.bind(project).bind(seen).bind(seen.saturating_sub(STALE));
    for ((kind, mark), row) in rows {
        query = query.bind(kind.word()).bind(text(mark)).bind(text(&row.original)).bind(text(&row.value));
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// The rows of these marks, as far as there are any.
pub(super) async fn read(db: &Db, project: &str, kind: Kind, marks: &[Mark]) -> Result<Vec<Stored>, Fault> {
    let mut found = Vec::new();
    for marks in marks.chunks(AT_ONCE) {
        let places: Vec<String> = (3..marks.len() + 3).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT pseudonym, value, seen_ms FROM crosswalk WHERE project_id = $1 AND kind = $2 AND pseudonym IN ({})",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(marks.len() == 1);
        query = query.bind(project).bind(kind.word());
        for mark in marks {
            query = query.bind(text(mark));
        }
        for row in query.fetch_all(&db.readers).await? {
            let (mark, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            found.push(
                stored(&mark, &value, row.try_get(2)?)
                    .ok_or(Fault::Failing("a row of the crosswalk is damaged"))?,
            );
        }
    }
    Ok(found)
}

fn stored(mark: &str, value: &str, seen: i64) -> Option<Stored> {
    let mark = BASE64.decode(mark).ok()?.try_into().ok()?;
    Some(Stored { mark, value: BASE64.decode(value).ok()?, seen })
}

impl Db {
    /// Removes the longest unseen rows of each project's crosswalk beyond `most`; how many those were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn trim_crosswalks(&self, most: u64) -> Result<u64, Fault> {
        let counts = sqlx::query(
            "SELECT project_id, COUNT(*) FROM crosswalk GROUP BY project_id HAVING COUNT(*) > $1",
        )
        .bind(signed(most))
        .fetch_all(&self.readers)
        .await?;
        let mut removed = 0;
        for row in counts {
            let (project, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let mut over = count.saturating_sub(signed(most));
            while over > 0 {
                let gone = self.forget(&project, over.min(REMOVED)).await?;
                removed += gone;
                tokio::time::sleep(PAUSE).await;
                // Others may have removed them meanwhile.
                over = if gone == 0 { 0 } else { over.saturating_sub(signed(gone)) };
            }
        }
        Ok(removed)
    }

    async fn forget(&self, project: &str, rows: i64) -> Result<u64, Fault> {
        let mut transaction = self.write_relaxed().await?;
        let done = sqlx::query(
            "DELETE FROM crosswalk WHERE project_id = $1 AND (kind, pseudonym) IN \
             (SELECT kind, pseudonym FROM crosswalk WHERE project_id = $1 ORDER BY seen_ms LIMIT $2)",
        )
        .bind(project.to_owned())
        .bind(rows)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }

    /// Rows of a project's crosswalk.
    ///
    /// # Errors
    /// The database fails.
    pub async fn crosswalk_rows(&self, project: &str) -> Result<u64, Fault> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM crosswalk WHERE project_id = $1")
            .bind(project)
            .fetch_one(&self.readers)
            .await?;
        Ok(unsigned(count))
    }
}
