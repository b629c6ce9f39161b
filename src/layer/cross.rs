//! What a push gave new names to, as entries of the project's crosswalk, so that the names can be led back. Who may ask is
//! decided in `api`; entering is part of the request's account.

use super::context::{Caller, Done, Tally};
use crate::db::crosswalk::{Entries, Kind};
use crate::deid::receipt::{Phi, Receipt};

type Pair = (Kind, String, Phi<String>);

/// The names of what was delivered, if the server's settings want that, and of what was led back, so that it can be pulled.
/// Without them the push is still a push: that they are missing is logged.
pub(super) fn names(caller: &Caller, tally: &Tally) -> Entries {
    caller.crosswalk.entries(pairs(tally, caller.keeps_pushed)).unwrap_or_else(|fault| {
        tracing::error!(%fault, "names of pushed instances are missing in the crosswalk");
        Entries::default()
    })
}

fn pairs(tally: &Tally, keeps_pushed: bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut before = None;
    for done in &tally.instances {
        let receipt = match done {
            Done::Delivered(receipt) if keeps_pushed => receipt,
            Done::Restored(receipt) => receipt,
            _ => continue,
        };
        // Instances of one series mostly come together.
        let above = (&receipt.patient_id, &receipt.names.study, &receipt.names.series);
        if before.replace(above) != Some(above) {
            pairs.extend(parents(receipt));
        }
        pairs.push(uid(&receipt.names.instance, &receipt.originals.expose().instance));
        if let Some(sent) = &receipt.sent {
            pairs.push((
                Kind::Restored,
                sent.to_string(),
                Phi::new(receipt.originals.expose().study.clone()),
            ));
        }
    }
    pairs
}

fn parents(receipt: &Receipt) -> [Pair; 3] {
    let (names, originals) = (&receipt.names, receipt.originals.expose());
    let patient = Phi::new(originals.patient().text());
    [
        (Kind::Patient, receipt.patient_id.clone(), patient),
        uid(&names.study, &originals.study),
        uid(&names.series, &originals.series),
    ]
}

fn uid(name: &str, original: &str) -> Pair {
    (Kind::Uid, name.to_owned(), Phi::new(original.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deid::receipt::{Counts, Names, Originals};
    use crate::deid::refusal::FailureReason;

    fn receipt(series: &str, instance: &str) -> Box<Receipt> {
        let text = |text: &str| text.to_owned();
        let original = |name: &str| name.replace("2.25", "1.2");
        let names = Names {
            sop_class: text("1.2.840"),
            instance: text(instance),
            series: text(series),
            study: text("2.25.1"),
        };
        let originals = Originals {
            instance: original(instance),
            series: original(series),
            study: text("1.2.1"),
            patient_id: text("7"),
            issuer: text("H"),
        };
        Box::new(Receipt {
            names,
            sent: None,
            patient_id: text("PABC"),
            transfer_syntax: "1.2.840.10008.1.2.1",
            counts: Counts::default(),
            bytes_in: 0,
            bytes_out: 0,
            sha256_in: None,
            sha256_out: None,
            originals: Phi::new(originals),
        })
    }

    #[test]
    fn only_what_was_delivered_is_entered_and_what_repeats_once() {
        let instances = vec![
            Done::Delivered(receipt("2.25.2", "2.25.10")),
            Done::Undelivered(receipt("2.25.2", "2.25.11"), 0xA700),
            Done::Unread(None, FailureReason(0xC000)),
            Done::Delivered(receipt("2.25.2", "2.25.12")),
            Done::Delivered(receipt("2.25.3", "2.25.13")),
        ];
        let told = |(_, name, original): Pair| format!("{name} {}", original.expose().replace('\n', "/"));
        let told: Vec<String> =
            pairs(&Tally { instances, ..Tally::default() }, true).into_iter().map(told).collect();
        let expected = [
            "PABC id/7/H",
            "2.25.1 1.2.1",
            "2.25.2 1.2.2",
            "2.25.10 1.2.10",
            "2.25.12 1.2.12",
            "PABC id/7/H",
            "2.25.1 1.2.1",
            "2.25.3 1.2.3",
            "2.25.13 1.2.13",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_was_led_back_is_entered_whatever_the_settings_say() {
        let restored = Receipt { sent: Some("1.2.10".into()), ..*receipt("2.25.2", "2.25.10") };
        let instances =
            vec![Done::Delivered(receipt("2.25.2", "2.25.11")), Done::Restored(Box::new(restored))];
        let pairs = pairs(&Tally { instances, ..Tally::default() }, false);
        let told: Vec<_> = pairs
            .iter()
            .map(|(kind, name, original)| (*kind, name.as_str(), original.expose().as_str()))
            .collect();
        let expected = [
            (Kind::Patient, "PABC", "id\n7\nH"),
            (Kind::Uid, "2.25.1", "1.2.1"),
            (Kind::Uid, "2.25.2", "1.2.2"),
            (Kind::Uid, "2.25.10", "1.2.10"),
            (Kind::Restored, "1.2.10", "1.2.1"),
        ];
        assert_eq!(told, expected);
    }
}
