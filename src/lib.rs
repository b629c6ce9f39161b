//! Veilgate: a DICOMweb gateway that pseudonymizes on the fly after DICOM PS3.15 Annex E.

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
