//! Tests of ledger and standing together: the lives subscriptions lead, told in every order.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// The day the tests' subscriptions begin.
const START: i64 = 20_000 * DAY;

fn prices() -> Prices {
    Prices { monthly: vec!["price_m".into()], annual: vec!["price_a".into()] }
}

fn event(id: &str, after: i64, kind: Kind) -> Event {
    let about = About {
        reference: Some("c-1".into()),
        stripe_customer: Some("cus_1".into()),
        subscription: Some("sub_1".into()),
    };
    Event { id: id.into(), created: START + after, about, kind }
}

/// A monthly subscription in its n-th period (from 0).
fn monthly(status: Status, period: i64) -> Snapshot {
    Snapshot {
        status,
        prices: vec!["price_m".into()],
        period_start: Some(START + period * 30 * DAY),
        period_end: Some(START + (period + 1) * 30 * DAY),
        ..Snapshot::default()
    }
}

fn said(id: &str, after: i64, change: Change, snapshot: Snapshot) -> Event {
    event(id, after, Kind::Subscription(change, snapshot))
}

/// Ordered, paid, renewed, overdue, paid late, cancelled, ended.
fn life() -> Vec<Event> {
    let end = START + 60 * DAY;
    let cancelling = Snapshot { cancels_at: Some(end), ..monthly(Status::Active, 1) };
    let ended = Snapshot { ended_at: Some(end), ..monthly(Status::Canceled, 1) };
    vec![
        said("evt_01", 0, Change::Created, monthly(Status::Active, 0)),
        event("evt_02", 1, Kind::InvoicePaid(Some(START + 30 * DAY))),
        event("evt_03", 2, Kind::CheckoutCompleted(CheckoutPayment::Paid)),
        said("evt_04", 30 * DAY, Change::Updated, monthly(Status::Active, 1)),
        event("evt_05", 30 * DAY + HOUR, Kind::InvoicePaymentFailed),
        said("evt_06", 30 * DAY + HOUR, Change::Updated, monthly(Status::PastDue, 1)),
        event("evt_07", 32 * DAY, Kind::InvoicePaid(Some(end))),
        said("evt_08", 32 * DAY, Change::Updated, monthly(Status::Active, 1)),
        said("evt_09", 40 * DAY, Change::Updated, cancelling),
        said("evt_10", 60 * DAY, Change::Deleted, ended),
    ]
}

fn told<'a>(events: impl IntoIterator<Item = &'a Event>) -> Ledger {
    let mut ledger = Ledger::default();
    for event in events {
        ledger.apply(event);
    }
    ledger
}

fn stands(ledger: &Ledger, after: i64) -> Standing {
    standing([ledger], &prices(), &Terms::default(), START + after)
}

#[test]
fn a_life_told_in_order_gives_the_tier_that_is_paid_for_at_each_time() {
    let life = life();
    for (events, after, tier, reason) in [
        (0, 0, Tier::Free, Reason::NoSubscription),
        (1, 1, Tier::Free, Reason::AwaitingPayment),
        (3, 3, Tier::Pro, Reason::Paid),
        (3, 32 * DAY, Tier::Pro, Reason::Paid),
        (3, 34 * DAY, Tier::Free, Reason::Ended),
        (4, 30 * DAY + 1, Tier::Pro, Reason::Paid),
        (5, 31 * DAY, Tier::Pro, Reason::PaymentOverdue),
        (6, 31 * DAY, Tier::Pro, Reason::PaymentOverdue),
        (6, 38 * DAY, Tier::Free, Reason::PaymentOverdue),
        (8, 38 * DAY, Tier::Pro, Reason::Paid),
        (9, 60 * DAY - 1, Tier::Pro, Reason::Paid),
        (9, 60 * DAY, Tier::Free, Reason::Ended),
        (10, 60 * DAY - 1, Tier::Pro, Reason::Cancelled),
        (10, 60 * DAY, Tier::Free, Reason::Ended),
    ] {
        let ledgers = if events == 0 { vec![] } else { vec![told(&life[..events])] };
        let stood = standing(&ledgers, &prices(), &Terms::default(), START + after);
        assert_eq!((stood.tier, stood.reason), (tier, reason), "{events} events, day {}", after / DAY);
        assert_eq!(stood.until.is_some(), tier != Tier::Free, "{events} events");
    }
}

