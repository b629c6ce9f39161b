//! Where things stand in a stored instance: file meta, head, bulk value, tail. Learned from its first bytes alone, so
//! that a reader with ranged access never reads pixels to learn about them. Knows files as this gateway writes them
//! (PS3.10 with file meta, the data set little endian and not deflated); what else is found is a fault.

use super::fault::{Fault, FaultKind};
use super::instance::{BulkHeader, Limits};
use super::meta;
use super::scan::Scan;
use super::syntax::{Encoding, TransferSyntax};
use bytes::Bytes;

/// The parts of one stored instance.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The encoded elements before the bulk value, or the whole data set if it has none.
    pub head: Bytes,
    /// Where the data set begins, in bytes from the start of the file.
    pub data_at: u64,
    /// How the data set is encoded.
    pub encoding: Encoding,
    /// The instance's transfer syntax.
    pub transfer_syntax: &'static TransferSyntax,
    /// The bulk element, if there is one.
    pub bulk: Option<Bulk>,
}

/// The bulk element of a stored instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// Its header.
    pub header: BulkHeader,
    /// Where its value begins, in bytes from the start of the file.
    pub value_at: u64,
}

impl Bulk {
    /// Where the bytes after a native value begin; `None` for fragments, whose end only they themselves tell.
    pub fn end(&self) -> Option<u64> {
        self.header.len.map(|len| self.value_at + u64::from(len))
    }
}

/// Reads a layout from the first bytes of a file, as they come.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    held: Vec<u8>,
    opened: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    data_at: usize,
    transfer_syntax: &'static TransferSyntax,
    scan: Scan,
}

impl Reader {
    /// A reader that holds at most `limits.head` bytes of the data set.
    pub fn new(limits: Limits) -> Self {
        Self { limits, held: Vec::new(), opened: None }
    }

    /// Bytes taken so far.
    pub fn taken(&self) -> u64 {
        self.held.len() as u64
    }

    /// Takes the next bytes; `complete` says that they are the file's last. `Ok(None)`: more are needed.
    ///
    /// # Errors
    /// The file is none of ours, is cut, or its head exceeds the limit.
    pub fn push(&mut self, bytes: &[u8], complete: bool) -> Result<Option<Layout>, Fault> {
        self.held.extend_from_slice(bytes);
        if self.opened.is_none() {
            self.opened = self.open(complete)?;
        }
        let Some(opened) = &mut self.opened else {
            return if complete { Err(FaultKind::NotDicom.into()) } else { Ok(None) };
        };
        let data = self.held.get(opened.data_at..).unwrap_or_default();
        let (end, bulk) = match opened.scan.advance(data)? {
            Some(found) => {
                let value_at = (opened.data_at + found.value_at) as u64;
                (found.header_at, Some(Bulk { header: found.header, value_at }))
            }
            None if complete => {
                opened.scan.finish(data)?;
                (data.len(), None)
            }
            None => return Ok(None),
        };
        let head = Bytes::copy_from_slice(data.get(..end).unwrap_or_default());
        let (data_at, transfer_syntax) = (opened.data_at as u64, opened.transfer_syntax);
        Ok(Some(Layout { head, data_at, encoding: Encoding::ExplicitLittle, transfer_syntax, bulk }))
    }

    fn open(&self, complete: bool) -> Result<Option<Opened>, Fault> {
        let Some(found) = meta::read(&self.held, complete)? else { return Ok(None) };
        let uid = found.transfer_syntax.as_deref().unwrap_or_default();
        let plain =
            |syntax: &&TransferSyntax| syntax.encoding == Encoding::ExplicitLittle && !syntax.deflated;
        let transfer_syntax =
            TransferSyntax::of(uid).filter(plain).ok_or(FaultKind::UnsupportedTransferSyntax)?;
        let scan = Scan::new(Encoding::ExplicitLittle, self.limits);
        Ok(Some(Opened { data_at: found.data_at, transfer_syntax, scan }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::syntax::EXPLICIT_LE;
    use super::super::writer::Writer;
    use super::*;
    use dicom_core::{Tag, VR};

    fn file(pixels: Option<usize>) -> (Vec<u8>, usize) {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0018), VR::UI, "1.2.3");
        let mut bytes = meta::write("1.2", "1.2.3", EXPLICIT_LE);
        let at = bytes.len() + writer.len() + 12;
        if let Some(len) = pixels {
            writer.element(Tag(0x7FE0, 0x0010), VR::OW, &vec![7; len]);
        }
        bytes.extend(writer.finish());
        (bytes, at)
    }

    #[test]
    fn the_bulk_value_is_found_from_the_bytes_before_it_in_any_steps() {
        let (bytes, at) = file(Some(1000));
        for step in [1, 7, 64, at] {
            let mut reader = Reader::new(Limits::default());
            let mut found = None;
            for chunk in bytes[..at].chunks(step) {
                found = reader.push(chunk, false).unwrap();
            }
            let layout = found.unwrap();
            let bulk = layout.bulk.unwrap();
            assert_eq!((bulk.value_at, bulk.end()), (at as u64, Some(at as u64 + 1000)), "{step}");
            assert_eq!(layout.head.len() as u64 + layout.data_at + 12, bulk.value_at);
        }
    }

    #[test]
    fn without_pixels_the_whole_file_is_head_and_a_cut_is_told() {
        let (bytes, _) = file(None);
        let mut reader = Reader::new(Limits::default());
        assert!(reader.push(&bytes, false).unwrap().is_none());
        assert!(reader.push(&[], true).unwrap().unwrap().bulk.is_none());
        let cut = Reader::new(Limits::default()).push(&bytes[..bytes.len() - 2], true);
        assert_eq!(cut.unwrap_err().kind, FaultKind::Truncated);
    }
}
