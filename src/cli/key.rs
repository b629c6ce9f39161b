//! Where the project key of a run comes from: a file, the server's data folder, or chance.

use super::{Failure, stdio};
use crate::deid::pseudonym::ProjectKey;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// More than any key file holds.
const MOST: u64 = 4096;

/// The project key to use; says on standard error what a user should know about it.
pub fn project_key(file: Option<&Path>) -> Result<ProjectKey, Failure> {
    match file {
        Some(file) => from_file(file),
        None => random(),
    }
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
