//! A ZIP archive that is read while it comes (APPNOTE 4.3): the files in it, unpacked, without the archive or a file
//! ever being held. Sans-IO; each step gives a bounded piece, so that a small input cannot make a large output at once.
//!
//! Read by local headers, as the directory comes last. What only the directory would tell, where an entry that is not
//! compressed and says no length ends, makes the archive unreadable here; packers write such entries nowhere but to pipes.

mod entry;

use bytes::{Buf, Bytes, BytesMut};
use entry::Entry;
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Bytes that are unpacked in one step.
const STEP: usize = 64 << 10;

/// Local header (APPNOTE 4.3.7), and what may stand behind the last entry.
const LOCAL: &[u8] = b"PK\x03\x04";
const BEHIND: [&[u8]; 4] = [b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08"];

/// Longest data descriptor: signature, checksum, two sizes of ZIP64 (APPNOTE 4.3.9).
const DESCRIPTOR: usize = 24;

/// What comes out.
#[derive(Clone, PartialEq, Eq)]
pub enum ZipEvent {
    /// A file begins: its name as the packer wrote it, which may identify; why its bytes do not come, if they do not.
    File(String, Option<&'static str>),
    /// Bytes of the open file.
    Data(Bytes),
    /// The open file is complete; or it is not what its checksum says.
    End(Result<(), &'static str>),
}

/// Why an archive cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ZipFault(pub &'static str);

/// The archive as far as it came.
#[derive(Default)]
pub struct ZipIn {
    held: BytesMut,
    complete: bool,
    state: State,
}

#[derive(Default)]
enum State {
    /// A header is next.
    #[default]
    Between,
    /// So many bytes of a file that is not compressed.
    Stored(Body, u64),
    Deflated(Body, Box<Decompress>),
    /// So many bytes of what is no readable file.
    Skipped(u64),
    /// The data is behind, what is said about it behind that is next.
    Closing(Body),
    /// The directory was reached.
    Done,
}

/// The open file.
struct Body {
    entry: Entry,
    crc: Crc,
    /// Bytes in the archive, and once unpacked.
    packed: u64,
    size: u64,
}

/// What one look at the bytes came to.
enum Step {
    Event(ZipEvent),
    /// More bytes are needed.
    Wait,
    On,
}

impl ZipIn {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Done) {
            self.held.extend_from_slice(bytes);
        }
    }

    /// No more bytes come.
    pub fn complete(&mut self) {
        self.complete = true;
    }

    /// The next event; `None`: more bytes are needed, or it is over.
    ///
    /// # Errors
    /// The archive is damaged, or cut off.
    pub fn next_event(&mut self) -> Result<Option<ZipEvent>, ZipFault> {
        loop {
            let step = match std::mem::take(&mut self.state) {
                State::Between => self.header()?,
                State::Stored(body, left) => self.stored(body, left),
                State::Deflated(body, inflate) => self.inflated(body, inflate)?,
                State::Skipped(left) => self.skipped(left),
                State::Closing(body) => self.closing(body)?,
                State::Done => {
                    self.state = State::Done;
                    return Ok(None);
                }
            };
            match step {
                Step::Event(event) => return Ok(Some(event)),
                Step::Wait if self.complete => return Err(ZipFault("the ZIP archive is cut off")),
                Step::Wait => return Ok(None),
                Step::On => {}
            }
        }
    }

    fn header(&mut self) -> Result<Step, ZipFault> {
        let Some(signature) = self.held.get(..4) else { return Ok(Step::Wait) };
        if BEHIND.contains(&signature) {
            (self.state, self.held) = (State::Done, BytesMut::new());
            return Ok(Step::On);
        }
        if signature != LOCAL {
            return Err(ZipFault("this is no ZIP archive, or something else stands between its files"));
        }
        let Some((entry, size)) = Entry::read(&self.held) else { return Ok(Step::Wait) };
        self.held.advance(size);
        let (folder, unreadable) = (entry.is_folder(), entry.unreadable());
        let event = ZipEvent::File(entry.name.clone(), unreadable);
        let (length, body) = (entry.length(), Body { entry, crc: Crc::new(), packed: 0, size: 0 });
        self.state = match length {
            _ if unreadable.is_none() && !folder && body.entry.deflated => {
                State::Deflated(body, Box::new(Decompress::new(false)))
            }
            None => return Err(ZipFault("a file in the ZIP archive can be neither read nor skipped")),
            Some(length) if folder || unreadable.is_some() => State::Skipped(length),
            Some(length) => State::Stored(body, length),
        };
        Ok(if folder { Step::On } else { Step::Event(event) })
    }

    fn skipped(&mut self, left: u64) -> Step {
        let piece = self.piece(left, usize::MAX);
        self.held.advance(piece);
        match left - piece as u64 {
            0 => Step::On,
            left => {
                self.state = State::Skipped(left);
                Step::Wait
            }
        }
    }

    fn stored(&mut self, mut body: Body, left: u64) -> Step {
        let piece = self.piece(left, STEP);
        if left == 0 {
            self.state = State::Closing(body);
            return Step::On;
        }
        let data = self.held.split_to(piece).freeze();
        body.packed += piece as u64;
        let event = body.unpacked(data);
        self.state = State::Stored(body, left - piece as u64);
        event
    }

    /// Bytes of `left` that are there, `most` at a time.
    fn piece(&self, left: u64, most: usize) -> usize {
        usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len()).min(most)
    }

    fn inflated(&mut self, mut body: Body, mut inflate: Box<Decompress>) -> Result<Step, ZipFault> {
        const DAMAGED: ZipFault = ZipFault("a compressed file in the ZIP archive is damaged");
        let mut out = vec![0; STEP];
        let (taken, given) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(&self.held, &mut out, FlushDecompress::None).map_err(|_| DAMAGED)?;
        let since = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
        self.held.advance(since(inflate.total_in(), taken));
        out.truncate(since(inflate.total_out(), given));
        body.packed = inflate.total_in();
        let event = body.unpacked(out.into());
        if status != Status::StreamEnd {
            self.state = State::Deflated(body, inflate);
            return Ok(event);
        }
        // What an entry says of its length must be so, or the next header is looked for in its data.
        if body.entry.length().is_some_and(|length| length != body.packed) {
            return Err(DAMAGED);
        }
        self.state = State::Closing(body);
        Ok(if matches!(event, Step::Wait) { Step::On } else { event })
    }

    fn closing(&mut self, body: Body) -> Result<Step, ZipFault> {
        let mut crc32 = body.entry.crc32;
        if body.entry.described {
            if self.held.len() < DESCRIPTOR && !self.complete {
                self.state = State::Closing(body);
                return Ok(Step::Wait);
            }
            let (size, told) = entry::descriptor(&self.held, body.packed, body.size)
                .ok_or(ZipFault("a file in the ZIP archive does not say where it ends"))?;
            self.held.advance(size);
            crc32 = told;
        }
        let sound = crc32 == body.crc.sum();
        Ok(Step::Event(ZipEvent::End(sound.then_some(()).ok_or("its checksum in the ZIP archive is wrong"))))
    }
}

impl Body {
    fn unpacked(&mut self, data: Bytes) -> Step {
        self.crc.update(&data);
        self.size += data.len() as u64;
        if data.is_empty() { Step::Wait } else { Step::Event(ZipEvent::Data(data)) }
    }
}

#[cfg(test)]
mod tests;
