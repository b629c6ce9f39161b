//! Text of any Specific Character Set as Unicode (PS3.5 6.1.2, PS3.3 C.12.1.1.2): single sets, multi-byte sets, and
//! sets switched by escape sequences. What the text means does not live here.

use super::value;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

const ESCAPE: u8 = 0x1B;

/// The character sets of a data set.
#[derive(Debug, Clone)]
pub struct Charset {
    /// In force at the start of each value and after each delimiter.
    first: SpecificCharacterSet,
    /// Escape sequences may come.
    switches: bool,
    /// It is known and goes beyond ASCII: what is read by it is not guessed.
    sure: bool,
}

impl Default for Charset {
    /// Bytes beyond the default repertoire are taken for Latin 1, as most senders mean them.
    fn default() -> Self {
        Self { first: SpecificCharacterSet::ISO_IR_100, switches: false, sure: false }
    }
}

/// Escape sequences without the escape, and the set that each makes the one in force (PS3.3 Table C.12-3, C.12-4).
const SWITCHES: &[(&[u8], &str)] = &[
    (b"(B", "ISO_IR 100"),
    (b"-A", "ISO_IR 100"),
    (b"-B", "ISO_IR 101"),
    (b"-C", "ISO_IR 109"),
    (b"-D", "ISO_IR 110"),
    (b"-L", "ISO_IR 144"),
    (b"-G", "ISO_IR 127"),
    (b"-F", "ISO_IR 126"),
    (b"-H", "ISO_IR 138"),
    (b"-T", "ISO_IR 166"),
    (b"(J", "ISO_IR 13"),
    (b")I", "ISO_IR 13"),
    (b"$)C", "ISO 2022 IR 149"),
    (b"$)A", "GB2312"),
    (b"$B", "ISO 2022 IR 87"),
    (b"$(D", "ISO 2022 IR 87"),
];

impl Charset {
    /// The sets that the value of (0008,0005) names; unknown ones are read as Latin 1.
    pub fn of(value: &[u8]) -> Self {
        let mut terms = value.split(|byte| *byte == b'\\').map(value::ascii);
        let first = terms.next().flatten().filter(|term| !term.is_empty());
        let known = first.and_then(SpecificCharacterSet::from_code);
        let unnamed = || SpecificCharacterSet::ISO_IR_100;
        let known = known.filter(|_| first != Some("ISO_IR 6"));
        let sure = known.is_some() || first.is_none();
        let first = known.unwrap_or_else(unnamed);
        Self { first, switches: terms.next().is_some() || value.starts_with(b"ISO 2022"), sure }
    }

    /// The text in Unicode. What cannot be decoded is replaced, never dropped.
    pub fn decode(&self, bytes: &[u8]) -> String {
        if bytes.is_ascii() && !bytes.contains(&ESCAPE) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        if !self.switches || !bytes.contains(&ESCAPE) {
            return decode(&self.first, bytes);
        }
        self.switched(bytes)
    }

    /// The text in Unicode, or nothing if some of it could only be guessed.
    pub fn decode_exactly(&self, bytes: &[u8]) -> Option<String> {
        let mut escaped = bytes.split(|byte| *byte == ESCAPE);
        let before = escaped.next().unwrap_or_default();
        let switches = |piece: &[u8]| SWITCHES.iter().any(|(sequence, _)| piece.starts_with(sequence));
        let escapes = escaped.clone().next().is_none() || self.switches && escaped.all(switches);
        if !escapes || !(self.sure || before.is_ascii()) {
            return None;
        }
        let text = self.decode(bytes);
        // The codecs put a backslash and three octal digits, or a sign of replacement, in the place of what they cannot read.
        let is_escape = |digits: &[u8]| matches!(digits, [b'\\', rest @ ..] if rest.iter().all(|digit| matches!(digit, b'0'..=b'7')));
        let made = |window: &[u8]| is_escape(window) && !bytes.windows(4).any(|given| given == window);
        let lost = text.contains(char::REPLACEMENT_CHARACTER) || text.as_bytes().windows(4).any(made);
        (!lost).then_some(text)
    }

