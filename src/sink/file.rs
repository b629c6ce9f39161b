//! FHIR lines appended to a file that only the gateway's user reads, on disk before `append` returns. A file that was
//! rotated away is opened anew; the torn line of a crash is cut off, as its entry comes again.

use super::{Fault, fhir};
use crate::audit::chain::Sealed;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer than any line; a longer tail without a line feed is not ours.
const TAIL: u64 = 64 * 1024;

/// A file of lines.
pub(super) struct Lines {
    path: Arc<Path>,
    file: Option<File>,
}

impl Lines {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: path.into(), file: None }
    }

    /// Appends one line for each entry, all or none.
    pub(super) async fn append(&mut self, entries: &[Sealed]) -> Result<(), Fault> {
        let text: String = entries.iter().map(|entry| fhir::line(entry) + "\n").collect();
        let (path, file) = (Arc::clone(&self.path), self.file.take());
        let written = tokio::task::spawn_blocking(move || write(&path, file, text.as_bytes())).await;
        let written = written.map_err(|_| Fault::File(io::ErrorKind::Other))?;
        // After a failure the file is opened anew, which heals what the failure left.
        self.file = Some(written.map_err(|error| Fault::File(error.kind()))?);
        Ok(())
    }
}

fn write(path: &Path, file: Option<File>, text: &[u8]) -> io::Result<File> {
    let mut file = match file {
        Some(file) if is_at(&file, path) => file,
        _ => open(path)?,
    };
    let before = file.metadata()?.len();
    let written = file.write_all(text).and_then(|()| file.sync_data());
    if written.is_err() {
        file.set_len(before)?;
    }
    written.map(|()| file)
}

/// Whether the open file is the one that the path leads to.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // The name is on disk, too.
        File::open(folder)?.sync_all()?;
    }
    cut_torn_line(&mut file)?;
    Ok(file)
}

fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(at) if at + 1 == tail.len() => Ok(()),
        Some(at) => file.set_len(from + at as u64 + 1),
        None if from == 0 => file.set_len(0),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
