//! Veilgate: a DICOMweb gateway that pseudonymizes on the fly after DICOM PS3.15 Annex E.

pub mod audit;
pub mod cli;
pub mod deid;
pub mod dicom;
