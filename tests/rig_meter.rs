//! Usage told to Stripe's meter by the built gateway: neither lost nor doubled, while Stripe fails and the gateway dies.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "rig_billing/stage.rs"]
mod stage;
mod support;

use serde_json::json;
use stage::{Stage, push, stage};
use std::time::Duration;
use veilgate::db::account::Tier;

/// Longer than the claims of a dead gateway hold, which on PostgreSQL nobody can know to be dead.
const LAPSE: u64 = 150;

const OPEN: &str = "SELECT (SELECT COUNT(*) FROM usage_line WHERE batch IS NULL) \
    + (SELECT COUNT(*) FROM meter_batch WHERE state <> 'done')";

/// A stage whose customer is known to Stripe and has a contract, so that nothing but the meter matters.
fn metered() -> Option<Stage> {
    let stage = stage()?;
    stage.sql("UPDATE customer SET tier = 'enterprise', stripe_customer = 'cus_a'");
    Some(stage)
}

#[test]
fn a_buyers_instances_are_told_and_those_before_the_purchase_are_not() {
    let Some(stage) = stage() else { return };
    assert_eq!(stage.push(2).unwrap().status, 200);
    stage.pay(&stage.checkout(json!({})));
    stage.wait_for(Tier::Pro);
    let customer = stage.subscription()["customer"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        assert_eq!(stage.push(4).unwrap().status, 200);
    }
    stage.wait("the usage at Stripe", 20, || stage.metered(&customer) == 12);
    assert_eq!(stage.usage().used, 14);
}

#[test]
fn usage_waits_while_stripe_is_down_and_is_told_once_after() {
    let Some(mut stage) = metered() else { return };
    let fail = json!({ "path": "/v1/billing/meter_events", "status": 500, "times": 1 });
    stage.control("/_test/fail", &fail);
    assert_eq!(stage.push(3).unwrap().status, 200, "no request waits for Stripe");
    stage.wait("a failed call", 20, || {
        stage.number("SELECT COUNT(*) FROM meter_batch WHERE delivery LIKE '%\"attempts\":1%'") == 1
    });
    assert_eq!(stage.push(2).unwrap().status, 200);
    stage.wait("what came after it", 20, || stage.metered("cus_a") == 2);
    assert!(stage.server.take().unwrap().stop().success(), "stops while usage waits");
    stage.start();
    stage.wait("what had failed", 60, || stage.metered("cus_a") == 5);
    stage.wait("the end of the outbox", 20, || stage.number(OPEN) == 0);
}

#[test]
fn usage_too_old_for_stripe_is_parked_and_shown_to_the_operator() {
    let Some(stage) = metered() else { return };
    let none = stage.run(&["billing", "parked"]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(0), 0), "{none:?}");
    stage.sql("INSERT INTO usage_line (id, customer_id, stripe_customer, at_s, instances) VALUES (7, 'c', 'cus_a', 1000, 4)");
    stage.wait("the parking", 20, || {
        stage.number("SELECT COUNT(*) FROM meter_batch WHERE state = 'parked'") == 1
    });
    let parked = stage.run(&["billing", "parked"]);
    let line = String::from_utf8(parked.stdout).unwrap();
    assert_eq!(parked.status.code(), Some(1));
    assert!(line.starts_with("1970-01-01T00:16:40Z\tcus_a\t4\ttoo-old\tveilgate-"), "{line}");
    assert_eq!((line.lines().count(), stage.metered("cus_a")), (1, 0));
}

#[test]
fn usage_that_was_taken_while_its_answer_was_lost_is_not_told_twice() {
    let Some(mut stage) = metered() else { return };
    // Taken, and the gateway dies before the answer comes.
    let lost = json!({ "path": "/v1/billing/meter_events", "status": 500, "delay": 5, "after": true });
    stage.control("/_test/fail", &lost);
    assert_eq!(stage.push(3).unwrap().status, 200);
    stage.wait("the call", 20, || stage.metered("cus_a") == 3);
    assert_eq!(stage.number(OPEN), 1, "nobody knows of it yet");
    stage.server.take().unwrap().kill();
    stage.start();
    stage.wait("the end of the outbox", LAPSE, || stage.number(OPEN) == 0);
    // Taken, and the answer says otherwise.
    stage
        .control("/_test/fail", &json!({ "path": "/v1/billing/meter_events", "status": 500, "after": true }));
    assert_eq!(stage.push(2).unwrap().status, 200);
    stage.wait("the second call", 20, || stage.metered("cus_a") == 5);
    stage.wait("the end of the outbox", 60, || stage.number(OPEN) == 0);
    assert_eq!(stage.metered("cus_a"), 5);
    let again = "SELECT COUNT(*) FROM meter_batch WHERE delivery LIKE '%\"attempts\":2%'";
    assert_eq!(stage.number(again), 2, "both were sent again");
}

#[test]
fn a_gateway_killed_again_and_again_loses_and_doubles_nothing() {
    let Some(mut stage) = metered() else { return };
    // A little generator, so that the moments differ and a failure can be told by its round.
    let mut state = 0x2545_F491_4F6C_DD1Du64 ^ u64::from(std::process::id());
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..16 {
        if round % 2 == 0 {
            // A call that is carried out while the gateway never hears of it.
            let lost =
                json!({ "path": "/v1/billing/meter_events", "status": 500, "delay": 5, "after": true });
            stage.control("/_test/fail", &lost);
        }
        let (address, key) = (stage.server().address().to_owned(), stage.server().key.clone());
        let pushers: Vec<_> = (1..=3)
            .map(|instances| {
                let (address, key) = (address.clone(), key.clone());
                // Until the gateway is gone.
                std::thread::spawn(move || while push(&address, &key, instances).is_ok() {})
            })
            .collect();
        std::thread::sleep(Duration::from_millis(100 + random(600)));
        stage.server.take().unwrap().kill();
        for pusher in pushers {
            pusher.join().unwrap();
        }
        stage.start();
    }
    stage.stand.ask("DELETE", "/_test/fail", "application/json", "");
    stage.wait("the end of the outbox", LAPSE, || stage.number(OPEN) == 0);
    let again =
        stage.number("SELECT COUNT(*) FROM meter_batch WHERE delivery NOT LIKE '%\"doubtful_since\":null%'");
    assert!(again > 0, "no call was cut off: the kills prove nothing");
    let used = stage.usage().used;
    assert!(used > 100, "only {used} instances were pushed");
    assert_eq!(stage.metered("cus_a"), used);
    let lines = stage.number("SELECT CAST(SUM(instances) AS BIGINT) FROM usage_line");
    assert_eq!(u64::try_from(lines).unwrap(), used);
}
