//! The marker segments of JPEG and JPEG-LS streams (ITU-T T.81 B, T.87 C): what describes the picture stays, comments
//! and application data are written over.

use super::run::Run;
use crate::dicom::fault::{Fault, FaultKind};

/// The place in a stream, behind its SOI.
#[derive(Debug)]
pub(super) enum Jpeg {
    /// A marker begins here.
    Marker,
    /// Behind the FF of a marker.
    Code,
    /// Before the length of this marker's segment, or within it.
    Length { code: u8, high: Option<u8> },
    /// In a segment, so many bytes before its end.
    Segment { code: u8, left: u64, what: What },
    /// In coded data.
    Scan,
    /// Behind an FF in coded data.
    Stuffed,
    /// The picture has ended.
    Over,
}

/// What becomes of the bytes of a segment.
#[derive(Debug)]
pub(super) enum What {
    Pass,
    Fill(u8),
    /// It stays if it is just this; read as far as `at`.
    Core {
        core: &'static Core,
        at: usize,
    },
}

/// Application data without which a picture is decoded otherwise: a name, then values.
#[derive(Debug)]
pub(super) struct Core {
    name: &'static [u8],
    /// What is written; `None` leaves the byte as it came.
    values: &'static [Option<u8>],
}

/// JFIF (ITU-T T.871 10.1): version 1.01, pixels as wide as high, no thumbnail. It says that colours are YCbCr.
const JFIF: Core = Core {
    name: b"JFIF\0",
    values: &[Some(1), Some(1), Some(0), Some(0), Some(1), Some(0), Some(1), Some(0), Some(0)],
};

/// Adobe's (ITU-T T.872 6.5.3): version 100, no flags, and the colour transform, which stays.
const ADOBE: Core =
    Core { name: b"Adobe", values: &[Some(0), Some(100), Some(0), Some(0), Some(0), Some(0), None] };

/// The colour transform of HP's JPEG-LS.
const HP: Core = Core { name: b"mrfx", values: &[None] };

impl Core {
    fn len(&self) -> u64 {
        (self.name.len() + self.values.len()) as u64
    }
}

impl What {
    fn of(code: u8, len: u64) -> Self {
        match code {
            // Frames, tables, scans, and what JPEG-LS has of these.
            0xC0..=0xCF | 0xDA..=0xDF | 0xF7 | 0xF8 => Self::Pass,
            0xE0 if len >= JFIF.len() => Self::Core { core: &JFIF, at: 0 },
            0xEE if len == ADOBE.len() => Self::Core { core: &ADOBE, at: 0 },
            0xE8 if len == HP.len() => Self::Core { core: &HP, at: 0 },
            0xFE => Self::Fill(b' '),
            _ => Self::Fill(0),
        }
    }
}

impl Jpeg {
    /// True where what comes is written over.
    pub fn blanks(&self) -> bool {
        matches!(self, Self::Segment { what: What::Fill(_) | What::Core { .. }, .. })
    }

    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Follows the run to its end.
    pub fn walk(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        while !run.is_empty() {
            self.step(run)?;
        }
        Ok(())
    }

    fn step(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        match self {
            // Decoders look for the next FF: what stands before it is nothing to them.
            Self::Marker => match run.next() {
                Some(0xFF) => *self = Self::Code,
                _ => run.put(0),
            },
            Self::Code => match run.next() {
                Some(0xFF) | None => {}
                Some(0 | 1 | 0xD0..=0xD8) => *self = Self::Marker,
                Some(0xD9) => *self = Self::Over,
                Some(code) => *self = Self::Length { code, high: None },
            },
            Self::Length { code, high } => match (run.next(), *high) {
                (Some(low), Some(high)) => {
                    let len = u64::from(u16::from_be_bytes([high, low]));
                    let left =
                        len.checked_sub(2).ok_or(Fault::at(FaultKind::BadCodeStream, super::PIXELS))?;
                    *self = Self::Segment { code: *code, left, what: What::of(*code, left) };
                    self.end_segment();
                }
                (byte, None) => *high = byte,
                (None, _) => {}
            },
            Self::Segment { left, what, .. } => {
                *left -= what.apply(run, *left);
                self.end_segment();
            }
            Self::Scan => {
                if run.pass_to_ff() {
                    run.pass(1);
                    *self = Self::Stuffed;
                }
            }
            Self::Stuffed => match run.next() {
                Some(0xFF) | None => {}
                // JPEG-LS stuffs a bit, so that any byte below 80 is data.
                Some(0..=0x7F | 0xD0..=0xD7) => *self = Self::Scan,
                Some(0xD8) => *self = Self::Marker,
                Some(0xD9) => *self = Self::Over,
                Some(code) => *self = Self::Length { code, high: None },
            },
            Self::Over => run.pad(),
        }
        Ok(())
    }

    fn end_segment(&mut self) {
        match self {
            Self::Segment { code: 0xDA, left: 0, .. } => *self = Self::Scan,
            Self::Segment { left: 0, .. } => *self = Self::Marker,
            _ => {}
        }
    }
}

impl What {
    /// Takes at most `left` bytes; tells how many.
    fn apply(&mut self, run: &mut Run<'_>, left: u64) -> u64 {
        match self {
            Self::Pass => run.pass(left),
            Self::Fill(byte) => run.fill(left, *byte),
            Self::Core { core, at } => {
                let Some(byte) = run.next() else { return 0 };
                let name = core.name.get(*at);
                let value = core.values.get(at.saturating_sub(core.name.len()));
                *at += 1;
                match (name, value) {
                    (Some(name), _) if *name == byte => {}
                    (None, Some(Some(value))) => run.put(*value),
                    (None, Some(None)) => {}
                    // Of another name, or what follows the values.
                    _ => {
                        run.put(0);
                        *self = Self::Fill(0);
                    }
                }
                1
            }
        }
    }
}
