//! `veilgate completions` and `veilgate man`: what shells and `man` know of the command line, from its one definition.

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::{Exit, Failure, stdio};
use clap::CommandFactory;
use std::path::Path;

const NAME: &str = "veilgate";

/// Prints the completions for a shell.
///
/// # Errors
/// Standard output is closed.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), NAME, &mut script);
    stdio::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Prints the page of the program, or writes one for each command into a folder.
///
/// # Errors
/// The folder cannot be written, or standard output is closed.
pub fn man(args: &ManArgs) -> Result<Exit, Failure> {
    match &args.out {
        Some(folder) => pages(folder)?,
        None => {
            let mut page = Vec::new();
            // As in the pages of a folder, which knows none of `help`.
            clap_mangen::Man::new(command().disable_help_subcommand(true)).render(&mut page)?;
            stdio::print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Done)
}

fn pages(folder: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::Machine(format!("{}: {}", folder.display(), stdio::why(&error)));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command(), folder).map_err(failed)
}

/// The definition, under the version that pages name.
fn command() -> clap::Command {
    Cli::command().version(env!("CARGO_PKG_VERSION"))
}
