//! Reads the content items of a report from its data set (PS3.3 C.17.3) in one walk, without recursion. Sequences that tell
//! nothing to a reader are stepped over; items by reference are named and never followed, so that no circle can be walked.

use super::item::{Item, Report, Value};
use super::shown::shown;
use super::{MOST, TOO_LARGE, Unreadable};
use crate::deid::types;
use crate::dicom::text::Charset;
use crate::dicom::token::Token;
use crate::dicom::value::little_endian;
use crate::dicom::walker::Walker;
use crate::dicom::{Encoding, dictionary};
use crate::dicomweb::model::{Content, DEPTH, content};
use dicom_core::{Tag, VR};
use std::collections::BTreeMap;

/// Most content items of a report, and most values: each takes more memory than it has bytes.
const MOST_ITEMS: usize = 100_000;

/// Longest text that may have several values, in bytes.
const MOST_VALUES: usize = 64 << 10;

const MALFORMED: Unreadable = Unreadable("the report cannot be read");

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const CODE_VALUE: Tag = Tag(0x0008, 0x0100);
const CODE_MEANING: Tag = Tag(0x0008, 0x0104);
const LONG_CODE_VALUE: Tag = Tag(0x0008, 0x0119);
const URN_CODE_VALUE: Tag = Tag(0x0008, 0x0120);
const SOP_CLASS: Tag = Tag(0x0008, 0x1150);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x1155);
const FRAMES: Tag = Tag(0x0008, 0x1160);
const REFERENCED_SOP: Tag = Tag(0x0008, 0x1199);
const UNITS: Tag = Tag(0x0040, 0x08EA);
const RELATIONSHIP: Tag = Tag(0x0040, 0xA010);
const VALUE_TYPE: Tag = Tag(0x0040, 0xA040);
const CONCEPT_NAME: Tag = Tag(0x0040, 0xA043);
const DATE_TIME: Tag = Tag(0x0040, 0xA120);
const DATE: Tag = Tag(0x0040, 0xA121);
const TIME: Tag = Tag(0x0040, 0xA122);
const PERSON_NAME: Tag = Tag(0x0040, 0xA123);
const UID: Tag = Tag(0x0040, 0xA124);
const RANGE_TYPE: Tag = Tag(0x0040, 0xA130);
const POSITIONS: Tag = Tag(0x0040, 0xA132);
const OFFSETS: Tag = Tag(0x0040, 0xA138);
const MOMENTS: Tag = Tag(0x0040, 0xA13A);
const TEXT: Tag = Tag(0x0040, 0xA160);
const CONCEPT_CODE: Tag = Tag(0x0040, 0xA168);
const MEASURED_VALUE: Tag = Tag(0x0040, 0xA300);
const QUALIFIER: Tag = Tag(0x0040, 0xA301);
const NUMERIC_VALUE: Tag = Tag(0x0040, 0xA30A);
const COMPLETION: Tag = Tag(0x0040, 0xA491);
const VERIFICATION: Tag = Tag(0x0040, 0xA493);
const CONTENT: Tag = Tag(0x0040, 0xA730);
const REFERENCED_ITEM: Tag = Tag(0x0040, 0xDB73);
const GRAPHIC_DATA: Tag = Tag(0x0070, 0x0022);
const GRAPHIC_TYPE: Tag = Tag(0x0070, 0x0023);

/// What is read of a content item as text.
const TEXTS: [Tag; 13] = [
    RELATIONSHIP,
    VALUE_TYPE,
    DATE_TIME,
    DATE,
    TIME,
    PERSON_NAME,
    UID,
    RANGE_TYPE,
    TEXT,
    COMPLETION,
    VERIFICATION,
    REFERENCED_ITEM,
    GRAPHIC_TYPE,
];

/// What is read of other levels: codes, references, measured values.
const WORDS: [Tag; 8] = [
    CODE_VALUE,
    CODE_MEANING,
    LONG_CODE_VALUE,
    URN_CODE_VALUE,
    SOP_CLASS,
    SOP_INSTANCE,
    FRAMES,
    NUMERIC_VALUE,
];

