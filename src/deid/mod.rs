//! PS3.15 Annex E, pure: what becomes of each attribute, and why. No IO, no clock, no HTTP.
//!
//! The standard's tables are checked in under `conformance/ps3_15` and compiled in. [`profile::Profile`] holds what was
//! chosen, [`plan::Plan`] turns it into one decision per attribute, [`explain::explain`] says a decision in words.

pub mod action;
pub mod code;
pub mod defaults;
pub mod explain;
pub mod gaps;
pub mod option;
mod outcome;
pub mod pixel;
pub mod plan;
pub mod private;
pub mod profile;
mod profile_toml;
pub mod rule;
mod rule_toml;
mod rules;
pub mod sop;
pub mod table;
mod tsv;
pub mod types;
mod vr;
