//! Texts of settings → sizes, times, lists. Pure; which setting wants which is `super`.

use std::time::Duration;

/// Bytes: a number, or a number with KiB, MiB, GiB, TiB.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write bytes, or a number with KiB, MiB, GiB or TiB");
    let (number, unit) = split(text);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// A time: seconds, or a number with ms, s, m, h. Zero is none.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no time; write seconds, or a number with ms, s, m or h, greater than 0");
    let (number, unit) = split(text);
    let number: u64 =
        number.parse().ok().filter(|number| (1..=1 << 32).contains(number)).ok_or_else(wrong)?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(wrong()),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{text}` is no count of at least 1"))
}

/// A number, or `unlimited` for no bound.
pub(super) fn bound(text: &str) -> Result<Option<u64>, String> {
    match text.trim() {
        "unlimited" => Ok(None),
        number => {
            number.parse().map(Some).map_err(|_| format!("`{text}` is neither a number nor `unlimited`"))
        }
    }
}

/// `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

/// Entries separated by commas or white space.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// One of these words.
pub(super) fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text.trim());
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_take_units_and_refuse_nonsense() {
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("0"), Ok(0));
        for bad in ["", "MiB", "-1", "1.5 GiB", "64 MB", "99999999999 TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("2 m"), Ok(Duration::from_secs(120)));
        for bad in ["", "0", "s", "1 d", "99999999999999"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
