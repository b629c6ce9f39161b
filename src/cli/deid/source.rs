//! The inputs of a run: checks them, walks folders in a stable order, opens archives,
//! hands out one file after the other. Only this decides what is looked at.

use super::archive::{self, Listing};
use super::outcome::Reason;
use crate::cli::{Failure, stdio};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;
use walkdir::{DirEntry, WalkDir};

/// One input: where it is, and its content.
pub struct Source {
    /// Where it is.
    pub about: About,
    /// What is there.
    pub content: Content,
}

/// Where an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The path as a user would write it; entries of an archive below its path.
    pub path: PathBuf,
    /// The path below its IN.
    pub relative: PathBuf,
    /// It stands on the command line itself or is called .dcm, so it is meant to be DICOM.
    pub meant: bool,
}

/// The content of an input.
pub enum Content {
    /// An open file.
    File(File),
    /// An entry of a ZIP archive.
    Entry {
        /// The archive.
        archive: Arc<Path>,
        /// Which one.
        entry: Box<archive::Entry>,
    },
    /// Nothing that can be read.
    Unreadable(Reason),
}

/// What makes two paths the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file behind a path.
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        fs::metadata(path).ok().map(|meta| Self::from(&meta))
    }
}

impl From<&Metadata> for FileId {
    fn from(meta: &Metadata) -> Self {
        Self(meta.dev(), meta.ino())
    }
}

/// Inputs that are there.
#[derive(Debug, Clone)]
pub struct Inputs {
    all: Vec<(PathBuf, bool)>,
}

impl Inputs {
    /// Checks that each is a file or a folder.
    pub fn check(paths: &[PathBuf]) -> Result<Self, Failure> {
        let one = |path: &PathBuf| {
            let wrong = |why: &str| Failure::Usage(format!("IN {}: {why}", path.display()));
            let meta = fs::metadata(path).map_err(|error| wrong(&stdio::why(&error)))?;
            match meta.is_dir() || meta.is_file() {
                true => Ok((path.clone(), meta.is_dir())),
                false => Err(wrong("neither a file nor a folder")),
            }
        };
        paths.iter().map(one).collect::<Result<_, _>>().map(|all| Self { all })
    }

    /// Checks that no folder to walk is or lies in the output folder: the walk would meet
    /// its own output. (The output folder below an input is left out of the walk.)
    pub fn check_apart(&self, out: &Path) -> Result<(), Failure> {
        for (path, _) in self.all.iter().filter(|(_, folder)| *folder) {
            if fs::canonicalize(path).is_ok_and(|path| path.starts_with(out)) {
                let path = path.display();
                return Err(Failure::Usage(format!(
                    "IN {path} is or lies in the folder of --out; take another"
                )));
            }
        }
        Ok(())
    }

    /// The lengths of the files found, one after the other.
    pub fn lengths(&self) -> impl Iterator<Item = u64> {
        let roots = self.all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>().into_iter();
        roots.flat_map(walk).filter_map(|entry| {
            let entry = entry.ok().filter(|entry| entry.file_type().is_file())?;
            entry.metadata().ok().map(|meta| meta.len())
        })
    }
}

/// Loops of links are told, not followed.
fn walk(root: PathBuf) -> walkdir::IntoIter {
    WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter()
}

/// All inputs in a stable order, found while they are asked for.
pub struct Sources {
    inputs: vec::IntoIter<(PathBuf, bool)>,
    folder: Option<(PathBuf, walkdir::IntoIter)>,
    listing: Option<Listing>,
    /// Written by this run, so never read by it.
    own: HashSet<FileId>,
    turn: u64,
}

impl Sources {
    /// Those of `inputs`, leaving out files and folders that are our `own`.
    pub fn new(inputs: Inputs, own: HashSet<FileId>) -> Self {
        Self { inputs: inputs.all.into_iter(), folder: None, listing: None, own, turn: 0 }
    }

