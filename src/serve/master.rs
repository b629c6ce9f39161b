//! Where the master key is kept: DATA/master.key, or what the settings say. While it is rotated, the next one stands
//! beside it as master.key.new; whichever opens the database holds, so a rotation may break off anywhere.

use super::Failure;
use super::folder::{private, random, write_new};
use crate::config::Config;
use crate::db::account::{Hand, Installation};
use crate::db::seal::{MasterKey, hex, unhex};
use crate::db::{Db, Fault};
use std::fs::File;
use std::path::{Path, PathBuf};

const KEY: &str = "master.key";
const NEXT: &str = "master.key.new";
const LOCK: &str = "master.key.lock";

/// The keys that stand in a data folder; the one that was there first comes first.
pub(super) fn kept(data: &Path) -> Vec<MasterKey> {
    [KEY, NEXT].into_iter().filter_map(|name| read(&data.join(name))).collect()
}

/// The file of the key, and of the one that a rotation left behind which broke off.
pub(super) fn files(data: &Path) -> [PathBuf; 2] {
    [data.join(KEY), data.join(NEXT)]
}

/// The keys of a data folder; a new one where there are no files of one, and no database depends on any.
pub(super) fn kept_or_new(data: &Path, needed: bool) -> Result<Vec<MasterKey>, Failure> {
    if needed || data.join(KEY).exists() {
        return Some(kept(data)).filter(|keys| !keys.is_empty()).ok_or(Failure::MasterKey);
    }
    let bytes = random()?;
    write_new(&data.join(KEY), &hex(&bytes), "the master key")?;
    Ok(vec![MasterKey::new(bytes)])
}

/// The installation, and the one of `keys` that opens it.
pub(super) async fn unlock(db: &Db, keys: &[MasterKey]) -> Result<(Installation, MasterKey), Failure> {
    let mut last = Fault::Sealed;
    for key in keys {
        match db.installation(key).await {
            Ok(installation) => return Ok((installation, key.clone())),
            Err(fault @ Fault::Sealed) => last = fault,
            Err(fault) => return Err(fault.into()),
        }
    }
    Err(last.into())
}

fn read(file: &Path) -> Option<MasterKey> {
    parse(&std::fs::read_to_string(file).ok()?)
}

fn parse(text: &str) -> Option<MasterKey> {
    unhex(text.trim())?.try_into().ok().map(MasterKey::new)
}

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// How many secrets are sealed anew.
    pub secrets: u64,
    /// The file that the key now stands in, if it is the data folder's; else the settings still name the old one.
    pub file: Option<PathBuf>,
}

/// Seals everything under another key: that in `new_file`, else a random one.
///
/// # Errors
/// The new key is none, the settings name the old one and no file was given, or the database fails.
pub async fn rotate(
    config: &Config,
    db: &Db,
    by: &Hand,
    old: &MasterKey,
    new_file: Option<&Path>,
) -> Result<Rotated, Failure> {
    let _alone = lock(&config.data)?;
    let given = match new_file {
        Some(file) => Some(
            std::fs::read_to_string(file).ok().filter(|text| parse(text).is_some()).ok_or(Failure::NewKey)?,
        ),
        None => None,
    };
    if config.master_key.is_some() {
        // Where the settings take it from is not ours to write.
        let new = given.as_deref().and_then(parse).ok_or(Failure::NewKeyElsewhere)?;
        let secrets = db.rotate_master_key(by, old, &new).await?;
        return Ok(Rotated { secrets, file: None });
    }
    let text = match given {
        Some(text) => text.trim().to_owned(),
        None => hex(&random()?),
    };
    let new = parse(&text).ok_or(Failure::NewKey)?;
    clear_next(&config.data, old)?;
    write_new(&config.data.join(NEXT), &text, "the new master key")?;
    let secrets = db.rotate_master_key(by, old, &new).await?;
    take_over(&config.data)?;
    Ok(Rotated { secrets, file: Some(config.data.join(KEY)) })
}

/// What an earlier rotation left that broke off: the key that holds takes its place, one that never came to hold goes.
fn clear_next(data: &Path, present: &MasterKey) -> Result<(), Failure> {
    match read(&data.join(NEXT)) {
        Some(next) if next == *present => take_over(data),
        _ => match std::fs::remove_file(data.join(NEXT)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failure(&error)),
            _ => Ok(()),
        },
    }
}

