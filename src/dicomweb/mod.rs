//! Floor 2: the wire forms of DICOMweb (PS3.18) — bytes and strings in and out. No HTTP
//! server, no SQL, no IO, no clocks; nothing here decides about a patient's data.
//!
//! | I want to … | open |
//! |---|---|
//! | read a multipart body | [`parts`] |

pub mod accept;
pub mod boundary;
mod delimiter;
pub mod links;
pub mod media;
mod media_range;
pub mod multipart_out;
pub mod part_headers;
pub mod parts;
pub mod store_response;
pub mod stow_answer;
pub mod syntaxes;
pub mod xml_out;
pub mod zip_out;
