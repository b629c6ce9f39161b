//! The two plain values of the audit: names of things we made, and times. Both admit so little that no free text, and
//! so no name of a patient, fits into them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};
use serde::{Deserialize, Serialize};
use std::fmt;

/// More characters than any name we make; a UID has at most 64 (PS3.5 9.1).
const LONGEST: usize = 64;

/// The name of a project, key, request or pseudonymous object: 1 to 64 ASCII letters, digits or `.`, `_`, `-`, `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(String);

/// Not the form that a value of the audit has. Holds nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// No [`Id`].
    #[error("a name must be 1 to 64 ASCII letters, digits or . _ - :")]
    Id,
    /// No [`Time`].
    #[error("a time must have the form 2026-01-31T23:59:59.999Z")]
    Time,
}

impl Id {
    /// Takes a name that the gateway itself made. Never pass what a client or a data set says.
    ///
    /// # Errors
    /// It is empty, longer than 64 characters, or holds others than those allowed.
    pub fn new(name: impl Into<String>) -> Result<Self, BadValue> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        let fits = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(allowed);
        if fits { Ok(Self(name)) } else { Err(BadValue::Id) }
    }

    /// The name of what has none.
    pub(super) fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = BadValue;

    fn try_from(name: String) -> Result<Self, BadValue> {
        Self::new(name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time in UTC with milliseconds as RFC 3339 writes it, always 24 characters. Texts order as the times do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Time(String);

impl Time {
    /// The time so many milliseconds after the beginning of 1970, UTC.
    ///
    /// # Errors
    /// Outside of the years 0 to 9999.
    pub fn from_unix_millis(millis: i64) -> Result<Self, BadValue> {
        let time = DateTime::from_timestamp_millis(millis).ok_or(BadValue::Time)?;
        let (date, clock, millis) = (time.date_naive(), time.time(), time.timestamp_subsec_millis());
        let date = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
        let clock = format!("{:02}:{:02}:{:02}", clock.hour(), clock.minute(), clock.second());
        Self::try_from(format!("{date}T{clock}.{millis:03}Z"))
    }

    /// As RFC 3339 writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Time {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        let shape = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'.',
            23 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        };
        let shaped = text.len() == 24 && text.bytes().enumerate().all(shape);
        let number =
            |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
        let date = || NaiveDate::from_ymd_opt(number(0, 4)?.try_into().ok()?, number(5, 7)?, number(8, 10)?);
        let clock = || NaiveTime::from_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let real = shaped && date().is_some() && clock().is_some();
        if real { Ok(Self(text)) } else { Err(BadValue::Time) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_time_has_exactly_one_text() {
        assert_eq!(Time::from_unix_millis(0).unwrap().as_str(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time::from_unix_millis(1_795_302_123_045).unwrap().as_str(), "2026-11-21T23:02:03.045Z");
        for wrong in [
            "2026-02-30T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01t00:00:00.000z",
            "2026-01-01T00:00:00.00Z",
            "2026-01-01T00:00:00.0000Z",
            "2026-01-01T00:00:00+00:00",
            "",
        ] {
            assert_eq!(Time::try_from(wrong.to_owned()), Err(BadValue::Time), "{wrong}");
        }
        assert_eq!(Time::from_unix_millis(i64::MAX), Err(BadValue::Time));
    }

    #[test]
    fn a_name_of_a_patient_does_not_fit_into_an_id() {
        for wrong in ["", "Doe^John", "Doe, John", "Müller", "a b", "a\n", &"a".repeat(65)] {
            assert_eq!(Id::new(wrong), Err(BadValue::Id), "{wrong}");
        }
        assert!(Id::new("2.25.123").is_ok() && Id::new("key:0af9_B-1").is_ok());
    }
}
