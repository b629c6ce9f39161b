//! ZIP archives as inputs: which entries there are, and reading one. Entries stream;
//! nothing is unpacked to disk. Encrypted entries are refused.

use super::outcome::Reason;
use super::source::{About, Content, Source, is_called_dcm};
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// How a ZIP archive begins (APPNOTE 4.3.7).
pub const SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// How an archive without entries begins (APPNOTE 4.3.16).
const EMPTY: [u8; 4] = *b"PK\x05\x06";

/// True if a file that begins so is a ZIP archive.
pub fn is_archive(first: &[u8]) -> bool {
    first.starts_with(&SIGNATURE) || first.starts_with(&EMPTY)
}

/// An archive opened for reading.
pub type Archive = ZipArchive<BufReader<File>>;

/// The entries of one archive, as sources.
pub struct Listing {
    about: About,
    path: Arc<Path>,
    archive: Archive,
    left: Range<usize>,
}

impl Listing {
    /// Reads the directory of an archive.
    pub fn open(file: File, about: &About) -> Result<Self, Reason> {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| reason(&error))?;
        let left = 0..archive.len();
        Ok(Self { about: about.clone(), path: about.path.as_path().into(), archive, left })
    }

    fn source(&self, index: usize, name: Option<&str>) -> Source {
        let (relative, content) = match name.and_then(inside) {
            Some(relative) => (relative, Content::Entry { archive: Arc::clone(&self.path), index }),
            None => (PathBuf::from("entry"), Content::Unreadable(unsafe_name())),
        };
        let path = self.about.path.join(name.map_or(Path::new("?"), |_| relative.as_path()));
        let meant = is_called_dcm(&relative);
        Source { about: About { path, relative: self.about.relative.join(relative), meant }, content }
    }
}

impl Iterator for Listing {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            let index = self.left.next()?;
            let name = self.archive.name_for_index(index).and_then(Result::ok);
            if !name.as_deref().is_some_and(|name| name.ends_with(['/', '\\'])) {
                let name = name.map(|name| name.into_owned());
                return Some(self.source(index, name.as_deref()));
            }
        }
    }
}

/// The entry's path below the output folder; `None` for a name that leads out of it.
fn inside(name: &str) -> Option<PathBuf> {
    let absolute = name.starts_with(['/', '\\']) || name.contains('\0');
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    let leads_out = parts.iter().any(|part| *part == ".." || part.ends_with(':'));
    (!absolute && !leads_out && !parts.is_empty()).then(|| parts.iter().collect())
}

fn unsafe_name() -> Reason {
    Reason::of("archive-name", "the name of the archive's entry leads out of the archive")
}

fn reason(error: &ZipError) -> Reason {
    match error {
        ZipError::Io(error) => Reason::unreadable(error),
        ZipError::UnsupportedArchive(_) => {
            Reason::of("archive-unsupported", "the archive is encrypted or packed by an unsupported method")
        }
        _ => Reason::of("archive-damaged", "the ZIP archive is damaged"),
    }
}

/// The archive a worker read last, so that its directory is read once per worker.
#[derive(Default)]
pub struct Last {
    open: Option<(Arc<Path>, Archive)>,
}

impl Last {
    /// The entry at `index` of the archive at `path`, ready to be read.
    pub fn entry(&mut self, path: &Arc<Path>, index: usize) -> Result<ZipFile<'_, BufReader<File>>, Reason> {
        let (_, archive) = match self.open.take().filter(|(open, _)| open == path) {
            Some(open) => self.open.insert(open),
            None => self.open.insert((Arc::clone(path), open(path).map_err(|error| reason(&error))?)),
        };
        archive.by_index(index).map_err(|error| reason(&error))
    }
}

fn open(path: &Path) -> Result<Archive, ZipError> {
    let file: io::Result<File> = File::open(path);
    ZipArchive::new(BufReader::new(file?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_archive_are_not_followed() {
        for name in ["../a", "a/../../b", "/etc/passwd", "\\a", "a\\..\\b", "C:\\a", "", "./", "a\0b"] {
            assert_eq!(inside(name), None, "{name}");
        }
        assert_eq!(inside("a/./b\\c.dcm"), Some(PathBuf::from("a/b/c.dcm")));
    }
}
