//! The twelve options of PS3.15 E.3: names, columns, clauses, codes of CID 7050. What they decide lives in `outcome`.

use super::tsv;
use std::fmt;
use std::sync::LazyLock;

const CODES: &str = include_str!("../../conformance/ps3_15/codes_cid7050.tsv");

/// An option of PS3.15 E.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileOption {
    /// PS3.15 E.3.1.
    CleanPixelData,
    /// PS3.15 E.3.2.
    CleanRecognizableVisualFeatures,
    /// PS3.15 E.3.3.
    CleanGraphics,
    /// PS3.15 E.3.4.
    CleanStructuredContent,
    /// PS3.15 E.3.5.
    CleanDescriptors,
    /// PS3.15 E.3.6, full dates.
    RetainFullDates,
    /// PS3.15 E.3.6, modified dates.
    RetainModifiedDates,
    /// PS3.15 E.3.7.
    RetainPatientCharacteristics,
    /// PS3.15 E.3.8.
    RetainDeviceIdentity,
    /// PS3.15 E.3.9.
    RetainUids,
    /// PS3.15 E.3.10.
    RetainSafePrivate,
    /// PS3.15 E.3.11.
    RetainInstitutionIdentity,
}

use ProfileOption as O;

impl ProfileOption {
    /// All options in the order of their clauses.
    pub const ALL: [Self; 12] = [
        O::CleanPixelData,
        O::CleanRecognizableVisualFeatures,
        O::CleanGraphics,
        O::CleanStructuredContent,
        O::CleanDescriptors,
        O::RetainFullDates,
        O::RetainModifiedDates,
        O::RetainPatientCharacteristics,
        O::RetainDeviceIdentity,
        O::RetainUids,
        O::RetainSafePrivate,
        O::RetainInstitutionIdentity,
    ];

    /// The name used in profiles.
    pub fn name(self) -> &'static str {
        match self {
            O::CleanPixelData => "clean-pixel-data",
            O::CleanRecognizableVisualFeatures => "clean-recognizable-visual-features",
            O::CleanGraphics => "clean-graphics",
            O::CleanStructuredContent => "clean-structured-content",
            O::CleanDescriptors => "clean-descriptors",
            O::RetainFullDates => "retain-full-dates",
            O::RetainModifiedDates => "retain-modified-dates",
            O::RetainPatientCharacteristics => "retain-patient-characteristics",
            O::RetainDeviceIdentity => "retain-device-identity",
            O::RetainUids => "retain-uids",
            O::RetainSafePrivate => "retain-safe-private",
            O::RetainInstitutionIdentity => "retain-institution-identity",
        }
    }

    /// The option of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }

    /// The name used in the checked-in tables.
    pub(super) fn key(self) -> &'static str {
        match self {
            O::CleanPixelData => "clean_pixel_data",
            O::CleanRecognizableVisualFeatures => "clean_recognizable_visual_features",
            O::CleanGraphics => "clean_graphics",
            O::CleanStructuredContent => "clean_structured_content",
            O::CleanDescriptors => "clean_descriptors",
            O::RetainFullDates => "retain_longitudinal_full_dates",
            O::RetainModifiedDates => "retain_longitudinal_modified_dates",
            O::RetainPatientCharacteristics => "retain_patient_characteristics",
            O::RetainDeviceIdentity => "retain_device_identity",
            O::RetainUids => "retain_uids",
            O::RetainSafePrivate => "retain_safe_private",
            O::RetainInstitutionIdentity => "retain_institution_identity",
        }
    }

    /// The position of the option's column in Table E.1-1; the two pixel options have none.
    pub(super) fn column(self) -> Option<usize> {
        match self {
            O::RetainSafePrivate => Some(0),
            O::RetainUids => Some(1),
            O::RetainDeviceIdentity => Some(2),
            O::RetainInstitutionIdentity => Some(3),
            O::RetainPatientCharacteristics => Some(4),
            O::RetainFullDates => Some(5),
            O::RetainModifiedDates => Some(6),
            O::CleanDescriptors => Some(7),
            O::CleanStructuredContent => Some(8),
            O::CleanGraphics => Some(9),
            O::CleanPixelData | O::CleanRecognizableVisualFeatures => None,
        }
    }

    /// The clause of PS3.15 that defines the option.
    pub fn clause(self) -> &'static str {
        self.code().map_or("E.3", |code| code.clause)
    }

    /// The option's code of CID 7050.
    pub fn code(self) -> Option<&'static MethodCode> {
        codes().iter().find(|code| code.option == self.key())
    }

    /// Whether the option can be chosen. The others need cleaning of values that is not built: choosing one is a mistake.
    pub fn available(self) -> bool {
        !matches!(
            self,
            O::CleanPixelData
                | O::CleanRecognizableVisualFeatures
                | O::CleanStructuredContent
                | O::CleanDescriptors
        )
    }
}

impl fmt::Display for ProfileOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A code of PS3.16 CID 7050 De-identification Method, for (0012,0064).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodCode {
    /// Code Value.
    pub value: &'static str,
    /// Coding Scheme Designator.
    pub scheme: &'static str,
    /// Code Meaning.
    pub meaning: &'static str,
    /// The clause of PS3.15 it stands for.
    pub clause: &'static str,
    option: &'static str,
}

static METHOD_CODES: LazyLock<Vec<MethodCode>> = LazyLock::new(|| {
    tsv::rows(CODES).filter_map(|row| <[&'static str; 5]>::try_from(row).ok()).map(method_code).collect()
});

fn method_code([value, scheme, meaning, option, clause]: [&'static str; 5]) -> MethodCode {
    MethodCode { value, scheme, meaning, clause, option }
}

/// All codes of CID 7050.
pub fn codes() -> &'static [MethodCode] {
    &METHOD_CODES
}

/// The code of the Basic Profile itself, 113100.
pub fn basic_code() -> Option<&'static MethodCode> {
    codes().iter().find(|code| code.option == "basic")
}

/// SHA-256 of the code rows, in hex.
pub(super) fn digest() -> &'static str {
    tsv::head(CODES, "body sha256")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_option_has_its_own_code_and_name() {
        tsv::tests::assert_well_formed(CODES, 5, 13);
        assert_eq!(basic_code().unwrap().value, "113100");
        for option in ProfileOption::ALL {
            let code = option.code().unwrap();
            assert!(code.meaning.len() <= 64 && code.scheme == "DCM", "{code:?}");
            assert_eq!(ProfileOption::from_name(option.name()), Some(option));
        }
        assert_eq!(O::RetainModifiedDates.code().unwrap().value, "113107");
        assert_eq!(O::RetainUids.clause(), "E.3.9");
    }
}
