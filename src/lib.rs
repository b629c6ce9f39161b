//! Veilgate: a DICOMweb gateway that pseudonymizes on the fly after DICOM PS3.15 Annex E.
//!
//! # Where to change what
//!
//! | I want to … | open |
//! |---|---|
//! | know what happens to an attribute | `veilgate explain 0010,0010`, then `conformance/ps3_15/table_e1_1.tsv`, [`deid::plan`] |
//! | move to a new edition of the table | replace the TSV with `conformance/derive_tables.py`, run the tests |
//! | change what happens outside the table | `conformance/ps3_15/gaps.tsv` and `defaults.tsv` |
//! | add an option | [`deid::option`], its column, [`deid::profile`] |
//! | change a dummy, a pseudonym, a date shift | `deid/dummy.rs`, [`deid::pseudonym`], [`deid::dates`] |
//! | change which pixels are refused | `conformance/ps3_15/pixel_risk.tsv`, [`deid::pixel`] |
//! | take in another transfer syntax | [`dicom::syntax`] |
//! | change what is taken out of compressed pixels | [`dicom::comments`] |
//! | add a destination | one file in `destination`, one arm in its `mod.rs`, one test |
//! | add an origin of pulled resources | `origin/mod.rs`, one file beside it |
//! | change what a search understands, matches or answers | `dicomweb/query.rs`, `dicomweb/levels.rs`, then `origin/archive/search.rs` |
//! | change what the catalog knows of an instance | `archive/describe.rs`, a migration, `db/catalog.rs` |
//! | keep the archive somewhere else | `archive/store.rs`, one file below it, `config/archive.rs`, `tests/rig_s3.rs` |
//! | change what can be given of an instance, wherever it lies | `origin/stored` |
//! | change how another server is asked, which of its answers are believed | `downstream/read.rs`, then `origin/remote` |
//! | change what a clinical server's data look like through the veil | `origin/veil.rs`, then the file it names |
//! | decode another transfer syntax, change how pictures look | `raster` |
//! | change what is read of structured reports, or how they look | `dicomweb/report.rs`, `dicomweb/report` |
//! | add a route | `api/mod.rs`, one file in `api/`, one test |
//! | change the web page | `page`, which says what stands in which of its files |
//! | change what the page asks of the server | `api/deidentify.rs`, `api/preview.rs`, `api/profile.rs` |
//! | change what clients of the vault see | `api/vault.rs`, its line in `conformance/deviations_vault.tsv`, its test |
//! | change who may do what, and in which order | `layer/mod.rs`, then the one layer |
//! | change which tokens of an issuer are believed, and what they say | `oidc`, which says what stands in which of its files |
//! | change how connections are taken: TLS, deadlines, draining | `serve/listen.rs`, `serve/tls.rs` |
//! | change which proxies are believed | `layer/client.rs` |
//! | let a project have something of its own | `db/account/own.rs`, then `layer/own.rs` |
//! | change what is led back into the clinic, or refused there | `deid/restore.rs`, its `judge.rs`; `destination/clinic.rs` |
//! | change what is kept of originals, or who may ask for them | `db/crosswalk.rs`, `layer/cross.rs`; `db/account/rights.rs`, `api/lookup.rs` |
//! | change who may send behind the veil | `may_send` in `layer/context.rs` |
//! | change what a project's own pseudonyms may be | `deid/own_pseudonyms.rs`, then `db/pseudonyms.rs` |
//! | change what goes with a project's key | `db/account/destroy.rs` |
//! | change what goes with one patient or study | `db/erase.rs`, then `cli/accounts/erase.rs` |
//! | seal another secret | the list in `db/account/rotation.rs` |
//! | change the admin API | `api/admin`, guarded by `layer/admin.rs` |
//! | change a status or message | `problem.rs` |
//! | change what a tier may do | `config/settings.rs` (numbers), `db/usage.rs` (counting), `layer/quota.rs` (refusing) |
//! | change what counts as read, or whether it costs | `layer/reads.rs`; `Parts::instances` in `origin/part.rs` |
//! | change what one request writes to the database | `db/writer.rs`, then `db/writer/batch.rs` |
//! | change what counts against the memory of all requests | `budget`, then who has a share: `api/intake.rs`, `spool.rs` |
//! | add a setting | `config/settings.rs`: one list feeds file, environment, help and README |
//! | change what an audit entry holds, or what a verifier finds | [`audit`] |
//! | change what hospitals' audit collectors get | `sink/meaning.rs`, then `sink/fhir.rs` or `sink/dicom.rs` |
//! | count something else | the list in `metrics/mod.rs`, then where it happens |
//! | change what logs, other servers and traces tell of a request | `layer/trace.rs`, `trail`; `otlp` |
//! | change a command | `cli` |
//! | try one thing more before somebody asks why it does not work | `serve/doctor.rs`, one file below it |
//! | change how it is run somewhere | `Dockerfile`, `deploy`, held against the code by `tests/deploy.rs` |
//! | change what `/openapi.json` tells | `api/openapi/operations.tsv`, `components.json`; of DICOMweb `api/capabilities.rs` |
//! | change what the conformance statement tells | `api/conformance`, then `VEILGATE_REWRITE=1 cargo test --test statement` |
//! | change what is sold, or what a payment entitles to | `billing`, then `db/billing.rs`, `api/billing.rs` |
//! | add a check of other people's servers | the table of its suite in `conform` |
//! | prove a clause | `conformance/clauses.tsv` (PS3.15) or `clauses_ps3_18.tsv` → test |
//!
//! # Floors
//!
//! A module imports only from floors below its own; `tests/tidy.rs` checks that.
//!
//! | floor | modules | what lives there | never there |
//! |---|---|---|---|
//! | 0 | [`dicom`] | encoded DICOM: splitter, walker, writer | opinions, IO, panics |
//! | 0 | `secret` | a text that is never shown | |
//! | 0 | `metrics` | what the process counts of itself | labels that a client can choose |
//! | 0 | `trail` | whose work this is: the request's name, its place in a trace, its spans | values, UIDs |
//! | 0 | `budget` | memory that all requests share | what is held in it |
//! | 1 | [`deid`] | PS3.15 Annex E, pure | IO, clocks, HTTP |
//! | 2 | `dicomweb` | wire forms of PS3.18: multipart, Accept, DICOM JSON and XML, store responses | axum, SQL |
//! | 2 | [`audit`] | the audit chain and its verifier, pure | SQL, HTTP, clocks |
//! | 2 | `db` | the only door to SQL: tenants, keys, usage, audit chains, the crosswalk, the archive's catalog | everything else |
//! | 2 | `raster` | pixels as numbers: decoding compressed frames, making pictures | IO |
//! | 2 | `spool` | bytes that wait, in memory or in an unlinked file | what they mean |
//! | 2 | `downstream` | the only HTTP client of the server that is forwarded to or pulled from; how any HTTP client is set up | |
//! | 2 | `billing` | the only door to Stripe; who has paid for what, pure | SQL, HTTP server |
//! | 3 | `archive` | the embedded archive: instances in an object store, their index in `db` | |
//! | 3 | `destination` | where a pushed instance goes: `respond`, `keep`, `forward`, the clinic behind the veil | |
//! | 3 | `origin` | where a pulled resource comes from: the archive, a DICOMweb server, the veil around either | |
//! | 3 | `conform` | examines any DICOMweb server from outside, clause by clause | |
//! | 3 | `otlp` | finished spans on their way to a collector, with feature `otlp` | |
//! | 3 | `oidc` | tokens of an OpenID Connect issuer: its keys, what of them is believed | HTTP, SQL |
//! | 3 | `sink` | the audit's second sink: FHIR lines, DICOM audit messages, the only door to syslog | |
//! | 4 | `layer`, `problem` | tower layers; the one mapping from failures to statuses | handlers |
//! | 5 | `api`, `page` | one file a route family; the files of the web page, compiled in | SQL, DICOM bytes |
//! | 6 | `config`, `serve`, [`cli`] | settings, wiring, commands | de-identification |
//!
//! Floors 2 to 5 and `serve` belong to the feature `server` (default).
//!
//! # The life of one pushed instance
//!
//! A pushed byte goes through four files: `api/source.rs` takes the body apart (with
//! `dicomweb/parts.rs`), `api/intake.rs` feeds each part to `deid/rewriter.rs`, whose output goes to
//! `destination`. Around it stand the layers, outermost first: trace, limits, identify, rate, the request's own task,
//! audit, billing, quota (of what is pulled: reads). What the handler did comes back as a tally; the audit layer hands it to `db/writer.rs`, and the
//! answer leaves when usage, audit entries, lines for billing and the archive's catalog are committed, all in one
//! transaction (many requests share one: group commit).
//!
//! ```text
//! bytes ─► dicom::splitter ─► head ─► deid::facts  (first walk: what decides)
//!                        │         └► deid::engine admits or refuses
//!                        │            deid::carry   (second walk: asks the engine, writes a new head)
//!                        ├► bulk ──► dicom::bulk    (passes as slices of what came in)
//!                        └► tail ──► deid::carry    (like the head)
//! ```
//!
//! An element nobody decided about does not exist in the output, because the output is written
//! anew from decisions and nothing is edited in place.
//!
//! ```
//! use veilgate::deid::{engine::Engine, plan::Plan, profile::Profile, pseudonym::ProjectKey};
//! use veilgate::deid::rewriter::{Options, Rewriter};
//!
//! let profile = Profile::preset("basic").expect("a preset");
//! let engine = Engine::new(Plan::new(&profile), &ProjectKey::from_bytes([7; 32]));
//! let mut rewriter = Rewriter::new(&engine, Options::default());
//! let mut out = Vec::new();
//! let refused = rewriter.push("this is no DICOM".into(), &mut out).and_then(|()| rewriter.finish(&mut out)).err();
//! assert_eq!(refused.map(|refused| refused.refusal.code()), Some("malformed"));
//! ```

pub mod audit;
#[cfg(feature = "billing")]
pub mod billing;
pub mod cli;
pub mod deid;
pub mod dicom;
#[cfg(feature = "server")]
pub mod dicomweb;

#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod archive;
#[cfg(feature = "server")]
pub mod budget;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod conform;
#[cfg(feature = "server")]
pub mod db;
#[cfg(feature = "server")]
pub mod destination;
#[cfg(feature = "server")]
pub mod downstream;
#[cfg(feature = "server")]
pub mod layer;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod oidc;
#[cfg(feature = "server")]
pub mod origin;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "server")]
pub mod page;
#[cfg(feature = "server")]
pub mod problem;
#[cfg(feature = "server")]
pub mod raster;
#[cfg(feature = "server")]
pub mod secret;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod sink;
#[cfg(feature = "server")]
pub mod spool;
#[cfg(feature = "server")]
pub mod trail;
