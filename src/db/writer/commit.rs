//! The end of the writer's transaction, and what is known of it where the database does not answer. What stands in it is
//! `batch`'s.

use super::batch::{PATIENCE, SILENT};
use crate::audit::chain::Sealed;
use crate::audit::digest::Digest;
use crate::db::chain::{self, Keeper};
use crate::db::{Db, Fault, Write, signed};
use std::time::Duration;
use tokio::time::timeout;

/// How long the outcome of a commit is asked for whose answer never came.
const DOUBT: [u64; 6] = [50, 200, 500, 1000, 2000, 4000];

/// Commits. Where the answer of the database is lost, it is asked whether it has the entries: they are new and cannot
/// have come there otherwise.
pub(super) async fn commit(
    db: &Db,
    keeper: &Keeper,
    transaction: Write,
    newest: Option<&Sealed>,
) -> Result<(), Fault> {
    let committed = timeout(PATIENCE, transaction.commit()).await;
    let Err(fault) = committed.map_or(Err(SILENT), |done| done.map_err(Fault::from)) else { return Ok(()) };
    let Some(newest) = newest.filter(|_| fault.is_outage()) else { return Err(fault) };
    match timeout(PATIENCE, settled(db, keeper, newest)).await {
        Ok(Some(true)) => Ok(()),
        _ => Err(fault),
    }
}

/// Whether an entry was committed; nothing if nobody can tell.
async fn settled(db: &Db, keeper: &Keeper, entry: &Sealed) -> Option<bool> {
    for pause in DOUBT {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if let Ok(found) = has(db, keeper, entry).await {
            return Some(found);
        }
    }
    None
}

/// Asked under the lock of the chain's head, so that a commit still under way ends first.
async fn has(db: &Db, keeper: &Keeper, entry: &Sealed) -> Result<bool, Fault> {
    let mut transaction = db.write().await?;
    chain::lock(&mut transaction, keeper, entry.body.project.as_str()).await?;
    let hash: Option<String> =
        sqlx::query_scalar("SELECT hash FROM audit_entry WHERE project_id = $1 AND sequence = $2")
            .bind(entry.body.project.as_str())
            .bind(signed(entry.body.sequence))
            .fetch_optional(&mut *transaction)
            .await?;
    Ok(hash.as_deref().and_then(Digest::from_hex) == Some(entry.hash))
}
