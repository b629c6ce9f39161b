//! PS3.15 Annex E, pure: what becomes of each attribute, and why. No IO, no clock, no HTTP.
//!
//! The standard's tables are checked in under `conformance/ps3_15` and compiled in.
//! [`profile::Profile`] holds what was chosen, [`plan::Plan`] turns it into one decision
//! per attribute, [`engine::Engine`] decides about the elements of an instance under a
//! project's key. Two drivers carry its decisions out: [`rewriter::Rewriter`] over encoded
//! bytes, [`object`] over a dicom-object data set. [`explain::explain`] says a decision in words,
//! [`preview::preview`] what becomes of each attribute of one instance.
//! [`restore::Restorer`] goes the other way: what was made of pseudonymized data gets its patient back.

pub mod action;
mod blocks;
mod carry;
pub mod claims;
pub mod code;
pub mod dates;
pub mod defaults;
mod dummy;
pub mod engine;
pub mod explain;
pub mod facts;
pub mod gaps;
pub mod name;
pub mod object;
pub mod option;
mod outcome;
pub mod own_pseudonyms;
pub mod patient;
pub mod pixel;
pub mod plan;
pub mod preview;
pub mod private;
pub mod profile;
mod profile_toml;
pub mod pseudonym;
pub mod receipt;
pub mod refusal;
pub mod restore;
pub mod rewriter;
pub mod rule;
mod rule_toml;
mod rules;
pub mod search;
pub mod sop;
mod stamp;
pub mod table;
mod tsv;
pub mod types;
mod vr;
