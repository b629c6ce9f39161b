//! The routes, on one screen. One file a route family; what stands around them is
//! `layer`.

pub mod admin;
mod ask;
mod audit;
#[cfg(feature = "billing")]
mod billing;
mod body;
mod bulk;
mod capabilities;
pub mod conformance;
mod deidentify;
mod digest;
mod frames;
mod framing;
mod health;
mod intake;
mod joined;
mod lookup;
mod metadata;
pub mod metrics;
mod openapi;
mod outcome;
mod path;
mod preview;
mod profile;
mod pseudonyms;
mod rendered;
mod report;
mod restore;
mod retrieve;
mod search;
mod source;
mod store;
mod usage;
mod vault;
mod wado_uri;

#[cfg(feature = "billing")]
pub use billing::Billing;
pub use path::tidy_path;
pub use vault::Vault;

use crate::archive::Archive;
use crate::audit::action::Action;
use crate::budget::Budget;
use crate::db::Db;
use crate::db::chain::Keeper;
use crate::db::seal::Keyring;
use crate::db::usage::Quotas;
use crate::dicom::instance::Limits;
use crate::dicomweb::accept::Accept;
use crate::dicomweb::links::Links;
use crate::page;
use crate::problem::Problem;
use crate::spool::Spools;
use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, options, post};
use std::sync::Arc;

/// The DICOMweb root.
pub const ROOT: &str = "/dicom-web";

/// What handlers work with.
pub struct Service {
    /// For readiness, and what a customer used.
    pub db: Db,
    /// For readiness.
    pub archive: Archive,
    /// Opens what a project keeps sealed.
    pub keys: Keyring,
    /// Signs what is told of audit chains.
    pub keeper: Keeper,
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// Builds the links in answers.
    pub links: Links,
    /// Bounds of one instance.
    pub limits: Limits,
    /// Largest instance, in bytes.
    pub instance: u64,
    /// Most parts of a request.
    pub parts: usize,
    /// Most bytes held to join metadata and bulk data.
    pub metadata: u64,
    /// Memory that all requests share.
    pub budget: Budget,
    /// Where answers are collected.
    pub spools: Spools,
    /// Bounds and form of the vault's interface.
    pub vault: Vault,
    /// Take a request without Accept as `*/*`.
    pub lenient_accept: bool,
    /// Report coercion as Warning Reason B000 (PS3.18 I.2.1).
    pub store_warning: bool,
    /// A request may choose a profile of its own.
    pub choose: bool,
    /// Buying and its events; `None`: nothing is sold.
    #[cfg(feature = "billing")]
    pub billing: Option<Billing>,
}

const STUDY: &str = "/dicom-web/studies/{study}";
const SERIES: &str = "/dicom-web/studies/{study}/series/{series}";
const INSTANCE: &str = "/dicom-web/studies/{study}/series/{series}/instances/{instance}";
const FRAMES: &str = "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}";

/// A resource below a place.
fn below(place: &str, resource: &str) -> String {
    format!("{place}/{resource}")
}

type State = axum::extract::State<Arc<Service>>;

/// Routes that anybody may ask: they tell nothing about anybody.
pub fn open(service: Arc<Service>) -> Router {
    let described = capabilities::paths().fold(Router::new(), |router, path| {
        router.route(&format!("{ROOT}{path}"), options(capabilities::capabilities))
    });
    #[cfg(feature = "billing")]
    let described = described.route("/v1/billing/webhook", post(billing::webhook));
    described
        .route("/health", get(health::health))
        .route("/api/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/conformance", get(conformance::conformance))
        .route("/openapi.json", get(openapi::openapi))
        .route("/.well-known/veilgate-audit-key", get(audit::public_key))
        .route("/dicom-web", options(capabilities::capabilities))
        .route("/wado", options(capabilities::capabilities))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .merge(page::routes())
        .with_state(service)
}

