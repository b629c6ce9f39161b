//! `veilgate profile`, and where every command's `--profile` is read.

use super::args::ProfileCommand;
use super::{Exit, Failure, stdio};
use crate::deid::option::ProfileOption;
use crate::deid::plan::Plan;
use crate::deid::profile::{Mistake, Profile};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More than any profile needs.
const MOST: u64 = 1 << 20;

/// Runs one of the commands below `veilgate profile`.
pub fn run(command: &ProfileCommand) -> Result<Exit, Failure> {
    match command {
        ProfileCommand::List => list(),
        ProfileCommand::Show { profile } => show(profile),
        ProfileCommand::Check { file } => check(file),
    }
}

/// The profile that `--profile` names: a preset, else a file.
///
/// # Errors
/// Neither a preset nor a readable file, or all mistakes of the file.
pub fn load(name: &str) -> Result<Profile, Failure> {
    if let Some(preset) = Profile::preset(name) {
        return Ok(preset);
    }
    let text = read_named(name)?;
    Profile::parse(&text).map_err(|mistakes| Failure::Usage(report(Path::new(name), &mistakes)))
}

/// As `load`, for a project to keep.
///
/// # Errors
/// As `load`.
#[cfg(feature = "server")]
pub fn own(name: &str) -> Result<crate::db::account::OwnProfile, Failure> {
    let text = if Profile::preset(name).is_some() { name.to_owned() } else { read_named(name)? };
    crate::db::account::OwnProfile::parse(&text)
        .map_err(|mistakes| Failure::Usage(report(Path::new(name), &mistakes)))
}

fn list() -> Result<Exit, Failure> {
    let mut text = String::from("Presets:\n");
    for profile in Profile::presets() {
        let about = Profile::preset_text(&profile.name).unwrap_or_default();
        for (at, line) in about.lines().map_while(|line| line.strip_prefix("# ")).enumerate() {
            let name = if at == 0 { profile.name.as_str() } else { "" };
            let _ = writeln!(text, "  {name:<10}{line}");
        }
    }
    text.push_str("\nOptions of PS3.15 E.3:\n");
    for option in ProfileOption::ALL {
        let later = if option.available() { "" } else { "  not built yet" };
        let _ = writeln!(text, "  {:<36}{}{later}", option.name(), option.clause());
    }
    stdio::print(&text)?;
    Ok(Exit::Done)
}

/// The text of the profile, so that what is shown can be saved and changed.
fn show(name: &str) -> Result<Exit, Failure> {
    let profile = load(name)?;
    let text = match Profile::preset_text(name) {
        Some(text) => text.to_owned(),
        None => read_named(name)?,
    };
    let plan = Plan::new(&profile);
    let mut head = format!("# Profile {}, plan {}\n", profile.name, plan.id());
    match plan.codes() {
        [] => head.push_str("# Earns no code of CID 7050.\n"),
        codes => codes.iter().for_each(|code| {
            let _ = writeln!(head, "# Earns {} {} ({})", code.value, code.meaning, code.clause);
        }),
    }
    let _ = writeln!(head, "# (0028,0303) Longitudinal Temporal Information {}\n", plan.longitudinal());
    stdio::print(&(head + &text))?;
    Ok(Exit::Done)
}

fn check(file: &Path) -> Result<Exit, Failure> {
    let text = read(file).map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))?;
    match Profile::parse(&text) {
        Ok(profile) => {
            let plan = Plan::new(&profile);
            stdio::print(&format!("{}: profile {}, plan {}\n", file.display(), profile.name, plan.id()))?;
            Ok(Exit::Done)
        }
        Err(mistakes) => {
            stdio::print(&(report(file, &mistakes) + "\n"))?;
            Ok(Exit::Refused)
        }
    }
}

fn report(file: &Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> =
        mistakes.iter().map(|mistake| format!("{}: {mistake}", file.display())).collect();
    lines.join("\n")
}

fn read_named(name: &str) -> Result<String, Failure> {
    let presets: Vec<&str> = Profile::presets().iter().map(|profile| profile.name.as_str()).collect();
    read(Path::new(name)).map_err(|why| {
        Failure::Usage(format!("{name} is no preset ({}) and no file to read: {why}", presets.join(", ")))
    })
}

fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| stdio::why(&error))?;
    let len = opened.take(MOST + 1).read_to_string(&mut text).map_err(|error| stdio::why(&error))?;
    if len as u64 > MOST { Err("larger than 1 MiB".to_owned()) } else { Ok(text) }
}
