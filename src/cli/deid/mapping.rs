//! The mapping files: which original UID and patient ID became which pseudonym. They
//! identify patients by purpose, so they are for the owner's eyes only.

use crate::cli::{Failure, stdio};
use crate::deid::receipt::Receipt;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Every study, series and instance UID.
const UIDS: &str = "uid_mapping.csv";
/// Every patient ID.
const PATIENTS: &str = "patid_mapping.csv";

/// Pairs of old and new, sorted, each once.
pub struct Mapping {
    folder: PathBuf,
    uids: BTreeSet<(String, String)>,
    patients: BTreeSet<(String, String)>,
}

impl Mapping {
    /// Makes the folder. The files must not be there yet.
    pub fn create(folder: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage(format!("--mapping {}: {why}", folder.display()));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| wrong(stdio::why(&error)))?;
        for name in [UIDS, PATIENTS] {
            if folder.join(name).symlink_metadata().is_ok() {
                return Err(wrong(format!("{name} is there already and is not overwritten")));
            }
        }
        Ok(Self { folder: folder.to_owned(), uids: BTreeSet::new(), patients: BTreeSet::new() })
    }

    /// Notes the names of one output.
    pub fn note(&mut self, receipt: &Receipt) {
        let old = receipt.originals.expose();
        let new = &receipt.names;
        for (old, new) in
            [(&old.study, &new.study), (&old.series, &new.series), (&old.instance, &new.instance)]
        {
            insert(&mut self.uids, old, new);
        }
        insert(&mut self.patients, &old.patient_id, &receipt.patient_id);
    }

    /// Writes both files, each whole or not at all.
    pub fn close(self) -> io::Result<()> {
        write(&self.folder, UIDS, &self.uids)?;
        write(&self.folder, PATIENTS, &self.patients)
    }
}

fn insert(pairs: &mut BTreeSet<(String, String)>, old: &str, new: &str) {
    if !old.is_empty() {
        pairs.insert((old.to_owned(), new.to_owned()));
    }
}

fn write(folder: &Path, name: &str, pairs: &BTreeSet<(String, String)>) -> io::Result<()> {
    let owner_only = Permissions::from_mode(0o600);
    let file = tempfile::Builder::new().prefix(".veilgate-").permissions(owner_only).tempfile_in(folder)?;
    let file = rows(file, pairs).map_err(cause)?;
    file.persist_noclobber(folder.join(name)).map(drop).map_err(|error| error.error)
}

fn rows<W: io::Write>(to: W, pairs: &BTreeSet<(String, String)>) -> csv::Result<W> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(["id_old", "id_new"])?;
    for (old, new) in pairs {
        csv.write_record([old, new])?;
    }
    csv.flush()?;
    csv.into_inner().map_err(|error| io::Error::from(error.error().kind()).into())
}

/// What the machine says: wrapped, it would be told as some error.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::ErrorKind::InvalidData.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct FullDisk;

    impl io::Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_as_such_however_much_there_is_to_write() {
        for many in [1, 5000] {
            let pairs = (0..many).map(|number| (format!("old {number}"), format!("new {number}"))).collect();
            let error = rows(FullDisk, &pairs).map(drop).map_err(cause).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{many}");
        }
    }
}
