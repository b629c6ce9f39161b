//! The arguments of the commands about customers, projects and keys, and where the server's data is.

use super::super::help;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where a server's data is, told as to `veilgate serve`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Configuration file of the server (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder of the server.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What all commands about accounts take.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// Where the data is.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print JSON, as the admin API answers.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `veilgate customer`.
#[derive(Debug, Args)]
#[command(after_help = help::CUSTOMER)]
pub struct CustomerArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CustomerCommand,
}

/// The commands below `veilgate customer`.
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Make a customer, without projects.
    Add {
        /// Its name: letters, digits, and . _ - :
        name: String,
        /// free, pro or enterprise.
        #[arg(long, default_value = "free")]
        tier: String,
        /// Instances a month: a number, `unlimited`, or `tier` for what the settings say of the tier.
        #[arg(long, value_name = "N", default_value = "tier")]
        quota: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// List the customers.
    List {
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Show a customer, and what it used of this month.
    Show {
        /// Its id or name.
        customer: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Change a customer's tier or quota.
    Set {
        /// Its id or name.
        customer: String,
        /// free, pro or enterprise.
        #[arg(long)]
        tier: Option<String>,
        /// Instances a month: a number, `unlimited`, or `tier` for what the settings say of the tier.
        #[arg(long, value_name = "N")]
        quota: Option<String>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
}

/// Arguments of `veilgate project`.
#[derive(Debug, Args)]
#[command(after_help = help::PROJECT)]
pub struct ProjectArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ProjectCommand,
}

/// What a project has of its own.
#[derive(Debug, Args)]
pub struct OwnArgs {
    /// What happens to the attributes: a preset, a profile file, or `server` for what the server's settings say.
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Where instances go: archive, forward, restore (with --origin veil: to that server, led back to its originals), or
    /// `server` for what the server's settings say.
    #[arg(long)]
    pub destination: Option<String>,
    /// Where pulled resources come from: archive, downstream, veil, or `server` for what the server's settings say.
    #[arg(long)]
    pub origin: Option<String>,
    /// DICOMweb root of the downstream server, or `server` for the one of the server's settings.
    #[arg(long, value_name = "URL")]
    pub downstream_url: Option<String>,
    /// User name for it.
    #[arg(long, value_name = "USER", requires = "downstream_password_file")]
    pub downstream_user: Option<String>,
    /// File with the password.
    #[arg(long, value_name = "FILE", requires = "downstream_user")]
    pub downstream_password_file: Option<PathBuf>,
    /// File with a Bearer token for it.
    #[arg(long, value_name = "FILE", conflicts_with = "downstream_user")]
    pub downstream_token_file: Option<PathBuf>,
}

/// The commands below `veilgate project`.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Make a project of a customer, with a new secret for its pseudonyms.
    Add {
        /// The customer's id or name.
        customer: String,
        /// The project's name: letters, digits, and . _ - :
        name: String,
        /// What it has of its own.
        #[command(flatten)]
        own: OwnArgs,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// List the projects.
    List {
        /// Only those of this customer: its id or name.
        #[arg(long)]
        customer: Option<String>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Show a project.
    Show {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Change what a project has of its own. Its pseudonyms' secret never changes.
    Set {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// What it has of its own.
        #[command(flatten)]
        own: OwnArgs,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Destroy its secret, and with it the crosswalk, own pseudonyms and credentials: its pseudonyms are final then. It takes
    /// no instance any more, and nothing brings the secret back.
    DestroyKey {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// The project once more, as it is named above.
        #[arg(long, value_name = "PROJECT")]
        confirm: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Erase one patient or one study from it: from the archive, and from what leads pseudonyms back to originals.
    #[command(after_help = help::ERASE)]
    Erase {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// The patient, by pseudonym: Patient ID as it stands in the output.
        #[arg(long, value_name = "PSEUDONYM", required_unless_present = "study", conflicts_with = "study")]
        patient: Option<String>,
        /// The study, by pseudonym: Study Instance UID as it stands in the output.
        #[arg(long, value_name = "UID")]
        study: Option<String>,
        /// The pseudonym of patient or study once more.
        #[arg(long, value_name = "SAME")]
        confirm: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Set and read its own pseudonyms of patients.
    #[command(subcommand, after_help = help::PSEUDONYMS)]
    Pseudonyms(PseudonymsCommand),
}

/// The commands below `veilgate project pseudonyms`.
#[derive(Debug, Subcommand)]
pub enum PseudonymsCommand {
    /// Put the pseudonyms of a CSV file in the place of all that the project had of its own.
    Import {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// The file: patient_id,issuer,pseudonym.
        file: PathBuf,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Write the project's own pseudonyms into a new file. It identifies patients.
    Export {
        /// Its id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// The file; one that is there is not overwritten.
        file: PathBuf,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
}

/// Arguments of `veilgate key`.
#[derive(Debug, Args)]
#[command(after_help = help::KEY)]
pub struct KeyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// The commands below `veilgate key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make an API key of a project; it is shown this once.
    Add {
        /// The project's id, its name if only one has it, or CUSTOMER/NAME.
        project: String,
        /// The key's name: letters, digits, and . _ - :
        name: String,
        /// When it ends by itself: 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Requests a minute, if not those of the tier; half of them, or ten, may come at once. 0: no bound.
        #[arg(long, value_name = "N")]
        rate: Option<u64>,
        /// What it may do beyond what every key may: reidentify.
        #[arg(long = "right", value_name = "WORD")]
        rights: Vec<String>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// List the keys, by what may be shown of them.
    List {
        /// Only those of this project: its id, its name if only one has it, or CUSTOMER/NAME.
        #[arg(long)]
        project: Option<String>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Show what may be shown of a key.
    Show {
        /// Its id, or its prefix or name if only one has it.
        key: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// End a key at once.
    Revoke {
        /// Its id, or its prefix or name if only one has it.
        key: String,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
    /// Make a new key beside an old one; pseudonyms stay the same.
    Rotate {
        /// The old one's id, or its prefix or name if only one has it.
        key: String,
        /// When the new one ends by itself [default: when the old one would have].
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// When the old one ends: 7d, 2027-01-31; without it the old one stays as it is.
        #[arg(long, value_name = "TIME")]
        old_expires: Option<String>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
}

/// Arguments of `veilgate master-key`.
#[derive(Debug, Args)]
#[command(after_help = help::MASTER_KEY)]
pub struct MasterKeyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MasterKeyCommand,
}

/// The commands below `veilgate master-key`.
#[derive(Debug, Subcommand)]
pub enum MasterKeyCommand {
    /// Seal all secrets in the database under another key.
    Rotate {
        /// File with the new key, 64 hexadecimal digits [default: a random one].
        #[arg(long, value_name = "FILE")]
        new_file: Option<PathBuf>,
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
}

/// Arguments of `veilgate db`.
#[derive(Debug, Args)]
#[command(after_help = help::DB)]
pub struct DbArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DbCommand,
}

/// The commands below `veilgate db`.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Bring the database's schema up to date, as each start of the server does.
    Migrate {
        /// Where the data is, and how results are shown.
        #[command(flatten)]
        common: AccountArgs,
    },
}
