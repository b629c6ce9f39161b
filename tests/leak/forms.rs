//! The forms in which a value can stand in an answer, a log or a database: text, percent-encoded, base64, hexadecimal,
//! UTF-16, JSON numbers, dates with hyphens.

use crate::support::vr::{self, Vr};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Shorter forms occur by chance and are not looked for.
pub const SHORTEST: usize = 7;

/// Every form of this value of this VR, given in little endian without padding.
pub fn of(vr: Vr, value: &[u8]) -> Vec<Vec<u8>> {
    let mut out = packed(value);
    out.push(vr::swap(vr, value));
    let spelled = match numbers(vr, value) {
        // From the bracket on: without it the end of a longer number would do.
        Some(numbers) => vec![format!("[{}", numbers.join(",")), in_xml(&numbers)],
        None => texts(vr, value),
    };
    out.extend(spelled.into_iter().map(String::into_bytes));
    out.retain(|form| form.len() >= SHORTEST);
    out
}

/// These bytes as they are and in the usual encodings.
fn packed(value: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    let utf16 = |order: fn(u16) -> [u8; 2]| value.iter().flat_map(|byte| order(u16::from(*byte))).collect();
    let percent = percent_encode(value, NON_ALPHANUMERIC).to_string();
    let mut out = vec![value.to_vec(), hex.into_bytes(), percent.into_bytes()];
    out.extend([utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)]);
    out.extend((0..3).map(|before| base64(value, before)));
    out
}

/// The characters of base64 that this value alone decides when it stands so many bytes behind a multiple of three.
fn base64(value: &[u8], before: usize) -> Vec<u8> {
    let shifted = [vec![0; before], value.to_vec()].concat();
    let whole = (shifted.len() / 3) * 3;
    let text = STANDARD.encode(&shifted[..whole]);
    text.as_bytes()[if before == 0 { 0 } else { 4 }..].to_vec()
}

/// The parts and spellings of a text: a name by its components, a list by its values, a date with hyphens.
fn texts(vr: Vr, value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let list = |values: Vec<String>| vec![values.join("\",\""), values.join("\\\\"), in_xml(&values)];
    match &vr {
        b"PN" => text.split(['^', '=']).map(str::to_owned).collect(),
        b"DA" | b"DT" if text.len() >= 8 && text.is_ascii() => {
            vec![format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8])]
        }
        b"AT" => list(value.chunks_exact(4).map(tag).collect()),
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" => Vec::new(),
        _ => [list(text.split('\\').map(str::to_owned).collect()), vec![text.replace(' ', "+")]].concat(),
    }
}

/// A tag as its eight hexadecimal digits.
fn tag(value: &[u8]) -> String {
    format!("{:02X}{:02X}{:02X}{:02X}", value[1], value[0], value[3], value[2])
}

/// Values as the Native DICOM Model has them side by side (PS3.19 A.1).
fn in_xml(values: &[String]) -> String {
    let one = |(at, value)| format!("<Value number=\"{}\">{value}</Value>", at + 1);
    values.iter().enumerate().map(one).collect()
}

/// The numbers of a binary value as JSON and XML write them.
fn numbers(vr: Vr, value: &[u8]) -> Option<Vec<String>> {
    let words = value.chunks_exact(vr::word(vr));
    let unsigned = |word: &[u8]| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some(match &vr {
        b"US" | b"UL" | b"UV" => words.map(|word| unsigned(word).to_string()).collect(),
        b"SS" => words.map(|word| (unsigned(word) as i16).to_string()).collect(),
        b"SL" => words.map(|word| (unsigned(word) as i32).to_string()).collect(),
        b"SV" => words.map(|word| (unsigned(word) as i64).to_string()).collect(),
        // One number is enough, and whether a fraction of zero follows does not count.
        b"FL" => words.map(|word| f32::from_bits(unsigned(word) as u32).to_string()).take(1).collect(),
        b"FD" => words.map(|word| f64::from_bits(unsigned(word)).to_string()).take(1).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(forms: &[Vec<u8>], form: &str) -> bool {
        forms.iter().any(|one| one == form.as_bytes())
    }

    #[test]
    fn a_value_is_known_in_every_form() {
        let name = of(*b"PN", b"Marked^N000123");
        let wide: Vec<u8> = "Marked^N000123".bytes().flat_map(|byte| [byte, 0]).collect();
        assert!(name.contains(&wide));
        for form in [
            "Marked^N000123",
            "N000123",
            "Marked%5EN000123",
            "4d61726b65645e4e303030313233",
            "TWFya2VkXk4wMDAx",
        ] {
            assert!(has(&name, form), "{form}");
        }
        assert!(has(&of(*b"DA", b"20240229"), "2024-02-29"));
        assert!(has(&of(*b"US", &[1, 0, 2, 0, 3, 0, 4, 0]), "[1,2,3,4"));
        assert!(has(&of(*b"AS", b"001D\\998D"), "001D\",\"998D"));
        assert!(has(&of(*b"UI", b"2.25.7771"), "<Value number=\"1\">2.25.7771</Value>"));
        assert!(has(&of(*b"FD", &7e15_f64.to_le_bytes()), "[7000000000000000"));
        assert!(has(&of(*b"AT", &[0x10, 0, 0x20, 0, 0x10, 0, 0x30, 0]), "00100020\",\"00100030"));
    }

    #[test]
    fn base64_is_found_wherever_the_value_stands() {
        let value = b"Riverside Hospital";
        for before in 0..3 {
            let text = STANDARD.encode([&b"xyz"[..before], value, b"end"].concat());
            let form = String::from_utf8(base64(value, before)).unwrap();
            assert!(text.contains(&form) && form.len() > 16, "{before}: {form}");
        }
    }
}
