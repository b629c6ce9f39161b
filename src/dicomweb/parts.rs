//! Sans-IO reader of multipart bodies (PS3.18 8.6.1.2; RFC 2046 5.1): chunks in, part
//! headers and slices of those chunks out. What a part means is decided above.
//!
//! Own code because DICOMweb clients send what general readers refuse (LF line ends,
//! text after the boundary), and because a part's bytes leave here as slices of the
//! chunk they came in: only a tail that may be the start of a delimiter is held back.

use super::boundary;
use super::delimiter::{Tail, before_cr};
use super::part_headers::{self, HeaderFault, PartHeaders};
use bytes::Bytes;
use memchr::memmem::Finder;
use std::fmt;

/// Bytes of a new chunk that are copied behind a held-back tail to decide about it.
/// Longer than any delimiter with its padding.
const JOIN: usize = 1024;

/// What a body consists of.
#[derive(Clone, PartialEq, Eq)]
pub enum PartEvent {
    /// A part begins.
    Headers(PartHeaders),
    /// Bytes of the open part; never empty.
    Data(Bytes),
    /// The open part is complete.
    End,
}

/// Shows kinds and sizes only: the bytes of a part are patient data.
impl fmt::Debug for PartEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(headers) => f.debug_tuple("Headers").field(headers).finish(),
            Self::Data(data) => write!(f, "Data({} bytes)", data.len()),
            Self::End => f.write_str("End"),
        }
    }
}

/// Why a body is no multipart body. Always a fault of the sender: 400 (PS3.18 10.5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// The boundary parameter is missing, empty, too long or not printable.
    #[error("the boundary parameter is missing or not legal")]
    BadBoundary,
    /// No part was found: the body is empty, or its boundary is another one.
    #[error("the body holds no part with the boundary that its Content-Type names")]
    NoPart,
    /// The body ends inside a part: the closing boundary never came.
    #[error("the body ends before its closing boundary")]
    Truncated,
    /// The header block of a part cannot be read.
    #[error("part {part}: {fault}")]
    Header {
        /// Which part, counted from 1.
        part: usize,
        /// What is wrong with its header block.
        fault: HeaderFault,
    },
}

/// Where in the body the next byte stands. `Start` and `fresh` bodies lie at the begin
/// of a line, where a delimiter needs no line end before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Preamble,
    Headers,
    Body { fresh: bool },
    Epilogue,
}

/// Reader of one multipart body. Any cutting of the body into chunks gives the same
/// parts; memory is one header block or one delimiter, whichever is held back.
pub struct Parts {
    /// `\n--boundary`.
    needle: Finder<'static>,
    state: State,
    /// Undecided bytes: a header block not yet complete, or a possible delimiter.
    held: Bytes,
    /// No more bytes will come.
    complete: bool,
    /// The header block of the open part had CRLF line ends.
    crlf: bool,
    /// Parts begun.
    count: usize,
}

impl Parts {
    /// A reader for bodies framed by `boundary`, the value of the parameter.
    pub fn new(boundary: &str) -> Result<Self, PartsError> {
        if !boundary::is_acceptable(boundary) {
            return Err(PartsError::BadBoundary);
        }
        let needle = Finder::new(&format!("\n--{boundary}")).into_owned();
        Ok(Self { needle, state: State::Start, held: Bytes::new(), complete: false, crlf: true, count: 0 })
    }

    /// Takes the next bytes of the body; appends what they complete to `out`.
    pub fn push(&mut self, mut chunk: Bytes, out: &mut Vec<PartEvent>) -> Result<(), PartsError> {
        while !chunk.is_empty() {
            let held = std::mem::take(&mut self.held);
            if held.is_empty() {
                self.held = self.run(chunk, out)?;
                return Ok(());
            }
            let taken = chunk.len().min(JOIN);
            let rest = self.run([&*held, chunk.get(..taken).unwrap_or_default()].concat().into(), out)?;
            // Undecided bytes that all came with this chunk are looked at again in place.
            let from_chunk = rest.len() <= taken && taken < chunk.len();
            let keep = if from_chunk { rest.len() } else { 0 };
            self.held = if from_chunk { Bytes::new() } else { rest };
            chunk = chunk.slice(taken - keep..);
        }
        Ok(())
    }

