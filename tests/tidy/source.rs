//! Source files as the tidy rules read them: comments and literals blanked out, test modules cut off, functions measured.

use std::path::{Path, PathBuf};

/// One file of the repository.
pub struct Source {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    pub text: String,
    /// The text with comments, strings and characters blanked; same lines, same columns.
    pub code: String,
}

/// Every Rust file below a folder of the repository; none when the folder is absent.
pub fn rust_files(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    paths.iter().map(|path| Source::new(relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, out) } else { out.push(path) }
    }
}

impl Source {
    pub fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        Source { path, text, code }
    }

    /// The top-level module below `src`: `deid` for `src/deid/engine.rs` and for `src/deid.rs`.
    pub fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// The blanked code up to the unit tests at the foot; nothing of a file of unit tests.
    pub fn product(&self) -> &str {
        if self.path.ends_with("/tests.rs") {
            return "";
        }
        let end = self.code.find("#[cfg(test)]").filter(|&at| self.code[at..].contains("mod "));
        &self.code[..end.unwrap_or(self.code.len())]
    }

    /// `path:line` of a byte offset, for messages editors can follow.
    pub fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.code[..offset].matches('\n').count() + 1)
    }

    /// Names of the crate's own top-level modules that this file reaches, with the offset of each.
    pub fn reaches(&self) -> Vec<(usize, String)> {
        let code = self.product();
        let mut out = Vec::new();
        for root in ["crate::", "veilgate::"] {
            for (at, _) in code.match_indices(root) {
                if !code[..at]
                    .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
                {
                    out.extend(names_after(&code[at + root.len()..]).into_iter().map(|name| (at, name)));
                }
            }
        }
        let depth = self.path.trim_start_matches("src/").split('/').filter(|part| *part != "mod.rs").count();
        let climb = "super::".repeat(depth);
        for (at, _) in code.match_indices(&climb) {
            out.extend(names_after(&code[at + climb.len()..]).into_iter().map(|name| (at, name)));
        }
        out
    }

    /// Functions as (offset, name, lines from `fn` to the closing brace).
    pub fn functions(&self) -> Vec<(usize, String, usize)> {
        let starts = self.code.match_indices("fn ").filter(|(at, _)| {
            !self.code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
        });
        starts.filter_map(|(at, _)| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<(usize, String, usize)> {
        let rest = &self.code[at..];
        let name: String = rest[3..].chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
        let (mut round, mut curly) = (0, 0);
        for (offset, it) in rest.char_indices() {
            match it {
                '(' | '[' => round += 1,
                ')' | ']' => round -= 1,
                ';' if round == 0 && curly == 0 => return None,
                '{' => curly += 1,
                '}' => {
                    curly -= 1;
                    if curly == 0 {
                        return (!name.is_empty())
                            .then(|| (at, name, rest[..offset].matches('\n').count() + 1));
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// The first path segment, or those of a `{a::b, c}` group.
fn names_after(rest: &str) -> Vec<String> {
    let segment = |text: &str| {
        text.trim().chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![segment(rest)];
    };
    let (mut depth, mut start, mut out) = (0, 0, Vec::new());
    for (at, it) in group.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth == 0 => {
                out.push(segment(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(segment(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    out.retain(|name| !name.is_empty());
    out
}

/// Comments, strings and characters replaced by spaces, line ends kept.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match literal_end(bytes, at) {
            Some(end) => end,
            None => {
                at += 1;
                continue;
            }
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Where the comment or literal that begins here ends; None when none begins here.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => Some(at + rest.iter().position(|&it| it == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + block_comment(rest)),
        [b'r', b'"' | b'#', ..] if !word_before => raw_string(rest).map(|length| at + length),
        [b'b', b'r', b'"' | b'#', ..] if !word_before => raw_string(&rest[1..]).map(|length| at + 1 + length),
        [b'"', ..] => Some(at + quoted(rest, b'"')),
        // A lifetime has no closing quote after one character.
        [b'\'', b'\\', ..] => Some(at + quoted(rest, b'\'')),
        [b'\'', ..] => std::str::from_utf8(&rest[1..rest.len().min(5)])
            .map_or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).ok(), Some)
            .and_then(|text| text.chars().next())
            .filter(|it| rest.get(1 + it.len_utf8()) == Some(&b'\''))
            .map(|it| at + 2 + it.len_utf8()),
        _ => None,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&it| it == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let body = &rest[2 + hashes..];
    let length = body.windows(end.len()).position(|window| window == end)?;
    Some(2 + hashes + length + end.len())
}
