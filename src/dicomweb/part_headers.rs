//! Header block of one part of a multipart body (PS3.18 8.6.1.2; RFC 2046 5.1). Finding
//! the parts themselves is `parts`.

use super::disposition::Disposition;
use super::media::MediaType;
use std::borrow::Cow;
use std::fmt;

/// Largest header block of a part, in bytes.
const MAX_BLOCK: usize = 16 * 1024;

/// Most header lines of a part.
const MAX_LINES: usize = 64;

/// What the gateway reads of a part's headers. The rest is dropped unseen.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PartHeaders {
    /// Content-Type; `None` if the part has none or it cannot be read.
    pub content_type: Option<MediaType>,
    /// Content-Disposition of a form's part.
    pub disposition: Option<Disposition>,
    /// Content-Location: the resource that the part represents (PS3.18 8.6.1.2).
    pub content_location: Option<String>,
    /// Content-Length, which is never trusted for framing.
    pub content_length: Option<u64>,
    /// Content-Transfer-Encoding, in lower case.
    pub transfer_encoding: Option<String>,
}

impl PartHeaders {
    /// False if the part's bytes are encoded (base64, quoted-printable). HTTP has no use
    /// for it (RFC 9110 8.3); decoding is not offered.
    pub fn is_plain(&self) -> bool {
        matches!(self.transfer_encoding.as_deref(), None | Some("binary" | "8bit" | "7bit"))
    }
}

/// Shows the media type only: a location may hold UIDs of the sender, a file's name more.
impl fmt::Debug for PartHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let essence = self.content_type.as_ref().map(MediaType::essence);
        f.debug_struct("PartHeaders").field("content_type", &essence).finish_non_exhaustive()
    }
}

/// What is wrong with a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// More than 16 KiB.
    #[error("its headers exceed 16 KiB")]
    TooLarge,
    /// More than 64 lines.
    #[error("it has more than 64 header lines")]
    TooMany,
    /// A line is no `Name: value`.
    #[error("a header line has no name")]
    NotAHeader,
}

/// Where a header block ends.
pub(super) struct Block {
    /// Bytes of header lines.
    pub text: usize,
    /// Bytes of the block with its blank line.
    pub end: usize,
    /// The blank line is CRLF, not LF.
    pub crlf: bool,
}

/// Finds the blank line. `Ok(None)`: more bytes are needed.
pub(super) fn block_end(buffer: &[u8]) -> Result<Option<Block>, HeaderFault> {
    let window = buffer.get(..buffer.len().min(MAX_BLOCK)).unwrap_or_default();
    let (mut start, mut lines) = (0, 0);
    for end in memchr::memchr_iter(b'\n', window) {
        let crlf = match window.get(start..end) {
            Some([]) => false,
            Some([b'\r']) => true,
            _ => {
                (start, lines) = (end + 1, lines + 1);
                if lines > MAX_LINES {
                    return Err(HeaderFault::TooMany);
                }
                continue;
            }
        };
        return Ok(Some(Block { text: start, end: end + 1, crlf }));
    }
    if buffer.len() >= MAX_BLOCK { Err(HeaderFault::TooLarge) } else { Ok(None) }
}

/// Reads the header lines. Folded lines are joined (RFC 2046 5.1 takes them from mail).
/// What is no UTF-8 is read as ISO 8859-1: file names of old clients are.
pub(super) fn parse(block: &[u8]) -> Result<PartHeaders, HeaderFault> {
    let latin = || block.iter().copied().map(char::from).collect::<String>();
    let text = std::str::from_utf8(block).map_or_else(|_| Cow::Owned(latin()), Cow::Borrowed);
    let mut unfolded: Vec<String> = Vec::new();
    for line in text.lines() {
        match unfolded.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => unfolded.push(line.to_owned()),
        }
    }
    let mut headers = PartHeaders::default();
    for line in &unfolded {
        let (name, value) = line.split_once(':').ok_or(HeaderFault::NotAHeader)?;
        note(&mut headers, name.trim(), value.trim());
    }
    Ok(headers)
}

fn note(headers: &mut PartHeaders, name: &str, value: &str) {
    if name.eq_ignore_ascii_case("content-type") {
        headers.content_type = MediaType::parse(value).ok();
    } else if name.eq_ignore_ascii_case("content-disposition") {
        headers.disposition = Disposition::parse(value);
    } else if name.eq_ignore_ascii_case("content-location") {
        headers.content_location = Some(value.to_owned());
    } else if name.eq_ignore_ascii_case("content-length") {
        headers.content_length = value.parse().ok();
    } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
        headers.transfer_encoding = Some(value.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_folded_lines_are_joined() {
        let block = b"CONTENT-type: application/dicom;\r\n transfer-syntax=1.2.840.10008.1.2.1\r\ncontent-LOCATION: bulk/1\r\n";
        let headers = parse(block).unwrap();
        assert_eq!(headers.content_type.unwrap().transfer_syntax(), Some("1.2.840.10008.1.2.1"));
        assert_eq!(headers.content_location.as_deref(), Some("bulk/1"));
    }

    #[test]
    fn an_encoded_part_is_told_from_a_plain_one() {
        assert!(parse(b"Content-Transfer-Encoding: Binary\n").unwrap().is_plain());
        assert!(!parse(b"Content-Transfer-Encoding: BASE64\n").unwrap().is_plain());
    }

    #[test]
    fn a_line_without_name_is_refused() {
        assert_eq!(parse(b"no header\r\n"), Err(HeaderFault::NotAHeader));
    }

    #[test]
    fn a_file_name_that_is_no_utf_8_is_read_as_latin_1() {
        let headers =
            parse(b"Content-Disposition: form-data; name=files; filename=\"\xE9.dcm\"\r\n").unwrap();
        assert_eq!(headers.disposition.unwrap().file_name.as_deref(), Some("\u{e9}.dcm"));
    }

    #[test]
    fn debug_shows_neither_location_nor_file_name() {
        let block = b"Content-Location: /studies/1.2.3\nContent-Disposition: form-data; filename=1.2.3\n";
        assert!(!format!("{:?}", parse(block).unwrap()).contains("1.2.3"));
    }
}