    /// The body is over. An error if it had no part or its last one is not closed.
    pub fn finish(mut self, out: &mut Vec<PartEvent>) -> Result<(), PartsError> {
        self.complete = true;
        let held = std::mem::take(&mut self.held);
        self.run(held, out)?;
        match self.state {
            State::Epilogue if self.count > 0 => Ok(()),
            State::Start | State::Preamble | State::Epilogue => Err(PartsError::NoPart),
            State::Headers | State::Body { .. } => Err(PartsError::Truncated),
        }
    }

    /// Works through `buffer` and returns what cannot be decided yet.
    fn run(&mut self, mut buffer: Bytes, out: &mut Vec<PartEvent>) -> Result<Bytes, PartsError> {
        while self.step(&mut buffer, out)? {}
        Ok(buffer)
    }

    /// One step; false when more bytes are needed.
    fn step(&mut self, buffer: &mut Bytes, out: &mut Vec<PartEvent>) -> Result<bool, PartsError> {
        match self.state {
            State::Start => Ok(self.at_line_start(buffer, State::Preamble, out)),
            State::Preamble => Ok(self.search(buffer, out)),
            State::Headers => self.headers(buffer, out),
            State::Body { fresh: true } => Ok(self.at_line_start(buffer, State::Body { fresh: false }, out)),
            State::Body { fresh: false } => Ok(self.search(buffer, out)),
            State::Epilogue => {
                buffer.clear();
                Ok(false)
            }
        }
    }

    /// A delimiter right here, at the begin of a line; otherwise on to state `other`.
    fn at_line_start(&mut self, buffer: &mut Bytes, other: State, out: &mut Vec<PartEvent>) -> bool {
        let dashed = self.needle.needle().get(1..).unwrap_or_default();
        if buffer.len() < dashed.len() && dashed.starts_with(buffer) && !self.complete {
            return false;
        }
        if let Some(after) = buffer.strip_prefix(dashed) {
            match Tail::of(after, self.complete) {
                Tail::Undecided => return false,
                Tail::Data => {}
                decided => {
                    let end = dashed.len();
                    self.delimiter(buffer, end, &decided, out);
                    return true;
                }
            }
        }
        self.state = other;
        true
    }

    /// Looks for the next delimiter; what precedes it is data of the open part.
    fn search(&mut self, buffer: &mut Bytes, out: &mut Vec<PartEvent>) -> bool {
        let mut from = 0;
        while let Some(found) = self.needle.find(buffer.get(from..).unwrap_or_default()) {
            let at = from + found;
            let end = at + self.needle.needle().len();
            match Tail::of(buffer.get(end..).unwrap_or_default(), self.complete) {
                Tail::Data => from = at + 1,
                Tail::Undecided => {
                    let data = buffer.split_to(before_cr(buffer, at));
                    self.data(data, out);
                    return false;
                }
                decided => {
                    let cut = if self.takes_cr(&decided) { before_cr(buffer, at) } else { at };
                    let data = buffer.split_to(cut);
                    self.data(data, out);
                    self.delimiter(buffer, end - cut, &decided, out);
                    return true;
                }
            }
        }
        let keep = if self.complete { buffer.len() } else { self.undecided_from(buffer) };
        let data = buffer.split_to(keep);
        self.data(data, out);
        false
    }

    /// True if a CR before the delimiter belongs to it: it does where lines end in CRLF,
    /// but is the last byte of the data where they end in LF alone.
    fn takes_cr(&self, tail: &Tail) -> bool {
        match tail {
            Tail::Open { crlf, .. } | Tail::Close { crlf: Some(crlf) } => *crlf,
            _ => self.crlf,
        }
    }

