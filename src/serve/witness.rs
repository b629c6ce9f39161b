//! The witness: a file beside the database with every checkpoint that was kept for good, one a line. A database that was
//! set back to an older copy contradicts it. A line that is lost makes it a weaker witness, and nothing else.

use crate::audit::checkpoint::{BadStatement, Checkpoint, Signed};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its name in the data folder.
const NAME: &str = "audit-checkpoints.jsonl";

/// No line is longer, in bytes.
const LONGEST: u64 = 16 << 10;

/// The file in a data folder; it need not be there.
pub fn file(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// What a witness tells.
#[derive(Debug, Default)]
pub struct Witness {
    /// Checkpoints by project, in the order written.
    pub chains: BTreeMap<String, Vec<Signed<Checkpoint>>>,
    /// Number of the first line that is no checkpoint.
    pub damaged: Option<u64>,
}

/// Reads a witness; an empty one if there is none.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(file: &Path) -> io::Result<Witness> {
    let mut witness = Witness::default();
    let mut source = match File::open(file) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(witness),
        Err(error) => return Err(error),
    };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if source.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match parse(&line) {
            Ok(checkpoint) => {
                let chain = witness.chains.entry(checkpoint.body.project.as_str().to_owned()).or_default();
                chain.push(checkpoint);
            }
            // The last line may be on its way.
            Err(_) if line.last() != Some(&b'\n') && (line.len() as u64) < LONGEST => {}
            Err(_) => witness.damaged = witness.damaged.or(Some(number)),
        }
    }
    Ok(witness)
}

fn parse(line: &[u8]) -> Result<Signed<Checkpoint>, BadStatement> {
    Signed::parse(std::str::from_utf8(line).map_err(|_| BadStatement)?)
}

/// Appends checkpoints; they are on disk when this returns.
///
/// # Errors
/// The file cannot be written.
pub fn append(file: &Path, checkpoints: &[Signed<Checkpoint>]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    cut_torn_line(&mut file)?;
    let text: String = checkpoints.iter().map(|checkpoint| checkpoint.canonical() + "\n").collect();
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// Cuts off a last line without end, which a crash left.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LONGEST);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LONGEST).read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
    if from + whole < length { file.set_len(from + whole) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::audit::chain::Head;
    use crate::audit::key::SigningKey;
    use crate::audit::value::{Id, Time};

    fn checkpoint(sequence: u64) -> Signed<Checkpoint> {
        let key = SigningKey::from_seed(&[1; 32]);
        let head = Head { sequence, ..Head::genesis(&Id::new("project").unwrap(), key.public()) };
        Checkpoint::sign(&head, Time::from_unix_millis(0).unwrap(), &key)
    }

    #[test]
    fn what_is_appended_is_read_and_only_the_owner_may() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(read(&file).unwrap().chains.is_empty(), "no file is no witness");
        append(&file, &[checkpoint(1), checkpoint(2)]).unwrap();
        append(&file, &[checkpoint(3)]).unwrap();
        let witness = read(&file).unwrap();
        assert_eq!(witness.chains["project"], [checkpoint(1), checkpoint(2), checkpoint(3)]);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_line_torn_by_a_crash_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        std::fs::write(&file, checkpoint(1).canonical() + "\n{\"body\":").unwrap();
        assert_eq!(read(&file).unwrap().damaged, None, "it may be on its way");
        append(&file, &[checkpoint(2)]).unwrap();
        let witness = read(&file).unwrap();
        assert_eq!(witness.chains["project"], [checkpoint(1), checkpoint(2)]);
        assert_eq!(witness.damaged, None);
    }
}