/// Every order of the events, each tried once (Heap's algorithm).
fn permutations(events: &mut Vec<Event>, size: usize, check: &mut dyn FnMut(&[Event])) {
    if size <= 1 {
        return check(events);
    }
    for turn in 0..size {
        permutations(events, size - 1, check);
        events.swap(if size.is_multiple_of(2) { turn } else { 0 }, size - 1);
    }
}

#[test]
fn every_order_of_a_lifes_events_ends_in_the_same_ledger() {
    let mut events: Vec<Event> = life();
    // Eight of the ten, with the pair that shares a second: 40,320 orders.
    events.retain(|it| it.id != "evt_03" && it.id != "evt_08");
    let expected = told(&events);
    let mut count = 0;
    let size = events.len();
    permutations(&mut events, size, &mut |order| {
        count += 1;
        assert_eq!(told(order), expected);
    });
    assert_eq!(count, 40_320);
    assert_eq!(stands(&expected, 60 * DAY).tier, Tier::Free);
}

#[test]
fn a_late_word_from_before_the_end_never_revives_a_subscription() {
    let life = life();
    let mut ledger = told(&life);
    let late = said("evt_99", 61 * DAY, Change::Updated, monthly(Status::Active, 2));
    ledger.apply(&late);
    assert_eq!(stands(&ledger, 61 * DAY).tier, Tier::Free);
}

proptest! {
    #[test]
    fn doubled_and_shuffled_deliveries_end_in_the_same_ledger(
        order in Just(life()).prop_shuffle(),
        again in proptest::collection::vec((0usize..10, 0usize..20), 0..10),
    ) {
        let mut deliveries = order;
        for (which, to) in again {
            let copy = deliveries[which % deliveries.len()].clone();
            deliveries.insert(to.min(deliveries.len()), copy);
        }
        prop_assert_eq!(told(&deliveries), told(&life()));
    }

    #[test]
    fn no_selection_of_events_without_a_payment_upgrades(
        order in Just(life()).prop_shuffle(),
        few in 0usize..10,
        at in 0i64..70,
    ) {
        let unpaid: Vec<Event> = order.into_iter().take(few).filter(|it| !matches!(
            it.kind, Kind::InvoicePaid(_) | Kind::CheckoutCompleted(_)
        )).collect();
        prop_assert_eq!(stands(&told(&unpaid), at * DAY).tier, Tier::Free);
    }

    #[test]
    fn no_selection_of_events_outlasts_the_paid_time_and_its_grace(
        order in Just(life()).prop_shuffle(),
        few in 0usize..10,
    ) {
        let ledger = told(order.iter().take(few));
        let latest_end = 60 * DAY + Terms::default().dunning_grace;
        prop_assert_eq!(stands(&ledger, latest_end).tier, Tier::Free);
    }

    #[test]
    fn a_stored_ledger_comes_back_as_it_was(few in 0usize..10) {
        let ledger = told(&life()[..few]);
        let text = serde_json::to_string(&ledger).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }
}

#[test]
fn an_unpaid_session_waits_for_its_slow_payment() {
    let mut events = vec![
        said("evt_1", 0, Change::Created, monthly(Status::Active, 0)),
        event("evt_2", 1, Kind::CheckoutCompleted(CheckoutPayment::Unpaid)),
    ];
    let stood = stands(&told(&events), DAY);
    assert_eq!((stood.tier, stood.reason), (Tier::Free, Reason::AwaitingPayment));
    events.push(event("evt_3", 3 * DAY, Kind::AsyncPaymentFailed));
    assert_eq!(stands(&told(&events), 3 * DAY).tier, Tier::Free);
    events.push(event("evt_4", 4 * DAY, Kind::AsyncPaymentSucceeded));
    assert_eq!(stands(&told(&events), 4 * DAY).tier, Tier::Pro);
}

