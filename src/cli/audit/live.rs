//! Verifying the chains of a database as it is at one moment, also beside a running server: against its own head and
//! kept checkpoints, the witness in the data folder, and what an auditor and clients kept.

use super::Kept;
use super::store::{Store, block_on};
use crate::audit::chain::Sealed;
use crate::audit::key::PublicKey;
use crate::audit::report::Report;
use crate::audit::stored::{Reader, Row};
use crate::audit::value::Id;
use crate::audit::verify::Verifier;
use crate::cli::args::StoreArgs;
use crate::cli::{Failure, stdio};
use crate::db::chain::{Snapshot, Walk};
use crate::serve::witness::{self, Witness};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::sync::mpsc;

/// Pages read ahead of the verification.
const PAGES: usize = 4;

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
            let (report, ()) = read(&mut snapshot, reader, &project, (), |(), _| ()).await?;
            reports.push(report);
        }
        Ok(reports)
    })
}

/// Reads a whole chain, while a thread of its own verifies what was read; each entry that can be read is shown to `each`
/// with `state`.
pub(super) async fn read<T: Send + 'static>(
    snapshot: &mut Snapshot,
    mut reader: Reader,
    project: &Id,
    mut state: T,
    each: fn(&mut T, Sealed),
) -> Result<(Report, T), Failure> {
    let (pages, mut read) = mpsc::channel::<Vec<Row>>(PAGES);
    let verifying = tokio::task::spawn_blocking(move || {
        while let Some(page) = read.blocking_recv() {
            page.iter().filter_map(|row| reader.row(row)).for_each(|entry| each(&mut state, entry));
        }
        (reader, state)
    });
    let mut walk = Walk::new(project.as_str());
    loop {
        let page = snapshot.page(&mut walk).await?;
        if page.is_empty() || pages.send(page).await.is_err() {
            break;
        }
    }
    drop(pages);
    let ended = |_| Failure::Machine("the verification broke off".to_owned());
    let (reader, state) = verifying.await.map_err(ended)?;
    Ok((reader.finish(snapshot.end(project.as_str()).await?.as_ref()), state))
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
