//! `veilgate explain`: what happens to an attribute, and what a mistyped name may mean.

use super::args::ExplainArgs;
use super::{Exit, Failure, profile, stdio};
use crate::deid::explain::explain;
use crate::deid::name::resolve_name;
use crate::deid::plan::Plan;
use crate::dicom::uid;
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

/// How many keywords are suggested for a name that is not known.
const SUGGESTIONS: usize = 3;

/// Prints an explanation per attribute, in the order asked for.
pub fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let plan = Plan::new(&profile::load(&args.profile)?);
    let sop_class = args.sop_class.as_deref();
    if sop_class.is_some_and(|sop_class| !uid::is_legal(sop_class)) {
        return Err(Failure::Usage("--sop-class must be a UID, like 1.2.840.10008.5.1.4.1.1.2".to_owned()));
    }
    let tags = tags(&args.attributes)?;
    let texts: Vec<String> = tags.iter().map(|tag| explain(&plan, *tag, sop_class).to_string()).collect();
    stdio::print(&texts.join("\n"))?;
    Ok(Exit::Done)
}

/// All names, or all that are not known together.
fn tags(names: &[String]) -> Result<Vec<Tag>, Failure> {
    let strangers: Vec<String> =
        names.iter().filter(|name| resolve_name(name).is_none()).map(|name| unknown(name)).collect();
    match strangers.is_empty() {
        true => Ok(names.iter().filter_map(|name| resolve_name(name)).collect()),
        false => Err(Failure::Usage(strangers.join("\nveilgate: "))),
    }
}

fn unknown(name: &str) -> String {
    let near = suggest(name);
    let hint = match near.is_empty() {
        true => "write 0010,0010 or a keyword of PS3.6 like PatientName".to_owned(),
        false => format!("did you mean {}?", near.join(", ")),
    };
    format!("{name} is neither a tag nor a keyword; {hint}")
}

/// Keywords like `name`, the likest first.
fn suggest(name: &str) -> Vec<&'static str> {
    let wanted = name.to_lowercase();
    let most = wanted.chars().count() / 3;
    let mut near: Vec<(usize, &str)> = keywords()
        .map(|keyword| (distance(&wanted, &keyword.to_lowercase(), most), keyword))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort_unstable();
    near.into_iter().take(SUGGESTIONS).map(|(_, alias)| alias).collect()
}

/// The keywords of PS3.6 that belong to one tag each. The dictionary cannot list itself,
/// so the groups in use are searched; only a mistake costs that.
fn keywords() -> impl Iterator<Item = &'static str> {
    let groups = (0x0008..=0x0100)
        .step_by(2)
        .chain([0x0400, 0x2200, 0x5200, 0x5400])
        .chain((0x3002..=0x3010).step_by(2))
        .chain([0x7FE0]);
    let tags = groups.flat_map(|group| (1..=u16::MAX).map(move |element| Tag(group, element)));
    tags.filter_map(|tag| StandardDataDictionary.by_tag(tag)).map(|entry| entry.alias())
}

/// Edits (insert, drop, change a letter) that make one word of the other; more than
/// `most` is only told to be more.
fn distance(one: &str, other: &str, most: usize) -> usize {
    if one.len().abs_diff(other.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut corner = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (other_letter, above) in other.chars().zip(row.iter().skip(1)) {
            let change = corner + usize::from(letter != other_letter);
            left = change.min(above + 1).min(left + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("kitten", "sitting", 9), 3);
        assert_eq!(distance("", "abc", 9), 3);
        assert_eq!(distance("same", "same", 9), 0);
    }

    #[test]
    fn a_mistyped_keyword_is_suggested() {
        assert_eq!(suggest("patientname").first(), Some(&"PatientName"));
        assert_eq!(suggest("PatientsName").first(), Some(&"PatientName"));
        assert_eq!(suggest("StudyInstaceUID").first(), Some(&"StudyInstanceUID"));
        assert!(suggest("qqqqqqqqqqqq").is_empty());
    }
}
