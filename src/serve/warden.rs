//! Looks after the audit chains in the background: keeps a checkpoint of a chain that rests with new entries, and tells
//! the witness of every checkpoint that was kept, whichever gateway kept it.

use super::witness;
use crate::audit::checkpoint::{Checkpoint, Signed};
use crate::db::chain::Keeper;
use crate::db::{Db, Fault};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often it looks.
const BEAT: Duration = Duration::from_secs(2);

/// The last checkpoint that the witness has of each chain.
pub(super) type Told = HashMap<String, Signed<Checkpoint>>;

/// Runs until its task is aborted.
pub(super) async fn run(db: Db, keeper: Keeper, file: PathBuf) {
    let mut told = told(&file);
    match contradicted(&db, &keeper, &told).await {
        Ok(chains) => {
            for project in chains {
                tracing::error!(
                    project,
                    "this audit chain is not the one that was witnessed: `veilgate audit verify`"
                );
            }
        }
        Err(fault) => tracing::warn!(%fault, "the audit chains were not compared with their witness"),
    }
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        if let Err(fault) = db.keep_due(&keeper).await {
            tracing::warn!(%fault, "a checkpoint of an audit chain is due and was not kept");
        }
        if let Err(fault) = follow(&db, &file, &mut told).await {
            tracing::warn!(%fault, "the witness was not told of new checkpoints");
        }
    }
}

/// What the witness has.
pub(super) fn told(file: &Path) -> Told {
    let witness = witness::read(file).unwrap_or_else(|error| {
        tracing::warn!(kind = %error.kind(), "the witness of the audit chains cannot be read");
        witness::Witness::default()
    });
    let last = |chain: Vec<Signed<Checkpoint>>| chain.into_iter().max_by_key(|it| it.body.sequence);
    witness.chains.into_iter().filter_map(|(project, chain)| Some((project, last(chain)?))).collect()
}

/// The chains that do not hold what was witnessed last: the database was set back, or written anew.
///
/// # Errors
/// The database fails, or the end of a chain is not what was signed before.
pub(super) async fn contradicted(db: &Db, keeper: &Keeper, told: &Told) -> Result<Vec<String>, Fault> {
    let mut chains = Vec::new();
    for (project, Signed { body, .. }) in told {
        let end = db.audit_end(keeper, project).await?;
        let short = end.body.sequence < body.sequence;
        let entry = db.audit_entries(project, body.sequence.saturating_sub(1), 1).await?;
        let same = |hash| body.hash == hash;
        let other = entry.iter().any(|it| it.body.sequence == body.sequence && !same(it.hash));
        if short || other {
            chains.push(project.clone());
        }
    }
    Ok(chains)
}

/// Tells the witness of what was kept since.
async fn follow(db: &Db, file: &Path, told: &mut Told) -> Result<(), Fault> {
    let last = |project: &str| told.get(project).map_or(0, |it| it.body.sequence);
    let new = db.kept_checkpoints(last).await?;
    if new.is_empty() {
        return Ok(());
    }
    let (path, lines) = (file.to_owned(), new.clone());
    let written = tokio::task::spawn_blocking(move || witness::append(&path, &lines)).await;
    match written {
        Ok(Ok(())) => told.extend(new.into_iter().map(|it| (it.body.project.as_str().to_owned(), it))),
        Ok(Err(error)) => {
            tracing::warn!(kind = %error.kind(), "the witness of the audit chains cannot be written")
        }
        Err(_) => tracing::warn!("the witness of the audit chains was not written"),
    }
    Ok(())
}
