//! Encodes values of DICOM JSON and of the Native DICOM Model as Explicit VR Little
//! Endian value fields (PS3.18 F.2.3; PS3.5 6.2). Elements around them: `metadata`.

use crate::dicom::value::unit;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use dicom_core::VR;
use serde_json::Number;
use std::borrow::Cow;

/// One value of an attribute before it is encoded.
#[derive(Clone, PartialEq)]
pub(super) enum Atom<'a> {
    /// An empty value among others (PS3.18 F.2.5).
    Null,
    Text(Cow<'a, str>),
    Number(Number),
}

/// The value does not fit the VR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value field of all values of an attribute, of even length; `None` among them is none that fits. They go into it one
/// by one: of contours and tables there may be millions.
pub(super) fn encode<'a>(
    vr: VR,
    atoms: impl IntoIterator<Item = Option<Atom<'a>>>,
) -> Result<Vec<u8>, Unfit> {
    let (mut value, mut count, mut nulls) = (Vec::new(), 0, 0);
    for atom in atoms {
        let atom = atom.ok_or(Unfit)?;
        count += 1;
        if is_text(vr) {
            if count > 1 {
                value.push(b'\\');
            }
            value.extend_from_slice(text(vr, &atom)?.as_bytes());
        } else if atom == Atom::Null {
            nulls += 1;
        } else {
            number(vr, &atom, &mut value)?;
        }
    }
    let one_text = matches!(vr, VR::LT | VR::ST | VR::UT | VR::UR);
    if count > 1 && (one_text || nulls > 0) { Err(Unfit) } else { Ok(padded(vr, value)) }
}

/// The value field of InlineBinary (PS3.18 F.2.7), of even length. Line breaks, as XML
/// writers put them, are skipped.
pub(super) fn binary(vr: VR, base64: &str) -> Result<Vec<u8>, Unfit> {
    let compact: String = base64.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let value = BASE64.decode(compact).map_err(|_| Unfit)?;
    // An odd number of bytes is padded; a broken unit of four or eight is not.
    let whole = unit(vr) <= 2 || value.len().is_multiple_of(unit(vr));
    if is_binary(vr) && whole { Ok(padded(vr, value)) } else { Err(Unfit) }
}

/// True for the VRs that DICOM JSON carries as base64 (PS3.18 F.2.3).
pub(super) fn is_binary(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN)
}

fn is_text(vr: VR) -> bool {
    use VR::{AE, AS, CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, TM, UC, UI, UR, UT};
    matches!(vr, AE | AS | CS | DA | DS | DT | IS | LO | LT | PN | SH | ST | TM | UC | UI | UR | UT)
}

/// Even length: NUL for UI and binary, space for text (PS3.5 6.2).
pub(super) fn padded(vr: VR, mut value: Vec<u8>) -> Vec<u8> {
    if value.len() % 2 == 1 {
        value.push(padding(vr));
    }
    value
}

/// The byte that pads a value of this VR (PS3.5 6.2).
pub(super) fn padding(vr: VR) -> u8 {
    if is_text(vr) && vr != VR::UI { b' ' } else { 0 }
}

fn text<'a>(vr: VR, atom: &'a Atom<'_>) -> Result<Cow<'a, str>, Unfit> {
    match (vr, atom) {
        (_, Atom::Null) => Ok(Cow::Borrowed("")),
        (_, Atom::Text(text)) => Ok(Cow::Borrowed(text)),
        (VR::IS, Atom::Number(number)) => integer(number).map(|value| value.to_string().into()),
        (VR::DS, Atom::Number(number)) => decimal(number).map(Cow::Owned),
        (VR::PN, Atom::Number(_)) => Err(Unfit),
        (_, Atom::Number(number)) => Ok(number.to_string().into()),
    }
}

/// A number as DS: at most 16 characters (PS3.5 6.2), as exact as fits.
fn decimal(number: &Number) -> Result<String, Unfit> {
    let plain = number.to_string();
    if plain.len() <= 16 {
        return Ok(plain);
    }
    let value = number.as_f64().ok_or(Unfit)?;
    let forms = (0..=15).rev().flat_map(|digits| [format!("{value:.digits$}"), format!("{value:.digits$e}")]);
    forms.into_iter().find(|form| form.len() <= 16).ok_or(Unfit)
}

fn integer(number: &Number) -> Result<i128, Unfit> {
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let whole = || {
        number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9e15).map(|value| value as i128)
    };
    exact.or_else(whole).ok_or(Unfit)
}

/// Appends one value of a VR of fixed width, little endian.
fn number(vr: VR, atom: &Atom<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let int = || match atom {
        Atom::Number(number) => integer(number),
        Atom::Text(text) => text.trim().parse::<i128>().map_err(|_| Unfit),
        Atom::Null => Err(Unfit),
    };
    let float = || match atom {
        Atom::Number(number) => number.as_f64().ok_or(Unfit),
        Atom::Text(text) => text.trim().parse::<f64>().map_err(|_| Unfit),
        Atom::Null => Err(Unfit),
    };
    match vr {
        VR::US => out.extend(fit::<u16>(int()?)?.to_le_bytes()),
        VR::SS => out.extend(fit::<i16>(int()?)?.to_le_bytes()),
        VR::UL => out.extend(fit::<u32>(int()?)?.to_le_bytes()),
        VR::SL => out.extend(fit::<i32>(int()?)?.to_le_bytes()),
        VR::UV => out.extend(fit::<u64>(int()?)?.to_le_bytes()),
        VR::SV => out.extend(fit::<i64>(int()?)?.to_le_bytes()),
        VR::FL => out.extend((float()? as f32).to_le_bytes()),
        VR::FD => out.extend(float()?.to_le_bytes()),
        VR::AT => out.extend(attribute_tag(atom)?),
        _ => return Err(Unfit),
    }
    Ok(())
}

