//! Writes a data set as Explicit VR Little Endian (PS3.5 A.2), sequences included.
//! What to write is decided above; values come as little endian bytes.

use super::header::{ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, has_short_length};
use dicom_core::{Tag, VR};

/// Output under construction. Sequences and items keep the form that the caller asks
/// for: undefined length with delimiters, or a length patched in when they close.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    open: Vec<Open>,
}

/// An open sequence or item: where its length field stands, if it has one to patch.
#[derive(Debug, Clone, Copy)]
struct Open {
    length_at: Option<usize>,
}

impl Writer {
    /// A writer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity), open: Vec::new() }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes one element, its value byte for byte. A value too long for its VR's
    /// 16-bit length goes out as UN (PS3.5 6.2.2).
    pub fn element(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        let vr = if has_short_length(vr) && value.len() > 0xFFFF { VR::UN } else { vr };
        self.header(tag, vr, u32::try_from(value.len()).unwrap_or(UNDEFINED));
        self.out.extend_from_slice(value);
    }

    /// Writes a text element, padded to even length (PS3.5 6.2): NUL for UI, space else.
    pub fn text(&mut self, tag: Tag, vr: VR, text: &str) {
        let mut value = text.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == VR::UI { 0 } else { b' ' });
        }
        self.element(tag, vr, &value);
    }

    /// Writes elements that are encoded already.
    pub fn raw(&mut self, elements: &[u8]) {
        self.out.extend_from_slice(elements);
    }

    /// Writes the header of an element whose value the caller sends itself.
    /// `None`: undefined length.
    pub fn header_only(&mut self, tag: Tag, vr: VR, len: Option<u32>) {
        self.header(tag, vr, len.unwrap_or(UNDEFINED));
    }

    /// Writes an element of undefined length whose value (items and delimiter) is
    /// given as raw bytes: encapsulated pixels inside a sequence (PS3.5 A.4).
    pub fn fragments(&mut self, tag: Tag, vr: VR, raw: &[u8]) {
        self.header(tag, vr, UNDEFINED);
        self.out.extend_from_slice(raw);
    }

    /// Opens a sequence.
    pub fn begin_sequence(&mut self, tag: Tag, undefined: bool) {
        self.header(tag, VR::SQ, UNDEFINED);
        self.push_open(undefined);
    }

    /// Opens an item of the open sequence.
    pub fn begin_item(&mut self, undefined: bool) {
        self.tag(ITEM);
        self.out.extend_from_slice(&UNDEFINED.to_le_bytes());
        self.push_open(undefined);
    }

    /// Closes the open item.
    pub fn end_item(&mut self) {
        self.close(ITEM_END);
    }

    /// Closes the open sequence.
    pub fn end_sequence(&mut self) {
        self.close(SEQUENCE_END);
    }

    /// Inserts finished elements at an earlier place of the level that is open now,
    /// and nowhere deeper: a private creator before its first kept element.
    pub fn insert(&mut self, at: usize, elements: &[u8]) {
        let at = at.min(self.out.len());
        self.out.splice(at..at, elements.iter().copied());
    }

    /// The finished bytes. Levels still open are closed.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            let delimiter = if self.open.len().is_multiple_of(2) { ITEM_END } else { SEQUENCE_END };
            self.close(delimiter);
        }
        self.out
    }

    fn push_open(&mut self, undefined: bool) {
        let length_at = (!undefined).then(|| self.out.len() - 4);
        self.open.push(Open { length_at });
    }

    fn close(&mut self, delimiter: Tag) {
        let Some(open) = self.open.pop() else { return };
        match open.length_at {
            None => {
                self.tag(delimiter);
                self.out.extend_from_slice(&0u32.to_le_bytes());
            }
            Some(at) => self.patch(at),
        }
    }

    /// Writes the length of what stands behind the length field at `at`.
    fn patch(&mut self, at: usize) {
        let len = u32::try_from(self.out.len() - at - 4).unwrap_or(UNDEFINED);
        if let Some(field) = self.out.get_mut(at..at + 4) {
            field.copy_from_slice(&len.to_le_bytes());
        }
    }

    fn header(&mut self, tag: Tag, vr: VR, len: u32) {
        self.tag(tag);
        self.out.extend_from_slice(&vr.to_bytes());
        if has_short_length(vr) {
            let short = u16::try_from(len).unwrap_or(u16::MAX);
            self.out.extend_from_slice(&short.to_le_bytes());
        } else {
            self.out.extend_from_slice(&[0, 0]);
            self.out.extend_from_slice(&len.to_le_bytes());
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.out.extend_from_slice(&tag.group().to_le_bytes());
        self.out.extend_from_slice(&tag.element().to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_padded_to_even_length() {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0018), VR::UI, "1.2");
        writer.text(Tag(0x0010, 0x0020), VR::LO, "A");
        assert_eq!(writer.finish(), b"\x08\0\x18\0UI\x04\x001.2\0\x10\0\x20\0LO\x02\0A ");
    }

    #[test]
    fn defined_lengths_are_patched_when_a_level_closes() {
        let mut writer = Writer::default();
        writer.begin_sequence(Tag(0x0008, 0x1140), false);
        writer.begin_item(false);
        writer.text(Tag(0x0008, 0x1155), VR::UI, "1.22");
        writer.end_item();
        writer.end_sequence();
        let expected = b"\x08\0\x40\x11SQ\0\0\x14\0\0\0\xFE\xFF\0\xE0\x0C\0\0\0\x08\0\x55\x11UI\x04\x001.22";
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn undefined_lengths_get_delimiters() {
        let mut writer = Writer::default();
        writer.begin_sequence(Tag(0x0008, 0x1140), true);
        writer.begin_item(true);
        writer.end_item();
        writer.end_sequence();
        let expected = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF\
            \xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0";
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn a_value_too_long_for_its_vr_becomes_un() {
        let mut writer = Writer::default();
        writer.element(Tag(0x0008, 0x0018), VR::LT, &vec![b'x'; 0x1_0000]);
        assert_eq!(writer.finish().get(4..6), Some(&b"UN"[..]));
    }
}
