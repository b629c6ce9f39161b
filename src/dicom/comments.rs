//! Takes out of compressed pixels what is said beside the picture (PS3.15 E.1.1; checklist SEQ-07): comments and
//! application data of JPEG, JPEG-LS, JPEG 2000, HTJ2K and JPEG XL, which can name a patient. They are written over in
//! place, so that no length, offset table or frame border changes. Works on chunks of any size. No pixel is decoded;
//! RLE and video pass as they are.

mod boxes;
mod jpeg;
mod jpeg_2000;
mod run;

use super::fault::{Fault, FaultKind};
use super::fragments::{Fragments, Step};
use boxes::Boxes;
use bytes::Bytes;
use dicom_core::Tag;
use jpeg::Jpeg;
use jpeg_2000::Jpeg2000;
use run::{Piece, Run};

/// Where faults are seen.
const PIXELS: Tag = Tag(0x7FE0, 0x0010);

/// Code streams of frames, without the items that they stand in.
#[derive(Debug)]
pub struct CodeStreams {
    known: &'static [Kind],
    /// What is of no known kind passes; else it is a fault.
    lenient: bool,
    /// The first bytes of what may be a stream, as far as a known kind begins so.
    start: Option<Vec<u8>>,
    /// No byte of the present fragment was looked at.
    fresh: bool,
    walker: Walker,
}

#[derive(Debug)]
enum Walker {
    /// No stream has begun yet.
    None,
    /// The last has ended.
    Ended,
    Jpeg(Jpeg),
    Jpeg2000(Jpeg2000),
    Boxes(Boxes),
    /// Passes.
    Bare,
}

/// How code streams of one kind begin.
#[derive(Debug)]
struct Kind {
    start: &'static [u8],
    walker: fn() -> Walker,
}

const JPEG: Kind = Kind { start: &[0xFF, 0xD8], walker: || Walker::Jpeg(Jpeg::Marker) };
const JPEG_2000: Kind =
    Kind { start: &[0xFF, 0x4F, 0xFF, 0x51], walker: || Walker::Jpeg2000(Jpeg2000::at_size()) };
const JP2: Kind = Kind { start: b"\0\0\0\x0CjP  \r\n\x87\n", walker: || Walker::Boxes(Boxes::new()) };
const JXL: Kind = Kind { start: &[0xFF, 0x0A], walker: || Walker::Bare };
const JXL_FILE: Kind = Kind { start: b"\0\0\0\x0CJXL \r\n\x87\n", walker: || Walker::Boxes(Boxes::new()) };

/// Pictures that call themselves JPEG or JPEG 2000 are now and then of the other kind.
const JPEGS: &[Kind] = &[JPEG, JPEG_2000, JP2];
const JXLS: &[Kind] = &[JXL, JXL_FILE];
const ALL: &[Kind] = &[JPEG, JPEG_2000, JP2, JXL, JXL_FILE];

/// The kinds of streams in a transfer syntax; none where nothing is done.
fn kinds(syntax: &str) -> Option<&'static [Kind]> {
    match syntax.strip_prefix("1.2.840.10008.1.2.4.")?.parse::<u16>() {
        Ok(50..=70 | 80 | 81 | 90..=93 | 201..=203) => Some(JPEGS),
        Ok(110..=112) => Some(JXLS),
        _ => None,
    }
}

impl CodeStreams {
    /// For frames of this transfer syntax; `None` if they pass as they are.
    pub fn of(syntax: &str) -> Option<Self> {
        kinds(syntax).map(|known| Self::new(known, false))
    }

    /// For bytes of which nobody says what they are: what is of no known kind passes.
    pub fn of_any() -> Self {
        Self::new(ALL, true)
    }

    fn new(known: &'static [Kind], lenient: bool) -> Self {
        Self { known, lenient, start: Some(Vec::new()), fresh: true, walker: Walker::None }
    }

