//! Names of requests, and places in a trace as W3C Trace Context writes them. What a client sends is taken only in forms that
//! cannot carry a name, a date or a UID: it comes into logs, into the audit chain and to other servers.

use std::fmt;

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The trace.
    pub trace: [u8; 16],
    /// The span within it.
    pub span: [u8; 8],
    /// Its spans are collected.
    pub sampled: bool,
}

impl Place {
    /// Reads a traceparent of version 00, or what a later version has in common with it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (version, flags) = (digits(version, 2)?, digits(flags, 2)?);
        let is_whole = version != 0xFF && (version != 0 || parts.next().is_none());
        let (trace, span) = (digits(trace, 32)?, u64::try_from(digits(span, 16)?).ok()?);
        let sampled = flags & 1 == 1;
        let place = Self { trace: trace.to_be_bytes(), span: span.to_be_bytes(), sampled };
        (is_whole && trace != 0 && span != 0).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", hex16(self.trace), hex8(self.span), u8::from(self.sampled))
    }
}

/// A number of so many hexadecimal digits in lower case.
fn digits(text: &str, length: usize) -> Option<u128> {
    let are_digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == length && are_digits).then(|| u128::from_str_radix(text, 16).ok())?
}

/// 16 bytes as hexadecimal digits.
pub(super) fn hex16(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// 8 bytes as hexadecimal digits.
fn hex8(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// True for a UUID and for 32 hexadecimal digits, the forms that proxies make. Without a letter it may be a number of a
/// patient, and is none.
pub(super) fn may_be_a_name(text: &str) -> bool {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let has_hyphens = text.len() == 36;
    let fits = |(at, byte): (usize, u8)| match has_hyphens && HYPHENS.contains(&at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    (has_hyphens || text.len() == 32)
        && text.bytes().enumerate().all(fits)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// 128 random bits; without randomness all zero, as a request does not fail for its name.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// 64 of them.
pub(super) fn random_span() -> [u8; 8] {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_proxies_make_is_a_name_and_what_people_are_called_is_none() {
        for good in ["0af7651916cd43dd8448eb211c80319c", "0AF76519-16CD-43DD-8448-EB211C80319C"] {
            assert!(may_be_a_name(good), "{good}");
        }
        for bad in [
            "",
            "Doe^John",
            "4711",
            "1.2.840.113619.2.1",
            "19800101",
            "00000000000000000000000019800101",
            "0af7651916cd43dd8448eb211c80319",
            "0af7651916cd43dd8448eb211c80319g",
            "0af7651-916cd-43dd-8448-eb211c80319c",
            "0af76519-16cd-43dd-8448-eb211c8031-c",
            "0af76519 16cd 43dd 8448 eb211c80319c",
            "éaf7651916cd43dd8448eb211c80319",
        ] {
            assert!(!may_be_a_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_traceparent_is_read_as_it_is_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let place = Place::parse(text).unwrap();
        assert_eq!(place.to_string(), text);
        let later =
            Place::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes").unwrap();
        assert!(!later.sampled);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
        ] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
