//! Values of content items as people read them: dates, times and names with their signs of separation, lines that end alike.
//! What is not of its form stays as it is.

use dicom_core::VR;

/// A value that stands alone, of this VR.
pub(super) fn shown(vr: VR, text: String) -> String {
    match vr {
        VR::DA => date(&text),
        VR::TM => time(&text),
        VR::DT => date_time(&text),
        VR::PN => name(&text),
        _ => text.replace("\r\n", "\n").replace('\r', "\n"),
    }
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// YYYYMMDD (PS3.5 6.2).
fn date(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8), text.len()) {
        (Some(year), Some(month), Some(day), 8) if are_digits(text) => format!("{year}-{month}-{day}"),
        _ => text.to_owned(),
    }
}

/// HHMMSS.FFFFFF, from the right as much as is known.
fn time(text: &str) -> String {
    let (hour, minute) = (text.get(..2), text.get(2..4));
    let (Some(hour), Some(minute), Some(rest)) = (hour, minute, text.get(4..)) else {
        return text.to_owned();
    };
    if !are_digits(hour) || !are_digits(minute) {
        return text.to_owned();
    }
    if rest.is_empty() { format!("{hour}:{minute}") } else { format!("{hour}:{minute}:{rest}") }
}

/// YYYYMMDDHHMMSS.FFFFFF&ZZXX.
fn date_time(text: &str) -> String {
    let Some((day, rest)) = text.split_at_checked(8) else { return text.to_owned() };
    let (clock, zone) =
        rest.split_at_checked(rest.find(['+', '-']).unwrap_or(rest.len())).unwrap_or((rest, ""));
    let words = [date(day), time(clock), zone.to_owned()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Components of groups, without what is empty.
fn name(text: &str) -> String {
    let group = |group: &str| group.split('^').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    text.split('=').map(group).filter(|group| !group.is_empty()).collect::<Vec<_>>().join(" = ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_its_form_is_separated_and_what_is_not_stays() {
        for (vr, text, expected) in [
            (VR::DA, "20240229", "2024-02-29"),
            (VR::DA, "2024.02.29", "2024.02.29"),
            (VR::TM, "101112.5", "10:11:12.5"),
            (VR::TM, "1011", "10:11"),
            (VR::TM, "10", "10"),
            (VR::DT, "20240229101112+0100", "2024-02-29 10:11:12 +0100"),
            (VR::DT, "20240229", "2024-02-29"),
            (VR::DT, "2024", "2024"),
            (VR::DT, "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", "\u{e4}\u{e4}\u{e4}\u{e4} \u{e4}"),
            (VR::PN, "Doe^John^^Dr", "Doe John Dr"),
            (
                VR::PN,
                "Yamada^Tarou=\u{5c71}\u{7530}^\u{592a}\u{90ce}",
                "Yamada Tarou = \u{5c71}\u{7530} \u{592a}\u{90ce}",
            ),
            (VR::UT, "a\r\nb\rc", "a\nb\nc"),
        ] {
            assert_eq!(shown(vr, text.to_owned()), expected, "{vr:?} {text}");
        }
    }
}
