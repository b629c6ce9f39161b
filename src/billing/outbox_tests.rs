//! Tests of the outbox's rules, with crashes, outages and a Stripe of a few lines that knows identifiers for a day.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

use super::outbox::*;
use super::{Fault, MeterEvent, MeterOutcome};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 86_400;
const NOON: i64 = 20_000 * DAY + DAY / 2;

fn line(id: i64, customer: &str, at: i64, count: u64) -> UsageLine {
    UsageLine { id, stripe_customer: customer.into(), at, count }
}

fn sealed() -> Batch {
    seal("i1", &[line(1, "cus_a", NOON, 3)]).remove(0)
}

fn sent(batch: &Batch, now: i64) -> Delivery {
    match claim(&batch.event, &batch.delivery, now) {
        Next::Send(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

fn waits(next: Next) -> Delivery {
    match next {
        Next::Wait(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_become_one_batch_per_customer_and_day_with_an_identifier_of_their_own() {
    let lines = [
        line(7, "cus_a", NOON, 2),
        line(5, "cus_a", NOON - 60, 3),
        line(6, "cus_b", NOON, 1),
        line(8, "cus_a", NOON + DAY, 4),
        line(9, "cus_c", NOON, 0),
    ];
    let batches = seal("i1", &lines);
    let told: Vec<_> = batches
        .iter()
        .map(|it| (it.event.identifier.as_str(), it.event.value, it.event.at, it.lines.len()))
        .collect();
    assert_eq!(
        told,
        [("veilgate-i1-5", 5, NOON, 2), ("veilgate-i1-8", 4, NOON + DAY, 1), ("veilgate-i1-6", 1, NOON, 1),]
    );
}

#[test]
fn recorded_and_duplicate_both_settle() {
    let batch = sealed();
    let claimed = sent(&batch, NOON);
    for outcome in [MeterOutcome::Recorded, MeterOutcome::Duplicate] {
        assert_eq!(settle(&batch.event, &claimed, &outcome, NOON + 1), Next::Done);
    }
}

#[test]
fn a_claim_keeps_other_senders_off_until_its_lease_ends() {
    let mut batch = sealed();
    batch.delivery = sent(&batch, NOON);
    assert_eq!(waits(claim(&batch.event, &batch.delivery, NOON + LEASE - 1)), batch.delivery);
    let again = sent(&batch, NOON + LEASE);
    assert_eq!((again.attempts, again.doubtful_since), (2, Some(NOON)));
}

#[test]
fn a_crash_after_sending_is_sent_again_within_a_day_and_parked_after() {
    let mut batch = sealed();
    batch.delivery = sent(&batch, NOON);
    assert!(matches!(claim(&batch.event, &batch.delivery, NOON + DOUBT - 1), Next::Send(_)));
    assert_eq!(claim(&batch.event, &batch.delivery, NOON + DOUBT), Next::Park(Parked::Doubtful));
}

#[test]
fn an_outage_that_certainly_took_nothing_is_waited_out_for_weeks() {
    let mut batch = sealed();
    let mut now = NOON;
    let mut attempts = 0;
    while let Next::Send(claimed) = claim(&batch.event, &batch.delivery, now) {
        attempts += 1;
        let later = MeterOutcome::Later(Fault::Unreachable);
        batch.delivery = waits(settle(&batch.event, &claimed, &later, now));
        assert_eq!(batch.delivery.doubtful_since, None);
        now = batch.delivery.next_at;
    }
    assert!(now - NOON >= OLDEST && attempts > 600, "{attempts} attempts in {} days", (now - NOON) / DAY);
    assert_eq!(claim(&batch.event, &batch.delivery, now), Next::Park(Parked::TooOld));
}

#[test]
fn a_refusal_is_parked_and_a_refusal_in_doubt_is_told_as_doubt() {
    let batch = sealed();
    let claimed = sent(&batch, NOON);
    let code = "meter_event_customer_not_found".to_owned();
    let refused = MeterOutcome::Refused(Fault::Refused { status: 400, code, param: "-".into() });
    assert_eq!(settle(&batch.event, &claimed, &refused, NOON), Next::Park(Parked::Refused));
    let doubtful = Delivery { doubtful_since: Some(NOON - 9), ..claimed };
    assert_eq!(settle(&batch.event, &doubtful, &refused, NOON), Next::Park(Parked::Doubtful));
}

#[test]
fn usage_dated_ahead_of_stripes_limit_waits_until_it_may_be_sent() {
    let event = MeterEvent { at: NOON + 3_600, ..sealed().event };
    let waiting = waits(claim(&event, &Delivery::default(), NOON));
    assert_eq!((waiting.next_at, waiting.attempts), (NOON + 3_600 - AHEAD, 0));
    assert!(matches!(claim(&event, &waiting, waiting.next_at), Next::Send(_)));
}

#[test]
fn delays_double_to_an_hour_and_differ_between_batches() {
    for attempts in 1..40 {
        let least = (FIRST_DELAY << (attempts - 1).min(20)).min(LONGEST_DELAY);
        let delay = delay("veilgate-i1-5", attempts);
        assert!((least..=least * 5 / 4).contains(&delay), "attempt {attempts}: {delay} s");
    }
    let all: std::collections::BTreeSet<_> = (0..50).map(|n| delay(&format!("v-{n}"), 12)).collect();
    assert!(all.len() > 25, "only {} different delays", all.len());
}

/// What a call may do: (Stripe records it, we hear of it).
#[derive(Debug, Clone, Copy)]
enum Way {
    Good,
    LostAnswer,
    LostRequest,
    Unreachable,
    CrashBefore,
    CrashAfter,
}

/// Stripe: remembers identifiers for a day.
#[derive(Default)]
struct Stand {
    seen: BTreeMap<String, i64>,
    total: u64,
}

impl Stand {
    fn take(&mut self, event: &MeterEvent, now: i64) -> MeterOutcome {
        if self.seen.get(&event.identifier).is_some_and(|&at| now - at < DAY) {
            return MeterOutcome::Duplicate;
        }
        self.seen.insert(event.identifier.clone(), now);
        self.total += event.value;
        MeterOutcome::Recorded
    }

    /// None: the gateway died.
    fn call(&mut self, way: Way, event: &MeterEvent, now: i64) -> Option<MeterOutcome> {
        match way {
            Way::Good => Some(self.take(event, now)),
            Way::LostAnswer => {
                self.take(event, now);
                Some(MeterOutcome::Later(Fault::NoAnswer))
            }
            Way::LostRequest => Some(MeterOutcome::Later(Fault::NoAnswer)),
            Way::Unreachable => Some(MeterOutcome::Later(Fault::Unreachable)),
            Way::CrashBefore => None,
            Way::CrashAfter => {
                self.take(event, now);
                None
            }
        }
    }
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Good),
        Just(Way::LostAnswer),
        Just(Way::LostRequest),
        Just(Way::Unreachable),
        Just(Way::CrashBefore),
        Just(Way::CrashAfter),
    ]
}

proptest! {
    /// Whatever happens between any two steps, with pauses of up to two days: recorded once, or parked and at most once.
    #[test]
    fn usage_is_recorded_once_or_told(steps in proptest::collection::vec((way(), 0i64..2 * DAY), 1..30)) {
        let mut batch = sealed();
        let mut stripe = Stand::default();
        let mut now = NOON;
        let mut end = None;
        for (way, pause) in steps.into_iter().chain([(Way::Good, 2 * DAY)]) {
            now += pause;
            match claim(&batch.event, &batch.delivery, now) {
                Next::Send(claimed) => {
                    batch.delivery = claimed;
                    let Some(outcome) = stripe.call(way, &batch.event, now) else { continue };
                    match settle(&batch.event, &claimed, &outcome, now + 1) {
                        Next::Wait(delivery) => batch.delivery = delivery,
                        other => { end = Some(other); break; }
                    }
                }
                Next::Wait(delivery) => batch.delivery = delivery,
                other => { end = Some(other); break; }
            }
        }
        prop_assert!(stripe.total <= batch.event.value, "recorded {} of {}", stripe.total, batch.event.value);
        match end {
            Some(Next::Done) => prop_assert_eq!(stripe.total, batch.event.value),
            Some(Next::Park(Parked::TooOld)) => prop_assert_eq!(stripe.total, 0),
            _ => {}
        }
    }

    #[test]
    fn sealing_keeps_every_instance_and_no_identifier_twice(
        lines in proptest::collection::vec((0usize..4, 0i64..4 * DAY, 0u64..9), 0..60)
    ) {
        let lines: Vec<UsageLine> = lines.into_iter().enumerate()
            .map(|(id, (customer, at, count))| line(id as i64, &format!("cus_{customer}"), at, count))
            .collect();
        let batches = seal("i1", &lines);
        let sum: u64 = batches.iter().map(|it| it.event.value).sum();
        prop_assert_eq!(sum, lines.iter().map(|it| it.count).sum::<u64>());
        let identifiers: std::collections::BTreeSet<_> = batches.iter().map(|it| &it.event.identifier).collect();
        prop_assert_eq!(identifiers.len(), batches.len());
        prop_assert!(batches.iter().all(|it| it.event.identifier.len() <= 100));
    }
}
