//! A writer of synthetic Part 10 files from a small tree, after PS3.5 and PS3.10. No code of the product, no DICOM library.
//! Values are given in little endian; an Explicit BE file is swapped on writing. What is asked for is written, legal or not.

use super::{Tag, syntax, vr};
use std::io::Write;

const UNDEFINED: u32 = 0xffff_ffff;

/// How the end of a sequence and of its items is told (PS3.5 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Defined,
    Undefined,
}

/// What an element holds.
#[derive(Clone, Debug)]
pub enum Value {
    Bytes(Vec<u8>),
    Items(Length, Vec<Vec<Element>>),
    /// Encapsulated pixels; the first fragment is the Basic Offset Table.
    Fragments(Vec<Vec<u8>>),
}

/// One element of a tree.
#[derive(Clone, Debug)]
pub struct Element {
    pub tag: Tag,
    pub vr: vr::Vr,
    pub value: Value,
}

/// Text, padded to an even length as the VR asks.
pub fn text(tag: Tag, vr: &vr::Vr, value: &str) -> Element {
    bytes(tag, vr, value.as_bytes())
}

/// Value bytes in little endian, padded to an even length.
pub fn bytes(tag: Tag, vr: &vr::Vr, value: &[u8]) -> Element {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(vr::pad(*vr));
    }
    odd(tag, vr, &value)
}

/// Value bytes as they are, odd lengths included.
pub fn odd(tag: Tag, vr: &vr::Vr, value: &[u8]) -> Element {
    Element { tag, vr: *vr, value: Value::Bytes(value.to_vec()) }
}

/// A number of VR US.
pub fn us(tag: Tag, value: u16) -> Element {
    bytes(tag, b"US", &value.to_le_bytes())
}

/// A sequence of VR SQ.
pub fn sequence(tag: Tag, length: Length, items: Vec<Vec<Element>>) -> Element {
    Element { tag, vr: *b"SQ", value: Value::Items(length, items) }
}

/// A sequence whose writer did not know its VR: UN of undefined length, items in Implicit VR LE (PS3.5 6.2.2).
pub fn unknown_sequence(tag: Tag, items: Vec<Vec<Element>>) -> Element {
    Element { tag, vr: *b"UN", value: Value::Items(Length::Undefined, items) }
}

/// Encapsulated Pixel Data with an empty Basic Offset Table (PS3.5 A.4).
pub fn fragments(parts: &[&[u8]]) -> Element {
    let table = std::iter::once(Vec::new());
    let parts = table.chain(parts.iter().map(|part| part.to_vec())).collect();
    Element { tag: (0x7fe0, 0x0010), vr: *b"OB", value: Value::Fragments(parts) }
}

/// A private block: the creator and its elements, given by their low byte (PS3.5 7.8.1).
pub fn private(group: u16, block: u8, creator: &str, elements: &[(u8, &vr::Vr, &[u8])]) -> Vec<Element> {
    let mut out = vec![text((group, u16::from(block)), b"LO", creator)];
    for (low, name, value) in elements {
        out.push(bytes((group, u16::from(block) << 8 | u16::from(*low)), name, value));
    }
    out
}

/// A file to be written.
#[derive(Clone, Debug)]
pub struct Part10 {
    /// What the meta says.
    pub declared: String,
    /// What the body is written in; the declared syntax unless changed.
    pub body: String,
    pub preamble: Option<[u8; 128]>,
    /// Whether there is a group 0002 at all, and whether it has its group length.
    pub meta: bool,
    pub meta_length: bool,
    /// More elements of group 0002.
    pub more_meta: Vec<Element>,
    /// Written in this order; see [`Part10::sorted`].
    pub elements: Vec<Element>,
}

impl Part10 {
    /// A file of this transfer syntax, elements in the order given.
    pub fn new(declared: &str, elements: Vec<Element>) -> Self {
        Part10 {
            declared: declared.to_owned(),
            body: declared.to_owned(),
            preamble: Some([0; 128]),
            meta: true,
            meta_length: true,
            more_meta: Vec::new(),
            elements,
        }
    }

    /// With the top level in the order of its tags, as PS3.5 7.1 asks; equal tags keep their order.
    pub fn sorted(mut self) -> Self {
        self.elements.sort_by_key(|element| element.tag);
        self
    }

