//! Reading the rules of a profile from TOML. What a rule is lives in `rule`.

use super::action::Action;
use super::explain::resolve_name;
use super::profile_toml::{Mistakes, Value};
use super::rule::{Rule, Selector, dictionary_vr};
use dicom_core::{Tag, VR};
use std::str::FromStr;
use toml::de::DeTable;

/// Attributes that make the instance what it is, carry the record of the de-identification, or tell how to read it.
const RESERVED: [(Tag, &str); 8] = [
    (Tag(0x0008, 0x0005), "tells how to read all text"),
    (Tag(0x0008, 0x0016), "names the SOP class"),
    (Tag(0x0012, 0x0062), "is written by the profile"),
    (Tag(0x0012, 0x0063), "is written by the profile"),
    (Tag(0x0012, 0x0064), "is written by the profile"),
    (Tag(0x0028, 0x0303), "is written by the profile"),
    (Tag(0x0028, 0x0301), "is judged by burned_in"),
    (Tag(0x0028, 0x0302), "is judged by recognizable_visual_features"),
];

/// Study, Series and SOP Instance UID: Type 1 everywhere, so only kept or replaced.
const INSTANCE_UIDS: [Tag; 3] = [Tag(0x0008, 0x0018), Tag(0x0020, 0x000D), Tag(0x0020, 0x000E)];

/// Whether rules by VR pass an attribute by.
pub(super) fn is_reserved(tag: Tag) -> bool {
    RESERVED.iter().any(|(reserved, _)| *reserved == tag)
        || INSTANCE_UIDS.contains(&tag)
        || tag.group() == 0x7FE0
}

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
    let is_keyword = text.starts_with(|first: char| first.is_ascii_uppercase()) && !text.contains(',');
    let found = resolve_name(text).filter(|tag| dictionary_vr(*tag).is_some() && tag.group() % 2 == 0);
    match found {
        Some(tag) if (key == "keyword") != (is_keyword && text.len() != 8) && key == "keyword" => {
            mistakes.add(value.span(), format!("{tag} is a tag, not a keyword"));
            None
        }
        Some(tag) => decidable(tag, value, mistakes),
        None => {
            mistakes.add(value.span(), format!("{text:?} is no attribute of PS3.6"));
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
            if !creator.is_empty() && creator.len() <= 64 && group % 2 == 1 && group > 8 =>
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

/// Why an action does not fit what it is said about.
fn misfit(selector: &Selector, action: &Action) -> Option<&'static str> {
    let vr = selector.vr();
    match (selector, action) {
        (Selector::Tag(tag), Action::Keep | Action::Uid) if INSTANCE_UIDS.contains(tag) => None,
        (Selector::Tag(tag), _) if INSTANCE_UIDS.contains(tag) => {
            Some("an instance needs it, so keep or uid")
        }
        (_, Action::Uid) if vr != Some(VR::UI) => Some("only attributes of VR UI hold UIDs"),
        (_, Action::Shift) if !matches!(vr, Some(VR::DA | VR::DT)) => {
            Some("only DA and DT can be moved by days")
        }
        (_, Action::Replace(text)) => match vr {
            Some(vr) => illegal(vr, text),
            None => Some("the VR must be known"),
        },
        _ => None,
    }
}

/// Why a text is no legal single value of a VR (PS3.5 6.2). Plain ASCII only: it must read the same in every character set.
fn illegal(vr: VR, text: &str) -> Option<&'static str> {
    let code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'_');
    let (longest, legal): (usize, &dyn Fn(u8) -> bool) = match vr {
        VR::SH | VR::AE => (16, &|_| true),
        VR::CS => (16, &code),
        VR::LO | VR::PN => (64, &|_| true),
        VR::ST | VR::LT | VR::UT | VR::UC | VR::UR => (1024, &|_| true),
        VR::DA => (8, &|byte| byte.is_ascii_digit()),
        VR::AS => {
            return if is_age(text) { None } else { Some("an age is three digits and D, W, M or Y") };
        }
        _ => return Some("only text attributes can be replaced by a text"),
    };
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\\');
    if text.is_empty() || text.len() > longest || (vr == VR::DA && text.len() != 8) {
        Some("the value is too short or too long for the VR")
    } else if !printable || !text.bytes().all(legal) {
        Some("the value holds a character that the VR does not allow")
    } else {
        None
    }
}

fn is_age(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, b'D' | b'W' | b'M' | b'Y'] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()))
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
            ("keyword = \"PatientsNam\"\naction = \"keep\"", "no attribute"),
            ("keyword = \"0010,0010\"\naction = \"keep\"", "not a keyword"),
            ("tag = \"0011,1010\"\naction = \"keep\"", "no attribute"),
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