    /// Where the bytes begin that may start a delimiter: the last LF, if what follows it
    /// fits, with a CR before it. The boundary itself holds no LF.
    fn undecided_from(&self, buffer: &[u8]) -> usize {
        let needle = self.needle.needle();
        let tail_at = buffer.len().saturating_sub(needle.len() - 1);
        let tail = buffer.get(tail_at..).unwrap_or_default();
        match memchr::memrchr(b'\n', tail) {
            Some(at) if tail.get(at..).is_some_and(|rest| needle.starts_with(rest)) => {
                before_cr(buffer, tail_at + at)
            }
            _ => before_cr(buffer, buffer.len()),
        }
    }

    /// A delimiter ends `end` bytes into the buffer: closes the open part, and opens the
    /// next or ends the body.
    fn delimiter(&mut self, buffer: &mut Bytes, end: usize, tail: &Tail, out: &mut Vec<PartEvent>) {
        if matches!(self.state, State::Body { .. }) {
            out.push(PartEvent::End);
        }
        if let Tail::Open { len, crlf } = tail {
            bytes::Buf::advance(buffer, end + len);
            self.crlf = *crlf;
            self.state = State::Headers;
        } else {
            buffer.clear();
            self.state = State::Epilogue;
        }
    }

    fn headers(&mut self, buffer: &mut Bytes, out: &mut Vec<PartEvent>) -> Result<bool, PartsError> {
        let part = self.count + 1;
        let at_part = |fault| PartsError::Header { part, fault };
        let Some(block) = part_headers::block_end(buffer).map_err(at_part)? else { return Ok(false) };
        let text = buffer.split_to(block.end);
        let headers = part_headers::parse(text.get(..block.text).unwrap_or_default()).map_err(at_part)?;
        self.crlf = block.crlf;
        self.count = part;
        self.state = State::Body { fresh: true };
        out.push(PartEvent::Headers(headers));
        Ok(true)
    }

