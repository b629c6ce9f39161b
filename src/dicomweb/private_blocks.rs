//! Gives private elements of a Native DICOM Model their blocks: the model names the
//! creator at each element, a data set reserves blocks (PS3.5 7.8.1; PS3.18 F.3.1).

use super::metadata::{At, Content, Element, MetadataFaultKind};
use super::pixels::text;
use crate::dicom::dictionary::is_private_creator;
use crate::dicom::value;
use dicom_core::{Tag, VR};
use std::collections::{BTreeMap, BTreeSet};

/// Owners of blocks by group and block number, and tags in use.
#[derive(Default)]
struct Blocks {
    owners: BTreeMap<(u16, u16), String>,
    used: BTreeSet<Tag>,
}

/// Places the elements of one data set or item. Elements with a creator get a tag in one
/// of its blocks, their own block number if that is free or the creator's; a tag that
/// occurs twice goes to a second block. Creator elements are added.
pub(super) fn place(elements: Vec<(Option<String>, Element)>) -> Result<Vec<Element>, At> {
    let mut blocks = Blocks::default();
    for (_, element) in elements.iter().filter(|(creator, element)| is_creator(creator.as_deref(), element)) {
        blocks.owners.insert((element.tag.group(), element.tag.element()), creator_name(element).to_owned());
        blocks.used.insert(element.tag);
    }
    let mut placed = Vec::with_capacity(elements.len());
    for (creator, mut element) in elements {
        if let Some(creator) = creator.filter(|creator| !is_creator(Some(creator), &element)) {
            element.tag = blocks.tag_for(element.tag, &creator)?;
        }
        placed.push(element);
    }
    let missing =
        blocks.owners.iter().filter(|((group, block), _)| !blocks.used.contains(&Tag(*group, *block)));
    placed.extend(missing.map(|((group, block), owner)| text(Tag(*group, *block), VR::LO, owner)));
    Ok(placed)
}

/// True for a private creator element itself. Some writers name the creator at it too.
fn is_creator(creator: Option<&str>, element: &Element) -> bool {
    is_private_creator(element.tag) && creator.is_none_or(|creator| creator == creator_name(element))
}

fn creator_name(element: &Element) -> &str {
    match &element.content {
        Content::Value(bytes) => std::str::from_utf8(value::trimmed(bytes)).unwrap_or_default(),
        _ => "",
    }
}

impl Blocks {
    fn tag_for(&mut self, tag: Tag, creator: &str) -> Result<Tag, At> {
        let (group, stated, low) = (tag.group(), tag.element() >> 8, tag.element() & 0xFF);
        let fits = |block: &u16| {
            let owner = self.owners.get(&(group, *block));
            let free = !self.used.contains(&Tag(group, (*block << 8) | low));
            free && owner.is_none_or(|owner| owner == creator)
        };
        let own = self.owners.range((group, 0x10)..=(group, 0xFF)).filter(|(_, owner)| *owner == creator);
        let own = own.map(|((_, block), _)| *block);
        let stated = Some(stated).filter(|block| *block >= 0x10 && fits(block));
        let block = stated
            .or_else(|| own.clone().find(fits))
            .or_else(|| (0x10..=0xFF).find(fits))
            .ok_or(At(MetadataFaultKind::NoPrivateBlock, Some(tag)))?;
        self.owners.insert((group, block), creator.to_owned());
        let placed = Tag(group, (block << 8) | low);
        self.used.insert(placed);
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn placed(list: &[(Option<&str>, u16, &str)]) -> Vec<(u16, String)> {
        let element = |(creator, number, value): &(Option<&str>, u16, &str)| {
            (creator.map(str::to_owned), text(Tag(0x0009, *number), VR::LO, value))
        };
        let elements = place(list.iter().map(element).collect()).unwrap();
        elements.iter().map(|element| (element.tag.element(), creator_name(element).to_owned())).collect()
    }

    fn pair(number: u16, value: &str) -> (u16, String) {
        (number, value.to_owned())
    }

    #[test]
    fn xml_03_elements_get_a_block_of_their_creator() {
        let found = placed(&[(Some("A"), 0x0001, "x"), (Some("B"), 0x1002, "y"), (Some("A"), 0x1003, "z")]);
        assert_eq!(
            found,
            [pair(0x1001, "x"), pair(0x1102, "y"), pair(0x1003, "z"), pair(0x10, "A"), pair(0x11, "B")]
        );
    }

    #[test]
    fn stated_creator_elements_keep_their_place() {
        let found = placed(&[(None, 0x0012, "A"), (Some("A"), 0x1201, "x"), (Some("A"), 0x0002, "y")]);
        assert_eq!(found, [pair(0x12, "A"), pair(0x1201, "x"), pair(0x1202, "y")]);
        let named = placed(&[(Some("A"), 0x0010, "A"), (Some("A"), 0x1001, "x")]);
        assert_eq!(named, [pair(0x10, "A"), pair(0x1001, "x")]);
    }

    #[test]
    fn json_15_a_private_tag_that_occurs_twice_goes_to_a_second_block() {
        let found = placed(&[(Some("A"), 0x1001, "x"), (Some("A"), 0x1001, "y")]);
        assert_eq!(found, [pair(0x1001, "x"), pair(0x1101, "y"), pair(0x10, "A"), pair(0x11, "A")]);
    }

    #[test]
    fn a_group_without_free_block_is_refused() {
        let creators =
            (0..241).map(|number| (Some(number.to_string()), text(Tag(0x0009, 1), VR::LO, "x"))).collect();
        assert_eq!(place(creators), Err(At(MetadataFaultKind::NoPrivateBlock, Some(Tag(0x0009, 1)))));
    }
}
