//! Two gateways on one PostgreSQL under load, killed and cut off amid it: the quota holds, the chain is whole, and what
//! was counted is what was done.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "ledger/books.rs"]
mod books;
mod stow;
mod support;

use books::Books;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::rig;
use support::server::Server;

const CLIENTS: usize = 64;
const INSTANCES: u64 = 20_000;
const A_REQUEST: u64 = 10;
const QUOTA: u64 = 12_000;
const MASTER: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Instances sent.
    sent: AtomicU64,
    /// Instances that came back.
    delivered: AtomicU64,
    /// Instances of requests whose answer never came, or came as 503.
    lost: AtomicU64,
    /// Requests refused because the month is used up.
    spent: AtomicU64,
}

struct Gateways {
    addresses: [Mutex<String>; 2],
    key: String,
}

/// What both gateways share: the database, and Stripe where it is built in and its stand-in can run.
struct World {
    folder: tempfile::TempDir,
    stripe: Option<rig::StripeStand>,
}

impl World {
    fn new() -> Self {
        let stripe =
            if cfg!(feature = "billing") { rig::stripe("http://127.0.0.1:9/", "whsec_rig") } else { None };
        if let Some(stripe) = &stripe {
            let meter = "display_name=i&event_name=veilgate_instances&default_aggregation[formula]=sum";
            stripe.ask("POST", "/v1/billing/meters", "application/x-www-form-urlencoded", meter);
        }
        Self { folder: tempfile::tempdir().unwrap(), stripe }
    }

    fn start(&self, name: &str, database: &str) -> Server {
        let mut environment = vec![("VEILGATE_DATABASE", database), ("VEILGATE_MASTER_KEY", MASTER)];
        if let Some(stripe) = &self.stripe {
            environment.push(("STRIPE_API_KEY", "sk_test_rig"));
            environment.push(("VEILGATE_BILLING_BASE_URL", &stripe.url));
            environment.push(("VEILGATE_BILLING_METER_TIME", "200 ms"));
        }
        Server::on(&self.folder.path().join(name), &[], &environment)
    }

    /// What the meter at Stripe says comes to what was used; claims of the killed gateway lapse first.
    fn check_meter(&self, books: &Books) {
        let Some(stripe) = &self.stripe else { return };
        let told = || {
            let totals = stripe.ask("GET", "/_test/meter", "", "");
            totals["veilgate_instances"]["cus_rig"].as_f64().unwrap_or_default() as u64
        };
        let until = Instant::now() + Duration::from_secs(180);
        while told() < books.usage().0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(told(), books.usage().0, "what Stripe was told is what was used");
    }
}

#[test]
fn two_gateways_share_a_quota_and_a_chain_also_over_kills() {
    let Some(mut postgres) = rig::postgres() else { return };
    let world = World::new();
    let one = world.start("one", &postgres.url);
    let mut two = world.start("two", &postgres.url);
    let books = Books::open(&postgres.url);
    books.limit(QUOTA);
    let gateways = Gateways {
        addresses: [one.address(), two.address()].map(|address| Mutex::new(address.to_owned())),
        key: one.key.clone(),
    };
    let seen = Seen::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (gateways, seen) = (&gateways, &seen);
            scope.spawn(move || load(client, gateways, seen));
        }
        wait_until(&seen, INSTANCES / 5);
        two.kill();
        two = world.start("two", &postgres.url);
        *gateways.addresses[1].lock().unwrap() = two.address().to_owned();
        wait_until(&seen, INSTANCES / 5 * 2);
        postgres.crash_and_restart();
    });
    report(&seen);
    world.check_meter(&books);
    check(&seen, &books, &one);
}

fn wait_until(seen: &Seen, sent: u64) {
    while seen.sent.load(Ordering::SeqCst) < sent {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One client: pushes until all instances are sent, now to this gateway, now to that.
fn load(client: usize, gateways: &Gateways, seen: &Seen) {
    let number = u32::try_from(client).unwrap() * 100;
    let instances: Vec<Vec<u8>> = (0..A_REQUEST as u32).map(|nth| stow::ct(number + nth)).collect();
    let mut turn = client;
    while seen.sent.fetch_add(A_REQUEST, Ordering::SeqCst) < INSTANCES {
        turn += 1;
        let address = gateways.addresses[turn % 2].lock().unwrap().clone();
        let request =
            stow::push(&instances).header("Accept", stow::RESPOND).header("X-API-Key", &gateways.key);
        match request.send(&address) {
            Ok(answer) if [200, 202].contains(&answer.status) => {
                let delivered = answer.header("veilgate-stored").unwrap().parse().unwrap();
                seen.delivered.fetch_add(delivered, Ordering::SeqCst);
            }
            Ok(answer) if answer.status == 429 => {
                assert!(answer.header("retry-after").is_some(), "{}", answer.text());
                seen.spent.fetch_add(1, Ordering::SeqCst);
            }
            // All instances of a request may be refused when the last was given away meanwhile.
            Ok(answer) if answer.status == 409 => {}
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                seen.lost.fetch_add(A_REQUEST, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(_) => {
                seen.lost.fetch_add(A_REQUEST, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn report(seen: &Seen) {
    let number = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    println!(
        "{} instances delivered, {} in requests without answer, {} requests refused for the quota",
        number(&seen.delivered),
        number(&seen.lost),
        number(&seen.spent)
    );
}

fn check(seen: &Seen, books: &Books, gateway: &Server) {
    let delivered = seen.delivered.load(Ordering::SeqCst);
    let lost = seen.lost.load(Ordering::SeqCst);
    // What a killed gateway had reserved is given back once it counts as dead.
    let until = Instant::now() + Duration::from_secs(120);
    while books.usage().1 > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
    }
    let (used, reserved) = books.usage();
    assert_eq!(reserved, 0, "a reservation was never given back");
    assert!(used <= QUOTA, "{used} of {QUOTA} used");
    assert!(delivered <= used, "{delivered} delivered, only {used} on record");
    assert!(used - delivered <= lost, "{used} on record, {delivered} delivered, {lost} unanswered");
    assert_eq!(books.billed(), used, "what is billed is what was used");
    let report = books.verify(gateway);
    assert!(report.is_whole(), "{report}");
    assert_eq!(books.done_instances(), used, "the chain tells of each instance that counts");
    // What failures gave back is there to be used.
    let mut rest = QUOTA - used;
    while rest > 0 {
        let answer = gateway.send(stow::push(&[stow::ct(1)]).header("Accept", stow::RESPOND));
        assert_eq!(answer.status, 200, "{}", answer.text());
        rest -= 1;
        if QUOTA - used - rest > 20 {
            return;
        }
    }
    let answer = gateway.send(stow::push(&[stow::ct(1)]).header("Accept", stow::RESPOND));
    assert_eq!(answer.status, 429, "one more than the quota");
}
