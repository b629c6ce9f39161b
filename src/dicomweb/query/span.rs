//! Dates and times in a form that compares as text, and ranges of them (PS3.4 C.2.2.2.5;
//! PS3.5 6.2). Everything is local time as stored, except date-times with an offset.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use dicom_core::VR;

/// Values from one to another, both included; an end that is not there is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The least value.
    pub from: Option<String>,
    /// The greatest value.
    pub to: Option<String>,
}

impl Span {
    /// True if the value, in the form of [`stored`], lies within.
    pub fn holds(&self, value: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= value)
            && self.to.as_deref().is_none_or(|to| value <= to)
    }
}

/// The range that a query value of VR DA, TM or DT stands for: `a`, `a-b`, `a-`, `-b`. A value of less precision than
/// it could have stands for all it covers. `None` if it is none.
pub fn parse(vr: VR, text: &str) -> Option<Span> {
    let (from, to) = ends(vr, text)?;
    let from = from.map(|text| bounds(vr, text)).map_or(Some(None), |it| it.map(Some))?;
    let to = to.map(|text| bounds(vr, text)).map_or(Some(None), |it| it.map(Some))?;
    let span = Span { from: from.map(|(low, _)| low), to: to.map(|(_, high)| high) };
    (span.from.is_some() || span.to.is_some()).then_some(span)
}

type Ends<'a> = (Option<&'a str>, Option<&'a str>);

/// The two ends of a range; both are the same for a single value.
fn ends(vr: VR, text: &str) -> Option<Ends<'_>> {
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    // In a date-time a hyphen before four digits below 1400 begins an offset (PS3.4 C.2.2.2.5.3).
    let parts = hyphens.iter().filter(|at| vr != VR::DT || !begins_offset(text, **at));
    let mut parts = parts.copied();
    let Some(at) = parts.next() else { return Some((Some(text), Some(text))) };
    if parts.next().is_some() {
        return None;
    }
    let (from, to) = text.split_at_checked(at)?;
    let full = |text| Some(text).filter(|text: &&str| !text.is_empty());
    Some((full(from), full(to.get(1..)?)))
}

fn begins_offset(text: &str, at: usize) -> bool {
    let digits = text.get(at + 1..at + 5).unwrap_or_default();
    let ends = text.get(at + 5..).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    at > 0 && ends && digits.parse::<u16>().is_ok_and(|offset| offset < 1400)
}

/// The least and the greatest value that a query value covers.
fn bounds(vr: VR, text: &str) -> Option<(String, String)> {
    match vr {
        VR::DA => {
            let whole = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
            NaiveDate::parse_from_str(text, "%Y%m%d").ok().filter(|_| whole)?;
            Some((text.to_owned(), text.to_owned()))
        }
        VR::TM => time(text),
        _ => date_time(text),
    }
}

fn time(text: &str) -> Option<(String, String)> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, rest)| (clock, Some(rest)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = digits(clock) && matches!(clock.len(), 2 | 4 | 6);
    let fits = |at: usize, most: u8| {
        clock.get(at..at + 2).is_none_or(|part| part.parse::<u8>().is_ok_and(|part| part <= most))
    };
    if !whole || !fits(0, 23) || !fits(2, 59) || !fits(4, 60) {
        return None;
    }
    let fraction = match fraction {
        Some(rest) if clock.len() != 6 || !digits(rest) || !(1..=6).contains(&rest.len()) => return None,
        fraction => fraction.unwrap_or_default(),
    };
    let low = format!("{clock:0<6}.{fraction:0<6}");
    let rest = "595959".get(clock.len()..).unwrap_or_default();
    Some((low, format!("{clock}{rest}.{fraction:9<6}")))
}

fn date_time(text: &str) -> Option<(String, String)> {
    let (local, offset) = split_offset(text)?;
    let (low, high) = match local.len() {
        4 => (format!("{local}0101"), format!("{local}1231")),
        6 => (format!("{local}01"), last_of_month(local)?),
        8 => (local.to_owned(), local.to_owned()),
        _ => {
            let (date, clock) = local.split_at_checked(8)?;
            bounds(VR::DA, date)?;
            let (low, high) = time(clock)?;
            return Some((
                shifted(&format!("{date}{low}"), offset)?,
                shifted(&format!("{date}{high}"), offset)?,
            ));
        }
    };
    bounds(VR::DA, &low)?;
    Some((
        shifted(&format!("{low}000000.000000"), offset)?,
        shifted(&format!("{high}235959.999999"), offset)?,
    ))
}

