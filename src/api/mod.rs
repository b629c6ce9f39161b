//! The routes, on one screen. One file a route family; what stands around them is
//! `layer`.

pub mod admin;
mod ask;
mod audit;
#[cfg(feature = "billing")]
mod billing;
mod bulk;
mod capabilities;
mod deidentify;
mod digest;
mod frames;
mod framing;
mod health;
mod intake;
mod metadata;
mod outcome;
mod path;
mod preview;
mod profile;
mod rendered;
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

use crate::db::Db;
use crate::db::chain::Keeper;
use crate::db::usage::Quotas;
use crate::destination::Target;
use crate::dicom::instance::Limits;
use crate::dicomweb::accept::Accept;
use crate::dicomweb::links::Links;
use crate::page;
use crate::problem::Problem;
use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, options, post};
use std::path::PathBuf;
use std::sync::Arc;

/// The DICOMweb root.
pub const ROOT: &str = "/dicom-web";

/// What handlers work with.
pub struct Service {
    /// For readiness, and what a customer used.
    pub db: Db,
    /// Signs what is told of audit chains.
    pub keeper: Keeper,
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// Where a pushed instance goes unless it is asked back.
    pub destination: Target,
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
    /// Bytes of an answer held in memory.
    pub spool_memory: u64,
    /// Folder of what does not fit there.
    pub spool: PathBuf,
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
        .route("/.well-known/veilgate-audit-key", get(audit::public_key))
        .route("/dicom-web", options(capabilities::capabilities))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .merge(page::routes())
        .with_state(service)
}

/// Routes that need an API key.
pub fn guarded(service: Arc<Service>) -> Router {
    pulled().merge(own()).with_state(service)
}

/// What is pulled over DICOMweb.
fn pulled() -> Router<Arc<Service>> {
    const STUDY: &str = "/dicom-web/studies/{study}";
    const SERIES: &str = "/dicom-web/studies/{study}/series/{series}";
    const INSTANCE: &str = "/dicom-web/studies/{study}/series/{series}/instances/{instance}";
    const FRAMES: &str = "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}";
    let below = |place: &str, resource: &str| format!("{place}/{resource}");
    let mut router = Router::new();
    for place in [STUDY, SERIES, INSTANCE] {
        router = router
            .route(place, get(retrieve::instances))
            .route(&below(place, "metadata"), get(retrieve::metadata));
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
