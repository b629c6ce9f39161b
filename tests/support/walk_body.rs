//! The data set half of the independent reader: elements, items, fragments in the three encodings (PS3.5 7).

use super::walk::{Content, Leaf};
use super::{Tag, syntax, vr};

const UNDEFINED: u32 = 0xffff_ffff;
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
/// Deeper than any real file; keeps a hostile one from using up the test's stack.
const DEEPEST: usize = 200;

/// How the elements of a data set are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    ImplicitLe,
    ExplicitLe,
    ExplicitBe,
}

impl Order {
    /// The transfer syntax that means this order and nothing more.
    pub fn syntax(self) -> &'static str {
        match self {
            Order::ImplicitLe => syntax::IMPLICIT_LE,
            Order::ExplicitLe => syntax::EXPLICIT_LE,
            Order::ExplicitBe => syntax::EXPLICIT_BE,
        }
    }
}

/// A walk over one body: the place in it and what was met so far.
pub struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    pub leaves: Vec<Leaf>,
}

/// Where and why a walk stopped.
type Fault = String;

impl<'a> Body<'a> {
    pub fn new(bytes: &'a [u8], order: Order) -> Self {
        Body { bytes, at: 0, order, leaves: Vec::new() }
    }

    /// Walk to the end; the reason when the bytes do not add up. An empty body is one.
    pub fn data_set(&mut self) -> Option<Fault> {
        if self.bytes.is_empty() {
            return Some("no data set".to_owned());
        }
        while self.at < self.bytes.len() {
            // Zeros up to the end are what some writers pad a file with.
            if self.bytes[self.at..].iter().all(|&byte| byte == 0) {
                break;
            }
            if let Err(fault) = self.element(&mut Vec::new(), 0) {
                return Some(fault);
            }
        }
        None
    }

    /// Group of the element that comes next.
    pub fn next_group(&self) -> Option<u16> {
        let at = self.at;
        self.bytes.get(at..at + 2).map(|two| self.number16([two[0], two[1]]))
    }

