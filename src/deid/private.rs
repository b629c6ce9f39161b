//! Lists of private attributes that may stay (PS3.15 E.3.10): Table E.3.10-1 and, opt-in, the one of TCIA. Whether the
//! option is chosen is asked in `plan`.

use super::tsv;
use super::types::KeyMap;
use dicom_core::{Tag, VR};
use std::collections::HashMap;
use std::sync::LazyLock;

const SAFE: &str = include_str!("../../conformance/ps3_15/safe_private.tsv");
const TCIA: &str = include_str!("../../conformance/ps3_15/tcia_private.tsv");

/// A source of knowledge about private attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrivateList {
    /// PS3.15 Table E.3.10-1.
    Standard,
    /// The private tag knowledge base of The Cancer Imaging Archive.
    Tcia,
}

impl PrivateList {
    /// Both lists.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Tcia];

    /// The name used in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Tcia => "tcia",
        }
    }
}

/// A row of Table E.3.10-1: matched by group, creator and low byte, never by the whole element number (PS3.5 7.8.1).
#[derive(Debug, Clone, Copy)]
pub struct SafeRow {
    /// Group, odd.
    pub group: u16,
    /// Low byte of the element number.
    pub low_byte: u8,
    /// Private Creator, without padding.
    pub creator: &'static str,
    /// VR as the table gives it: one, two with a slash, or none.
    pub vr: &'static str,
    /// Meaning in the table's words.
    pub meaning: &'static str,
}

impl SafeRow {
    /// The VR, where the table gives exactly one.
    pub fn known_vr(&self) -> Option<VR> {
        self.vr.parse().ok()
    }

    /// Whether an element of this VR is the one that was judged. UN may hold any VR (implicit VR sources) but no sequence:
    /// the reader tells sequences apart, so what is left as UN could not be read (PRIV-09).
    pub(super) fn admits(&self, vr: VR) -> bool {
        match vr {
            VR::UN => self.vr != "SQ",
            _ => self.vr.is_empty() || self.vr.split('/').any(|known| known == vr.to_string()),
        }
    }
}

fn safe_row(row: &[&'static str]) -> Option<SafeRow> {
    let [group, low_byte, creator, vr, meaning] = row else {
        return None;
    };
    Some(SafeRow {
        group: u16::from_str_radix(group, 16).ok()?,
        low_byte: u8::from_str_radix(low_byte, 16).ok()?,
        creator,
        vr,
        meaning,
    })
}

static SAFE_ROWS: LazyLock<Vec<SafeRow>> = LazyLock::new(|| {
    let mut rows: Vec<_> = tsv::rows(SAFE).filter_map(|row| safe_row(&row)).collect();
    rows.sort_by_key(|row| (row.group, row.low_byte, row.creator));
    rows
});

/// All rows of Table E.3.10-1, sorted by group, low byte, creator.
pub fn safe_rows() -> &'static [SafeRow] {
    &SAFE_ROWS
}

/// The row of Table E.3.10-1 for a private attribute, with its position.
pub fn find_safe(creator: &str, tag: Tag) -> Option<(u16, &'static SafeRow)> {
    let key = (tag.group(), low_byte(tag), creator.trim_matches(' '));
    let at = safe_rows().binary_search_by_key(&key, |row| (row.group, row.low_byte, row.creator)).ok()?;
    Some((u16::try_from(at).ok()?, safe_rows().get(at)?))
}

/// What the TCIA list says; all it does not say means removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// k: keep.
    Keep,
    /// h: a UID to be replaced under the key.
    Uid,
    /// o: a date to be shifted.
    Shift,
}

type TciaRows = KeyMap<&'static str, Vec<(&'static str, &'static str, Disposition)>>;

static TCIA_ROWS: LazyLock<TciaRows> = LazyLock::new(|| {
    let mut rows: HashMap<_, Vec<_>, _> = TciaRows::default();
    for row in tsv::rows(TCIA) {
        if let [path, creator, vr, disposition] = row.as_slice()
            && let Some(disposition) = disposition_of(disposition)
        {
            rows.entry(*path).or_default().push((*creator, *vr, disposition));
        }
    }
    rows
});

