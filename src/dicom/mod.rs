//! Floor 0: encoded DICOM as bytes — splitting, walking, writing. No opinions on
//! de-identification, no IO, no panics; nothing here knows HTTP or a database.
//!
//! | I want to … | open |
//! |---|---|
//! | know how an instance is cut into head, bulk and tail | [`splitter`] |
//! | walk the elements of a head | [`walker`] |
//! | write Explicit VR Little Endian | [`writer`] |
//! | bring any encoding to the one we keep | [`plain`] |
//! | know where things stand in a stored file | [`layout`] |
//! | know where each frame stands | [`frames`], [`image`] |
//! | change what is taken out of compressed pixels | [`comments`] |
//! | read text of any character set | [`text`] |
//! | know what a transfer syntax means to us | [`syntax`] |

pub mod bulk;
pub mod comments;
pub mod detect;
pub mod dictionary;
pub mod fault;
mod fragments;
pub mod frames;
pub mod header;
pub mod image;
pub mod inflate;
pub mod instance;
pub mod layout;
pub mod meta;
pub mod plain;
mod scan;
pub mod splitter;
pub mod syntax;
pub mod text;
pub mod token;
pub mod uid;
pub mod value;
pub mod walker;
pub mod writer;

pub use fault::{Fault, FaultKind};
pub use syntax::{Encoding, TransferSyntax};
