//! When API keys were used last, to the minute. Written with what their requests leave behind, by `writer`.

use crate::db::{Fault, Write};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// A key is marked as used at most once in so many milliseconds.
const USED: i64 = 60_000;

/// When this gateway marked which key last, so that most requests need not ask the database. Lost with the process: then the
/// database tells.
#[derive(Default)]
pub struct Marks(Mutex<HashMap<String, i64>>);

impl Marks {
    /// Those of `keys` that are to be marked now.
    pub fn missing<'a>(&self, mut keys: BTreeSet<&'a str>, now: i64) -> BTreeSet<&'a str> {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|key| marks.get(*key).is_none_or(|at| !(0..USED).contains(&now.saturating_sub(*at))));
        keys
    }

    /// Remembers those that were marked, and forgets what tells nothing any more.
    pub fn made(&self, keys: &BTreeSet<&str>, now: i64) {
        if !keys.is_empty() {
            let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            marks.retain(|_, at| (0..USED).contains(&now.saturating_sub(*at)));
            marks.extend(keys.iter().map(|key| ((*key).to_owned(), now)));
        }
    }
}

/// Marks API keys as used.
pub async fn mark_used(transaction: &mut Write, keys: &BTreeSet<&str>, now: i64) -> Result<(), Fault> {
    for key in keys {
        sqlx::query("UPDATE api_key SET used_ms = $2 WHERE id = $1 AND (used_ms IS NULL OR used_ms < $3)")
            .bind((*key).to_owned())
            .bind(now)
            .bind(now.saturating_sub(USED))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_marked_once_a_minute_also_where_the_clock_was_set_back() {
        let (marks, keys) = (Marks::default(), BTreeSet::from(["one", "two"]));
        marks.made(&BTreeSet::from(["one"]), 100_000);
        let missing = |now| marks.missing(keys.clone(), now).into_iter().collect::<Vec<_>>();
        assert_eq!(missing(100_000 + USED - 1), ["two"]);
        assert_eq!(missing(100_000 + USED), ["one", "two"]);
        assert_eq!(missing(99_999), ["one", "two"]);
    }
}
