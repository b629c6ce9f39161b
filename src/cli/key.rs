//! Where the project key of a run comes from: a file, the server's data folder, or chance.

use super::{Failure, stdio};
use crate::deid::pseudonym::ProjectKey;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// More than any key file holds.
const MOST: u64 = 4096;

/// Where `veilgate serve` keeps its data unless told otherwise.
const DATA: &str = "./data";

/// The project key to use; says on standard error what a user should know about it.
pub fn project_key(file: Option<&Path>) -> Result<ProjectKey, Failure> {
    match file {
        Some(file) => from_file(file),
        None if Path::new(DATA).join("master.key").exists() => of_server(),
        None => random(),
    }
}

/// A server's data folder without a readable key is no reason to take another key: the
/// pseudonyms would silently not match the server's.
fn of_server() -> Result<ProjectKey, Failure> {
    let key = read_server(Path::new(DATA));
    let key = key.ok_or_else(|| {
        Failure::Usage(format!("the project key in {DATA} cannot be read; name a key with --key-file"))
    })?;
    stdio::say(&format!("using the project key of {DATA}"));
    Ok(key)
}

#[cfg(feature = "server")]
fn read_server(data: &Path) -> Option<ProjectKey> {
    crate::serve::project_key(data)
}

/// The key is in the server's database, which this build cannot read.
#[cfg(not(feature = "server"))]
fn read_server(_: &Path) -> Option<ProjectKey> {
    None
}

fn from_file(file: &Path) -> Result<ProjectKey, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("--key-file {}: {why}", file.display()));
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| wrong(&stdio::why(&error)))?;
    opened.take(MOST).read_to_string(&mut text).map_err(|error| wrong(&stdio::why(&error)))?;
    let key = ProjectKey::from_hex(&text).map_err(|bad| wrong(&bad.to_string()))?;
    if fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
        stdio::say("others on this machine can read the key file; `chmod 600` it");
    }
    Ok(key)
}

fn random() -> Result<ProjectKey, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|_| Failure::Machine("the system gives no random numbers for a key".to_owned()))?;
    stdio::say("no --key-file: a fresh random key for this run; pseudonyms of other runs will not match");
    Ok(ProjectKey::from_bytes(bytes))
}
