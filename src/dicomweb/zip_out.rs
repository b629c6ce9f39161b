//! Framing of a ZIP archive that is sent while it is made: stored or deflated entries,
//! ZIP64 where needed. Pure: gives the bytes between the entries, the caller sends their
//! data.
//!
//! Own code because a stream writer that learns sizes afterwards must put them behind
//! the data, which readers of streams cannot follow for stored entries; here sizes and
//! checksum are known before. Data also passes as slices instead of through a writer.

use bytes::{BufMut, Bytes, BytesMut};

/// Sizes and offsets from here on stand in ZIP64 fields.
const ZIP64: u64 = 0xFFFF_FFFF;

/// 1980-01-01, 00:00, the zero of ZIP: the time of a push says something about it.
const NO_DATE: u32 = 0x0021_0000;

/// Names are UTF-8 (general purpose bit 11).
const FLAGS: u16 = 1 << 11;

/// An archive under construction.
#[derive(Debug, Default)]
pub struct ZipOut {
    entries: Vec<Entry>,
    /// Bytes of the archive before the next header.
    offset: u64,
}

/// How the data of an entry is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// As a raw deflate stream (RFC 1951).
    Deflated,
}

/// The data of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How it is held.
    pub method: Method,
    /// Its bytes once unpacked.
    pub size: u64,
    /// Its bytes in the archive.
    pub packed: u64,
    /// CRC-32 of the unpacked bytes.
    pub crc32: u32,
}

impl Content {
    /// Data held as it is.
    pub fn stored(size: u64, crc32: u32) -> Self {
        Self { method: Method::Stored, size, packed: size, crc32 }
    }
}

#[derive(Debug)]
struct Entry {
    name: String,
    content: Content,
    offset: u64,
}

/// The name of an entry exceeds 65,535 bytes, which ZIP cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ZIP entry's name exceeds 65,535 bytes")]
pub struct NameTooLong;

impl ZipOut {
    /// The header of the next entry. Exactly `packed` bytes of data must follow it.
    pub fn entry(&mut self, name: &str, content: Content) -> Result<Bytes, NameTooLong> {
        let name_len = u16::try_from(name.len()).map_err(|_| NameTooLong)?;
        let entry = Entry { name: name.to_owned(), content, offset: self.offset };
        let extra = extra(entry.sizes());
        let mut out = BytesMut::with_capacity(64 + name.len());
        out.put_u32_le(0x0403_4B50);
        entry.common(&mut out);
        out.put_u16_le(name_len);
        put_len(&mut out, &extra);
        out.put_slice(name.as_bytes());
        out.put_slice(&extra);
        self.offset += out.len() as u64 + content.packed;
        self.entries.push(entry);
        Ok(out.freeze())
    }

    /// The central directory, which ends the archive.
    pub fn finish(self) -> Bytes {
        let mut out = BytesMut::new();
        self.entries.iter().for_each(|entry| entry.central(&mut out));
        let (count, size) = (self.entries.len() as u64, out.len() as u64);
        if count >= 0xFFFF || size >= ZIP64 || self.offset >= ZIP64 {
            zip64_end(&mut out, count, size, self.offset);
        }
        out.put_u32_le(0x0605_4B50);
        out.put_u32_le(0);
        let short = u16::try_from(count).unwrap_or(u16::MAX);
        out.put_u16_le(short);
        out.put_u16_le(short);
        out.put_u32_le(capped(size));
        out.put_u32_le(capped(self.offset));
        out.put_u16_le(0);
        out.freeze()
    }
}

impl Entry {
    fn is_large(&self) -> bool {
        self.content.size >= ZIP64 || self.content.packed >= ZIP64
    }

    /// Sizes that stand in the ZIP64 field: both or none, as a local header needs.
    fn sizes(&self) -> Vec<u64> {
        if self.is_large() { vec![self.content.size, self.content.packed] } else { Vec::new() }
    }

    /// Fields that local and central headers share, from version to sizes.
    fn common(&self, out: &mut BytesMut) {
        out.put_u16_le(if self.is_large() || self.offset >= ZIP64 { 45 } else { 20 });
        out.put_u16_le(FLAGS);
        out.put_u16_le(match self.content.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        });
        out.put_u32_le(NO_DATE);
        out.put_u32_le(self.content.crc32);
        for size in [self.content.packed, self.content.size] {
            out.put_u32_le(if self.is_large() { u32::MAX } else { capped(size) });
        }
    }

    fn central(&self, out: &mut BytesMut) {
        let mut fields = self.sizes();
        fields.extend(Some(self.offset).filter(|offset| *offset >= ZIP64));
        let extra = extra(fields);
        out.put_u32_le(0x0201_4B50);
        out.put_u16_le(45);
        self.common(out);
        out.put_u16_le(u16::try_from(self.name.len()).unwrap_or(u16::MAX));
        put_len(out, &extra);
        out.put_bytes(0, 10);
        out.put_u32_le(capped(self.offset));
        out.put_slice(self.name.as_bytes());
        out.put_slice(&extra);
    }
}

