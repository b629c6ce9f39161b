//! Reading the rules of a profile from TOML. What a rule is lives in `rule`.

use super::action::Action;
use super::name::{resolve_digits, resolve_keyword};
use super::profile_toml::{Mistakes, Value};
use super::rule::{RESERVED, Rule, Selector, dictionary_vr, misfit};
use dicom_core::{Tag, VR};
use std::str::FromStr;
use toml::de::DeTable;

/// Reads `[[rule]]` tables and adds them.
pub(super) fn read(rules: &mut Vec<Rule>, value: &Value<'_>, mistakes: &mut Mistakes<'_>) {
    let Some(list) = value.get_ref().as_array() else {
        return mistakes.add(value.span(), "rules are written as [[rule]] tables");
    };
    for entry in list.iter() {
        let Some(table) = entry.get_ref().as_table() else {
            mistakes.add(entry.span(), "rules are written as [[rule]] tables");
            continue;
        };
        if let Some(rule) = one(table, entry, mistakes) {
            let same = |other: &Rule| other.selector == rule.selector && other.sop_class == rule.sop_class;
            if rules.iter().any(same) {
                mistakes.add(entry.span(), format!("there is already a rule for {}", rule.selector));
            } else {
                rules.push(rule);
            }
        }
    }
}

fn one(table: &DeTable<'_>, entry: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Rule> {
    const KEYS: [&str; 7] = ["tag", "keyword", "vr", "private", "sop_class", "action", "value"];
    for key in table.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        mistakes.add(key.span(), format!("unknown key {:?} in a rule", key.get_ref()));
    }
    let sop_class = table.get("sop_class").map(|value| sop_class(value, mistakes));
    let selector = selector(table, entry, mistakes);
    let action = action(table, entry, mistakes);
    let (selector, action) = (selector?, action?);
    if let Some(why) = misfit(&selector, &action) {
        mistakes.add(entry.span(), format!("{selector} cannot be {action}: {why}"));
        return None;
    }
    match sop_class {
        Some(None) => None,
        Some(uid) => Some(Rule { selector, sop_class: uid, action }),
        None => Some(Rule { selector, sop_class: None, action }),
    }
}

fn sop_class(value: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = mistakes.text("sop_class", value)?;
    let valid = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !valid {
        mistakes.add(value.span(), "sop_class must be a UID");
    }
    valid.then(|| text.to_owned())
}

fn selector(table: &DeTable<'_>, entry: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Selector> {
    let given: Vec<_> = ["tag", "keyword", "vr", "private"]
        .into_iter()
        .filter_map(|key| Some((key, table.get(key)?)))
        .collect();
    let [(key, value)] = given.as_slice() else {
        mistakes.add(entry.span(), "a rule has exactly one of tag, keyword, vr, private");
        return None;
    };
    match *key {
        "private" => private(value, mistakes),
        "vr" => vr(value, mistakes),
        key => tag(key, value, mistakes).map(Selector::Tag),
    }
}