    /// The bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(preamble) = &self.preamble {
            out.extend_from_slice(preamble);
            out.extend_from_slice(b"DICM");
        }
        if self.meta {
            out.extend(self.group_2());
        }
        let mut body = Vec::new();
        let encoding = Encoding::of(&self.body);
        encoding.data_set(&self.elements, &mut body);
        if self.body == syntax::DEFLATED_LE {
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            deflate.write_all(&body).unwrap();
            body = deflate.finish().unwrap();
            if body.len() % 2 == 1 {
                body.push(0);
            }
        }
        out.extend(body);
        out
    }

    fn group_2(&self) -> Vec<u8> {
        let named = |tag| {
            self.elements.iter().find(|element| element.tag == tag).map(|element| element.value.clone())
        };
        let mut meta = vec![bytes((2, 1), b"OB", &[0, 1])];
        for (to, from) in [((2, 2), (8, 0x16)), ((2, 3), (8, 0x18))] {
            meta.extend(named(from).map(|value| Element { tag: to, vr: *b"UI", value }));
        }
        meta.push(text((2, 0x10), b"UI", &self.declared));
        meta.push(text((2, 0x12), b"UI", "2.25.1"));
        meta.extend(self.more_meta.iter().cloned());
        let mut inner = Vec::new();
        Encoding::of(syntax::EXPLICIT_LE).data_set(&meta, &mut inner);
        let mut out = Vec::new();
        if self.meta_length {
            let length = bytes((2, 0), b"UL", &(inner.len() as u32).to_le_bytes());
            Encoding::of(syntax::EXPLICIT_LE).element(&length, &mut out);
        }
        out.extend(inner);
        out
    }
}

/// The two choices of PS3.5 7.1: is the VR written, which byte comes first.
#[derive(Clone, Copy)]
struct Encoding {
    explicit: bool,
    big: bool,
}

impl Encoding {
    fn of(uid: &str) -> Self {
        Encoding { explicit: uid != syntax::IMPLICIT_LE, big: uid == syntax::EXPLICIT_BE }
    }

    fn data_set(self, elements: &[Element], out: &mut Vec<u8>) {
        for element in elements {
            self.element(element, out);
        }
    }

    fn u16(self, number: u16, out: &mut Vec<u8>) {
        out.extend(if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn u32(self, number: u32, out: &mut Vec<u8>) {
        out.extend(if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn tag(self, tag: Tag, out: &mut Vec<u8>) {
        self.u16(tag.0, out);
        self.u16(tag.1, out);
    }

    fn header(self, element: &Element, length: u32, out: &mut Vec<u8>) {
        self.tag(element.tag, out);
        if !self.explicit {
            return self.u32(length, out);
        }
        out.extend(element.vr);
        if vr::long(element.vr) {
            out.extend([0, 0]);
            self.u32(length, out);
        } else {
            assert!(length <= 0xffff, "a value of {length} bytes does not fit a short VR");
            self.u16(length as u16, out);
        }
    }

    fn element(self, element: &Element, out: &mut Vec<u8>) {
        match &element.value {
            Value::Bytes(value) => {
                self.header(element, value.len() as u32, out);
                out.extend(if self.big { vr::swap(element.vr, value) } else { value.clone() });
            }
            Value::Items(length, items) => self.items(element, *length, items, out),
            Value::Fragments(parts) => {
                self.header(element, UNDEFINED, out);
                for part in parts {
                    self.tag((0xfffe, 0xe000), out);
                    self.u32(part.len() as u32, out);
                    out.extend(part);
                }
                self.end((0xfffe, 0xe0dd), out);
            }
        }
    }

    fn items(self, element: &Element, length: Length, items: &[Vec<Element>], out: &mut Vec<u8>) {
        let inside = if element.vr == *b"UN" { Encoding { explicit: false, big: false } } else { self };
        let mut body = Vec::new();
        for item in items {
            let mut inner = Vec::new();
            inside.data_set(item, &mut inner);
            inside.tag((0xfffe, 0xe000), &mut body);
            inside.u32(if length == Length::Defined { inner.len() as u32 } else { UNDEFINED }, &mut body);
            body.extend(inner);
            if length == Length::Undefined {
                inside.end((0xfffe, 0xe00d), &mut body);
            }
        }
        if length == Length::Undefined {
            inside.end((0xfffe, 0xe0dd), &mut body);
        }
        self.header(element, if length == Length::Defined { body.len() as u32 } else { UNDEFINED }, out);
        out.extend(body);
    }

    fn end(self, tag: Tag, out: &mut Vec<u8>) {
        self.tag(tag, out);
        self.u32(0, out);
    }
}
