//! Statements of which nobody needs an answer but that each of them changed its rows. SQLite takes short ones in one go:
//! each trip to its thread and back costs more than what is done there. PostgreSQL takes one after the other. What they say
//! is their makers' affair.

use super::{Fault, Write};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Database, Sqlite};
use std::fmt::Write as _;

/// Statements that go together at most, and the values that such a one may have: each text is prepared once, and there
/// should not be many.
const TOGETHER: usize = 4;
const SHORT: usize = 10;

/// What stands for a `$1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

#[derive(Debug)]
struct Statement {
    sql: &'static str,
    values: Vec<Value>,
    /// How many it must change.
    rows: u64,
}

/// Statements in their order.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Statement>);

impl Script {
    /// One more, with `$1` and so on for its values. It changes so many rows, or fewer if something is not as it should be.
    pub(super) fn add(&mut self, sql: &'static str, values: impl IntoIterator<Item = Value>, rows: u64) {
        self.0.push(Statement { sql, values: values.into_iter().collect(), rows });
    }

    /// Runs them. False if one of them changed fewer rows than it was made for: then all must be undone.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn run(self, transaction: &mut Write) -> Result<bool, Fault> {
        let together = if transaction.backend_name() == Sqlite::NAME { TOGETHER } else { 1 };
        for lot in lots(self.0, together) {
            let expected: u64 = lot.iter().map(|statement| statement.rows).sum();
            let query = match lot.as_slice() {
                [one] => sqlx::query(one.sql),
                several => sqlx::query(AssertSqlSafe(joined(several))),
            };
            let query = lot.into_iter().flat_map(|statement| statement.values).fold(query, bound);
            if query.execute(&mut **transaction).await?.rows_affected() != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Those that go together: long ones are worth a trip of their own.
fn lots(statements: Vec<Statement>, together: usize) -> Vec<Vec<Statement>> {
    let is_short = |statement: &Statement| statement.values.len() <= SHORT;
    let mut lots: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        match lots.last_mut() {
            Some(lot) if lot.len() < together && lot.iter().all(is_short) && is_short(&statement) => {
                lot.push(statement);
            }
            _ => lots.push(vec![statement]),
        }
    }
    lots
}

fn bound(query: Query<'static, Any, AnyArguments>, value: Value) -> Query<'static, Any, AnyArguments> {
    match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
    }
}

/// All as one text; the parameters are counted through.
fn joined(lot: &[Statement]) -> String {
    let (mut text, mut before) = (String::new(), 0);
    for Statement { sql, values, .. } in lot {
        let mut pieces = sql.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(end);
            let number = number.parse().unwrap_or(0);
            debug_assert!((1..=values.len()).contains(&number), "a parameter of another statement: {sql}");
            // A String takes everything.
            let _ = write!(text, "${}{rest}", before + number);
        }
        text.push_str("; ");
        before += values.len();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::Db;
    use crate::db::tests::founded;

    fn script(project: &str, numbers: &[i64]) -> Script {
        let mut script = Script::default();
        for number in numbers {
            script.add(
                "INSERT INTO audit_entry (project_id, sequence, hash, body) VALUES ($1, $2, $1, $3)",
                [project.into(), (*number).into(), format!("{number}").into()],
                1,
            );
        }
        script.add(
            "UPDATE audit_entry SET body = $2 WHERE project_id = $1",
            [project.into(), "all".into()],
            numbers.len() as u64,
        );
        script
    }

    async fn bodies(db: &Db, project: &str) -> Vec<(i64, String)> {
        sqlx::query_as("SELECT sequence, body FROM audit_entry WHERE project_id = $1 ORDER BY sequence")
            .bind(project.to_owned())
            .fetch_all(&db.readers)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn all_statements_run_with_their_own_values_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = founded(folder.path()).await;
        let mut transaction = db.write().await.unwrap();
        assert_eq!(script("p", &[1, 2, 3, 4, 5]).run(&mut transaction).await, Ok(true));
        transaction.commit().await.unwrap();
        let all: Vec<_> = (1..=5).map(|number| (number, "all".to_owned())).collect();
        assert_eq!(bodies(&db, "p").await, all);
    }

    #[tokio::test]
    async fn rows_that_are_missing_are_told_and_faults_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = founded(folder.path()).await;
        let mut transaction = db.write().await.unwrap();
        let mut misses = script("q", &[1]);
        misses.add("UPDATE audit_entry SET body = $1 WHERE sequence = $2", ["x".into(), 77.into()], 1);
        assert_eq!(misses.run(&mut transaction).await, Ok(false));
        drop(transaction);
        let mut transaction = db.write().await.unwrap();
        assert!(script("q", &[1, 1]).run(&mut transaction).await.is_err(), "the same key twice");
        drop(transaction);
        assert_eq!(bodies(&db, "q").await, []);
    }

    #[test]
    fn parameters_are_counted_through() {
        let mut script = Script::default();
        script.add("A $1, $2", ["a".into(), 2.into()], 1);
        script.add("B $2 = $1 OR $2", [3.into(), "b".into()], 1);
        assert_eq!(joined(&script.0), "A $1, $2; B $4 = $3 OR $4; ");
        script.add("C", vec![1.into(); SHORT + 1], 1);
        script.add("D", [], 1);
        let mut sizes =
            |together| lots(std::mem::take(&mut script.0), together).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(TOGETHER), [2, 1, 1]);
    }
}
