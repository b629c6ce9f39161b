//! Cuts one instance, arriving in chunks of any size, into head, bulk and tail
//! (sans-IO). The head is everything before the bulk value and is held, bounded; the
//! bulk streams through as slices of the chunks that came in.

use super::detect;
use super::fault::{Fault, FaultKind};
use super::fragments::Fragments;
use super::inflate::Inflate;
use super::instance::{Event, Head, Limits};
use super::meta;
use super::scan::{Found, Scan};
use super::syntax::{Encoding, TransferSyntax};
use bytes::Bytes;

/// The state machine. After a fault it is over.
#[derive(Debug)]
pub struct Splitter {
    limits: Limits,
    inflate: Option<Inflate>,
    inner: Inner,
}

impl Splitter {
    /// A splitter for one instance.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inflate: None, inner: Inner::new(limits) }
    }

    /// Takes the next chunk; what it completes is appended to `out`.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(inflate) = &mut self.inflate {
            let inner = &mut self.inner;
            return inflate.push(&chunk, &mut |piece| inner.push(piece, out));
        }
        self.inner.push(chunk, out)?;
        self.begin_inflating(out)
    }

    /// The input is over: emits what is still held, or tells that bytes are missing.
    pub fn finish(mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.inner.complete = true;
        self.inner.push(Bytes::new(), out)?;
        self.begin_inflating(out)?;
        if let Some(inflate) = &self.inflate {
            inflate.finish()?;
        }
        self.inner.finish(out)
    }

    /// Bytes of head or tail that are held now.
    pub fn held(&self) -> usize {
        match &self.inner.stage {
            Stage::Meta { held }
            | Stage::Deflated { held }
            | Stage::Head { held, .. }
            | Stage::Tail { held } => held.len(),
            Stage::Native { .. } | Stage::Fragments(_) => 0,
        }
    }

    /// Once the meta names the deflated syntax, what was held of the data set is
    /// inflated and taken from the start.
    fn begin_inflating(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        let Stage::Deflated { held } = &mut self.inner.stage else {
            return Ok(());
        };
        let held = std::mem::take(held);
        let complete = self.inner.complete;
        self.inner = Inner::inflated(self.limits);
        let inner = &mut self.inner;
        let inflate = self.inflate.insert(Inflate::new(self.limits.inflated));
        inflate.push(&held, &mut |piece| inner.push(piece, out))?;
        inner.complete = complete;
        Ok(())
    }
}

/// The splitter of a data set that is not deflated (any more).
#[derive(Debug)]
struct Inner {
    limits: Limits,
    stage: Stage,
    complete: bool,
}

#[derive(Debug)]
enum Stage {
    /// Before the data set's encoding is known.
    Meta {
        held: Vec<u8>,
    },
    /// The meta names the deflated syntax; `held` is deflated.
    Deflated {
        held: Vec<u8>,
    },
    Head {
        held: Vec<u8>,
        scan: Scan,
        transfer_syntax: &'static TransferSyntax,
    },
    Native {
        left: u64,
    },
    Fragments(Fragments),
    Tail {
        held: Vec<u8>,
    },
}

/// Chunks are copied into the head in windows of this size, so that a huge chunk is
/// not copied only to be cut.
const WINDOW: usize = 8 * 1024;

impl Inner {
    fn new(limits: Limits) -> Self {
        Self { limits, stage: Stage::Meta { held: Vec::new() }, complete: false }
    }

    fn inflated(limits: Limits) -> Self {
        let stage = head_stage(Vec::new(), deflated_syntax(), Encoding::ExplicitLittle, limits);
        Self { limits, stage, complete: false }
    }

    fn push(&mut self, mut chunk: Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if chunk.is_empty() {
            let mut rest = self.step(Bytes::new(), out)?;
            while !rest.is_empty() {
                rest = self.step(rest, out)?;
            }
        }
        while !chunk.is_empty() {
            let held = matches!(self.stage, Stage::Meta { .. } | Stage::Head { .. });
            let window = if held { WINDOW.min(chunk.len()) } else { chunk.len() };
            let piece = chunk.split_to(window);
            let mut rest = self.step(piece, out)?;
            while !rest.is_empty() {
                rest = self.step(rest, out)?;
            }
        }
        Ok(())
    }

    /// Takes `piece` in the present stage; returns what belongs to the next one.
    fn step(&mut self, piece: Bytes, out: &mut Vec<Event>) -> Result<Bytes, Fault> {
        match &mut self.stage {
            Stage::Meta { held } => {
                held.extend_from_slice(&piece);
                self.after_meta()?;
                self.step_head(Bytes::new(), out)
            }
            Stage::Deflated { held } => {
                held.extend_from_slice(&piece);
                Ok(Bytes::new())
            }
            Stage::Head { .. } => self.step_head(piece, out),
            Stage::Native { left } => {
                let mut rest = piece;
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                emit(rest.split_to(take), out);
                *left -= take as u64;
                if *left == 0 {
                    self.stage = Stage::Tail { held: Vec::new() };
                }
                Ok(rest)
            }
            Stage::Fragments(fragments) => {
                let mut rest = piece;
                let (used, ended) = fragments.advance(&rest);
                // What stands before a fault is looked at, however the chunks were cut.
                emit(rest.split_to(used.min(rest.len())), out);
                if ended? {
                    self.stage = Stage::Tail { held: Vec::new() };
                }
                Ok(rest)
            }
            Stage::Tail { held } => {
                if held.len() + piece.len() > self.limits.head {
                    return Err(FaultKind::TailTooLarge.into());
                }
                held.extend_from_slice(&piece);
                Ok(Bytes::new())
            }
        }
    }

