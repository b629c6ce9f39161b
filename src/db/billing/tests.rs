//! Tests of ledgers and outbox on a real database: payments in any order and before their customer, usage that is
//! neither lost nor doubled whatever dies when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::billing::outbox::{DOUBT, LEASE, Parked};
use crate::billing::{About, Change, CheckoutPayment, MeterOutcome, Snapshot, Status};
use crate::db::seal::MasterKey;
use crate::db::tests::founded;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: i64 = 86_400;

struct Rig {
    db: Db,
    rules: Rules,
    customer: String,
    _folder: tempfile::TempDir,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = founded(folder.path()).await;
    let customer = db.key_owner([3; 32]).await.unwrap().unwrap().customer;
    let key = db.installation(&MasterKey::new([1; 32])).await.unwrap().audit_key();
    let keeper = Keeper::new(key, 1000, Duration::from_secs(600));
    let prices = Prices { monthly: vec!["price_m".into()], annual: vec!["price_a".into()] };
    sqlx::query("UPDATE customer SET tier = 'free'").execute(&db.writers).await.unwrap();
    Rig { db, rules: Rules { prices, terms: Terms::default(), keeper }, customer, _folder: folder }
}

fn event(id: &str, at: i64, reference: &str, kind: Kind) -> Event {
    let about = About {
        reference: Some(reference.into()),
        stripe_customer: Some("cus_1".into()),
        subscription: Some("sub_1".into()),
    };
    Event { id: id.into(), created: at, about, kind }
}

fn described(status: Status, from: i64) -> Kind {
    let snapshot = Snapshot {
        status,
        prices: vec!["price_m".into()],
        period_start: Some(from),
        period_end: Some(from + 30 * DAY),
        ..Snapshot::default()
    };
    Kind::Subscription(Change::Updated, snapshot)
}

fn paid(at: i64) -> Kind {
    Kind::InvoicePaid(Some(at + 30 * DAY))
}

impl Rig {
    async fn take(&self, event: &Event) -> Taken {
        self.db.take_event(&self.rules, event).await.unwrap()
    }

    async fn tier(&self) -> Tier {
        self.db.key_owner([3; 32]).await.unwrap().unwrap().tier
    }

