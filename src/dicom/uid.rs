//! Rules about UIDs as text (PS3.5 9.1). Making replacement UIDs lives in `deid`.

/// The root of UIDs that the standard itself registers.
pub const DICOM_ROOT: &str = "1.2.840.10008.";

/// True for a legal UID: 1–64 characters, digits and dots, no empty component, no
/// leading zero (PS3.5 9.1).
pub fn is_legal(uid: &str) -> bool {
    (1..=64).contains(&uid.len()) && uid.split('.').all(is_component)
}

fn is_component(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_digit())
        && (part.len() == 1 || !part.starts_with('0'))
}

/// True for UIDs registered by the standard: SOP classes, transfer syntaxes, coding
/// schemes, well-known frames of reference. They name no instance (PS3.15 E.3.9).
pub fn is_well_known(uid: &str) -> bool {
    uid.starts_with(DICOM_ROOT) && is_legal(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_uids_are_told_from_illegal_ones() {
        assert!(is_legal("1.2.840.10008.1.2"));
        assert!(is_legal("2.25.0"));
        for bad in ["", ".", "1.", "1..2", "1.02", "1.2.a", &"1".repeat(65), "1.2\0"] {
            assert!(!is_legal(bad), "{bad:?}");
        }
    }

    #[test]
    fn only_the_standards_root_is_well_known() {
        assert!(is_well_known("1.2.840.10008.1.4.1.1"));
        assert!(!is_well_known("1.2.840.100081.1"));
        assert!(!is_well_known("1.2.840.10008.x"));
    }
}