    /// Leaves the meta stage as soon as the encoding can be told.
    fn after_meta(&mut self) -> Result<(), Fault> {
        let Stage::Meta { held } = &mut self.stage else {
            return Ok(());
        };
        let Some(found) = meta::read(held, self.complete)? else {
            return Ok(());
        };
        let declared = match found.transfer_syntax.as_deref() {
            Some(uid) => Some(TransferSyntax::of(uid).ok_or(FaultKind::UnsupportedTransferSyntax)?),
            None => None,
        };
        let data = held.get(found.data_at..).unwrap_or_default();
        if data.len() < detect::ENOUGH && !self.complete {
            return Ok(());
        }
        // Always the same bytes decide, however the chunks were cut.
        let sample = data.get(..detect::ENOUGH).unwrap_or(data);
        if declared.is_some_and(|syntax| syntax.deflated) && !looks_plain(sample) {
            self.stage = Stage::Deflated { held: data.to_vec() };
            return Ok(());
        }
        let encoding = detect::encoding(sample, declared.map(|syntax| syntax.encoding))?;
        let syntax = match declared {
            Some(syntax) if syntax.encapsulated || syntax.encoding == encoding => syntax,
            _ => TransferSyntax::of(TransferSyntax::native_for(encoding)).ok_or(FaultKind::NotDicom)?,
        };
        self.stage = head_stage(data.to_vec(), syntax, encoding, self.limits);
        Ok(())
    }

    fn step_head(&mut self, piece: Bytes, out: &mut Vec<Event>) -> Result<Bytes, Fault> {
        let Stage::Head { held, scan, transfer_syntax } = &mut self.stage else {
            return Ok(Bytes::new());
        };
        held.extend_from_slice(&piece);
        let Some(found) = scan.advance(held)? else {
            return Ok(Bytes::new());
        };
        check(&found, transfer_syntax)?;
        let rest = Bytes::copy_from_slice(held.get(found.value_at..).unwrap_or_default());
        held.truncate(found.header_at);
        let head = Head {
            data: std::mem::take(held),
            encoding: scan.encoding(),
            transfer_syntax,
            bulk: Some(found.header),
        };
        self.stage = match found.header.len {
            None => Stage::Fragments(Fragments::default()),
            Some(0) => Stage::Tail { held: Vec::new() },
            Some(len) => Stage::Native { left: len.into() },
        };
        out.push(Event::Head(head));
        Ok(rest)
    }

    fn finish(self, out: &mut Vec<Event>) -> Result<(), Fault> {
        match self.stage {
            Stage::Head { held, scan, transfer_syntax } => {
                scan.finish(&held)?;
                let encoding = scan.encoding();
                out.push(Event::Head(Head { data: held, encoding, transfer_syntax, bulk: None }));
                Ok(())
            }
            Stage::Tail { held } if held.is_empty() => Ok(()),
            Stage::Tail { held } => {
                out.push(Event::Tail(held));
                Ok(())
            }
            Stage::Meta { .. } => Err(FaultKind::NotDicom.into()),
            Stage::Deflated { .. } | Stage::Native { .. } | Stage::Fragments(_) => {
                Err(FaultKind::Truncated.into())
            }
        }
    }
}

fn emit(piece: Bytes, out: &mut Vec<Event>) {
    if !piece.is_empty() {
        out.push(Event::Bulk(piece));
    }
}

fn head_stage(
    held: Vec<u8>,
    transfer_syntax: &'static TransferSyntax,
    encoding: Encoding,
    limits: Limits,
) -> Stage {
    Stage::Head { held, scan: Scan::new(encoding, limits), transfer_syntax }
}

fn deflated_syntax() -> &'static TransferSyntax {
    const DEFLATED: TransferSyntax = TransferSyntax {
        uid: super::syntax::DEFLATED_LE,
        encoding: Encoding::ExplicitLittle,
        deflated: true,
        encapsulated: false,
    };
    &DEFLATED
}

/// A file that declares the deflated syntax but whose data set is plain.
fn looks_plain(data: &[u8]) -> bool {
    detect::encoding(data, None).is_ok()
}

/// PS3.5 A.4: fragments belong to encapsulated syntaxes, a length to native ones. Where
/// they disagree nobody can tell what the pixels are.
fn check(found: &Found, syntax: &TransferSyntax) -> Result<(), Fault> {
    let native = found.header.len.is_some();
    if native == syntax.encapsulated && found.header.len != Some(0) {
        return Err(Fault::at(FaultKind::UnsupportedTransferSyntax, found.header.tag));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