/// Routes that need an API key: what is there, and what a caller asks about its own account.
pub fn guarded(service: Arc<Service>) -> Router {
    let described = [STUDY, SERIES, INSTANCE].into_iter().fold(Router::new(), |router, place| {
        router.route(&below(place, "metadata"), get(retrieve::metadata))
    });
    described.merge(searches()).merge(own()).with_state(service)
}

/// Routes that need an API key, and whose answers give instances or something of them.
pub fn read(service: Arc<Service>) -> Router {
    let mut router = Router::new();
    for place in [STUDY, SERIES, INSTANCE] {
        router = router.route(place, get(retrieve::instances));
    }
    for place in [STUDY, SERIES, INSTANCE, FRAMES] {
        router = router
            .route(&below(place, "rendered"), get(rendered::rendered))
            .route(&below(place, "thumbnail"), get(rendered::thumbnail));
    }
    router
        .route("/wado", get(wado_uri::wado))
        .route(FRAMES, get(frames::frames))
        .route(&below(INSTANCE, "bulk/{*path}"), get(bulk::bulk))
        .with_state(service)
}

fn searches() -> Router<Arc<Service>> {
    Router::new()
        .route("/dicom-web/studies", get(search::studies))
        .route("/dicom-web/series", get(search::series))
        .route("/dicom-web/instances", get(search::instances))
        .route("/dicom-web/studies/{study}/series", get(search::series_of_study))
        .route("/dicom-web/studies/{study}/instances", get(search::instances_of_study))
        .route("/dicom-web/studies/{study}/series/{series}/instances", get(search::instances_of_series))
}

/// What a caller asks about its own account. Paths that no other route shares say themselves which methods they lack.
fn own() -> Router<Arc<Service>> {
    let router = Router::new()
        .route("/v1/usage", get(usage::usage))
        .route("/api/profile", get(profile::profile))
        .route("/v1/preview", post(preview::preview))
        .route("/v1/preview/image", post(preview::picture))
        .route("/v1/reidentify", post(lookup::reidentify))
        .route("/v1/pseudonyms", get(pseudonyms::export).put(pseudonyms::import))
        .route("/v1/pseudonym", post(lookup::pseudonym).get(lookup::in_url))
        .route("/v1/audit", get(audit::page))
        .route("/v1/audit/export", get(audit::export))
        .route("/v1/audit/checkpoint", post(audit::checkpoint))
        .route("/v1/audit/entries/{sequence}/receipt", get(audit::receipt));
    #[cfg(feature = "billing")]
    let router = router
        .route("/v1/billing/checkout-session", post(billing::checkout))
        .route("/v1/billing/portal-session", post(billing::portal));
    router.method_not_allowed_fallback(async || Problem::MethodNotAllowed)
}

/// Routes that need an API key, and whose instances count against its customer's quota.
pub fn metered(service: Arc<Service>) -> Router {
    // Paths that no open route shares say themselves which methods they lack.
    let alone = Router::new()
        .route("/v1/anonymize", post(vault::upload))
        .route("/api/deidentify", post(deidentify::deidentify))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed);
    Router::new()
        .route("/dicom-web/studies", post(store::studies))
        .route("/dicom-web/studies/{study}", post(store::study))
        .merge(alone)
        .with_state(service)
}

/// Tells the audit layer what was asked for, refused or not.
fn on_record(action: Action, answer: Result<Response, Problem>) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(action);
    response
}

/// The Accept header; without one, what the setting says (PS3.18 8.4.1.1).
fn accept(service: &Service, headers: &HeaderMap) -> Result<Accept, Problem> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    match Accept::of_headers(lines) {
        Some(accept) => Ok(accept),
        None if service.lenient_accept => Ok(Accept::anything()),
        None => Err(Problem::NoAccept),
    }
}

/// The accept query parameter (PS3.18 8.3.3.1); 400 if no media type stands in it
/// (8.3). Other parameters are ignored.
fn accept_parameter(query: &str) -> Option<Result<Accept, Problem>> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("accept="))?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8();
    let accept = value.ok().map(|value| Accept::of_query(&value)).filter(|accept| !accept.is_empty());
    Some(accept.ok_or(Problem::BadParameter("accept")))
}
