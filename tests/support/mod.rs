//! Shared by the integration tests: independent checkers, builders, servers. Knows nothing of the crate's own code.
//!
//! | want | take |
//! |---|---|
//! | the real files | [`files`] |
//! | what a Part 10 file says, without any code of the product | [`walk`] |
//! | which leaves were kept, changed, removed | [`compare`] |
//! | a file of my own making | [`build`] |
//! | a file with a mark in every element, and which came through | [`plant`] |
//! | one file for each transfer syntax and odd shape | [`samples`] |
//! | the built binary, serving | [`server`] |
//! | requests as real clients write them, multipart answers taken apart | [`http`], [`multipart`] |
//! | certificates, and TLS from both sides | [`authority`] |
//! | Orthanc and the other real components | [`rig`] |

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

pub mod authority;
pub mod build;
pub mod compare;
pub mod files;
pub mod http;
pub mod multipart;
pub mod plant;
pub mod rig;
pub mod samples;
pub mod server;
pub mod vr;
pub mod walk;
pub mod walk_body;

/// What `veilgate conformance` may find broken at this gateway: the clauses of PS3.18 that it is declared to deviate from.
pub fn is_declared(verdict: &serde_json::Value) -> bool {
    let id = verdict["id"].as_str().unwrap();
    let rows = include_str!("../../conformance/deviations_ps3_18.tsv").lines();
    rows.filter(|line| !line.starts_with('#')).any(|line| line.split('\t').next() == Some(id))
}

/// Tag as (group, element).
pub type Tag = (u16, u16);

/// Transfer syntaxes by the short names the tests use (PS3.5 Annex A).
pub mod syntax {
    pub const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
    pub const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
    pub const DEFLATED_LE: &str = "1.2.840.10008.1.2.1.99";
    pub const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";
    pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
    pub const RLE: &str = "1.2.840.10008.1.2.5";
}
