//! Canonical bytes after RFC 8785 and the hash over them. Only the subset that the audit needs: objects, strings, `null`
//! and integers below 2^53; no fractions, no arrays.
//!
//! The types of this module tree declare their members in the order of RFC 8785 3.2.3, and `serde_json` escapes strings
//! as 3.2.2.2 asks; so writing them *is* the canonical form. `tests/audit_canonical.rs` holds every line of an export
//! against an independent canonicalizer that passes the vectors of the RFC.
//!
//! Each hash and each signature is over a *domain* (a line of text that says what it is) followed by the canonical
//! bytes: no object of one kind can ever pass for one of another.

use super::digest::Digest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Largest integer that every JSON reader holds exactly (RFC 7493 2.2).
pub(super) const LARGEST: u64 = (1 << 53) - 1;

/// Before the link that the first entry of a chain follows.
pub(super) const GENESIS: &str = "veilgate audit genesis 1\n";
/// Before an entry.
pub(super) const ENTRY: &str = "veilgate audit entry 1\n";
/// Before a checkpoint.
pub(super) const CHECKPOINT: &str = "veilgate audit checkpoint 1\n";
/// Before the closing record of a segment.
pub(super) const SEGMENT: &str = "veilgate audit segment 1\n";

/// Writes domain and canonical bytes into `buffer`, whose content is thrown away and whose memory is used again.
pub(super) fn write<T: Serialize>(domain: &str, value: &T, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(domain.as_bytes());
    let written = serde_json::to_writer(&mut *buffer, value);
    debug_assert!(
        written.is_ok(),
        "types of the audit have text keys only, and memory does not fail to be written"
    );
}

/// SHA-256 over domain and canonical bytes.
pub(super) fn digest<T: Serialize>(domain: &str, value: &T, buffer: &mut Vec<u8>) -> Digest {
    write(domain, value, buffer);
    Digest(Sha256::digest(&*buffer).into())
}

/// The canonical bytes as text, without a domain.
pub(super) fn text<T: Serialize>(value: &T) -> String {
    let mut buffer = Vec::with_capacity(1024);
    write("", value, &mut buffer);
    String::from_utf8(buffer).unwrap_or_default()
}
