//! The real files: `fixtures/dicom`, always there, and the fetched public corpus, when there.

use std::path::{Path, PathBuf};

/// One file of a collection.
pub struct File {
    pub name: String,
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// This repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `fixtures/dicom` of this repository.
pub fn fixtures_dir() -> PathBuf {
    root().join("fixtures/dicom")
}

/// One fixture by its file name.
pub fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures_dir().join(name)).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// Every fixture, by name.
pub fn fixtures() -> Vec<File> {
    read(&fixtures_dir())
}

/// Where tests/rigs keeps what it installs: `RIGS_HOME`, or the user's cache folder.
pub fn rigs_home() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || {
        set("XDG_CACHE_HOME").unwrap_or_else(|| set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache"))
    };
    set("RIGS_HOME").unwrap_or_else(|| cache().join("veilgate-rigs"))
}

/// The whole public corpus (`tests/rigs/install.sh corpus`), which includes the fixtures.
/// The fixtures alone where it was not fetched; in CI its absence is an error.
pub fn corpus() -> Vec<File> {
    let dir = rigs_home().join("corpus");
    if dir.is_dir() {
        return read(&dir);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no corpus in {}: run tests/rigs/install.sh corpus",
        dir.display()
    );
    eprintln!("skipped: the fetched corpus (tests/rigs/install.sh corpus brings it); fixtures only");
    fixtures()
}

/// Every file of a folder, by name.
pub fn read(dir: &Path) -> Vec<File> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .into_iter()
        .map(|path| File { name: name(&path), bytes: std::fs::read(&path).unwrap(), path })
        .collect()
}
