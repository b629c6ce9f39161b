//! What a query asks of one attribute, by its VR (PS3.4 C.2.2.2), and whether a data set
//! answers it. This is the definition; SQL is held against it.

use super::pattern::{self, Pattern};
use super::span::{self, Span};
use crate::dicomweb::data_set;
use dicom_core::VR;
use serde_json::Value;

/// What is asked of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Anything, nothing included: only to be returned (PS3.4 C.2.2.2.3).
    Any,
    /// One of these UIDs (PS3.4 C.2.2.2.2).
    Uids(Vec<String>),
    /// Exactly this text (PS3.4 C.2.2.2.1).
    Text(String),
    /// A text with wildcards (PS3.4 C.2.2.2.4).
    Pattern(Pattern),
    /// A person name, with or without wildcards: one of its component groups, or all of it. Case does not count.
    Name(Pattern),
    /// A person name of which each of these words begins some word.
    Fuzzy(Vec<String>),
    /// This number.
    Number(f64),
    /// A date, time or date-time within (PS3.4 C.2.2.2.5).
    Within(Span),
}

/// The value of a query parameter is none of its VR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no legal value, or a wildcard where none may stand.
    Value,
    /// Values of this VR cannot be matched.
    Vr,
}

impl Condition {
    /// What a value asks of an attribute of this VR.
    pub(super) fn of(vr: VR, text: &str, fuzzy: bool) -> Result<Self, Unfit> {
        use VR::{
            AE, AS, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SQ, SS, ST, SV, TM, UC, UI, UL, UN, UR,
        };
        let text = text.trim_matches(' ');
        if text.is_empty() || (text.bytes().all(|byte| byte == b'*') && vr != SQ) {
            return Ok(Self::Any);
        }
        if text.chars().any(char::is_control) || (text.contains('\\') && vr != UI) {
            return Err(Unfit::Value);
        }
        match vr {
            UI => uids(text),
            DA | TM => span::parse(vr, text).map(Self::Within).ok_or(Unfit::Value),
            // A plus sign that came unencoded reads as a space.
            DT => span::parse(vr, &text.replace(' ', "+")).map(Self::Within).ok_or(Unfit::Value),
            PN if fuzzy && !Pattern::is_wild(text) => Ok(match pattern::words(text) {
                words if words.is_empty() => Self::Any,
                words => Self::Fuzzy(words),
            }),
            PN => Ok(Self::Name(Pattern::new(pattern::folded_name(text).trim_matches('=')))),
            AE | CS | LO | LT | SH | ST | UC | UN | UR | VR::UT if Pattern::is_wild(text) => {
                Ok(Self::Pattern(Pattern::new(text)))
            }
            AE | AS | CS | LO | LT | SH | ST | UC | UN | UR | VR::UT | VR::AT => {
                Ok(Self::Text(text.to_owned()))
            }
            DS | FD | FL | IS | SL | SS | SV | UL | VR::US | VR::UV => text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Self::Number)
                .ok_or(Unfit::Value),
            _ => Err(Unfit::Vr),
        }
    }

    /// True if an attribute of the DICOM JSON model fulfils this; one that is absent has no value.
    pub(super) fn holds(&self, attribute: Option<&Value>) -> bool {
        if *self == Self::Any {
            return true;
        }
        let vr = attribute.and_then(|it| it.get("vr")).and_then(Value::as_str).unwrap_or_default();
        let values = attribute.map(data_set::values).unwrap_or_default();
        values.iter().any(|value| self.holds_value(vr, value))
    }

    fn holds_value(&self, vr: &str, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Uids(uids) => value.as_str().is_some_and(|value| uids.iter().any(|uid| uid == value)),
            Self::Text(text) => value.as_str() == Some(text),
            Self::Pattern(pattern) => value.as_str().is_some_and(|value| pattern.matches(value)),
            Self::Name(pattern) => {
                let name = pattern::folded_name(&person_name(value));
                name_matches(pattern, &name)
            }
            Self::Fuzzy(words) => fuzzy_matches(words, &pattern::folded_words(&person_name(value))),
            Self::Number(number) => {
                let held = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                held.is_some_and(|held: f64| held == *number)
            }
            Self::Within(span) => {
                let vr = vr.parse().unwrap_or(VR::UN);
                value
                    .as_str()
                    .and_then(|value| span::stored(vr, value))
                    .is_some_and(|value| span.holds(&value))
            }
        }
    }
}

