//! A stored data set as the abstract model behind DICOM JSON and Native DICOM Model XML (PS3.18 F, PS3.19 A.1): one walk,
//! any form. Decides what stands inline and what by reference; how it is written is `json_form`'s and `xml_form`'s.

use super::values::is_binary;
use crate::dicom::fault::Fault;
use crate::dicom::layout::Layout;
use crate::dicom::text::Charset;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use crate::dicom::{Encoding, dictionary};
use dicom_core::{Tag, VR};
use std::collections::BTreeMap;

/// Values of binary VRs up to this size stand inline, in bytes.
const INLINE_BINARY: usize = 1024;

/// Values of other VRs that may be given by reference stand inline up to this size, in bytes: viewers read tables and
/// contours inline.
const INLINE_OTHER: usize = 64 << 10;

/// Nesting of a stored data set is bounded when it is written.
pub(super) const DEPTH: usize = 64;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Transfer syntax in which the instance lies (PS3.18 10.4.1.1.2 leaves group 0002 out; viewers look here).
const AVAILABLE_SYNTAX: Tag = Tag(0x0008, 0x3002);

/// What stands before an attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its tag.
    pub tag: Tag,
    /// Its VR.
    pub vr: VR,
    /// The creator of its block, for private attributes.
    pub creator: Option<String>,
}

/// The value of an attribute that is no sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// None.
    Empty,
    /// Text values, decoded and without padding; an empty one among several is an empty string.
    Texts(Vec<String>),
    /// Values of an integer VR, as decimal digits.
    Integers(Vec<i128>),
    /// Values of FL, each as the shortest text that reads back as the same.
    Singles(Vec<f32>),
    /// Values of FD.
    Doubles(Vec<f64>),
    /// Values of AT.
    Tags(Vec<Tag>),
    /// The whole value field, little endian.
    Binary(&'a [u8]),
    /// The value is to be had under this URI (PS3.18 10.4.3.3.2).
    Bulk(String),
}

/// A way to write the model.
pub trait Form {
    /// One attribute that is no sequence.
    fn element(&self, name: &Name, content: &Content<'_>) -> String;
    /// One sequence with its items.
    fn sequence(&self, name: &Name, items: &[String]) -> String;
    /// The attributes of one level, in ascending order.
    fn level(&self, elements: Vec<String>) -> String;
}

/// Writes a stored instance without group 0002; `tail` is what follows its bulk value, `url` the instance's own URL,
/// under which BulkDataURIs stand.
///
/// # Errors
/// The data set cannot be walked.
pub fn write(layout: &Layout, tail: &[u8], url: &str, form: &dyn Form) -> Result<String, Fault> {
    let mut writing = Writing { form, url, root: Level::default(), levels: Vec::new(), path: Vec::new() };
    let syntax = layout.transfer_syntax.uid.to_owned();
    writing.put(AVAILABLE_SYNTAX, VR::UI, &Content::Texts(vec![syntax]));
    writing.walk(&layout.head, layout.encoding)?;
    if let Some(bulk) = layout.bulk {
        let uri = writing.uri(bulk.header.tag);
        let empty = bulk.header.len == Some(0);
        writing.put(
            bulk.header.tag,
            bulk.header.vr,
            &if empty { Content::Empty } else { Content::Bulk(uri) },
        );
    }
    writing.walk(tail, layout.encoding)?;
    Ok(writing.root.finish(form))
}

/// A level under construction: the root or an item.
#[derive(Default)]
struct Level {
    elements: Vec<(Tag, String)>,
    /// Items of the sequence that is open at this level.
    items: Vec<String>,
    creators: BTreeMap<Tag, String>,
    charset: Charset,
}

impl Level {
    /// In ascending order, of repeated attributes the first (PS3.18 F.2.2).
    fn finish(mut self, form: &dyn Form) -> String {
        if !self.elements.is_sorted_by(|one, other| one.0 < other.0) {
            self.elements.sort_by_key(|(tag, _)| *tag);
            self.elements.dedup_by_key(|(tag, _)| *tag);
        }
        form.level(self.elements.into_iter().map(|(_, text)| text).collect())
    }
}

struct Writing<'a> {
    form: &'a dyn Form,
    url: &'a str,
    root: Level,
    /// Items that are open.
    levels: Vec<Level>,
    /// Sequences that are open, and the number of the item that is open in each.
    path: Vec<(Tag, usize)>,
}

