//! A rule of a custom profile: what it is about, what it says, and whether it weakens the profile. Reading it from TOML
//! lives in `profile_toml`.

use super::action::Action;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use std::fmt;

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// One standard attribute, at any depth.
    Tag(Tag),
    /// All standard attributes of a VR that have no rule of their own.
    Vr(VR),
    /// A private attribute, wherever its block stands (PS3.5 7.8.1).
    Private {
        /// Private Creator, without padding.
        creator: String,
        /// Group, odd.
        group: u16,
        /// Low byte of the element number; none means all of the block.
        element: Option<u8>,
    },
}

/// One rule. At one attribute the narrowest rule speaks: with SOP class before without, tag before VR, element before
/// block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub selector: Selector,
    /// The SOP class it is limited to.
    pub sop_class: Option<String>,
    /// What it says.
    pub action: Action,
}

impl Selector {
    /// The VR that PS3.6 gives the selected attributes, where it is one.
    pub fn vr(&self) -> Option<VR> {
        match self {
            Self::Vr(vr) => Some(*vr),
            Self::Tag(tag) => dictionary_vr(*tag).and_then(|vr| vr.exact()),
            Self::Private { .. } => None,
        }
    }
}

/// The VR of a standard attribute in PS3.6.
pub(super) fn dictionary_vr(tag: Tag) -> Option<VirtualVr> {
    StandardDataDictionary.by_tag(tag).map(|entry| entry.vr())
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Vr(vr) => write!(f, "vr {}", vr),
            Self::Private { creator, group, element: Some(element) } => {
                write!(f, "private ({group:04X},xx{element:02X}) {creator:?}")
            }
            Self::Private { creator, group, element: None } => {
                write!(f, "private ({group:04X},xxxx) {creator:?}")
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.selector, self.action)?;
        if let Action::Replace(text) = &self.action {
            write!(f, " {text:?}")?;
        }
        match &self.sop_class {
            Some(uid) => write!(f, " in {uid}"),
            None => Ok(()),
        }
    }
}
