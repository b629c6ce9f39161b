//! The VR in a file against the VR of PS3.6: whether a decision made for the one holds for the other.

use super::action::Action;
use dicom_core::VR;
use dicom_core::dictionary::VirtualVr;

/// Whether the file's VR is one that PS3.6 gives the attribute. UN fits all: it holds the bytes of the dictionary's VR.
pub(super) fn fits(expected: VirtualVr, found: VR) -> bool {
    found == VR::UN
        || match expected {
            VirtualVr::Exact(vr) => vr == found,
            VirtualVr::Xs => matches!(found, VR::US | VR::SS),
            VirtualVr::Ox | VirtualVr::Px => matches!(found, VR::OB | VR::OW),
            VirtualVr::Lt => matches!(found, VR::US | VR::SS | VR::OW),
            _ => false,
        }
}

/// Whether an action does no harm although the VR is another one. What discloses nothing never does; a value may stay
/// only if the other VR cannot hold more than the one that was judged.
pub(super) fn stays_harmless(action: &Action, expected: VirtualVr, found: VR) -> bool {
    match action {
        Action::Uid => false,
        Action::Shift => matches!(found, VR::DA | VR::DT),
        Action::Keep => match kind(expected.relaxed()) {
            Kind::Number => kind(found) == Kind::Number,
            Kind::Text => matches!(found, VR::CS | VR::SH | VR::LO),
            Kind::Bytes => kind(found) == Kind::Bytes || matches!(found, VR::US | VR::SS),
            Kind::Other => false,
        },
        _ => true,
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
    Other,
}

fn kind(vr: VR) -> Kind {
    match vr {
        VR::DS | VR::IS | VR::FD | VR::FL | VR::US | VR::SS | VR::UL | VR::SL | VR::UV | VR::SV | VR::AT => {
            Kind::Number
        }
        VR::SH | VR::LO | VR::UC | VR::ST | VR::LT | VR::UT => Kind::Text,
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW => Kind::Bytes,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_value_stays_only_in_a_vr_that_holds_no_more() {
        let keep = |expected, found| stays_harmless(&Action::Keep, VirtualVr::Exact(expected), found);
        assert!(keep(VR::DS, VR::IS) && keep(VR::US, VR::SS) && keep(VR::LO, VR::SH) && keep(VR::OW, VR::OB));
        assert!(!keep(VR::CS, VR::LT) && !keep(VR::DS, VR::LO) && !keep(VR::LO, VR::UT));
        assert!(!keep(VR::SQ, VR::LO) && !keep(VR::LO, VR::SQ) && !keep(VR::US, VR::OB));
    }

    #[test]
    fn un_and_the_ambiguous_vrs_fit() {
        assert!(fits(VirtualVr::Exact(VR::CS), VR::UN));
        assert!(fits(VirtualVr::Px, VR::OW) && fits(VirtualVr::Xs, VR::SS) && fits(VirtualVr::Lt, VR::OW));
        assert!(!fits(VirtualVr::Exact(VR::DA), VR::DT));
    }
}
