//! Settings of the server: file < environment < flags, all mistakes reported together.
//! The list itself is `settings`; what a setting does lives where it is used.

mod accounts;
mod archive;
mod audit_sink;
#[cfg(feature = "billing")]
mod billing;
mod forwarding;
mod limits;
mod oidc;
#[cfg(feature = "otlp")]
mod otlp;
mod setting;
mod settings;
mod sources;
mod tls;
mod values;

pub use accounts::Accounts;
pub(crate) use archive::is_loopback;
#[cfg(feature = "billing")]
pub use billing::Billing;
pub use limits::{Limits, Times};
pub use setting::Setting;
pub use settings::SETTINGS;
pub use tls::{Client, Tls};

use crate::api;
use crate::archive::{Bucket, Site};
use crate::db::Address;
use crate::db::account::{Places, Route, Source};
use crate::db::seal::MasterKey;
use crate::deid::profile::Profile;
use crate::destination::Packing;
use crate::dicomweb::links::Links;
use crate::downstream;
use crate::layer;
use crate::secret::Secret;
use crate::sink;
use sources::Sources;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Names the configuration file where no flag does.
pub const CONFIG_VARIABLE: &str = "VEILGATE_CONFIG";

/// Holds the key that `veilgate conformance` shows to another server. No setting of this one.
pub const CONFORMANCE_VARIABLE: &str = "VEILGATE_CONFORMANCE_KEY";

/// Variables of ours that are no settings.
const OTHERS: [&str; 2] = [CONFIG_VARIABLE, CONFORMANCE_VARIABLE];

/// Every setting, read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whose tokens are taken beside API keys.
    pub oidc: Option<crate::oidc::Settings>,
    /// Files to serve HTTPS with; `None`: HTTP is served.
    pub tls: Option<Tls>,
    /// The data folder.
    pub data: PathBuf,
    /// Where the database is; `None`: a file in the data folder.
    pub database: Option<Address>,
    /// The key that seals secrets; `None`: in the data folder.
    pub master_key: Option<MasterKey>,
    /// Public URL of the DICOMweb root; `None`: the address listened on.
    pub public: Option<Links>,
    /// Where instances go that are not asked back.
    pub destination: Route,
    /// Where pulled resources come from.
    pub origin: Source,
    /// Where the archive lies.
    pub archive: Site,
    /// It lies where no other server writes: in the data folder, or in memory.
    pub archive_is_own: bool,
    /// What happens to the attributes.
    pub profile: Profile,
    /// Bounds of one instance and one request.
    pub limits: Limits,
    /// What the layers need.
    pub layers: layer::Settings,
    /// Who may have how much, and how it is accounted for.
    pub accounts: Accounts,
    /// What is sold, and through whom.
    #[cfg(feature = "billing")]
    pub billing: Billing,
    /// Longest silence of a client, and the time it has for its headers.
    pub times: Times,
    /// Most connections.
    pub connections: usize,
    /// The vault's interface.
    pub vault: api::Vault,
    /// Take a request without Accept as `*/*` (PS3.18 8.7.7).
    pub lenient_accept: bool,
    /// Report coercion as Warning Reason B000 (PS3.18 I.2.1).
    pub store_warning: bool,
    /// The server to forward to.
    pub downstream: Option<downstream::Settings>,
    /// For the servers of projects: times and bounds of the same settings, without URL, credentials and headers.
    pub downstream_of_projects: downstream::Settings,
    /// Where the audit's entries go once more.
    pub sink: Option<sink::Settings>,
    /// Where traces go.
    #[cfg(feature = "otlp")]
    pub otlp: Option<crate::otlp::Settings>,
    /// Log lines as JSON.
    pub log_json: bool,
    /// Least severe level that is logged.
    pub log_level: Level,
    /// Files that hold secrets, with the settings that name them.
    pub secret_files: Vec<(&'static str, PathBuf)>,
}

/// Severity of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Only what failed on our side.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And one line a request.
    #[default]
    Info,
    /// And how it was handled.
    Debug,
    /// Everything.
    Trace,
}

/// One mistake in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The flag, variable or line concerned.
    pub place: String,
    /// What is wrong, and what would be right.
    pub text: String,
}