    /// Takes the next bytes of a stream and gives as many, as they may go on.
    ///
    /// # Errors
    /// The frame is not of a kind that belongs to the transfer syntax, or nobody can tell what stands in its head.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, Fault> {
        let mut piece = Piece::new(chunk);
        self.take(&mut piece.run(0, usize::MAX))?;
        Ok(piece.finish())
    }

    /// Takes a whole fragment and gives one of the same length, as it may go on.
    ///
    /// # Errors
    /// As of [`CodeStreams::push`].
    pub fn fragment(&mut self, fragment: Bytes) -> Result<Bytes, Fault> {
        self.begin();
        self.push(fragment)
    }

    /// A fragment begins here, and with it perhaps a frame.
    fn begin(&mut self) {
        self.fresh = true;
        // Even the first bytes of a stream may be cut.
        let cut = matches!(self.walker, Walker::None | Walker::Ended) && self.start.is_some();
        // What is written over, is so across fragments: whoever reads the frame reads it so.
        if !cut && !self.walker.blanks() {
            self.start = Some(Vec::new());
        }
        if self.walker.is_over() {
            self.walker = Walker::Ended;
        }
    }

    fn take(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        while !run.is_empty() {
            let Some(start) = self.start.take() else { break };
            self.look(start, run)?;
        }
        self.walker.walk(run)
    }

    /// Takes one byte of what may be the start of a stream.
    fn look(&mut self, mut start: Vec<u8>, run: &mut Run<'_>) -> Result<(), Fault> {
        let known = |start: &[u8]| self.known.iter().find(|kind| kind.start.starts_with(start));
        start.extend(run.peek());
        if std::mem::take(&mut self.fresh) && known(&start).is_none() {
            start.drain(..start.len() - 1);
        }
        match (known(&start), &mut self.walker) {
            (Some(kind), walker) if kind.start.len() == start.len() => *walker = (kind.walker)(),
            (Some(_), Walker::None | Walker::Ended) => self.start = Some(start),
            (Some(_), walker) => {
                self.start = Some(start);
                walker.walk(&mut run.first(1))?;
            }
            (None, walker @ Walker::None) if self.lenient => *walker = Walker::Bare,
            (None, Walker::None) => return Err(Fault::at(FaultKind::BadCodeStream, PIXELS)),
            (None, walker) => walker.walk(&mut run.first(1))?,
        }
        run.pass(1);
        Ok(())
    }
}

impl Walker {
    fn blanks(&self) -> bool {
        match self {
            Self::Jpeg(stream) => stream.blanks(),
            Self::Jpeg2000(stream) => stream.blanks(),
            Self::Boxes(boxes) => boxes.blanks(),
            Self::None | Self::Ended | Self::Bare => false,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Jpeg(stream) => stream.is_over(),
            Self::Jpeg2000(stream) => stream.is_over(),
            Self::Boxes(boxes) => boxes.is_over(),
            Self::None | Self::Ended | Self::Bare => false,
        }
    }

    fn walk(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        match self {
            Self::Jpeg(stream) => stream.walk(run),
            Self::Jpeg2000(stream) => stream.walk(run),
            Self::Boxes(boxes) => boxes.walk(run),
            Self::None | Self::Ended => {
                run.pad();
                Ok(())
            }
            Self::Bare => {
                run.pass(u64::MAX);
                Ok(())
            }
        }
    }
}

/// The code streams of a whole encapsulated value: offset table, items, delimiter.
#[derive(Debug)]
pub struct Comments {
    streams: Option<CodeStreams>,
    items: Fragments,
    /// The first item, the offset table, has begun.
    begun: bool,
    /// The second one, too.
    framed: bool,
}

impl Comments {
    /// For pixels of this transfer syntax.
    pub fn of(syntax: &str) -> Self {
        Self::new(CodeStreams::of(syntax))
    }

    /// For fragments of which nobody says what they are: what is of no known kind passes.
    pub fn of_any() -> Self {
        Self::new(Some(CodeStreams::of_any()))
    }

    fn new(streams: Option<CodeStreams>) -> Self {
        Self { streams, items: Fragments::default(), begun: false, framed: false }
    }

    /// Takes the next bytes and gives as many, as they may go on; uncopied if nothing is written over.
    ///
    /// # Errors
    /// As of [`CodeStreams::push`]; or something else than an item stands where one must.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, Fault> {
        let Some(streams) = &mut self.streams else { return Ok(chunk) };
        let mut piece = Piece::new(chunk);
        let mut at = 0;
        loop {
            let rest = piece.as_slice().get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let (step, used) = self.items.step(rest)?;
            match step {
                Step::Begin => {
                    self.framed = std::mem::replace(&mut self.begun, true);
                    streams.begin();
                }
                Step::Value if self.framed => streams.take(&mut piece.run(at, used))?,
                Step::Value | Step::Header => {}
                Step::End => break,
            }
            at += used;
        }
        Ok(piece.finish())
    }
}

#[cfg(test)]
mod tests;
