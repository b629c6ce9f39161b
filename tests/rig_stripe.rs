//! The door to Stripe against its stand-in: a payment's whole life, hostile deliveries, failing calls, metered usage.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "rig_stripe/hook.rs"]
mod hook;
mod support;

use hook::Hook;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::http::Request;
use support::rig::{StripeStand, free_port, stripe};
use veilgate::billing::{
    Blame, Checkout, Fault, MeterEvent, MeterOutcome, Payer, Plan, Prices, Reason, Settings, Stripe, Terms,
    Tier,
};
use veilgate::secret::Secret;

const FORM: &str = "application/x-www-form-urlencoded";
const SECRET: &str = "whsec_rig";

/// The stand-in with our prices and meter, a webhook, and the door to it.
struct Rig {
    stand: StripeStand,
    hook: Hook,
    door: Stripe,
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn rig() -> Option<Rig> {
    let hook = Hook::start(&[SECRET]);
    let stand = stripe(&hook.url, SECRET)?;
    for (id, interval) in [("price_m", "month"), ("price_a", "year")] {
        let form = format!(
            "id={id}&currency=eur&unit_amount=9900&recurring[interval]={interval}&product_data[name]=v"
        );
        stand.ask("POST", "/v1/prices", FORM, &form);
    }
    let meter = "display_name=i&event_name=veilgate_instances&default_aggregation[formula]=sum";
    stand.ask("POST", "/v1/billing/meters", FORM, meter);
    let door = door(&stand.url, |_| {});
    Some(Rig { stand, hook, door })
}

fn door(url: &str, change: impl FnOnce(&mut Settings)) -> Stripe {
    let mut settings = Settings::new(Secret::new("sk_test_rig"));
    settings.base_url = url.to_owned();
    settings.prices = Prices { monthly: vec!["price_m".into()], annual: vec!["price_a".into()] };
    change(&mut settings);
    Stripe::new(settings).unwrap()
}

fn order(plan: Plan, trial_days: u16) -> Checkout {
    Checkout {
        plan,
        trial_days: Some(trial_days),
        payer: Payer::New(Some("pay@clinic.example".into())),
        reference: "customer-7".into(),
        success_url: "https://clinic.example/paid?session={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://clinic.example/plans".into(),
        idempotency_key: None,
    }
}

impl Rig {
    fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(call)
    }

    fn control(&self, path: &str, what: &Value) -> Value {
        self.stand.ask("POST", path, "application/json", &what.to_string())
    }

    /// Order, pay on the page, and wait for the four events that follow.
    fn pay(&self, plan: Plan, trial_days: u16) -> String {
        let before = self.hook.taken();
        let session = self.run(self.door.checkout(&order(plan, trial_days))).unwrap();
        let page = Request::new("POST", session.url.strip_prefix(&self.stand.url).unwrap()).body("do=pay");
        let paid = page.send(self.stand.url.trim_start_matches("http://")).unwrap();
        assert_eq!(paid.status, 303, "{}", paid.text());
        assert!(paid.header("location").unwrap().ends_with(&session.id));
        self.hook.wait(before + 4);
        self.hook.subscription()
    }

    fn standing(&self) -> (Tier, Reason) {
        let stood = self.hook.standing(&self.door.settings().prices, &Terms::default(), now());
        (stood.tier, stood.reason)
    }

    fn event(&self, kind: &str) -> Value {
        let all = self.stand.ask("GET", "/v1/events?limit=100", FORM, "");
        all["data"].as_array().unwrap().iter().find(|it| it["type"] == kind).unwrap().clone()
    }
}

#[test]
fn a_customer_goes_from_free_over_checkout_and_pro_to_cancelled_and_free() {
    let Some(rig) = rig() else { return };
    assert_eq!(rig.standing(), (Tier::Free, Reason::NoSubscription));
    let subscription = rig.pay(Plan::Monthly, 0);
    assert_eq!(rig.standing(), (Tier::Pro, Reason::Paid));

    let before = rig.hook.taken();
    rig.stand.ask("POST", &format!("/v1/subscriptions/{subscription}"), FORM, "cancel_at_period_end=true");
    rig.hook.wait(before + 1);
    assert_eq!(rig.standing(), (Tier::Pro, Reason::Paid), "cancelling costs nothing of the time paid for");

    // The end of the paid time, as Stripe tells it then.
    let mut ended = rig.stand.ask("GET", &format!("/v1/subscriptions/{subscription}"), FORM, "");
    ended["status"] = json!("canceled");
    ended["ended_at"] = json!(now());
    ended["items"]["data"][0]["current_period_start"] = json!(now() - 30 * 86_400);
    ended["items"]["data"][0]["current_period_end"] = json!(now());
    rig.control("/_test/fire", &json!({ "type": "customer.subscription.deleted", "object": ended }));
    rig.hook.wait(before + 2);
    assert_eq!(rig.standing(), (Tier::Free, Reason::Ended));
}

