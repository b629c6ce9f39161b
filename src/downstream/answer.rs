//! What the downstream server says it did: its Store Instances Response (PS3.18 Annex
//! I), read leniently. A bare success status says nothing and is not believed.

use serde_json::Value;

/// Its Store Instances Response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    stored: Vec<String>,
    failed: Vec<(String, u16)>,
    /// Failures that are tied to no instance.
    other: Vec<u16>,
}

/// What it did with one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Listed as stored.
    Stored,
    /// Listed as failed, with this Failure Reason.
    Failed(u16),
    /// Not listed.
    Unlisted,
}

const REFERENCED: &str = "00081199";
const FAILED: &str = "00081198";
const OTHER: &str = "0008119A";
const INSTANCE: &str = "00081155";
const REASON: &str = "00081197";

/// Processing failure, where a failed item has no reason.
const PROCESSING_FAILURE: u16 = 0x0110;

impl Answer {
    /// Reads a response in DICOM JSON, which some servers put into an array.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let set = match &value {
            Value::Array(sets) => sets.first()?,
            set => set,
        };
        set.as_object()?;
        let answer = Self {
            stored: items(set, REFERENCED).map(instance).collect(),
            failed: items(set, FAILED).map(|item| (instance(item), reason(item))).collect(),
            other: items(set, OTHER).map(reason).collect(),
        };
        Some(answer).filter(|answer| *answer != Self::default())
    }

    /// The fates of the instances sent, in their order. A server that pseudonymizes
    /// again lists other UIDs: then full numbers count, and nothing less does.
    pub fn fates(&self, sent: &[&str]) -> Vec<Fate> {
        let renamed = self.failed.is_empty() && self.other.is_empty() && self.stored.len() == sent.len();
        sent.iter().map(|uid| if renamed { Fate::Stored } else { self.fate(uid, sent.len()) }).collect()
    }

    fn fate(&self, uid: &str, sent: usize) -> Fate {
        let failed = self.failed.iter().find(|(failed, _)| failed == uid);
        match failed {
            _ if self.stored.iter().any(|stored| stored == uid) => Fate::Stored,
            Some((_, reason)) => Fate::Failed(*reason),
            None if sent == 1 => self.other.first().map_or(Fate::Unlisted, |reason| Fate::Failed(*reason)),
            None => Fate::Unlisted,
        }
    }
}

fn items<'a>(set: &'a Value, tag: &str) -> impl Iterator<Item = &'a Value> {
    set.get(tag).and_then(|element| element.get("Value")).and_then(Value::as_array).into_iter().flatten()
}

fn first<'a>(item: &'a Value, tag: &str) -> Option<&'a Value> {
    item.get(tag)?.get("Value")?.get(0)
}

fn instance(item: &Value) -> String {
    let uid = first(item, INSTANCE).and_then(Value::as_str).unwrap_or_default();
    uid.trim_end_matches(['\0', ' ']).to_owned()
}

fn reason(item: &Value) -> u16 {
    let number =
        first(item, REASON).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(PROCESSING_FAILURE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn answer(stored: &[&str], failed: &[(&str, u16)]) -> Answer {
        let uid = |uid: &str| json!({"vr": "UI", "Value": [uid]});
        let stored: Vec<_> = stored.iter().map(|it| json!({INSTANCE: uid(it)})).collect();
        let failed: Vec<_> = failed
            .iter()
            .map(|(it, reason)| json!({INSTANCE: uid(it), REASON: {"vr": "US", "Value": [reason]}}))
            .collect();
        let set = json!({"00081190": {"vr": "UR"}, REFERENCED: {"vr": "SQ", "Value": stored}, FAILED: {"vr": "SQ", "Value": failed}});
        Answer::parse(set.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn each_instance_has_the_fate_that_the_server_lists() {
        let fates = answer(&["1.1"], &[("1.2", 272)]).fates(&["1.2", "1.1", "1.3"]);
        assert_eq!(fates, [Fate::Failed(272), Fate::Stored, Fate::Unlisted]);
    }

    #[test]
    fn other_uids_pass_in_full_number_only() {
        assert_eq!(answer(&["9.1", "9.2"], &[]).fates(&["1.1", "1.2"]), [Fate::Stored; 2]);
        assert_eq!(answer(&["9.1"], &[]).fates(&["1.1", "1.2"]), [Fate::Unlisted; 2]);
    }

    #[test]
    fn what_lists_nothing_is_no_answer() {
        for body in [
            "",
            "{}",
            "[]",
            "{\"00081190\":{\"vr\":\"UR\"}}",
            "<html>",
            "\"ok\"",
            "{\"00081199\":{\"vr\":\"SQ\",\"Value\":[]}}",
        ] {
            assert_eq!(Answer::parse(body.as_bytes()), None, "{body}");
        }
    }
}
