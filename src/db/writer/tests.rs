//! Tests of the writer on a real database: quotas that hold under load, chains without forks, what a dead gateway left.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod ends;
mod wal;

use super::*;
use crate::audit::action::{Action, Outcome};
use crate::audit::event::By;
use crate::audit::key::SigningKey;
use crate::audit::value::Id;
use crate::db::crosswalk::{Crosswalk, Kind};
use crate::db::tests::founded;
use crate::deid::pseudonym::ProjectKey;
use crate::deid::receipt::Phi;
use std::time::Duration;

struct Rig {
    db: Db,
    project: String,
    customer: String,
    folder: tempfile::TempDir,
}

async fn rig(quota: Option<i64>) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let customer = db.key_owner([3; 32]).await.unwrap().unwrap().customer;
    sqlx::query("UPDATE customer SET quota = $1, stripe_customer = 'cus_1'")
        .bind(quota)
        .execute(&db.writers)
        .await
        .unwrap();
    Rig { db, project, customer, folder }
}

impl Rig {
    fn writer(&self, gateway: &str) -> Writer {
        Writer::start(self.db.clone(), self.terms(gateway))
    }

    fn terms(&self, gateway: &str) -> Terms {
        let keeper = Keeper::new(SigningKey::from_seed(&[5; 32]), 10, Duration::from_secs(3600));
        let quotas = Quotas { free: Some(50), pro: Some(10_000), enterprise: None };
        Terms::new(keeper, quotas, gateway.to_owned())
    }

    /// A database that does not answer: its connections are closed.
    async fn outage(&self) -> Db {
        let folder = tempfile::tempdir().unwrap();
        let (down, _) = founded(folder.path()).await;
        down.close().await;
        down
    }

    fn ticket(&self, id: &str) -> Ticket {
        Ticket {
            id: id.to_owned(),
            customer: self.customer.clone(),
            month: Month::now(),
            project: self.project.clone(),
            key: "key".to_owned(),
            action: Action::Store,
            reserves: true,
        }
    }

    /// What reads count, and their bytes.
    async fn read(&self) -> (u64, u64) {
        let quotas = Quotas { free: None, pro: None, enterprise: None };
        let usage = self.db.usage(&quotas, &self.customer, &Month::now()).await.unwrap();
        (usage.read, usage.read_bytes)
    }

    fn settlement(&self, ticket: Option<Ticket>, used: u64) -> Settlement {
        let by = By { actor: Id::new("key").unwrap(), request: None, action: Action::Store };
        Settlement {
            project: self.project.clone(),
            key: "key".to_owned(),
            ticket,
            used,
            read: 0,
            charged: true,
            left: false,
            events: vec![(1_000, Event::request(&by, Outcome::Done, used, 0))],
            stored: Vec::new(),
            names: Default::default(),
        }
    }

    async fn used_and_reserved(&self) -> (u64, u64) {
        let quotas = Quotas { free: None, pro: None, enterprise: None };
        let usage = self.db.usage(&quotas, &self.customer, &Month::now()).await.unwrap();
        (usage.used, usage.reserved)
    }

