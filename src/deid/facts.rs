//! What deciding about an instance needs from its whole head, gathered in a first walk.
//! Nothing is judged here but contradictions.

use super::claims::Claims;
use super::patient::Patient;
use super::refusal::Refusal;
use crate::dicom::text::Charset;
use crate::dicom::{uid, value};
use dicom_core::{Tag, VR};

/// Top-level attributes that decide; each may occur once, or twice with equal values.
const DECIDING: &[Tag] = &[
    Tag(0x0008, 0x0005),
    Tag(0x0008, 0x0008),
    Tag(0x0008, 0x0016),
    Tag(0x0008, 0x0018),
    Tag(0x0008, 0x0060),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0021),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x000E),
    Tag(0x0028, 0x0100),
    Tag(0x0028, 0x0103),
    Tag(0x0028, 0x0301),
    Tag(0x0028, 0x0302),
    Tag(0x0042, 0x0012),
];

/// Those of them that an output cannot be without, and their VR: under another one they would be removed (PS3.5 6.2).
const BEARING: [(Tag, VR); 5] = [
    (Tag(0x0008, 0x0005), VR::CS),
    (Tag(0x0008, 0x0016), VR::UI),
    (Tag(0x0008, 0x0018), VR::UI),
    (Tag(0x0020, 0x000D), VR::UI),
    (Tag(0x0020, 0x000E), VR::UI),
];

/// Referenced Series Sequence of the Common Instance Reference Module (PS3.3 C.12.2).
const REFERENCED_SERIES: Tag = Tag(0x0008, 0x1115);

/// True for attributes of the top level on which the decision about an instance rests: without their value nothing is
/// decided.
pub fn is_deciding(tag: Tag) -> bool {
    DECIDING.contains(&tag) || is_overlay_place(tag)
}

/// Overlay Bits Allocated and Overlay Bit Position, which tell whether an overlay lies in the pixels.
fn is_overlay_place(tag: Tag) -> bool {
    matches!(tag.group(), 0x6000..=0x60FF) && matches!(tag.element(), 0x0100 | 0x0102)
}

/// Bits Allocated and Pixel Representation: a zero byte there is no padding.
fn is_number(tag: Tag) -> bool {
    matches!(tag, Tag(0x0028, 0x0100 | 0x0103))
}

/// Collects the deciding attributes as the walk meets them.
#[derive(Debug, Default)]
pub struct Gather {
    seen: Vec<(Tag, Vec<u8>)>,
    overlays: Vec<Overlay>,
    directory: bool,
    lists_references: bool,
    /// What the sender says about private attributes.
    pub claims: Claims,
}

/// What decides whether an overlay sits in the pixels (PS3.3 C.9.2, retired form).
#[derive(Debug, Clone, Copy, Default)]
struct Overlay {
    group: u16,
    bits_allocated: u16,
    bit_position: u16,
    has_data: bool,
}

impl Gather {
    /// Notes a top-level element; `value` in little endian order.
    pub fn see(&mut self, tag: Tag, value: &[u8]) -> Result<(), Refusal> {
        match tag.group() {
            0x0004 => self.directory = true,
            0x6000..=0x60FF => self.overlay(tag, value)?,
            _ => {}
        }
        if !DECIDING.contains(&tag) {
            return Ok(());
        }
        let value = if is_number(tag) { value } else { value::trimmed(value) };
        match self.seen.iter().find(|(seen, _)| *seen == tag) {
            Some((_, before)) if before.as_slice() != value => Err(Refusal::Contradiction(tag)),
            Some(_) => Ok(()),
            None => {
                self.seen.push((tag, value.to_vec()));
                Ok(())
            }
        }
    }

    /// Notes the VR that a top-level element has in the file.
    ///
    /// # Errors
    /// The output could not be without the element, and under this VR it would go.
    pub fn see_vr(&self, tag: Tag, vr: VR) -> Result<(), Refusal> {
        let other = |&(bearing, its): &(Tag, VR)| bearing == tag && vr != its && vr != VR::UN;
        if BEARING.iter().any(other) { Err(Refusal::Unwritable(tag)) } else { Ok(()) }
    }