fn vr(value: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Selector> {
    let text = mistakes.text("vr", value)?;
    let vr = VR::from_str(text).ok();
    if vr.is_none() {
        mistakes.add(value.span(), format!("there is no VR {text:?}"));
    }
    vr.map(Selector::Vr)
}

fn tag(key: &str, value: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Tag> {
    let text = mistakes.text(key, value)?;
    let found = if key == "tag" { resolve_digits(text) } else { resolve_keyword(text) };
    match found.filter(|tag| tag.group() & 1 == 0 && dictionary_vr(*tag).is_some()) {
        Some(tag) => decidable(tag, value, mistakes),
        None => {
            mistakes.add(value.span(), format!("{text:?} is no {key} of PS3.6"));
            None
        }
    }
}

fn decidable(tag: Tag, value: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Tag> {
    let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == tag).map(|(_, why)| *why);
    let why = match (tag.group(), tag.element()) {
        (0x0000..=0x0007 | 0xFFFA..=0xFFFF, _) | (_, 0) => Some("is always rebuilt or removed"),
        (0x5000..=0x50FF | 0x6000..=0x60FF, _) => Some("goes with its whole group"),
        (0x7F00..=0x7FFF, _) => Some("holds pixels, which rules do not reach"),
        _ => reserved,
    };
    match why {
        Some(why) => {
            mistakes.add(value.span(), format!("{tag} {why}: no rule can decide it"));
            None
        }
        None => Some(tag),
    }
}

fn private(value: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Selector> {
    let Some(table) = value.get_ref().as_table() else {
        mistakes.add(value.span(), "private is { creator = \"...\", group = \"0029\", element = \"10\" }");
        return None;
    };
    for key in table.keys().filter(|key| !["creator", "group", "element"].contains(&key.get_ref().as_ref())) {
        mistakes.add(key.span(), format!("unknown key {:?} in private", key.get_ref()));
    }
    let creator = table.get("creator").and_then(|value| mistakes.text("creator", value)).map(str::trim);
    let group =
        table.get("group").and_then(|value| mistakes.text("group", value)).and_then(|text| hex(text, 4));
    let element =
        table.get("element").map(|value| mistakes.text("element", value).and_then(|text| hex(text, 2)));
    let element = match element {
        None => None,
        Some(Some(number)) => u8::try_from(number).ok(),
        Some(None) => {
            mistakes.add(value.span(), "element is the two hex digits of the low byte");
            return None;
        }
    };
    match (creator, group) {
        (Some(creator), Some(group))
            if !creator.is_empty() && creator.len() <= 64 && group & 1 == 1 && group > 8 =>
        {
            Some(Selector::Private { creator: creator.to_owned(), group, element })
        }
        _ => {
            mistakes
                .add(value.span(), "private needs a creator and an odd group of four hex digits above 0008");
            None
        }
    }
}

fn hex(text: &str, digits: usize) -> Option<u16> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u16::from_str_radix(text, 16).ok())
        .flatten()
}

fn action(table: &DeTable<'_>, entry: &Value<'_>, mistakes: &mut Mistakes<'_>) -> Option<Action> {
    let Some(value) = table.get("action") else {
        mistakes.add(entry.span(), "a rule needs an action");
        return None;
    };
    let name = mistakes.text("action", value)?;
    let text = table.get("value").and_then(|text| mistakes.text("value", text));
    if name != "replace" && table.contains_key("value") {
        mistakes.add(value.span(), format!("value belongs to replace, not to {name}"));
    }
    match name {
        "keep" => Some(Action::Keep),
        "remove" => Some(Action::Remove),
        "empty" => Some(Action::Empty),
        "dummy" => Some(Action::Dummy),
        "uid" => Some(Action::Uid),
        "shift" => Some(Action::Shift),
        "replace" => {
            if text.is_none() {
                mistakes.add(value.span(), "replace needs a value");
            }
            text.map(|text| Action::Replace(text.into()))
        }
        _ => {
            let known = "keep, remove, empty, dummy, uid, shift, replace";
            mistakes.add(value.span(), format!("there is no action {name:?}: it is one of {known}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::deid::profile::Profile;

    fn mistake(rule: &str) -> String {
        let found = Profile::parse(&format!("[[rule]]\n{rule}\n")).unwrap_err();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].to_string()
    }

    #[test]
    fn each_kind_of_rule_is_read() {
        let profile = Profile::parse(
            "[[rule]]\ntag = \"0010,0010\"\naction = \"replace\"\nvalue = \"DOE^JANE\"\n\
             [[rule]]\nkeyword = \"StudyDescription\"\nsop_class = \"1.2.840.10008.5.1.4.1.1.2\"\naction = \"keep\"\n\
             [[rule]]\nvr = \"PN\"\naction = \"empty\"\n\
             [[rule]]\nprivate = { creator = \"ACME 1.0\", group = \"0029\", element = \"1a\" }\naction = \"keep\"\n\
             [[rule]]\nprivate = { creator = \"ACME 1.0\", group = \"0029\" }\naction = \"remove\"\n",
        )
        .unwrap();
        assert_eq!(profile.rules.len(), 5);
        assert_eq!(profile.rules[1].selector, Selector::Tag(Tag(0x0008, 0x1030)));
        let block = Selector::Private { creator: "ACME 1.0".into(), group: 0x29, element: Some(0x1A) };
        assert_eq!(profile.rules[3].selector, block);
    }

    #[test]
    fn rules_that_cannot_work_are_mistakes() {
        for (rule, part) in [
            ("tag = \"0010,0010\"\nvr = \"PN\"\naction = \"keep\"", "exactly one"),
            ("action = \"keep\"", "exactly one"),
            ("keyword = \"PatientsNam\"\naction = \"keep\"", "no keyword"),
            ("keyword = \"0010,0010\"\naction = \"keep\"", "no keyword"),
            ("tag = \"0011,1010\"\naction = \"keep\"", "no tag"),
            ("tag = \"0002,0010\"\naction = \"keep\"", "always rebuilt"),
            ("tag = \"6000,3000\"\naction = \"keep\"", "whole group"),
            ("keyword = \"PixelData\"\naction = \"remove\"", "pixels"),
            ("keyword = \"SOPClassUID\"\naction = \"remove\"", "names the SOP class"),
            ("keyword = \"SOPInstanceUID\"\naction = \"remove\"", "keep or uid"),
            ("keyword = \"PatientName\"\naction = \"uid\"", "VR UI"),
            ("keyword = \"StudyTime\"\naction = \"shift\"", "moved by days"),
            ("keyword = \"PatientID\"\naction = \"replace\"", "needs a value"),
            ("keyword = \"PatientID\"\naction = \"keep\"\nvalue = \"x\"", "belongs to replace"),
            ("keyword = \"PatientSex\"\naction = \"replace\"\nvalue = \"other\"", "does not allow"),
            ("keyword = \"StudyDate\"\naction = \"replace\"\nvalue = \"2020\"", "too short"),
            ("keyword = \"PatientAge\"\naction = \"replace\"\nvalue = \"40\"", "three digits"),
            ("keyword = \"PatientName\"\naction = \"replace\"\nvalue = \"M\u{fc}ller\"", "does not allow"),
            ("keyword = \"PatientName\"\naction = \"drop\"", "no action"),
            ("vr = \"XX\"\naction = \"keep\"", "no VR"),
            ("private = { creator = \"A\", group = \"0010\" }\naction = \"keep\"", "odd group"),
            (
                "private = { creator = \"A\", group = \"0029\", element = \"1010\" }\naction = \"keep\"",
                "low byte",
            ),
            ("vr = \"DA\"\nsop_class = \"CT\"\naction = \"keep\"", "must be a UID"),
            ("vr = \"DA\"\nwhere = 1\naction = \"keep\"", "unknown key"),
        ] {
            let text = mistake(rule);
            assert!(text.contains(part), "{rule}: {text}");
        }
    }

    #[test]
    fn the_same_rule_twice_is_a_mistake() {
        let rule = "[[rule]]\ntag = \"00100010\"\naction = \"keep\"\n";
        let found = Profile::parse(&format!(
            "{rule}{}",
            rule.replace("tag = \"00100010\"", "keyword = \"PatientName\"")
        ));
        assert!(found.unwrap_err()[0].text.contains("already"));
    }
}
