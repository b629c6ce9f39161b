//! Content-Disposition of a form's part (RFC 7578 4.2): the field's name and the file's,
//! as browsers, curl and Python write them. What a file name may become is `zip_names`'s.

use super::media::split_unquoted;
use percent_encoding::percent_decode_str;

/// What a part of a form is called. Both may identify a patient: no Debug.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Disposition {
    /// The field.
    pub name: Option<String>,
    /// The file; a part without one is a plain field.
    pub file_name: Option<String>,
}

impl Disposition {
    /// Reads the header's value; `None` if it is not `form-data`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut pieces = split_unquoted(value, ';');
        if !pieces.next()?.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        let (mut found, mut extended) = (Self::default(), None);
        for (name, value) in pieces.filter_map(|piece| piece.split_once('=')) {
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("name") {
                found.name.get_or_insert_with(|| plain(value));
            } else if name.eq_ignore_ascii_case("filename") {
                found.file_name.get_or_insert_with(|| plain(value));
            } else if name.eq_ignore_ascii_case("filename*") {
                extended = extended.or_else(|| coded(value));
            }
        }
        // RFC 7578 forbids it, older Python clients send it for names beyond ASCII.
        found.file_name = extended.or(found.file_name);
        Some(found)
    }
}

/// A parameter's text. Clients disagree about escapes: `\"` and `\\` come from curl, %22,
/// %0D and %0A from browsers (HTML 4.10.22.8); any other backslash is one of a path.
fn plain(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest)) else {
        return value.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.next_if(|next| letter == '\\' && matches!(next, '"' | '\\'));
        out.push(escaped.unwrap_or(letter));
    }
    [("%22", "\""), ("%0D", "\r"), ("%0d", "\r"), ("%0A", "\n"), ("%0a", "\n")]
        .iter()
        .fold(out, |text, (code, letter)| if text.contains(code) { text.replace(code, letter) } else { text })
}

/// `charset'language'percent-encoded` (RFC 8187 3.2).
fn coded(value: &str) -> Option<String> {
    let mut fields = value.splitn(3, '\'');
    let (charset, text) = (fields.next()?, fields.nth(1)?);
    let bytes = percent_decode_str(text);
    if charset.eq_ignore_ascii_case("utf-8") {
        return bytes.decode_utf8().ok().map(std::borrow::Cow::into_owned);
    }
    charset.eq_ignore_ascii_case("iso-8859-1").then(|| bytes.map(char::from).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file_name(value: &str) -> Option<String> {
        Disposition::parse(&format!("form-data; name=\"files\"; {value}")).unwrap().file_name
    }

    #[test]
    fn names_are_read_as_each_client_writes_them() {
        for (sent, read) in [
            ("filename=\"a.dcm\"", "a.dcm"),
            ("filename=a.dcm", "a.dcm"),
            ("FileName = \"a;b.dcm\"", "a;b.dcm"),
            (r#"filename="say \"a\".dcm""#, r#"say "a".dcm"#),
            ("filename=\"say %22a%22.dcm\"", "say \"a\".dcm"),
            (r#"filename="..\..\evil.dcm""#, r"..\..\evil.dcm"),
            (r#"filename="C:\\scans\\a.dcm""#, r"C:\scans\a.dcm"),
            ("filename=\"100%25.dcm\"", "100%25.dcm"),
            ("filename=\"\u{e9}tude/\u{756b}.dcm\"", "\u{e9}tude/\u{756b}.dcm"),
            ("filename*=utf-8''%C3%A9tude.dcm", "\u{e9}tude.dcm"),
            ("filename*=ISO-8859-1'fr'%E9.dcm", "\u{e9}.dcm"),
            ("filename=\"_.dcm\"; filename*=UTF-8''%C3%A9.dcm", "\u{e9}.dcm"),
            ("filename=\"kept.dcm\"; filename*=UTF-8''%FF", "kept.dcm"),
            ("filename=\"never closed", "never closed"),
            ("filename=\"\"", ""),
        ] {
            assert_eq!(file_name(sent).as_deref(), Some(read), "{sent}");
        }
    }

    #[test]
    fn a_plain_field_has_no_file_name_and_other_dispositions_are_none() {
        assert_eq!(file_name("x=y"), None);
        assert_eq!(Disposition::parse("form-data; name=\"files\"").unwrap().name.as_deref(), Some("files"));
        assert!(Disposition::parse("attachment; filename=\"a\"").is_none());
        assert!(Disposition::parse("").is_none());
    }
}