impl Writing<'_> {
    fn walk(&mut self, bytes: &[u8], encoding: Encoding) -> Result<(), Fault> {
        let mut walker = Walker::new(bytes, encoding, DEPTH);
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag, vr, value, encoding } => self.element(tag, vr, value, encoding),
                // Icons: too small to be asked for, and not to be written inline.
                Token::Fragments { tag, vr, .. } => self.put(tag, vr, &Content::Empty),
                Token::Sequence { tag, .. } => self.path.push((tag, 0)),
                Token::Item { .. } => self.begin_item(),
                Token::ItemEnd => self.end_item(),
                Token::SequenceEnd => self.end_sequence(),
            }
        }
        Ok(())
    }

    fn begin_item(&mut self) {
        self.path.last_mut().into_iter().for_each(|(_, number)| *number += 1);
        let charset = self.level().charset.clone();
        self.levels.push(Level { charset, ..Level::default() });
    }

    fn end_item(&mut self) {
        let item = self.levels.pop().unwrap_or_default().finish(self.form);
        self.level().items.push(item);
    }

    fn end_sequence(&mut self) {
        let Some((tag, _)) = self.path.pop() else { return };
        let name = self.name(tag, VR::SQ);
        let items = std::mem::take(&mut self.level().items);
        let text = self.form.sequence(&name, &items);
        self.level().elements.push((tag, text));
    }

    fn element(&mut self, tag: Tag, vr: VR, bytes: &[u8], encoding: Encoding) {
        if tag.element() == 0 {
            return;
        }
        if tag == CHARACTER_SET {
            self.level().charset = Charset::of(bytes);
            return self.put(tag, VR::CS, &Content::Texts(vec!["ISO_IR 192".to_owned()]));
        }
        let bytes = value::little_endian(bytes, vr, encoding);
        let vr = dictionary::told_vr(tag, vr, bytes.len());
        if dictionary::is_private_creator(tag) {
            let name = self.level().charset.decode(value::trimmed(&bytes));
            self.level().creators.insert(tag, name);
        }
        let content = if by_reference(vr, bytes.len()) {
            Content::Bulk(self.uri(tag))
        } else {
            content(vr, &bytes, &self.level().charset)
        };
        self.put(tag, vr, &content);
    }

    fn put(&mut self, tag: Tag, vr: VR, content: &Content<'_>) {
        let text = self.form.element(&self.name(tag, vr), content);
        self.level().elements.push((tag, text));
    }

    fn name(&mut self, tag: Tag, vr: VR) -> Name {
        let block = Tag(tag.group(), tag.element() >> 8);
        let creator = self.level().creators.get(&block).filter(|_| dictionary::is_private(tag)).cloned();
        Name { tag, vr, creator }
    }

    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().unwrap_or(&mut self.root)
    }

    fn uri(&self, tag: Tag) -> String {
        let mut uri = format!("{}/bulk", self.url);
        for (sequence, item) in &self.path {
            uri.push_str(&format!("/{}/{item}", super::data_set::hex(*sequence)));
        }
        uri.push('/');
        uri.push_str(&super::data_set::hex(tag));
        uri
    }
}

/// PS3.18 10.4.3.3.2: these VRs may be given by reference.
pub(super) fn by_reference(vr: VR, len: usize) -> bool {
    use VR::{DS, FD, FL, LT, SL, SS, ST, SV, UC, UL, US, UT, UV};
    match vr {
        vr if is_binary(vr) => len > INLINE_BINARY,
        DS | FL | FD | VR::IS | LT | SL | SS | ST | SV | UC | UL | US | UT | UV => len > INLINE_OTHER,
        _ => false,
    }
}

/// The content of a value field that is not empty or not; texts in `charset`.
pub(super) fn content<'a>(vr: VR, bytes: &'a [u8], charset: &Charset) -> Content<'a> {
    if bytes.is_empty() {
        return Content::Empty;
    }
    match vr {
        vr if is_binary(vr) => Content::Binary(bytes),
        VR::US => integers(bytes, |raw: [u8; 2]| u16::from_le_bytes(raw).into()),
        VR::SS => integers(bytes, |raw: [u8; 2]| i16::from_le_bytes(raw).into()),
        VR::UL => integers(bytes, |raw: [u8; 4]| u32::from_le_bytes(raw).into()),
        VR::SL => integers(bytes, |raw: [u8; 4]| i32::from_le_bytes(raw).into()),
        VR::UV => integers(bytes, |raw: [u8; 8]| u64::from_le_bytes(raw).into()),
        VR::SV => integers(bytes, |raw: [u8; 8]| i64::from_le_bytes(raw).into()),
        VR::FL => Content::Singles(units(bytes).map(f32::from_le_bytes).collect()),
        VR::FD => Content::Doubles(units(bytes).map(f64::from_le_bytes).collect()),
        VR::AT => Content::Tags(units(bytes).map(|[a, b, c, d]: [u8; 4]| tag([a, b], [c, d])).collect()),
        vr => texts(vr, bytes, charset),
    }
}

fn tag(group: [u8; 2], element: [u8; 2]) -> Tag {
    Tag(u16::from_le_bytes(group), u16::from_le_bytes(element))
}

fn units<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).filter_map(|raw| raw.try_into().ok())
}

fn integers<'a, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> i128) -> Content<'a> {
    Content::Integers(units(bytes).map(read).collect())
}

/// Values are split after decoding: in some character sets a backslash is half of a character.
fn texts<'a>(vr: VR, bytes: &[u8], charset: &Charset) -> Content<'a> {
    let plain = Charset::default();
    let charset = match vr {
        VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => charset,
        _ => &plain,
    };
    let text = charset.decode(bytes);
    let padding = |letter: char| matches!(letter, ' ' | '\0');
    let values: Vec<String> = match vr {
        VR::LT | VR::ST | VR::UT | VR::UR => vec![text.trim_end_matches(padding).to_owned()],
        VR::UC => text.split('\\').map(|value| value.trim_end_matches(padding).to_owned()).collect(),
        _ => text.split('\\').map(|value| value.trim_matches(padding).to_owned()).collect(),
    };
    if values.iter().all(String::is_empty) && values.len() == 1 {
        return Content::Empty;
    }
    Content::Texts(values)
}
