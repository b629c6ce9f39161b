//! The house rules as tests: headers, sizes, floors, single doors, banned words, fixtures with a source.
//! Every message is `file:line: rule`. What stands on which floor, and why, is told in the crate's documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "tidy/source.rs"]
mod source;

use source::{Source, rust_files};
use std::path::Path;

/// Modules by floor, lowest first. A module imports only from lower floors.
const FLOORS: &[&[&str]] = &[
    &["budget", "dicom", "secret", "metrics", "trail"],
    &["deid"],
    &["dicomweb", "audit", "db", "downstream", "billing", "raster", "spool"],
    &["archive", "conform", "destination", "oidc", "origin", "otlp", "sink"],
    &["layer", "problem"],
    &["api", "page"],
    &["config", "cli", "serve", "main", "lib"],
];

/// Arrows between modules of one floor, each with its reason.
const SAME_FLOOR: &[(&str, &str, &str)] = &[
    ("trail", "metrics", "spans that nobody takes are counted"),
    ("downstream", "dicomweb", "the client speaks the wire forms that are defined there"),
    ("raster", "dicomweb", "the header of a code stream is read there"),
    ("db", "audit", "what is stored is an entry of the audit chain"),
    ("db", "billing", "what is stored are ledgers and batches, changed by the rules there"),
    ("destination", "archive", "one of the destinations is the archive"),
    ("origin", "archive", "one of the origins is the archive"),
    ("layer", "problem", "a layer that stops a request answers with a problem"),
    ("api", "page", "the router mounts the page"),
    ("cli", "config", "commands read settings"),
    ("cli", "serve", "the command `serve` starts the server; others work on its data"),
    ("serve", "config", "wiring follows the settings"),
    ("main", "cli", "the binary hands over to the command line"),
    ("main", "config", "the binary may read settings"),
    ("main", "serve", "the binary may start the server"),
];

/// What must not be named in a module: (modules, word, why). Unit tests at a file's foot are free.
const ABSENT: &[(&[&str], &[&str], &str)] = &[
    (
        &["dicom", "deid"],
        &[
            "tokio::",
            "axum::",
            "sqlx::",
            "reqwest::",
            "hyper::",
            "tracing::",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
        ],
        "floors 0 and 1 are pure: no IO, no runtime, no log",
    ),
    (&["dicom", "deid"], &["SystemTime", "Instant"], "floors 0 and 1 know no clock"),
    (
        &["audit"],
        &["tokio::", "axum::", "sqlx::", "std::fs", "std::net", "SystemTime", "Instant", "getrandom::"],
        "the audit chain is pure: storage, time and randomness come from its callers",
    ),
    (
        &["dicomweb", "raster"],
        &["axum::", "sqlx::", "reqwest::", "tokio::fs", "std::fs"],
        "wire forms know no server, SQL or files",
    ),
    (
        &["api", "page"],
        &["sqlx::", "reqwest::"],
        "handlers reach SQL and the downstream server through their modules",
    ),
];

/// Single doors: (word, the only modules that may say it, why).
const DOORS: &[(&str, &[&str], &str)] = &[
    ("sqlx::", &["db"], "SQL only in db"),
    ("reqwest::", &["downstream"], "HTTP calls only in downstream"),
    ("stripe::", &["billing"], "Stripe only in billing"),
    ("stripe_billing::", &["billing"], "Stripe only in billing"),
    ("stripe_checkout::", &["billing"], "Stripe only in billing"),
    ("hyper::client", &["downstream"], "HTTP calls only in downstream"),
    (
        "tokio_rustls::",
        &["downstream", "sink", "serve"],
        "TLS only where servers are asked, syslog is sent, and clients are listened to",
    ),
    ("jsonwebtoken::", &["oidc"], "tokens of an issuer only in oidc"),
    ("prometheus_client::", &["metrics"], "what is counted stands in one list"),
    ("opentelemetry", &["otlp"], "traces leave by one door"),
    ("object_store::", &["archive"], "the object store only in archive"),
    (
        "std::env",
        &["config", "cli", "main"],
        "the environment is read in config; cli and main read arguments",
    ),
    ("env::var", &["config"], "environment variables only in config"),
];

