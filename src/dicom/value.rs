//! Value bytes by VR: byte order and padding (PS3.5 6.2, 7.3). Meaning of values
//! does not live here.

use super::syntax::Encoding;
use dicom_core::VR;
use std::borrow::Cow;

/// Width in bytes of the unit whose byte order matters; 1 for text and OB.
pub fn unit(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

/// The value in little endian order; copied only where the order differs. Bytes of an
/// incomplete last unit stay as they are.
pub fn little_endian(value: &[u8], vr: VR, encoding: Encoding) -> Cow<'_, [u8]> {
    if !encoding.is_big_endian() || unit(vr) == 1 {
        return Cow::Borrowed(value);
    }
    let mut swapped = value.to_vec();
    swap(&mut swapped, unit(vr));
    Cow::Owned(swapped)
}

/// Reverses the bytes of each whole unit.
pub fn swap(bytes: &mut [u8], unit: usize) {
    bytes.chunks_exact_mut(unit.max(1)).for_each(<[u8]>::reverse);
}

/// Text without its padding: trailing spaces and NULs, leading spaces (PS3.5 6.2).
pub fn trimmed(value: &[u8]) -> &[u8] {
    let pad = |byte: &u8| matches!(*byte, b' ' | 0);
    let start = value.iter().position(|byte| !pad(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !pad(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// Trimmed text if it is ASCII; `None` otherwise. For UI, CS and other VRs of the
/// default repertoire.
pub fn ascii(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(trimmed(value)).ok()?;
    text.is_ascii().then_some(text)
}

/// The first US value, if there is one.
pub fn first_us(value: &[u8]) -> Option<u16> {
    let raw: [u8; 2] = value.get(..2)?.try_into().ok()?;
    Some(u16::from_le_bytes(raw))
}

/// A code of at most 16 characters (PS3.5 6.2). Lower case and a few signs are taken, since
/// devices write them; carets, equal signs, escapes and letters beyond ASCII make a name.
fn is_code(part: &[u8]) -> bool {
    let part = trimmed(part);
    part.len() <= 16 && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _-./+()%,:&".contains(byte))
}

/// True if the bytes are of the kind that the VR promises (PS3.5 6.2): digits in numbers,
/// dates, times, ages and UIDs, whole units in binary values. Free text always fits.
pub fn fits(vr: VR, value: &[u8]) -> bool {
    let only = |extra: &[u8]| {
        value
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | 0 | b'\\') || extra.contains(byte))
    };
    match vr {
        VR::DA => only(b".:"),
        VR::TM => only(b".:"),
        VR::DT => only(b".:+-"),
        VR::IS => only(b"+-"),
        VR::DS => only(b"+-.eE"),
        VR::AS => only(b"DWMY"),
        VR::CS => value.split(|byte| *byte == b'\\').all(is_code),
        VR::UI => only(b"."),
        VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::AT | VR::SV | VR::UV => {
            value.len().is_multiple_of(unit(vr))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_words_are_swapped_and_text_is_not() {
        assert_eq!(*little_endian(&[1, 2, 3, 4], VR::US, Encoding::ExplicitBig), [2, 1, 4, 3]);
        assert_eq!(*little_endian(&[1, 2, 3, 4], VR::UL, Encoding::ExplicitBig), [4, 3, 2, 1]);
        assert_eq!(*little_endian(b"AB", VR::LO, Encoding::ExplicitBig), *b"AB");
        assert_eq!(*little_endian(&[1, 2], VR::US, Encoding::ExplicitLittle), [1, 2]);
    }

    #[test]
    fn an_incomplete_last_unit_is_left_alone() {
        assert_eq!(*little_endian(&[1, 2, 3], VR::US, Encoding::ExplicitBig), [2, 1, 3]);
    }

    #[test]
    fn a_name_fits_no_number_date_or_uid() {
        for vr in [VR::DA, VR::TM, VR::DT, VR::IS, VR::DS, VR::AS, VR::UI] {
            assert!(!fits(vr, b"DOE^JOHN"), "{vr:?}");
        }
        assert!(fits(VR::DS, b"-1.5e-03\\2 ") && fits(VR::TM, b"235959.123456") && fits(VR::AS, b"045Y"));
        assert!(!fits(VR::CS, b"DOE^JOHN") && !fits(VR::CS, b"JOHN SMITH OF ELM STREET"));
        assert!(fits(VR::CS, b"ORIGINAL\\PRIMARY\\AXIAL "));
        assert!(!fits(VR::US, b"DOE") && fits(VR::LO, b"DOE"));
    }

    #[test]
    fn padding_is_trimmed_on_both_sides() {
        assert_eq!(trimmed(b"  A B \0"), b"A B");
        assert_eq!(trimmed(b" \0"), b"");
        assert_eq!(ascii(b"CT "), Some("CT"));
        assert_eq!(ascii(b"\xC4"), None);
    }
}
