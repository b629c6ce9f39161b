//! Where the project key of a run comes from: a file, the server's data folder, or chance; and the project's own
//! pseudonyms of patients with it.

use super::{Failure, stdio};
use crate::deid::own_pseudonyms::{Mistake, OwnPseudonyms};
use crate::deid::pseudonym::ProjectKey;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// More than any key file holds.
const MOST: u64 = 4096;

/// Most bytes of a table of pseudonyms.
const TABLE: u64 = 16 << 20;

/// Where `veilgate serve` keeps its data unless told otherwise.
const DATA: &str = "./data";

/// What a project's pseudonyms follow from.
pub struct Project {
    /// Its key.
    pub key: ProjectKey,
    /// The pseudonyms of its own.
    pub own: OwnPseudonyms,
}

/// What to use; says on standard error what a user should know about it. A table given takes the place of the server's.
pub fn project(key_file: Option<&Path>, table: Option<&Path>) -> Result<Project, Failure> {
    let project = match key_file {
        Some(file) => of_key(from_file(file)?),
        None if Path::new(DATA).join("master.key").exists() => of_server()?,
        None => of_key(random()?),
    };
    let Some(table) = table else { return Ok(project) };
    let own = OwnPseudonyms::parse(&read_table(table)?, &project.key);
    Ok(Project { own: own.map_err(|mistakes| mistaken(table, &mistakes))?, ..project })
}

fn of_key(key: ProjectKey) -> Project {
    Project { key, own: OwnPseudonyms::default() }
}

/// A server's data folder without a readable key is no reason to take another key: the
/// pseudonyms would silently not match the server's.
fn of_server() -> Result<Project, Failure> {
    let project = read_server(Path::new(DATA));
    let project = project.ok_or_else(|| {
        Failure::Usage(format!("the project key in {DATA} cannot be read; name a key with --key-file"))
    })?;
    stdio::say(&format!("using the project key of {DATA}"));
    Ok(project)
}

#[cfg(feature = "server")]
fn read_server(data: &Path) -> Option<Project> {
    crate::serve::first_project(data).map(|(key, own)| Project { key, own })
}

/// The key is in the server's database, which this build cannot read.
#[cfg(not(feature = "server"))]
fn read_server(_: &Path) -> Option<Project> {
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

/// The bytes of a file with pseudonyms.
pub fn read_table(file: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("{}: {why}", file.display()));
    let mut table = Vec::new();
    let opened = File::open(file).map_err(|error| wrong(&stdio::why(&error)))?;
    opened.take(TABLE + 1).read_to_end(&mut table).map_err(|error| wrong(&stdio::why(&error)))?;
    if table.len() as u64 > TABLE { Err(wrong("larger than 16 MiB")) } else { Ok(table) }
}

/// A table with mistakes: each on a line of its own.
pub fn mistaken(file: &Path, mistakes: &[Mistake]) -> Failure {
    let lines = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect::<String>();
    Failure::Usage(format!("{}:{lines}", file.display()))
}

fn random() -> Result<ProjectKey, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|_| Failure::Machine("the system gives no random numbers for a key".to_owned()))?;
    stdio::say("no --key-file: a fresh random key for this run; pseudonyms of other runs will not match");
    Ok(ProjectKey::from_bytes(bytes))
}
