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

/// Families of registered UIDs that may stand where an instance, a frame of reference or a
/// palette is named (PS3.6 Table ): well-known frames of reference, palettes,
/// synchronization frames, SOP instances of services.
const WELL_KNOWN: [&str; 6] = ["1.4", "1.5", "15.1", "1.20", "1.40", "1.42"];

/// True for UIDs of those families, which name no entity of a patient (PS3.15 E.3.9). The
/// root alone proves nothing: anybody can write any number behind it, so what follows the
/// family is at most two numbers of two digits.
pub fn is_well_known(uid: &str) -> bool {
    let in_family = |family: &&str| {
        let rest = uid.strip_prefix(DICOM_ROOT).and_then(|rest| rest.strip_prefix(*family));
        rest.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| {
            rest.split('.').count() <= 2 && rest.split('.').all(|part| is_component(part) && part.len() <= 2)
        })
    };
    WELL_KNOWN.iter().any(in_family)
}

/// True for UIDs under the root of the standard whose numbers are as short as those it
/// registers. Longer ones carry something of their own.
pub fn is_registered_shape(uid: &str) -> bool {
    uid.strip_prefix(DICOM_ROOT)
        .is_some_and(|rest| rest.split('.').all(|part| is_component(part) && part.len() <= 4))
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
    fn only_short_numbers_of_the_families_are_well_known() {
        assert!(is_well_known("1.2.840.10008.1.4.1.1"));
        assert!(!is_well_known("1.2.840.100081.1"));
        assert!(is_well_known("1.2.840.10008.15.1.1"));
        assert!(!is_well_known("1.2.840.10008.x"));
        assert!(!is_well_known("1.2.840.10008.777777.19500304"));
        assert!(!is_well_known("1.2.840.10008.1.4.1.19500304"));
        assert!(!is_registered_shape("1.2.840.10008.5.1.4.1.1.19500304"));
        assert!(is_registered_shape("1.2.840.10008.5.1.4.1.1.501.1"));
    }
}
