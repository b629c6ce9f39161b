//! `veilgate project pseudonyms`: a project's own pseudonyms of patients, in and out.

use super::{at_desk, show, wrong};
use crate::cli::args::{AccountArgs, PseudonymsCommand};
use crate::cli::{Exit, Failure, files, key, stdio};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Runs one of the commands below `veilgate project pseudonyms`.
///
/// # Errors
/// There is no such project, the table has mistakes, a file is in the way, or the database fails.
pub fn run(command: &PseudonymsCommand) -> Result<Exit, Failure> {
    match command {
        PseudonymsCommand::Import { project, file, common } => import(project, file, common),
        PseudonymsCommand::Export { project, file, common } => export(project, file, common),
    }
}

fn import(project: &str, file: &Path, common: &AccountArgs) -> Result<Exit, Failure> {
    let table = key::read_table(file)?;
    let set = at_desk(&common.store, async |desk| {
        let set = desk.db.set_pseudonyms(&desk.hand, &desk.master, project, &table).await;
        set.map_err(|fault| wrong(project, fault))
    })?;
    let count = set.map_err(|mistakes| key::mistaken(file, &mistakes))?;
    show(common, &json!({ "pseudonyms": count }))
}

fn export(project: &str, file: &Path, common: &AccountArgs) -> Result<Exit, Failure> {
    let mut to = files::create(file, "")?;
    let own = at_desk(&common.store, async |desk| {
        let own = desk.db.export_pseudonyms(&desk.hand, &desk.master, project).await;
        own.map_err(|fault| wrong(project, fault))
    });
    let own = own.inspect_err(|_| drop(std::fs::remove_file(file)))?;
    let written = to.write_all(own.to_csv().as_bytes()).and_then(|()| to.sync_all());
    written.map_err(|error| Failure::Machine(format!("{}: {}", file.display(), stdio::why(&error))))?;
    show(common, &json!({ "pseudonyms": own.len() }))
}