/// The next key takes the place of the old one, safe on disk.
fn take_over(data: &Path) -> Result<(), Failure> {
    let moved = std::fs::rename(data.join(NEXT), data.join(KEY));
    moved.and_then(|()| File::open(data)?.sync_all()).map_err(|error| failure(&error))
}

fn failure(error: &std::io::Error) -> Failure {
    Failure::Data { what: "the master key", kind: error.kind() }
}

/// Two rotations at once would take each other's file away.
fn lock(data: &Path) -> Result<File, Failure> {
    let file =
        private().truncate(false).create(true).open(data.join(LOCK)).map_err(|error| failure(&error))?;
    file.lock().map_err(|error| failure(&error))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::Address;
    use crate::db::chain::Keeper;
    use std::time::Duration;

    struct Rig {
        folder: tempfile::TempDir,
        config: Config,
        db: Db,
    }

    impl Rig {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let data = [("data", folder.path().display().to_string())];
            let config = Config::from_sources(None, std::iter::empty(), &data).unwrap();
            let db = Db::open(&Address::File(folder.path().join("veilgate.db"))).await.unwrap();
            let keys = kept_or_new(folder.path(), false).unwrap();
            unlock(&db, &keys).await.unwrap();
            Self { folder, config, db }
        }

        async fn rotate(&self, new_file: Option<&Path>) -> Result<Rotated, Failure> {
            let (installation, old) = unlock(&self.db, &kept(self.folder.path())).await?;
            let keeper = Keeper::new(installation.audit_key(), 1000, Duration::from_secs(600));
            rotate(&self.config, &self.db, &Hand::operator(keeper), &old, new_file).await
        }

        fn text(&self, name: &str) -> Option<String> {
            std::fs::read_to_string(self.folder.path().join(name)).ok()
        }
    }

    #[tokio::test]
    async fn a_rotation_replaces_the_file_and_the_next_start_finds_it() {
        let rig = Rig::new().await;
        let first = rig.text(KEY).unwrap();
        rig.rotate(None).await.unwrap();
        let second = rig.text(KEY).unwrap();
        assert!(first != second && rig.text(NEXT).is_none());
        let chosen = rig.folder.path().join("chosen");
        std::fs::write(&chosen, "ab".repeat(32)).unwrap();
        rig.rotate(Some(&chosen)).await.unwrap();
        assert_eq!(rig.text(KEY).unwrap().trim(), "ab".repeat(32));
        assert!(matches!(rig.rotate(Some(Path::new("/nowhere"))).await, Err(Failure::NewKey)));
    }

    #[tokio::test]
    async fn a_rotation_that_broke_off_before_or_after_its_commit_loses_nothing() {
        let rig = Rig::new().await;
        let data = rig.folder.path();
        std::fs::write(data.join(NEXT), "cd".repeat(32)).unwrap();
        unlock(&rig.db, &kept(data)).await.unwrap();
        rig.rotate(None).await.unwrap();
        assert_eq!(rig.text(NEXT), None, "the key that never held is gone");
        let old = rig.text(KEY).unwrap();
        rig.rotate(None).await.unwrap();
        std::fs::rename(data.join(KEY), data.join(NEXT)).unwrap();
        std::fs::write(data.join(KEY), old).unwrap();
        let new = rig.text(NEXT).unwrap();
        let (_, opened) = unlock(&rig.db, &kept(data)).await.unwrap();
        assert!(opened == parse(&new).unwrap(), "the key beside it opens");
        rig.rotate(None).await.unwrap();
        unlock(&rig.db, &kept(data)).await.unwrap();
    }

    #[tokio::test]
    async fn a_key_that_the_settings_name_is_replaced_by_one_that_is_given_only() {
        let mut rig = Rig::new().await;
        rig.config.master_key = kept(rig.folder.path()).pop();
        assert!(matches!(rig.rotate(None).await, Err(Failure::NewKeyElsewhere)));
        let chosen = rig.folder.path().join("chosen");
        std::fs::write(&chosen, "ab".repeat(32)).unwrap();
        assert_eq!(rig.rotate(Some(&chosen)).await.unwrap().file, None);
        assert!(rig.db.is_sealed_under(&parse(&"ab".repeat(32)).unwrap()).await.unwrap());
    }
}
