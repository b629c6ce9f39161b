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
//! | change a command | `cli` |
//! | prove a clause | `conformance/clauses.tsv` → test |
//!
//! # Floors
//!
//! A module imports only from floors below its own; `tests/tidy.rs` checks that.
//!
//! | floor | modules | what lives there | never there |
//! |---|---|---|---|
//! | 0 | [`dicom`] | encoded DICOM: splitter, walker, writer | opinions, IO, panics |
//! | 1 | [`deid`] | PS3.15 Annex E, pure | IO, clocks, HTTP |
//! | 6 | [`cli`] | commands | de-identification |
//!
//! # The life of one instance
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
pub mod config;
#[cfg(feature = "server")]
pub mod db;
#[cfg(feature = "server")]
pub mod destination;
#[cfg(feature = "server")]
pub mod downstream;
#[cfg(feature = "server")]
pub mod layer;
#[cfg(feature = "server")]
pub mod problem;
#[cfg(feature = "server")]
pub mod serve;
