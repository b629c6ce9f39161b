//! Which attributes an instance shares with its study: those of the patient and study modules (PS3.3 C.7.1.1, C.7.2.1,
//! C.7.2.2). Where their values come from is decided above.

use dicom_core::{Tag, VR};

/// Attributes of the General Study and Patient Study Modules outside group 0010.
const OF_STUDY: &[Tag] = &[
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0051),
    Tag(0x0008, 0x0090),
    Tag(0x0008, 0x0096),
    Tag(0x0008, 0x009C),
    Tag(0x0008, 0x009D),
    Tag(0x0008, 0x1030),
    Tag(0x0008, 0x1032),
    Tag(0x0008, 0x1048),
    Tag(0x0008, 0x1049),
    Tag(0x0008, 0x1060),
    Tag(0x0008, 0x1062),
    Tag(0x0008, 0x1080),
    Tag(0x0008, 0x1084),
    Tag(0x0008, 0x1110),
    Tag(0x0008, 0x1120),
    Tag(0x0020, 0x0010),
    Tag(0x0032, 0x1033),
    Tag(0x0032, 0x1034),
    Tag(0x0032, 0x1066),
    Tag(0x0032, 0x1067),
    Tag(0x0038, 0x0010),
    Tag(0x0038, 0x0014),
    Tag(0x0038, 0x0060),
    Tag(0x0038, 0x0062),
    Tag(0x0038, 0x0064),
    Tag(0x0038, 0x0500),
    Tag(0x0040, 0x1012),
];

/// Attributes that must be there, even empty (Type 2).
pub(super) const REQUIRED: &[(Tag, VR)] = &[
    (Tag(0x0008, 0x0020), VR::DA),
    (Tag(0x0008, 0x0030), VR::TM),
    (Tag(0x0008, 0x0050), VR::SH),
    (Tag(0x0008, 0x0090), VR::PN),
    (Tag(0x0010, 0x0010), VR::PN),
    (Tag(0x0010, 0x0020), VR::LO),
    (Tag(0x0010, 0x0030), VR::DA),
    (Tag(0x0010, 0x0040), VR::CS),
    (Tag(0x0020, 0x0010), VR::SH),
];

/// True for top-level attributes of which all instances of a study have the same values. Group 0010 is about the patient
/// as a whole.
pub(super) fn is_of_study(tag: Tag) -> bool {
    tag.group() == 0x0010 || OF_STUDY.contains(&tag)
}

/// Sequences whose items refer to something that is no instance of a study: a procedure step, a visit, a patient of the
/// retired normalized classes (PS3.3 10.3, C.7.3.1).
const NO_INSTANCES: &[Tag] = &[Tag(0x0008, 0x1111), Tag(0x0008, 0x1120), Tag(0x0008, 0x1125)];

/// Sequences that refer to a study as if it were an instance: Referenced Study Sequence and RT Referenced Study Sequence
/// (PS3.3 C.8.8.5).
const A_STUDY: &[Tag] = &[Tag(0x0008, 0x1110), Tag(0x3006, 0x0012)];

/// True if what stands directly inside these sequences refers to a study.
pub(super) fn refers_to_a_study(path: &[Tag]) -> bool {
    path.last().is_some_and(|tag| A_STUDY.contains(tag))
}

/// True if what stands directly inside these sequences refers to instances.
pub(super) fn refers_to_instances(path: &[Tag]) -> bool {
    !path.last().is_some_and(|tag| NO_INSTANCES.contains(tag))
}

/// Attributes that tell when an object was made, which is not when its patient was examined.
const OF_MAKING: &[Tag] = &[
    Tag(0x0008, 0x0012),
    Tag(0x0008, 0x0015),
    Tag(0x0008, 0x0021),
    Tag(0x0008, 0x0023),
    Tag(0x0018, 0xA002),
    Tag(0x0040, 0xA030),
    Tag(0x0040, 0xA032),
    Tag(0x0070, 0x0082),
    Tag(0x3006, 0x0008),
    Tag(0x300A, 0x0006),
    Tag(0x300E, 0x0004),
];

/// True for dates of the making of an instance, a series or a statement in it.
pub(super) fn is_of_making(tag: Tag) -> bool {
    OF_MAKING.contains(&tag)
}