    /// Text with escape sequences, piece by piece.
    fn switched(&self, bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len());
        let mut pieces = bytes.split(|byte| *byte == ESCAPE);
        out.push_str(&decode(&self.first, pieces.next().unwrap_or_default()));
        for piece in pieces {
            let Some((sequence, code)) = SWITCHES.iter().find(|(sequence, _)| piece.starts_with(sequence))
            else {
                out.push_str(&decode(&self.first, piece));
                continue;
            };
            let text = piece.get(sequence.len()..).unwrap_or_default();
            if *code == "ISO 2022 IR 87" {
                // Two bytes a character, which look like ASCII: the codec needs the escape sequence.
                let whole = [&[ESCAPE], piece].concat();
                out.push_str(&decode(&set(code), &whole));
                continue;
            }
            // A delimiter brings the first set back (PS3.5 6.1.2.5.3).
            let end = text.iter().position(|byte| b"\\^=\r\n\t\x0C".contains(byte)).unwrap_or(text.len());
            out.push_str(&decode(&set(code), text.get(..end).unwrap_or_default()));
            out.push_str(&decode(&self.first, text.get(end..).unwrap_or_default()));
        }
        out
    }
}

fn set(code: &str) -> SpecificCharacterSet {
    SpecificCharacterSet::from_code(code).unwrap_or(SpecificCharacterSet::ISO_IR_100)
}

fn decode(set: &SpecificCharacterSet, bytes: &[u8]) -> String {
    set.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_10_names_of_the_standard_are_decoded() {
        for (sets, bytes, text) in [
            (&b"ISO_IR 100"[..], &b"Buc^J\xE9r\xF4me"[..], "Buc^J\u{e9}r\u{f4}me"),
            (b"ISO_IR 192", "Wang^\u{5c0f}\u{6771}".as_bytes(), "Wang^\u{5c0f}\u{6771}"),
            (
                b"\\ISO 2022 IR 87",
                b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=x",
                "Yamada^Tarou=\u{5c71}\u{7530}^\u{592a}\u{90ce}=x",
            ),
            (
                b"\\ISO 2022 IR 149",
                b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=",
                "Hong^Gildong=\u{6d2a}^\u{5409}\u{6d1e}=",
            ),
            (
                b"GB18030",
                b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB",
                "Wang^XiaoDong=\u{738b}^\u{5c0f}\u{4e1c}",
            ),
            (
                b"ISO_IR 144",
                b"\xBB\xEE\xDAce\xDC\xD1yp\xD3",
                "\u{41b}\u{44e}\u{43a}ce\u{43c}\u{431}yp\u{433}",
            ),
        ] {
            assert_eq!(Charset::of(sets).decode(bytes), text);
        }
    }

    #[test]
    fn what_would_be_guessed_is_not_decoded_exactly() {
        let exactly = |set: &[u8], bytes: &[u8]| Charset::of(set).decode_exactly(bytes);
        assert_eq!(exactly(b"ISO_IR 100", b"J\xE9\\101").as_deref(), Some("J\u{e9}\\101"));
        assert_eq!(exactly(b"ISO_IR 192", "\u{e9}".as_bytes()).as_deref(), Some("\u{e9}"));
        let japanese = exactly(b"\\ISO 2022 IR 87", b"Yamada=\x1B$B;3ED\x1B(B");
        assert_eq!(japanese.as_deref(), Some("Yamada=\u{5c71}\u{7530}"));
        assert_eq!(exactly(b"ISO_IR 999", b"plain").as_deref(), Some("plain"));
        for (set, bytes) in [
            (&b"ISO_IR 192"[..], &b"J\xE9r"[..]),
            (b"ISO_IR 999", b"\xE9"),
            (b"ISO_IR 6", b"\xE9"),
            (b"ISO_IR 100", b"a\x1B$B;3"),
            (b"\\ISO 2022 IR 87", b"a\x1Bzb"),
        ] {
            assert_eq!(exactly(set, bytes), None, "{set:?}");
        }
    }

    #[test]
    fn undeclared_and_unknown_sets_are_read_as_latin_1() {
        assert_eq!(Charset::default().decode(b"\xE9"), "\u{e9}");
        assert_eq!(Charset::of(b"ISO_IR 999").decode(b"\xE9"), "\u{e9}");
        assert_eq!(Charset::of(b"\\ISO 2022 IR 87").decode(b"a\x1Bzb"), "azb");
    }
}
