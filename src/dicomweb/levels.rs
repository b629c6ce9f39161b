//! Which level of the information model an attribute belongs to, and which attributes each
//! level's results have in any case (PS3.18 10.6.3.3; modules of PS3.3 C.7.1 to C.7.5).

use dicom_core::Tag;

/// Levels of a search, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Studies, with their patients.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// Attributes of the study level outside the groups 0010 and 0012 (PS3.3 C.7.2).
const STUDY: &[Tag] = &[
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0051),
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x0061),
    Tag(0x0008, 0x0062),
    Tag(0x0008, 0x0090),
    Tag(0x0008, 0x0092),
    Tag(0x0008, 0x0094),
    Tag(0x0008, 0x0096),
    Tag(0x0008, 0x009C),
    Tag(0x0008, 0x009D),
    Tag(0x0008, 0x0201),
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
    Tag(0x0008, 0x1190),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x0010),
    Tag(0x0020, 0x1200),
    Tag(0x0020, 0x1206),
    Tag(0x0020, 0x1208),
    Tag(0x0032, 0x1060),
    Tag(0x0032, 0x1064),
    Tag(0x0032, 0x4000),
    Tag(0x0038, 0x0010),
    Tag(0x0038, 0x0014),
    Tag(0x0038, 0x0060),
    Tag(0x0038, 0x0062),
    Tag(0x0038, 0x0064),
    Tag(0x0038, 0x0500),
    Tag(0x0040, 0x1012),
];

/// Attributes of the series level (PS3.3 C.7.3, C.7.4, C.7.5).
const SERIES: &[Tag] = &[
    Tag(0x0008, 0x0021),
    Tag(0x0008, 0x0031),
    Tag(0x0008, 0x0060),
    Tag(0x0008, 0x0068),
    Tag(0x0008, 0x0070),
    Tag(0x0008, 0x0080),
    Tag(0x0008, 0x0081),
    Tag(0x0008, 0x0082),
    Tag(0x0008, 0x1010),
    Tag(0x0008, 0x103E),
    Tag(0x0008, 0x103F),
    Tag(0x0008, 0x1040),
    Tag(0x0008, 0x1041),
    Tag(0x0008, 0x1050),
    Tag(0x0008, 0x1052),
    Tag(0x0008, 0x1070),
    Tag(0x0008, 0x1072),
    Tag(0x0008, 0x1090),
    Tag(0x0008, 0x1111),
    Tag(0x0008, 0x1250),
    Tag(0x0010, 0x2210),
    Tag(0x0012, 0x0060),
    Tag(0x0012, 0x0071),
    Tag(0x0012, 0x0072),
    Tag(0x0018, 0x0015),
    Tag(0x0018, 0x1000),
    Tag(0x0018, 0x1020),
    Tag(0x0018, 0x1030),
    Tag(0x0018, 0x5100),
    Tag(0x0020, 0x000E),
    Tag(0x0020, 0x0011),
    Tag(0x0020, 0x0052),
    Tag(0x0020, 0x0060),
    Tag(0x0020, 0x1040),
    Tag(0x0020, 0x1209),
    Tag(0x0040, 0x0244),
    Tag(0x0040, 0x0245),
    Tag(0x0040, 0x0250),
    Tag(0x0040, 0x0251),
    Tag(0x0040, 0x0253),
    Tag(0x0040, 0x0254),
    Tag(0x0040, 0x0260),
    Tag(0x0040, 0x0275),
    Tag(0x0040, 0x0280),
];

/// What a study's result always has (PS3.18 Table 10.6.3-3).
const STUDY_RETURNS: &[Tag] = &[
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0061),
    Tag(0x0008, 0x0090),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x0010),
    Tag(0x0020, 0x1206),
    Tag(0x0020, 0x1208),
];

/// What a study's result has if it is known; Study Description beyond the table, as every viewer lists it.
const STUDY_MAY: &[Tag] = &[Tag(0x0008, 0x0056), Tag(0x0008, 0x0201), Tag(0x0008, 0x1030)];

/// What a series' result always has (PS3.18 Table 10.6.3-4).
const SERIES_RETURNS: &[Tag] =
    &[Tag(0x0008, 0x0060), Tag(0x0020, 0x000E), Tag(0x0020, 0x0011), Tag(0x0020, 0x1209)];

/// What a series' result has if it is known. Study Instance UID and date beyond the table, for viewers.
const SERIES_MAY: &[Tag] = &[
    Tag(0x0008, 0x0021),
    Tag(0x0008, 0x0201),
    Tag(0x0008, 0x103E),
    Tag(0x0020, 0x000D),
    Tag(0x0040, 0x0244),
    Tag(0x0040, 0x0245),
    Tag(0x0040, 0x0275),
];

/// What an instance's result always has (PS3.18 Table 10.6.3-5).
const INSTANCE_RETURNS: &[Tag] = &[Tag(0x0008, 0x0016), Tag(0x0008, 0x0018), Tag(0x0020, 0x0013)];

/// What an instance's result has if it is known. The UIDs above it beyond the table, as clients build URLs from them.
const INSTANCE_MAY: &[Tag] = &[
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x0201),
    Tag(0x0008, 0x3002),
    Tag(0x0020, 0x000D),
    Tag(0x0020, 0x000E),
    Tag(0x0028, 0x0008),
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
];

/// The level of an attribute. What no module of patient, study or series has belongs to the instance.
pub fn of(tag: Tag) -> Level {
    if SERIES.contains(&tag) {
        Level::Series
    } else if matches!(tag.group(), 0x0010 | 0x0012) || STUDY.contains(&tag) {
        Level::Study
    } else {
        Level::Instance
    }
}

/// The attributes that a result of this level has in any case, empty if need be.
pub fn always(level: Level) -> &'static [Tag] {
    match level {
        Level::Study => STUDY_RETURNS,
        Level::Series => SERIES_RETURNS,
        Level::Instance => INSTANCE_RETURNS,
    }
}

/// The attributes that a result of this level has if they are known.
pub fn if_known(level: Level) -> &'static [Tag] {
    match level {
        Level::Study => STUDY_MAY,
        Level::Series => SERIES_MAY,
        Level::Instance => INSTANCE_MAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_required_attribute_is_of_its_own_level() {
        for level in [Level::Study, Level::Series, Level::Instance] {
            for tag in always(level) {
                assert_eq!(of(*tag), level, "{tag}");
            }
            assert!(if_known(level).iter().all(|tag| of(*tag) <= level));
        }
    }

    #[test]
    fn the_lists_have_no_attribute_twice() {
        let all: Vec<Tag> = STUDY.iter().chain(SERIES).copied().collect();
        let once: std::collections::BTreeSet<Tag> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len());
    }
}
