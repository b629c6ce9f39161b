//! Finds where the head of a data set ends, resumable at any byte. Looks at headers
//! only, skips what has a length; values and nesting are judged by `walker`.

use super::fault::{Fault, FaultKind};
use super::header::{self, Header, ITEM, ITEM_END, SEQUENCE_END};
use super::instance::{BulkHeader, Limits};
use super::syntax::Encoding;
use dicom_core::{Tag, VR};

/// The elements whose value streams.
const BULK: [Tag; 3] = [Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), Tag(0x7FE0, 0x0010)];

/// Where the bulk element stands.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its header, as it goes out.
    pub header: BulkHeader,
    /// Offset of its header.
    pub header_at: usize,
    /// Offset of its value.
    pub value_at: usize,
}

/// A level of undefined length: only those need looking into.
#[derive(Debug, Clone, Copy)]
struct Level {
    sequence: bool,
    encoding: Encoding,
}

/// The scan's place.
#[derive(Debug)]
pub struct Scan {
    at: usize,
    root: Encoding,
    levels: Vec<Level>,
    limits: Limits,
}

impl Scan {
    /// A scan of a data set in `encoding`.
    pub fn new(encoding: Encoding, limits: Limits) -> Self {
        Self { at: 0, root: encoding, levels: Vec::new(), limits }
    }

    /// The encoding of the data set.
    pub fn encoding(&self) -> Encoding {
        self.root
    }

    /// Goes as far as `bytes` (all bytes so far) allow.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<Found>, Fault> {
        loop {
            let level = self.levels.last().copied();
            let encoding = level.map_or(self.root, |level| level.encoding);
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(header) = header::decode(rest, encoding)? else {
                break;
            };
            let here = self.at;
            self.at = here.saturating_add(header.size);
            match level {
                None if BULK.contains(&header.tag) => return self.found(header, here).map(Some),
                Some(level) if level.sequence => self.item(header, level)?,
                _ => self.element(header, encoding)?,
            }
            if self.at > self.limits.head {
                return Err(Fault::at(FaultKind::HeadTooLarge, header.tag));
            }
        }
        if bytes.len() > self.limits.head.saturating_add(12) {
            return Err(FaultKind::HeadTooLarge.into());
        }
        Ok(None)
    }

    /// The data set is over: it must end where the scan stands, but for zeros with which some writers pad a file.
    pub fn finish(&self, bytes: &[u8]) -> Result<(), Fault> {
        let padding = bytes.get(self.at..).is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
        if padding && self.levels.is_empty() { Ok(()) } else { Err(FaultKind::Truncated.into()) }
    }

    fn found(&self, header: Header, header_at: usize) -> Result<Found, Fault> {
        if header_at > self.limits.head {
            return Err(Fault::at(FaultKind::HeadTooLarge, header.tag));
        }
        let vr = match (header.tag.element(), header.vr) {
            (0x0008, _) => VR::OF,
            (0x0009, _) => VR::OD,
            (_, Some(vr @ (VR::OB | VR::OW))) => vr,
            (_, _) if header.len.is_none() => VR::OB,
            _ => VR::OW,
        };
        let bulk = BulkHeader { tag: header.tag, vr, len: header.len };
        Ok(Found { header: bulk, header_at, value_at: self.at })
    }

    fn item(&mut self, header: Header, level: Level) -> Result<(), Fault> {
        match (header.tag, header.len) {
            (ITEM, Some(len)) => self.skip(len),
            (ITEM, None) => return self.enter(false, level.encoding, header.tag),
            (SEQUENCE_END, _) => {
                self.levels.pop();
            }
            _ => return Err(FaultKind::BadItem.into()),
        }
        Ok(())
    }

    fn element(&mut self, header: Header, encoding: Encoding) -> Result<(), Fault> {
        if header.tag == ITEM_END && !self.levels.is_empty() {
            self.levels.pop();
            return Ok(());
        }
        match header.len {
            Some(len) => self.skip(len),
            None => {
                let unknown = encoding.is_explicit() && matches!(header.vr, Some(VR::UN) | None);
                let inner = if unknown { Encoding::ImplicitLittle } else { encoding };
                return self.enter(true, inner, header.tag);
            }
        }
        Ok(())
    }

    fn skip(&mut self, len: u32) {
        self.at = self.at.saturating_add(len as usize);
    }

    fn enter(&mut self, sequence: bool, encoding: Encoding, tag: Tag) -> Result<(), Fault> {
        if self.levels.len() >= self.limits.depth.saturating_mul(2) {
            return Err(Fault::at(FaultKind::TooDeep, tag));
        }
        self.levels.push(Level { sequence, encoding });
        Ok(())
    }
}