/// True if the pattern is found in a name of [`pattern::folded_name`], between equal signs.
fn name_matches(pattern: &Pattern, folded: &str) -> bool {
    pattern.between('=').matches(folded)
}

/// True if each word begins a word of [`pattern::folded_words`].
fn fuzzy_matches(words: &[String], folded: &str) -> bool {
    words.iter().all(|word| folded.contains(&format!("^{word}")))
}

/// A person name of the DICOM JSON model as PS3.5 6.2.1 writes it.
pub fn person_name(value: &Value) -> String {
    let group = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let groups = [group("Alphabetic"), group("Ideographic"), group("Phonetic")];
    groups.join("=").trim_end_matches('=').to_owned()
}

fn uids(text: &str) -> Result<Condition, Unfit> {
    let uids: Vec<String> = text.split([',', '\\']).map(|uid| uid.trim().to_owned()).collect();
    // Legal by their characters: what an origin holds may break the finer rules of PS3.5 9.1.
    let legal = |uid: &String| {
        (1..=64).contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    if uids.iter().all(legal) { Ok(Condition::Uids(uids)) } else { Err(Unfit::Value) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn holds(vr: VR, query: &str, values: Value) -> bool {
        let attribute = json!({"vr": vr.to_string(), "Value": values});
        Condition::of(vr, query, false).unwrap().holds(Some(&attribute))
    }

    #[test]
    fn qido_13_text_is_exact_and_minds_case_but_names_do_not() {
        assert!(holds(VR::LO, "Smith", json!(["Smith"])) && !holds(VR::LO, "smith", json!(["Smith"])));
        assert!(holds(VR::LO, "b", json!(["a", "b"])), "one of several values");
        assert!(holds(VR::PN, "SMITH^jane", json!([{"Alphabetic": "Smith^Jane"}])));
        assert!(!holds(VR::PN, "SMITH", json!([{"Alphabetic": "Smith^Jane"}])));
        assert!(holds(
            VR::PN,
            "\u{5c71}^*",
            json!([{"Alphabetic": "Y^T", "Ideographic": "\u{5c71}^\u{7530}"}])
        ));
    }

    #[test]
    fn qido_14_wildcards_stand_in_text_only() {
        assert!(holds(VR::LO, "SM*TH?", json!(["SMITHS"])));
        for (vr, query) in [(VR::UI, "1.2.*"), (VR::DA, "2024*"), (VR::IS, "1?"), (VR::TM, "1*")] {
            assert_eq!(Condition::of(vr, query, false), Err(Unfit::Value), "{query}");
        }
    }

    #[test]
    fn qido_17_a_uid_list_matches_any_member_and_parts_at_comma_or_backslash() {
        for list in ["1.1,1.2", "1.1\\1.2"] {
            assert!(holds(VR::UI, list, json!(["1.2"])) && !holds(VR::UI, list, json!(["1"])));
        }
        assert_eq!(Condition::of(VR::UI, "1.2,,1.3", false), Err(Unfit::Value));
    }

    #[test]
    fn qido_18_an_empty_value_or_a_star_matches_what_is_absent() {
        for (vr, query) in [(VR::LO, ""), (VR::UI, "*"), (VR::PN, "**"), (VR::SQ, ""), (VR::DA, " ")] {
            assert_eq!(Condition::of(vr, query, false), Ok(Condition::Any), "{query}");
        }
        assert!(Condition::Any.holds(None));
        assert!(!Condition::Text("a".into()).holds(None));
    }

    #[test]
    fn qido_21_fuzzy_names_match_by_the_beginnings_of_words() {
        let fuzzy = |query: &str| Condition::of(VR::PN, query, true).unwrap();
        let name = json!({"vr": "PN", "Value": [{"Alphabetic": "Doe-Smith^Johanna"}]});
        assert!(fuzzy("joh smi").holds(Some(&name)));
        assert!(!fuzzy("mith").holds(Some(&name)));
        assert_eq!(fuzzy("^^"), Condition::Any);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        assert!(holds(VR::IS, "07", json!([7])) && holds(VR::DS, "1.5", json!(["1.50"])));
        assert_eq!(Condition::of(VR::IS, "inf", false), Err(Unfit::Value));
        assert_eq!(Condition::of(VR::OB, "x", false), Err(Unfit::Vr));
    }
}
