//! Why an instance was refused: tag, clause, DICOM failure reason, what would let it
//! pass. Never a value of the data set. HTTP status codes live in `problem`.

use crate::dicom::{Fault, FaultKind};
use dicom_core::Tag;
use std::fmt;

/// Failure Reason (0008,1197), PS3.18 I.2.2 and PS3.7 C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailureReason(pub u16);

impl FailureReason {
    /// A700H: out of resources.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// A900H: data set does not match SOP class.
    pub const DOES_NOT_MATCH_SOP_CLASS: Self = Self(0xA900);
    /// A901H: the instance's study is not the one of the request.
    pub const OTHER_STUDY: Self = Self(0xA901);
    /// C000H: cannot understand.
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// C122H: referenced transfer syntax not supported.
    pub const TRANSFER_SYNTAX: Self = Self(0xC122);
    /// 0106H: invalid attribute value; here: of another patient or study (PS3.7 C.5.11).
    pub const OTHER_PATIENT: Self = Self(0x0106);
    /// 0111H: duplicate SOP instance (PS3.7 C.5.6).
    pub const DUPLICATE: Self = Self(0x0111);
    /// 0112H: no such SOP instance (PS3.7 C.5.17).
    pub const NO_SUCH_INSTANCE: Self = Self(0x0112);
    /// 0110H: processing failure.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// 0122H: SOP class not supported.
    pub const SOP_CLASS: Self = Self(0x0122);
    /// 0124H: refused, not authorized; here: refused by the profile's policy.
    pub const POLICY: Self = Self(0x0124);
}

/// Why an instance was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are damaged, or beyond what is supported or allowed.
    Fault(Fault),
    /// An attribute without which an instance has no identity is missing or illegal.
    NoIdentity(Tag),
    /// An attribute on which the decision rests occurs with different values.
    Contradiction(Tag),
    /// A private SOP class: its de-identification is undefined (PS3.15 E.1.1 note).
    PrivateSopClass,
    /// A DICOMDIR is no instance; it would have to be rebuilt (PS3.15 E.1.1).
    Directory,
    /// The instance belongs to another study than the request (PS3.18 10.5.1.2).
    OtherStudy,
    /// Pixels (or a document) may show who the patient is (PS3.15 E.1.1, E.3.1, E.3.2).
    Pixels {
        /// The attribute that says so, or fails to deny it.
        tag: Tag,
        /// The clause.
        clause: &'static str,
        /// The profile setting that would let it pass.
        setting: &'static str,
        /// Why, in plain words.
        why: &'static str,
    },
    /// An overlay sits in high bits of compressed pixels (PS3.15 Table E.1-1).
    OverlayInPixels,
    /// No dummy is known for this type of encapsulated document (PS3.15 Table E.1-1).
    NoDummyDocument,
    /// 32-bit cells in big endian words: writers disagree about the order of the words.
    AmbiguousByteOrder,
    /// A value that must be handled by its VR is too long or of the wrong kind.
    Unwritable(Tag),
    /// What should be restored is not about anything that this project gave out.
    UnknownName(Tag),
    /// What should be restored is about a study that the origin does not have any more.
    NoStudy,
    /// What should be restored names another patient than its study has, or two.
    OtherPatient(Tag),
    /// What should be restored would come into a series that is in another study of its patient.
    OtherSeries,
    /// What should be restored names a series that the origin does not have.
    NoSeries,
    /// What should be restored would take the place of an instance that the origin has.
    Duplicate,
    /// Nobody can say whether what should be restored refers to one patient only.
    Untold,
    /// What should be restored has more UIDs than are looked up.
    TooManyNames,
    /// Text is not in the character set that the instance names, so that it cannot be written in another one.
    Text(Tag),
}

