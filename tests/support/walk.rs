//! An independent reader of Part 10 files, written from PS3.5 and PS3.10: bytes in, list of leaves out.
//! Containers (preamble, meta, transfer syntax, deflate) are here, the data set itself in `walk_body`.
//! Uses no code of the product and no DICOM library, so that it can be held against both.

use super::walk_body::{Body, Order};
use super::{Tag, syntax};
use std::io::Read;

/// What stands at one place of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The value bytes, numbers in little endian whatever the file's byte order was.
    Value(Vec<u8>),
    /// A sequence with so many items; what is in them follows as leaves of its own.
    Sequence(usize),
    /// Encapsulated pixels: the Basic Offset Table item first, then the fragments (PS3.5 A.4).
    Fragments(Vec<Vec<u8>>),
}

impl Content {
    /// The same, or compressed pixels of the same lengths in which bytes were written over at most: by zeros or blanks,
    /// by the ones of a JFIF header of its own, or by the mark of colours that are to be ignored.
    pub fn is_blanked_of(&self, before: &Content) -> bool {
        let (Content::Fragments(after), Content::Fragments(before)) = (self, before) else {
            return self == before;
        };
        let blank = |(after, before): (&u8, &u8)| after == before || matches!(after, 0 | 1 | b' ' | 0xFF);
        let alike = |(after, before): (&Vec<u8>, &Vec<u8>)| {
            after.len() == before.len() && after.iter().zip(before).all(blank)
        };
        after.len() == before.len() && after.iter().zip(before).all(alike)
    }
}

/// One element that was met, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Enclosing sequences and item numbers from 0, outermost first.
    pub path: Vec<(Tag, usize)>,
    pub tag: Tag,
    /// None in an implicit body.
    pub vr: Option<[u8; 2]>,
    pub content: Content,
}

impl Leaf {
    /// The value bytes; empty for a sequence, the joined fragments without the offset table for pixels.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.content {
            Content::Value(value) => value.clone(),
            Content::Sequence(_) => Vec::new(),
            Content::Fragments(parts) => parts.iter().skip(1).flatten().copied().collect(),
        }
    }

    /// `0010,0020`, in items `0008,1140[0].0008,1155`.
    pub fn place(&self) -> String {
        let mut out = String::new();
        for ((group, element), item) in &self.path {
            out += &format!("{group:04x},{element:04x}[{item}].");
        }
        out + &format!("{:04x},{:04x}", self.tag.0, self.tag.1)
    }
}

/// A whole file, as far as it could be read.
#[derive(Debug)]
pub struct Walked {
    /// Group 0002 without its group length.
    pub meta: Vec<Leaf>,
    /// The 128 bytes before `DICM`, if there were any.
    pub preamble: Option<Vec<u8>>,
    /// The transfer syntax that the body was read in; the declared one unless the body contradicts it.
    pub syntax: String,
    /// The data set after group 0002.
    pub leaves: Vec<Leaf>,
    /// Why and where reading stopped early; None when every byte was accounted for.
    pub fault: Option<String>,
}

impl Walked {
    /// The first leaf of this tag outside all sequences.
    pub fn top(&self, tag: Tag) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.path.is_empty() && leaf.tag == tag)
    }

    /// Text of a top-level element without its padding; None when absent.
    pub fn text(&self, tag: Tag) -> Option<String> {
        let value = self.top(tag)?.bytes();
        Some(String::from_utf8_lossy(&value).trim_end_matches(['\0', ' ']).to_owned())
    }

    /// Text of a file meta element without its padding.
    pub fn meta_text(&self, tag: Tag) -> Option<String> {
        let value = self.meta.iter().find(|leaf| leaf.tag == tag)?.bytes();
        Some(String::from_utf8_lossy(&value).trim_end_matches(['\0', ' ']).to_owned())
    }

    /// The pixel element outside all sequences: Pixel Data, Float or Double Float Pixel Data.
    pub fn pixels(&self) -> Option<&Leaf> {
        [(0x7fe0, 0x0010), (0x7fe0, 0x0008), (0x7fe0, 0x0009)].into_iter().find_map(|tag| self.top(tag))
    }
}

/// Read one file. Never fails outright: what could be read is returned, `fault` says what stopped it.
pub fn walk(file: &[u8]) -> Walked {
    let preamble = (file.get(128..132) == Some(b"DICM")).then(|| file[..128].to_vec());
    let after = match &preamble {
        Some(_) => 132,
        None if file.starts_with(b"DICM") => 4,
        None => 0,
    };
    let (meta, body) = read_meta(&file[after..]);
    let declared = meta.iter().find(|leaf| leaf.tag == (0x0002, 0x0010)).map(Leaf::bytes).unwrap_or_default();
    let declared = String::from_utf8_lossy(&declared).trim_end_matches(['\0', ' ']).to_owned();
    let (syntax, leaves, fault) = read_body(&declared, body);
    Walked { meta, preamble, syntax, leaves, fault }
}

/// Group 0002, always Explicit VR LE (PS3.10 7.1); its group length is not trusted.
fn read_meta(bytes: &[u8]) -> (Vec<Leaf>, &[u8]) {
    if bytes.get(..2) != Some(&[2, 0]) {
        return (Vec::new(), bytes);
    }
    let mut body = Body::new(bytes, Order::ExplicitLe);
    while body.next_group() == Some(2) {
        if body.element(&mut Vec::new(), 0).is_err() {
            break;
        }
    }
    let rest = body.rest();
    let mut meta = body.leaves;
    meta.retain(|leaf| leaf.tag != (2, 0));
    (meta, rest)
}

/// The order the declared syntax asks for, and the others after it: the first that accounts for every byte wins.
fn read_body(declared: &str, body: &[u8]) -> (String, Vec<Leaf>, Option<String>) {
    let inflated;
    let mut bytes = body;
    if declared == syntax::DEFLATED_LE {
        let mut out = Vec::new();
        // A cut or padded stream yields what it holds; the walk itself tells whether that is whole.
        let _ = flate2::read::DeflateDecoder::new(body).read_to_end(&mut out);
        inflated = out;
        bytes = &inflated;
    }
    let first = match declared {
        syntax::IMPLICIT_LE => Order::ImplicitLe,
        syntax::EXPLICIT_BE => Order::ExplicitBe,
        _ => Order::ExplicitLe,
    };
    let mut best: Option<(String, Vec<Leaf>, Option<String>)> = None;
    for order in [first, Order::ExplicitLe, Order::ImplicitLe, Order::ExplicitBe] {
        let name = if order == first && !declared.is_empty() { declared } else { order.syntax() };
        let mut walk = Body::new(bytes, order);
        let fault = walk.data_set();
        if fault.is_none() {
            return (name.to_owned(), walk.leaves, None);
        }
        if best.is_none() {
            best = Some((name.to_owned(), walk.leaves, fault));
        }
    }
    best.unwrap_or_default()
}
