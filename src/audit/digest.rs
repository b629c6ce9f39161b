//! SHA-256 digests as values: hexadecimal in JSON, bytes in memory. What is hashed, and under which domain, is told in
//! `canonical`.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A SHA-256 digest. In text always 64 lower-case hexadecimal digits, so that equal digests are equal texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

/// Lower-case hexadecimal digits of bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Exactly `N` bytes from lower-case hexadecimal digits.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let (mut out, mut bad) = ([0; N], 0);
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let (high, low) = (nibble(*high), nibble(*low));
        bad |= high | low;
        *byte = high << 4 | low & 15;
    }
    if bad < 16 { Some(out) } else { None }
}

/// The value of a digit, 255 for none. Upper case is none: one digest has one text. Without early returns, because
/// half of what a verifier reads are digits.
fn nibble(digit: u8) -> u8 {
    let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
    match (number < 10, letter < 6) {
        (true, _) => number,
        (_, true) => letter + 10,
        _ => u8::MAX,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor::<32>).map(Self)
    }
}

/// Writes bytes as a JSON string of hexadecimal digits, without an allocation up to 64 bytes.
pub(super) fn serialize_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0; 128];
    let (pairs, _) = text.as_chunks_mut::<2>();
    for ([high, low], byte) in pairs.iter_mut().zip(bytes) {
        *high = DIGITS.get(usize::from(byte >> 4)).copied().unwrap_or(b'0');
        *low = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
    }
    let text = text.get(..2 * bytes.len()).unwrap_or(&text);
    serializer.serialize_str(std::str::from_utf8(text).unwrap_or_default())
}

/// Reads exactly `N` bytes from a JSON string of hexadecimal digits.
pub(super) struct HexVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for HexVisitor<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lower-case hexadecimal digits", 2 * N)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<[u8; N], E> {
        // The text itself stays out of the error: it may be anything.
        unhex(text).ok_or_else(|| E::custom("no lower-case hexadecimal digits of the right number"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_digest_has_exactly_one_text() {
        let digest = Digest::from_hex(&"0af9".repeat(16)).unwrap();
        assert_eq!(digest.to_hex(), "0af9".repeat(16));
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{digest}\""));
        for wrong in
            ["0AF9".repeat(16), "0af".repeat(16), "0afg".repeat(16), "0af9".repeat(17), "é".repeat(32)]
        {
            assert_eq!(Digest::from_hex(&wrong), None, "{wrong}");
            assert!(serde_json::from_str::<Digest>(&format!("\"{wrong}\"")).is_err(), "{wrong}");
        }
    }
}