/// The report in a data set without pixels, if it has a Content Sequence at its root.
pub(super) fn report(data: &[u8], encoding: Encoding) -> Result<Option<Report>, Unreadable> {
    let mut walker = Walker::new(data, encoding, DEPTH);
    let mut reading = Reading::default();
    while let Some(token) = walker.next_token().map_err(|_| MALFORMED)? {
        match token {
            Token::Element { tag, vr, value, encoding } => reading.element(tag, vr, value, encoding)?,
            Token::Sequence { tag, .. } if !reading.enters(tag) => {
                walker.skip_sequence().map_err(|_| MALFORMED)?;
            }
            Token::Item { .. } => reading.begin()?,
            Token::ItemEnd => reading.end()?,
            Token::SequenceEnd => drop(reading.sequences.pop()),
            Token::Sequence { .. } | Token::Fragments { .. } => {}
        }
    }
    Ok(reading.whole.then_some(reading.report))
}

/// Whose data set is walked: the number is that of a content item, 0 of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Content(usize),
    Name(usize),
    Code(usize),
    Measured(usize),
    Unit(usize),
    Reference(usize),
}

impl Place {
    /// Whose the items of a sequence are; those of a Content Sequence are children.
    fn within(self, sequence: Tag) -> Option<Self> {
        match (self, sequence) {
            (Self::Content(item), CONTENT) => Some(Self::Content(item)),
            (Self::Content(item), CONCEPT_NAME) => Some(Self::Name(item)),
            (Self::Content(item), CONCEPT_CODE | QUALIFIER) => Some(Self::Code(item)),
            (Self::Content(item), MEASURED_VALUE) => Some(Self::Measured(item)),
            (Self::Content(item), REFERENCED_SOP) => Some(Self::Reference(item)),
            (Self::Measured(item), UNITS) => Some(Self::Unit(item)),
            _ => None,
        }
    }
}

/// A data set that is open: the root or an item.
struct Level {
    place: Place,
    charset: Charset,
    words: BTreeMap<Tag, String>,
}

impl Level {
    fn new(place: Place, charset: Charset) -> Self {
        Self { place, charset, words: BTreeMap::new() }
    }

    /// The first of these that says something.
    fn word(&self, tags: &[Tag]) -> String {
        let mut words = tags.iter().filter_map(|tag| self.words.get(tag)).filter(|word| !word.is_empty());
        words.next().cloned().unwrap_or_default()
    }

    /// What a code means; without a meaning, the code.
    fn meaning(&self) -> String {
        self.word(&[CODE_MEANING, CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE])
    }
}

struct Reading {
    report: Report,
    /// The root has a Content Sequence.
    whole: bool,
    root: Level,
    levels: Vec<Level>,
    /// Sequences that are open, and whose their items are.
    sequences: Vec<Place>,
    /// The unit of the measured value that is open.
    unit: String,
    /// Bytes of text that were read.
    held: usize,
    values: usize,
    classes: BTreeMap<&'static str, &'static str>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            report: Report::default(),
            whole: false,
            root: Level::new(Place::Content(0), Charset::default()),
            levels: Vec::new(),
            sequences: Vec::new(),
            unit: String::new(),
            held: 0,
            values: 0,
            classes: types::sop_classes().collect(),
        }
    }
}

