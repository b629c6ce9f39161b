//! The arguments of `veilgate audit` and the commands below it.

use super::super::help;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `veilgate audit`.
#[derive(Debug, Args)]
#[command(after_help = help::AUDIT)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// The commands below `veilgate audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify an exported chain, offline, with nothing but the public key; or all chains of a server's database.
    #[command(after_help = help::AUDIT_VERIFY)]
    Verify(AuditVerifyArgs),
    /// Export a project's chain as JSON lines that verify offline.
    #[cfg(feature = "server")]
    #[command(after_help = help::AUDIT_EXPORT)]
    Export(AuditExportArgs),
    /// Sign the end of a chain, keep the checkpoint, and print it: for an auditor to keep elsewhere.
    #[cfg(feature = "server")]
    #[command(after_help = help::AUDIT_CHECKPOINT)]
    Checkpoint(AuditStoreArgs),
    /// Delete old entries of a chain, which verifies across them by a signed closing record.
    #[cfg(feature = "server")]
    #[command(after_help = help::AUDIT_SEAL)]
    Seal(AuditSealArgs),
    /// Print the public key, as PEM, under which all chains of this server verify.
    #[cfg(feature = "server")]
    #[command(after_help = help::AUDIT_PUBLIC_KEY)]
    PublicKey(super::StoreArgs),
}

/// Arguments of `veilgate audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerifyArgs {
    /// The export; `-` for standard input. Without it: the chains of a server's database, also while it runs.
    #[arg(value_name = "EXPORT")]
    pub export: Option<PathBuf>,
    /// The gateway's public audit key as PEM. Get it once, early, and keep it. For a database: the key in it, unless
    /// given.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// A checkpoint kept from before (may be given more than once); a file may hold several, one on a line.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The receipt of an entry that must still be there (may be given more than once); one on a line.
    #[arg(long, value_name = "FILE")]
    pub receipt: Vec<PathBuf>,
    /// The project whose chain it must be [default: of an export the one of the checkpoints, else any; of a database
    /// all].
    #[arg(long, value_name = "ID")]
    pub project: Option<String>,
    /// Where the server's data is.
    #[cfg(feature = "server")]
    #[command(flatten)]
    pub store: super::StoreArgs,
}

/// A server's data, and one chain in it.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct AuditStoreArgs {
    /// The project whose chain it is: its id, its name if only one has it, or CUSTOMER/NAME; `gateway` for acts that belong
    /// to none [default: the first project].
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// Where the server's data is.
    #[command(flatten)]
    pub store: super::StoreArgs,
}

/// Arguments of `veilgate audit export`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct AuditExportArgs {
    /// Which chain.
    #[command(flatten)]
    pub chain: AuditStoreArgs,
    /// File to write; made anew, never over another [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `veilgate audit seal`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("bound").required(true).args(["before", "through"]))]
pub struct AuditSealArgs {
    /// Which chain.
    #[command(flatten)]
    pub chain: AuditStoreArgs,
    /// Delete entries older than this: a date (midnight UTC) or a time such as 2026-01-31T23:59:59.999Z.
    #[arg(long, value_name = "DATE")]
    pub before: Option<String>,
    /// Delete entries up to this number.
    #[arg(long, value_name = "N")]
    pub through: Option<u64>,
}
