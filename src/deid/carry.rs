//! Carries the engine's decisions out over encoded bytes: reads the old data set, writes
//! a new one. An element nobody decided about does not exist in the output.

use super::blocks::Blocks;
use super::engine::{Decision, Engine, Fate, Place, Subject};
use super::receipt::Counts;
use super::refusal::Refusal;
use super::stamp;
use crate::dicom::comments::Comments;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, dictionary, value};
use bytes::Bytes;
use dicom_core::{Tag, VR};

/// One data set on its way from old to new.
pub struct Carrier<'a> {
    engine: &'a Engine,
    subject: &'a Subject,
    out: Writer,
    path: Vec<Tag>,
    /// Private blocks of each open level, root first.
    levels: Vec<Blocks>,
    /// Stamps not written yet, the next one last.
    stamps: Vec<(Tag, Vec<u8>)>,
    counts: Counts,
}

impl<'a> Carrier<'a> {
    /// Carries for one instance; `stamps` in ascending order go in where they belong.
    pub fn new(
        engine: &'a Engine,
        subject: &'a Subject,
        mut stamps: Vec<(Tag, Vec<u8>)>,
        capacity: usize,
    ) -> Self {
        stamps.reverse();
        Self {
            engine,
            subject,
            out: Writer::with_capacity(capacity),
            path: Vec::new(),
            levels: vec![Blocks::default()],
            stamps,
            counts: Counts::default(),
        }
    }

    /// Walks `bytes` and writes what the engine leaves of it.
    pub fn carry(&mut self, bytes: &[u8], encoding: Encoding, max_depth: usize) -> Result<(), Refusal> {
        let signed = self.subject.facts.signed_pixels;
        let mut walker = Walker::new(bytes, encoding, max_depth).with_signed_pixels(signed);
        while let Some(token) = walker.next_token()? {
            self.token(token, &mut walker)?;
        }
        Ok(())
    }

    /// The new data set and the fates of its elements.
    pub fn finish(mut self) -> (Vec<u8>, Counts) {
        self.write_stamps(Tag(0xFFFF, 0xFFFF));
        (self.out.finish(), self.counts)
    }

    fn token(&mut self, token: Token<'_>, walker: &mut Walker<'_>) -> Result<(), Refusal> {
        match token {
            Token::Sequence { tag, undefined } => self.sequence(tag, undefined, walker)?,
            Token::Item { undefined } => {
                self.out.begin_item(undefined);
                self.levels.push(Blocks::default());
            }
            Token::ItemEnd => {
                self.levels.pop();
                self.out.end_item();
            }
            Token::SequenceEnd => {
                self.path.pop();
                self.out.end_sequence();
            }
            Token::Element { tag, vr, value, encoding } => self.element(tag, vr, value, encoding)?,
            Token::Fragments { tag, vr, value } => self.fragments(tag, vr, value)?,
        }
        Ok(())
    }

    fn sequence(&mut self, tag: Tag, undefined: bool, walker: &mut Walker<'_>) -> Result<(), Refusal> {
        if self.at_root(tag) {
            walker.skip_sequence()?;
            return Ok(());
        }
        match self.engine.sequence(self.subject, self.place(tag), tag) {
            Decision::Keep => {
                self.counts.kept += 1;
                self.claim_block(tag);
                self.out.begin_sequence(tag, undefined);
                self.path.push(tag);
                return Ok(());
            }
            Decision::Empty => {
                self.counts.emptied += 1;
                self.claim_block(tag);
                self.out.element(tag, VR::SQ, &[]);
            }
            Decision::Item(elements) => {
                self.counts.replaced += 1;
                self.claim_block(tag);
                self.out.begin_sequence(tag, undefined);
                self.out.begin_item(undefined);
                self.out.raw(&elements);
                self.out.end_item();
                self.out.end_sequence();
            }
            Decision::Remove | Decision::Value(..) => self.counts.removed += 1,
        }
        walker.skip_sequence()?;
        Ok(())
    }

    fn element(&mut self, tag: Tag, vr: VR, raw: &[u8], encoding: Encoding) -> Result<(), Refusal> {
        if self.at_root(tag) {
            return Ok(());
        }
        if dictionary::is_private_creator(tag) {
            self.note_creator(tag, raw);
            return Ok(());
        }
        let value = value::little_endian(raw, vr, encoding);
        match self.engine.element(self.subject, self.place(tag), tag, vr, &value)? {
            Decision::Keep => {
                self.counts.kept += 1;
                self.claim_block(tag);
                self.out.element(tag, vr, &value);
            }
            Decision::Empty => {
                self.counts.emptied += 1;
                self.claim_block(tag);
                self.out.element(tag, vr, &[]);
            }
            Decision::Value(bytes, fate) => {
                self.count(fate);
                self.claim_block(tag);
                self.out.element(tag, vr, &bytes);
            }
            Decision::Remove | Decision::Item(_) => self.counts.removed += 1,
        }
        Ok(())
    }

    /// Encapsulated pixels inside an item: without what is said beside the picture, or not at all.
    fn fragments(&mut self, tag: Tag, vr: VR, raw: &[u8]) -> Result<(), Refusal> {
        if self.at_root(tag) {
            return Ok(());
        }
        match self.engine.element(self.subject, self.place(tag), tag, vr, raw)? {
            Decision::Keep => {
                self.counts.kept += 1;
                self.claim_block(tag);
                let bare = Comments::of_any().push(Bytes::copy_from_slice(raw))?;
                self.out.fragments(tag, vr, &bare);
            }
            _ => self.counts.removed += 1,
        }
        Ok(())
    }

    /// At top level: writes the stamps that come before `tag`; true if `tag` itself is
    /// one, which the gateway writes and the source does not.
    fn at_root(&mut self, tag: Tag) -> bool {
        if self.path.is_empty() && self.levels.len() == 1 {
            self.write_stamps(tag);
            return stamp::is_stamp(tag);
        }
        false
    }

    fn write_stamps(&mut self, before: Tag) {
        while let Some((_, bytes)) = self.stamps.pop_if(|(tag, _)| *tag <= before) {
            self.out.raw(&bytes);
        }
    }

    fn place(&self, tag: Tag) -> Place<'_> {
        Place { path: &self.path, creator: self.levels.last().and_then(|blocks| blocks.creator(tag)) }
    }

    /// A creator is removed unless an element of its block stays.
    fn note_creator(&mut self, tag: Tag, raw: &[u8]) {
        self.counts.removed += 1;
        let at = self.out.len();
        if let Some(blocks) = self.levels.last_mut() {
            blocks.note(tag, raw, at);
        }
    }

    /// Writes the creator of a private element's block before the block's first element
    /// that stays (PS3.15 E.3.10).
    fn claim_block(&mut self, tag: Tag) {
        if !dictionary::is_private(tag) {
            return;
        }
        if let Some((at, element)) = self.levels.last_mut().and_then(|blocks| blocks.claim(tag)) {
            self.out.insert(at, &element);
            self.counts.removed -= 1;
            self.counts.kept += 1;
        }
    }

    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Replaced => self.counts.replaced += 1,
            Fate::Uid => self.counts.uids += 1,
            Fate::Shifted => self.counts.shifted += 1,
        }
    }
}
