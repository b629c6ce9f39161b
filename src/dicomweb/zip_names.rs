//! Names of files as a client sent them → paths of a ZIP archive that every system unpacks
//! below the folder it is told, with no two files on the same path. Pure.

use std::collections::{HashMap, HashSet};

/// Most bytes of one component: what common file systems take.
const COMPONENT: usize = 255;

/// Most bytes of a path; folders farthest from the file give way.
const PATH: usize = 1024;

/// Longest extension that is kept when a name is cut.
const EXTENSION: usize = 16;

/// A file that came without a name.
const UNNAMED: &str = "upload.dcm";

/// Device names that Windows takes for no file, whatever follows the first dot.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The paths given so far. Compared without case, as Windows and macOS do.
#[derive(Default)]
pub struct ZipNames {
    files: HashSet<String>,
    folders: HashSet<String>,
    /// The next number to try behind a name that is taken.
    numbers: HashMap<String, usize>,
}

impl ZipNames {
    /// The path for a file sent under this name. Folders survive, either slash parts them.
    pub fn path(&mut self, sent: &str) -> String {
        let mut components: Vec<String> = sent.split(['/', '\\']).map(tidy).collect();
        components.retain(|component| !component.is_empty());
        let file = components.pop().unwrap_or_else(|| UNNAMED.to_owned());
        let mut room = PATH.saturating_sub(file.len());
        let fitting = components.iter().rev().take_while(|folder| {
            let fits = folder.len() < room;
            room = room.saturating_sub(folder.len() + 1);
            fits
        });
        let first = components.len() - fitting.count();
        let folder =
            components.iter().skip(first).fold(String::new(), |above, name| self.folder(&above, name));
        let path = self
            .free(&folder, &file, |names, key| !names.files.contains(key) && !names.folders.contains(key));
        self.files.insert(path.to_lowercase());
        path
    }

    /// A folder within `above`, which no file may be called.
    fn folder(&mut self, above: &str, name: &str) -> String {
        let path = self.free(above, name, |names, key| !names.files.contains(key));
        self.folders.insert(path.to_lowercase());
        format!("{path}/")
    }

    /// `name` within `above`, or the first of `name (2)`, `name (3)` … that is free.
    fn free(&mut self, above: &str, name: &str, is_free: impl Fn(&Self, &str) -> bool) -> String {
        let plain = format!("{above}{name}");
        let key = plain.to_lowercase();
        if is_free(self, &key) {
            return plain;
        }
        let mut number = self.numbers.get(&key).copied().unwrap_or(2);
        loop {
            let numbered = format!("{above}{}", cut(name, &format!(" ({number})")));
            if is_free(self, &numbered.to_lowercase()) {
                // Not one further: a folder keeps its number for the files that follow.
                self.numbers.insert(key, number);
                return numbered;
            }
            number += 1;
        }
    }
}

/// One component that no system takes for anything but a name; empty if nothing is left.
fn tidy(component: &str) -> String {
    let letters = component.chars().filter(|letter| !letter.is_control() && !is_direction(*letter));
    let harmless: String =
        letters.map(|letter| if "<>:\"|?*".contains(letter) { '_' } else { letter }).collect();
    // Windows drops dots and blanks at the end; so `..` and `.` vanish here too.
    let trimmed = harmless.trim_start().trim_end_matches(|end: char| end == '.' || end.is_whitespace());
    let name = if is_device(trimmed) { format!("_{trimmed}") } else { trimmed.to_owned() };
    cut(&name, "")
}

/// Marks that make a name read otherwise than it is.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let numbered = port.is_some_and(|port| {
        let mut letters = port.chars();
        letters.next().is_some_and(|letter| letter.is_ascii_digit() || "¹²³".contains(letter))
            && letters.next().is_none()
    });
    numbered || DEVICES.contains(&stem.as_str())
}