/// All mistakes in the settings, never empty as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}: {}", mistake.place, mistake.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads the configuration file (or the one that `VEILGATE_CONFIG` names), this
    /// process's environment, and `flags` (setting name and text).
    ///
    /// # Errors
    /// All mistakes together.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, Mistakes> {
        let named = std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from);
        let text = match file.or(named.as_deref()) {
            Some(path) => Some(read(path, "configuration file").map_err(|mistake| Mistakes(vec![mistake]))?),
            None => None,
        };
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_sources(text.as_deref(), environment, flags)
    }

    /// As `load`, from the text of a file and any environment.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn from_sources(
        file: Option<&str>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, Mistakes> {
        let mut from = Sources::read(file, environment, flags);
        let config = Self::build(&mut from);
        match config {
            Some(config) if from.mistakes.0.is_empty() => Ok(config),
            _ => Err(from.mistakes),
        }
    }

    /// What holds for projects that say nothing else.
    pub fn places(&self) -> Places {
        Places { route: self.destination, source: self.origin, downstream: self.downstream.is_some() }
    }

    fn build(from: &mut Sources) -> Option<Self> {
        let listen = from.take("listen", |text| text.parse().map(Some).map_err(|_| not_an_address(text)));
        let data = PathBuf::from(from.text("data"));
        let public = from.take("public_base_url", |text| match text {
            "" => Ok(None),
            text => Links::new(text).map(Some).map_err(|error| error.to_string()),
        });
        let destination = from.take("destination", |text| {
            Route::parse(text).ok_or_else(|| format!("`{text}` is none of archive, forward, restore"))
        });
        let downstream = forwarding::settings(from);
        let downstream_of_projects = downstream::Settings {
            url: String::new(),
            credentials: downstream::Credentials::None,
            headers: Vec::new(),
            ..downstream.clone()
        };
        let downstream = Some(downstream).filter(|settings| !settings.url.is_empty());
        let origin = from.take("origin", |text| {
            Source::parse(text).ok_or_else(|| format!("`{text}` is none of archive, downstream, veil"))
        });
        routes(from, destination, origin, downstream.is_some());
        #[cfg(not(feature = "billing"))]
        if !from.text("billing.api_key").is_empty() || !from.text("billing.api_key_file").is_empty() {
            from.wrong("billing.api_key_file", "this program was built without billing".to_owned());
        }
        #[cfg(not(feature = "otlp"))]
        if !from.text("otlp.endpoint").is_empty() {
            from.wrong("otlp.endpoint", "this program was built without otlp".to_owned());
        }
        let profile = from.take("profile", |text| profile(text).map(Some));
        let archive = archive::site(from, &data);
        let limits = limits::limits(from);
        if matches!(archive, Site::Bucket(_)) && limits.instance > Bucket::LARGEST {
            let most = Bucket::LARGEST >> 30;
            from.wrong("limits.instance", format!("a bucket takes objects of {most} GiB at the most"));
        }
        Some(Self {
            archive_is_own: from.text("archive.url").is_empty() || archive == Site::Memory,
            archive,
            limits,
            layers: layers(from),
            accounts: accounts::accounts(from),
            #[cfg(feature = "billing")]
            billing: billing::billing(from),
            database: from.take("database", accounts::database),
            master_key: accounts::master_key(from),
            oidc: oidc::settings(from),
            tls: tls::tls(from),
            times: times(from),
            connections: from.take("limits.connections", values::count),
            vault: vault(from),
            lenient_accept: from.take("lenient_accept", values::flag),
            store_warning: from.take("store_warning", values::flag),
            sink: audit_sink::settings(from),
            #[cfg(feature = "otlp")]
            otlp: otlp::settings(from),
            log_json: from
                .take("log.format", |text| values::one_of(text, &[("text", false), ("json", true)])),
            log_level: from.take("log.level", level),
            listen: listen?,
            profile: profile?,
            data,
            public,
            destination,
            origin,
            downstream,
            downstream_of_projects,
            secret_files: from.secret_files(),
        })
    }
}

