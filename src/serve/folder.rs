//! The data folder: who may read it, the first API key, and the lock that keeps a second server out. The master key is
//! `master`'s.

use super::{Failure, master};
use crate::config::Config;
use crate::db::account::{FreshKey, Hand, Installation};
use crate::db::seal::{Keyring, MasterKey, hex};
use crate::db::{Address, Db};
use crate::deid::own_pseudonyms::OwnPseudonyms;
use crate::deid::pseudonym::ProjectKey;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const DATABASE: &str = "veilgate.db";
pub(super) const FIRST_API_KEY: &str = "first-api-key";

/// An open data folder; locked as long as it lives.
pub(super) struct Folder {
    path: PathBuf,
    /// The settings name the master key.
    given: bool,
    keys: Vec<MasterKey>,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made if it is new, with its master key unless one is `given`.
    pub(super) fn open(path: &Path, given: Option<MasterKey>) -> Result<Self, Failure> {
        make(path, "the data folder")?;
        let lock = lock(path)?;
        empty(&path.join("spool"))?;
        let needed = path.join(DATABASE).exists();
        let is_given = given.is_some();
        let keys = given.map_or_else(|| master::kept_or_new(path, needed), |given| Ok(vec![given]))?;
        Ok(Self { path: path.to_owned(), given: is_given, keys, _lock: lock })
    }

    pub(super) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The installation, and the master key that opens it.
    pub(super) async fn unlock(&self, db: &Db) -> Result<(Installation, MasterKey), Failure> {
        master::unlock(db, &self.keys).await
    }

    /// The master key while the server runs. One that the settings name is not looked for again.
    pub(super) fn keyring(&self, master: MasterKey) -> Keyring {
        let (given, path) = (self.given, self.path.clone());
        Keyring::new(master, move || if given { Vec::new() } else { master::kept(&path) })
    }

    /// Makes the first customer, project and key in a new database; the key, if so. It
    /// is on disk before the database knows it, so that a crash cannot lose it.
    pub(super) async fn found(
        &self,
        db: &Db,
        by: &Hand,
        master: &MasterKey,
    ) -> Result<Option<String>, Failure> {
        if db.is_founded().await? {
            return Ok(None);
        }
        let key = FreshKey::random()?;
        let text = key.text.expose();
        let _ = std::fs::remove_file(self.path.join(FIRST_API_KEY));
        write_new(&self.path.join(FIRST_API_KEY), text, "the first API key")?;
        let secret = ProjectKey::from_bytes(random()?);
        db.found(by, master, &secret, &key).await?;
        Ok(Some(text.to_owned()))
    }
}

/// Where a server of these settings has its database.
pub(super) fn address(config: &Config) -> Address {
    config.database.clone().unwrap_or_else(|| Address::File(config.data.join(DATABASE)))
}

/// The database of a server, for commands that work beside it. Makes none.
///
/// # Errors
/// There is no server's data, or its database cannot be opened.
pub async fn database_beside(config: &Config) -> Result<Db, Failure> {
    let address = address(config);
    match &address {
        Address::File(file) if !file.is_file() => {
            let kind = std::io::ErrorKind::NotFound;
            Err(Failure::Data {
                what: "the database in the data folder (the first start of the server makes it)",
                kind,
            })
        }
        _ => Ok(Db::open(&address).await?),
    }
}

/// The installation that a server's database is of, and the master key that opens it.
///
/// # Errors
/// The master key is missing or another one, or the database fails.
pub async fn unlock_beside(config: &Config, db: &Db) -> Result<(Installation, MasterKey), Failure> {
    let keys = config.master_key.clone().map_or_else(|| master::kept(&config.data), |given| vec![given]);
    if keys.is_empty() {
        return Err(Failure::MasterKey);
    }
    master::unlock(db, &keys).await
}

/// As `first_project`, its key alone.
pub fn project_key(data: &Path) -> Option<ProjectKey> {
    first_project(data).map(|(key, _)| key)
}

/// The first project's key in a data folder, and its own pseudonyms, for the command line. `None` if there is no server's
/// data, or it cannot be read.
pub fn first_project(data: &Path) -> Option<(ProjectKey, OwnPseudonyms)> {
    let file = data.join(DATABASE);
    if !file.is_file() {
        return None;
    }
    let keys = master::kept(data);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let db = Db::open(&Address::File(file)).await.ok()?;
        let (_, master) = if keys.is_empty() { None } else { master::unlock(&db, &keys).await.ok() }?;
        let project = db.first_project().await.ok()??;
        let settings = db.project_settings(&master, &project).await.ok();
        db.close().await;
        settings.map(|settings| (settings.secret, settings.own_pseudonyms))
    })
}