fn last_of_month(month: &str) -> Option<String> {
    let first = NaiveDate::parse_from_str(&format!("{month}01"), "%Y%m%d").ok()?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    Some(next.pred_opt()?.format("%Y%m%d").to_string())
}

/// A date-time without its offset, and the offset in minutes.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (local, offset) = text.split_at_checked(at)?;
    let number = offset.get(1..).filter(|it| it.len() == 4)?.parse::<i64>().ok().filter(|it| *it <= 1400)?;
    let minutes = number / 100 * 60 + number % 100;
    Some((local, if offset.starts_with('-') { -minutes } else { minutes }))
}

/// The moment in UTC, if an offset is given.
fn shifted(moment: &str, offset: i64) -> Option<String> {
    const FORM: &str = "%Y%m%d%H%M%S%.6f";
    if offset == 0 {
        return Some(moment.to_owned());
    }
    let local = NaiveDateTime::parse_from_str(moment, "%Y%m%d%H%M%S%.f").ok()?;
    let utc = local.checked_sub_signed(TimeDelta::try_minutes(offset)?)?;
    Some(utc.format(FORM).to_string())
}

/// A stored value in the form that ranges compare; `None` if it is none. Old forms with points or colons are read.
pub fn stored(vr: VR, text: &str) -> Option<String> {
    let plain: String = match vr {
        VR::DA => text.chars().filter(|letter| *letter != '.').collect(),
        VR::TM => text.chars().filter(|letter| *letter != ':').collect(),
        _ => text.to_owned(),
    };
    bounds(vr, plain.trim()).map(|(low, _)| low)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn span(vr: VR, text: &str) -> Option<(String, String)> {
        let open = |end: Option<String>| end.unwrap_or_else(|| "open".into());
        parse(vr, text).map(|span| (open(span.from), open(span.to)))
    }

    #[test]
    fn qido_15_ranges_are_closed_or_open_at_either_end() {
        let pair = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
        assert_eq!(span(VR::DA, "20240101-20240131"), pair("20240101", "20240131"));
        assert_eq!(span(VR::DA, "20240101-"), pair("20240101", "open"));
        assert_eq!(span(VR::DA, "-20240131"), pair("open", "20240131"));
        assert_eq!(span(VR::TM, "10-1230"), pair("100000.000000", "123059.999999"));
        assert_eq!(span(VR::TM, "101112.5"), pair("101112.500000", "101112.599999"));
        assert_eq!(span(VR::DT, "202402"), pair("20240201000000.000000", "20240229235959.999999"));
        assert_eq!(span(VR::DT, "2024-2025").unwrap().1, "20251231235959.999999");
        assert_eq!(span(VR::DT, "2024010112-0500").unwrap().0, "20240101170000.000000");
        assert_eq!(span(VR::DT, "2024010112-0500-").unwrap().1, "open");
    }

    #[test]
    fn qido_04_what_is_no_date_or_time_is_none() {
        for bad in
            ["", "-", "2024", "20241301", "2024010", "20240101-2", "a", "20240101-20240102-", "+2024011"]
        {
            assert_eq!(span(VR::DA, bad), None, "{bad}");
        }
        for bad in ["24", "1", "106000", "1061", "10.5", "101010.", "101010.1234567", "\u{661}\u{662}"] {
            assert_eq!(span(VR::TM, bad), None, "{bad}");
        }
        for bad in ["20241", "2024010112+9900", "x"] {
            assert_eq!(span(VR::DT, bad), None, "{bad}");
        }
    }

    #[test]
    fn stored_values_of_old_forms_are_read() {
        assert_eq!(stored(VR::DA, "2024.01.31").as_deref(), Some("20240131"));
        assert_eq!(stored(VR::TM, "10:11:12").as_deref(), Some("101112.000000"));
        assert_eq!(stored(VR::DA, "unknown"), None);
    }
}
