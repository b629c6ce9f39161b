//! The private blocks of one data set level: who owns which, and where their creator
//! elements go (PS3.5 7.8.1). Which private elements stay is decided in `plan`.

use crate::dicom::value;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};

/// The blocks reserved so far at one level.
#[derive(Debug, Default)]
pub struct Blocks {
    known: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    tag: Tag,
    creator: String,
    raw: Vec<u8>,
    /// Where in the output the creator element stands, or would.
    at: usize,
    written: bool,
}

impl Blocks {
    /// Notes a creator element met when the output was `at` bytes long. A creator that
    /// is not plain text owns nothing.
    pub fn note(&mut self, tag: Tag, raw: &[u8], at: usize) {
        if let Some(creator) = value::ascii(raw).filter(|text| !text.is_empty()) {
            self.known.retain(|block| block.tag != tag);
            self.known.push(Block {
                tag,
                creator: creator.to_owned(),
                raw: raw.to_vec(),
                at,
                written: false,
            });
        }
    }

    /// The creator that owns a private element: (gggg,xxee) belongs to (gggg,00xx).
    pub fn creator(&self, tag: Tag) -> Option<&str> {
        self.find(tag).map(|block| block.creator.as_str())
    }

    /// The creator element of `tag`'s block and where to insert it, the first time.
    pub fn claim(&mut self, tag: Tag) -> Option<(usize, Vec<u8>)> {
        let owner = creator_tag(tag);
        let block = self.known.iter_mut().find(|block| block.tag == owner && !block.written)?;
        block.written = true;
        let at = block.at;
        let mut out = Writer::default();
        out.element(block.tag, VR::LO, &block.raw);
        let element = out.finish();
        for later in self.known.iter_mut().filter(|other| other.at >= at && other.tag > owner) {
            later.at += element.len();
        }
        Some((at, element))
    }

    fn find(&self, tag: Tag) -> Option<&Block> {
        let owner = creator_tag(tag);
        self.known.iter().find(|block| block.tag == owner)
    }
}

fn creator_tag(tag: Tag) -> Tag {
    Tag(tag.group(), tag.element() >> 8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn elements_belong_to_the_creator_of_their_block_only() {
        let mut blocks = Blocks::default();
        blocks.note(Tag(0x0029, 0x0011), b"ACME ", 0);
        assert_eq!(blocks.creator(Tag(0x0029, 0x1101)), Some("ACME"));
        assert_eq!(blocks.creator(Tag(0x0029, 0x1001)), None);
        assert_eq!(blocks.creator(Tag(0x0031, 0x1101)), None);
    }

    #[test]
    fn creators_are_given_once_and_in_ascending_order_whichever_is_claimed_first() {
        let mut blocks = Blocks::default();
        blocks.note(Tag(0x0029, 0x0010), b"ONE ", 100);
        blocks.note(Tag(0x0029, 0x0011), b"TWO ", 100);
        let (two_at, two) = blocks.claim(Tag(0x0029, 0x1101)).unwrap();
        let (one_at, _) = blocks.claim(Tag(0x0029, 0x1001)).unwrap();
        assert_eq!((two_at, one_at), (100, 100), "ONE is inserted before TWO");
        assert!(two.ends_with(b"TWO "));
        assert!(blocks.claim(Tag(0x0029, 0x1102)).is_none());
    }
}