impl Reading {
    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().unwrap_or(&mut self.root)
    }

    /// A content item by its number; none of the root, of which there is only the title.
    fn item(&mut self, number: usize) -> Option<&mut Item> {
        self.report.items.get_mut(number.checked_sub(1)?)
    }

    /// Enters a sequence if there is something in it to be read.
    fn enters(&mut self, tag: Tag) -> bool {
        let within = self.level().place.within(tag);
        self.whole |= within == Some(Place::Content(0));
        self.sequences.extend(within);
        within.is_some()
    }

    fn begin(&mut self) -> Result<(), Unreadable> {
        let charset = self.level().charset.clone();
        let place = match self.sequences.last().copied().ok_or(MALFORMED)? {
            Place::Content(parent) => self.child(parent)?,
            place => place,
        };
        self.levels.push(Level::new(place, charset));
        Ok(())
    }

    /// A new content item, behind all that were begun before it.
    fn child(&mut self, parent: usize) -> Result<Place, Unreadable> {
        if self.report.items.len() >= MOST_ITEMS {
            return Err(TOO_LARGE);
        }
        let depth = self.item(parent).map_or(0, |item| item.depth) + 1;
        self.report.items.push(Item { depth, ..Item::default() });
        Ok(Place::Content(self.report.items.len()))
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        match level.place {
            Place::Content(_) => Ok(()),
            Place::Name(number) => {
                match self.item(number) {
                    Some(item) => item.name = level.meaning(),
                    None => self.report.title = level.meaning(),
                }
                Ok(())
            }
            Place::Unit(_) => {
                self.unit = level.meaning();
                Ok(())
            }
            Place::Code(number) => self.value(number, level.meaning()),
            Place::Measured(number) => self.value(number, level.word(&[NUMERIC_VALUE])),
            Place::Reference(number) => self.value(number, self.reference(&level)),
        }
    }

    /// The kind of instance that is referred to, its UID, its frames.
    fn reference(&self, level: &Level) -> String {
        let class = level.word(&[SOP_CLASS]);
        let name = self.classes.get(class.as_str()).map_or(class.clone(), |name| (*name).to_owned());
        let frames = match level.word(&[FRAMES]).as_str() {
            "" => String::new(),
            frames => format!("(frames {frames})"),
        };
        let words = [name, level.word(&[SOP_INSTANCE]), frames];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn value(&mut self, number: usize, text: String) -> Result<(), Unreadable> {
        let unit = std::mem::take(&mut self.unit);
        let Some(item) = self.item(number).filter(|_| !text.is_empty()) else { return Ok(()) };
        item.values.push(Value { text, unit });
        self.values += 1;
        if self.values > MOST_ITEMS { Err(TOO_LARGE) } else { Ok(()) }
    }

    fn element(&mut self, tag: Tag, vr: VR, value: &[u8], encoding: Encoding) -> Result<(), Unreadable> {
        if tag == CHARACTER_SET {
            self.level().charset = Charset::of(value);
            return Ok(());
        }
        let place = self.level().place;
        let item = if let Place::Content(number) = place { Some(number) } else { None };
        if let Some(count) = count(tag, value).filter(|_| item.is_some()) {
            item.and_then(|number| self.item(number)).into_iter().for_each(|item| item.numbers = count);
            return Ok(());
        }
        let read: &[Tag] = if item.is_some() { &TEXTS } else { &WORDS };
        if !read.contains(&tag) {
            return Ok(());
        }
        let value = little_endian(value, vr, encoding);
        let text = self.text(dictionary::told_vr(tag, vr, value.len()), &value)?;
        match item {
            Some(number) => self.said(number, tag, text),
            None => {
                self.level().words.entry(tag).or_insert(text);
                Ok(())
            }
        }
    }

    /// What a content item says of itself.
    fn said(&mut self, number: usize, tag: Tag, text: String) -> Result<(), Unreadable> {
        let Some(item) = self.item(number) else {
            match tag {
                COMPLETION => self.report.completion = text,
                VERIFICATION => self.report.verification = text,
                _ => {}
            }
            return Ok(());
        };
        match tag {
            RELATIONSHIP => item.relation = text,
            VALUE_TYPE => item.kind = text,
            RANGE_TYPE | GRAPHIC_TYPE => item.shape = text,
            REFERENCED_ITEM => return self.value(number, format!("see item {text}")),
            DATE_TIME | DATE | TIME | PERSON_NAME | UID | TEXT => return self.value(number, text),
            _ => {}
        }
        Ok(())
    }

    /// A value as text; nothing of values that are none.
    fn text(&mut self, vr: VR, value: &[u8]) -> Result<String, Unreadable> {
        let one = matches!(vr, VR::LT | VR::ST | VR::UT);
        if value.len() > if one { MOST } else { MOST_VALUES } {
            return Err(TOO_LARGE);
        }
        let text = match content(vr, value, &self.level().charset) {
            Content::Texts(texts) => {
                let texts: Vec<String> = texts.into_iter().map(|text| shown(vr, text)).collect();
                texts.join(", ")
            }
            // The only integers that are read are a way through the tree (PS3.3 C.17.3.2.5).
            Content::Integers(steps) => steps.iter().map(i128::to_string).collect::<Vec<_>>().join("."),
            _ => String::new(),
        };
        self.held += text.len();
        if self.held > MOST { Err(TOO_LARGE) } else { Ok(text) }
    }
}

/// How many numbers are in coordinates in space or time.
fn count(tag: Tag, value: &[u8]) -> Option<usize> {
    let parts = || value.split(|byte| *byte == b'\\').filter(|part| !part.is_empty()).count();
    match tag {
        GRAPHIC_DATA | POSITIONS => Some(value.len() / 4),
        OFFSETS | MOMENTS => Some(parts()),
        _ => None,
    }
}
