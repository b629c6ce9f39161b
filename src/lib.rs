//! Veilgate: a DICOMweb gateway that pseudonymizes on the fly after DICOM PS3.15 Annex E.

#[cfg(feature = "billing")]
pub mod billing;
pub mod cli;
pub mod deid;
pub mod dicom;