    /// Notes a top-level sequence.
    ///
    /// # Errors
    /// Something is decided by that attribute, and a sequence is no value of it.
    pub fn see_sequence(&mut self, tag: Tag) -> Result<(), Refusal> {
        self.lists_references |= tag == REFERENCED_SERIES;
        self.see_unread(tag)
    }

    /// Notes a top-level attribute whose value cannot be read, or is not here.
    ///
    /// # Errors
    /// Something is decided by it: its absence would decide otherwise.
    pub fn see_unread(&self, tag: Tag) -> Result<(), Refusal> {
        if is_deciding(tag) { Err(Refusal::Unwritable(tag)) } else { Ok(()) }
    }

    fn overlay(&mut self, tag: Tag, value: &[u8]) -> Result<(), Refusal> {
        let index = self.overlays.iter().position(|overlay| overlay.group == tag.group());
        let index = index.unwrap_or_else(|| {
            self.overlays.push(Overlay { group: tag.group(), ..Overlay::default() });
            self.overlays.len() - 1
        });
        let Some(overlay) = self.overlays.get_mut(index) else { return Ok(()) };
        let number = || match value {
            [] => Ok(0),
            value => value::first_us(value).ok_or(Refusal::Unwritable(tag)),
        };
        match tag.element() {
            0x0100 => overlay.bits_allocated = number()?,
            0x0102 => overlay.bit_position = number()?,
            0x3000 => overlay.has_data = true,
            _ => {}
        }
        Ok(())
    }

    /// The facts; fails where an instance has no identity (PS3.3 C.12.1).
    pub fn finish(self) -> Result<Facts, Refusal> {
        let legal = |tag: Tag| -> Result<String, Refusal> {
            let text = self.ascii(tag).unwrap_or_default();
            if uid::is_legal(text) { Ok(text.to_owned()) } else { Err(Refusal::NoIdentity(tag)) }
        };
        if self.directory && self.value(Tag(0x0008, 0x0016)).is_none() {
            return Err(Refusal::Directory);
        }
        let sop_class = legal(Tag(0x0008, 0x0016))?;
        let instance = legal(Tag(0x0008, 0x0018))?;
        let bits_allocated = self.us(Tag(0x0028, 0x0100)).unwrap_or(0);
        Ok(Facts {
            sop_class,
            instance,
            study: self.ascii(Tag(0x0020, 0x000D)).unwrap_or_default().to_owned(),
            series: self.ascii(Tag(0x0020, 0x000E)).unwrap_or_default().to_owned(),
            character_set: self.ascii(Tag(0x0008, 0x0005)).unwrap_or_default().to_owned(),
            patient_id: self.text(Tag(0x0010, 0x0020)),
            issuer: self.text(Tag(0x0010, 0x0021)),
            modality: self.owned(Tag(0x0008, 0x0060)),
            image_type: self.owned(Tag(0x0008, 0x0008)).unwrap_or_default(),
            burned_in: self.owned(Tag(0x0028, 0x0301)),
            recognizable: self.owned(Tag(0x0028, 0x0302)),
            document_type: self.owned(Tag(0x0042, 0x0012)),
            signed_pixels: self.us(Tag(0x0028, 0x0103)) == Some(1),
            bits_allocated,
            overlay_bits: self.overlay_bits(bits_allocated),
            lists_references: self.lists_references,
            claims: self.claims,
        })
    }

    fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.seen.iter().find(|(seen, _)| *seen == tag).map(|(_, value)| value.as_slice())
    }

    fn ascii(&self, tag: Tag) -> Option<&str> {
        value::ascii(self.value(tag)?)
    }

    fn owned(&self, tag: Tag) -> Option<String> {
        self.value(tag).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn us(&self, tag: Tag) -> Option<u16> {
        value::first_us(self.value(tag)?)
    }

    /// Identifiers in one form whatever the character set, so that a patient pushed in
    /// ISO_IR 100 and in UTF-8 JSON is one patient.
    fn text(&self, tag: Tag) -> String {
        let Some(raw) = self.value(tag) else { return String::new() };
        decode(raw, self.ascii(Tag(0x0008, 0x0005)).unwrap_or_default())
    }

    /// A mask of the pixel bits that hold overlays: groups without Overlay Data whose
    /// Overlay Bits Allocated is that of the pixels.
    fn overlay_bits(&self, bits_allocated: u16) -> u32 {
        let embedded = |overlay: &&Overlay| {
            !overlay.has_data && overlay.bits_allocated > 1 && overlay.bits_allocated == bits_allocated
        };
        self.overlays
            .iter()
            .filter(embedded)
            .map(|overlay| 1u32.checked_shl(overlay.bit_position.into()).unwrap_or(0))
            .fold(0, |mask, bit| mask | bit)
    }
}