#[test]
fn a_trial_counts_until_it_ends_and_a_pause_ends_it() {
    let mut events = vec![
        said("evt_1", 0, Change::Created, monthly(Status::Trialing, 0)),
        event("evt_2", 1, Kind::CheckoutCompleted(CheckoutPayment::Trial)),
    ];
    let stood = stands(&told(&events), DAY);
    assert_eq!((stood.tier, stood.reason), (Tier::Pro, Reason::Trial));
    events.push(said("evt_3", 30 * DAY, Change::Paused, monthly(Status::Paused, 0)));
    assert_eq!(stands(&told(&events), 30 * DAY).tier, Tier::Free);
}

#[test]
fn a_payment_heard_of_before_the_subscription_is_not_lost() {
    let mut ledger = Ledger::default();
    let paid = event("evt_1", 5, Kind::CheckoutCompleted(CheckoutPayment::Paid));
    assert_eq!(ledger.apply(&paid), Applied { changed: true, read_back: true });
    let stood = stands(&ledger, 6);
    assert_eq!((stood.reason, stood.subscribed), (Reason::AwaitingPayment, true));
    assert_eq!(ledger.reference.as_ref().unwrap().value, "c-1");
    ledger.apply(&said("evt_0", 0, Change::Created, monthly(Status::Active, 0)));
    assert_eq!(stands(&ledger, 6).tier, Tier::Pro);
}

#[test]
fn an_invoice_without_lines_pays_the_period_it_was_paid_in() {
    let life = [
        said("evt_1", 0, Change::Created, monthly(Status::Active, 0)),
        event("evt_2", 1, Kind::InvoicePaid(None)),
        said("evt_3", 30 * DAY, Change::Updated, monthly(Status::PastDue, 1)),
    ];
    let stood = stands(&told(&life), 31 * DAY);
    assert_eq!(stood.until, Some(START + 30 * DAY + Terms::default().dunning_grace));
    let ended = said("evt_4", 5 * DAY, Change::Deleted, monthly(Status::Canceled, 0));
    assert_eq!(stands(&told(life[..2].iter().chain([&ended])), 6 * DAY).until, Some(START + 30 * DAY));
}

#[test]
fn a_subscription_ended_early_lasts_as_the_terms_say() {
    let ended = Snapshot { ended_at: Some(START + 5 * DAY), ..monthly(Status::Canceled, 0) };
    let ledger = told(&[
        event("evt_1", 1, Kind::InvoicePaid(Some(START + 30 * DAY))),
        said("evt_2", 5 * DAY, Change::Deleted, ended),
    ]);
    assert_eq!(stands(&ledger, 6 * DAY).tier, Tier::Pro);
    let at_once = Terms { cancelled_keeps_paid_time: false, ..Terms::default() };
    assert_eq!(standing([&ledger], &prices(), &at_once, START + 5 * DAY).tier, Tier::Free);
}

#[test]
fn dunning_that_ends_in_cancellation_ends_with_what_was_paid() {
    let life = life();
    let gave_up = Snapshot { ended_at: Some(START + 50 * DAY), ..monthly(Status::Canceled, 1) };
    let ledger = told(life[..6].iter().chain([&said("evt_9", 50 * DAY, Change::Deleted, gave_up)]));
    assert_eq!(stands(&ledger, 50 * DAY).tier, Tier::Free);
}

#[test]
fn two_words_of_one_second_ask_for_a_reading_back_which_then_decides() {
    let mut ledger = told(&[
        event("evt_0", 0, Kind::InvoicePaid(None)),
        said("evt_b", 9, Change::Updated, monthly(Status::PastDue, 0)),
    ]);
    let rival = said("evt_a", 9, Change::Updated, monthly(Status::Active, 0));
    assert!(ledger.apply(&rival).read_back);
    let read = ReadBack {
        about: rival.about.clone(),
        snapshot: monthly(Status::Active, 0),
        created: START,
        paid: None,
    };
    // Our clock is an hour behind Stripe's: it does not matter.
    ledger.apply_read_back(ledger.mark(), &read, START - HOUR);
    assert_eq!(stands(&ledger, 10).reason, Reason::Paid);
    let later = ReadBack { snapshot: monthly(Status::Unpaid, 0), ..read.clone() };
    ledger.apply_read_back(ledger.mark(), &later, START);
    ledger.apply_read_back(ledger.mark(), &read, START - 1);
    assert_eq!(ledger.latest.as_ref().unwrap().value.status, Status::Unpaid);
}