fn disposition_of(text: &str) -> Option<Disposition> {
    match text {
        "k" => Some(Disposition::Keep),
        "h" => Some(Disposition::Uid),
        "o" => Some(Disposition::Shift),
        _ => None,
    }
}

/// What the TCIA list says about a private attribute at exactly this path, for this creator and VR.
pub fn find_tcia(creator: &str, tag: Tag, vr: VR, path: &[Tag]) -> Option<Disposition> {
    let mut steps = String::with_capacity(9 * (path.len() + 1));
    for step in path.iter().chain([&tag]) {
        if !steps.is_empty() {
            steps.push('/');
        }
        steps.push_str(&step_text(*step));
    }
    let creator = creator.trim_matches(' ');
    let rows = TCIA_ROWS.get(steps.as_str())?.iter().filter(|(owner, _, _)| *owner == creator);
    // UN may hold any of the VRs listed: it stays only if none of them needs more than staying.
    let opaque = vr == VR::UN;
    let special = |known: &str, what| matches!(known, "SQ" | "UI") || what != Disposition::Keep;
    if opaque && rows.clone().any(|(_, known, what)| special(known, *what)) {
        return None;
    }
    rows.clone().find(|(_, known, _)| *known == vr.to_string()).map(|(_, _, what)| *what)
}

/// A path step as the list writes it: private ones without their block number.
fn step_text(tag: Tag) -> String {
    if tag.group() & 1 == 1 {
        format!("{:04X}{:02X}", tag.group(), low_byte(tag))
    } else {
        format!("{:04X}{:04X}", tag.group(), tag.element())
    }
}

fn low_byte(tag: Tag) -> u8 {
    let [_, low] = tag.element().to_be_bytes();
    low
}

/// SHA-256 of the rows of both lists, in hex.
pub(super) fn digests() -> [&'static str; 2] {
    [tsv::head(SAFE, "body sha256"), tsv::head(TCIA, "body sha256")]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_line_parses() {
        tsv::tests::assert_well_formed(SAFE, 5, 479);
        assert_eq!(safe_rows().len(), 479);
        let lines = tsv::rows(TCIA).count();
        tsv::tests::assert_well_formed(TCIA, 4, lines);
        assert_eq!(TCIA_ROWS.values().map(Vec::len).sum::<usize>(), lines);
    }

    #[test]
    fn each_safe_row_is_found_by_creator_and_low_byte_in_any_block() {
        for row in safe_rows() {
            for block in [0x1000u16, 0x1100, 0xFF00] {
                let (_, found) =
                    find_safe(row.creator, Tag(row.group, block | u16::from(row.low_byte))).unwrap();
                assert_eq!((found.creator, found.group), (row.creator, row.group));
            }
            assert!(find_safe("SOMEBODY ELSE", Tag(row.group, 0x1000 | u16::from(row.low_byte))).is_none());
        }
    }

    #[test]
    fn padding_of_the_creator_does_not_matter_but_its_letters_do() {
        let suv = Tag(0x7053, 0x1000);
        assert!(find_safe("Philips PET Private Group ", suv).is_some());
        assert!(find_safe("philips pet private group", suv).is_none());
    }

    #[test]
    fn the_tcia_list_is_asked_by_exact_path_creator_and_vr() {
        let (creator, tag) = ("Philips Imaging DD 001", Tag(0x2001, 0x10C1));
        let path = [Tag(0x0008, 0x1110)];
        assert_eq!(find_tcia(creator, tag, VR::LO, &path), Some(Disposition::Keep));
        assert_eq!(find_tcia(creator, tag, VR::LT, &path), None);
        assert_eq!(find_tcia("FDMS 1.0", Tag(0x0009, 0x1005), VR::UN, &[]), None, "listed as h");
        assert_eq!(find_tcia("GEMS_IDEN_01", Tag(0x0009, 0x1004), VR::UN, &[]), Some(Disposition::Keep));
        assert_eq!(find_tcia("OTHER", tag, VR::LO, &path), None);
        assert_eq!(find_tcia(creator, tag, VR::LO, &[Tag(0x0010, 0x0010)]), None);
        assert_eq!(find_tcia("GEMS_PETD_01", Tag(0x0009, 0x1207), VR::UI, &[]), Some(Disposition::Uid));
    }
}
