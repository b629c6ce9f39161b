//! Shifts dates by whole days, digit for digit in place (PS3.15 E.3.6). By how much is
//! decided in `pseudonym`, which attributes in `plan`.

use chrono::{Datelike, Days, NaiveDate};
use dicom_core::VR;

/// The value with every date moved `days` back, or `None` if any part is no legal DA
/// or DT: whoever asks then falls back to removing.
///
/// Times, fractions, offsets, separators and padding stay byte for byte; a coarse DT
/// (`YYYY`, `YYYYMM`) is shifted from its first day. TM is unchanged: a shift of whole
/// days leaves times alone.
pub fn shift(value: &[u8], vr: VR, days: u32) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    for (index, part) in value.split(|byte| *byte == b'\\').enumerate() {
        if index > 0 {
            out.push(b'\\');
        }
        shift_part(part, vr, days, &mut out)?;
    }
    Some(out)
}

fn shift_part(part: &[u8], vr: VR, days: u32, out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(part).ok()?;
    let core = text.trim_matches([' ', '\0']);
    let start = text.len() - text.trim_start_matches([' ', '\0']).len();
    let shifted = match vr {
        _ if core.is_empty() => String::new(),
        VR::DA => shift_da(core, days)?,
        VR::DT => shift_dt(core, days)?,
        VR::TM => core.to_owned(),
        _ => return None,
    };
    out.extend(part.iter().take(start));
    out.extend(shifted.as_bytes());
    out.extend(part.iter().skip(start + core.len()));
    Some(())
}

/// DA: `YYYYMMDD`, or the `YYYY.MM.DD` of ACR-NEMA (PS3.5 6.2).
fn shift_da(text: &str, days: u32) -> Option<String> {
    let digits: String = match text.as_bytes() {
        [_, _, _, _, b'.', _, _, b'.', _, _] => text.split('.').collect(),
        _ => text.to_owned(),
    };
    let date = back(parse(&digits, 8)?, days)?;
    Some(if text.len() == 10 {
        format!("{:04}.{:02}.{:02}", date.year(), date.month(), date.day())
    } else {
        format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
    })
}

/// DT: `YYYY[MM[DD[HHMMSS.FFFFFF]]][&ZZXX]` (PS3.5 6.2).
fn shift_dt(text: &str, days: u32) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = text.split_at_checked(digits.min(8))?;
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-')) {
        return None;
    }
    let moved = back(parse(date, date.len())?, days)?;
    let full = format!("{:04}{:02}{:02}", moved.year(), moved.month(), moved.day());
    Some(format!("{}{rest}", full.get(..date.len())?))
}

/// A date of exactly `len` digits: 4, 6 or 8.
fn parse(digits: &str, len: usize) -> Option<NaiveDate> {
    if digits.len() != len || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let field = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(1), |text| text.parse().ok());
    match len {
        4 | 6 | 8 => NaiveDate::from_ymd_opt(digits.get(..4)?.parse().ok()?, field(4..6)?, field(6..8)?),
        _ => None,
    }
}

/// A text that begins with the eight digits of a date, with the date moved `days` forward: what [`shift`] undoes. `None`
/// if it does not, or leaves the calendar of four digits.
pub fn later(text: &str, days: u32) -> Option<String> {
    let (date, rest) = text.split_at_checked(8)?;
    let moved =
        parse(date, 8)?.checked_add_days(Days::new(days.into())).filter(|date| date.year() <= 9999)?;
    Some(format!("{:04}{:02}{:02}{rest}", moved.year(), moved.month(), moved.day()))
}

fn back(date: NaiveDate, days: u32) -> Option<NaiveDate> {
    date.checked_sub_days(Days::new(days.into())).filter(|date| date.year() >= 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn da(text: &str, days: u32) -> Option<String> {
        shift(text.as_bytes(), VR::DA, days).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn dt(text: &str, days: u32) -> Option<String> {
        shift(text.as_bytes(), VR::DT, days).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn dates_move_over_months_and_leap_days() {
        assert_eq!(da("20240301", 1).as_deref(), Some("20240229"));
        assert_eq!(da("20230301", 1).as_deref(), Some("20230228"));
        assert_eq!(da("2024.01.01", 1).as_deref(), Some("2023.12.31"));
        assert_eq!(da("20240301\\20240302 ", 1).as_deref(), Some("20240229\\20240301 "));
    }

    #[test]
    fn date_times_keep_time_fraction_and_offset() {
        assert_eq!(dt("20240301235959.123456+0100", 1).as_deref(), Some("20240229235959.123456+0100"));
        assert_eq!(dt("2024-0500", 1).as_deref(), Some("2023-0500"));
        assert_eq!(dt("202403", 1).as_deref(), Some("202402"));
    }

    #[test]
    fn intervals_are_kept_to_the_day() {
        for days in [1, 365, 3650] {
            let (one, two) = (da("20200101", days).unwrap(), da("20200310", days).unwrap());
            assert_eq!(parse(&two, 8).unwrap() - parse(&one, 8).unwrap(), chrono::TimeDelta::days(69));
        }
    }

    #[test]
    fn what_was_moved_back_is_found_again_later() {
        assert_eq!(later("20240229", 1).as_deref(), Some("20240301"));
        assert_eq!(later("20231231235959.000000", 1).as_deref(), Some("20240101235959.000000"));
        assert_eq!(later(&da("20240310", 3650).unwrap(), 3650).as_deref(), Some("20240310"));
        for bad in ["", "2024", "20241301", "99991231"] {
            assert_eq!(later(bad, 1), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_date_is_never_passed_on() {
        for bad in ["19991301", "1999", "199912", "19990101-19991231", "x", "2024O101", "00010101"] {
            assert_eq!(da(bad, 400), None, "{bad}");
        }
        for bad in ["20241301", "abcd", "2024010", "20240101 10", "20240101DOE"] {
            assert_eq!(dt(bad, 1), None, "{bad}");
        }
    }

    #[test]
    fn empty_values_and_times_stay() {
        assert_eq!(da("", 5).as_deref(), Some(""));
        assert_eq!(shift(b"235959.5 ", VR::TM, 5).as_deref(), Some(&b"235959.5 "[..]));
    }
}
