//! Values of a table that a spreadsheet would run: they stand behind an apostrophe, as spreadsheets have it for a text.

use std::borrow::Cow;

/// What makes a value a formula where it begins with it, also in their full width.
const BEGINS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];

/// True for a formula behind any number of apostrophes.
fn is_formula(value: &str) -> bool {
    value.trim_start_matches('\'').starts_with(BEGINS)
}

/// As it can stand in a spreadsheet. One that stands behind an apostrophe already gets one more, so that `bare` gives it back.
pub(super) fn guarded(value: &str) -> Cow<'_, str> {
    if is_formula(value) { Cow::Owned(format!("'{value}")) } else { Cow::Borrowed(value) }
}

/// As it was before `guarded`. A formula without an apostrophe is what somebody else wrote, and stays.
pub(super) fn bare(value: &str) -> &str {
    value.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_value_is_no_formula_and_comes_back() {
        for value in
            ["", "'", "7", "'7", "=1", "'=1", "''=1", "+49", "-", "@x", "\t=", "\r", "＝1", "Müller", "a=1"]
        {
            let guarded = guarded(value);
            assert!(!guarded.starts_with(BEGINS), "{value}");
            assert_eq!(bare(&guarded), value);
        }
        assert_eq!((bare("=1"), bare("'=1"), bare("'7")), ("=1", "=1", "'7"));
    }
}
