//! Values that are legal and tell nothing: action D of PS3.15 Table E.1-1a. Which
//! attribute gets one is decided in `plan`.

use crate::dicom::dictionary;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};

/// The text that stands where an identifying text stood.
pub const TEXT: &str = "PSEUDONYMIZED";

/// A UID for dummy references; a UUID of no instance.
const NO_INSTANCE: &str = "2.25.0";

/// A non-empty value legal for the VR, of even length (PS3.5 6.2).
pub fn leaf(vr: VR) -> Vec<u8> {
    let text: &[u8] = match vr {
        VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => b"PSEUDONYMIZED ",
        VR::AS => b"000D",
        VR::DA => b"19000101",
        VR::DT => b"19000101000000",
        VR::TM => b"000000",
        VR::DS | VR::IS => b"0 ",
        VR::UI => b"2.25.0",
        VR::UR => b"about:blank ",
        VR::FL | VR::OF | VR::SL | VR::UL | VR::OL | VR::AT => &[0; 4],
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => &[0; 8],
        _ => &[0; 2],
    };
    text.to_vec()
}

/// The encoded elements of one harmless item for a sequence that must not be empty.
/// Sequences whose IOD asks for certain attributes get them; others get an empty item.
pub fn item(sequence: Tag) -> Vec<u8> {
    let mut out = Writer::default();
    match sequence {
        Tag(0x0040, 0xA730) => content(&mut out),
        Tag(0x0040, 0xA073) => verifying_observer(&mut out),
        Tag(0x0008, 0x1072) => person(&mut out),
        Tag(0x0070, 0x0001) => graphic_annotation(&mut out),
        Tag(0x0040, 0xB020) => waveform_annotation(&mut out),
        Tag(0x0034, 0x0001) => flow(&mut out),
        Tag(0x0008, 0x1111) => reference(&mut out, "1.2.840.10008.3.1.2.3.3"),
        Tag(0x3006, 0x004E) => person(&mut out),
        _ if dictionary::is_code_sequence(sequence) => code(&mut out, TEXT, "99VEILGATE", TEXT),
        _ => {}
    }
    out.finish()
}

/// PS3.3 8: a code triple.
fn code(out: &mut Writer, value: &str, scheme: &str, meaning: &str) {
    out.text(Tag(0x0008, 0x0100), VR::SH, value);
    out.text(Tag(0x0008, 0x0102), VR::SH, scheme);
    out.text(Tag(0x0008, 0x0104), VR::LO, meaning);
}

fn code_sequence(out: &mut Writer, tag: Tag, value: &str, scheme: &str, meaning: &str) {
    out.begin_sequence(tag, true);
    out.begin_item(true);
    code(out, value, scheme, meaning);
    out.end_item();
    out.end_sequence();
}

/// PS3.3 C.17.3: one text item that says what happened.
fn content(out: &mut Writer) {
    out.text(Tag(0x0040, 0xA010), VR::CS, "CONTAINS");
    out.text(Tag(0x0040, 0xA040), VR::CS, "TEXT");
    code_sequence(out, Tag(0x0040, 0xA043), "121106", "DCM", "Comment");
    out.text(Tag(0x0040, 0xA160), VR::UT, TEXT);
}

/// PS3.3 C.17.2.
fn verifying_observer(out: &mut Writer) {
    out.text(Tag(0x0040, 0xA027), VR::LO, TEXT);
    out.element(Tag(0x0040, 0xA030), VR::DT, &leaf(VR::DT));
    out.text(Tag(0x0040, 0xA075), VR::PN, TEXT);
    out.begin_sequence(Tag(0x0040, 0xA088), true);
    out.end_sequence();
}

/// PS3.3 10.1: the Person Identification macro.
fn person(out: &mut Writer) {
    out.text(Tag(0x0008, 0x0080), VR::LO, TEXT);
    code_sequence(out, Tag(0x0040, 0x1101), TEXT, "99VEILGATE", TEXT);
}

/// PS3.3 C.10.5: a single point in the corner.
fn graphic_annotation(out: &mut Writer) {
    out.text(Tag(0x0070, 0x0002), VR::CS, TEXT);
    out.begin_sequence(Tag(0x0070, 0x0009), true);
    out.begin_item(true);
    out.text(Tag(0x0070, 0x0005), VR::CS, "PIXEL");
    out.element(Tag(0x0070, 0x0020), VR::US, &2u16.to_le_bytes());
    out.element(Tag(0x0070, 0x0021), VR::US, &1u16.to_le_bytes());
    out.element(Tag(0x0070, 0x0022), VR::FL, &[1f32.to_le_bytes(), 1f32.to_le_bytes()].concat());
    out.text(Tag(0x0070, 0x0023), VR::CS, "POINT");
    out.text(Tag(0x0070, 0x0024), VR::CS, "N");
    out.end_item();
    out.end_sequence();
}

