//! Verifying the chains of a database as it is at one moment, also beside a running server: against its own head and
//! kept checkpoints, the witness in the data folder, and what an auditor and clients kept.

use super::Kept;
use super::store::{Store, block_on};
use crate::audit::chain::Sealed;
use crate::audit::key::PublicKey;
use crate::audit::report::Report;
use crate::audit::stored::Reader;
use crate::audit::value::Id;
use crate::audit::verify::Verifier;
use crate::cli::args::StoreArgs;
use crate::cli::{Failure, stdio};
use crate::db::chain::{Snapshot, Walk};
use crate::serve::witness::{self, Witness};
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn verify(
    args: &StoreArgs,
    key: Option<PublicKey>,
    project: Option<Id>,
    kept: &Kept,
) -> Result<Vec<Report>, Failure> {
    block_on(async {
        let store = Store::open(args).await?;
        let key = match key {
            Some(key) => key,
            None => store.keeper().await?.public().clone(),
        };
        // Before the snapshot, which so holds all that was witnessed.
        let witness = witness(&store.config.data)?;
        let mut snapshot = store.db.snapshot().await?;
        let mut reports = Vec::new();
        let alone = project.is_some();
        for project in projects(&mut snapshot, project, &witness, kept).await? {
            let ours = |other: &Id| alone || *other == project;
            let mut verifier = Verifier::new(key.clone(), Some(project.clone()));
            let checkpoints = kept.checkpoints.iter().filter(|it| ours(&it.body.project));
            checkpoints.for_each(|checkpoint| verifier.keep(checkpoint));
            let receipts = kept.receipts.iter().filter(|it| ours(&it.checkpoint.body.project));
            receipts.for_each(|receipt| verifier.keep_receipt(receipt));
            let mut reader = Reader::new(verifier);
            let witnessed = witness.chains.get(project.as_str()).into_iter().flatten();
            witnessed.for_each(|checkpoint| reader.witness(checkpoint));
            reports.push(read(&mut snapshot, reader, &project, drop).await?);
        }
        Ok(reports)
    })
}

/// Reads a whole chain; each entry that can be read is shown to `each`.
pub(super) async fn read(
    snapshot: &mut Snapshot,
    mut reader: Reader,
    project: &Id,
    mut each: impl FnMut(Sealed),
) -> Result<Report, Failure> {
    let mut walk = Walk::new(project.as_str());
    loop {
        let page = snapshot.page(&mut walk).await?;
        if page.is_empty() {
            return Ok(reader.finish(snapshot.end(project.as_str()).await?.as_ref()));
        }
        page.iter().filter_map(|row| reader.row(row)).for_each(&mut each);
    }
}

/// The witness in a data folder.
pub(super) fn witness(data: &Path) -> Result<Witness, Failure> {
    let file = witness::file(data);
    let witness = witness::read(&file)
        .map_err(|error| Failure::Machine(format!("the witness in the data folder: {}", error.kind())))?;
    if let Some(line) = witness.damaged {
        stdio::say(&format!(
            "line {line} of the witness in the data folder is no checkpoint, and told nothing"
        ));
    }
    Ok(witness)
}

/// The project asked for, else all that the database, the witness or something kept tells of.
async fn projects(
    snapshot: &mut Snapshot,
    project: Option<Id>,
    witness: &Witness,
    kept: &Kept,
) -> Result<BTreeSet<Id>, Failure> {
    if let Some(project) = project {
        return Ok(BTreeSet::from([project]));
    }
    let strange = |_| Failure::Machine("the database holds a chain whose name fits none of ours".to_owned());
    let names = snapshot.chains().await?.into_iter().chain(witness.chains.keys().cloned());
    let mut projects = names.map(Id::new).collect::<Result<BTreeSet<Id>, _>>().map_err(strange)?;
    projects.extend(kept.checkpoints.iter().map(|it| it.body.project.clone()));
    projects.extend(kept.receipts.iter().map(|it| it.checkpoint.body.project.clone()));
    Ok(projects)
}