/// Tells what does not go together of where instances go and come from.
fn routes(from: &mut Sources, destination: Route, origin: Source, downstream: bool) {
    if destination == Route::Forward && !downstream {
        from.wrong("destination", "forward needs downstream.url".to_owned());
    }
    if origin != Source::Archive && !downstream {
        from.wrong("origin", format!("{} needs downstream.url", origin.word()));
    }
    if origin == Source::Veil && destination == Route::Forward {
        from.wrong("origin", "veil and destination = forward would put pseudonymized instances into the clinical server: take destination = archive, or another server for projects".to_owned());
    }
    if destination == Route::Restore && origin != Source::Veil {
        from.wrong("destination", "restore needs the origin veil".to_owned());
    }
}

fn not_an_address(text: &str) -> String {
    format!("`{text}` is no address with a port, such as 127.0.0.1:8080 or [::]:8080")
}

fn level(text: &str) -> Result<Level, String> {
    let levels = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    values::one_of(text, &levels)
}

fn layers(from: &mut Sources) -> layer::Settings {
    let origins = from.take("cors.origins", |text| Ok(values::words(text)));
    layer::Settings {
        concurrent: from.take("limits.concurrent", values::count),
        uri: from.take("limits.uri", values::size),
        request: from.take("limits.request", values::size),
        idle: from.take("limits.idle_time", values::time),
        rates: accounts::rates(from),
        choose: from.take("page.choose", values::flag),
        reads_spend: from.take("quota.reads", values::flag),
        proxies: from.take("proxy.trusted", tls::networks),
        origins: if origins.iter().any(|origin| origin == "*") { None } else { Some(origins) },
    }
}

fn times(from: &mut Sources) -> Times {
    Times {
        header: from.take("limits.header_time", values::time),
        idle: from.take("limits.idle_time", values::time),
        drain: from.take("limits.drain_time", values::time),
    }
}

fn vault(from: &mut Sources) -> api::Vault {
    let packings = [("fast", Packing::Fast), ("best", Packing::Best), ("stored", Packing::Stored)];
    api::Vault {
        request: from.take("vault.request", values::size),
        files: from.take("vault.files", values::count),
        packing: from.take("vault.compression", |text| values::one_of(text, &packings)),
    }
}

/// A built-in profile by name, else a file.
fn profile(text: &str) -> Result<Profile, String> {
    if let Some(preset) = Profile::preset(text) {
        return Ok(preset);
    }
    let names: Vec<&str> = Profile::presets().iter().map(|preset| preset.name.as_str()).collect();
    let unknown = |_| format!("`{text}` is neither a file that can be read nor one of {}", names.join(", "));
    let file = std::fs::read_to_string(text).map_err(unknown)?;
    Profile::parse(&file).map_err(|mistakes| {
        let lines: Vec<String> =
            mistakes.iter().map(|it| format!("{text}, line {}: {}", it.line, it.text)).collect();
        lines.join("\n")
    })
}

/// A secret given directly or by a file; one of the two.
fn secret(from: &mut Sources, direct: &str, file: &str) -> Option<Secret> {
    let text = from.text(direct).to_owned();
    let path = from.text(file).to_owned();
    match (text.is_empty(), path.is_empty()) {
        (true, true) => None,
        (false, true) => Some(Secret::new(&text)),
        (true, false) => match read(Path::new(&path), "secret") {
            Ok(text) => Some(Secret::new(&text)),
            Err(mistake) => {
                from.wrong(file, mistake.text);
                None
            }
        },
        (false, false) => {
            from.wrong(file, format!("{direct} is set as well; give one of them"));
            None
        }
    }
}

fn certificates(text: &str) -> Result<Option<Vec<u8>>, String> {
    match text {
        "" => Ok(None),
        path => {
            std::fs::read(path).map(Some).map_err(|error| format!("cannot read `{path}`: {}", error.kind()))
        }
    }
}

fn read(path: &Path, what: &str) -> Result<String, Mistake> {
    std::fs::read_to_string(path).map_err(|error| Mistake {
        place: path.display().to_string(),
        text: format!("the {what} cannot be read: {}", error.kind()),
    })
}

#[cfg(test)]
mod tests;
