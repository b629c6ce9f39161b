//! The VR of an attribute where the bytes do not say it (PS3.6, PS3.5 A.1). What
//! to do with the attribute is floor 1's question.

use super::value::unit;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// True for tags of odd groups (PS3.5 7.8).
pub fn is_private(tag: Tag) -> bool {
    tag.group() % 2 == 1
}

/// True for (gggg,0010-00FF) of odd groups: elements that reserve a block (PS3.5 7.8.1).
pub fn is_private_creator(tag: Tag) -> bool {
    is_private(tag) && (0x0010..=0x00FF).contains(&tag.element())
}

/// The standard's VR of a tag; `None` for private and unknown tags. Where PS3.6 offers
/// several, the one that implicit encoding implies: OW for pixels and tables
/// (PS3.5 A.1), SS for signed pixels, US otherwise.
pub fn vr_of(tag: Tag, signed_pixels: bool) -> Option<VR> {
    if is_private(tag) {
        return is_private_creator(tag).then_some(VR::LO);
    }
    match StandardDataDictionary.by_tag(tag)?.vr() {
        VirtualVr::Exact(vr) => Some(vr),
        VirtualVr::Xs if signed_pixels => Some(VR::SS),
        VirtualVr::Xs => Some(VR::US),
        _ => Some(VR::OW),
    }
}

/// The VR to tell of a value of `len` bytes, little endian, that has `vr` in the file: that of PS3.6 where whoever wrote UN did
/// not know it (PS3.5 6.2.2), `vr` itself otherwise. Sequences, ambiguous VRs and values that do not fit stay UN.
pub fn told_vr(tag: Tag, vr: VR, len: usize) -> VR {
    if vr != VR::UN || is_private(tag) {
        return vr;
    }
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(known)) if known != VR::SQ && len.is_multiple_of(unit(known)) => known,
        _ => vr,
    }
}

/// The keyword of a standard attribute in PS3.6; empty for private and unknown ones.
pub fn keyword(tag: Tag) -> &'static str {
    let entry = StandardDataDictionary.by_tag(tag).filter(|_| !is_private(tag));
    entry.map_or("", |entry| entry.alias())
}

/// True for sequences of codes, which PS3.6 names so (PS3.3 8).
pub fn is_code_sequence(tag: Tag) -> bool {
    StandardDataDictionary.by_tag(tag).is_some_and(|entry| entry.alias().ends_with("CodeSequence"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_private_and_ambiguous_tags_get_their_vr() {
        assert_eq!(vr_of(Tag(0x0010, 0x0020), false), Some(VR::LO));
        assert_eq!(vr_of(Tag(0x7FE0, 0x0010), false), Some(VR::OW));
        assert_eq!(vr_of(Tag(0x0028, 0x0106), true), Some(VR::SS));
        assert_eq!(vr_of(Tag(0x0028, 0x0106), false), Some(VR::US));
        assert_eq!(vr_of(Tag(0x6002, 0x3000), false), Some(VR::OW));
        assert_eq!(vr_of(Tag(0x0029, 0x0010), false), Some(VR::LO));
        assert_eq!(vr_of(Tag(0x0029, 0x1010), false), None);
        assert_eq!(vr_of(Tag(0x0008, 0x9FFF), false), None);
    }

    #[test]
    fn of_un_the_vr_is_told_where_the_standard_knows_one_that_fits() {
        for (tag, len, told) in [
            (Tag(0x0010, 0x0010), 7, VR::PN),
            (Tag(0x0028, 0x0010), 2, VR::US),
            (Tag(0x0028, 0x0010), 3, VR::UN),
            (Tag(0x0028, 0x0106), 2, VR::UN),
            (Tag(0x0040, 0x0275), 8, VR::UN),
            (Tag(0x0029, 0x0010), 8, VR::UN),
            (Tag(0x0008, 0x9FFF), 8, VR::UN),
        ] {
            assert_eq!(told_vr(tag, VR::UN, len), told, "{tag}");
        }
        assert_eq!(told_vr(Tag(0x0010, 0x0010), VR::LO, 7), VR::LO, "what the file says stands");
    }
}