/// The name with `suffix` before its extension, cut in front of it where it is too long.
fn cut(name: &str, suffix: &str) -> String {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= EXTENSION);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let most = COMPONENT - suffix.len() - extension.len();
    let end = stem.floor_char_boundary(most);
    let stem = match stem.get(..end) {
        Some(short) if end < stem.len() => short.trim_end_matches(['.', ' ']),
        _ => stem,
    };
    format!("{stem}{suffix}{extension}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    fn paths(sent: &[&str]) -> Vec<String> {
        let mut names = ZipNames::default();
        sent.iter().map(|name| names.path(name)).collect()
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (sent, path) in [
            ("../../evil.dcm", "evil.dcm"),
            (r"..\..\evil.dcm", "evil.dcm"),
            ("/etc/passwd", "etc/passwd"),
            (r"C:\scans\a.dcm", "C_/scans/a.dcm"),
            (r"\\host\share\a.dcm", "host/share/a.dcm"),
            ("a/./b//../c.dcm", "a/b/c.dcm"),
            ("..", "upload.dcm"),
            (".. /. ./x", "x"),
            ("", "upload.dcm"),
            ("\0\r\n", "upload.dcm"),
            ("a\0b\u{7}\u{85}c\u{202e}.dcm", "abc.dcm"),
        ] {
            assert_eq!(paths(&[sent]), [path], "{sent:?}");
        }
    }

    #[test]
    fn what_windows_cannot_keep_is_made_harmless() {
        for (sent, path) in [
            ("nul.dcm", "_nul.dcm"),
            ("COM1", "_COM1"),
            ("lpt\u{b9}.x.y", "_lpt\u{b9}.x.y"),
            ("con .txt", "_con .txt"),
            ("CONTRAST.dcm", "CONTRAST.dcm"),
            ("COM10", "COM10"),
            ("a<b>:\"c|?*.dcm", "a_b___c___.dcm"),
            ("IM0001. . ", "IM0001"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(paths(&[sent]), [path], "{sent:?}");
        }
    }

    #[test]
    fn equal_names_are_kept_apart_and_folders_survive() {
        assert_eq!(paths(&["a/IM1.dcm", "b/IM1.dcm"]), ["a/IM1.dcm", "b/IM1.dcm"]);
        assert_eq!(paths(&["I.dcm"; 3]), ["I.dcm", "I (2).dcm", "I (3).dcm"]);
        assert_eq!(paths(&["i (2).dcm", "I.dcm", "i.DCM"]), ["i (2).dcm", "I.dcm", "i (3).DCM"]);
        assert_eq!(paths(&["IM", "IM", "", ""]), ["IM", "IM (2)", "upload.dcm", "upload (2).dcm"]);
        assert_eq!(paths(&["a", "A/1", "a/2", "a/1"]), ["a", "A (2)/1", "a (2)/2", "a (2)/1 (2)"]);
        assert_eq!(paths(&["a/1", "a"]), ["a/1", "a (2)"]);
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let long = format!("{}.dcm", "\u{e9}".repeat(300));
        let cut = paths(&[&long, &long]);
        let expected = [format!("{}.dcm", "\u{e9}".repeat(125)), format!("{} (2).dcm", "\u{e9}".repeat(123))];
        assert_eq!(cut, expected);
        let deep = format!("{}last/f.dcm", "d/".repeat(5000));
        let cut = paths(&[&deep]);
        assert!(cut[0].ends_with("d/last/f.dcm") && cut[0].len() <= PATH, "{}", cut[0].len());
    }

    proptest! {
        #[test]
        fn any_names_give_distinct_paths_within_bounds(
            sent in prop::collection::vec(prop::sample::select(vec![
                "a", "A", "a (2)", ".", "..", "/", "\\", "nul", ".dcm", " ", "\0", "\u{202e}", "\u{130}", "C:", "é",
            ]), 0..200),
            each in 1usize..6,
        ) {
            let mut names = ZipNames::default();
            let mut files = HashSet::new();
            let mut folders = HashSet::new();
            for parts in sent.chunks(each) {
                let path = names.path(&parts.concat());
                prop_assert!(path.len() <= PATH + COMPONENT && !path.starts_with('/') && !path.contains('\\'));
                prop_assert!(path.split('/').all(|it| !it.is_empty() && it != "." && it != ".." && it.len() <= COMPONENT));
                let key = path.to_lowercase();
                key.match_indices('/').for_each(|(at, _)| { folders.insert(key[..at].to_owned()); });
                prop_assert!(files.insert(key));
            }
            prop_assert!(files.is_disjoint(&folders));
        }
    }
}
