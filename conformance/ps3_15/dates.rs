//! DATE: dates and times (PS3.15 E.2, E.3.6).

use crate::drive;
use crate::instance::{basic, ct, options, out};
use crate::support::build::text;
use veilgate::deid::profile::Profile;

fn days(date: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let (mut year, month, day) = (number(0..4), number(4..6), number(6..8));
    // Days of the proleptic Gregorian calendar, years beginning in March.
    year -= i64::from(month <= 2);
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day
}

#[test]
fn date_01_full_and_modified_dates_exclude_each_other() {
    let both = "options = [\"retain-full-dates\", \"retain-modified-dates\"]";
    assert_eq!(Profile::parse(both).unwrap_err().len(), 1);
}

#[test]
fn date_02_full_dates_keep_their_rows() {
    let walked = out(&options(&["retain-full-dates"]), &ct(Vec::new()));
    assert_eq!(walked.text((0x0008, 0x0020)).as_deref(), Some("20240229"));
    assert_eq!(walked.text((0x0008, 0x0030)).as_deref(), Some("101112"));
}

#[test]
fn date_03_modified_dates_move_by_whole_days_and_keep_intervals_and_times() {
    let file = ct(vec![
        text((0x0008, 0x0021), b"DA", "20240310"),
        text((0x0008, 0x002a), b"DT", "20240301235959.25+0100"),
        text((0x0008, 0x0031), b"TM", "235959.25"),
    ]);
    let walked = out(&options(&["retain-modified-dates"]), &file);
    let date = |tag| walked.text(tag).unwrap();
    let (study, series, acquired) = (date((8, 0x20)), date((8, 0x21)), date((8, 0x2a)));
    assert_ne!(study, "20240229");
    assert_eq!(days(&series) - days(&study), 10);
    assert_eq!(days(&acquired) - days(&study), 1);
    assert_eq!(&acquired[8..], "235959.25+0100");
    assert_eq!(date((8, 0x31)), "235959.25");
    let shift = days("20240229") - days(&study);
    assert!((1..=3650).contains(&shift), "{shift}");
}

#[test]
fn date_03_the_shift_is_the_patients_in_every_study_and_another_patients_is_another() {
    let engine = options(&["retain-modified-dates"]);
    let date = |patient: &str, study: &str| {
        let more = vec![text((0x0010, 0x0020), b"LO", patient), text((0x0020, 0x000d), b"UI", study)];
        out(&engine, &ct(more)).text((0x0008, 0x0020)).unwrap()
    };
    assert_eq!(date("A", "2.25.1"), date("A", "2.25.2"));
    let others: std::collections::BTreeSet<_> =
        (0..8).map(|number| date(&format!("P{number}"), "2.25.1")).collect();
    assert!(others.len() > 5, "{others:?}");
}

#[test]
fn date_06_birth_date_and_time_follow_no_date_option() {
    let file = ct(vec![text((0x0010, 0x0032), b"TM", "0715")]);
    for engine in
        [options(&["retain-full-dates"]), options(&["retain-modified-dates"]), drive::preset("research")]
    {
        let walked = out(&engine, &file);
        assert!(walked.top((0x0010, 0x0030)).unwrap().bytes().is_empty());
        assert_eq!(walked.text((0x0010, 0x0032)), None);
    }
}

#[test]
fn date_07_the_time_zone_follows_the_date_columns() {
    let file = ct(vec![text((0x0008, 0x0201), b"SH", "+0100")]);
    assert_eq!(basic(&file).text((0x0008, 0x0201)), None);
    for option in ["retain-full-dates", "retain-modified-dates"] {
        assert_eq!(
            out(&options(&[option]), &file).text((0x0008, 0x0201)).as_deref(),
            Some("+0100"),
            "{option}"
        );
    }
}

#[test]
fn date_09_what_is_no_date_never_passes() {
    let engine = options(&["retain-modified-dates"]);
    for bad in ["19991301", "199912", "DOE^JOHN", "2024-2-9", "20240229-20240301"] {
        let walked = out(&engine, &ct(vec![text((0x0008, 0x0020), b"DA", bad)]));
        assert_eq!(walked.text((0x0008, 0x0020)).unwrap_or_default(), "", "{bad}");
    }
}

#[test]
fn date_11_dates_in_other_calendars_are_removed() {
    let file =
        ct(vec![text((0x0010, 0x0033), b"LO", "15 Tevet 5720"), text((0x0010, 0x0034), b"LO", "5784")]);
    for name in drive::PRESETS {
        let walked = out(&drive::preset(name), &file);
        let left = [(0x0010, 0x0033), (0x0010, 0x0034)].map(|tag| walked.text(tag).unwrap_or_default());
        assert_eq!(left, ["", ""], "{name}");
    }
}
