//! Framing of outgoing multipart/related bodies (PS3.18 8.6.1.2). Pure: gives the bytes
//! between the parts, the caller sends the parts.

use bytes::Bytes;
use std::fmt::Write;

/// Framing of one body.
#[derive(Debug, Clone)]
pub struct Multipart {
    root: &'static str,
    boundary: String,
    begun: bool,
}

/// What stands before a part's bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartHead<'a> {
    /// Media type of the part.
    pub media: &'a str,
    /// Transfer syntax UID of the part, for answers with DICOM media types (PS3.18 8.7.9).
    /// Not for requests: a widespread server drops a part whose type has this parameter,
    /// and still answers 200.
    pub transfer_syntax: Option<&'a str>,
    /// Bytes of the part, where known (PS3.18 8.6.1.2).
    pub length: Option<u64>,
    /// The resource that the part represents (PS3.18 8.6.1.2).
    pub location: Option<&'a str>,
}

impl Multipart {
    /// A body whose parts are of type `root`; `boundary` from [`super::boundary::generate`].
    pub fn new(root: &'static str, boundary: String) -> Self {
        Self { root, boundary, begun: false }
    }

    /// Content-Type of the whole body: `type` quoted, the boundary as a token (PS3.18 8.7.1).
    pub fn content_type(&self) -> String {
        format!("multipart/related; type=\"{}\"; boundary={}", self.root, self.boundary)
    }

    /// The bytes before the next part: delimiter, headers, blank line.
    ///
    /// The spelling is exact on purpose: viewers look for the letters `Content-Type:` and
    /// take the transfer syntax without removing quotes.
    pub fn part(&mut self, head: &PartHead<'_>) -> Bytes {
        let mut text = String::with_capacity(256);
        if std::mem::replace(&mut self.begun, true) {
            text.push_str("\r\n");
        }
        let _ = write!(text, "--{}\r\nContent-Type: {}", self.boundary, head.media);
        if let Some(uid) = head.transfer_syntax {
            let _ = write!(text, "; transfer-syntax={uid}");
        }
        if let Some(length) = head.length {
            let _ = write!(text, "\r\nContent-Length: {length}");
        }
        if let Some(location) = head.location {
            let _ = write!(text, "\r\nContent-Location: {location}");
        }
        text.push_str("\r\n\r\n");
        text.into()
    }

    /// The bytes after the last part. A body without part is never sent.
    pub fn close(self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicomweb::boundary;
    use crate::dicomweb::media::MediaType;
    use crate::dicomweb::parts::{PartEvent, Parts};

    fn head(length: Option<u64>, location: Option<&str>) -> PartHead<'_> {
        PartHead {
            media: "application/dicom",
            transfer_syntax: Some("1.2.840.10008.1.2.1"),
            length,
            location,
        }
    }

    #[test]
    fn http_21_part_headers_have_the_spelling_that_viewers_look_for() {
        let mut body = Multipart::new("application/dicom", "B".to_owned());
        assert_eq!(body.content_type(), "multipart/related; type=\"application/dicom\"; boundary=B");
        let first = "--B\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\
            Content-Length: 7\r\nContent-Location: http://h/1\r\n\r\n";
        assert_eq!(body.part(&head(Some(7), Some("http://h/1"))), first);
        let second =
            "\r\n--B\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\n";
        assert_eq!(body.part(&head(None, None)), second);
        assert_eq!(body.close(), "\r\n--B--\r\n");
    }

    #[test]
    fn the_first_blank_line_comes_within_512_bytes() {
        let location = format!(
            "https://gateway.example.org/dicom-web/studies/{0}/series/{0}/instances/{0}",
            "1".repeat(64)
        );
        let mut body = Multipart::new("application/dicom", boundary::generate([255; 16]));
        assert!(body.part(&head(Some(u64::MAX), Some(&location))).len() <= 512);
    }

    #[test]
    fn what_is_framed_here_is_read_by_our_own_reader() {
        let mut body = Multipart::new("application/dicom", boundary::generate([7; 16]));
        let media = MediaType::parse(&body.content_type()).unwrap();
        let bytes = [body.part(&head(None, None)), Bytes::from_static(b"\r\n--"), body.close()].concat();
        let (mut parts, mut events) = (Parts::new(media.boundary().unwrap()).unwrap(), Vec::new());
        parts.push(bytes.into(), &mut events).unwrap();
        parts.finish(&mut events).unwrap();
        assert_eq!(
            events.get(1..).unwrap(),
            [PartEvent::Data(Bytes::from_static(b"\r\n--")), PartEvent::End]
        );
    }
}