#[test]
fn a_trial_of_the_annual_plan_counts_as_annual_before_anything_is_paid() {
    let Some(rig) = rig() else { return };
    rig.pay(Plan::Annual, 14);
    assert_eq!(rig.standing(), (Tier::Annual, Reason::Trial));
}

#[test]
fn forged_late_and_changed_deliveries_change_nothing_and_doubled_ones_no_more_than_one() {
    let Some(rig) = rig() else { return };
    rig.pay(Plan::Monthly, 0);
    let stored = rig.hook.ledgers();
    let paid = rig.event("invoice.paid");
    let send = |with: Value| {
        let mut what = json!({ "event": paid["id"] });
        what.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        rig.control("/_test/send", &what)
    };
    assert_eq!(send(json!({ "secret": "whsec_guessed" })), json!([400]));
    assert_eq!(send(json!({ "skew": -301 })), json!([400]));
    assert_eq!(send(json!({ "skew": 310 })), json!([400]));
    assert_eq!(send(json!({ "mangle": true })), json!([400]));
    assert_eq!(rig.hook.ledgers(), stored);
    assert_eq!(send(json!({ "times": 2, "skew": -200 })), json!([200, 200]));
    assert_eq!(rig.hook.ledgers(), stored);
}

#[test]
fn both_secrets_hold_while_one_is_rotated_and_the_old_one_not_after() {
    let Some(rig) = rig() else { return };
    rig.pay(Plan::Monthly, 0);
    let event = rig.event("invoice.paid")["id"].clone();
    rig.hook.secrets(&["whsec_next", SECRET]);
    let rotated = json!({ "event": event, "rotate": "whsec_next" });
    assert_eq!(rig.control("/_test/send", &rotated), json!([200]));
    assert_eq!(rig.control("/_test/send", &json!({ "event": event })), json!([200]));
    rig.hook.secrets(&["whsec_next"]);
    assert_eq!(rig.control("/_test/send", &rotated), json!([200]));
    assert_eq!(rig.control("/_test/send", &json!({ "event": event })), json!([400]));
}

#[test]
fn an_event_of_another_api_version_still_counts() {
    let Some(rig) = rig() else { return };
    // As versions before 2025-03-31 wrote it, and without what the typed client insists on.
    let period = json!({ "start": now(), "end": now() + 86_400 });
    let old = json!({ "id": "evt_old", "object": "event", "api_version": "2022-11-15", "created": now(), "livemode": false,
        "type": "invoice.paid", "data": { "object": { "id": "in_1", "customer": "cus_1", "subscription": "sub_old",
            "lines": { "data": [{ "period": period }] } } } });
    assert_eq!(rig.control("/_test/send", &json!({ "event": old })), json!([200]));
    let ledgers = rig.hook.ledgers();
    assert_eq!(ledgers["sub_old"].paid_through, Some(period["end"].as_i64().unwrap()));
}

#[test]
fn a_subscription_read_back_tells_what_the_events_told() {
    let Some(rig) = rig() else { return };
    let id = rig.pay(Plan::Monthly, 0);
    let read = rig.run(rig.door.subscription(&id)).unwrap();
    let told = rig.hook.ledgers().remove(&id).unwrap();
    assert_eq!(read.snapshot, told.latest.as_ref().unwrap().value);
    assert_eq!(read.about.reference.as_deref(), Some("customer-7"));
    let mut alone = veilgate::billing::Ledger::default();
    alone.apply_read_back(alone.mark(), &read, now());
    assert_eq!(alone.paid_at, told.paid_at, "the latest invoice tells that it is paid");
    let missing = rig.run(rig.door.subscription("sub_none"));
    assert!(matches!(missing, Err(Fault::Refused { status: 404, .. })), "{missing:?}");
    assert!(matches!(rig.run(rig.door.subscription("../customers")), Err(Fault::Request { .. })));
}

#[test]
fn a_paying_customer_gets_a_portal_and_can_buy_again_under_the_same_name() {
    let Some(rig) = rig() else { return };
    let id = rig.pay(Plan::Monthly, 0);
    let customer = rig.hook.ledgers()[&id].stripe_customer.clone().unwrap().value;
    let url = rig.run(rig.door.portal(&customer, "https://clinic.example/")).unwrap();
    assert!(url.starts_with(&rig.stand.url), "{url}");
    let again = Checkout { payer: Payer::Known(customer), ..order(Plan::Annual, 0) };
    rig.run(rig.door.checkout(&again)).unwrap();
}

#[test]
fn the_same_idempotency_key_gives_the_same_session_and_another_order_under_it_is_refused() {
    let Some(rig) = rig() else { return };
    let keyed = Checkout { idempotency_key: Some("click-1".into()), ..order(Plan::Monthly, 0) };
    let first = rig.run(rig.door.checkout(&keyed)).unwrap();
    assert_eq!(rig.run(rig.door.checkout(&keyed)).unwrap(), first);
    let other = Checkout { plan: Plan::Annual, ..keyed.clone() };
    assert!(matches!(rig.run(rig.door.checkout(&other)), Err(Fault::Refused { status: 400, .. })));
    let free = order(Plan::Monthly, 0);
    assert_ne!(rig.run(rig.door.checkout(&free)).unwrap().id, rig.run(rig.door.checkout(&free)).unwrap().id);
}

