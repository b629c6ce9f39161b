//! ZIP archives as inputs: which entries there are, and reading one. Entries stream;
//! nothing is unpacked to disk. Encrypted entries are refused.

use super::outcome::Reason;
use super::source::{About, Content, Source, is_called_dcm};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;
use zip::ZipReadOptions;
use zip::read::{Config, ZipFile, ZipFileEntry};
use zip::result::{ZipError, ZipResult};
// `ZipArchive` knows entries by their names, so it tells only the last of those with one name.
use zip::unstable::read::ZipIterable;

/// How a ZIP archive begins (APPNOTE 4.3.7).
pub const SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// How an archive without entries begins (APPNOTE 4.3.16).
const EMPTY: [u8; 4] = *b"PK\x05\x06";

/// True if a file that begins so is a ZIP archive.
pub fn is_archive(first: &[u8]) -> bool {
    first.starts_with(&SIGNATURE) || first.starts_with(&EMPTY)
}

/// An entry as the archive's directory tells it.
pub type Entry = ZipFileEntry<'static>;

/// The entries of one archive, as sources.
pub struct Listing {
    about: About,
    path: Arc<Path>,
    left: vec::IntoIter<Entry>,
}

impl Listing {
    /// Reads the directory of an archive.
    pub fn open(file: File, about: &About) -> Result<Self, Reason> {
        let left = entries(file).map_err(|error| reason(&error))?.into_iter();
        Ok(Self { about: about.clone(), path: about.path.as_path().into(), left })
    }

    fn source(&self, entry: Entry, name: Option<&str>) -> Source {
        let (relative, content) = match name.and_then(inside) {
            Some(relative) => {
                (relative, Content::Entry { archive: Arc::clone(&self.path), entry: Box::new(entry) })
            }
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
            let entry = self.left.next()?;
            let name = entry.name().ok().map(|name| name.into_owned());
            if !name.as_deref().is_some_and(|name| name.ends_with(['/', '\\'])) {
                return Some(self.source(entry, name.as_deref()));
            }
        }
    }
}

fn entries(file: File) -> ZipResult<Vec<Entry>> {
    ZipIterable::try_new(BufReader::new(file), Config::default())?.files()?.collect()
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

/// The archive a worker read last, so that it is not opened for each of its entries.
#[derive(Default)]
pub struct Last {
    open: Option<(Arc<Path>, BufReader<File>)>,
}

impl Last {
    /// An entry of the archive at `path`, ready to be read.
    pub fn entry(&mut self, path: &Arc<Path>, entry: Entry) -> Result<ZipFile<'_, BufReader<File>>, Reason> {
        let (_, archive) = match self.open.take().filter(|(open, _)| open == path) {
            Some(open) => self.open.insert(open),
            None => {
                let file = File::open(path).map_err(|error| Reason::unreadable(&error))?;
                self.open.insert((Arc::clone(path), BufReader::new(file)))
            }
        };
        entry.with_reader(archive, ZipReadOptions::new()).map_err(|error| reason(&error))
    }
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
