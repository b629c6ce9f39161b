//! The SOP class of an instance, resolved once per instance. What it decides lives in `plan`.

use super::types::{Iod, types};
use crate::dicom::uid;

/// Media Storage Directory Storage (PS3.4 annex I).
const DIRECTORY: &str = "1.2.840.10008.1.3.10";
/// What is known of an SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SopClass {
    /// A standard storage class whose IOD is known.
    Iod(Iod),
    /// A class of the standard without an IOD row: Types are unknown.
    Standard,
    /// A class of somebody else, or none at all. PS3.15 E.1.1 note: de-identifying it is undefined.
    Private,
    /// The directory of a file-set. PS3.15 E.1.1: dropped or rebuilt, never passed.
    Directory,
}

impl SopClass {
    /// What is known of a SOP Class UID (without padding).
    pub fn of(uid: &str) -> Self {
        if uid == DIRECTORY {
            Self::Directory
        } else if let Some(iod) = types().iod(uid) {
            Self::Iod(iod)
        } else if uid::is_registered_shape(uid) {
            Self::Standard
        } else {
            Self::Private
        }
    }
}

/// A SOP class as one plan sees it: also which of the plan's custom rules are about it. Made by
/// [`Plan::sop`](super::plan::Plan::sop), good for that plan only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SopKind {
    pub(super) class: SopClass,
    /// Position among the SOP classes that the profile's rules name.
    pub(super) scope: Option<u16>,
}

impl SopKind {
    /// What is known of the class.
    pub fn class(self) -> SopClass {
        self.class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_apart_by_their_uid() {
        assert_eq!(SopClass::of(DIRECTORY), SopClass::Directory);
        assert!(matches!(SopClass::of("1.2.840.10008.5.1.4.1.1.2"), SopClass::Iod(_)));
        assert_eq!(SopClass::of("1.2.840.10008.5.1.4.1.1.501.1"), SopClass::Standard);
        assert_eq!(SopClass::of("1.3.12.2.1107.5.9.1"), SopClass::Private);
        assert_eq!(SopClass::of(""), SopClass::Private);
        assert_eq!(SopClass::of("1.2.840.100081"), SopClass::Private);
    }
}