    /// Bytes of the open part; those of a preamble are dropped.
    fn data(&self, data: Bytes, out: &mut Vec<PartEvent>) {
        if matches!(self.state, State::Body { .. }) && !data.is_empty() {
            out.push(PartEvent::Data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Parts as (Content-Type, bytes), read in chunks of `size` bytes.
    fn read(body: &[u8], size: usize) -> Result<Vec<(String, Vec<u8>)>, PartsError> {
        let (mut parts, mut events) = (Parts::new("XX")?, Vec::new());
        for chunk in body.chunks(size) {
            parts.push(Bytes::copy_from_slice(chunk), &mut events)?;
        }
        parts.finish(&mut events)?;
        let (mut all, mut open) = (Vec::new(), None);
        for event in events {
            match event {
                PartEvent::Headers(headers) => {
                    let media = headers.content_type.map(|media| media.essence().to_owned());
                    open = Some((media.unwrap_or_default(), Vec::new()));
                }
                PartEvent::Data(data) => open.as_mut().unwrap().1.extend_from_slice(&data),
                PartEvent::End => all.push(open.take().unwrap()),
            }
        }
        Ok(all)
    }

    fn data(body: &[u8]) -> Vec<Vec<u8>> {
        read(body, body.len()).unwrap().into_iter().map(|part| part.1).collect()
    }

    #[test]
    fn http_20_parts_are_framed_by_crlf_and_closed_by_dashes() {
        let body =
            b"--XX\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--XX\r\n\r\n\r\nd\r\n\r\n--XX--\r\n";
        let expected =
            vec![("application/dicom".to_owned(), b"abc".to_vec()), (String::new(), b"\r\nd\r\n".to_vec())];
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(read(body, size).unwrap(), expected, "{size}");
        }
    }

    #[test]
    fn http_20_leading_crlf_preamble_padding_and_epilogue_are_taken() {
        for body in [
            &b"\r\n--XX\r\n\r\na\r\n--XX--"[..],
            b"preamble --XX\r\nmore\r\n--XX \t\r\n\r\na\r\n--XX--\r\nepilogue\r\n--XX\r\n",
            b"--XX\n\na\n--XX--\n",
            b"--XX\r\n\r\na\r\n--XX-- \r\n",
        ] {
            assert_eq!(data(body), [b"a"], "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_trailing_cr_is_data_where_lines_end_in_lf_and_empty_parts_are_parts() {
        assert_eq!(data(b"--XX\nA: b\n\na\r\n--XX\n\nb\r\n--XX--"), [b"a\r", b"b\r"]);
        assert_eq!(data(b"--XX\r\nA: b\r\n\r\na\r\r\n--XX--"), [b"a\r"]);
        assert_eq!(data(b"--XX\r\nA: b\r\n\r\n--XX\r\n\r\n\r\n--XX--"), [b"", b""]);
    }

    #[test]
    fn bytes_that_only_look_like_a_boundary_are_data() {
        let inside = b"\r\n--X\r\n--XXY\n--XX-\r\n--XX--Z\n--XX\0\n\n--\r--XX--\r\n --XX";
        let body = [b"--XX\r\n\r\n", &inside[..], b"\r\n--XX--"].concat();
        for size in [1, 2, 5, 11, 1000] {
            assert_eq!(read(&body, size).unwrap(), [(String::new(), inside.to_vec())], "{size}");
        }
    }

    #[test]
    fn stow_08_a_body_without_part_is_refused() {
        for body in [&b""[..], b"\r\n", b"--XX--\r\n", b"--YY\r\n\r\na\r\n--YY--", b"--XX"] {
            assert_eq!(read(body, 3), Err(PartsError::NoPart), "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn stow_08_every_cut_before_the_closing_boundary_is_an_error() {
        let body = b"--XX\r\nA: b\r\n\r\nabc\r\n--XX\r\n\r\nd\r\n--XX--";
        for cut in 0..body.len() {
            let found = read(body.get(..cut).unwrap(), 5);
            assert!(matches!(found, Err(PartsError::Truncated | PartsError::NoPart)), "{cut}: {found:?}");
        }
    }

    #[test]
    fn a_header_block_without_end_is_refused_before_it_grows() {
        let mut parts = Parts::new("XX").unwrap();
        let (mut events, mut pushed) = (Vec::new(), 0);
        parts.push(Bytes::from_static(b"--XX\r\n"), &mut events).unwrap();
        let fault = loop {
            pushed += 1;
            if let Err(fault) = parts.push(Bytes::from_static(&[b'a'; 1000]), &mut events) {
                break fault;
            }
        };
        assert_eq!((fault, pushed), (PartsError::Header { part: 1, fault: HeaderFault::TooLarge }, 17));
        let many = [b"--XX\r\n".to_vec(), b"A: b\r\n".repeat(65)].concat();
        let expected = PartsError::Header { part: 1, fault: HeaderFault::TooMany };
        assert_eq!(read(&many, 100), Err(expected));
    }

    #[test]
    fn data_leaves_as_slices_of_the_chunk() {
        let chunk = Bytes::from([b"--XX\r\n\r\n", &[7; 5000][..], b"\r\n--XX--"].concat());
        let mut events = Vec::new();
        Parts::new("XX").unwrap().push(chunk.clone(), &mut events).unwrap();
        let PartEvent::Data(data) = events.get(1).unwrap() else { unreachable!("{events:?}") };
        assert!(chunk.as_ptr_range().contains(&data.as_ptr()));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_equal_parts(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "\r", "\n", "-", "--", "X", "XX", "\r\n--XX", "\n--XX", "--XX--", "\r\n\r\n", " ", "A: b\r\n", "\0z",
            ]), 0..40),
            size in 1usize..20,
        ) {
            let body = [b"--XX\r\n\r\n", pieces.concat().as_bytes(), b"\r\n--XX--\r\n"].concat();
            prop_assert_eq!(read(&body, size), read(&body, body.len()));
        }

        #[test]
        fn any_bytes_of_any_part_come_back(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..4), size in 1usize..2500) {
            let mut body = Vec::new();
            for content in &contents {
                body.extend_from_slice(b"\r\n--XX\r\nContent-Type: a/b\r\n\r\n");
                body.extend_from_slice(content);
            }
            body.extend_from_slice(b"\r\n--XX--");
            let found: Vec<_> = read(&body, size).unwrap().into_iter().map(|part| part.1).collect();
            prop_assert_eq!(found, contents);
        }
    }
}
