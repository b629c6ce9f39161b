//! Tells in which encoding a data set really is, for files whose meta is missing or
//! wrong. Works on the first elements only.

use super::dictionary;
use super::fault::{Fault, FaultKind};
use super::header::{self, Header};
use super::syntax::Encoding;
use dicom_core::Tag;

/// Bytes of the data set that are enough to tell.
pub const ENOUGH: usize = 512;

const ALL: [Encoding; 3] = [Encoding::ExplicitLittle, Encoding::ImplicitLittle, Encoding::ExplicitBig];

/// The encoding of the data set that starts with `bytes`.
///
/// A declared encoding wins where it is plausible; otherwise exactly one other must be.
/// Nothing declared: the first two elements must both be plausible, so that arbitrary
/// bytes are not taken for DICOM.
pub fn encoding(bytes: &[u8], declared: Option<Encoding>) -> Result<Encoding, Fault> {
    if let Some(declared) = declared
        && (bytes.is_empty() || plausible(bytes, declared, 1, true))
    {
        return Ok(declared);
    }
    let needed = if declared.is_some() { 1 } else { 2 };
    let mut found = ALL.into_iter().filter(|encoding| plausible(bytes, *encoding, needed, false));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(FaultKind::NotDicom.into()),
    }
}

/// True if the first `count` elements make sense in this encoding. Elements after the
/// last available byte are not asked for.
fn plausible(bytes: &[u8], encoding: Encoding, count: usize, declared: bool) -> bool {
    let mut at = 0usize;
    let mut last = None;
    for seen in 0..count {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() && seen > 0 {
            return true;
        }
        let header = match header::decode(rest, encoding) {
            Ok(Some(header)) => header,
            Ok(None) => return seen > 0,
            Err(_) => return false,
        };
        if !encoding.is_explicit() && spells_its_vr(rest) {
            return false;
        }
        if !sensible(&header, encoding, declared) || last.is_some_and(|last| header.tag <= last) {
            return false;
        }
        let Some(len) = header.len else { return true };
        last = Some(header.tag);
        at = at.saturating_add(header.size).saturating_add(len as usize);
    }
    true
}

/// Where a declaration speaks for the encoding, its own VR letters are proof enough, and
/// private elements may come first; otherwise the tag must be one of the standard.
fn sensible(header: &Header, encoding: Encoding, declared: bool) -> bool {
    let letters = header.vr.is_some() == encoding.is_explicit();
    let Tag(group, element) = header.tag;
    let other_order = known(Tag(group.swap_bytes(), element.swap_bytes()));
    let own = encoding.is_explicit() || dictionary::is_private(header.tag);
    let trusted = declared && own && !other_order;
    letters && (trusted || known(header.tag)) && header.len.is_none_or(|len| len < 1 << 30)
}

/// Two letters that are just the VR of the tag are no implicit length.
fn spells_its_vr(bytes: &[u8]) -> bool {
    let header = header::decode(bytes, Encoding::ExplicitLittle).ok().flatten();
    header.is_some_and(|header| header.vr.is_some() && header.vr == dictionary::vr_of(header.tag, false))
}

/// A tag with which a data set may begin; group 0004 is that of a DICOMDIR.
fn known(tag: Tag) -> bool {
    (0x0004..=0x7FE0).contains(&tag.group())
        && (tag.element() == 0
            || dictionary::vr_of(tag, false).is_some()
            || dictionary::is_private_creator(tag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EXPLICIT: &[u8] = b"\x08\0\x05\0CS\x02\0A \x08\0\x16\0UI\x04\x001.2\0";
    const IMPLICIT: &[u8] = b"\x08\0\x05\0\x02\0\0\0A \x08\0\x16\0\x04\0\0\x001.2\0";
    const BIG: &[u8] = b"\0\x08\0\x05CS\0\x02A \0\x08\0\x16UI\0\x041.2\0";

    #[test]
    fn each_encoding_is_told_without_a_declaration() {
        assert_eq!(encoding(EXPLICIT, None).unwrap(), Encoding::ExplicitLittle);
        assert_eq!(encoding(IMPLICIT, None).unwrap(), Encoding::ImplicitLittle);
        assert_eq!(encoding(BIG, None).unwrap(), Encoding::ExplicitBig);
    }

    #[test]
    fn a_wrong_declaration_is_corrected() {
        assert_eq!(encoding(IMPLICIT, Some(Encoding::ExplicitLittle)).unwrap(), Encoding::ImplicitLittle);
        assert_eq!(encoding(BIG, Some(Encoding::ExplicitLittle)).unwrap(), Encoding::ExplicitBig);
        assert_eq!(encoding(EXPLICIT, Some(Encoding::ImplicitLittle)).unwrap(), Encoding::ExplicitLittle);
    }

    #[test]
    fn text_and_images_are_not_dicom() {
        for junk in [
            &b"Hello, this is a plain text file."[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"PK\x03\x04",
            &[0; 64],
        ] {
            assert_eq!(encoding(junk, None).unwrap_err().kind, FaultKind::NotDicom);
        }
    }
}
