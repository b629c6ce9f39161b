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

/// Attributes that make the instance what it is, carry the record of the de-identification, or tell how to read it.
pub(super) const RESERVED: [(Tag, &str); 8] = [
    (Tag(0x0008, 0x0005), "tells how to read all text"),
    (Tag(0x0008, 0x0016), "names the SOP class"),
    (Tag(0x0012, 0x0062), "is written by the profile"),
    (Tag(0x0012, 0x0063), "is written by the profile"),
    (Tag(0x0012, 0x0064), "is written by the profile"),
    (Tag(0x0028, 0x0303), "is written by the profile"),
    (Tag(0x0028, 0x0301), "is judged by burned_in"),
    (Tag(0x0028, 0x0302), "is judged by recognizable_visual_features"),
];

/// Study, Series and SOP Instance UID: Type 1 everywhere, so only kept or replaced.
const INSTANCE_UIDS: [Tag; 3] = [Tag(0x0008, 0x0018), Tag(0x0020, 0x000D), Tag(0x0020, 0x000E)];

/// Whether rules by VR pass an attribute by.
pub(super) fn is_reserved(tag: Tag) -> bool {
    RESERVED.iter().any(|(reserved, _)| *reserved == tag)
        || INSTANCE_UIDS.contains(&tag)
        || tag.group() == 0x7FE0
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Vr(vr) => write!(f, "vr {vr}"),
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

/// Why an action does not fit what it is said about.
pub(super) fn misfit(selector: &Selector, action: &Action) -> Option<&'static str> {
    let vr = selector.vr();
    match (selector, action) {
        (Selector::Tag(tag), Action::Keep | Action::Uid) if INSTANCE_UIDS.contains(tag) => None,
        (Selector::Tag(tag), _) if INSTANCE_UIDS.contains(tag) => {
            Some("an instance needs it, so keep or uid")
        }
        (_, Action::Uid) if vr != Some(VR::UI) => Some("only attributes of VR UI hold UIDs"),
        (_, Action::Shift) if !matches!(vr, Some(VR::DA | VR::DT)) => {
            Some("only DA and DT can be moved by days")
        }
        (_, Action::Replace(text)) => match vr {
            Some(vr) => illegal(vr, text),
            None => Some("the VR must be known"),
        },
        _ => None,
    }
}

/// Why a text is no legal single value of a VR (PS3.5 6.2). Plain ASCII only: it must read the same in every character set.
fn illegal(vr: VR, text: &str) -> Option<&'static str> {
    let code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'_');
    let (longest, legal): (usize, &dyn Fn(u8) -> bool) = match vr {
        VR::SH | VR::AE => (16, &|_| true),
        VR::CS => (16, &code),
        VR::LO | VR::PN => (64, &|_| true),
        VR::ST | VR::LT | VR::UT | VR::UC | VR::UR => (1024, &|_| true),
        VR::DA => (8, &|byte| byte.is_ascii_digit()),
        VR::AS => {
            return if is_age(text) { None } else { Some("an age is three digits and D, W, M or Y") };
        }
        _ => return Some("only text attributes can be replaced by a text"),
    };
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\\');
    if text.is_empty() || text.len() > longest || (vr == VR::DA && text.len() != 8) {
        Some("the value is too short or too long for the VR")
    } else if !printable || !text.bytes().all(legal) {
        Some("the value holds a character that the VR does not allow")
    } else {
        None
    }
}

fn is_age(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, b'D' | b'W' | b'M' | b'Y'] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()))
}