/// Where no character set is named, UTF-8 is read as such: servers do so when they answer in JSON. What cannot be decoded
/// stands for itself, byte by byte.
fn decode(raw: &[u8], character_set: &str) -> String {
    let unnamed = character_set.is_empty().then(|| std::str::from_utf8(raw).ok()).flatten();
    let text = match unnamed.filter(|text| !text.contains('\x1B')) {
        Some(text) => Some(text.to_owned()),
        None => Charset::of(character_set.as_bytes()).decode_exactly(raw),
    };
    match text {
        Some(text) => text.trim_matches([' ', '\0']).to_owned(),
        None => raw.iter().map(|byte| format!("\\{byte:02x}")).collect(),
    }
}

/// What is known of an instance before its head is rewritten. Holds identifying values:
/// never printed.
#[derive(Clone)]
pub struct Facts {
    /// SOP Class UID, legal.
    pub sop_class: String,
    /// SOP Instance UID as it came in, legal.
    pub instance: String,
    /// Study Instance UID as it came in; empty if there is none.
    pub study: String,
    /// Series Instance UID as it came in; empty if there is none.
    pub series: String,
    /// Specific Character Set of the data set; empty if there is none.
    pub character_set: String,
    /// Patient ID, decoded; empty if there is none.
    pub patient_id: String,
    /// Issuer of Patient ID, decoded; empty if there is none.
    pub issuer: String,
    /// Modality.
    pub modality: Option<String>,
    /// Image Type with its backslashes.
    pub image_type: String,
    /// Burned In Annotation.
    pub burned_in: Option<String>,
    /// Recognizable Visual Features.
    pub recognizable: Option<String>,
    /// MIME Type of Encapsulated Document.
    pub document_type: Option<String>,
    /// Pixel Representation is 1.
    pub signed_pixels: bool,
    /// Bits Allocated, 0 if absent.
    pub bits_allocated: u16,
    /// Bits of each pixel that hold an overlay.
    pub overlay_bits: u32,
    /// Referenced Series Sequence is there: it lists every instance that others of the attributes refer to.
    pub lists_references: bool,
    /// What the sender says about private attributes.
    pub claims: Claims,
}

impl Facts {
    /// An identifier found inside a sequence, decoded as the instance's own are.
    pub fn decoded(&self, raw: &[u8]) -> String {
        decode(raw, &self.character_set)
    }

