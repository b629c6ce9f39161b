//! Starts the server: data folder, database, keys, destinations, layers, routes, and the
//! loop that serves until it is told to stop.

mod descriptors;
pub mod doctor;
mod feed;
mod folder;
mod linger;
mod listen;
pub mod master;
#[cfg(feature = "billing")]
mod meter;
mod tls;
mod trim;
mod warden;
pub mod witness;

pub use folder::{database_beside, first_project, project_key, unlock_beside};

use crate::api::admin::Admin;
use crate::api::metrics::Watch;
use crate::api::{self, Service};
use crate::archive::{self, Archive, Site};
use crate::budget::Budget;
use crate::config::{Config, Level};
use crate::db::account::{Hand, Installation};
use crate::db::chain::Keeper;
use crate::db::seal::Keyring;
use crate::db::writer::{Terms, Writer};
use crate::db::{self, Db};
use crate::deid::plan::Plan;
use crate::dicom::instance::Limits;
use crate::dicomweb::links::Links;
use crate::downstream::{self, Downstream, Servers};
use crate::layer::{self, Accounts, Defaults};
use crate::metrics::{Build, metrics};
use crate::oidc::Verifier;
use crate::origin::{ArchiveOrigin, Decoders, Pulled};
#[cfg(feature = "otlp")]
use crate::otlp::Export;
use crate::sink::{self, Sink};
use crate::spool::Spools;
use axum::Router;
use folder::Folder;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or folder of the data folder.
    #[error("{what}: {kind}")]
    Data {
        /// Which, without values.
        what: &'static str,
        /// What the system says.
        kind: std::io::ErrorKind,
    },
    /// The master key is missing or no key, while the database needs it.
    #[error("DATA/master.key is missing or damaged, and the database was made under it: put it back")]
    MasterKey,
    /// Two customers, one key.
    #[error("a key in api_keys belongs to another customer already")]
    EnvironmentKey,
    /// The file that was given for a new master key.
    #[error("the file with the new master key cannot be read, or does not hold 64 hexadecimal digits")]
    NewKey,
    /// The settings name the master key, so that no other can be put in its place.
    #[error("the settings name the master key: give the new one by --new-file, and name it there afterwards")]
    NewKeyElsewhere,
    /// Another server uses the data folder.
    #[error("another server uses this data folder")]
    InUse,
    /// The database.
    #[error(transparent)]
    Database(#[from] db::Fault),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] archive::Unusable),
    /// The downstream server's settings.
    #[error(transparent)]
    Downstream(#[from] downstream::Unusable),
    /// The settings of the audit's second sink.
    #[error(transparent)]
    Sink(#[from] sink::Unusable),
    /// The settings of the collector of traces.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Traces(#[from] crate::otlp::Unusable),
    /// The settings of billing.
    #[cfg(feature = "billing")]
    #[error(transparent)]
    Billing(#[from] crate::billing::Fault),
    /// The settings of the issuer of tokens.
    #[error("oidc.ca_file holds no PEM certificates, or the TLS client cannot be set up")]
    Issuer,
    /// The files of TLS.
    #[error(transparent)]
    Tls(#[from] tls::Unusable),
    /// The address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::ErrorKind),
    /// The system gives no random bytes or threads.
    #[error("the system gives no random bytes or threads")]
    System,
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// The server could not start.
pub fn run(config: Config) -> Result<(), Failure> {
    log(&config);
    let runtime = tokio::runtime::Runtime::new().map_err(|_| Failure::System)?;
    // On a worker: whoever waits here would have each connection handed over to one.
    let serving = runtime.spawn(serve(config));
    runtime.block_on(serving).unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let started = SystemTime::now();
    descriptors::raise();
    let folder = Folder::open(&config.data, config.master_key.clone())?;
    let db = Db::open(&folder::address(&config)).await?;
    let (installation, master) = folder.unlock(&db).await?;
    let keeper = keeper(&config, &installation);
    let hand = Hand::system(keeper.clone());
    if let Some(key) = folder.found(&db, &hand, &master).await? {
        show_first(&key);
    }
    db.follow_environment(&hand, &master, &config.accounts.keys).await.map_err(Failure::of_environment)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| Failure::Listen(config.listen, error.kind()))?;
    let address = listener.local_addr().map_err(|error| Failure::Listen(config.listen, error.kind()))?;
    let tls = config.tls.clone().map(tls::open).transpose()?;
    let origin = origin(&config, address);
    let root = format!("{origin}{}", api::ROOT);
    if let Some(seen) = doctor::nowhere(&config, address) {
        tracing::warn!("{seen}: {}", doctor::NAME_IT);
    }
    for customer in config.accounts.short_keys() {
        tracing::warn!("{}: {}", doctor::short(customer), doctor::LENGTHEN);
    }
    let archive = archive(&config, db.clone(), started).await?;
    #[cfg(feature = "otlp")]
    let traces = config.otlp.as_ref().map(Export::start).transpose()?;
    let sink = config.sink.clone().map(Sink::new).transpose()?;
    let sink = sink.map(|sink| tokio::spawn(sink::run(sink, feed::Feed(db.clone()), std::future::pending())));
    let warden = tokio::spawn(warden::run(db.clone(), keeper.clone(), witness::file(&config.data)));
    let trim = tokio::spawn(trim::run(db.clone(), config.accounts.crosswalk_rows));
    let keys = folder.keyring(master);
    let budget = Budget::new(config.limits.memory);
    let spools = Spools::new(config.limits.spool_memory, folder.spool(), budget.clone());
    let defaults = defaults(&config, spools.clone(), archive.clone(), db.clone())?;
    let service =
        service(&config, (budget, spools), db.clone(), archive, keys.clone(), keeper.clone(), &root)?;
    let admin = admin(&config, &db, &keys, &keeper);
    #[cfg(feature = "billing")]
    let meter = meter(&config, &service, installation.id.clone());
    let issuer = config.oidc.clone().map(Verifier::new).transpose().map_err(|_| Failure::Issuer)?;
    let accounts = Accounts::new(db.clone(), keys, issuer, defaults);
    let terms = Terms::new(keeper, config.accounts.quotas, folder::name()?);
    let writer = Writer::start(db.clone(), terms);
    let metrics = scrape(&config, db.clone(), writer.clone());
    let app = app(service, &config.layers, accounts, (admin, metrics), writer.clone());
    // Before anybody can know that we are here, and stop us.
    let stop = listen::Stop::heard();
    tell(&origin);
    let connections = descriptors::connections(config.connections, config.layers.concurrent);
    listen::serve(listener, tls, app, config.times, (stop, connections)).await;
    if let Err(fault) = writer.flush().await {
        tracing::error!(%fault, "the last second of bytes read could not be accounted for");
    }
    warden.abort();
    trim.abort();
    sink.iter().for_each(tokio::task::JoinHandle::abort);
    #[cfg(feature = "billing")]
    if let Some(meter) = meter {
        meter.stop().await;
    }
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        traces.stop().await;
    }
    db.close().await;
    Ok(())
}

/// The address listened on, as a URL.
fn origin(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Tells on standard output where we are, in one piece. Whoever waits for it may read through a pipe; nobody may read at
/// all.
fn tell(origin: &str) {
    let text = format!("veilgate ready on {origin}{}\nits page is {origin}/\n", api::ROOT);
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The first API key: shown to whoever starts the server at a terminal. A log outlives it, and has other readers.
fn show_first(key: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("first API key, kept in first-api-key in the data folder: {key}");
    } else {
        tracing::info!("the first API key is in first-api-key in the data folder");
    }
}

/// Under which key the chains of an installation are written, and how often a checkpoint is kept.
pub fn keeper(config: &Config, installation: &Installation) -> Keeper {
    Keeper::new(installation.audit_key(), config.accounts.checkpoint_entries, config.accounts.checkpoint_time)
}

impl Failure {
    fn of_environment(fault: db::Fault) -> Self {
        match fault {
            db::Fault::Exists => Self::EnvironmentKey,
            fault => fault.into(),
        }
    }
}

/// The admin API, if it has a key.
fn admin(config: &Config, db: &Db, keys: &Keyring, keeper: &Keeper) -> Option<layer::Admin> {
    let admin = Admin {
        db: db.clone(),
        keeper: keeper.clone(),
        keys: keys.clone(),
        quotas: config.accounts.quotas,
        server: config.places(),
    };
    let key = config.accounts.admin_key.clone()?;
    Some(layer::Admin { routes: api::admin::routes(Arc::new(admin)), key, keeper: keeper.clone() })
}

/// The metrics, if anybody may read them.
fn scrape(config: &Config, db: Db, writer: Writer) -> Option<layer::Scrape> {
    let build = Build { version: env!("CARGO_PKG_VERSION"), edition: crate::deid::table::edition() };
    metrics().build.get_or_create(&build).set(1);
    let keys: Vec<_> =
        [&config.accounts.metrics_token, &config.accounts.admin_key].into_iter().flatten().cloned().collect();
    let routes = api::metrics::routes(Watch { db, writer });
    (!keys.is_empty()).then_some(layer::Scrape { routes, keys })
}

/// Routes within their layers.
fn app(
    service: Arc<Service>,
    settings: &layer::Settings,
    accounts: Accounts,
    (admin, metrics): (Option<layer::Admin>, Option<layer::Scrape>),
    writer: Writer,
) -> Router {
    let routes = layer::Routes {
        open: api::open(Arc::clone(&service)),
        guarded: api::guarded(Arc::clone(&service)),
        read: api::read(Arc::clone(&service)),
        metered: api::metered(service),
        admin,
        metrics,
    };
    layer::stack(routes, settings, accounts, writer)
}

/// What holds for projects that say nothing else.
fn defaults(config: &Config, spools: Spools, archive: Archive, db: Db) -> Result<Defaults, Failure> {
    let servers = Servers::default();
    let client = |settings: &downstream::Settings| Downstream::new(settings.clone(), &servers);
    let downstream = config.downstream.as_ref().map(|it| client(it).map(|client| (it.clone(), client)));
    let decoders = Decoders::default();
    Ok(Defaults {
        plan: Arc::new(Plan::new(&config.profile)),
        held: ArchiveOrigin::new(archive.clone(), db, "", decoders.clone()),
        pulled: Pulled::new(spools, decoders),
        archive,
        source: config.origin,
        route: config.destination,
        downstream: downstream.transpose()?,
        servers,
        keeps_pushed: config.accounts.keeps_pushed,
        elsewhere: config.downstream_of_projects.clone(),
    })
}

/// How often the archive is swept, and how old something is that no request can be about to enter any more.
const SWEEP: Duration = Duration::from_secs(6 * 3600);
const OLD: Duration = Duration::from_secs(24 * 3600);

/// What was written before is no request's any more.
fn old(now: SystemTime) -> SystemTime {
    now.checked_sub(OLD).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Opens the archive and sweeps, beside the requests, what a crash or an outage left.
async fn archive(config: &Config, db: Db, started: SystemTime) -> Result<Archive, Failure> {
    match &config.archive {
        Site::Folder(path) => folder::make(path, "the archive folder")?,
        Site::Memory => tracing::warn!("the archive is in memory: nothing that is stored is kept"),
        Site::Bucket(_) => {}
    }
    let archive = Archive::open(&config.archive, db)?;
    archive.prepare().await?;
    let sweeping = archive.clone();
    // Nobody else writes below a data folder, which is locked. Into a folder or bucket elsewhere another gateway may be
    // writing what it is about to enter, and a server with a clock behind ours may call it old.
    let mut before = if config.archive_is_own { started } else { old(started) };
    tokio::spawn(async move {
        loop {
            match sweeping.sweep(before).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(swept, "removed objects that no request had finished"),
                Err(fault) => tracing::warn!(%fault, "the archive was not swept"),
            }
            tokio::time::sleep(SWEEP).await;
            before = old(SystemTime::now());
        }
    });
    Ok(archive)
}

fn service(
    config: &Config,
    (budget, spools): (Budget, Spools),
    db: Db,
    archive: Archive,
    keys: Keyring,
    keeper: Keeper,
    root: &str,
) -> Result<Arc<Service>, Failure> {
    let own = || Links::new(root).map_err(|_| Failure::System);
    let head = usize::try_from(config.limits.head).unwrap_or(usize::MAX);
    Ok(Arc::new(Service {
        #[cfg(feature = "billing")]
        billing: billing(config, &keeper)?,
        db,
        keys,
        keeper,
        archive,
        quotas: config.accounts.quotas,
        links: config.public.clone().map_or_else(own, Ok)?,
        limits: Limits { head, ..Limits::default() },
        instance: config.limits.instance,
        parts: config.limits.parts,
        metadata: config.limits.metadata,
        budget,
        spools,
        vault: config.vault,
        lenient_accept: config.lenient_accept,
        store_warning: config.store_warning,
        choose: config.layers.choose,
    }))
}

#[cfg(feature = "billing")]
fn billing(config: &Config, keeper: &Keeper) -> Result<Option<api::Billing>, Failure> {
    let Some(settings) = config.billing.stripe.clone() else { return Ok(None) };
    let (prices, terms) = (settings.prices.clone(), crate::billing::Terms::default());
    let webhook = config.billing.webhook.clone();
    if !webhook.has_secret() {
        tracing::warn!("billing has no webhook secret: payments will not be heard of");
    }
    let rules = crate::db::billing::Rules { prices, terms, keeper: keeper.clone() };
    Ok(Some(api::Billing { stripe: crate::billing::Stripe::new(settings)?, webhook, rules }))
}

/// Tells usage, if there is somebody to tell.
#[cfg(feature = "billing")]
fn meter(config: &Config, service: &Service, installation: String) -> Option<meter::Meter> {
    let api::Billing { stripe, rules, .. } = service.billing.as_ref()?;
    let (db, time) = (service.db.clone(), config.billing.meter_time);
    Some(meter::Meter::start(db, stripe.clone(), rules.clone(), installation, time))
}

/// Log lines on stderr. A second server in one process keeps the first one's.
fn log(config: &Config) {
    let level = match config.log_level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // Foreign crates may log what they carry: only our own lines come out.
    let own = tracing_subscriber::filter::Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    use tracing_subscriber::prelude::*;
    let registry = tracing_subscriber::registry();
    let _ = match config.log_json {
        true => registry.with(lines.json().with_span_list(false).with_filter(own)).try_init(),
        false => registry.with(lines.with_filter(own)).try_init(),
    };
}
