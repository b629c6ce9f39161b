//! What accounting costs: requests settled a second beside what the disk can sync, and the time that all layers add to a
//! small push beside the bare handler.

use super::client::Kept;
use super::data;
use super::process::{self, Process};
use super::table::Table;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use veilgate::audit::action::{Action, Outcome};
use veilgate::audit::event::{By, Event};
use veilgate::audit::value::Id;
use veilgate::db::account::{FreshKey, Hand};
use veilgate::db::chain::Keeper;
use veilgate::db::seal::MasterKey;
use veilgate::db::usage::{Month, Quotas};
use veilgate::db::writer::{Settlement, Terms, Ticket, Writer};
use veilgate::db::{Address, Db};
use veilgate::deid::pseudonym::ProjectKey;

/// Requests under way at the same time.
const CLIENTS: usize = 64;
const TIME: Duration = Duration::from_secs(5);
const PUSHES: usize = 3000;

/// Measures the writer alone, the gateway under parallel small pushes, and the latency of one.
pub fn run(table: &mut Table) {
    let folder = tempfile::tempdir().expect("folder");
    let syncs = syncs(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let rate = runtime.block_on(settled(&Address::File(folder.path().join("db"))));
    let disk = format!("the disk syncs {syncs:.0} times a second");
    table.row(
        "requests settled, SQLite",
        format!("{rate:.0}/s"),
        disk,
        format!("{:.1}", rate / syncs),
        "≥ 3,000/s",
    );
    if let Ok(url) = std::env::var("BENCH_POSTGRES") {
        let rate = runtime.block_on(settled(&Address::Postgres(url)));
        table.row("requests settled, PostgreSQL", format!("{rate:.0}/s"), "-".into(), "-".into(), "-");
    }
    drop(runtime);
    latency(table);
}

/// Syncs of a small write a second.
fn syncs(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("sync")).expect("file");
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[0; 4096]).expect("write");
        file.sync_data().expect("sync");
        count += 1.0;
    }
    count / start.elapsed().as_secs_f64()
}

/// Requests of one instance, each reserved and settled, a second.
async fn settled(address: &Address) -> f64 {
    let db = Db::open(address).await.expect("database");
    let master = MasterKey::new([1; 32]);
    let installation = db.installation(&master).await.expect("installation");
    let keeper = Keeper::new(installation.audit_key(), 1000, Duration::from_secs(600));
    let (hand, key) = (Hand::system(keeper.clone()), FreshKey::random().expect("random bytes"));
    db.found(&hand, &master, &ProjectKey::from_bytes([2; 32]), &key).await.expect("founding");
    let owner = db.key_owner(key.sha256).await.expect("key").expect("key");
    let quotas = Quotas { free: None, pro: None, enterprise: Some(1 << 40) };
    let writer = Writer::start(db, Terms::new(keeper, quotas, "bench".to_owned()));
    let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (writer, owner, count) = (writer.clone(), owner.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while start.elapsed() < TIME {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    let ticket = Ticket {
                        id: format!("{client}-{number}"),
                        customer: owner.customer.clone(),
                        month: Month::now(),
                        project: owner.project.clone(),
                        key: owner.key.clone(),
                        action: Action::Store,
                        reserves: true,
                    };
                    writer.reserve(ticket.clone(), 1).await.expect("reserved");
                    writer.settle(settlement(ticket)).await.expect("settled");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("client");
    }
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn settlement(ticket: Ticket) -> Settlement {
    let by = By {
        actor: Id::new(ticket.key.as_str()).expect("name"),
        request: Id::new(ticket.id.as_str()).ok(),
        action: Action::Store,
    };
    let event = || Event::request(&by, Outcome::Done, 1, 0);
    Settlement {
        project: ticket.project.clone(),
        key: ticket.key.clone(),
        used: 1,
        read: 0,
        charged: true,
        left: false,
        events: vec![(1_770_000_000_000, event()), (1_770_000_000_000, event())],
        stored: Vec::new(),
        names: Default::default(),
        ticket: Some(ticket),
    }
}

fn latency(table: &mut Table) {
    let body = data::body(1, 4096, 1);
    let (bare, gateway) = (process::bare(), process::gateway(&[]));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut connections = [Kept::open(&bare), Kept::open(&gateway)];
    for _ in 0..PUSHES {
        let [to_bare, to_gateway] = &mut connections;
        without.push(to_bare.push(&body));
        with.push(to_gateway.push(&body));
    }
    let at = |times: &mut Vec<Duration>, part: f64| {
        times.sort();
        times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6
    };
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let (ours, theirs) = (at(&mut with, part), at(&mut without, part));
        table.row(
            &format!("one push of 5 kB through all layers, {name}"),
            format!("{ours:.0} µs"),
            format!("bare handler {theirs:.0} µs"),
            format!("+{:.0} µs", ours - theirs),
            "-",
        );
    }
    let rate = parallel(&gateway, &body);
    table.row("requests of one 5 kB instance served", format!("{rate:.0}/s"), "-".into(), "-".into(), "-");
}

/// Small pushes a second over parallel connections, client and gateway on the same cores.
fn parallel(gateway: &Process, body: &data::Body) -> f64 {
    let start = Instant::now();
    let count: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut connection, mut count) = (Kept::open(gateway), 0);
                    while start.elapsed() < TIME {
                        connection.push(body);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("client")).sum()
    });
    count as f64 / start.elapsed().as_secs_f64()
}
