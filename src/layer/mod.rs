//! The stack of layers around the handlers, in one function. What each does stands in
//! its file; what they hand to handlers stands in `context`.

pub mod body;
pub mod context;
mod cors;
mod headers;
mod identify;
mod limits;
mod rate;
mod task;
mod trace;

pub use identify::Accounts;
pub use rate::Rates;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use context::Allowance;
use governor::clock::DefaultClock;
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
    /// Web origins that may call; `None` for any.
    pub origins: Option<Vec<String>>,
    /// Requests a minute.
    pub rates: Rates,
}

/// Puts the layers around the routes that anybody may ask (`open`) and those that need
/// an API key (`guarded`). Outermost first.
pub fn stack(open: Router, guarded: Router, settings: &Settings, accounts: Accounts) -> Router {
    let rates = Arc::new(rate::Rate::new(settings.rates, DefaultClock::default()));
    let guards = ServiceBuilder::new()
        // Who calls is settled before a byte of the body is read.
        .layer(from_fn_with_state(accounts, identify::identify))
        // Whoever asks too often costs neither a task nor an entry.
        .layer(from_fn_with_state(rates, rate::rate))
        // The request goes on to its end: a client that leaves cannot cut the account short.
        .layer(from_fn(task::own))
        // Last, as it counts what is really done.
        .layer(Extension(Allowance::unlimited()));
    // What is too large or too much costs nothing further. Health is counted apart: a busy
    // server is not a dead one.
    let limited = || from_fn_with_state(Arc::new(limits::Limits::new(settings)), limits::limit);
    let cors = Arc::new(cors::Origins::new(settings.origins.clone()));
    let all = ServiceBuilder::new()
        // Sees every request and every answer, refusals of other layers included.
        .layer(from_fn(trace::trace))
        // On every answer, errors too.
        .layer(from_fn(headers::secure))
        // Before identify: a preflight carries no key, and errors must be readable by web clients.
        .layer(from_fn_with_state(cors, cors::cors));
    guarded.layer(guards).layer(limited()).merge(open.layer(limited())).layer(all)
}
