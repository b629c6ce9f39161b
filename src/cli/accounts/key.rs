//! `veilgate key`.

use super::{at_desk, end_of, list, moment_of, show, value, wrong};
use crate::cli::args::{AccountArgs, KeyCommand};
use crate::cli::{Exit, Failure, stdio};
use crate::db::account::{ApiKey, KeyWish, Rights};
use crate::secret::Secret;

/// Runs one of the commands below `veilgate key`.
///
/// # Errors
/// There is no such key or project, the arguments are wrong, or the database fails.
pub fn run(command: &KeyCommand) -> Result<Exit, Failure> {
    match command {
        KeyCommand::Add { project, name, expires, rate, rights, common } => {
            let expires = end_of("--expires", expires.as_ref())?;
            let wish = KeyWish { name: name.clone(), expires, rate: *rate, rights: self::rights(rights)? };
            let made = at_desk(&common.store, async |desk| {
                let made = desk.db.add_key(&desk.hand, project, &wish).await;
                made.map_err(|fault| wrong(&format!("{project}, {name}"), fault))
            })?;
            give(common, made)
        }
        KeyCommand::List { project, common } => {
            let all = at_desk(&common.store, async |desk| {
                let found = desk.db.keys(project.as_deref()).await;
                found.map_err(|fault| wrong(project.as_deref().unwrap_or_default(), fault))
            })?;
            list(
                common,
                "keys",
                &all,
                &["name", "prefix", "rights", "expires", "used", "revoked", "id", "project"],
            )
        }
        KeyCommand::Show { key, common } => {
            let found = at_desk(&common.store, async |desk| {
                desk.db.key(key).await.map_err(|fault| wrong(key, fault))
            })?;
            show(common, &value(&found))
        }
        KeyCommand::Revoke { key, common } => {
            let revoked = at_desk(&common.store, async |desk| {
                desk.db.revoke_key(&desk.hand, key).await.map_err(|fault| wrong(key, fault))
            })?;
            show(common, &value(&revoked))
        }
        KeyCommand::Rotate { key, expires, old_expires, common } => {
            let expires = end_of("--expires", expires.as_ref())?;
            let old = moment_of("--old-expires", old_expires.as_ref())?;
            let made = at_desk(&common.store, async |desk| {
                let made = desk.db.rotate_key(&desk.hand, key, expires, old).await;
                made.map_err(|fault| wrong(key, fault))
            })?;
            give(common, made)
        }
    }
}

fn rights(words: &[String]) -> Result<Rights, Failure> {
    let rights = Rights::parse(words.iter().map(String::as_str));
    rights.ok_or_else(|| Failure::Usage("--right: the one word is reidentify".to_owned()))
}

/// Shows a new key, this once.
fn give(common: &AccountArgs, (about, key): (ApiKey, Secret)) -> Result<Exit, Failure> {
    let mut shown = value(&about);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("key".to_owned(), key.expose().into());
    }
    let done = show(common, &shown)?;
    stdio::say("the key is shown this once; only its SHA-256 is kept");
    Ok(done)
}
