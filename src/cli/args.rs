//! The arguments of each command, as `--help` shows them. Examples and exit statuses
//! stand in `help`.

mod audit;

pub use audit::{AuditArgs, AuditCommand, AuditVerifyArgs};
#[cfg(feature = "server")]
pub use audit::{AuditExportArgs, AuditSealArgs, AuditStoreArgs};
#[cfg(feature = "server")]
mod accounts;

#[cfg(feature = "server")]
pub use accounts::{
    AccountArgs, CustomerArgs, CustomerCommand, DbArgs, DbCommand, KeyArgs, KeyCommand, MasterKeyArgs,
    MasterKeyCommand, OwnArgs, ProjectArgs, ProjectCommand, PseudonymsCommand, StoreArgs,
};

use super::help;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Pseudonymize DICOM after PS3.15 Annex E: files here, DICOMweb as a server.
#[derive(Debug, Parser)]
#[command(name = "veilgate", disable_version_flag = true, after_help = help::MAIN)]
pub struct Cli {
    /// Print the version and the edition of the standard's table.
    #[arg(short = 'V', long)]
    pub version: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve DICOMweb: STOW-RS with instances pseudonymized on the fly.
    #[cfg(feature = "server")]
    #[command(after_help = super::serve::help())]
    Serve(ServeArgs),
    /// Pseudonymize files, folders and ZIP archives.
    #[command(after_help = help::DEID)]
    Deid(DeidArgs),
    /// Tell what happens to an attribute, by which clause, and why.
    #[command(after_help = help::EXPLAIN)]
    Explain(ExplainArgs),
    /// List, show and check profiles.
    Profile(ProfileArgs),
    /// Verify, export and look after audit chains.
    Audit(AuditArgs),
    /// Make, list, show and change customers.
    #[cfg(feature = "server")]
    Customer(CustomerArgs),
    /// Make, list, show and change projects.
    #[cfg(feature = "server")]
    Project(ProjectArgs),
    /// Make, list, show, revoke and rotate API keys.
    #[cfg(feature = "server")]
    Key(KeyArgs),
    /// Rotate the key that seals secrets.
    #[cfg(feature = "server")]
    MasterKey(MasterKeyArgs),
    /// Look after the database.
    #[cfg(feature = "server")]
    Db(DbArgs),
    /// Examine a DICOMweb server, clause by clause.
    #[cfg(feature = "server")]
    #[command(after_help = help::CONFORMANCE)]
    Conformance(ConformanceArgs),
    /// Look at what could not be charged.
    #[cfg(feature = "billing")]
    Billing(BillingArgs),
    /// Ask a running gateway whether it is ready.
    #[cfg(feature = "server")]
    #[command(after_help = help::HEALTH)]
    Health(HealthArgs),
    /// Try what the server needs, and say what to do about what is wrong.
    #[cfg(feature = "server")]
    #[command(after_help = help::DOCTOR)]
    Doctor(DoctorArgs),
    /// Print what a shell needs to complete commands and arguments.
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

/// Arguments of `veilgate health`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The gateway [default: where the settings say that it listens; on all addresses: the loopback one; with TLS under the name in public_base_url].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// PEM file of certificate authorities to trust for https:// besides the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Ask whether it is alive (/health), not whether it can serve (/ready).
    #[arg(long)]
    pub live: bool,
    /// Seconds to wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Where its settings are.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Arguments of `veilgate doctor`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What the server is started with.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `veilgate completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `veilgate man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder for a page of each command; made if it is not there, pages in it are replaced.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `veilgate billing`.
#[cfg(feature = "billing")]
#[derive(Debug, Args)]
#[command(after_help = help::BILLING)]
pub struct BillingArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BillingCommand,
}

/// The commands below `veilgate billing`.
#[cfg(feature = "billing")]
#[derive(Debug, Subcommand)]
pub enum BillingCommand {
    /// List usage that Stripe was not told of, or perhaps was, and that is not sent any more.
    #[command(after_help = help::BILLING_PARKED)]
    Parked(StoreArgs),
}

