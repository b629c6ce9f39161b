//! The boxes around code streams in JP2 and JPEG XL files (ITU-T T.800 I, ISO/IEC 18181-2 9). DICOM has bare code streams
//! (PS3.5 A.4.4), but such files occur. What describes the picture stays; text, XML, Exif, colour profiles and boxes that
//! are not known are written over.

use super::jpeg_2000::Jpeg2000;
use super::run::Run;
use crate::dicom::fault::{Fault, FaultKind};

/// The place in a file, behind its first box.
#[derive(Debug)]
pub(super) enum Boxes {
    /// In the header of a box.
    Header { read: Vec<u8> },
    /// In a box that stays.
    Passed { left: Option<u64>, last: bool },
    /// In a box that goes.
    Blanked { left: Option<u64> },
    /// At a description of colours.
    Colour { left: Option<u64> },
    /// In the code stream of a JP2 file.
    Stream { stream: Box<Jpeg2000>, left: Option<u64> },
    /// Behind the picture.
    Over,
}

impl Boxes {
    pub fn new() -> Self {
        Self::Header { read: Vec::with_capacity(16) }
    }

    /// True where what comes is written over.
    pub fn blanks(&self) -> bool {
        match self {
            Self::Blanked { .. } => true,
            Self::Stream { stream, .. } => stream.blanks(),
            _ => false,
        }
    }

    pub fn is_over(&self) -> bool {
        match self {
            Self::Over => true,
            Self::Stream { stream, .. } => stream.is_over(),
            _ => false,
        }
    }

    /// Follows the run to its end.
    pub fn walk(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        while !run.is_empty() {
            self.step(run)?;
        }
        Ok(())
    }

    fn step(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let left = match self {
            Self::Header { read } => {
                read.extend(run.next());
                if let Some((kind, left)) = header(read)? {
                    *self = Self::of(kind, left);
                }
                return Ok(());
            }
            Self::Over => {
                run.pad();
                return Ok(());
            }
            Self::Passed { left, .. } => take(left, run.pass(left.unwrap_or(u64::MAX))),
            Self::Blanked { left } => take(left, run.fill(left.unwrap_or(u64::MAX), 0)),
            Self::Colour { left } => {
                // Enumerated, or by profiles, which can hold text; another method is ignored by readers.
                let listed = run.next() == Some(1);
                if !listed {
                    run.put(0xFF);
                }
                let ended = take(left, 1);
                let left = *left;
                *self = if listed { Self::Passed { left, last: false } } else { Self::Blanked { left } };
                ended
            }
            Self::Stream { stream, left } => {
                let most = left.unwrap_or(u64::MAX);
                stream.walk(&mut run.first(most))?;
                take(left, run.pass(most))
            }
        };
        if left {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        *self = match self {
            Self::Stream { .. } | Self::Passed { last: true, .. } => Self::Over,
            _ => Self::new(),
        };
    }

    /// What becomes of a box of this kind, so many bytes long, or to the end of the file.
    fn of(kind: [u8; 4], left: Option<u64>) -> Self {
        let mut found = match &kind {
            // Boxes in a box.
            b"jp2h" => Self::new(),
            b"jp2c" => Self::Stream { stream: Box::new(Jpeg2000::new()), left },
            b"colr" => Self::Colour { left },
            b"jxlc" => Self::Passed { left, last: true },
            b"ftyp" | b"ihdr" | b"bpcc" | b"pclr" | b"cmap" | b"cdef" | b"res " | b"resc" | b"resd"
            | b"jxlp" | b"jxll" | b"jxli" => Self::Passed { left, last: false },
            _ => Self::Blanked { left },
        };
        if left == Some(0) && !matches!(found, Self::Header { .. }) {
            found.end();
        }
        found
    }
}

/// Counts bytes that were taken; true if none are left.
fn take(left: &mut Option<u64>, taken: u64) -> bool {
    *left = left.map(|left| left.saturating_sub(taken));
    *left == Some(0)
}

/// The kind of a box and the length of what it holds, if that does not run to the end of the file.
type Found = ([u8; 4], Option<u64>);

/// What a header says, once it is there.
fn header(read: &[u8]) -> Result<Option<Found>, Fault> {
    const BAD: Fault = Fault { kind: FaultKind::BadCodeStream, tag: Some(super::PIXELS) };
    let Some((size, rest)) = read.split_first_chunk::<4>() else { return Ok(None) };
    let Some((kind, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let left = match (u32::from_be_bytes(*size), rest.first_chunk::<8>()) {
        (0, _) => None,
        (1, None) => return Ok(None),
        (1, Some(long)) => Some(u64::from_be_bytes(*long).checked_sub(16).ok_or(BAD)?),
        (size, _) => Some(u64::from(size).checked_sub(8).ok_or(BAD)?),
    };
    Ok(Some((*kind, left)))
}
