//! `veilgate master-key` and `veilgate db`: the database as a whole.

use super::{at_desk, show};
use crate::cli::args::{DbCommand, MasterKeyCommand};
use crate::cli::store::{block_on, settings};
use crate::cli::{Exit, Failure, stdio};
use crate::serve;
use serde_json::json;

/// Runs one of the commands below `veilgate master-key`.
///
/// # Errors
/// The new key is none, or the database fails: then the old one holds.
pub fn master_key(command: &MasterKeyCommand) -> Result<Exit, Failure> {
    let MasterKeyCommand::Rotate { new_file, common } = command;
    let rotated = at_desk(&common.store, async |desk| {
        let new = new_file.as_deref();
        let rotated = serve::master::rotate(&desk.config, &desk.db, &desk.hand, &desk.master, new).await;
        rotated.map_err(|failure| match failure {
            serve::Failure::NewKey | serve::Failure::NewKeyElsewhere => Failure::Usage(failure.to_string()),
            failure => failure.into(),
        })
    })?;
    if rotated.file.is_none() {
        stdio::say("name the new key in the settings of all gateways of this database, and start them anew");
    }
    let file = rotated.file.map(|file| file.display().to_string());
    show(common, &json!({ "secrets": rotated.secrets, "master_key": file }))
}

/// Runs one of the commands below `veilgate db`.
///
/// # Errors
/// The database fails, or was made by a newer version.
pub fn db(command: &DbCommand) -> Result<Exit, Failure> {
    let DbCommand::Migrate { common } = command;
    let config = settings(&common.store)?;
    let schema = block_on(async {
        let db = serve::database_beside(&config).await?;
        let schema = db.schema().await?;
        db.close().await;
        Ok(schema)
    })?;
    show(common, &json!({ "schema": schema }))
}
