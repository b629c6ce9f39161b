//! The command line: arguments in, exit status out. Each command has its file; what they
//! do to DICOM is decided in `deid`.
//!
//! | command | open |
//! |---|---|
//! | `veilgate deid` | [`deid`] |
//! | `veilgate explain` | [`explain`] |
//! | `veilgate profile` | [`profile`] |
//! | `veilgate audit` | [`audit`] |
//! | `veilgate billing` | `billing`, with feature `billing` |
//! | `veilgate conformance` | `conformance`, with feature `server` |
//! | `veilgate serve` | `serve`, with feature `server` |
//! | `veilgate health` | `health`, with feature `server` |
//! | `veilgate doctor` | `doctor`, with feature `server` |
//! | `veilgate completions`, `man` | [`manual`] |
//! | `veilgate customer`, `project`, `key`, `master-key`, `db` | `accounts`, with feature `server` |

#[cfg(feature = "server")]
pub mod accounts;
pub mod args;
pub mod audit;
#[cfg(feature = "billing")]
pub mod billing;
#[cfg(feature = "server")]
pub mod conformance;
pub mod deid;
#[cfg(feature = "server")]
pub mod doctor;
pub mod explain;
mod files;
#[cfg(feature = "server")]
pub mod health;
mod help;
mod key;
pub mod manual;
pub mod profile;
#[cfg(feature = "server")]
pub mod serve;
mod stdio;
#[cfg(feature = "server")]
mod store;

use args::{Cli, Command};
use clap::Parser;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

/// How a command ended where nothing prevented it from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well: status 0.
    Done,
    /// Something was refused, or is wrong with what was checked: status 1.
    Refused,
}

/// Why a command could not run, or not to its end. The text holds no value of a data set
/// and no path but those that stood on the command line.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, or a file that it names, is wrong: status 2.
    #[error("{0}")]
    Usage(String),
    /// The machine would not (no space, no permission, no database): status 3, so that it is told from what was
    /// found or refused.
    #[error("{0}")]
    Machine(String),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Machine(_) => 3,
            // Whoever closes the pipe has read enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 3,
        }
    }
}

/// Runs the command that `args` (the program's name first) ask for.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    quiet_panics();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let status = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { ExitCode::from(status) } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(cli) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Refused) => ExitCode::from(1),
        Err(failure) => {
            if failure.status() != 0 {
                stdio::say(&failure.to_string());
            }
            ExitCode::from(failure.status())
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        _ if cli.version => version(),
        Some(Command::Deid(args)) => deid::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Profile(args)) => profile::run(&args.command),
        Some(Command::Audit(args)) => audit::run(&args.command),
        #[cfg(feature = "billing")]
        Some(Command::Billing(args)) => billing::run(&args.command),
        #[cfg(feature = "server")]
        Some(Command::Serve(args)) => serve::run(&args),
        #[cfg(feature = "server")]
        Some(Command::Health(args)) => health::run(&args),
        #[cfg(feature = "server")]
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Completions(args)) => manual::completions(&args),
        Some(Command::Man(args)) => manual::man(&args),
        #[cfg(feature = "server")]
        Some(Command::Conformance(args)) => conformance::run(&args),
        #[cfg(feature = "server")]
        Some(Command::Customer(args)) => accounts::customer(&args.command),
        #[cfg(feature = "server")]
        Some(Command::Project(args)) => accounts::project(&args.command),
        #[cfg(feature = "server")]
        Some(Command::Key(args)) => accounts::key(&args.command),
        #[cfg(feature = "server")]
        Some(Command::MasterKey(args)) => accounts::master_key(&args.command),
        #[cfg(feature = "server")]
        Some(Command::Db(args)) => accounts::db(&args.command),
        None => Err(Failure::Usage("a command is needed; `veilgate --help` lists them".to_owned())),
    }
}

/// The version, and the edition of the standard's table that decides.
fn version() -> Result<Exit, Failure> {
    let edition = crate::deid::table::edition();
    stdio::print(&format!(
        "veilgate {} (PS3.15 Table E.1-1, edition {edition})\n",
        env!("CARGO_PKG_VERSION")
    ))?;
    Ok(Exit::Done)
}

/// A panic is our own mistake; its message could quote the data that caused it, so only
/// the place is told.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        stdio::say(&format!("internal error{}", place.unwrap_or_default()));
    }));
}
