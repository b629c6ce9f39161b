//! Encoded data sets as the DICOM JSON model (PS3.18 Annex F), within bounds: what is too
//! large for a catalog is left out whole, never cut. Reading JSON is `json_in`.

use super::data_set::{DataSet, hex};
use crate::dicom::dictionary::told_vr;
use crate::dicom::token::Token;
use crate::dicom::value::{little_endian, trimmed, unit};
use crate::dicom::walker::Walker;
use crate::dicom::{Encoding, Fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::{Tag, VR};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use serde_json::{Map, Number, Value, json};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// The greatest integer that every reader of JSON numbers holds exactly (RFC 8259 6).
const EXACT: u64 = 1 << 53;

/// What is left out.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Values longer than so many bytes.
    pub value: usize,
    /// Sequences with more than so many bytes of values in them.
    pub sequence: usize,
    /// Of what is left, the largest attributes of the top level, until the text has no more bytes than this.
    pub whole: usize,
    /// Most nested sequences.
    pub depth: usize,
}

/// The attributes of an encoded data set. Texts are UTF-8, so Specific Character Set is left out; so are group lengths
/// and fragments.
///
/// # Errors
/// The data set is malformed.
pub fn data_set(bytes: &[u8], encoding: Encoding, bounds: Bounds) -> Result<DataSet, Fault> {
    let walker = Walker::new(bytes, encoding, bounds.depth);
    let mut reader = Reader { walker, bounds, held: 0 };
    let mut data = DataSet::default();
    reader.level(None, true, &mut |tag, value| {
        data.0.insert(hex(tag), value);
    })?;
    shrink(&mut data, bounds.whole);
    Ok(data)
}

/// Leaves out the largest attributes until the rest fits.
fn shrink(data: &mut DataSet, most: usize) {
    let size = |value: &Value| serde_json::to_string(value).map_or(0, |text| text.len() + 12);
    let mut sizes: Vec<(usize, String)> =
        data.0.iter().map(|(name, value)| (size(value), name.clone())).collect();
    let mut whole: usize = sizes.iter().map(|(size, _)| size).sum();
    sizes.sort();
    while let Some((size, name)) = sizes.pop().filter(|_| whole > most) {
        data.0.remove(&name);
        whole -= size;
    }
}

struct Reader<'a> {
    walker: Walker<'a>,
    bounds: Bounds,
    /// Bytes of values held of the current sequence of the top level.
    held: usize,
}

