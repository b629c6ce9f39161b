//! The second walk over an instance that is to be restored: writes it anew with its originals. What they are was found
//! out before; nothing is looked up or refused here for whose it is.

use super::survey::goes;
use super::{Known, Study, modules};
use crate::deid::blocks::Blocks;
use crate::deid::dates;
use crate::deid::engine::{Engine, Place, meaning};
use crate::deid::receipt::Counts;
use crate::deid::refusal::Refusal;
use crate::deid::sop::SopKind;
use crate::deid::stamp;
use crate::dicom::text::Charset;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, dictionary, value};
use chrono::NaiveDate;
use dicom_core::{Tag, VR};
use std::borrow::Cow;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// What every element of an instance is restored by.
pub(super) struct Subject {
    pub sop: SopKind,
    pub study: Study,
    pub known: Known,
    /// The patient's pseudonym, as sent.
    pub pseudonym: Vec<u8>,
    pub shift_days: u32,
    pub today: NaiveDate,
    pub signed_pixels: bool,
}

/// One data set on its way.
pub(super) struct Carrier<'a> {
    engine: &'a Engine,
    subject: &'a Subject,
    out: Writer,
    path: Vec<Tag>,
    /// Root first.
    levels: Vec<Level>,
    /// What goes into the root and is not written yet, the next one last.
    inserts: Vec<(Tag, Vec<u8>)>,
    counts: Counts,
}

#[derive(Default)]
struct Level {
    /// If the level says so itself; else that of the level around it.
    charset: Option<Charset>,
    blocks: Blocks,
}

/// True for VRs whose bytes mean what Specific Character Set says (PS3.5 6.1.2.2).
pub(super) fn is_text(vr: VR) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
}

impl<'a> Carrier<'a> {
    /// Carries the head, which gets the study's attributes.
    pub(super) fn of_head(engine: &'a Engine, subject: &'a Subject, capacity: usize) -> Self {
        let mut inserts = subject.study.elements.clone();
        if !subject.study.is_ascii {
            let mut unicode = Writer::default();
            unicode.text(CHARACTER_SET, VR::CS, "ISO_IR 192");
            inserts.push((CHARACTER_SET, unicode.finish()));
        }
        inserts.sort_by_key(|(tag, _)| std::cmp::Reverse(*tag));
        Self { inserts, ..Self::of_tail(engine, subject, capacity) }
    }

    /// Carries what stands behind the bulk value.
    pub(super) fn of_tail(engine: &'a Engine, subject: &'a Subject, capacity: usize) -> Self {
        Self {
            engine,
            subject,
            out: Writer::with_capacity(capacity),
            path: Vec::new(),
            levels: vec![Level::default()],
            inserts: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Walks `bytes` and writes them anew.
    pub(super) fn carry(mut self, bytes: &[u8], encoding: Encoding, depth: usize) -> Result<Self, Refusal> {
        let mut walker = Walker::new(bytes, encoding, depth).with_signed_pixels(self.subject.signed_pixels);
        while let Some(token) = walker.next_token()? {
            self.token(token, &mut walker)?;
        }
        Ok(self)
    }

    /// The new data set and the fates of its elements.
    pub(super) fn finish(mut self) -> (Vec<u8>, Counts) {
        self.insert_before(Tag(0xFFFF, 0xFFFF));
        (self.out.finish(), self.counts)
    }

    fn token(&mut self, token: Token<'_>, walker: &mut Walker<'_>) -> Result<(), Refusal> {
        match token {
            Token::Sequence { tag, .. } if self.leaves(tag) => walker.skip_sequence()?,
            Token::Sequence { tag, undefined } => {
                self.out.begin_sequence(tag, undefined);
                self.path.push(tag);
                self.counts.kept += 1;
            }
            Token::Item { undefined } => {
                self.out.begin_item(undefined);
                self.levels.push(Level::default());
            }
            Token::ItemEnd => {
                self.levels.pop();
                self.out.end_item();
            }
            Token::SequenceEnd => {
                self.path.pop();
                self.out.end_sequence();
            }
            Token::Element { tag, vr, value, encoding } => {
                let value = value::little_endian(value, vr, encoding);
                if !self.leaves(tag) && !self.is_charset(tag, &value) {
                    let value = self.value(tag, vr, &value)?;
                    self.out.element(tag, vr, &value);
                }
            }
            Token::Fragments { tag, vr, value } => self.out.fragments(tag, vr, value),
        }
        Ok(())
    }

    /// At the root, writes what goes before `tag`; true if the element does not stay: the study's own stands in its place,
    /// or it says what is not true any more.
    fn leaves(&mut self, tag: Tag) -> bool {
        if tag.element() == 0 {
            return true;
        }
        if !self.path.is_empty() {
            return false;
        }
        self.insert_before(tag);
        let leaves = tag.group() < 0x0008 || goes(tag);
        self.counts.removed += u32::from(leaves && (stamp::is_stamp(tag) || tag.group() >= 0x4FFE));
        leaves
    }

    fn insert_before(&mut self, tag: Tag) {
        while let Some((_, element)) = self.inserts.pop_if(|(next, _)| *next <= tag) {
            self.out.raw(&element);
            self.counts.replaced += 1;
        }
    }

    /// Notes a character set; true if it does not stay, because the texts do not stay in it.
    fn is_charset(&mut self, tag: Tag, value: &[u8]) -> bool {
        if tag != CHARACTER_SET {
            return false;
        }
        if let Some(level) = self.levels.last_mut() {
            level.charset = Some(Charset::of(value));
        }
        !self.subject.study.is_ascii
    }

    fn value<'v>(&mut self, tag: Tag, vr: VR, value: &'v [u8]) -> Result<Cow<'v, [u8]>, Refusal> {
        if let (true, Some(level)) = (dictionary::is_private_creator(tag), self.levels.last_mut()) {
            level.blocks.note(tag, value, 0);
        }
        let meant = meaning(tag, vr);
        let new = match meant {
            VR::UI => self.uids(value),
            VR::DA | VR::DT => self.dates(tag, meant, value),
            _ if is_text(meant) => self.text(tag, meant, value)?,
            _ => None,
        };
        if new.is_none() {
            self.counts.kept += 1;
        }
        Ok(new.map_or(Cow::Borrowed(value), Cow::Owned))
    }

