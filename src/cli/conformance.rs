//! `veilgate conformance`: examines a DICOMweb server and prints what it meets. The checks are `conform`'s.

use super::args::{ConformanceArgs, SuiteArg};
use super::{Exit, Failure, stdio};
use crate::conform::{self, Scene, Server, State, Suite, Verdict};
use crate::dicomweb::links::Links;
use std::fmt::Write;

/// Examines the server.
///
/// # Errors
/// The URL or a header is not legal, or standard output is closed.
pub fn run(args: &ConformanceArgs) -> Result<Exit, Failure> {
    let url = |text: &str| Links::new(text).map_err(|bad| Failure::Usage(format!("URL: {bad}")));
    let links = url(&args.url)?;
    args.wado_uri.as_deref().map(url).transpose()?;
    let mut headers = Vec::new();
    if let Some(key) = &args.key {
        headers.push(("X-API-Key".to_owned(), key.trim().to_owned()));
    }
    for line in &args.header {
        let (name, value) =
            line.split_once(':').ok_or_else(|| Failure::Usage("--header: give `Name: value`".to_owned()))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let server = Server {
        root: links.root().to_owned(),
        headers,
        study: args.study.clone(),
        wado_uri: args.wado_uri.clone(),
    };
    let scene = Scene::new(server).map_err(|unusable| Failure::Usage(unusable.to_string()))?;
    let suites: Vec<Suite> = args.suite.iter().map(SuiteArg::suite).collect();
    let suites = if suites.is_empty() { Suite::ALL.to_vec() } else { suites };
    let verdicts = conform::run(&scene, &suites);
    stdio::print(&if args.json { json(&verdicts) } else { table(&verdicts) })?;
    let broken = verdicts
        .iter()
        .any(|verdict| verdict.state == State::Broken && verdict.level == conform::Level::Must);
    Ok(if broken { Exit::Refused } else { Exit::Done })
}

fn json(verdicts: &[Verdict]) -> String {
    serde_json::to_string_pretty(verdicts).unwrap_or_default() + "\n"
}

/// One line a check: state, id, level, what is asked, what was seen; and the counts.
fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let state = match verdict.state {
            State::Met => "met    ",
            State::Broken => "BROKEN ",
            State::Skipped => "skipped",
        };
        let level = format!("{:?}", verdict.level).to_uppercase();
        let seen = if verdict.seen.is_empty() { String::new() } else { format!(": {}", verdict.seen) };
        let _ = writeln!(text, "{state} {:<9} {level:<6} {}{seen}", verdict.id, verdict.asks);
    }
    let count = |state| verdicts.iter().filter(|verdict| verdict.state == state).count();
    let (met, broken, skipped) = (count(State::Met), count(State::Broken), count(State::Skipped));
    let _ = writeln!(text, "{met} met, {broken} broken, {skipped} skipped");
    text
}
