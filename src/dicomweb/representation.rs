//! In which transfer syntax a stored instance or frame is given (PS3.18 8.7.3.4, 8.7.8.2): untouched where the client
//! takes it so, decoded where it must be. Media types are `accept`'s.

use super::accept::SyntaxWish;
use crate::dicom::TransferSyntax;
use crate::dicom::syntax::EXPLICIT_LE;

/// How stored pixels are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// As they lie there.
    Stored,
    /// Decoded, Explicit VR Little Endian.
    Native,
}

/// What no transfer syntax in a request means for pixels that are stored with loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lossy {
    /// They stay as they are: decoded they gain nothing but size (PS3.18 8.7.3.4).
    Stays,
    /// They are decoded like others.
    Decoded,
}

/// The first of the wishes that can be met for an instance in `stored`; `decodes` tells which syntaxes can be decoded.
pub fn choose(
    stored: &str,
    wishes: &[SyntaxWish],
    lossy: Lossy,
    decodes: impl Fn(&str) -> bool,
) -> Option<As> {
    // Native pixels of another encoding need no decoder.
    let native = TransferSyntax::of(stored).is_some_and(|syntax| !syntax.encapsulated);
    let decoded = || (native || decodes(stored)).then_some(As::Native);
    let one = |wish: &SyntaxWish| match wish {
        SyntaxWish::Any => Some(As::Stored),
        SyntaxWish::Uid(uid) if uid == stored => Some(As::Stored),
        SyntaxWish::Uid(uid) if uid == EXPLICIT_LE => decoded(),
        SyntaxWish::Uid(_) => None,
        SyntaxWish::Default if stored == EXPLICIT_LE => Some(As::Stored),
        SyntaxWish::Default if lossy == Lossy::Stays && is_lossy(stored) => Some(As::Stored),
        SyntaxWish::Default => decoded(),
    };
    wishes.iter().find_map(one)
}

/// Compressed with loss, or of a syntax that allows it (PS3.5 10).
pub fn is_lossy(syntax: &str) -> bool {
    const LOSSLESS: &[&str] =
        &["5", "4.57", "4.58", "4.65", "4.66", "4.70", "4.80", "4.90", "4.92", "4.110", "4.201", "4.202"];
    let rest = syntax.strip_prefix("1.2.840.10008.1.2.").unwrap_or_default();
    TransferSyntax::of(syntax).is_some_and(|syntax| syntax.encapsulated)
        && rest != "1.98"
        && !LOSSLESS.contains(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    const J2K: &str = "1.2.840.10008.1.2.4.90";

    fn given(stored: &str, wish: SyntaxWish) -> Option<As> {
        choose(stored, &[wish], Lossy::Stays, |_| true)
    }

    #[test]
    fn acc_11_a_star_leaves_everything_untouched() {
        for stored in [EXPLICIT_LE, JPEG, J2K] {
            assert_eq!(given(stored, SyntaxWish::Any), Some(As::Stored));
        }
    }

    #[test]
    fn acc_12_without_a_syntax_lossless_is_decoded_and_lossy_stays() {
        assert_eq!(given(EXPLICIT_LE, SyntaxWish::Default), Some(As::Stored));
        assert_eq!(given(J2K, SyntaxWish::Default), Some(As::Native));
        assert_eq!(given(JPEG, SyntaxWish::Default), Some(As::Stored));
        for other in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"] {
            assert_eq!(choose(other, &[SyntaxWish::Default], Lossy::Stays, |_| false), Some(As::Native));
        }
        assert_eq!(choose(JPEG, &[SyntaxWish::Default], Lossy::Decoded, |_| true), Some(As::Native));
        assert_eq!(choose(J2K, &[SyntaxWish::Default], Lossy::Stays, |_| false), None);
    }

    #[test]
    fn acc_13_a_syntax_that_cannot_be_made_is_not_given_and_the_next_wish_counts() {
        let uid = |uid: &str| SyntaxWish::Uid(uid.to_owned());
        assert_eq!(given(JPEG, uid(EXPLICIT_LE)), Some(As::Native));
        assert_eq!(given(JPEG, uid(J2K)), None);
        assert_eq!(given(EXPLICIT_LE, uid("1.2.840.10008.1.2")), None);
        let both = [uid(J2K), SyntaxWish::Any];
        assert_eq!(choose(JPEG, &both, Lossy::Stays, |_| false), Some(As::Stored));
        assert_eq!(given("1.2.840.10008.1.2.1.98", SyntaxWish::Default), Some(As::Native));
    }
}