fn fit<T: TryFrom<i128>>(value: i128) -> Result<T, Unfit> {
    T::try_from(value).map_err(|_| Unfit)
}

/// Eight hex digits as group and element (PS3.18 F.2.3).
fn attribute_tag(atom: &Atom<'_>) -> Result<[u8; 4], Unfit> {
    let Atom::Text(text) = atom else { return Err(Unfit) };
    let digits = text.trim();
    let hex = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| hex).ok_or(Unfit)?;
    let ([a, b], [c, d]) = (((number >> 16) as u16).to_le_bytes(), ((number & 0xFFFF) as u16).to_le_bytes());
    Ok([a, b, c, d])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn encode(vr: VR, atoms: &[Atom<'_>]) -> Result<Vec<u8>, Unfit> {
        super::encode(vr, atoms.iter().cloned().map(Some))
    }

    fn texts<'a>(values: &[&'a str]) -> Vec<Atom<'a>> {
        values.iter().map(|value| Atom::Text((*value).into())).collect()
    }

    fn numbers(json: &str) -> Vec<Atom<'static>> {
        serde_json::from_str::<Vec<Number>>(json).unwrap().into_iter().map(Atom::Number).collect()
    }

    #[test]
    fn json_06_and_14_text_is_joined_and_padded() {
        assert_eq!(encode(VR::CS, &texts(&["A", "", "BC"])).unwrap(), b"A\\\\BC ");
        assert_eq!(encode(VR::UI, &texts(&["1.2"])).unwrap(), b"1.2\0");
        assert_eq!(encode(VR::LO, &[Atom::Text("a".into()), Atom::Null]).unwrap(), b"a\\");
        assert_eq!(encode(VR::LT, &texts(&["a", "b"])), Err(Unfit));
        assert_eq!(super::encode(VR::LO, [None]), Err(Unfit));
    }

    #[test]
    fn json_06_numbers_are_little_endian_and_must_fit() {
        assert_eq!(encode(VR::US, &numbers("[1, 65535]")).unwrap(), [1, 0, 255, 255]);
        assert_eq!(encode(VR::US, &numbers("[65536]")), Err(Unfit));
        assert_eq!(encode(VR::SS, &numbers("[-2]")).unwrap(), [254, 255]);
        assert_eq!(encode(VR::US, &numbers("[1.5]")), Err(Unfit));
        assert_eq!(encode(VR::FD, &numbers("[1.5]")).unwrap(), 1.5f64.to_le_bytes());
        assert_eq!(encode(VR::US, &[Atom::Null]).unwrap(), b"");
        assert_eq!(encode(VR::US, &[Atom::Null, Atom::Null]), Err(Unfit));
    }

    #[test]
    fn json_07_decimal_strings_and_64_bit_integers_come_in_both_forms() {
        assert_eq!(encode(VR::DS, &texts(&["1.50"])).unwrap(), b"1.50");
        assert_eq!(encode(VR::DS, &numbers("[1.5, 2]")).unwrap(), b"1.5\\2 ");
        assert_eq!(encode(VR::IS, &numbers("[5]")).unwrap(), b"5 ");
        let big = 9_007_199_254_740_993u64.to_le_bytes();
        assert_eq!(encode(VR::UV, &texts(&["9007199254740993"])).unwrap(), big);
        assert_eq!(encode(VR::UV, &numbers("[9007199254740993]")).unwrap(), big);
    }

    #[test]
    fn a_decimal_longer_than_16_characters_is_shortened_not_refused() {
        let value = encode(VR::DS, &numbers("[-0.12345678901234567]")).unwrap();
        assert_eq!(value, b"-0.1234567890123");
        assert!(encode(VR::DS, &numbers("[1.2345678901234567e-200]")).unwrap().len() <= 16);
    }

    #[test]
    fn json_08_attribute_tags_are_hex_digits() {
        assert_eq!(encode(VR::AT, &texts(&["00280010"])).unwrap(), [0x28, 0, 0x10, 0]);
        assert_eq!(encode(VR::AT, &texts(&["28,10"])), Err(Unfit));
    }

    #[test]
    fn json_12_inline_binary_is_one_base64_of_the_value_field() {
        assert_eq!(binary(VR::OW, "AQID\n BA==").unwrap(), [1, 2, 3, 4]);
        assert_eq!(binary(VR::OB, "AQID").unwrap(), [1, 2, 3, 0]);
        assert_eq!(binary(VR::OB, "AQ").unwrap(), [1, 0]);
        for (vr, text) in [(VR::OB, "A$=="), (VR::LO, "AQID"), (VR::OF, "AQIDBAU=")] {
            assert_eq!(binary(vr, text), Err(Unfit));
        }
    }

    #[test]
    fn json_16_not_a_number_and_infinity_are_read_as_text() {
        let bits = |value: f64| value.to_le_bytes().to_vec();
        assert_eq!(encode(VR::FD, &texts(&["inf"])).unwrap(), bits(f64::INFINITY));
        assert_eq!(encode(VR::FD, &texts(&["NaN"])).unwrap(), bits(f64::NAN));
    }
}