    /// The bytes not walked yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    fn fault(&self, what: &str) -> Fault {
        format!("{what} at byte {}", self.at)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.fault("value longer than what is left"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn number16(&self, two: [u8; 2]) -> u16 {
        if self.order == Order::ExplicitBe { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        let two = self.take(2)?;
        Ok(self.number16([two[0], two[1]]))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let four = self.take(4)?;
        let four = [four[0], four[1], four[2], four[3]];
        Ok(if self.order == Order::ExplicitBe { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn tag(&mut self) -> Result<Tag, Fault> {
        Ok((self.u16()?, self.u16()?))
    }

    /// Tag, VR (None in an implicit body) and length.
    fn header(&mut self) -> Result<(Tag, Option<vr::Vr>, u32), Fault> {
        let tag = self.tag()?;
        if tag.0 == 0xfffe {
            return Ok((tag, None, self.u32()?));
        }
        if self.order == Order::ImplicitLe {
            return Ok((tag, None, self.u32()?));
        }
        let two = self.take(2)?;
        let name = [two[0], two[1]];
        if !vr::known(name) {
            return Err(self.fault("unknown VR"));
        }
        let length = if vr::long(name) {
            self.take(2)?;
            self.u32()?
        } else {
            u32::from(self.u16()?)
        };
        Ok((tag, Some(name), length))
    }

    /// Walk one element, in the sequences of `path`.
    pub fn element(&mut self, path: &mut Vec<(Tag, usize)>, depth: usize) -> Result<(), Fault> {
        let (tag, name, length) = self.header()?;
        if tag.0 == 0xfffe {
            return Err(self.fault("item or delimiter where an element belongs"));
        }
        let place = self.leaves.len();
        let pixels = matches!(name, Some([b'O', _])) || tag == (0x7fe0, 0x0010);
        let content = if length == UNDEFINED && pixels {
            Content::Fragments(self.fragments()?)
        } else if length == UNDEFINED || name == Some(*b"SQ") {
            Content::Sequence(self.sequence(tag, name, length, path, depth)?)
        } else {
            let raw = self.take(length as usize)?;
            match self.hidden_items(tag, name, raw, path, depth) {
                Some(items) => Content::Sequence(items),
                None => Content::Value(self.little_endian(name, raw)),
            }
        };
        self.leaves.insert(place, Leaf { path: path.clone(), tag, vr: name, content });
        Ok(())
    }

    fn little_endian(&self, name: Option<vr::Vr>, raw: &[u8]) -> Vec<u8> {
        match name {
            Some(name) if self.order == Order::ExplicitBe => vr::swap(name, raw),
            _ => raw.to_vec(),
        }
    }

    /// Items of a sequence, whose own header was read; the number of items.
    fn sequence(
        &mut self,
        tag: Tag,
        name: Option<vr::Vr>,
        length: u32,
        path: &mut Vec<(Tag, usize)>,
        depth: usize,
    ) -> Result<usize, Fault> {
        if depth > DEEPEST {
            return Err(self.fault("nested too deep"));
        }
        let (start, met, outer) = (self.at, self.leaves.len(), self.order);
        if name == Some(*b"UN") {
            // PS3.5 6.2.2 note 7: an unknown sequence is Implicit VR LE inside, whatever is around it.
            self.order = Order::ImplicitLe;
        }
        let mut result = self.items(tag, length, path, depth);
        if result.is_err() && self.order != outer {
            (self.at, self.order) = (start, outer);
            self.leaves.truncate(met);
            result = self.items(tag, length, path, depth);
        }
        self.order = outer;
        result
    }

    fn items(
        &mut self,
        tag: Tag,
        length: u32,
        path: &mut Vec<(Tag, usize)>,
        depth: usize,
    ) -> Result<usize, Fault> {
        let end = self.end_of(length)?;
        let mut count = 0;
        while self.at < end {
            let (item, _, item_length) = self.header()?;
            match item {
                SEQUENCE_END if length == UNDEFINED => return Ok(count),
                ITEM => {}
                _ => return Err(self.fault("no item where one belongs")),
            }
            path.push((tag, count));
            let result = self.item(item_length, path, depth);
            path.pop();
            result?;
            count += 1;
        }
        if length == UNDEFINED || self.at != end {
            return Err(self.fault("sequence without its end"));
        }
        Ok(count)
    }

    fn item(&mut self, length: u32, path: &mut Vec<(Tag, usize)>, depth: usize) -> Result<(), Fault> {
        let end = self.end_of(length)?;
        while self.at < end {
            if length == UNDEFINED && self.peek_tag() == Some(ITEM_END) {
                self.header()?;
                return Ok(());
            }
            self.element(path, depth + 1)?;
        }
        if length == UNDEFINED || self.at != end {
            return Err(self.fault("item without its end"));
        }
        Ok(())
    }

    fn end_of(&self, length: u32) -> Result<usize, Fault> {
        if length == UNDEFINED {
            return Ok(self.bytes.len());
        }
        let end = self.at + length as usize;
        if end > self.bytes.len() { Err(self.fault("longer than what is left")) } else { Ok(end) }
    }

    fn peek_tag(&self) -> Option<Tag> {
        let four = self.bytes.get(self.at..self.at + 4)?;
        Some((self.number16([four[0], four[1]]), self.number16([four[2], four[3]])))
    }

    /// Encapsulated pixels up to their Sequence Delimitation Item (PS3.5 A.4).
    fn fragments(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        let mut parts = Vec::new();
        loop {
            let (tag, _, length) = self.header()?;
            match tag {
                ITEM => parts.push(self.take(length as usize)?.to_vec()),
                SEQUENCE_END => return Ok(parts),
                _ => return Err(self.fault("no fragment where one belongs")),
            }
        }
    }

    /// A value without a VR of its own (implicit, or UN) that is made of whole items is a sequence of defined length.
    fn hidden_items(
        &mut self,
        tag: Tag,
        name: Option<vr::Vr>,
        raw: &[u8],
        path: &mut Vec<(Tag, usize)>,
        depth: usize,
    ) -> Option<usize> {
        let nameless = name.is_none() || name == Some(*b"UN");
        if !nameless || depth > DEEPEST || !raw.starts_with(&[0xfe, 0xff, 0x00, 0xe0]) {
            return None;
        }
        let orders: &[Order] =
            if name.is_none() { &[Order::ImplicitLe] } else { &[Order::ImplicitLe, Order::ExplicitLe] };
        orders.iter().find_map(|&order| {
            let mut inner = Body::new(raw, order);
            let items = inner.items(tag, raw.len() as u32, path, depth).ok()?;
            self.leaves.append(&mut inner.leaves);
            Some(items)
        })
    }
}
