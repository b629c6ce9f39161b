//! The local header of one file in a ZIP archive (APPNOTE 4.3.7), its ZIP64 field (4.5.3), and the descriptor behind
//! its data (4.3.9). Walking the archive is `super`'s.

use bytes::Buf;

/// Bytes of a local header before the name.
const FIXED: usize = 30;

/// A size that stands in the ZIP64 field.
const ELSEWHERE: u32 = u32::MAX;

/// Signature that a descriptor may begin with.
const SIGNATURE: &[u8] = b"PK\x07\x08";

/// What stands before a file's data.
pub(super) struct Entry {
    /// As the packer wrote it.
    pub(super) name: String,
    pub(super) crc32: u32,
    pub(super) deflated: bool,
    /// A descriptor follows the data.
    pub(super) described: bool,
    /// Neither stored nor deflated.
    foreign: bool,
    encrypted: bool,
    packed: u64,
}

impl Entry {
    /// The header at the start of `bytes` and its size; `None`: more are needed.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut fixed = bytes.get(4..FIXED)?;
        let (_, flags, method) = (fixed.get_u16_le(), fixed.get_u16_le(), fixed.get_u16_le());
        let _when = fixed.get_u32_le();
        let (crc32, packed, size) = (fixed.get_u32_le(), fixed.get_u32_le(), fixed.get_u32_le());
        let (name, extra) = (usize::from(fixed.get_u16_le()), usize::from(fixed.get_u16_le()));
        let end = FIXED + name + extra;
        let (raw, extra) = (bytes.get(FIXED..FIXED + name)?, bytes.get(FIXED + name..end)?);
        let packed = match packed {
            ELSEWHERE => zip64(extra, size == ELSEWHERE).unwrap_or(u64::from(packed)),
            packed => packed.into(),
        };
        let entry = Self {
            name: text(raw),
            crc32,
            deflated: method == 8,
            described: flags & 0x0008 != 0,
            foreign: method != 0 && method != 8,
            encrypted: flags & 0x2041 != 0,
            packed,
        };
        Some((entry, end))
    }

    /// Bytes of its data; `None` if only its end tells.
    pub(super) fn length(&self) -> Option<u64> {
        (!self.described || self.packed > 0).then_some(self.packed)
    }

    /// A folder is a name and nothing else.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(['/', '\\'])
    }

    /// Why its data cannot be had, if it cannot.
    pub(super) fn unreadable(&self) -> Option<&'static str> {
        match self {
            Self { encrypted: true, .. } => Some("the file is encrypted in the ZIP archive"),
            Self { foreign: true, .. } => {
                Some("the file is compressed in a way that is not read; use deflate")
            }
            _ => None,
        }
    }
}

/// The size in the archive out of the ZIP64 field, where it stands behind the unpacked one if that is there too.
fn zip64(mut extra: &[u8], both: bool) -> Option<u64> {
    while extra.len() >= 4 {
        let (id, length) = (extra.get_u16_le(), usize::from(extra.get_u16_le()));
        let mut field = extra.get(..length)?;
        if id == 1 {
            let _size = if both { field.try_get_u64_le().ok()? } else { 0 };
            return field.try_get_u64_le().ok();
        }
        extra.advance(length);
    }
    None
}

/// UTF-8, as nearly all packers write; what is not is taken for Latin 1: a name must only be told from others.
fn text(raw: &[u8]) -> String {
    std::str::from_utf8(raw).map_or_else(|_| raw.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Size of the descriptor at the start of `bytes` and the CRC-32 in it: of its four forms the one whose sizes are right.
pub(super) fn descriptor(bytes: &[u8], packed: u64, size: u64) -> Option<(usize, u32)> {
    let start = if bytes.starts_with(SIGNATURE) { SIGNATURE.len() } else { 0 };
    [(start, false), (start, true), (0, false), (0, true)].into_iter().find_map(|(start, wide)| {
        let mut rest = bytes.get(start..)?;
        let crc32 = rest.try_get_u32_le().ok()?;
        let mut number =
            || if wide { rest.try_get_u64_le().ok() } else { rest.try_get_u32_le().ok().map(u64::from) };
        let sizes = (number()?, number()?);
        let length = start + 4 + if wide { 16 } else { 8 };
        let wraps = |value: u64| if wide { value } else { value & u64::from(u32::MAX) };
        (sizes == (wraps(packed), wraps(size))).then_some((length, crc32))
    })
}