/// PS3.3 C.10.10.
fn waveform_annotation(out: &mut Writer) {
    out.element(Tag(0x0040, 0xA0B0), VR::US, &[0, 0, 0, 0]);
    out.text(Tag(0x0070, 0x0006), VR::ST, TEXT);
}

/// PS3.3 C.36.11: a flow of no device.
fn flow(out: &mut Writer) {
    out.element(Tag(0x0034, 0x0002), VR::OB, &leaf(VR::OB));
    out.text(Tag(0x0034, 0x0003), VR::UI, "1.2.840.10008.1.2.7.1");
    out.element(Tag(0x0034, 0x0004), VR::UL, &90_000u32.to_le_bytes());
}

fn reference(out: &mut Writer, sop_class: &str) {
    out.text(Tag(0x0008, 0x1150), VR::UI, sop_class);
    out.text(Tag(0x0008, 0x1155), VR::UI, NO_INSTANCE);
}

/// The smallest document of a type that a viewer still opens, to stand for one whose
/// content the standard does not clean (PS3.15 Table E.1-1, (0042,0011): D).
pub fn document(mime_type: &str) -> Option<Vec<u8>> {
    let mut bytes = match mime_type {
        "application/pdf" => pdf(),
        "text/XML" | "text/xml" | "application/xml" => b"<?xml version=\"1.0\"?><pseudonymized/>".to_vec(),
        "model/stl" | "application/sla" => stl(),
        "model/obj" | "model/mtl" => b"# pseudonymized\n".to_vec(),
        _ => return None,
    };
    if bytes.len() % 2 == 1 {
        bytes.push(if mime_type == "application/pdf" { b'\n' } else { b' ' });
    }
    Some(bytes)
}

/// One empty page, with a cross-reference table that fits (PDF 1.4).
fn pdf() -> Vec<u8> {
    const OBJECTS: [&str; 3] = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ];
    let mut text = String::from("%PDF-1.4\n");
    let mut table = String::from("xref\n0 4\n0000000000 65535 f \n");
    for (index, object) in OBJECTS.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", text.len()));
        text.push_str(&format!("{} 0 obj{object}endobj\n", index + 1));
    }
    let start = text.len();
    text.push_str(&table);
    text.push_str(&format!("trailer<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"));
    text.into_bytes()
}

/// A binary STL with one triangle of no area.
fn stl() -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend(1u32.to_le_bytes());
    bytes.extend([0; 50]);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicom::Encoding;
    use crate::dicom::walker::Walker;

    #[test]
    fn every_leaf_dummy_is_non_empty_and_even() {
        for vr in [VR::AE, VR::AS, VR::AT, VR::CS, VR::DA, VR::DS, VR::DT, VR::FL, VR::FD, VR::IS, VR::LO]
            .into_iter()
            .chain([VR::LT, VR::OB, VR::OD, VR::OF, VR::OL, VR::OV, VR::OW, VR::PN, VR::SH, VR::SL, VR::SS])
            .chain([VR::ST, VR::SV, VR::TM, VR::UC, VR::UI, VR::UL, VR::UN, VR::UR, VR::US, VR::UT, VR::UV])
        {
            let value = leaf(vr);
            assert!(!value.is_empty() && value.len().is_multiple_of(2), "{vr:?}");
        }
    }

    #[test]
    fn every_dummy_item_is_a_well_formed_data_set() {
        for tag in [0xA730u16, 0xA073, 0xB020, 0x1101]
            .map(|element| Tag(0x0040, element))
            .into_iter()
            .chain([Tag(0x0070, 1), Tag(0x0008, 0x1072), Tag(0x0008, 0x1111), Tag(0x0034, 1)])
        {
            let bytes = item(tag);
            assert!(!bytes.is_empty(), "{tag}");
            let mut walker = Walker::new(&bytes, Encoding::ExplicitLittle, 4);
            while walker.next_token().unwrap().is_some() {}
        }
    }

    #[test]
    fn the_dummy_pdf_points_at_its_own_objects() {
        let text = String::from_utf8(document("application/pdf").unwrap()).unwrap();
        let start: usize =
            text.split("startxref\n").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
        assert!(text.get(start..).unwrap().starts_with("xref"));
        let first: usize =
            text.get(start..).unwrap().lines().nth(3).unwrap().get(..10).unwrap().parse().unwrap();
        assert!(text.get(first..).unwrap().starts_with("1 0 obj"));
    }
}
