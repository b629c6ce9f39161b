//! Walks an encoded data set in one pass, nested sequences included, and yields
//! tokens. Neither recursion nor rescanning: depth and time are bounded. What to do
//! with an element is not decided here.

use super::dictionary;
use super::fault::{Fault, FaultKind};
use super::header::{self, Header, ITEM, ITEM_END, SEQUENCE_END};
use super::syntax::Encoding;
use super::token::Token;
use dicom_core::{Tag, VR};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sequence,
    Item,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    kind: Kind,
    tag: Tag,
    /// Where the level ends; `None` if a delimiter tells.
    end: Option<usize>,
    /// The innermost known end of this and all outer levels.
    limit: usize,
    encoding: Encoding,
}

/// The walk itself. After a fault the walk is over.
#[derive(Debug)]
pub struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    root: Encoding,
    levels: Vec<Level>,
    max_depth: usize,
    signed_pixels: bool,
    /// Look into UN values for sequences; off in the trial walk, so that nested UN
    /// values cannot make the work grow exponentially.
    probe_unknown: bool,
}

impl<'a> Walker<'a> {
    /// Walks `bytes` in `encoding`, at most `max_depth` sequences deep.
    pub fn new(bytes: &'a [u8], encoding: Encoding, max_depth: usize) -> Self {
        Self {
            bytes,
            at: 0,
            root: encoding,
            levels: Vec::new(),
            max_depth,
            signed_pixels: false,
            probe_unknown: true,
        }
    }

    /// Tells that pixel values are signed, which decides VRs of implicit encoding.
    pub fn with_signed_pixels(mut self, signed: bool) -> Self {
        self.signed_pixels = signed;
        self
    }

    /// How many sequences are open.
    pub fn depth(&self) -> usize {
        self.levels.len().div_ceil(2)
    }

