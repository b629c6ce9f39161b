//! PS3.15 Annex E, pure: what becomes of each attribute, and why. No IO, no clock, no HTTP.

pub mod blocks;
pub mod dates;
pub mod dummy;
pub mod facts;
pub mod pseudonym;
pub mod receipt;
pub mod refusal;