/// The ZIP64 record and its locator; `at` is where the central directory begins.
fn zip64_end(out: &mut BytesMut, count: u64, size: u64, at: u64) {
    out.put_u32_le(0x0606_4B50);
    out.put_u64_le(44);
    out.put_u16_le(45);
    out.put_u16_le(45);
    out.put_u64_le(0);
    for field in [count, count, size, at] {
        out.put_u64_le(field);
    }
    out.put_u32_le(0x0706_4B50);
    out.put_u32_le(0);
    out.put_u64_le(at + size);
    out.put_u32_le(1);
}

/// The ZIP64 extra field; nothing if no field needs it.
fn extra(fields: Vec<u64>) -> Bytes {
    let mut out = BytesMut::new();
    if !fields.is_empty() {
        out.put_u16_le(1);
        out.put_u16_le(u16::try_from(fields.len() * 8).unwrap_or(u16::MAX));
        fields.iter().for_each(|field| out.put_u64_le(*field));
    }
    out.freeze()
}

fn put_len(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u16_le(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
}

fn capped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Cursor, Read};
    use zip::ZipArchive;

    fn crc(data: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        crc.sum()
    }

    fn archive(names: impl Iterator<Item = String>) -> ZipArchive<Cursor<Vec<u8>>> {
        let (mut zip, mut out) = (ZipOut::default(), Vec::new());
        for name in names {
            out.extend(zip.entry(&name, Content::stored(name.len() as u64, crc(name.as_bytes()))).unwrap());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend(zip.finish());
        ZipArchive::new(Cursor::new(out)).unwrap()
    }

    #[test]
    fn entries_come_back_with_names_and_data_in_order() {
        let names = ["2.25.1/2.25.2/2.25.3.dcm", "manifest.json", "\u{e9}"];
        let mut zip = archive(names.iter().map(|name| (*name).to_owned()));
        for (index, name) in names.iter().enumerate() {
            let mut entry = zip.by_index(index).unwrap();
            let mut data = String::new();
            entry.read_to_string(&mut data).unwrap();
            let stored = entry.name().unwrap();
            assert_eq!((&*stored, data.as_str()), (*name, *name));
        }
        assert_eq!(archive(std::iter::empty()).len(), 0);
    }

    #[test]
    fn a_deflated_entry_comes_back_and_its_large_size_needs_zip64_though_it_packs_small() {
        let data = b"deflate me ".repeat(1000);
        let mut encoder = flate2::read::DeflateEncoder::new(&*data, flate2::Compression::fast());
        let mut packed = Vec::new();
        encoder.read_to_end(&mut packed).unwrap();
        let content = Content {
            method: Method::Deflated,
            size: data.len() as u64,
            packed: packed.len() as u64,
            crc32: crc(&data),
        };
        let mut zip = ZipOut::default();
        let out = [&*zip.entry("a", content).unwrap(), &*packed, &*zip.finish()].concat();
        let mut back = Vec::new();
        ZipArchive::new(Cursor::new(out)).unwrap().by_index(0).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, data);
        let large = Content { size: 5 << 32, ..content };
        let head = ZipOut::default().entry("big", large).unwrap();
        let fields = [(5u64 << 32).to_le_bytes(), content.packed.to_le_bytes()].concat();
        assert!(head.ends_with(&fields));
        assert_eq!(head.get(18..26), Some(&[0xFF; 8][..]));
    }

    #[test]
    fn seventy_thousand_entries_need_zip64_and_get_it() {
        let mut zip = archive((0..70_000).map(|number| number.to_string()));
        assert_eq!(zip.len(), 70_000);
        assert_eq!(zip.by_index(69_999).unwrap().name().unwrap(), "69999");
    }

    #[test]
    fn sizes_and_offsets_beyond_32_bits_stand_in_zip64_fields() {
        let mut zip = ZipOut::default();
        let head = zip.entry("big", Content::stored(5 << 32, 1)).unwrap();
        assert!(head.ends_with(&[&[1, 0, 16, 0][..], &(5u64 << 32).to_le_bytes().repeat(2)].concat()));
        zip.entry("after", Content::stored(0, 0)).unwrap();
        let end = zip.finish();
        let offset = (5u64 << 32) + head.len() as u64;
        let central = [&[1, 0, 8, 0][..], &offset.to_le_bytes()].concat();
        assert!(end.windows(central.len()).any(|window| window == central));
        assert!(memchr::memmem::find(&end, b"PK\x06\x06").is_some());
    }

    #[test]
    fn a_name_that_zip_cannot_hold_is_refused() {
        assert_eq!(ZipOut::default().entry(&"a".repeat(65_536), Content::stored(0, 0)), Err(NameTooLong));
    }
}
