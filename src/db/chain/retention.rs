//! Retention: entries make room for a closing record that keeps their place in the chain. Both in one transaction, with
//! an entry that tells of it.

use super::{Keeper, append, lock, time};
use crate::audit::action::{Action, Outcome};
use crate::audit::chain::Sealed;
use crate::audit::checkpoint::{Segment, Signed};
use crate::audit::event::{By, Event};
use crate::audit::value::Id;
use crate::db::{Db, Fault, Write, now, signed};

impl Db {
    /// Seals the entries from `first` to `last` and deletes them. Verify the chain before: it is sealed as it is.
    ///
    /// # Errors
    /// The database fails, or these are not, or not all, the entries that are there.
    pub async fn seal_segment(
        &self,
        keeper: &Keeper,
        actor: Id,
        first: &Sealed,
        last: &Sealed,
    ) -> Result<Signed<Segment>, Fault> {
        const CHANGED: Fault = Fault::Failing("the segment is not there as it was read");
        let project = first.body.project.as_str();
        let now = now();
        let mut transaction = self.write().await?;
        let tip = lock(&mut transaction, keeper, project).await?;
        let segment = Segment::seal(first, last, time(now)?, keeper.key()).map_err(|_| CHANGED)?;
        for end in [first, last] {
            if !is_there(&mut transaction, end).await? {
                return Err(CHANGED);
            }
        }
        store(&mut transaction, &segment).await?;
        if delete(&mut transaction, &segment).await? != segment.body.count {
            return Err(CHANGED);
        }
        let by = By { actor, request: None, action: Action::SealSegment };
        let subject = Id::new(format!("{}-{}", segment.body.first, segment.body.last)).ok();
        let event = (time(now)?, Event::act(&by, Outcome::Done, subject));
        append(&mut transaction, keeper, tip, vec![event], now).await?;
        transaction.commit().await?;
        Ok(segment)
    }
}

async fn is_there(transaction: &mut Write, entry: &Sealed) -> Result<bool, Fault> {
    let hash: Option<String> =
        sqlx::query_scalar("SELECT hash FROM audit_entry WHERE project_id = $1 AND sequence = $2")
            .bind(entry.body.project.as_str().to_owned())
            .bind(signed(entry.body.sequence))
            .fetch_optional(&mut **transaction)
            .await?;
    Ok(hash == Some(entry.hash.to_hex()))
}

async fn store(transaction: &mut Write, segment: &Signed<Segment>) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO audit_segment (project_id, first_sequence, last_sequence, body) VALUES ($1, $2, $3, $4)",
    )
    .bind(segment.body.project.as_str().to_owned())
    .bind(signed(segment.body.first))
    .bind(signed(segment.body.last))
    .bind(segment.canonical())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Deletes the entries of a segment, and the checkpoints among them, which nothing is left to be compared with. How
/// many entries there were.
async fn delete(transaction: &mut Write, segment: &Signed<Segment>) -> Result<u64, Fault> {
    let mut deleted = 0;
    for statement in [
        "DELETE FROM audit_checkpoint WHERE project_id = $1 AND sequence BETWEEN $2 AND $3",
        "DELETE FROM audit_entry WHERE project_id = $1 AND sequence BETWEEN $2 AND $3",
    ] {
        let done = sqlx::query(statement)
            .bind(segment.body.project.as_str().to_owned())
            .bind(signed(segment.body.first))
            .bind(signed(segment.body.last))
            .execute(&mut **transaction)
            .await?;
        deleted = done.rows_affected();
    }
    Ok(deleted)
}