    async fn told(&self) -> Vec<String> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM audit_entry WHERE project_id = 'gateway' ORDER BY sequence")
                .fetch_all(&self.db.readers)
                .await
                .unwrap();
        let reason = |body: &String| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body.pointer("/event/reason").or(body.get("reason")).unwrap().as_str().unwrap().to_owned()
        };
        // The founding stands there too.
        bodies.iter().filter(|body| body.contains("\"actor\":\"stripe\"")).map(reason).collect()
    }

    async fn use_up(&self, id: i64, customer: &str, at: i64, instances: i64) {
        sqlx::query(
            "INSERT INTO usage_line (id, customer_id, stripe_customer, at_s, instances) VALUES ($1, 'c', $2, $3, $4)",
        )
        .bind(id)
        .bind(customer.to_owned())
        .bind(at)
        .bind(instances)
        .execute(&self.db.writers)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_payment_raises_the_tier_once_and_its_end_lowers_it_both_told_in_the_chain() {
    let rig = rig().await;
    let reference = rig.db.buyer(&rig.rules, &rig.customer).await.unwrap().reference;
    assert_eq!(reference, rig.customer);
    let now = seconds();
    rig.take(&event("evt_1", now, &reference, described(Status::Active, now))).await;
    assert_eq!(rig.tier().await, Tier::Free, "not paid yet");
    let taken = rig.take(&event("evt_2", now, &reference, paid(now))).await;
    assert_eq!((taken.fresh, rig.tier().await), (true, Tier::Pro));
    let again = rig.take(&event("evt_2", now, &reference, paid(now))).await;
    assert_eq!((again.fresh, again.read_back), (false, None));
    let buyer = rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    assert!(buyer.standing.subscribed && buyer.stripe_customer.as_deref() == Some("cus_1"));

    let ended = Snapshot {
        status: Status::Canceled,
        prices: vec!["price_m".into()],
        period_start: Some(now - 30 * DAY),
        period_end: Some(now),
        ended_at: Some(now),
        ..Snapshot::default()
    };
    rig.take(&event("evt_3", now + 1, &reference, Kind::Subscription(Change::Deleted, ended))).await;
    assert_eq!(rig.tier().await, Tier::Free);
    assert_eq!(rig.told().await, ["pro-paid", "free-ended"]);
    let buyer = rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    assert!(buyer.standing.returning && !buyer.standing.subscribed, "no second trial");
}

#[tokio::test]
async fn a_paid_time_that_runs_out_ends_by_itself_and_the_chain_is_told_later() {
    let rig = rig().await;
    rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    let long_ago = seconds() - 60 * DAY;
    let stale = Rules { terms: Terms { renewal_grace: 40 * DAY, ..Terms::default() }, ..rig.rules.clone() };
    rig.take(&event("evt_1", long_ago, &rig.customer, described(Status::Active, long_ago))).await;
    rig.db.take_event(&stale, &event("evt_2", long_ago, &rig.customer, paid(long_ago))).await.unwrap();
    assert_eq!(rig.tier().await, Tier::Pro, "within that long grace");
    sqlx::query("UPDATE customer SET paid_until_ms = 1").execute(&rig.db.writers).await.unwrap();
    assert_eq!(rig.tier().await, Tier::Free, "without anybody writing it");
    assert_eq!(rig.db.restand_due(&rig.rules).await.unwrap(), 1);
    assert_eq!(rig.told().await, ["pro-paid", "free-ended"]);
    assert_eq!(rig.db.restand_due(&rig.rules).await.unwrap(), 0);
}

#[tokio::test]
async fn a_payment_for_a_customer_who_comes_later_is_kept_until_then() {
    let rig = rig().await;
    let now = seconds();
    rig.take(&event("evt_1", now, "later-1", paid(now))).await;
    rig.take(&event("evt_2", now, "later-1", described(Status::Active, now))).await;
    assert_eq!(rig.tier().await, Tier::Free);
    sqlx::query("UPDATE customer SET reference = 'later-1'").execute(&rig.db.writers).await.unwrap();
    assert_eq!(rig.db.restand_due(&rig.rules).await.unwrap(), 1);
    assert_eq!(rig.tier().await, Tier::Pro);
}

#[tokio::test]
async fn a_subscription_made_by_hand_for_a_known_payer_is_found_by_that_payer() {
    let rig = rig().await;
    let now = seconds();
    rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    let named = event("evt_1", now, &rig.customer, Kind::CheckoutCompleted(CheckoutPayment::Unpaid));
    rig.take(&named).await;
    for (id, kind) in [("evt_2", described(Status::Active, now)), ("evt_3", paid(now))] {
        let mut event = event(id, now, "", kind);
        event.about.reference = None;
        event.about.subscription = Some("sub_2".into());
        rig.take(&event).await;
    }
    assert_eq!(rig.tier().await, Tier::Pro);
}

#[tokio::test]
async fn a_doubt_is_asked_about_again_until_it_is_read_back() {
    let rig = rig().await;
    let now = seconds();
    rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    let first = event("evt_1", now, &rig.customer, paid(now));
    let (subscription, mark) = rig.take(&first).await.read_back.expect("paid, and nobody knows for what");
    assert_eq!(rig.take(&first).await.read_back, Some((subscription.clone(), mark)), "the answer was lost");
    let Kind::Subscription(_, snapshot) = described(Status::Active, now) else { panic!() };
    let read = ReadBack { about: first.about.clone(), snapshot, created: now, paid: None };
    rig.db.take_read_back(&rig.rules, &subscription, mark, Some(&read)).await.unwrap();
    assert_eq!(rig.tier().await, Tier::Pro);
    assert_eq!(rig.take(&first).await.read_back, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_at_once_and_in_any_order_end_alike_and_count_once() {
    let rig = std::sync::Arc::new(rig().await);
    rig.db.buyer(&rig.rules, &rig.customer).await.unwrap();
    let now = seconds();
    let mut kinds = vec![described(Status::Active, now), paid(now)];
    kinds.push(Kind::CheckoutCompleted(CheckoutPayment::Paid));
    let deliveries = (0..12).map(|number| {
        let (rig, kind) = (rig.clone(), kinds[number % 3].clone());
        let event = event(&format!("evt_{}", number % 3), now, &rig.customer, kind);
        tokio::spawn(async move { rig.take(&event).await.fresh })
    });
    let mut fresh = 0;
    for delivery in deliveries.collect::<Vec<_>>() {
        fresh += usize::from(delivery.await.unwrap());
    }
    assert_eq!((fresh, rig.tier().await), (3, Tier::Pro));
    assert_eq!(rig.told().await, ["pro-paid"]);
}

/// Stripe as far as the meter goes: takes each identifier once.
#[derive(Default)]
struct Meter(BTreeMap<String, (String, u64)>);

impl Meter {
    fn take(&mut self, claimed: &Claimed) -> MeterOutcome {
        let event = &claimed.event;
        let told = (event.stripe_customer.clone(), event.value);
        match self.0.insert(event.identifier.clone(), told.clone()) {
            None => MeterOutcome::Recorded,
            Some(before) => {
                assert_eq!(before, told, "one identifier for two things");
                MeterOutcome::Duplicate
            }
        }
    }

    fn total(&self) -> u64 {
        self.0.values().map(|(_, instances)| instances).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_tell_each_line_once_though_claims_and_settlements_get_lost() {
    let rig = std::sync::Arc::new(rig().await);
    let meter = std::sync::Arc::new(std::sync::Mutex::new(Meter::default()));
    let start = seconds();
    let gateways = (0..2i64).map(|gateway| {
        let (rig, meter) = (rig.clone(), meter.clone());
        tokio::spawn(async move {
            for round in 0..30 {
                let id = gateway * 1000 + round;
                rig.use_up(id, &format!("cus_{}", round % 3), start - round * 3600, id + 1).await;
                rig.db.seal_usage("i1").await.unwrap();
                let now = start + round * LEASE;
                let claimed = rig.db.claim_usage(4, now).await.unwrap();
                // Dead before the call, after it, or not at all.
                if round % 3 == 1 {
                    continue;
                }
                let send = |claimed: Claimed| {
                    let outcome = meter.lock().unwrap().take(&claimed);
                    (claimed, outcome)
                };
                let sent: Vec<_> = claimed.into_iter().map(send).collect();
                if round % 3 == 0 {
                    rig.db.settle_usage(&sent, now).await.unwrap();
                }
            }
        })
    });
    for gateway in gateways.collect::<Vec<_>>() {
        gateway.await.unwrap();
    }
    let now = start + 40 * LEASE;
    loop {
        let claimed = rig.db.claim_usage(16, now).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        let sent: Vec<_> = claimed
            .into_iter()
            .map(|claimed| {
                let outcome = meter.lock().unwrap().take(&claimed);
                (claimed, outcome)
            })
            .collect();
        rig.db.settle_usage(&sent, now).await.unwrap();
    }
    let expected: u64 = (0..30).map(|round| 2 * round + 1002).sum();
    assert_eq!(meter.lock().unwrap().total(), expected);
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM meter_batch WHERE state <> 'done'")
        .fetch_one(&rig.db.readers)
        .await
        .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn what_may_have_been_taken_long_ago_is_parked_and_shown() {
    let rig = rig().await;
    let now = seconds();
    rig.use_up(1, "cus_1", now, 7).await;
    assert_eq!(rig.db.seal_usage("i1").await.unwrap(), 1);
    assert_eq!(rig.db.seal_usage("i1").await.unwrap(), 0);
    assert_eq!(rig.db.claim_usage(16, now).await.unwrap().len(), 1);
    assert_eq!(rig.db.claim_usage(16, now + LEASE - 1).await.unwrap(), [], "another sender's");
    assert_eq!(rig.db.claim_usage(16, now + DOUBT).await.unwrap(), []);
    let parked = rig.db.parked_usage().await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].why, parked[0].event.value), (Parked::Doubtful, 7));
}

#[tokio::test]
async fn claims_of_a_dead_gateway_lapse_at_the_start_on_sqlite_only() {
    let rig = rig().await;
    let now = seconds();
    rig.use_up(1, "cus_1", now, 7).await;
    rig.db.seal_usage("i1").await.unwrap();
    rig.db.claim_usage(16, now).await.unwrap();
    rig.db.release_claims().await.unwrap();
    let free = rig.db.claim_usage(16, now + 1).await.unwrap().len();
    assert_eq!(free, usize::from(rig.db.kind == crate::db::Kind::Sqlite));
}