/// Makes a folder that only its owner may enter; one that is there is closed to others.
pub(super) fn make(path: &Path, what: &'static str) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let failure = |error: std::io::Error| Failure::Data { what, kind: error.kind() };
    builder.create(path).map_err(failure)?;
    close(path, 0o700).map_err(failure)
}

/// Takes from others what they may do with a file or folder of ours, if they may anything.
fn close(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    permissions.set_mode(mode);
    std::fs::set_permissions(path, permissions)
}

/// An empty spool folder: a crash may have left a file between its making and unlinking.
fn empty(spool: &Path) -> Result<(), Failure> {
    let what = "the spool folder";
    make(spool, what)?;
    let failure = |error: std::io::Error| Failure::Data { what, kind: error.kind() };
    for entry in std::fs::read_dir(spool).map_err(failure)? {
        std::fs::remove_file(entry.map_err(failure)?.path()).map_err(failure)?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Failure> {
    let what = "the lock file";
    let file = private().truncate(false).create(true).open(path.join("lock"));
    let file = file.map_err(|error| Failure::Data { what, kind: error.kind() })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::InUse),
        Err(std::fs::TryLockError::Error(error)) => Err(Failure::Data { what, kind: error.kind() }),
    }
}

/// Writes a file that only its owner may read, safe on disk; never over another.
pub(super) fn write_new(path: &Path, text: &str, what: &'static str) -> Result<(), Failure> {
    let write = || {
        let mut file = private().create_new(true).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error: std::io::Error| Failure::Data { what, kind: error.kind() })
}

pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The name of this run of the gateway.
pub(super) fn name() -> Result<String, Failure> {
    random().map(|bytes| hex(bytes.first_chunk::<16>().map_or(&[], |bytes| bytes.as_slice())))
}

pub(super) fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Failure::System)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::chain::Keeper;
    use std::time::Duration;

    #[test]
    fn a_new_folder_gets_keys_once_and_keeps_them() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = || {
            let folder = Folder::open(&data, None).unwrap();
            runtime.block_on(async {
                let db = Db::open(&Address::File(data.join(DATABASE))).await.unwrap();
                let (installation, master) = folder.unlock(&db).await.unwrap();
                let keeper = Keeper::new(installation.audit_key(), 1000, Duration::from_secs(600));
                let key = folder.found(&db, &Hand::system(keeper), &master).await.unwrap();
                db.close().await;
                key
            })
        };
        let key = start().unwrap();
        assert_eq!(std::fs::read_to_string(data.join(FIRST_API_KEY)).unwrap().trim(), key);
        let project = project_key(&data).unwrap();
        assert_eq!(start(), None, "a second start makes no second key");
        assert_eq!(project_key(&data).unwrap().expose(), project.expose());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_folder_and_its_keys() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let _folder = Folder::open(&data, None).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        assert_eq!(mode(&data.join("master.key")), 0o600);
    }

    #[test]
    fn a_spool_file_that_a_crash_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        drop(Folder::open(parent.path(), None).unwrap());
        std::fs::write(parent.path().join("spool/left"), "x").unwrap();
        let folder = Folder::open(parent.path(), None).unwrap();
        assert_eq!(folder.spool().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_second_server_is_kept_out() {
        let parent = tempfile::tempdir().unwrap();
        let first = Folder::open(parent.path(), None).unwrap();
        assert!(matches!(Folder::open(parent.path(), None), Err(Failure::InUse)));
        drop(first);
        assert!(Folder::open(parent.path(), None).is_ok());
    }

    #[test]
    fn a_lost_master_key_is_not_replaced_under_an_existing_database() {
        let parent = tempfile::tempdir().unwrap();
        drop(Folder::open(parent.path(), None).unwrap());
        std::fs::write(parent.path().join(DATABASE), "").unwrap();
        std::fs::remove_file(parent.path().join("master.key")).unwrap();
        assert!(matches!(Folder::open(parent.path(), None), Err(Failure::MasterKey)));
        assert!(!parent.path().join("master.key").exists());
    }
}
