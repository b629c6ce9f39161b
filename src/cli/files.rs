//! Files that commands make for the owner's eyes only, never over another.

use super::{Failure, stdio};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file that only its owner may read, and that was not there. `called` stands before its path in what is told.
pub fn create(path: &Path, called: &str) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| Failure::Usage(format!("{called}{}: {}", path.display(), stdio::why(&error))))
}
