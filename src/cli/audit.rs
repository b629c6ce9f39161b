//! `veilgate audit`: verifying chains, of an export or of a server's database, and looking after them. What is found is
//! decided in `audit`, what is written in `db::chain`.

#[cfg(feature = "server")]
mod keep;
#[cfg(feature = "server")]
mod live;
mod offline;
#[cfg(feature = "server")]
mod store;

use super::args::{AuditCommand, AuditVerifyArgs};
use super::{Exit, Failure, stdio};
use crate::audit::checkpoint::{Checkpoint, EntryReceipt, Signed};
use crate::audit::export::kept_checkpoint;
use crate::audit::key::PublicKey;
use crate::audit::report::Report;
use crate::audit::value::Id;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any file that is kept beside an export.
const MOST: u64 = 16 << 20;

/// What an auditor and clients kept from before.
struct Kept {
    checkpoints: Vec<Signed<Checkpoint>>,
    receipts: Vec<EntryReceipt>,
}

/// Runs one of the commands below `veilgate audit`.
pub fn run(command: &AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Verify(args) => verify(args),
        #[cfg(feature = "server")]
        AuditCommand::Export(args) => keep::export(args),
        #[cfg(feature = "server")]
        AuditCommand::Checkpoint(args) => keep::checkpoint(args),
        #[cfg(feature = "server")]
        AuditCommand::Seal(args) => keep::seal(args),
        #[cfg(feature = "server")]
        AuditCommand::PublicKey(args) => keep::public_key(args),
    }
}

fn verify(args: &AuditVerifyArgs) -> Result<Exit, Failure> {
    let key = args.public_key.as_deref().map(public_key).transpose()?;
    let project = project(args.project.as_deref())?;
    let kept = Kept {
        checkpoints: kept(&args.checkpoint, |line| kept_checkpoint(line).map_err(|bad| bad.to_string()))?,
        receipts: kept(&args.receipt, |line| EntryReceipt::parse(line).map_err(|bad| bad.to_string()))?,
    };
    let Some(export) = &args.export else { return live(args, key, project, &kept) };
    let key = key.ok_or_else(|| Failure::Usage("an export needs --public-key".to_owned()))?;
    told(&[offline::verify(export, key, project, &kept)?])
}

#[cfg(feature = "server")]
fn live(
    args: &AuditVerifyArgs,
    key: Option<PublicKey>,
    project: Option<Id>,
    kept: &Kept,
) -> Result<Exit, Failure> {
    told(&live::verify(&args.store, key, project, kept)?)
}

#[cfg(not(feature = "server"))]
fn live(_: &AuditVerifyArgs, _: Option<PublicKey>, _: Option<Id>, _: &Kept) -> Result<Exit, Failure> {
    Err(Failure::Usage("name an export; this build reads no database".to_owned()))
}

/// Prints what was found, and ends accordingly.
fn told(reports: &[Report]) -> Result<Exit, Failure> {
    for report in reports {
        stdio::print(&format!("{report}\n"))?;
    }
    let whole = reports.iter().all(Report::is_whole);
    Ok(if whole { Exit::Done } else { Exit::Refused })
}

fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(&read_small(file)?).map_err(|bad| wrong(file, &bad.to_string()))
}

fn project(name: Option<&str>) -> Result<Option<Id>, Failure> {
    let project = name.map(Id::new).transpose();
    project.map_err(|bad| Failure::Usage(format!("--project: {bad}")))
}

/// What stands in files, one on a line.
fn kept<T>(files: &[PathBuf], parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Failure> {
    let mut kept = Vec::new();
    for file in files {
        let text = read_small(file)?;
        for line in text.lines().filter(|line| !line.trim_ascii().is_empty()) {
            kept.push(parse(line).map_err(|bad| wrong(file, &bad))?);
        }
    }
    Ok(kept)
}

fn read_small(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| wrong(file, &error.kind().to_string()))?;
    let len = opened
        .take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(|error| wrong(file, &error.kind().to_string()))?;
    if len as u64 > MOST { Err(wrong(file, "larger than 16 MiB")) } else { Ok(text) }
}

fn wrong(file: &Path, why: &str) -> Failure {
    Failure::Usage(format!("{}: {why}", file.display()))
}
