//! The value of an attribute as people read it, cut where it is long.

use crate::dicom::text::Charset;
use crate::dicom::value;
use dicom_core::VR;

/// Most characters of a text.
const MOST: usize = 300;

/// Most bytes of a text that are decoded, and of other values that are looked at.
const LOOK: usize = 4 * MOST;

/// Bytes of a binary value that are shown.
const BINARY: usize = 16;

/// The text of a value in little endian order.
pub(super) fn of(vr: VR, bytes: &[u8], charset: &Charset) -> String {
    let numbers = |size: usize, one: fn(&[u8]) -> String| {
        let front = bytes.get(..LOOK).unwrap_or(bytes);
        let all: Vec<String> = front.chunks_exact(size).map(one).collect();
        cut(&all.join("\\"), bytes.len() > LOOK)
    };
    match vr {
        VR::US => numbers(2, |raw| u16::from_le_bytes(array(raw)).to_string()),
        VR::SS => numbers(2, |raw| i16::from_le_bytes(array(raw)).to_string()),
        VR::UL => numbers(4, |raw| u32::from_le_bytes(array(raw)).to_string()),
        VR::SL => numbers(4, |raw| i32::from_le_bytes(array(raw)).to_string()),
        VR::UV => numbers(8, |raw| u64::from_le_bytes(array(raw)).to_string()),
        VR::SV => numbers(8, |raw| i64::from_le_bytes(array(raw)).to_string()),
        VR::FL => numbers(4, |raw| f32::from_le_bytes(array(raw)).to_string()),
        VR::FD => numbers(8, |raw| f64::from_le_bytes(array(raw)).to_string()),
        VR::AT => numbers(4, |raw| {
            let [a, b, c, d] = array(raw);
            format!("({:04X},{:04X})", u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
        }),
        VR::SQ => String::new(),
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN => binary(bytes, charset),
        _ => written(bytes, charset),
    }
}

fn array<const N: usize>(raw: &[u8]) -> [u8; N] {
    raw.try_into().unwrap_or([0; N])
}

fn written(bytes: &[u8], charset: &Charset) -> String {
    let front = bytes.get(..LOOK).unwrap_or(bytes);
    cut(&charset.decode(value::trimmed(front)), bytes.len() > LOOK)
}

/// What nobody knows the VR of may be text all the same, and then is read as such: people look for names in it.
fn binary(bytes: &[u8], charset: &Charset) -> String {
    let readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t' | 0x80..);
    let front = value::trimmed(bytes.get(..LOOK).unwrap_or(bytes));
    if !front.is_empty() && front.iter().all(readable) && front.iter().any(u8::is_ascii_alphanumeric) {
        return written(bytes, charset);
    }
    let hex: Vec<String> = bytes.iter().take(BINARY).map(|byte| format!("{byte:02X}")).collect();
    let end = if bytes.len() > BINARY { " …" } else { "" };
    if bytes.is_empty() { String::new() } else { format!("{} bytes: {}{end}", bytes.len(), hex.join(" ")) }
}

fn cut(text: &str, more: bool) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None if more => format!("{text} …"),
        None => text.to_owned(),
    }
}