impl<'a> Reader<'a> {
    /// One data set: the root or an item. As deep as the walker goes, which is bounded.
    fn level(
        &mut self,
        outer: Option<&SpecificCharacterSet>,
        root: bool,
        put: &mut dyn FnMut(Tag, Value),
    ) -> Result<(), Fault> {
        let mut own = outer.cloned();
        while let Some(token) = self.walker.next_token()? {
            match token {
                Token::Element { tag: CHARACTER_SET, value, .. } => own = codec(value),
                Token::Element { tag, vr, value, encoding } if self.takes(tag, value, root) => {
                    let told = told_vr(tag, vr, value.len());
                    put(tag, element(told, &little_endian(value, vr, encoding), own.as_ref()));
                }
                Token::Sequence { tag, .. } => {
                    self.held = if root { 0 } else { self.held };
                    let items = self.items(own.as_ref())?;
                    if self.held <= self.bounds.sequence {
                        put(tag, attribute(VR::SQ, items));
                    }
                }
                Token::ItemEnd => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    fn takes(&mut self, tag: Tag, value: &[u8], root: bool) -> bool {
        if !root {
            // An empty value takes room, too.
            self.held += value.len() + 16;
        }
        let fits = value.len() <= self.bounds.value && (root || self.held <= self.bounds.sequence);
        fits && tag.element() != 0
    }

    fn items(&mut self, outer: Option<&SpecificCharacterSet>) -> Result<Vec<Value>, Fault> {
        let mut items = Vec::new();
        while let Some(token) = self.walker.next_token()? {
            match token {
                Token::Item { .. } => {
                    let mut item = Map::new();
                    self.level(outer, false, &mut |tag, value| {
                        item.insert(hex(tag), value);
                    })?;
                    self.held += 16;
                    if self.held <= self.bounds.sequence {
                        items.push(Value::Object(item));
                    }
                }
                _ => break,
            }
        }
        Ok(items)
    }
}

fn attribute(vr: VR, values: Vec<Value>) -> Value {
    let vr = vr.to_string();
    if values.is_empty() { json!({"vr": vr}) } else { json!({"vr": vr, "Value": values}) }
}

/// The codec of the first character set named. ISO 2022 codes name encodings that switch by themselves.
fn codec(value: &[u8]) -> Option<SpecificCharacterSet> {
    let text = String::from_utf8_lossy(value);
    let mut codes =
        text.split('\\').map(|code| code.trim_matches([' ', '\0'])).filter(|code| !code.is_empty());
    let first = codes.next()?;
    // With code extensions the first is mostly the plain one, and the second decodes both.
    let extended = codes.next().filter(|_| matches!(first, "ISO 2022 IR 6" | "ISO_IR 6"));
    SpecificCharacterSet::from_code(extended.unwrap_or(first))
}

/// An element that is no sequence; `value` in little endian order.
fn element(vr: VR, value: &[u8], codec: Option<&SpecificCharacterSet>) -> Value {
    use VR::{LT, OB, OD, OF, OL, OV, OW, ST, UN, UR, UT};
    match vr {
        _ if trimmed(value).is_empty() && unit(vr) == 1 && !matches!(vr, OB | UN) => {
            attribute(vr, Vec::new())
        }
        OB | OD | OF | OL | OV | OW | UN if value.is_empty() => attribute(vr, Vec::new()),
        OB | OD | OF | OL | OV | OW | UN => {
            json!({"vr": vr.to_string(), "InlineBinary": STANDARD.encode(value)})
        }
        LT | ST | UT | UR => {
            let text = decoded(value, codec);
            attribute(vr, vec![json!(text.trim_end_matches([' ', '\0']))])
        }
        VR::AT => attribute(vr, value.chunks_exact(4).map(|raw| number(vr, raw)).collect()),
        _ if unit(vr) > 1 => attribute(vr, value.chunks_exact(unit(vr)).map(|raw| number(vr, raw)).collect()),
        _ => {
            let text = decoded(value, codec);
            attribute(vr, text.split('\\').map(|part| part_of(vr, part.trim_matches([' ', '\0']))).collect())
        }
    }
}

/// Text as UTF-8; bytes that no character set explains become replacement characters.
fn decoded(value: &[u8], codec: Option<&SpecificCharacterSet>) -> String {
    let plain = value.is_ascii() && !value.contains(&0x1B);
    match codec.filter(|_| !plain).and_then(|codec| codec.decode(value).ok()) {
        Some(text) => text,
        None => String::from_utf8_lossy(value).into_owned(),
    }
}

/// One value of a text (PS3.18 F.2.3, F.2.5).
fn part_of(vr: VR, part: &str) -> Value {
    match vr {
        _ if part.is_empty() => Value::Null,
        VR::PN => person_name(part),
        VR::IS => part
            .parse::<i64>()
            .ok()
            .filter(|it| it.to_string() == part)
            .map_or_else(|| json!(part), |it| json!(it)),
        // A number only where it reads exactly as it was written.
        VR::DS => part
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .filter(|it| it.to_string() == part)
            .map_or_else(|| json!(part), Value::Number),
        _ => json!(part),
    }
}

fn person_name(part: &str) -> Value {
    let groups = part.split('=').map(str::trim).zip(super::xml_out::NAME_GROUPS);
    let full = groups.filter(|(group, _)| !group.is_empty());
    Value::Object(full.map(|(group, name)| (name.to_owned(), json!(group))).collect())
}

/// One value of a VR of fixed width. Integers that not every reader holds, and what is no number, are text.
fn number(vr: VR, raw: &[u8]) -> Value {
    match (vr, raw) {
        (VR::US, &[a, b]) => json!(u16::from_le_bytes([a, b])),
        (VR::SS, &[a, b]) => json!(i16::from_le_bytes([a, b])),
        (VR::UL, &[a, b, c, d]) => json!(u32::from_le_bytes([a, b, c, d])),
        (VR::SL, &[a, b, c, d]) => json!(i32::from_le_bytes([a, b, c, d])),
        (VR::AT, &[a, b, c, d]) => {
            json!(hex(Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))))
        }
        (VR::FL, &[a, b, c, d]) => {
            let value = f32::from_le_bytes([a, b, c, d]);
            // By its own digits: as a double it would show digits that nobody wrote.
            let exact = value.to_string().parse().ok().and_then(Number::from_f64);
            exact.map_or_else(|| json!(value.to_string()), Value::Number)
        }
        (VR::FD, &[a, b, c, d, e, f, g, h]) => {
            let value = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
            Number::from_f64(value).map_or_else(|| json!(value.to_string()), Value::Number)
        }
        (VR::UV, &[a, b, c, d, e, f, g, h]) => {
            let value = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            if value > EXACT { json!(value.to_string()) } else { json!(value) }
        }
        (VR::SV, &[a, b, c, d, e, f, g, h]) => {
            let value = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
            if value.unsigned_abs() > EXACT { json!(value.to_string()) } else { json!(value) }
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::dicom::writer::Writer;

    const BOUNDS: Bounds = Bounds { value: 1024, sequence: 4096, whole: 16384, depth: 16 };

    fn read(write: impl FnOnce(&mut Writer)) -> Value {
        read_within(BOUNDS, write)
    }

    fn read_within(bounds: Bounds, write: impl FnOnce(&mut Writer)) -> Value {
        let mut writer = Writer::default();
        write(&mut writer);
        let data = data_set(&writer.finish(), Encoding::ExplicitLittle, bounds).unwrap();
        serde_json::from_str(&data.to_json()).unwrap()
    }

    fn one(vr: VR, value: &[u8]) -> Value {
        read(|writer| writer.element(Tag(0x0018, 0x9999), vr, value))["00189999"].take()
    }

    #[test]
    fn what_came_as_un_is_told_by_the_vr_of_the_standard() {
        let told = read(|writer| {
            writer.element(Tag(0x0008, 0x0060), VR::UN, b"CT");
            writer.element(Tag(0x0020, 0x0013), VR::UN, b"7 ");
            writer.element(Tag(0x0028, 0x0010), VR::UN, &[0, 2]);
        });
        assert_eq!(told["00080060"], json!({"vr": "CS", "Value": ["CT"]}));
        assert_eq!(told["00200013"], json!({"vr": "IS", "Value": [7]}));
        assert_eq!(told["00280010"], json!({"vr": "US", "Value": [512]}));
    }

    #[test]
    fn json_06_each_vr_has_its_kind_of_value() {
        assert_eq!(one(VR::US, &[1, 0, 255, 255]), json!({"vr": "US", "Value": [1, 65535]}));
        assert_eq!(one(VR::SS, &[254, 255]), json!({"vr": "SS", "Value": [-2]}));
        assert_eq!(one(VR::FD, &1.5f64.to_le_bytes()), json!({"vr": "FD", "Value": [1.5]}));
        assert_eq!(one(VR::FL, &0.1f32.to_le_bytes()), json!({"vr": "FL", "Value": [0.1]}));
        assert_eq!(one(VR::CS, b"A\\B "), json!({"vr": "CS", "Value": ["A", "B"]}));
        assert_eq!(one(VR::LT, b"a\\b "), json!({"vr": "LT", "Value": ["a\\b"]}));
        assert_eq!(one(VR::OB, &[1, 2]), json!({"vr": "OB", "InlineBinary": "AQI="}));
        assert_eq!(one(VR::AT, &[0x28, 0, 0x10, 0]), json!({"vr": "AT", "Value": ["00280010"]}));
        assert_eq!(one(VR::UI, b"1.2\0"), json!({"vr": "UI", "Value": ["1.2"]}));
    }

    #[test]
    fn json_07_numbers_whose_text_would_change_stay_text() {
        assert_eq!(one(VR::DS, b"1.50\\1.5 "), json!({"vr": "DS", "Value": ["1.50", 1.5]}));
        assert_eq!(one(VR::IS, b"007\\7 "), json!({"vr": "IS", "Value": ["007", 7]}));
        let big = 9_007_199_254_740_993u64.to_le_bytes();
        assert_eq!(one(VR::UV, &big), json!({"vr": "UV", "Value": ["9007199254740993"]}));
        assert_eq!(one(VR::SV, &(-5i64).to_le_bytes()), json!({"vr": "SV", "Value": [-5]}));
    }

    #[test]
    fn json_09_10_names_are_objects_and_text_is_decoded() {
        let set = read(|writer| {
            writer.element(CHARACTER_SET, VR::CS, b"\\ISO 2022 IR 87 ");
            let name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B ";
            writer.element(Tag(0x0010, 0x0010), VR::PN, name);
        });
        let name = json!({"Alphabetic": "Yamada^Tarou", "Ideographic": "\u{5c71}\u{7530}^\u{592a}\u{90ce}"});
        assert_eq!(set, json!({"00100010": {"vr": "PN", "Value": [name]}}));
        let latin = read(|writer| {
            writer.element(CHARACTER_SET, VR::CS, b"ISO_IR 100");
            writer.element(Tag(0x0010, 0x4000), VR::LT, b"\xC4\\");
        });
        assert_eq!(latin, json!({"00104000": {"vr": "LT", "Value": ["\u{c4}\\"]}}));
    }

    #[test]
    fn json_11_empty_attributes_have_no_value_and_empty_values_are_null() {
        assert_eq!(one(VR::LO, b""), json!({"vr": "LO"}));
        assert_eq!(one(VR::LO, b"a\\\\b"), json!({"vr": "LO", "Value": ["a", null, "b"]}));
        assert_eq!(one(VR::US, b""), json!({"vr": "US"}));
        let set = read(|writer| {
            writer.begin_sequence(Tag(0x0008, 0x1140), true);
            writer.begin_item(true);
            writer.end_item();
            writer.end_sequence();
        });
        assert_eq!(set, json!({"00081140": {"vr": "SQ", "Value": [{}]}}));
    }

    #[test]
    fn json_05_group_lengths_are_left_out() {
        assert_eq!(read(|writer| writer.element(Tag(0x0008, 0), VR::UL, &[1, 0, 0, 0])), json!({}));
    }

    #[test]
    fn json_16_what_is_no_number_is_text() {
        assert_eq!(one(VR::FD, &f64::NAN.to_le_bytes()), json!({"vr": "FD", "Value": ["NaN"]}));
        assert_eq!(one(VR::FL, &f32::INFINITY.to_le_bytes()), json!({"vr": "FL", "Value": ["inf"]}));
    }

    #[test]
    fn what_is_beyond_the_bounds_is_left_out_whole() {
        assert_eq!(one(VR::LO, &[b'a'; 2000]), Value::Null);
        let many = |items: usize| {
            read(|writer| {
                writer.begin_sequence(Tag(0x0008, 0x1140), true);
                for _ in 0..items {
                    writer.begin_item(true);
                    writer.text(Tag(0x0008, 0x1155), VR::UI, "1.22");
                    writer.end_item();
                }
                writer.end_sequence();
                writer.text(Tag(0x0010, 0x0020), VR::LO, "ID");
            })
        };
        assert_eq!(many(1000), json!({"00100020": {"vr": "LO", "Value": ["ID"]}}));
        assert_eq!(many(50)["00081140"]["Value"].as_array().unwrap().len(), 50);
        let small = Bounds { whole: 100, ..BOUNDS };
        let set = read_within(small, |writer| {
            writer.element(Tag(0x0008, 0x1030), VR::LO, &[b'a'; 200]);
            writer.text(Tag(0x0010, 0x0020), VR::LO, "ID");
        });
        assert_eq!(set, json!({"00100020": {"vr": "LO", "Value": ["ID"]}}));
    }
}
