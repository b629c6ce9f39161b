//! What stands behind `--boundary` in a multipart body (RFC 2046 5.1.1): a line end, the
//! closing dashes, or data that only looks like a delimiter. Searching is `parts`.

/// White space taken between a boundary and its line end (RFC 2046 `transport-padding`).
const MAX_PADDING: usize = 256;

/// What stands behind `--boundary`.
pub(super) enum Tail {
    /// A line end: a part begins after `len` bytes.
    Open { len: usize, crlf: bool },
    /// `--`: the body is over. `None` if no line end tells CRLF from LF.
    Close { crlf: Option<bool> },
    /// Other bytes: this is data that only looks like a delimiter.
    Data,
    /// Not enough bytes to tell.
    Undecided,
}

impl Tail {
    /// Looks at what follows `--boundary`. `complete`: no more bytes will come.
    pub fn of(after: &[u8], complete: bool) -> Self {
        if !complete && after.len() < 2 && b"--".starts_with(after) {
            return Self::Undecided;
        }
        let closing = after.strip_prefix(b"--");
        let rest = closing.unwrap_or(after);
        let padding = rest.iter().take(MAX_PADDING).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = rest.get(padding..).unwrap_or_default();
        let (crlf, size) = match line_end {
            [b'\n', ..] => (false, 1),
            [b'\r', b'\n', ..] => (true, 2),
            [] | [b'\r'] if !complete => return Self::Undecided,
            [] | [b'\r'] if closing.is_some() => return Self::Close { crlf: None },
            _ => return Self::Data,
        };
        match closing {
            Some(_) => Self::Close { crlf: Some(crlf) },
            None => Self::Open { len: padding + size, crlf },
        }
    }
}

/// `at`, or one less if a CR stands before it.
pub(super) fn before_cr(buffer: &[u8], at: usize) -> usize {
    let cr = at.checked_sub(1).filter(|before| buffer.get(*before) == Some(&b'\r'));
    cr.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(after: &[u8], complete: bool) -> &'static str {
        match Tail::of(after, complete) {
            Tail::Open { .. } => "open",
            Tail::Close { .. } => "close",
            Tail::Data => "data",
            Tail::Undecided => "undecided",
        }
    }

    #[test]
    fn a_delimiter_is_decided_only_by_a_line_end_or_the_end_of_the_body() {
        for (after, so_far, at_end) in [
            (&b""[..], "undecided", "data"),
            (b"-", "undecided", "data"),
            (b"--", "undecided", "close"),
            (b"--\r", "undecided", "close"),
            (b" \t\r\n", "open", "open"),
            (b"\n", "open", "open"),
            (b"\rx", "data", "data"),
            (b"--x", "data", "data"),
            (b"x", "data", "data"),
        ] {
            assert_eq!((kind(after, false), kind(after, true)), (so_far, at_end), "{after:?}");
        }
    }

    #[test]
    fn endless_padding_is_data() {
        assert_eq!(kind(&[b' '; MAX_PADDING + 1], false), "data");
    }
}
