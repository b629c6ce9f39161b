//! The marker segments of JPEG 2000 and HTJ2K code streams (ITU-T T.800 A, T.801 A, T.814 A): what describes the
//! picture stays, comments and what is not known are written over. Coded data are passed over by their length.

use super::run::Run;
use crate::dicom::fault::{Fault, FaultKind};

/// The place in a code stream.
#[derive(Debug)]
pub(super) struct Jpeg2000 {
    state: State,
    /// Length of the tile-part, 0 if it runs to the end of the code stream.
    tile_part: u32,
    /// Bytes of the tile-part so far.
    seen: u64,
    /// There were tile-parts: the picture may end.
    begun: bool,
}

#[derive(Debug)]
enum State {
    Marker,
    Code,
    Length {
        code: u8,
        high: Option<u8>,
    },
    /// `keep` bytes stay, what follows them is written over.
    Segment {
        keep: u64,
        left: u64,
        fill: u8,
    },
    /// In SOT, so many bytes read of it.
    TilePart {
        read: usize,
    },
    /// In coded data, whose length is known or not.
    Data {
        left: Option<u64>,
    },
    /// Behind an FF in coded data of unknown length.
    Stuffed,
    Over,
}

const SOT: u8 = 0x90;
const SOD: u8 = 0x93;
const EOC: u8 = 0xD9;
const COM: u8 = 0x64;

/// True for markers whose segments are needed to decode.
fn describes(code: u8) -> bool {
    // Extent and capabilities; coding styles; tile-part lengths, packets; quantization, regions, order; packed packet
    // headers, registration; SOP; what part 2 has of these.
    matches!(code, 0x50..=0x5F | 0x60..=0x63 | 0x70..=0x79 | 0x91)
}

impl Jpeg2000 {
    /// At SOC, or behind it.
    pub fn new() -> Self {
        Self { state: State::Marker, tile_part: 0, seen: 0, begun: false }
    }

    /// Behind the FF of the SIZ that follows SOC.
    pub fn at_size() -> Self {
        Self { state: State::Length { code: 0x51, high: None }, ..Self::new() }
    }

    /// True where what comes is written over.
    pub fn blanks(&self) -> bool {
        matches!(self.state, State::Segment { keep: 0, .. })
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Follows the run to its end.
    pub fn walk(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        while !run.is_empty() {
            let before = run.at();
            self.step(run)?;
            self.seen += (run.at() - before) as u64;
        }
        Ok(())
    }

    fn step(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        match &mut self.state {
            State::Marker => match run.next() {
                Some(0xFF) => self.state = State::Code,
                _ => {
                    self.lost()?;
                    run.put(0);
                }
            },
            State::Code => {
                let Some(code) = run.next() else { return Ok(()) };
                self.marker(code)?;
            }
            State::Length { code, high } => match (run.next(), *high) {
                (Some(low), Some(high)) => {
                    let (code, len) = (*code, u64::from(u16::from_be_bytes([high, low])));
                    self.segment(code, len.checked_sub(2).ok_or(BAD)?)?;
                }
                (byte, None) => *high = byte,
                (None, _) => {}
            },
            State::Segment { keep, left, fill } => {
                let taken = if *keep > 0 { run.pass(*keep) } else { run.fill(*left, *fill) };
                *keep = keep.saturating_sub(taken);
                *left -= taken;
                if *left == 0 {
                    self.state = State::Marker;
                }
            }
            State::TilePart { read } => {
                let byte = run.next().unwrap_or_default();
                // Behind the tile's index: length, and the tile-part's numbers.
                if (2..6).contains(read) {
                    self.tile_part = self.tile_part << 8 | u32::from(byte);
                }
                *read += 1;
                if *read == 8 {
                    self.state = State::Marker;
                }
            }
            State::Data { left: Some(left) } => {
                *left -= run.pass(*left);
                if *left == 0 {
                    self.state = State::Marker;
                }
            }
            State::Data { left: None } => {
                if run.pass_to_ff() {
                    run.pass(1);
                    self.state = State::Stuffed;
                }
            }
            State::Stuffed => match run.next() {
                Some(0xFF) | None => {}
                // No pair from FF90 on occurs in coded data (T.800 A.1).
                Some(code @ (SOT | EOC)) => self.marker(code)?,
                Some(_) => self.state = State::Data { left: None },
            },
            State::Over => run.pad(),
        }
        Ok(())
    }

    fn marker(&mut self, code: u8) -> Result<(), Fault> {
        self.state = match code {
            SOT => {
                // The FF before it.
                (self.seen, self.tile_part, self.begun) = (1, 0, true);
                State::Length { code, high: None }
            }
            SOD => State::Data {
                left: match self.tile_part {
                    0 => None,
                    len => Some(u64::from(len).saturating_sub(self.seen + 1)),
                },
            },
            EOC => State::Over,
            // Without segments.
            0x30..=0x3F | 0x4F => State::Marker,
            0x50..=0xFE => State::Length { code, high: None },
            _ => return self.lost(),
        };
        if matches!(self.state, State::Data { left: Some(0) }) {
            self.state = State::Marker;
        }
        Ok(())
    }

    fn segment(&mut self, code: u8, left: u64) -> Result<(), Fault> {
        let (keep, fill) = match code {
            SOT if left == 8 => {
                self.state = State::TilePart { read: 0 };
                return Ok(());
            }
            SOT => return self.lost(),
            // Whether it is text or not stays.
            COM => (left.min(2), b' '),
            _ if describes(code) => (left, 0),
            _ => (0, 0),
        };
        self.state = if left == 0 { State::Marker } else { State::Segment { keep, left, fill } };
        Ok(())
    }

    /// Nobody can tell what comes: behind tile-parts the picture is over, before them there is none.
    fn lost(&mut self) -> Result<(), Fault> {
        self.state = State::Over;
        if self.begun { Ok(()) } else { Err(BAD) }
    }
}

const BAD: Fault = Fault { kind: FaultKind::BadCodeStream, tag: Some(super::PIXELS) };