    /// One text per patient and issuer.
    pub fn patient(&self) -> String {
        Patient::of(&self.patient_id, &self.issuer, &self.study).text()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gather(elements: &[(Tag, &[u8])]) -> Result<Facts, Refusal> {
        let mut gather = Gather::default();
        gather.see(Tag(0x0008, 0x0016), b"1.2.840.10008.5.1.4.1.1.2\0")?;
        gather.see(Tag(0x0008, 0x0018), b"1.2.3 ")?;
        for (tag, value) in elements {
            gather.see(*tag, value)?;
        }
        gather.finish()
    }

    #[test]
    fn one_patient_in_two_character_sets_is_one_patient() {
        let latin = gather(&[(Tag(8, 5), b"ISO_IR 100"), (Tag(0x10, 0x20), b"M\xFCller-1 ")]).unwrap();
        let utf8 = gather(&[(Tag(8, 5), b"ISO_IR 192"), (Tag(0x10, 0x20), "Müller-1".as_bytes())]).unwrap();
        assert_eq!(latin.patient(), utf8.patient());
        let unnamed = gather(&[(Tag(0x10, 0x20), "Müller-1".as_bytes())]).unwrap();
        assert_eq!(unnamed.patient(), utf8.patient(), "as servers read it that answer in JSON");
        let switched = gather(&[(Tag(8, 5), b"\\ISO 2022 IR 149"), (Tag(0x10, 0x20), b"\x1b$)C\xb1\xe8-7")]);
        let korean = gather(&[(Tag(8, 5), b"ISO_IR 192"), (Tag(0x10, 0x20), "김-7".as_bytes())]);
        assert_eq!(switched.unwrap().patient(), korean.unwrap().patient());
        let unreadable = gather(&[(Tag(8, 5), b"ISO_IR 192"), (Tag(0x10, 0x20), b"M\xFC")]).unwrap();
        assert_eq!(unreadable.patient_id, "\\4d\\fc");
    }

    #[test]
    fn what_decides_is_no_sequence_and_has_a_value_that_can_be_read() {
        let sequence = Gather::default().see_sequence(Tag(0x28, 0x301));
        assert_eq!(sequence, Err(Refusal::Unwritable(Tag(0x28, 0x301))));
        assert_eq!(
            Gather::default().see_unread(Tag(0x6002, 0x102)),
            Err(Refusal::Unwritable(Tag(0x6002, 0x102)))
        );
        assert_eq!(Gather::default().see_unread(Tag(0x6002, 0x3000)), Ok(()));
        let half = Gather::default().see(Tag(0x6000, 0x100), &[16]);
        assert_eq!(half, Err(Refusal::Unwritable(Tag(0x6000, 0x100))));
    }

    #[test]
    fn issuers_part_patients_and_a_missing_id_falls_back_to_the_study() {
        let one = gather(&[(Tag(0x10, 0x20), b"7"), (Tag(0x10, 0x21), b"A")]).unwrap();
        let two = gather(&[(Tag(0x10, 0x20), b"7"), (Tag(0x10, 0x21), b"B")]).unwrap();
        assert_ne!(one.patient(), two.patient());
        let nobody = gather(&[(Tag(0x20, 0x0D), b"1.2.9")]).unwrap();
        assert_eq!(nobody.patient(), "study\n1.2.9");
    }

    #[test]
    fn a_deciding_attribute_with_two_values_is_a_contradiction() {
        let twice = gather(&[(Tag(0x28, 0x301), b"NO"), (Tag(0x28, 0x301), b"YES ")]);
        assert_eq!(twice.err(), Some(Refusal::Contradiction(Tag(0x28, 0x301))));
        assert!(gather(&[(Tag(0x28, 0x301), b"NO"), (Tag(0x28, 0x301), b"NO ")]).is_ok());
    }

    #[test]
    fn an_instance_without_uids_has_no_identity() {
        assert_eq!(Gather::default().finish().err(), Some(Refusal::NoIdentity(Tag(0x8, 0x16))));
    }

    #[test]
    fn overlays_in_high_bits_are_found_and_others_are_not() {
        let overlay: &[(Tag, &[u8])] =
            &[(Tag(0x28, 0x100), &[16, 0]), (Tag(0x6000, 0x100), &[16, 0]), (Tag(0x6000, 0x102), &[12, 0])];
        assert_eq!(gather(overlay).unwrap().overlay_bits, 1 << 12);
        let separate = [overlay, &[(Tag(0x6000, 0x3000), &[0u8, 0][..])]].concat();
        assert_eq!(gather(&separate).unwrap().overlay_bits, 0);
    }

    #[test]
    fn what_an_output_cannot_be_without_has_its_own_vr_or_un() {
        let gather = Gather::default();
        for (tag, its) in BEARING {
            assert!(gather.see_vr(tag, its).is_ok() && gather.see_vr(tag, VR::UN).is_ok(), "{tag}");
            assert_eq!(gather.see_vr(tag, VR::US), Err(Refusal::Unwritable(tag)));
        }
        assert!(gather.see_vr(Tag(0x0008, 0x0060), VR::US).is_ok(), "it is removed, and not missed");
    }
}
