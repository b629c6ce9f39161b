//! What outputs are called. No two outputs of a run get one name, and no name leads out
//! of the output folder.

use crate::cli::args::Names as Scheme;
use crate::deid::receipt::Names;
use crate::dicom::uid;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Gives names, each once.
pub struct Naming {
    scheme: Scheme,
    /// Names given, with the number that a further one of that name gets.
    given: HashMap<PathBuf, u32>,
}

impl Naming {
    /// Nothing is named yet.
    pub fn new(scheme: Scheme) -> Self {
        Self { scheme, given: HashMap::new() }
    }

    /// The name for the output of the input at `relative` below its IN.
    pub fn give(&mut self, relative: &Path, names: &Names) -> PathBuf {
        let wanted = match self.scheme {
            Scheme::Keep => relative.to_owned(),
            Scheme::Uid => by_uid(names),
        };
        let Some(mut number) = self.given.get(&wanted).copied() else {
            self.given.insert(wanted.clone(), 2);
            return wanted;
        };
        let mut name = numbered(&wanted, number);
        while self.given.contains_key(&name) {
            number += 1;
            name = numbered(&wanted, number);
        }
        self.given.insert(wanted, number + 1);
        self.given.insert(name.clone(), 2);
        name
    }
}

/// `a/b.dcm` → `a/b~2.dcm`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("~{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Retained UIDs come from the input: what is no UID becomes no path.
fn by_uid(names: &Names) -> PathBuf {
    let part = |uid: &str, none: &str| if uid::is_legal(uid) { uid.to_owned() } else { none.to_owned() };
    let file = part(&names.instance, "no-instance") + ".dcm";
    PathBuf::from(part(&names.study, "no-study")).join(part(&names.series, "no-series")).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(study: &str) -> Names {
        Names { sop_class: "1.2".into(), instance: "1.5".into(), series: "1.4".into(), study: study.into() }
    }

    #[test]
    fn equal_names_are_kept_apart() {
        let mut naming = Naming::new(Scheme::Keep);
        let mut give = |path: &str| naming.give(Path::new(path), &names("1.3")).display().to_string();
        assert_eq!(give("a/b.dcm"), "a/b.dcm");
        assert_eq!(give("a/b~2.dcm"), "a/b~2.dcm");
        assert_eq!(give("a/b.dcm"), "a/b~3.dcm");
        assert_eq!(give("a/b.dcm"), "a/b~4.dcm");
        assert_eq!(give("IM1"), "IM1");
        assert_eq!(give("IM1"), "IM1~2");
    }

    #[test]
    fn uids_that_are_none_lead_nowhere() {
        let mut naming = Naming::new(Scheme::Uid);
        let mut give = |study: &str| naming.give(Path::new("x"), &names(study)).display().to_string();
        assert_eq!(give("1.3"), "1.3/1.4/1.5.dcm");
        assert_eq!(give("../../etc"), "no-study/1.4/1.5.dcm");
        assert_eq!(give("1.3"), "1.3/1.4/1.5~2.dcm");
    }
}
