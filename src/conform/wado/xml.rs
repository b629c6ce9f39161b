//! Checks of how metadata is written in the Native DICOM Model (PS3.18 F.3.1, PS3.19 A.1).

use super::metadata::{all, of, pixels_or_values};
use super::{XML, get_parts};
use crate::conform::gallery::Kind;
use crate::conform::reading::broken;
use crate::conform::scene::Scene;
use crate::conform::{Miss, Outcome, need};
use crate::dicom::dictionary;
use crate::dicomweb::xml_source::{Attributes, Source, Token};
use dicom_core::Tag;
use std::collections::BTreeSet;

/// An element of a document.
pub(super) struct Element {
    name: String,
    parent: String,
    attributes: Attributes,
}

impl Element {
    /// The value of an attribute; empty if it is absent.
    pub(super) fn of(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The tag of a `DicomAttribute`.
    fn tag(&self) -> Option<Tag> {
        let number = u32::from_str_radix(self.of("tag"), 16).ok().filter(|_| self.of("tag").len() == 8)?;
        Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
    }

    fn is_private(&self) -> bool {
        self.tag().is_some_and(dictionary::is_private)
    }
}

/// The elements of an instance's document, each before those within it.
pub(super) fn elements(scene: &Scene, path: &str) -> Result<Vec<Element>, Miss> {
    let part = get_parts(scene, &format!("{path}/metadata"), XML)?.pop().ok_or_else(|| broken("no part"))?;
    let text = str::from_utf8(&part.body).map_err(|_| broken("a document that is no UTF-8"))?;
    let mut source = Source::new(text);
    let (mut open, mut found) = (vec![String::new()], Vec::new());
    loop {
        match source.next().map_err(|_| broken("a document that is no XML"))? {
            Token::Open(name, attributes) => {
                let parent = open.last().cloned().unwrap_or_default();
                open.push(name.clone());
                found.push(Element { name, parent, attributes });
            }
            Token::Close => drop(open.pop()),
            Token::Text(_) => {}
            Token::End => return Ok(found),
        }
    }
}

/// Parents that an element may have.
const PLACES: [(&str, &[&str]); 14] = [
    ("NativeDicomModel", &[""]),
    ("DicomAttribute", &["NativeDicomModel", "Item"]),
    ("Item", &["DicomAttribute"]),
    ("Value", &["DicomAttribute"]),
    ("PersonName", &["DicomAttribute"]),
    ("BulkData", &["DicomAttribute"]),
    ("InlineBinary", &["DicomAttribute"]),
    ("Alphabetic", GROUP),
    ("Ideographic", GROUP),
    ("Phonetic", GROUP),
    ("FamilyName", NAME),
    ("GivenName", NAME),
    ("MiddleName", NAME),
    ("NamePrefix", NAME),
];
const GROUP: &[&str] = &["PersonName"];
const NAME: &[&str] = &["Alphabetic", "Ideographic", "Phonetic"];

fn fits(element: &Element) -> bool {
    let placed = |(name, parents): &(&str, &[&str])| {
        *name == element.name && parents.contains(&element.parent.as_str())
    };
    let known =
        PLACES.iter().any(placed) || element.name == "NameSuffix" && NAME.contains(&element.parent.as_str());
    known
        && match element.name.as_str() {
            "DicomAttribute" => element.tag().is_some_and(|tag| {
                let keyword = dictionary::keyword(tag);
                let vr = element.of("vr");
                vr.len() == 2 && (keyword.is_empty() || element.of("keyword") == keyword)
            }),
            "Value" | "PersonName" | "Item" => element.of("number").parse().is_ok_and(|it: u32| it > 0),
            "BulkData" => !element.of("uri").is_empty() || !element.of("uuid").is_empty(),
            _ => true,
        }
}

pub(super) fn model(scene: &Scene) -> Outcome {
    for path in pixels_or_values(scene)? {
        let found = elements(scene, &path)?;
        let bad = found.iter().find(|element| !fits(element));
        need(bad.is_none(), || format!("not in {}", bad.map(|it| it.name.as_str()).unwrap_or_default()))?;
        // The same attributes as in JSON; private ones may be numbered otherwise.
        let standard = found.iter().filter(|it| it.name == "DicomAttribute" && !it.is_private());
        let here: BTreeSet<String> = standard.map(|it| it.of("tag").to_owned()).collect();
        let odd = |name: &str| name.as_bytes().get(3).is_some_and(|digit| b"13579BDF".contains(digit));
        let names = all(&of(scene, &path)?).into_iter().map(|(name, _)| name);
        let there: BTreeSet<String> = names.filter(|name| !odd(name)).collect();
        let other = here.symmetric_difference(&there).next();
        need(other.is_none(), || format!("{} is in one form only", other.cloned().unwrap_or_default()))?;
    }
    Ok(())
}

pub(super) fn creators(scene: &Scene) -> Outcome {
    let found = elements(scene, &scene.gallery(Kind::Values)?)?;
    // Elements that reserve a block need none themselves.
    let reserves = |it: &Element| it.tag().is_some_and(dictionary::is_private_creator);
    let mut private = found.iter().filter(|it| it.is_private() && !reserves(it)).peekable();
    if private.peek().is_none() {
        return Err(Miss::Skipped("no private attribute is left"));
    }
    need(private.all(|it| !it.of("privateCreator").is_empty()), || {
        "a private attribute without creator".to_owned()
    })
}