    /// The next token; `None` at the end of the data set.
    pub fn next_token(&mut self) -> Result<Option<Token<'a>>, Fault> {
        match self.levels.last().copied() {
            Some(level) if level.end.is_some_and(|end| self.at >= end) => self.leave().map(Some),
            Some(level) if level.kind == Kind::Sequence => self.item(level).map(Some),
            None if self.at >= self.bytes.len() => Ok(None),
            None if self.at_zeros() => self.padding(),
            level => self.element(level),
        }
    }

    /// Tag (0000,0000), or what is left of it at the very end.
    fn at_zeros(&self) -> bool {
        self.bytes.get(self.at..).unwrap_or_default().iter().take(4).all(|byte| *byte == 0)
    }

    /// Zeros up to the end are padding. Other bytes behind zeros are a fault: looking for the end of the zeros again and
    /// again would take quadratic time, and no command group stands in a data set (PS3.7 E.1).
    fn padding(&mut self) -> Result<Option<Token<'a>>, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        if rest.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(FaultKind::TrailingBytes.into()) }
    }

    /// Skips the sequence that the last token opened, its end token included.
    pub fn skip_sequence(&mut self) -> Result<(), Fault> {
        let outer = self.levels.len().saturating_sub(1);
        if let Some(end) = self.levels.last().and_then(|level| level.end) {
            self.at = end;
            self.levels.truncate(outer);
            return Ok(());
        }
        while self.levels.len() > outer {
            self.next_token()?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<Token<'a>, Fault> {
        let Some(level) = self.levels.pop() else {
            return Err(FaultKind::BadLength.into());
        };
        if level.end.is_some_and(|end| self.at > end) {
            return Err(Fault::at(FaultKind::BadLength, level.tag));
        }
        Ok(if level.kind == Kind::Item { Token::ItemEnd } else { Token::SequenceEnd })
    }

    fn item(&mut self, sequence: Level) -> Result<Token<'a>, Fault> {
        let header = self.header(sequence.encoding, sequence.limit, sequence.tag)?;
        self.at += header.size;
        match header.tag {
            ITEM => {
                self.enter(Kind::Item, sequence.tag, header.len, sequence.limit, sequence.encoding)?;
                Ok(Token::Item { undefined: header.len.is_none() })
            }
            SEQUENCE_END if sequence.end.is_none() => {
                self.levels.pop();
                Ok(Token::SequenceEnd)
            }
            _ => Err(Fault::at(FaultKind::BadItem, sequence.tag)),
        }
    }

    fn element(&mut self, level: Option<Level>) -> Result<Option<Token<'a>>, Fault> {
        let (encoding, limit, parent) = match level {
            Some(level) => (level.encoding, level.limit, level.tag),
            None => (self.root, self.bytes.len(), Tag(0, 0)),
        };
        let header = self.header(encoding, limit, parent)?;
        if header.tag.group() == 0xFFFE {
            return self.delimiter(header, level).map(Some);
        }
        let vr = self.vr(&header);
        let value_at = self.at + header.size;
        match header.len {
            None => self.undefined(header.tag, vr, value_at, limit, encoding).map(Some),
            Some(len) => self.defined(header.tag, vr, value_at, len, limit, encoding).map(Some),
        }
    }

    fn delimiter(&mut self, header: Header, level: Option<Level>) -> Result<Token<'a>, Fault> {
        self.at += header.size;
        match level {
            Some(level) if header.tag == ITEM_END && level.end.is_none() => {
                self.levels.pop();
                Ok(Token::ItemEnd)
            }
            Some(level) => Err(Fault::at(FaultKind::BadItem, level.tag)),
            None => Err(FaultKind::BadItem.into()),
        }
    }

    fn defined(
        &mut self,
        tag: Tag,
        vr: VR,
        at: usize,
        len: u32,
        limit: usize,
        encoding: Encoding,
    ) -> Result<Token<'a>, Fault> {
        let end = at.checked_add(len as usize).filter(|end| *end <= limit);
        let Some(end) = end else {
            return Err(self.overrun(tag, limit));
        };
        let value = self.bytes.get(at..end).unwrap_or_default();
        if vr == VR::SQ {
            self.at = at;
            self.enter(Kind::Sequence, tag, Some(len), limit, encoding)?;
            return Ok(Token::Sequence { tag, undefined: false });
        }
        if vr == VR::UN && self.probe_unknown && self.holds_items(value) {
            self.at = at;
            self.enter(Kind::Sequence, tag, Some(len), limit, Encoding::ImplicitLittle)?;
            return Ok(Token::Sequence { tag, undefined: false });
        }
        self.at = end;
        Ok(Token::Element { tag, vr, value, encoding })
    }

    /// PS3.5 6.2.2 and 7.5: an undefined length belongs to a sequence (in UN always
    /// encoded implicit) or to encapsulated pixels.
    fn undefined(
        &mut self,
        tag: Tag,
        vr: VR,
        at: usize,
        limit: usize,
        encoding: Encoding,
    ) -> Result<Token<'a>, Fault> {
        self.at = at;
        let pixels = tag.group() == 0x7FE0 || (encoding.is_explicit() && matches!(vr, VR::OB | VR::OW));
        if pixels && vr != VR::SQ {
            return self.fragments(tag, vr, limit);
        }
        let inner = match vr {
            VR::SQ => encoding,
            VR::UN => Encoding::ImplicitLittle,
            _ if !encoding.is_explicit() => encoding,
            _ => return Err(Fault::at(FaultKind::BadLength, tag)),
        };
        self.enter(Kind::Sequence, tag, None, limit, inner)?;
        Ok(Token::Sequence { tag, undefined: true })
    }

    fn fragments(&mut self, tag: Tag, vr: VR, limit: usize) -> Result<Token<'a>, Fault> {
        let start = self.at;
        loop {
            let header = self.header(Encoding::ImplicitLittle, limit, tag)?;
            self.at += header.size;
            match (header.tag, header.len) {
                (SEQUENCE_END, _) => break,
                (ITEM, Some(len)) => {
                    let end = self.at.checked_add(len as usize).filter(|end| *end <= limit);
                    self.at = end.ok_or_else(|| self.overrun(tag, limit))?;
                }
                _ => return Err(Fault::at(FaultKind::BadItem, tag)),
            }
        }
        Ok(Token::Fragments { tag, vr, value: self.bytes.get(start..self.at).unwrap_or_default() })
    }

    fn enter(
        &mut self,
        kind: Kind,
        tag: Tag,
        len: Option<u32>,
        limit: usize,
        encoding: Encoding,
    ) -> Result<(), Fault> {
        let end = match len {
            None => None,
            Some(len) => Some(
                self.at
                    .checked_add(len as usize)
                    .filter(|end| *end <= limit)
                    .ok_or_else(|| self.overrun(tag, limit))?,
            ),
        };
        if kind == Kind::Sequence && self.depth() >= self.max_depth {
            return Err(Fault::at(FaultKind::TooDeep, tag));
        }
        self.levels.push(Level { kind, tag, end, limit: end.unwrap_or(limit), encoding });
        Ok(())
    }

    fn header(&self, encoding: Encoding, limit: usize, parent: Tag) -> Result<Header, Fault> {
        let rest = self.bytes.get(self.at..limit).unwrap_or_default();
        match header::decode(rest, encoding)? {
            Some(header) => Ok(header),
            None => Err(self.overrun(parent, limit)),
        }
    }

    /// Past the end of all bytes: truncated. Past an enclosing level only: a lie.
    fn overrun(&self, tag: Tag, limit: usize) -> Fault {
        let kind = if limit == self.bytes.len() { FaultKind::Truncated } else { FaultKind::BadLength };
        Fault::at(kind, tag)
    }

    fn vr(&self, header: &Header) -> VR {
        match header.vr {
            Some(vr) => vr,
            None if header.size == 12 => VR::UN,
            None => self.implied(header),
        }
    }

    fn implied(&self, header: &Header) -> VR {
        dictionary::vr_of(header.tag, self.signed_pixels).unwrap_or(VR::UN)
    }

    /// A trial walk: is this UN value a complete implicit VR sequence (PS3.5 6.2.2)?
    fn holds_items(&self, value: &'a [u8]) -> bool {
        if !value.starts_with(&[0xFE, 0xFF, 0x00, 0xE0]) {
            return false;
        }
        let limit = value.len();
        let level = Level {
            kind: Kind::Sequence,
            tag: ITEM,
            end: Some(limit),
            limit,
            encoding: Encoding::ImplicitLittle,
        };
        let mut trial = Walker::new(value, Encoding::ImplicitLittle, self.max_depth);
        trial.probe_unknown = false;
        trial.levels.push(level);
        while !trial.levels.is_empty() {
            if trial.next_token().is_err() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::writer::Writer;
    use super::*;

    fn tokens(bytes: &[u8], encoding: Encoding) -> Result<Vec<Token<'_>>, Fault> {
        let mut walker = Walker::new(bytes, encoding, 8);
        let mut found = Vec::new();
        while let Some(token) = walker.next_token()? {
            found.push(token);
        }
        Ok(found)
    }

    fn nested(undefined: bool, depth: usize) -> Vec<u8> {
        let mut writer = Writer::default();
        for _ in 0..depth {
            writer.begin_sequence(Tag(0x0008, 0x1140), undefined);
            writer.begin_item(undefined);
        }
        writer.text(Tag(0x0008, 0x1155), VR::UI, "1.22");
        writer.finish()
    }

    #[test]
    fn defined_and_undefined_nesting_give_the_same_tokens() {
        for undefined in [true, false] {
            let bytes = nested(undefined, 2);
            let found = tokens(&bytes, Encoding::ExplicitLittle).unwrap();
            assert_eq!(found.len(), 9, "{found:?}");
            assert_eq!(found[8], Token::SequenceEnd);
            assert!(matches!(found[4], Token::Element { value: b"1.22", vr: VR::UI, .. }));
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let fault = tokens(&nested(true, 9), Encoding::ExplicitLittle).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooDeep);
    }

    #[test]
    fn every_truncation_is_told() {
        let bytes = nested(true, 2);
        for cut in 1..bytes.len() {
            assert!(tokens(&bytes[..cut], Encoding::ExplicitLittle).is_err(), "{cut}");
        }
    }

    #[test]
    fn an_item_that_outgrows_its_sequence_is_a_bad_length() {
        let mut bytes = nested(false, 1);
        bytes[16] = 0x40;
        bytes.extend_from_slice(&[0; 80]);
        assert_eq!(tokens(&bytes, Encoding::ExplicitLittle).unwrap_err().kind, FaultKind::BadLength);
    }

    #[test]
    fn un_of_undefined_length_is_walked_as_implicit() {
        let mut bytes = b"\x11\0\x01\x10UN\0\0\xFF\xFF\xFF\xFF".to_vec();
        bytes
            .extend_from_slice(b"\xFE\xFF\0\xE0\x0C\0\0\0\x10\0\x20\0\x04\0\0\0ABCD\xFE\xFF\xDD\xE0\0\0\0\0");
        let found = tokens(&bytes, Encoding::ExplicitLittle).unwrap();
        assert!(matches!(found[2], Token::Element { vr: VR::LO, value: b"ABCD", .. }), "{found:?}");
    }

    #[test]
    fn un_of_defined_length_is_walked_only_if_it_is_a_whole_sequence() {
        let items = b"\xFE\xFF\0\xE0\x0C\0\0\0\x10\0\x20\0\x04\0\0\0ABCD";
        let element = |value: &[u8]| {
            let mut writer = Writer::default();
            writer.element(Tag(0x0011, 0x1001), VR::UN, value);
            writer.finish()
        };
        let whole = element(items);
        assert!(matches!(tokens(&whole, Encoding::ExplicitLittle).unwrap()[0], Token::Sequence { .. }));
        let cut = element(&items[..18]);
        assert!(matches!(tokens(&cut, Encoding::ExplicitLittle).unwrap()[0], Token::Element { .. }));
    }

    #[test]
    fn a_skipped_sequence_leaves_the_walk_behind_it() {
        for undefined in [true, false] {
            let mut bytes = nested(undefined, 3);
            bytes.extend_from_slice(b"\x10\0\x20\0LO\x02\0A ");
            let mut walker = Walker::new(&bytes, Encoding::ExplicitLittle, 8);
            assert!(matches!(walker.next_token().unwrap(), Some(Token::Sequence { .. })));
            walker.skip_sequence().unwrap();
            assert!(matches!(walker.next_token().unwrap(), Some(Token::Element { value: b"A ", .. })));
            assert_eq!(walker.next_token().unwrap(), None);
        }
    }
}
