//! Reading a profile from TOML: settings and options, all mistakes together. Rules are read in `rule_toml`.

use super::option::ProfileOption;
use super::private::PrivateList;
use super::profile::{Mistake, Policy, Profile, Removed};
use super::rule_toml;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Collects the mistakes of one text.
pub(super) struct Mistakes<'a> {
    text: &'a str,
    found: Vec<Mistake>,
}

impl Mistakes<'_> {
    /// Notes a mistake at a place of the text.
    pub(super) fn add(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.found.push(Mistake { line: self.line(&at), text: text.into() });
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, at: &Range<usize>) -> usize {
        self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1
    }

    /// A text value, or a mistake.
    pub(super) fn text<'v>(&mut self, key: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.add(value.span(), format!("{key} must be a text in quotes"));
        }
        text
    }

    /// One of a list of words, or a mistake.
    fn word<T: Copy>(&mut self, key: &str, value: &Value<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, value)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.add(value.span(), format!("{key} cannot be {text:?}: it is one of {}", known.join(", ")));
        }
        found
    }

    /// A list of different words.
    fn words<T: Copy + Ord>(&mut self, key: &str, value: &Value<'_>, words: &[(&str, T)]) -> BTreeSet<T> {
        let mut set = BTreeSet::new();
        let Some(list) = value.get_ref().as_array() else {
            self.add(value.span(), format!("{key} must be a list"));
            return set;
        };
        for entry in list.iter() {
            if let Some(meaning) = self.word(key, entry, words)
                && !set.insert(meaning)
            {
                self.add(entry.span(), format!("{key} names this twice"));
            }
        }
        set
    }
}

/// Reads a profile; see [`Profile::parse`].
pub(super) fn parse(text: &str) -> Result<Profile, Vec<Mistake>> {
    let mut mistakes = Mistakes { text, found: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        mistakes.add(error.span().unwrap_or(0..0), error.message());
    }
    let table = table.get_ref();
    let mut profile = base(table, &mut mistakes);
    for (key, value) in table {
        setting(&mut profile, key, value, &mut mistakes);
    }
    if profile.has(ProfileOption::RetainFullDates) && profile.has(ProfileOption::RetainModifiedDates) {
        let at = table.get("options").map_or(0..0, Value::span);
        mistakes.add(at, "retain-full-dates and retain-modified-dates exclude each other (PS3.15 E.3.6)");
    }
    if mistakes.found.is_empty() {
        return Ok(profile);
    }
    mistakes.found.sort_by_key(|mistake| mistake.line);
    Err(mistakes.found)
}

/// The preset a profile starts from: everything of it holds unless said otherwise, options and rules are added.
fn base(table: &DeTable<'_>, mistakes: &mut Mistakes<'_>) -> Profile {
    let plain = Profile { name: "custom".to_owned(), ..Profile::basic() };
    let Some(value) = table.get("base") else {
        return plain;
    };
    let Some(name) = mistakes.text("base", value) else {
        return plain;
    };
    match Profile::preset_text(name).map(parse) {
        Some(Ok(preset)) => Profile { name: plain.name, ..preset },
        _ => {
            mistakes.add(
                value.span(),
                format!("there is no preset {name:?}: base is one of basic, research, blank"),
            );
            plain
        }
    }
}

const POLICIES: [(&str, Policy); 2] = [("refuse", Policy::Refuse), ("pass", Policy::Pass)];
const REMOVED: [(&str, Removed); 2] = [("remove", Removed::Remove), ("empty", Removed::Empty)];

