//! multipart/related as clients write it and as answers must be (RFC 2387, PS3.18 8.6.1); no code of the product.

/// One part: headers with names in lower case, and the body.
#[derive(Clone, Debug)]
pub struct Part {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Part {
    /// A part of this content type.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Part { headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// An instance as a part.
    pub fn dicom(body: impl Into<Vec<u8>>) -> Self {
        Part::new("application/dicom", body)
    }

    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }
}

/// The parts as one body, lines ended by `end` (`\r\n` by the rules, `\n` by some clients).
pub fn write(parts: &[Part], boundary: &str, end: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend(format!("--{boundary}{end}").bytes());
        for (name, value) in &part.headers {
            out.extend(format!("{name}: {value}{end}").bytes());
        }
        out.extend(end.bytes());
        out.extend(&part.body);
        out.extend(end.bytes());
    }
    out.extend(format!("--{boundary}--{end}").bytes());
    out
}

/// Take an answer apart. Strict: CRLF only, the closing delimiter must be there; None when it is not multipart.
pub fn read(content_type: &str, body: &[u8]) -> Option<Vec<Part>> {
    let boundary = parameter(content_type, "boundary")?;
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = &body[find(body, first.as_bytes())? + first.len()..];
    let mut parts = Vec::new();
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let end = find(after, between.as_bytes())?;
        parts.push(part(&after[..end])?);
        rest = &after[end + between.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

fn part(bytes: &[u8]) -> Option<Part> {
    let (head, body) = match bytes.strip_prefix(b"\r\n") {
        Some(body) => (&bytes[..0], body),
        None => {
            let end = find(bytes, b"\r\n\r\n")?;
            (&bytes[..end], &bytes[end + 4..])
        }
    };
    let head = String::from_utf8_lossy(head);
    let headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Part { headers, body: body.to_vec() })
}

/// A parameter of a media type, quotes taken off.
pub fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type;
    while let Some((_, after)) = rest.split_once(';') {
        let (key, value) = after.split_once('=')?;
        let bare = value.find(';').unwrap_or(value.len());
        let quoted = value.strip_prefix('"').and_then(|value| value.split_once('"'));
        let (text, left) = quoted.unwrap_or(value.split_at(bare));
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(text.trim().to_owned());
        }
        rest = left;
    }
    None
}

/// Where `needle` first stands in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