/// Arguments of `veilgate serve`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Folder of database, keys, archive and spool.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Arguments of `veilgate conformance`.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// DICOMweb root of the server.
    pub url: String,
    /// API key, sent as X-API-Key.
    #[arg(long, value_name = "KEY", env = crate::config::CONFORMANCE_VARIABLE, hide_env_values = true)]
    pub key: Option<String>,
    /// A further header of every request, such as `Authorization: Bearer TOKEN`. May be repeated.
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Which suites to run; may be repeated [default: all].
    #[arg(long, value_enum)]
    pub suite: Vec<SuiteArg>,
    /// A study that is there to be looked at; then nothing is stored.
    #[arg(long, value_name = "UID")]
    pub study: Option<String>,
    /// Where its URI service is [default: `wado` beside the DICOMweb root].
    #[arg(long, value_name = "URL")]
    pub wado_uri: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The suites.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SuiteArg {
    /// Storing.
    Stow,
    /// Retrieving.
    Wado,
    /// Retrieving by query parameters alone (WADO-URI).
    Uri,
    /// Searching.
    Qido,
    /// What of the identity is left in what was stored.
    Deid,
}

#[cfg(feature = "server")]
impl SuiteArg {
    /// The suite of this name.
    pub fn suite(&self) -> crate::conform::Suite {
        match self {
            Self::Stow => crate::conform::Suite::Stow,
            Self::Wado => crate::conform::Suite::Wado,
            Self::Uri => crate::conform::Suite::Uri,
            Self::Qido => crate::conform::Suite::Qido,
            Self::Deid => crate::conform::Suite::Deid,
        }
    }
}

/// Arguments of `veilgate deid`.
#[derive(Debug, Args)]
pub struct DeidArgs {
    /// Files, folders (walked with all that is below, links followed) and ZIP archives.
    /// What is DICOM is told by content, not by name.
    #[arg(value_name = "IN", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Folder for the output; made if it is not there. No file in it is ever overwritten.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A preset (see `veilgate profile list`) or a profile file.
    #[arg(long, value_name = "NAME|FILE", default_value = "basic")]
    pub profile: String,
    /// File with the project key: 64 hexadecimal digits. Equal keys give equal pseudonyms.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File with pseudonyms for some patients (CSV: patient_id,issuer,pseudonym), as `veilgate project pseudonyms` takes it;
    /// without it those of ./data's project hold where its key does.
    #[arg(long, value_name = "FILE")]
    pub pseudonyms: Option<PathBuf>,
    /// Files worked on at the same time [default: the number of cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// How outputs are named.
    #[arg(long, value_enum, default_value_t = Names::Keep)]
    pub names: Names,
    /// Write one JSON line per input file: paths, outcome, reason, counts, digests. Holds
    /// the input's paths.
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Write uid_mapping.csv and patid_mapping.csv (id_old,id_new) into this folder. They
    /// identify patients: keep them apart from the output.
    #[arg(long, value_name = "DIR")]
    pub mapping: Option<PathBuf>,
}

/// How outputs are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Names {
    /// As the input, with its folders. Names of files may identify patients.
    Keep,
    /// By pseudonymous UIDs: study/series/instance.dcm.
    Uid,
}

/// Arguments of `veilgate explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// 0010,0010 or (0010,0010) or 00100010 or PatientName.
    #[arg(value_name = "TAG|KEYWORD", required = true)]
    pub attributes: Vec<String>,
    /// A preset (see `veilgate profile list`) or a profile file.
    #[arg(long, value_name = "NAME|FILE", default_value = "basic")]
    pub profile: String,
    /// Explain for instances of this SOP class only.
    #[arg(long, value_name = "UID")]
    pub sop_class: Option<String>,
}

/// Arguments of `veilgate profile`.
#[derive(Debug, Args)]
#[command(after_help = help::PROFILE)]
pub struct ProfileArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ProfileCommand,
}

/// The commands below `veilgate profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// List the presets and the options of PS3.15 E.3.
    #[command(after_help = help::PROFILE_LIST)]
    List,
    /// Print a profile as TOML, below comments that tell what it earns.
    #[command(after_help = help::PROFILE_SHOW)]
    Show {
        /// A preset or a profile file.
        #[arg(value_name = "NAME|FILE")]
        profile: String,
    },
    /// Report every mistake in a profile file, with its line.
    #[command(after_help = help::PROFILE_CHECK)]
    Check {
        /// The profile file.
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_arguments_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
