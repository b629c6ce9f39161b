//! The stack of layers around the handlers, in one function. What each does stands in
//! its file; what they hand to handlers stands in `context`.

mod admin;
mod ahead;
mod audit;
mod billing;
pub mod body;
mod choice;
mod client;
pub mod context;
mod cors;
mod cross;
mod follow;
mod headers;
mod identify;
mod limits;
mod own;
mod quota;
mod rate;
mod reads;
mod scrape;
mod task;
mod trace;

pub use admin::Admin;
pub use client::Peer;
pub use identify::Accounts;
pub use own::Defaults;
pub use rate::Rates;
pub use scrape::Scrape;

use crate::db::writer::Writer;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use governor::clock::DefaultClock;
use ipnet::IpNet;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceBuilder;

/// What the layers are told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most requests served at the same time.
    pub concurrent: usize,
    /// Longest request target, in bytes.
    pub uri: u64,
    /// Largest request body, in bytes.
    pub request: u64,
    /// Longest silence within a request body.
    pub idle: Duration,
    /// A request may choose a profile of its own where it gets its instances back.
    pub choose: bool,
    /// Web origins that may call; `None` for any.
    pub origins: Option<Vec<String>>,
    /// Requests a minute.
    pub rates: Rates,
    /// What is read counts against the quota.
    pub reads_spend: bool,
    /// Proxies that are believed whom they were called by.
    pub proxies: Vec<IpNet>,
}

/// The routes, by what stands before them.
pub struct Routes {
    /// Anybody may ask.
    pub open: Router,
    /// An API key is needed.
    pub guarded: Router,
    /// An API key is needed, and what is read is counted.
    pub read: Router,
    /// An API key is needed, and instances count against the quota.
    pub metered: Router,
    /// The admin key is needed.
    pub admin: Option<Admin>,
    /// The token for metrics is needed.
    pub metrics: Option<Scrape>,
}

/// Puts the layers around the routes. Outermost first.
pub fn stack(routes: Routes, settings: &Settings, accounts: Accounts, writer: Writer) -> Router {
    let meter = ServiceBuilder::new()
        // Knows what was delivered, and adds it to the account.
        .layer(from_fn(billing::billing))
        // Last, as it counts what is really done.
        .layer(from_fn_with_state(writer.clone(), quota::quota));
    let reads = reads::Reads { writer: writer.clone(), spend: settings.reads_spend };
    let reads = ServiceBuilder::new()
        .layer(from_fn(billing::billing))
        // In the quota's place: whether it spends the quota is a setting.
        .layer(from_fn_with_state(reads, reads::reads));
    let rates = Arc::new(rate::Rate::new(settings.rates, DefaultClock::default()));
    let choices = Arc::new(choice::Choices::new(settings.choose));
    let guards = ServiceBuilder::new()
        // Who calls is settled before a byte of the body is read.
        .layer(from_fn_with_state(accounts, identify::identify))
        // Whoever asks too often costs neither a task nor an entry.
        .layer(from_fn_with_state(rates, rate::rate))
        // Settled before anything is decided or written about it.
        .layer(from_fn_with_state(choices, choice::choice))
        // The request goes on to its end: a client that leaves cannot cut the account short.
        .layer(from_fn(task::own))
        // Nothing leaves before it is on record.
        .layer(from_fn_with_state(writer, audit::audit));
    // What is too large or too much costs nothing further. Health is counted apart: a busy
    // server is not a dead one.
    let limited = || from_fn_with_state(Arc::new(limits::Limits::new(settings)), limits::limit);
    let cors = Arc::new(cors::Origins::new(settings.origins.clone()));
    let proxies = Arc::new(client::Proxies::new(&settings.proxies));
    let all = ServiceBuilder::new()
        // Sees every request and every answer, refusals of other layers included.
        .layer(from_fn_with_state(proxies, trace::trace))
        // On every answer, errors too.
        .layer(from_fn(headers::secure));
    let guarded = routes.guarded.merge(routes.read.layer(reads)).merge(routes.metered.layer(meter));
    let guarded = guarded.layer(guards).layer(limited());
    let public = guarded
        .merge(routes.open.layer(limited()))
        // Before identify: a preflight carries no key, and errors must be readable by web clients.
        .layer(from_fn_with_state(cors, cors::cors));
    // Not for pages of other origins, and counted apart: guesses at their keys hold up nobody else.
    let admin = routes.admin.map(|admin| admin.guarded().layer(limited()));
    let metrics = routes.metrics.map(|metrics| metrics.guarded().layer(limited()));
    admin.into_iter().chain(metrics).fold(public, |all, routes| all.merge(routes)).layer(all)
}