#[test]
fn an_event_that_comes_in_during_a_reading_back_stays_the_later_word() {
    let mut ledger = told(&life()[..3]);
    let mark = ledger.mark();
    ledger.apply(&life()[5]);
    let about = life()[0].about.clone();
    let stale = ReadBack { about, snapshot: monthly(Status::Active, 0), created: START, paid: None };
    ledger.apply_read_back(mark, &stale, START + 90 * DAY);
    assert_eq!(ledger.latest.unwrap().value.status, Status::PastDue);
}

#[test]
fn a_reading_back_alone_is_enough() {
    let about = life()[0].about.clone();
    let paid = Some((START + 1, Some(START + 30 * DAY)));
    let read = ReadBack { about, snapshot: monthly(Status::Active, 0), created: START, paid };
    let mut ledger = Ledger::default();
    assert!(ledger.apply_read_back(ledger.mark(), &read, START + 2).changed);
    assert_eq!(stands(&ledger, 3).tier, Tier::Pro);
    let unpaid = ReadBack { paid: None, ..read };
    let mut other = Ledger::default();
    other.apply_read_back(other.mark(), &unpaid, START + 2);
    assert_eq!(stands(&other, 3).tier, Tier::Free);
}

#[test]
fn of_several_subscriptions_the_best_speaks_and_an_old_one_still_tells_of_the_trial() {
    let old = told(&life());
    let annual = Snapshot { prices: vec!["price_a".into()], ..monthly(Status::Active, 3) };
    let new = told(&[
        said("evt_1", 90 * DAY, Change::Created, annual),
        event("evt_2", 90 * DAY, Kind::InvoicePaid(None)),
    ]);
    for ledgers in [[&old, &new], [&new, &old]] {
        let stood = standing(ledgers, &prices(), &Terms::default(), START + 91 * DAY);
        assert_eq!((stood.tier, stood.subscribed, stood.returning), (Tier::Annual, true, true));
    }
    assert_eq!((stands(&old, 90 * DAY).subscribed, stands(&old, 90 * DAY).returning), (false, true));
}

#[test]
fn something_the_settings_know_no_plan_for_upgrades_nobody_and_says_so() {
    let other = Snapshot { prices: vec!["price_else".into()], ..monthly(Status::Active, 0) };
    let ledger =
        told(&[said("evt_1", 0, Change::Created, other), event("evt_2", 1, Kind::InvoicePaid(None))]);
    let stood = stands(&ledger, 2);
    assert_eq!((stood.tier, stood.reason), (Tier::Free, Reason::UnknownPlan));
}

#[test]
fn events_of_no_interest_change_nothing() {
    let mut ledger = told(&life());
    assert_eq!(ledger.apply(&event("evt_x", 99 * DAY, Kind::Other)), Applied::default());
    assert_eq!(ledger.apply(&life()[3]), Applied::default());
}

#[test]
fn changing_to_a_shorter_plan_leaves_no_right_beyond_its_period() {
    let annual = Snapshot {
        prices: vec!["price_a".into()],
        period_end: Some(START + 365 * DAY),
        ..monthly(Status::Active, 0)
    };
    let ended = Snapshot { ended_at: Some(START + 60 * DAY), ..monthly(Status::Canceled, 1) };
    let ledger = told(&[
        said("evt_1", 0, Change::Created, annual),
        event("evt_2", 0, Kind::InvoicePaid(Some(START + 365 * DAY))),
        said("evt_3", 30 * DAY, Change::Updated, monthly(Status::Active, 1)),
        said("evt_4", 60 * DAY, Change::Deleted, ended),
    ]);
    assert_eq!(stands(&ledger, 60 * DAY).tier, Tier::Free);
}
