//! Floor 2: the wire forms of DICOMweb (PS3.18) — bytes and strings in and out. No HTTP
//! server, no SQL, no IO, no clocks; nothing here decides about a patient's data.
//!
//! | I want to … | open |
//! |---|---|
//! | read a multipart body | [`parts`], [`part_headers`] |
//! | read a media type, or what an Accept header asks for | [`media`], [`accept`] |
//! | know how a store request wants its answer | [`stow_answer`] |
//! | know which media type a transfer syntax has | [`syntaxes`] |
//! | take metadata and bulk data apart, and join them | [`json_in`], [`xml_in`], [`bulk`], [`join`] |
//! | learn rows and columns from a code stream | [`codestream`] |
//! | answer a store request | [`store_response`], [`xml_out`] |
//! | read a downstream server's answer | [`store_answer`] |
//! | write a stored data set as JSON or XML | [`model`], [`json_form`], [`xml_form`] |
//! | write a structured report for people | [`report`] |
//! | frame an answer | [`multipart_out`], [`zip_out`], [`boundary`] |
//! | read a ZIP archive | [`zip_in`] |
//! | name the files of an archive, tell what became of them | [`zip_names`], [`manifest`] |
//! | read what a part of a form is called | [`disposition`] |
//! | build a URL | [`links`] |
//! | read a search, or know what one asks | [`query`], [`levels`] |
//! | hold a data set in the DICOM JSON model | [`data_set`] |
//! | read another server's data set, write one that was pseudonymized | [`object_in`], [`object_out`] |
//! | read what another server answers | [`json_objects`], [`foreign`], [`retold`] |

pub mod accept;
pub mod boundary;
pub mod bulk;
pub mod bulk_path;
pub mod codestream;
pub mod data_set;
mod delimiter;
pub mod disposition;
pub mod foreign;
pub mod join;
pub mod json_form;
pub mod json_in;
mod json_node;
pub mod json_objects;
pub mod json_out;
pub mod levels;
pub mod links;
pub mod manifest;
pub mod media;
mod media_range;
pub mod metadata;
pub mod model;
pub mod multipart_out;
pub mod object_in;
pub mod object_out;
pub mod part_headers;
pub mod parts;
mod pixels;
mod private_blocks;
pub mod query;
pub mod range;
pub mod report;
pub mod representation;
pub mod retold;
pub mod store_answer;
pub mod store_response;
pub mod stow_answer;
pub mod syntaxes;
mod values;
pub mod xml_form;
pub mod xml_in;
pub mod xml_out;
pub(crate) mod xml_source;
pub mod zip_in;
pub mod zip_names;
pub mod zip_out;