    /// Each value of a UI attribute on its own.
    fn uids(&mut self, value: &[u8]) -> Option<Vec<u8>> {
        let known = &self.subject.known.uids;
        let mut changed = false;
        let parts = value.split(|byte| *byte == b'\\').map(|part| {
            let original = value::ascii(part).and_then(|uid| known.get(uid));
            changed |= original.is_some();
            original.map_or(value::trimmed(part), |original| original.expose().as_bytes())
        });
        let mut new = parts.collect::<Vec<_>>().join(&b'\\');
        if new.len() % 2 == 1 {
            new.push(0);
        }
        self.counts.uids += u32::from(changed);
        changed.then_some(new)
    }

    /// Dates that the profile moves are moved back, unless they are the sender's own: one of the making of the object on or
    /// behind the day of the examination, and any that would lie in the future.
    fn dates(&mut self, tag: Tag, vr: VR, value: &[u8]) -> Option<Vec<u8>> {
        let subject = self.subject;
        let creator = self.levels.last().and_then(|level| level.blocks.creator(tag));
        if !self.engine.moves(subject.sop, Place { path: &self.path, creator }, tag, vr) {
            return None;
        }
        let is_shifted = |given: NaiveDate, before: NaiveDate| {
            let later = subject.study.date.is_some_and(|examined| given >= examined);
            before <= subject.today && !(later && modules::is_of_making(tag))
        };
        let new = dates::unshift(value, vr, subject.shift_days, &is_shifted)?;
        let changed = new != value;
        self.counts.shifted += u32::from(changed);
        changed.then_some(new)
    }

    /// A text that is the patient's pseudonym becomes name or ID; others change their encoding at most.
    fn text(&mut self, tag: Tag, vr: VR, value: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let study = &self.subject.study;
        // SH is shorter than a Patient ID may be.
        let mut new = if vr != VR::SH && value::trimmed(value) == self.subject.pseudonym {
            self.counts.replaced += 1;
            if vr == VR::PN { study.name.clone() } else { study.id.clone() }
        } else if study.is_ascii || value.iter().all(|byte| byte.is_ascii() && *byte != 0x1B) {
            return Ok(None);
        } else {
            self.counts.kept += 1;
            self.unicode(tag, value)?
        };
        if new.len() % 2 == 1 {
            new.push(b' ');
        }
        Ok(Some(new))
    }

    /// Text in UTF-8. What is not in the set that the instance names is not guessed.
    fn unicode(&self, tag: Tag, value: &[u8]) -> Result<Vec<u8>, Refusal> {
        let named = self.levels.iter().rev().find_map(|level| level.charset.as_ref());
        let text = named.and_then(|charset| charset.decode_exactly(value)).ok_or(Refusal::Text(tag))?;
        Ok(text.into_bytes())
    }
}
