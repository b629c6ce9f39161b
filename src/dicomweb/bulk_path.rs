//! The place of an attribute as BulkDataURIs of this gateway name it: `00420011`, `54000100/2/54001010` (sequence, item
//! number from 1, attribute). Found in a stored data set by a walk.

use super::data_set::hex;
use crate::dicom::Encoding;
use crate::dicom::fault::Fault;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use bytes::Bytes;
use dicom_core::{Tag, VR};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

/// Nesting of a stored data set is bounded when it is written.
const DEPTH: usize = 64;

/// The place of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPath {
    /// Sequences from the outside in, each with the number of its item, from 1.
    items: Vec<(Tag, usize)>,
    /// The attribute itself.
    pub tag: Tag,
}

impl BulkPath {
    /// Reads what stands behind `/bulk/`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        let mut items = Vec::new();
        let mut tag = tag(segments.next()?)?;
        while let Some(number) = segments.next() {
            items.push((tag, number.parse().ok().filter(|number| *number > 0)?));
            tag = self::tag(segments.next()?)?;
        }
        (items.len() <= DEPTH).then_some(Self { items, tag })
    }

    /// An attribute that stands in no sequence.
    pub fn top(tag: Tag) -> Self {
        Self { items: Vec::new(), tag }
    }

    /// An attribute within items: sequences from the outside in, each with the number of its item, from 1.
    pub(super) fn within(items: &[(Tag, usize)], tag: Tag) -> Self {
        Self { items: items.to_vec(), tag }
    }

    pub(super) fn items(&self) -> &[(Tag, usize)] {
        &self.items
    }

    /// True for an attribute that stands in no sequence.
    pub fn is_top_level(&self) -> bool {
        self.items.is_empty()
    }

    /// The attribute in a data set that is held as a tree.
    pub fn locate<'a>(&self, mut set: &'a InMemDicomObject) -> Option<&'a InMemElement> {
        for (sequence, number) in &self.items {
            set = set.get(*sequence)?.items()?.get(number.checked_sub(1)?)?;
        }
        set.get(self.tag)
    }

    /// Puts a value in the place of the attribute, if it is there.
    pub fn replace(&self, set: &mut InMemDicomObject, value: impl FnOnce(&InMemElement) -> InMemElement) {
        replace(set, &self.items, self.tag, Box::new(value));
    }

    /// The value and VR of the attribute in `data`.
    ///
    /// # Errors
    /// The data cannot be walked.
    pub fn find(&self, data: &Bytes, encoding: Encoding) -> Result<Option<(VR, Bytes)>, Fault> {
        let mut walker = Walker::new(data, encoding, DEPTH);
        let mut open: Vec<(Tag, usize)> = Vec::new();
        while let Some(token) = walker.next_token()? {
            match token {
                Token::Element { tag, vr, value, .. } if tag == self.tag && open == self.items => {
                    return Ok(Some((vr, data.slice_ref(value))));
                }
                Token::Sequence { tag, .. } => {
                    let wanted = self.items.get(open.len()).is_some_and(|(wanted, _)| *wanted == tag);
                    if wanted { open.push((tag, 0)) } else { walker.skip_sequence()? }
                }
                Token::Item { .. } => {
                    open.iter_mut().next_back().into_iter().for_each(|(_, number)| *number += 1)
                }
                Token::SequenceEnd => drop(open.pop()),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl std::fmt::Display for BulkPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (sequence, item) in &self.items {
            write!(f, "{}/{item}/", hex(*sequence))?;
        }
        f.write_str(&hex(self.tag))
    }
}

fn replace(
    set: &mut InMemDicomObject,
    items: &[(Tag, usize)],
    tag: Tag,
    value: Box<dyn FnOnce(&InMemElement) -> InMemElement + '_>,
) {
    match items.split_first() {
        None => {
            if let Some(new) = set.get(tag).map(value) {
                set.put(new);
            }
        }
        Some(((sequence, number), rest)) => {
            let mut value = Some(value);
            set.update_value(*sequence, |held| {
                let item = number.checked_sub(1).and_then(|index| held.items_mut()?.get_mut(index));
                if let (Some(item), Some(value)) = (item, value.take()) {
                    replace(item, rest, tag, value);
                }
            });
        }
    }
}

fn tag(text: &str) -> Option<Tag> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(text, 16).ok().filter(|_| digits)?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicom::writer::Writer;

    #[test]
    fn bulk_01_an_attribute_is_found_at_its_place_and_only_there() {
        let mut writer = Writer::default();
        writer.begin_sequence(Tag(0x5400, 0x0100), true);
        for value in [b"aa", b"bb"] {
            writer.begin_item(true);
            writer.element(Tag(0x5400, 0x1010), VR::OW, value);
            writer.end_item();
        }
        writer.end_sequence();
        writer.element(Tag(0x5400, 0x1010), VR::OW, b"cc");
        let data = Bytes::from(writer.finish());
        let find = |path: &str| {
            let found = BulkPath::parse(path).unwrap().find(&data, Encoding::ExplicitLittle).unwrap();
            found.map(|(_, value)| value)
        };
        assert_eq!(find("54000100/2/54001010").unwrap(), "bb");
        assert_eq!(find("54001010").unwrap(), "cc");
        assert_eq!(find("54000100/3/54001010"), None);
        assert_eq!(find("54000100"), None);
    }

    #[test]
    fn what_is_no_place_is_not_read() {
        for text in
            ["", "0042001", "0042001G", "54000100/2", "54000100/0/54001010", "54000100/x/54001010", "a//b"]
        {
            assert_eq!(BulkPath::parse(text), None, "{text}");
        }
    }
}
