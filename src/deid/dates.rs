//! Shifts dates by whole days and back again, digit for digit in place (PS3.15 E.3.6). By how much is
//! decided in `pseudonym`, which attributes in `plan`.

use chrono::{Datelike, Days, Months, NaiveDate};
use dicom_core::VR;

/// The value with every date moved `days` back, or `None` if any part is no legal DA
/// or DT: whoever asks then falls back to removing.
///
/// Times, fractions, offsets, separators and padding stay byte for byte; a coarse DT
/// (`YYYY`, `YYYYMM`) is shifted from its first day. TM is unchanged: a shift of whole
/// days leaves times alone.
pub fn shift(value: &[u8], vr: VR, days: u32) -> Option<Vec<u8>> {
    moved(value, vr, &|given| back(given.date, days))
}

/// The reverse of [`shift`] for those dates of the value of which `is_shifted` says so, asked with the date as it stands
/// and as it would be; the others stay. `None` if any part is no legal DA or DT.
///
/// A year or a month without a day becomes the one that was shifted to it; where two are, the earlier.
pub fn unshift(
    value: &[u8],
    vr: VR,
    days: u32,
    is_shifted: &dyn Fn(NaiveDate, NaiveDate) -> bool,
) -> Option<Vec<u8>> {
    moved(value, vr, &|given| {
        let before = forward(given, days)?;
        Some(if is_shifted(given.date, before) { before } else { given.date })
    })
}

/// A date as it is written: of 4, 6 or 8 digits, which name its year, its month or its day.
#[derive(Clone, Copy)]
struct Given {
    date: NaiveDate,
    digits: usize,
}

/// Where a date goes; `None`: nowhere.
type Move<'a> = &'a dyn Fn(Given) -> Option<NaiveDate>;

fn moved(value: &[u8], vr: VR, to: Move<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    for (index, part) in value.split(|byte| *byte == b'\\').enumerate() {
        if index > 0 {
            out.push(b'\\');
        }
        shift_part(part, vr, to, &mut out)?;
    }
    Some(out)
}

fn shift_part(part: &[u8], vr: VR, to: Move<'_>, out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(part).ok()?;
    let core = text.trim_matches([' ', '\0']);
    let start = text.len() - text.trim_start_matches([' ', '\0']).len();
    let shifted = match vr {
        _ if core.is_empty() => String::new(),
        VR::DA => shift_da(core, to)?,
        VR::DT => shift_dt(core, to)?,
        VR::TM => core.to_owned(),
        _ => return None,
    };
    out.extend(part.iter().take(start));
    out.extend(shifted.as_bytes());
    out.extend(part.iter().skip(start + core.len()));
    Some(())
}

/// DA: `YYYYMMDD`, or the `YYYY.MM.DD` of ACR-NEMA (PS3.5 6.2).
fn shift_da(text: &str, to: Move<'_>) -> Option<String> {
    let digits: String = match text.as_bytes() {
        [_, _, _, _, b'.', _, _, b'.', _, _] => text.split('.').collect(),
        _ => text.to_owned(),
    };
    let date = to(parse(&digits, 8)?)?;
    Some(if text.len() == 10 {
        format!("{:04}.{:02}.{:02}", date.year(), date.month(), date.day())
    } else {
        format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
    })
}

/// DT: `YYYY[MM[DD[HHMMSS.FFFFFF]]][&ZZXX]` (PS3.5 6.2).
fn shift_dt(text: &str, to: Move<'_>) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = text.split_at_checked(digits.min(8))?;
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-')) {
        return None;
    }
    let moved = to(parse(date, date.len())?)?;
    let full = format!("{:04}{:02}{:02}", moved.year(), moved.month(), moved.day());
    Some(format!("{}{rest}", full.get(..date.len())?))
}

/// A date of exactly `len` digits: 4, 6 or 8.
fn parse(digits: &str, len: usize) -> Option<Given> {
    if digits.len() != len || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let field = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(1), |text| text.parse().ok());
    let date = match len {
        4 | 6 | 8 => NaiveDate::from_ymd_opt(digits.get(..4)?.parse().ok()?, field(4..6)?, field(6..8)?)?,
        _ => return None,
    };
    Some(Given { date, digits: len })
}

/// The date that [`back`] moved here. Of a year or a month its first day was moved, to any day of what is given.
fn forward(given: Given, days: u32) -> Option<NaiveDate> {
    let first = given.date.checked_add_days(Days::new(days.into()))?;
    let begins = match given.digits {
        4 => NaiveDate::from_ymd_opt(first.year(), 1, 1)?,
        6 => NaiveDate::from_ymd_opt(first.year(), first.month(), 1)?,
        _ => first,
    };
    let following = match given.digits {
        4 => begins.checked_add_months(Months::new(12))?,
        _ => begins.checked_add_months(Months::new(1))?,
    };
    Some(if begins < first { following } else { first }).filter(|date| date.year() <= 9999)
}

/// What tells of a single date: the day it names, and of a year or a month its first.
pub fn day(value: &[u8]) -> Option<NaiveDate> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\0']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count().min(8);
    parse(text.get(..digits)?, digits).map(|given| given.date)
}

/// A text that begins with the eight digits of a date, with the date moved `days` forward: what [`shift`] undoes. `None`
/// if it does not, or leaves the calendar of four digits.
pub fn later(text: &str, days: u32) -> Option<String> {
    let (date, rest) = text.split_at_checked(8)?;
    let moved = forward(parse(date, 8)?, days)?;
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
            let (one, two) = (day(one.as_bytes()).unwrap(), day(two.as_bytes()).unwrap());
            assert_eq!(two - one, chrono::TimeDelta::days(69));
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
    fn there_and_back(text: &str, vr: VR, days: u32) -> String {
        let there = shift(text.as_bytes(), vr, days).unwrap();
        String::from_utf8(unshift(&there, vr, days, &|_, _| true).unwrap()).unwrap()
    }

    #[test]
    fn every_shifted_date_comes_back() {
        for days in (1..=3650).step_by(7) {
            for text in ["20240229", "2024.02.29", "20240301\\20231231 ", ""] {
                assert_eq!(there_and_back(text, VR::DA, days), text, "{days}");
            }
            for text in ["20240301235959.123456+0100", "20240131 ", "20240101120000\\20240102"] {
                assert_eq!(there_and_back(text, VR::DT, days), text, "{days}");
            }
        }
    }

    #[test]
    fn a_month_or_year_comes_back_as_one_that_was_shifted_to_the_same() {
        for days in 1..=3650 {
            for text in ["202403", "202303", "2024", "2023-0500"] {
                let back = there_and_back(text, VR::DT, days);
                let again = shift(back.as_bytes(), VR::DT, days);
                assert_eq!(again, shift(text.as_bytes(), VR::DT, days), "{text} by {days}: {back}");
            }
        }
    }

    #[test]
    fn a_date_that_was_not_shifted_stays() {
        let of_2020 = |as_is: NaiveDate, before: NaiveDate| as_is.year() == 2020 && before.year() < 2030;
        let value = unshift(b"20200101\\20250101", VR::DA, 10, &of_2020);
        assert_eq!(value.as_deref(), Some(&b"20200111\\20250101"[..]));
        assert_eq!(unshift(b"next week", VR::DA, 10, &|_, _| true), None);
    }
}
