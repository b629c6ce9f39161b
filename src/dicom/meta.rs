//! File Meta Information (PS3.10 7.1): found leniently, written strictly. Which
//! values go in is decided by the caller.

use super::fault::{Fault, FaultKind};
use super::header::{self, Header};
use super::syntax::Encoding;
use super::value;
use super::writer::Writer;
use dicom_core::{Tag, VR};

/// Our Implementation Class UID (0002,0012): a UUID-derived root of this software.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.159053758781981855960858674899171879643";

/// Our Implementation Version Name (0002,0013), at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str =
    concat!("VEILGATE_", env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"));

/// File meta larger than this is no file meta.
const MAX_META: usize = 1 << 20;

/// What was found of the file meta. The rest of group 0002 is never looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Transfer Syntax UID (0002,0010), if present and not empty.
    pub transfer_syntax: Option<String>,
    /// Where the data set begins, in bytes from the start of the file.
    pub data_at: usize,
    /// A "DICM" prefix or at least one element of group 0002 was there.
    pub found: bool,
}

/// Reads the file meta at the start of `bytes`. `Ok(None)`: more bytes are needed,
/// which cannot be when `complete` says that these are all.
pub fn read(bytes: &[u8], complete: bool) -> Result<Option<Meta>, Fault> {
    if bytes.len() < 134 && !complete {
        return Ok(None);
    }
    let start = start(bytes);
    let mut meta = Meta { transfer_syntax: None, data_at: start, found: start > 0 };
    loop {
        let rest = bytes.get(meta.data_at..).unwrap_or_default();
        let Some(header) = element_header(rest)? else {
            return if complete { Ok(Some(meta)) } else { Ok(None) };
        };
        if header.tag.group() != 0x0002 {
            return Ok(Some(meta));
        }
        let end = header.size.saturating_add(header.len.unwrap_or(u32::MAX) as usize);
        if meta.data_at.saturating_add(end) > MAX_META {
            return Err(FaultKind::NotDicom.into());
        }
        let Some(value) = rest.get(header.size..end) else {
            return if complete { Err(Fault::at(FaultKind::Truncated, header.tag)) } else { Ok(None) };
        };
        note(&mut meta, &header, value);
        meta.data_at += end;
    }
}

/// Where group 0002 or the data set begins: behind preamble and prefix, behind a bare
/// prefix, or at the very start. "DICM" at byte 128 counts only if group 0002 follows,
/// since it may be part of a data set without preamble.
fn start(bytes: &[u8]) -> usize {
    let prefixed = |at: usize| bytes.get(at..at + 6) == Some(b"DICM\x02\0");
    let bare = |at: usize| bytes.get(at..at + 4) == Some(b"DICM");
    if prefixed(128) {
        132
    } else if bare(0) {
        4
    } else if bare(128) && bytes.get(..128).is_some_and(|preamble| preamble.iter().all(|byte| *byte == 0)) {
        132
    } else {
        0
    }
}

/// File meta is Explicit VR Little Endian; some writers send it implicit.
fn element_header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let explicit = header::decode(bytes, Encoding::ExplicitLittle)?;
    match explicit {
        Some(found) if found.tag.group() == 0x0002 && found.vr.is_none() => {
            header::decode(bytes, Encoding::ImplicitLittle)
        }
        other => Ok(other),
    }
}

fn note(meta: &mut Meta, header: &Header, bytes: &[u8]) {
    meta.found = true;
    if header.tag == Tag(0x0002, 0x0010) {
        meta.transfer_syntax = value::ascii(bytes).filter(|uid| !uid.is_empty()).map(str::to_owned);
    }
}

/// Preamble of zeros, prefix and a file meta that describes this gateway and nothing of
/// the source (PS3.15 E.1.1; PS3.10 7.1).
pub fn write(sop_class: &str, sop_instance: &str, transfer_syntax: &str) -> Vec<u8> {
    let mut group = Writer::with_capacity(256);
    group.element(Tag(0x0002, 0x0001), VR::OB, &[0, 1]);
    group.text(Tag(0x0002, 0x0002), VR::UI, sop_class);
    group.text(Tag(0x0002, 0x0003), VR::UI, sop_instance);
    group.text(Tag(0x0002, 0x0010), VR::UI, transfer_syntax);
    group.text(Tag(0x0002, 0x0012), VR::UI, IMPLEMENTATION_CLASS_UID);
    group.text(Tag(0x0002, 0x0013), VR::SH, IMPLEMENTATION_VERSION_NAME);
    let group = group.finish();
    let mut length = Writer::with_capacity(12);
    length.element(Tag(0x0002, 0x0000), VR::UL, &u32::try_from(group.len()).unwrap_or(0).to_le_bytes());
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    file.extend(length.finish());
    file.extend(group);
    file
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut file = write("1.2.840.10008.5.1.4.1.1.2", "2.25.7", "1.2.840.10008.1.2.1");
        let end = file.len();
        file.extend_from_slice(b"\x08\0\x05\0CS\x02\0A ");
        let meta = read(&file, false).unwrap().unwrap();
        assert_eq!(meta.transfer_syntax.as_deref(), Some("1.2.840.10008.1.2.1"));
        assert_eq!(meta.data_at, end);
    }

    #[test]
    fn a_missing_or_wrong_group_length_does_not_matter() {
        let file = write("1.2", "2.25.7", "1.2.840.10008.1.2.1");
        let without = [&file[..132], &file[144..]].concat();
        assert_eq!(read(&without, true).unwrap().unwrap().data_at, without.len());
        let mut wrong = file.clone();
        wrong[140] = 0xFF;
        assert_eq!(read(&wrong, true).unwrap().unwrap().data_at, file.len());
    }

    #[test]
    fn a_file_without_preamble_or_meta_starts_at_once() {
        let data = b"\x08\0\x05\0CS\x02\0A ".repeat(20);
        let meta = read(&data, false).unwrap().unwrap();
        assert_eq!((meta.data_at, meta.found), (0, false));
    }

    #[test]
    fn every_cut_asks_for_more() {
        let file = write("1.2", "2.25.7", "1.2.840.10008.1.2.1");
        for cut in 0..file.len() {
            assert_eq!(read(&file[..cut], false).unwrap(), None, "{cut}");
        }
    }

    #[test]
    fn our_version_name_fits_its_vr() {
        assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16);
        assert!(super::super::uid::is_legal(IMPLEMENTATION_CLASS_UID));
    }
}