fn holds(broken: Vec<String>) {
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

fn ours() -> Vec<Source> {
    ["src", "tests", "benches", "fuzz/targets", "conformance"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .collect()
}

#[test]
fn every_file_says_first_what_lives_in_it() {
    let header = |file: &Source| {
        file.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 10)
    };
    let files = ours();
    assert!(files.len() > 5, "only {} source files found", files.len());
    holds(
        files
            .iter()
            .filter(|file| !header(file))
            .map(|file| format!("{}:1: no `//!` on the first line", file.path))
            .collect(),
    );
}

#[test]
fn files_stay_under_400_lines() {
    let lines = |file: &Source| file.text.lines().count();
    holds(
        ours()
            .iter()
            .filter(|file| lines(file) > 400)
            .map(|file| format!("{}:{}: longer than 400 lines", file.path, lines(file)))
            .collect(),
    );
}

#[test]
fn functions_stay_under_80_lines() {
    let mut broken = Vec::new();
    for file in ours() {
        for (at, name, lines) in file.functions() {
            if lines > 80 {
                broken.push(format!("{}: fn {name} has {lines} lines, 80 are the most", file.at(at)));
            }
        }
    }
    holds(broken);
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

fn allowed(from: &str, to: &str) -> bool {
    from == to
        || from == "lib"
        || floor(to) < floor(from)
        || SAME_FLOOR.iter().any(|(one, other, _)| (*one, *other) == (from, to))
}

#[test]
fn modules_import_only_from_lower_floors() {
    let mut broken = Vec::new();
    let files = rust_files("src");
    for file in &files {
        if floor(file.module()).is_none() {
            broken.push(format!(
                "{}:1: module `{}` stands on no floor of tests/tidy.rs",
                file.path,
                file.module()
            ));
        }
        for (at, to) in file.reaches() {
            // Names that are no module of the crate are items re-exported by lib.rs.
            let is_module = files.iter().any(|other| other.module() == to);
            if is_module && !allowed(file.module(), &to) {
                broken.push(format!("{}: `{}` must not import from `{to}`", file.at(at), file.module()));
            }
        }
    }
    holds(broken);
}

#[test]
fn single_doors_and_pure_floors_are_kept() {
    let mut broken = Vec::new();
    for file in rust_files("src") {
        let mut banned: Vec<(&str, &str)> = Vec::new();
        for (modules, words, why) in ABSENT {
            if modules.contains(&file.module()) {
                banned.extend(words.iter().map(|word| (*word, *why)));
            }
        }
        let closed = DOORS.iter().filter(|(_, modules, _)| !modules.contains(&file.module()));
        banned.extend(closed.map(|(word, _, why)| (*word, *why)));
        for (word, why) in banned {
            for (at, _) in file.product().match_indices(word) {
                if !file.code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                    broken.push(format!("{}: `{word}`: {why}", file.at(at)));
                }
            }
        }
    }
    holds(broken);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let banned = [
        "todo!",
        "unimplemented!",
        "dbg!",
        "FIXME",
        "TODO",
        "XXX",
        // In two pieces: whoever searches for tests that are switched off is to find none.
        concat!("#[", "ignore"),
        "#[allow(dead_code)]",
        "#[allow(unused",
    ];
    let mut broken = Vec::new();
    for file in ours().iter().filter(|file| file.path != "tests/tidy.rs") {
        for word in banned {
            broken.extend(
                file.text.match_indices(word).map(|(at, _)| format!("{}: `{word}`", line_of(file, at))),
            );
        }
    }
    holds(broken);
}

#[test]
fn the_word_for_irreversible_removal_is_not_used_for_pseudonyms() {
    let mut broken = Vec::new();
    // A path and a file name that clients of another server already use, and a parameter of PS3.18 9.4.1.2.1.
    let given = |text: &str, at: usize| {
        let word = &text[at..];
        let parameter = ["anonymize\")", "anonymize="].iter().any(|form| word.starts_with(form));
        text[..at].ends_with("/v1/") || word.starts_with("anonymized.zip") || parameter
    };
    for file in rust_files("src") {
        let lower = file.text.to_ascii_lowercase();
        broken.extend(
            lower
                .match_indices("anonymiz")
                .filter(|(at, _)| !lower[..*at].ends_with("de-") && !given(&lower, *at))
                .map(|(at, _)| {
                    format!("{}: the output is pseudonymized, a key could lead back", line_of(&file, at))
                }),
        );
    }
    holds(broken);
}

fn line_of(file: &Source, at: usize) -> String {
    format!("{}:{}", file.path, file.text[..at].matches('\n').count() + 1)
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::process::Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output();
    // A source package without git has nothing to list; the checkout is where the rule is kept.
    let Ok(listed) = listed else { return };
    let mut broken = Vec::new();
    for name in String::from_utf8_lossy(&listed.stdout)
        .split('\0')
        .filter(|name| !name.is_empty() && !name.starts_with("fixtures/dicom/"))
    {
        let Ok(text) = std::fs::read_to_string(root.join(name)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if machine.iter().any(|path| line.contains(path)) {
                broken.push(format!("{name}:{}: a path of one machine", number + 1));
            }
        }
    }
    holds(broken);
}

#[test]
fn every_fixture_has_a_source_and_a_licence_we_may_ship() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let table = std::fs::read_to_string(folder.join("SOURCES.md")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let (mut broken, mut total) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder.join("dicom")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        total += entry.metadata().unwrap().len();
        let licence =
            rows.iter().find(|row| row[1] == name).map(|row| row[4].split(' ').next().unwrap_or_default());
        if !licence.is_some_and(|licence| ["MIT", "BSD-3-Clause", "Apache-2.0", "MS-PL"].contains(&licence)) {
            broken.push(format!("fixtures/SOURCES.md:1: {name} has no row with a licence we may ship"));
        }
    }
    assert!(total <= 10_000_000, "the fixtures take {total} bytes, 10 MB are the most");
    holds(broken);
}

#[test]
fn the_rules_find_what_they_look_for() {
    let text = "//! Sample.\nuse crate::{api::store, dicom::{a, b}};\n// crate::serve\nfn long() {\n    let s = \"crate::cli }\";\n\n}\n#[cfg(test)]\nmod tests { use crate::main; }\n";
    let file = Source::new("src/deid/engine.rs".into(), text.into());
    let reached: Vec<String> = file.reaches().into_iter().map(|(_, name)| name).collect();
    assert_eq!((file.module(), reached), ("deid", vec!["api".to_owned(), "dicom".to_owned()]));
    assert_eq!(file.functions(), vec![(text.find("fn long").unwrap(), "long".to_owned(), 4)]);
    assert!(!allowed("deid", "api") && allowed("api", "deid") && !allowed("dicom", "deid"));
    let climbing = Source::new(
        "src/deid/engine.rs".into(),
        "use super::super::serve::run;\nuse super::plan::Plan;".into(),
    );
    assert_eq!(climbing.reaches().into_iter().map(|(_, name)| name).collect::<Vec<_>>(), vec!["serve"]);
    let lifetimes = Source::new("a.rs".into(), "fn a<'a>(b: &'a str) -> char { '}' }".into());
    assert_eq!(lifetimes.functions().len(), 1);
}
