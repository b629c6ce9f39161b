//! Writes an output under a temporary name and lets it appear under its own name only
//! when it is whole. What is dropped before leaves nothing behind; what is there is never
//! overwritten.

use super::outcome::{Reason, Verdict};
use bytes::Bytes;
use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, IoSlice, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, TempPath};

/// The folder of all outputs; temporary files stand in it too, so that giving them their
/// name is one atomic step.
pub struct Staging {
    folder: PathBuf,
}

impl Staging {
    /// Outputs go below `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// An output of which nothing is written yet; its file is made with the first byte.
    pub fn output(&self) -> Output<'_> {
        Output { staging: self, file: None }
    }
}

/// One output on its way.
pub struct Output<'a> {
    staging: &'a Staging,
    file: Option<NamedTempFile>,
}

impl Output<'_> {
    /// Writes what is in `pieces` and empties it.
    pub fn write(&mut self, pieces: &mut Vec<Bytes>) -> io::Result<()> {
        if !pieces.is_empty() {
            let file = match self.file.take() {
                Some(file) => self.file.insert(file),
                None => self.file.insert(temporary(&self.staging.folder)?),
            };
            write_all(file.as_file_mut(), pieces)?;
            pieces.clear();
        }
        Ok(())
    }

    /// The output is whole.
    pub fn finish(self) -> io::Result<TempPath> {
        let file = match self.file {
            Some(file) => file,
            None => temporary(&self.staging.folder)?,
        };
        Ok(file.into_temp_path())
    }
}

/// With the permissions that the user's mask gives to new files.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(0o666);
    Builder::new().prefix(".veilgate-").suffix(".part").permissions(permissions).tempfile_in(folder)
}

/// All pieces by as few system calls as possible.
fn write_all(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = slices.as_mut_slice();
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives outputs their names.
pub struct Shelf {
    folder: PathBuf,
    made: HashSet<PathBuf>,
}

impl Shelf {
    /// Outputs go below `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, made: HashSet::new() }
    }

    /// Lets a whole output appear at `name` below the folder. If something else is there,
    /// that stays and this one goes.
    pub fn place(&mut self, output: TempPath, name: &Path) -> Result<Verdict, Reason> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent().filter(|parent| !self.made.contains(*parent)) {
            fs::create_dir_all(parent).map_err(|error| not_made(&error))?;
            self.made.insert(parent.to_owned());
        }
        match output.persist_noclobber(&path) {
            Ok(()) => Ok(Verdict::Done),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                match same(&error.path, &path) {
                    Ok(true) => Ok(Verdict::Unchanged),
                    _ if path.is_dir() => {
                        Err(Reason::of("exists", "a folder is there already under the output's name"))
                    }
                    _ => Err(Reason::of("exists", "another file is there already under the output's name")),
                }
            }
            Err(error) => Err(Reason::unwritable(&error.error)),
        }
    }
}

/// Why there is no folder for an output.
fn not_made(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Reason::of("exists", "a file is there already under the name of the output's folder")
        }
        _ => Reason::unwritable(error),
    }
}

/// True if both files hold the same bytes.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut here, mut there) = ([0; 8192], [0; 8192]);
    loop {
        let len = one.read(&mut here)?;
        let (Some(here), Some(there)) = (here.get(..len), there.get_mut(..len)) else { return Ok(false) };
        if len == 0 {
            return Ok(true);
        }
        other.read_exact(there)?;
        if here != there {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(staging: &Staging, bytes: &'static [u8]) -> TempPath {
        let mut output = staging.output();
        let (one, two) = bytes.split_at(bytes.len() / 2);
        output.write(&mut vec![Bytes::from_static(one), Bytes::new(), Bytes::from_static(two)]).unwrap();
        output.finish().unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let all = fs::read_dir(folder).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn an_output_appears_whole_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path().into());
        let mut shelf = Shelf::new(folder.path().into());
        let name = Path::new("a/b.dcm");
        assert_eq!(shelf.place(write(&staging, b"first"), name), Ok(Verdict::Done));
        assert_eq!(shelf.place(write(&staging, b"first"), name), Ok(Verdict::Unchanged));
        assert_eq!(shelf.place(write(&staging, b"other"), name).unwrap_err().code, "exists");
        assert_eq!(shelf.place(write(&staging, b"longer"), name).unwrap_err().code, "exists");
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"first");
        let told = |outcome: Result<Verdict, Reason>| outcome.unwrap_err().text;
        assert!(
            told(shelf.place(write(&staging, b"first"), Path::new("a"))).starts_with("a folder is there")
        );
        for below in ["a/b.dcm/c", "a/b.dcm/c/d"] {
            assert!(
                told(shelf.place(write(&staging, b"x"), Path::new(below))).starts_with("a file is there")
            );
        }
        assert_eq!(names(folder.path()), ["a"], "temporary files are gone");
    }

    #[test]
    fn an_output_that_is_dropped_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(folder.path().into());
        let mut output = staging.output();
        assert!(names(folder.path()).is_empty(), "no file before the first byte");
        output.write(&mut vec![Bytes::from_static(b"half")]).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(output);
        assert!(names(folder.path()).is_empty());
    }
}