fn setting(
    profile: &mut Profile,
    key: &Spanned<toml::de::DeString<'_>>,
    value: &Value<'_>,
    mistakes: &mut Mistakes<'_>,
) {
    let name = key.get_ref().as_ref();
    match name {
        "base" => {}
        "name" => profile_name(profile, value, mistakes),
        "options" => options(profile, value, mistakes),
        "removed" => set(&mut profile.removed, mistakes.word(name, value, &REMOVED)),
        "burned_in" => set(&mut profile.burned_in, mistakes.word(name, value, &POLICIES)),
        "recognizable_visual_features" => {
            set(&mut profile.recognizable_visual_features, mistakes.word(name, value, &POLICIES));
        }
        "private_sop_class" => set(&mut profile.private_sop_class, mistakes.word(name, value, &POLICIES)),
        "private_lists" => {
            let lists = PrivateList::ALL.map(|list| (list.name(), list));
            profile.private_lists = mistakes.words(name, value, &lists);
        }
        "trust_sender_private_claim" => match value.get_ref().as_bool() {
            Some(trust) => profile.trust_sender_private_claim = trust,
            None => mistakes.add(value.span(), format!("{name} must be true or false")),
        },
        "rule" => rule_toml::read(&mut profile.rules, value, mistakes),
        _ => mistakes.add(key.span(), format!("unknown key {name:?}")),
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn profile_name(profile: &mut Profile, value: &Value<'_>, mistakes: &mut Mistakes<'_>) {
    let Some(name) = mistakes.text("name", value) else {
        return;
    };
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if plain && !name.is_empty() && name.len() <= 40 {
        profile.name = name.to_owned();
    } else {
        mistakes.add(value.span(), "name is 1 to 40 letters, digits, hyphens, dots or underscores");
    }
}

fn options(profile: &mut Profile, value: &Value<'_>, mistakes: &mut Mistakes<'_>) {
    let names = ProfileOption::ALL.map(|option| (option.name(), option));
    for option in mistakes.words("options", value, &names) {
        if option.available() {
            profile.options.insert(option);
        } else {
            let clause = option.clause();
            mistakes.add(
                value.span(),
                format!("option {option} (PS3.15 {clause}) is not built yet: leave it out"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    fn texts(toml: &str) -> Vec<String> {
        parse(toml).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_presets_parse_and_bear_their_names() {
        let names: Vec<_> = Profile::presets().iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["basic", "research", "blank"]);
        assert_eq!(Profile::preset("basic").unwrap(), Profile::basic());
        assert!(Profile::preset("web").is_none());
    }

    #[test]
    fn all_mistakes_are_told_in_one_run_with_their_lines() {
        let found = texts(
            "base = \"web\"\ncolour = 1\noptions = [\"retain-uids\", \"retain-uids\", \"retain-all\"]\n\
             removed = \"blank\"\ntrust_sender_private_claim = 1\n[[rule]]\ntag = \"0010,0010\"\n",
        );
        assert_eq!(found.len(), 7, "{found:#?}");
        for (mistake, start) in
            found.iter().zip(["line 1", "line 2", "line 3", "line 3", "line 4", "line 5", "line 6"])
        {
            assert!(mistake.starts_with(start), "{mistake}");
        }
    }

    #[test]
    fn options_that_are_not_built_are_refused_by_name() {
        for option in ProfileOption::ALL {
            let read = parse(&format!("options = [\"{option}\"]"));
            assert_eq!(read.is_ok(), option.available(), "{option}");
            if let Err(mistakes) = read {
                assert!(mistakes[0].text.contains("not built"), "{option}");
            }
        }
    }

    #[test]
    fn full_and_modified_dates_exclude_each_other() {
        assert!(texts("options = [\"retain-full-dates\", \"retain-modified-dates\"]")[0].contains("E.3.6"));
        assert!(texts("base = \"research\"\noptions = [\"retain-full-dates\"]")[0].contains("exclude"));
    }

    #[test]
    fn a_base_gives_what_the_profile_does_not_say() {
        let profile =
            parse("base = \"research\"\nname = \"trial\"\noptions = [\"retain-uids\"]\nburned_in = \"pass\"")
                .unwrap();
        assert!(profile.has(ProfileOption::RetainUids) && profile.has(ProfileOption::RetainModifiedDates));
        assert_eq!((profile.name.as_str(), profile.burned_in), ("trial", Policy::Pass));
        assert_eq!(profile.private_sop_class, Policy::Refuse);
    }

    #[test]
    fn broken_toml_is_a_mistake_with_a_line() {
        assert!(texts("name = \"a\"\noptions = [")[0].starts_with("line 2"));
    }
}