impl Refusal {
    /// The attribute concerned, where there is one.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Fault(fault) => fault.tag,
            Self::NoIdentity(tag) | Self::Contradiction(tag) | Self::Unwritable(tag) => Some(*tag),
            Self::Pixels { tag, .. } => Some(*tag),
            Self::PrivateSopClass | Self::Directory => Some(Tag(0x0008, 0x0016)),
            Self::OtherStudy => Some(Tag(0x0020, 0x000D)),
            Self::OverlayInPixels => Some(Tag(0x6000, 0x0102)),
            Self::NoDummyDocument => Some(Tag(0x0042, 0x0012)),
            Self::AmbiguousByteOrder => Some(Tag(0x7FE0, 0x0010)),
            Self::UnknownName(tag) | Self::OtherPatient(tag) | Self::Text(tag) => Some(*tag),
            Self::NoStudy => Some(Tag(0x0020, 0x000D)),
            Self::OtherSeries | Self::NoSeries => Some(Tag(0x0020, 0x000E)),
            Self::Duplicate => Some(Tag(0x0008, 0x0018)),
            Self::Untold => Some(Tag(0x0008, 0x1155)),
            Self::TooManyNames => None,
        }
    }

    /// The Failure Reason to report (PS3.18 I.2.2).
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::Fault(fault) => match fault.kind {
                FaultKind::UnsupportedTransferSyntax => FailureReason::TRANSFER_SYNTAX,
                FaultKind::HeadTooLarge | FaultKind::TailTooLarge | FaultKind::InflatesTooLarge => {
                    FailureReason::OUT_OF_RESOURCES
                }
                _ => FailureReason::CANNOT_UNDERSTAND,
            },
            Self::NoIdentity(_) => FailureReason::DOES_NOT_MATCH_SOP_CLASS,
            Self::Contradiction(_) | Self::Unwritable(_) | Self::AmbiguousByteOrder => {
                FailureReason::CANNOT_UNDERSTAND
            }
            Self::PrivateSopClass | Self::Directory => FailureReason::SOP_CLASS,
            Self::UnknownName(_) | Self::NoStudy | Self::NoSeries | Self::Untold => {
                FailureReason::NO_SUCH_INSTANCE
            }
            Self::OtherPatient(_) | Self::OtherSeries => FailureReason::OTHER_PATIENT,
            Self::Duplicate => FailureReason::DUPLICATE,
            Self::TooManyNames => FailureReason::OUT_OF_RESOURCES,
            Self::Text(_) => FailureReason::CANNOT_UNDERSTAND,
            Self::OtherStudy => FailureReason::OTHER_STUDY,
            Self::Pixels { .. } | Self::OverlayInPixels | Self::NoDummyDocument => FailureReason::POLICY,
        }
    }

    /// The clause behind the refusal, where the standard has one.
    pub fn clause(&self) -> &'static str {
        match self {
            Self::Fault(_) => "PS3.10 7.1, PS3.5 7",
            Self::NoIdentity(_) => "PS3.3 C.12.1",
            Self::Contradiction(_) => "PS3.5 7.1",
            Self::PrivateSopClass | Self::Directory => "PS3.15 E.1.1",
            Self::OtherStudy => "PS3.18 10.5.1.2",
            Self::Pixels { clause, .. } => clause,
            Self::OverlayInPixels => "PS3.15 Table E.1-1 (60xx,3000)",
            Self::NoDummyDocument => "PS3.15 Table E.1-1 (0042,0011)",
            Self::AmbiguousByteOrder => "PS3.5 2016b A.3",
            Self::Unwritable(_) => "PS3.5 6.2",
            Self::UnknownName(_) | Self::NoStudy | Self::NoSeries | Self::Untold | Self::TooManyNames => {
                "PS3.3 A.1.2"
            }
            Self::OtherPatient(_) | Self::OtherSeries => "PS3.3 A.1.2.1",
            Self::Duplicate => "PS3.3 C.12.1.1.1",
            Self::Text(_) => "PS3.3 C.12.1.1.2",
        }
    }

    /// The profile setting that would let the instance pass, if one would.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Pixels { setting, .. } => Some(setting),
            Self::PrivateSopClass => Some("private_sop_class = \"pass\""),
            _ => None,
        }
    }

    /// A short, stable name for receipts and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fault(_) => "malformed",
            Self::NoIdentity(_) => "no-identity",
            Self::Contradiction(_) => "contradiction",
            Self::PrivateSopClass => "private-sop-class",
            Self::Directory => "dicomdir",
            Self::OtherStudy => "other-study",
            Self::Pixels { .. } => "pixels",
            Self::OverlayInPixels => "overlay-in-pixels",
            Self::NoDummyDocument => "document-type",
            Self::AmbiguousByteOrder => "byte-order",
            Self::Unwritable(_) => "unwritable",
            Self::UnknownName(_) => "unknown-name",
            Self::NoStudy => "no-study",
            Self::OtherPatient(_) => "other-patient",
            Self::OtherSeries => "other-series",
            Self::NoSeries => "no-series",
            Self::Duplicate => "duplicate",
            Self::Untold => "references-untold",
            Self::TooManyNames => "too-many-names",
            Self::Text(_) => "text",
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.kind.text(),
            Self::NoIdentity(_) => "the attribute is missing or not a legal UID",
            Self::Contradiction(_) => "the attribute occurs more than once with different values",
            Self::PrivateSopClass => "the SOP class is private, so nobody can say what identifies in it",
            Self::Directory => "a DICOMDIR names files and patients; send the instances themselves",
            Self::OtherStudy => "the instance belongs to another study than the one in the request",
            Self::Pixels { why, .. } => why,
            Self::OverlayInPixels => "an overlay is stored in high bits of compressed pixels",
            Self::NoDummyDocument => "no dummy is known for this type of document",
            Self::AmbiguousByteOrder => "the order of 32-bit pixels in big endian words is ambiguous",
            Self::Unwritable(_) => "the value does not fit its value representation",
            Self::UnknownName(_) => "the project has given out no such name",
            Self::NoStudy => "the origin does not have the study any more",
            Self::OtherPatient(_) => "the study belongs to another patient",
            Self::OtherSeries => "the series belongs to another study",
            Self::NoSeries => "the origin does not have the series",
            Self::Duplicate => "the origin has an instance of this name that is not the sender's",
            Self::Untold => "the origin does not say whose instances are referred to",
            Self::TooManyNames => "the instance has too many UIDs",
            Self::Text(_) => "the text is not in the character set that the instance names",
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        if let Some(Tag(group, element)) = self.tag() {
            write!(f, " at ({group:04X},{element:04X})")?;
        }
        write!(f, " [{}]", self.clause())?;
        match self.setting() {
            Some(setting) => write!(f, "; the profile setting {setting} lets it pass"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_refusal_names_tag_clause_and_setting() {
        let refusal = Refusal::Pixels {
            tag: Tag(0x0028, 0x0301),
            clause: "PS3.15 E.3.1",
            setting: "burned_in = \"pass\"",
            why: "text may be burned in",
        };
        let text = refusal.to_string();
        for part in ["(0028,0301)", "PS3.15 E.3.1", "burned_in"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(refusal.reason(), FailureReason::POLICY);
    }

    #[test]
    fn malformed_input_maps_to_its_failure_reason() {
        let reason = |kind: FaultKind| Refusal::from(Fault::from(kind)).reason();
        assert_eq!(reason(FaultKind::UnsupportedTransferSyntax), FailureReason::TRANSFER_SYNTAX);
        assert_eq!(reason(FaultKind::HeadTooLarge), FailureReason::OUT_OF_RESOURCES);
        assert_eq!(reason(FaultKind::Truncated), FailureReason::CANNOT_UNDERSTAND);
    }
}