#[test]
fn failing_calls_are_told_apart_by_who_must_act() {
    let Some(rig) = rig() else { return };
    let fail = |status: u16, delay: u64, times: u32| {
        let what = json!({ "path": "/v1/checkout", "status": status, "delay": delay, "times": times });
        rig.control("/_test/fail", &what);
    };
    let buy = |door: &Stripe| rig.run(door.checkout(&order(Plan::Monthly, 0))).unwrap_err();
    fail(500, 0, 1);
    assert_eq!(buy(&rig.door), Fault::Down(500));
    fail(429, 0, 1);
    assert_eq!((buy(&rig.door), Fault::Busy(429).blame()), (Fault::Busy(429), Blame::Stripe));
    fail(401, 0, 1);
    assert_eq!((buy(&rig.door), Fault::Key(401).blame()), (Fault::Key(401), Blame::Operator));
    let gone = door(&rig.stand.url, |it| it.prices.monthly = vec!["price_gone".into()]);
    let refused = buy(&gone);
    let (code, param) = ("resource_missing".to_owned(), "line_items[0][price]".to_owned());
    assert_eq!(refused, Fault::Refused { status: 400, code, param });
    assert_eq!(refused.blame(), Blame::Operator);
    let nobody = door(&format!("http://127.0.0.1:{}", free_port()), |_| {});
    assert_eq!(buy(&nobody), Fault::Unreachable);
    // Too slow once: made again under the same key. Twice: told.
    let hasty = door(&rig.stand.url, |it| it.timeout = Duration::from_millis(700));
    fail(500, 2, 1);
    rig.run(hasty.checkout(&order(Plan::Monthly, 0))).unwrap();
    fail(500, 2, 2);
    assert_eq!(buy(&hasty), Fault::NoAnswer);
}

fn usage(identifier: &str, customer: &str, value: u64, at: i64) -> MeterEvent {
    MeterEvent { identifier: identifier.into(), stripe_customer: customer.into(), at, value }
}

#[test]
fn metered_usage_is_counted_once_however_often_it_is_sent() {
    let Some(rig) = rig() else { return };
    let batch: Vec<_> = (0..10).map(|n| usage(&format!("v-{n}"), "cus_a", n + 1, now())).collect();
    let recorded = vec![MeterOutcome::Recorded; 10];
    assert_eq!(rig.run(rig.door.meter_events(&batch)), recorded);
    assert_eq!(rig.run(rig.door.meter_events(&batch)), vec![MeterOutcome::Duplicate; 10]);
    let totals = rig.stand.ask("GET", "/_test/meter", FORM, "");
    assert_eq!(totals["veilgate_instances"]["cus_a"], json!(55.0));
}

#[test]
fn usage_that_fails_is_told_to_come_later_and_only_hopeless_usage_to_stay_away() {
    let Some(rig) = rig() else { return };
    let mixed = [
        usage("v-1", "cus_a", 1, now()),
        usage("v-2", "", 1, now()),
        usage("v-3", "cus_a", 1, now() - 36 * 86_400),
        usage("v-4", "cus_a", 1, now() + 3_600),
    ];
    let outcomes = rig.run(rig.door.meter_events(&mixed));
    assert_eq!(outcomes[0], MeterOutcome::Recorded);
    assert!(matches!(outcomes[1], MeterOutcome::Refused(_)), "{outcomes:?}");
    assert!(matches!(outcomes[2], MeterOutcome::Refused(_)), "{outcomes:?}");
    assert!(matches!(outcomes[3], MeterOutcome::Later(_)), "{outcomes:?}");

    rig.control("/_test/fail", &json!({ "path": "/v1/billing/meter_events", "status": 500, "times": 1 }));
    let down = rig.run(rig.door.meter_events(&[usage("v-5", "cus_a", 1, now())]));
    assert_eq!(down, [MeterOutcome::Later(Fault::Down(500))]);
    assert_eq!(rig.run(rig.door.meter_events(&[usage("v-5", "cus_a", 1, now())])), [MeterOutcome::Recorded]);
    let no_meter = door(&rig.stand.url, |it| it.meter = "missing".into());
    let outcomes = rig.run(no_meter.meter_events(&mixed[..1]));
    assert!(matches!(&outcomes[0], MeterOutcome::Later(fault) if !fault.may_be_done()), "{outcomes:?}");
}

#[test]
fn a_closed_door_ends_a_batch_without_sending_the_rest() {
    let Some(rig) = rig() else { return };
    rig.control("/_test/fail", &json!({ "path": "/v1/billing/meter_events", "status": 401, "times": 4 }));
    let batch: Vec<_> = (0..9).map(|n| usage(&format!("v-{n}"), "cus_a", 1, now())).collect();
    assert_eq!(rig.run(rig.door.meter_events(&batch)), vec![MeterOutcome::Later(Fault::Key(401)); 9]);
    assert_eq!(rig.stand.ask("GET", "/_test/meter", FORM, ""), json!({}));
}
