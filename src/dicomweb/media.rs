//! Media types as HTTP and multipart headers write them (PS3.18 8.7; RFC 9110 8.3.1).
//! Which type an answer gets is decided in `accept`.

use std::borrow::Cow;

/// A media type: `type/subtype` in lower case, and its parameters in the order sent.
/// Parameter names are in lower case, values as sent, without quotes (PS3.18 8.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    essence: String,
    params: Vec<(String, String)>,
}

/// The text is no media type. Always a fault of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type")]
pub struct NotAMediaType;

impl MediaType {
    /// Reads one media type. Values may be tokens, quoted strings or, as many DICOMweb
    /// clients send `type=application/dicom`, bare text with slashes.
    pub fn parse(text: &str) -> Result<Self, NotAMediaType> {
        let mut pieces = split_unquoted(text, ';');
        let essence = pieces.next().map(str::trim).unwrap_or_default();
        if !is_essence(essence) {
            return Err(NotAMediaType);
        }
        let params = pieces
            .filter(|piece| !piece.trim().is_empty())
            .map(|piece| parameter(piece).ok_or(NotAMediaType))
            .collect::<Result<_, _>>()?;
        Ok(Self { essence: essence.to_ascii_lowercase(), params })
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The first value of a parameter; `name` in lower case.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params(name).next()
    }

    /// Every value of a parameter, in the order sent; `name` in lower case.
    pub fn params<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.params.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// True for `multipart/related` (PS3.18 8.6.1.2).
    pub fn is_related(&self) -> bool {
        self.essence == "multipart/related"
    }

    /// The media type named by the `type` parameter of a multipart type (PS3.18 8.7.1).
    /// Parameters that some senders put inside its quotes are its parameters here.
    pub fn root_type(&self) -> Option<Self> {
        self.param("type").and_then(|text| Self::parse(text).ok())
    }

    /// The `boundary` parameter (RFC 2046 5.1.1).
    pub fn boundary(&self) -> Option<&str> {
        self.param("boundary")
    }

    /// The `transfer-syntax` parameter (PS3.18 8.7.3.5.2).
    pub fn transfer_syntax(&self) -> Option<&str> {
        self.param("transfer-syntax")
    }
}

/// A media type that is written here, without its parameters.
pub fn essence(media: &'static str) -> &'static str {
    media.split_once(';').map_or(media, |(essence, _)| essence)
}

/// Splits at `separator` outside quoted strings. A quote that never closes runs to the end.
pub(super) fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |letter: char| {
        if escaped {
            escaped = false;
        } else if quoted && letter == '\\' {
            escaped = true;
        } else if letter == '"' {
            quoted = !quoted;
        } else {
            return letter == separator && !quoted;
        }
        false
    })
}

/// One `name=value`; `None` if it is none.
pub(super) fn parameter(piece: &str) -> Option<(String, String)> {
    let (name, value) = piece.split_once('=')?;
    let name = name.trim();
    let value = unquoted(value.trim())?;
    is_token(name).then(|| (name.to_ascii_lowercase(), value.into_owned()))
}

/// A parameter value without its quotes; `None` if quotes or controls are out of place.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    if value.chars().any(char::is_control) {
        return None;
    }
    let Some(inner) = value.strip_prefix('"') else {
        let legal = !value.is_empty() && !value.contains(['"', ' ', '\t']);
        return legal.then_some(Cow::Borrowed(value));
    };
    let inner = inner.strip_suffix('"')?;
    if inner.contains('\\') { unescaped(inner).map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Undoes the backslash escapes of a quoted string (RFC 9110 5.6.4).
fn unescaped(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(out)
}

fn is_essence(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// True for a token (RFC 9110 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn http_23_type_is_read_quoted_and_unquoted() {
        for text in [
            "multipart/related; type=\"application/dicom\"; boundary=abc",
            "multipart/related;type=application/dicom;boundary=abc",
            "Multipart/Related ; Type = application/dicom ; BOUNDARY = \"abc\" ;",
        ] {
            let media = MediaType::parse(text).unwrap();
            assert!(media.is_related(), "{text}");
            assert_eq!(media.root_type().unwrap().essence(), "application/dicom", "{text}");
            assert_eq!(media.boundary(), Some("abc"), "{text}");
        }
    }

    #[test]
    fn what_real_clients_send_with_a_store_is_understood() {
        let uuid = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1";
        for text in [
            format!("multipart/related; type=\"application/dicom\"; boundary=\"{uuid}\""),
            format!("multipart/related; type=application/dicom; boundary={uuid}"),
            format!("multipart/related; boundary={uuid}; type=application/dicom;"),
            format!("multipart/related;type=\"application/dicom\";start=\"<a@b>\";boundary={uuid}"),
        ] {
            let media = MediaType::parse(&text).unwrap();
            let root = media.root_type().unwrap();
            assert_eq!((root.essence(), media.boundary()), ("application/dicom", Some(uuid)), "{text}");
        }
    }

    #[test]
    fn http_25_type_and_subtype_compare_case_insensitively() {
        assert_eq!(MediaType::parse("Application/DICOM").unwrap().essence(), "application/dicom");
    }

    #[test]
    fn values_keep_their_case_and_their_escapes_are_undone() {
        let media = MediaType::parse(r#"a/b; boundary="Ab;\"c\\d"; x=1=2"#).unwrap();
        assert_eq!(media.boundary(), Some(r#"Ab;"c\d"#));
        assert_eq!(media.param("x"), Some("1=2"));
    }

    #[test]
    fn a_repeated_parameter_keeps_every_value() {
        let media = MediaType::parse("image/jls; transfer-syntax=1.2; transfer-syntax=\"*\"").unwrap();
        assert_eq!(media.params("transfer-syntax").collect::<Vec<_>>(), ["1.2", "*"]);
    }

    #[test]
    fn parameters_inside_the_quotes_of_type_belong_to_the_root_type() {
        let text =
            "multipart/related; type=\"application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\"";
        let root = MediaType::parse(text).unwrap().root_type().unwrap();
        assert_eq!(root.essence(), "application/octet-stream");
        assert_eq!(root.transfer_syntax(), Some("1.2.840.10008.1.2.1"));
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in
            ["", "dicom", "a/", "/b", "a b/c", "a/b; c", "a/b; c=\"d", "a/b; =d", "a/b;c=\x01", "a/b;c=d e"]
        {
            assert_eq!(MediaType::parse(text), Err(NotAMediaType), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
            let _ = MediaType::parse(&text);
        }

        #[test]
        fn any_quoted_value_comes_back(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let media = MediaType::parse(&format!("a/b; v=\"{quoted}\"")).unwrap();
            prop_assert_eq!(media.param("v"), Some(value.as_str()));
        }
    }
}