    fn find(&mut self) -> Option<Source> {
        loop {
            if let Some(source) = self.listing.as_mut().and_then(Iterator::next) {
                return Some(source);
            }
            self.listing = None;
            let found = match self.folder.as_mut().map(|(_, walk)| walk.next()) {
                Some(Some(entry)) => self.entry(entry),
                Some(None) => {
                    self.folder = None;
                    None
                }
                None => self.input()?,
            };
            if found.is_some() {
                return found;
            }
        }
    }

    /// The next IN: `None` at the end, `Some(None)` where it must be walked or opened.
    fn input(&mut self) -> Option<Option<Source>> {
        let (path, folder) = self.inputs.next()?;
        if folder {
            self.folder = Some((path.clone(), walk(path)));
            return Some(None);
        }
        let relative = path.file_name().map(PathBuf::from).unwrap_or_default();
        Some(self.open(About { path, relative, meant: true }))
    }

    fn entry(&mut self, entry: Result<DirEntry, walkdir::Error>) -> Option<Source> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(self.lost(&error)),
        };
        if entry.file_type().is_dir() {
            let own = entry.metadata().is_ok_and(|meta| self.own.contains(&FileId::from(&meta)));
            if let (true, Some((_, walk))) = (own, &mut self.folder) {
                walk.skip_current_dir();
            }
            return None;
        }
        let about = self.about(entry.path());
        if entry.file_type().is_file() {
            return self.open(about);
        }
        let reason = Reason::skipped("special-file", "the input is a device, pipe or socket");
        Some(Source { about, content: Content::Unreadable(reason) })
    }

    fn about(&self, path: &Path) -> About {
        let root = self.folder.as_ref().map(|(root, _)| root.as_path()).unwrap_or(Path::new(""));
        let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
        About { path: path.to_owned(), relative, meant: is_called_dcm(path) }
    }

    fn lost(&self, error: &walkdir::Error) -> Source {
        let reason = match error.io_error() {
            _ if error.loop_ancestor().is_some() => {
                Reason::skipped("link-loop", "the link leads to a folder above it")
            }
            Some(error) => Reason::unreadable(error),
            None => Reason::of("unreadable", "the input cannot be read"),
        };
        let about = self.about(error.path().unwrap_or(Path::new("")));
        Source { about, content: Content::Unreadable(reason) }
    }

    /// An open file; `None` if it is our own, or an archive whose entries come next.
    fn open(&mut self, about: About) -> Option<Source> {
        let content = match self.look(&about.path) {
            Ok(Look::Own) => return None,
            Ok(Look::Archive(file)) => match Listing::open(file, &about) {
                Ok(listing) => {
                    self.listing = Some(listing);
                    return None;
                }
                Err(reason) => Content::Unreadable(reason),
            },
            Ok(Look::File(file)) => Content::File(file),
            Err(error) => Content::Unreadable(Reason::unreadable(&error)),
        };
        Some(Source { about, content })
    }

    fn look(&self, path: &Path) -> io::Result<Look> {
        let mut file = File::open(path)?;
        if self.own.contains(&FileId::from(&file.metadata()?)) {
            return Ok(Look::Own);
        }
        let mut first = [0; archive::SIGNATURE.len()];
        let len = file.read(&mut first)?;
        file.rewind()?;
        let archive = first.get(..len).is_some_and(archive::is_archive);
        Ok(if archive { Look::Archive(file) } else { Look::File(file) })
    }
}

/// The next input and its number in the order, from 0.
impl Iterator for Sources {
    type Item = (u64, Source);

    fn next(&mut self) -> Option<(u64, Source)> {
        let source = self.find()?;
        let turn = self.turn;
        self.turn += 1;
        Some((turn, source))
    }
}

/// True for names like IM1.dcm.
pub fn is_called_dcm(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("dcm"))
}

enum Look {
    Own,
    Archive(File),
    File(File),
}