    async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.db.readers).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_at_once_never_exceed_the_quota_by_one() {
    let rig = std::sync::Arc::new(rig(Some(120)).await);
    let writers = [rig.writer("one"), rig.writer("one")];
    let requests = (0..200).map(|number| {
        let (rig, writer) = (rig.clone(), writers[number % 2].clone());
        tokio::spawn(async move {
            let ticket = rig.ticket(&format!("r{number}"));
            if writer.reserve(ticket.clone(), 1).await.unwrap() == Some(0) {
                return 0;
            }
            // Every third fails and gives its instance back.
            let used = u64::from(number % 3 != 0);
            writer.settle(rig.settlement(Some(ticket), used)).await.unwrap();
            used
        })
    });
    let mut delivered = 0;
    for request in requests.collect::<Vec<_>>() {
        delivered += request.await.unwrap();
    }
    assert!(delivered <= 120, "{delivered} of 120");
    assert_eq!(rig.used_and_reserved().await, (delivered, 0));
    let left = writers[0].reserve(rig.ticket("rest"), 1000).await.unwrap();
    assert_eq!(left, Some(120 - delivered), "what failed was given back");
    let lines = rig.number("SELECT CAST(COALESCE(SUM(instances), 0) AS BIGINT) FROM usage_line").await;
    assert_eq!(lines, i64::try_from(delivered).unwrap(), "billing counts what usage counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_stores_at_once_on_two_gateways_are_all_counted() {
    let rig = std::sync::Arc::new(rig(Some(1000)).await);
    let writers = [rig.writer("one"), rig.writer("one")];
    let requests = (0..120).map(|number: u64| {
        let (rig, writer) = (rig.clone(), writers[usize::from(number % 4 > 1)].clone());
        tokio::spawn(async move {
            let ticket = rig.ticket(&format!("r{number}"));
            if number.is_multiple_of(2) {
                let ticket = Ticket { reserves: false, ..ticket };
                let read = Settlement { read: 3, ..rig.settlement(Some(ticket), 0) };
                writer.settle(read).await.unwrap();
                writer.sent(&rig.customer, &Month::now(), 10);
            } else {
                writer.reserve(ticket.clone(), 2).await.unwrap();
                writer.settle(rig.settlement(Some(ticket), 1)).await.unwrap();
            }
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    for writer in writers {
        writer.flush().await.unwrap();
    }
    assert_eq!((rig.used_and_reserved().await, rig.read().await), ((60, 0), (180, 600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_at_once_make_one_chain_without_gap_or_fork() {
    let rig = std::sync::Arc::new(rig(None).await);
    let writers = [rig.writer("one"), rig.writer("one")];
    let requests = (0..100).map(|number| {
        let (rig, writer) = (rig.clone(), writers[number % 2].clone());
        tokio::spawn(async move { writer.settle(rig.settlement(None, 0)).await.unwrap().receipt.unwrap() })
    });
    let key = SigningKey::from_seed(&[5; 32]);
    let mut sequences = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        let receipt = request.await.unwrap();
        assert!(receipt.check(key.public()).is_ok(), "a receipt that proves nothing");
        sequences.push(receipt.sequence);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=100).collect::<Vec<u64>>());
    let kept = rig.number("SELECT COUNT(*) FROM audit_checkpoint").await;
    assert!((1..=10).contains(&kept), "{kept} checkpoints kept of 100 entries, one due every 10");
}

#[tokio::test]
async fn a_refused_settlement_sinks_no_other() {
    let rig = rig(Some(5)).await;
    let writer = rig.writer("one");
    let greedy = rig.settlement(Some(rig.ticket("greedy")), 6);
    let modest = rig.settlement(Some(rig.ticket("modest")), 2);
    let (greedy, modest) = tokio::join!(writer.settle(greedy), writer.settle(modest));
    assert_eq!(greedy.err(), Some(Fault::Spent));
    assert!(modest.is_ok());
    assert_eq!(rig.used_and_reserved().await, (2, 0));
}

#[tokio::test]
async fn names_come_with_the_account_or_not_at_all() {
    let rig = rig(Some(5)).await;
    let writer = rig.writer("one");
    let walk = || Crosswalk::new(rig.db.clone(), &rig.project, &ProjectKey::from_bytes([1; 32]));
    let pairs = |names: &[&str]| {
        let pair = |name: &&str| (Kind::Uid, (*name).to_owned(), Phi::new(format!("original {name}")));
        names.iter().map(pair).collect::<Vec<_>>()
    };
    let first = walk();
    let settlement = |id: &str, used, names: &[&str]| {
        let names = first.entries(pairs(names)).unwrap();
        Settlement { names, ..rig.settlement(Some(rig.ticket(id)), used) }
    };
    let (spent, one, two) = tokio::join!(
        writer.settle(settlement("greedy", 6, &["a"])),
        writer.settle(settlement("one", 1, &["b", "c"])),
        writer.settle(settlement("two", 1, &["c", "d"])),
    );
    assert_eq!(spent.err(), Some(Fault::Spent));
    assert!(one.is_ok() && two.is_ok());
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    let mut found: Vec<String> = walk().originals(Kind::Uid, &names).await.unwrap().into_keys().collect();
    found.sort();
    assert_eq!(found, ["b", "c", "d"]);
}

#[tokio::test]
async fn an_unlimited_customer_reserves_nothing_and_is_counted() {
    let rig = rig(Some(-1)).await;
    let writer = rig.writer("one");
    assert_eq!(writer.reserve(rig.ticket("a"), 1).await.unwrap(), None);
    assert_eq!(rig.used_and_reserved().await, (0, 0));
    writer.settle(rig.settlement(Some(rig.ticket("a")), 7)).await.unwrap();
    assert_eq!(rig.used_and_reserved().await, (7, 0));
    assert_eq!(rig.number("SELECT COUNT(*) FROM reservation").await, 0);
}

#[tokio::test]
async fn what_a_dead_gateway_reserved_is_given_back_and_told_in_the_chain() {
    let rig = rig(Some(10)).await;
    sqlx::query("INSERT INTO gateway (id, seen_ms) VALUES ('alive', $1)")
        .bind(crate::db::now() + 3_600_000)
        .execute(&rig.db.writers)
        .await
        .unwrap();
    let writer = rig.writer("alive");
    writer.reserve(rig.ticket("mine"), 3).await.unwrap();
    writer.reserve(rig.ticket("lost"), 4).await.unwrap();
    sqlx::query("UPDATE reservation SET gateway = 'dead' WHERE id = 'lost'")
        .execute(&rig.db.writers)
        .await
        .unwrap();
    let _other = rig.writer("alive");
    let told = async {
        while rig.number("SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%interrupted%'").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert_eq!(rig.used_and_reserved().await, (0, 3), "the living gateway's reservation stays");
}

#[tokio::test]
async fn a_released_reservation_is_free_again() {
    let rig = rig(Some(10)).await;
    let writer = rig.writer("one");
    assert_eq!(writer.reserve(rig.ticket("a"), 64).await.unwrap(), Some(10));
    assert_eq!(writer.reserve(rig.ticket("b"), 1).await.unwrap(), Some(0));
    writer.release(rig.ticket("a"));
    assert_eq!(writer.reserve(rig.ticket("b"), 1).await.unwrap(), Some(1));
}

#[tokio::test]
async fn what_an_outage_left_open_is_settled_once_the_database_is_back() {
    let rig = rig(Some(10)).await;
    let writer = rig.writer("one");
    writer.reserve(rig.ticket("withheld"), 4).await.unwrap();
    writer.reserve(rig.ticket("forwarded"), 3).await.unwrap();
    let (broken, terms) = (rig.outage().await, rig.terms("one"));
    let mut debts = debts::Debts::default();
    for (ticket, left) in [("withheld", false), ("forwarded", true)] {
        let settlement = Settlement { left, ..rig.settlement(Some(rig.ticket(ticket)), 2) };
        let job = Job { ask: Ask::Settle(Box::new(settlement)), reply: None };
        serve(&broken, &terms, vec![job], &mut debts).await;
    }
    assert_eq!(rig.used_and_reserved().await, (0, 7), "nothing was settled in the outage");
    let mut jobs = Vec::new();
    debts.join(&mut jobs);
    // Settled twice over, it counts once: the first time takes the reservation.
    for _ in 0..2 {
        let again = jobs.iter().map(|job| match &job.ask {
            Ask::Recover(settlement) => Job { ask: Ask::Recover(settlement.clone()), reply: None },
            _ => unreachable!("an open account is recovered"),
        });
        serve(&rig.db, &terms, again.collect(), &mut debts).await;
    }
    assert_eq!(
        rig.used_and_reserved().await,
        (2, 0),
        "what was forwarded counts, what was withheld does not"
    );
    assert_eq!(rig.number("SELECT COUNT(*) FROM audit_entry WHERE project_id <> 'gateway'").await, 2);
}

#[tokio::test]
async fn what_a_failed_settlement_had_reserved_is_given_back_once_the_database_serves_again() {
    let rig = rig(Some(10)).await;
    let writer = rig.writer("one");
    let rename = async |statement: &'static str| {
        sqlx::query(statement).execute(&rig.db.writers).await.unwrap();
    };
    assert_eq!(writer.reserve(rig.ticket("r"), 4).await, Ok(Some(4)));
    rename("ALTER TABLE audit_entry RENAME TO hidden").await;
    assert!(writer.settle(rig.settlement(Some(rig.ticket("r")), 2)).await.is_err());
    rename("ALTER TABLE hidden RENAME TO audit_entry").await;
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while rig.used_and_reserved().await.1 > 0 && std::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rig.used_and_reserved().await, (0, 0));
}

#[tokio::test]
async fn what_is_read_counts_on_its_own_meter_and_with_its_bytes() {
    let rig = rig(Some(10)).await;
    let writer = rig.writer("one");
    let read = |id: &str, used| Settlement { read: 4, ..rig.settlement(Some(rig.ticket(id)), used) };
    writer.settle(read("free", 0)).await.unwrap();
    assert_eq!((rig.read().await, rig.used_and_reserved().await), ((4, 0), (0, 0)));
    writer.reserve(rig.ticket("spends"), 4).await.unwrap();
    writer.settle(read("spends", 4)).await.unwrap();
    assert_eq!((rig.read().await, rig.used_and_reserved().await), ((8, 0), (4, 0)));
    writer.sent(&rig.customer, &Month::now(), 1000);
    writer.sent(&rig.customer, &Month::now(), 24);
    writer.flush().await.unwrap();
    assert_eq!(rig.read().await, (8, 1024));
    let too_many = read("beyond", 7);
    assert_eq!(writer.settle(too_many).await.err(), Some(Fault::Spent), "without a reservation");
    assert_eq!(rig.read().await, (8, 1024), "what is not given is not read");
}

#[tokio::test]
async fn bytes_that_leave_during_an_outage_are_counted_once_it_ends() {
    let rig = rig(None).await;
    let (broken, terms) = (rig.outage().await, rig.terms("one"));
    let mut debts = debts::Debts::default();
    let ask = Ask::Sent { customer: rig.customer.clone(), month: Month::now(), bytes: 77 };
    serve(&broken, &terms, vec![Job { ask, reply: None }], &mut debts).await;
    let mut jobs = Vec::new();
    debts.join(&mut jobs);
    serve(&rig.db, &terms, jobs, &mut debts).await;
    assert_eq!(rig.read().await, (0, 77));
}

#[tokio::test]
async fn the_chain_tells_what_an_interrupted_request_wanted() {
    let rig = rig(Some(10)).await;
    let alive = rig.writer("alive");
    let ticket = Ticket { action: Action::Retrieve, ..rig.ticket("reads") };
    alive.reserve(ticket, 3).await.unwrap();
    sqlx::query("UPDATE reservation SET gateway = 'dead'").execute(&rig.db.writers).await.unwrap();
    let _other = rig.writer("alive");
    let told = async {
        while rig.number("SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%interrupted%'").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    let retrieved = "SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%\"action\":\"retrieve\"%'";
    assert_eq!((rig.number(retrieved).await, rig.used_and_reserved().await), (1, (0, 0)));
}

#[tokio::test]
async fn a_database_that_hangs_is_an_outage_before_long_and_serves_again_afterwards() {
    let rig = rig(Some(10)).await;
    let writer = rig.writer("one");
    writer.reserve(rig.ticket("waits"), 1).await.unwrap();
    let mut holder = rig.db.write().await.unwrap();
    sqlx::query("UPDATE usage SET used = used").execute(&mut *holder).await.unwrap();
    let waited = std::time::Instant::now();
    let settled = writer.settle(rig.settlement(Some(rig.ticket("waits")), 1)).await;
    assert!(settled.err().unwrap().is_outage());
    assert!(waited.elapsed() < Duration::from_secs(25), "{:?}", waited.elapsed());
    holder.rollback().await.unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while rig.used_and_reserved().await.1 > 0 && std::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rig.used_and_reserved().await, (0, 0), "what was withheld is given back");
}
