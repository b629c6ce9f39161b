//! A data set as a list of its attributes, each with its place and its value for people.

use super::text;
use crate::deid::blocks::Blocks;
use crate::dicom::text::Charset;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::{Encoding, Fault, dictionary, value};
use dicom_core::{Tag, VR};
use std::borrow::Cow;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Sequences, outermost first, each with the number of an item (from 1).
pub(super) type Path = Vec<(Tag, u32)>;

/// One attribute.
pub(super) struct Element<'a> {
    pub(super) path: Path,
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) creator: Option<String>,
    /// Its value for people.
    pub(super) text: String,
    /// Its value; of a sequence how many items it has, nothing if it has none.
    pub(super) value: Cow<'a, [u8]>,
}

/// A data set to be listed.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) encoding: Encoding,
    /// Pixel Representation (0028,0103) is 1.
    pub(super) signed: bool,
    pub(super) depth: usize,
}

impl<'a> Data<'a> {
    /// At most `most` attributes; `true` if there are more.
    pub(super) fn elements(&self, most: usize) -> Result<(Vec<Element<'a>>, bool), Fault> {
        let mut walker = Walker::new(self.bytes, self.encoding, self.depth).with_signed_pixels(self.signed);
        let mut listing = Listing { levels: vec![Level::default()], ..Listing::default() };
        while let Some(token) = walker.next_token()? {
            if listing.found.len() >= most {
                return Ok((listing.found, true));
            }
            listing.take(token);
        }
        Ok((listing.found, false))
    }
}

/// A level under way.
#[derive(Default)]
struct Level {
    blocks: Blocks,
    charset: Charset,
}

#[derive(Default)]
struct Listing<'a> {
    found: Vec<Element<'a>>,
    path: Path,
    /// Where the open sequences stand in `found`.
    open: Vec<usize>,
    levels: Vec<Level>,
}

impl<'a> Listing<'a> {
    fn take(&mut self, token: Token<'a>) {
        match token {
            Token::Sequence { tag, .. } => {
                self.open.push(self.found.len());
                self.element(tag, VR::SQ, Cow::Borrowed(&[]));
                self.path.push((tag, 0));
            }
            Token::Item { .. } => {
                if let Some((_, item)) = self.path.last_mut() {
                    *item = item.saturating_add(1);
                }
                // An item without sets of its own has those of the data set (PS3.5 7.5.3).
                let charset = self.levels.last().map(|level| level.charset.clone()).unwrap_or_default();
                self.levels.push(Level { charset, ..Level::default() });
            }
            Token::ItemEnd => drop(self.levels.pop()),
            Token::SequenceEnd => self.sequence_end(),
            Token::Element { tag, vr, value, encoding } => {
                self.element(tag, vr, value::little_endian(value, vr, encoding));
            }
            Token::Fragments { tag, vr, value } => self.element(tag, vr, Cow::Borrowed(value)),
        }
    }

    fn sequence_end(&mut self) {
        let items = self.path.pop().map_or(0, |(_, items)| items);
        let element = self.open.pop().and_then(|index| self.found.get_mut(index));
        if let Some(element) = element.filter(|_| items > 0) {
            element.value = Cow::Owned(items.to_le_bytes().to_vec());
            element.text = if items == 1 { "1 item".to_owned() } else { format!("{items} items") };
        }
    }

    fn element(&mut self, tag: Tag, vr: VR, value: Cow<'a, [u8]>) {
        let (mut creator, mut text) = (None, String::new());
        if let Some(level) = self.levels.last_mut() {
            if dictionary::is_private_creator(tag) {
                level.blocks.note(tag, &value, 0);
            } else if tag == CHARACTER_SET {
                level.charset = Charset::of(&value);
            }
            creator = level.blocks.creator(tag).map(str::to_owned);
            text = text::of(vr, &value, &level.charset);
        }
        self.found.push(Element { path: self.path.clone(), tag, vr, creator, text, value });
    }
}
