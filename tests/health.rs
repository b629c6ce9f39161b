//! `/health` is quick whatever happens, `/ready` tells the truth: under load, while the database is locked, hangs or is
//! gone, and while the archive takes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use stow::{RESPOND, ct, push};
use support::http::{Request, Response};
use support::rig;
use support::server::Server;

const CLIENTS: usize = 64;

/// Within this time 99 of 100 answers of `/health` come; a build without optimization shares two cores with its clients.
const QUICK: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 50 });

/// Within this time `/ready` answers, whatever is the matter: the 3 seconds that it waits, and some for a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);

/// Within this time a request is refused whose caller nobody can tell, as the database hangs.
const HANGING: Duration = Duration::from_secs(12);

/// Within this time after the database is back `/ready` says so.
const RECOVERY: Duration = Duration::from_secs(15);

/// A server below `folder` that lets clients ask as often as they like.
fn start(folder: &Path, database: Option<&str>) -> Server {
    let mut settings = vec![("VEILGATE_RATE_ENTERPRISE", "unlimited")];
    settings.extend(database.map(|url| ("VEILGATE_DATABASE", url)));
    Server::on(&folder.join("data"), &[], &settings)
}

fn timed(server: &Server, request: Request) -> (Response, Duration) {
    let begun = Instant::now();
    let answer = server.send_bare(request);
    (answer, begun.elapsed())
}

fn ask(server: &Server, path: &str) -> (Response, Duration) {
    timed(server, Request::new("GET", path))
}

/// Ends the load when dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One load at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// 64 clients that push without pause, one of two to be answered with what it sent, while `probe` runs. How many pushes
/// were answered with 200.
fn under_load(server: &Server, probe: impl FnOnce()) -> u64 {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (over, served) = (&over, &served);
            scope.spawn(move || {
                let request = push(&[ct(client as u32)]).header("X-API-Key", &server.key);
                let request = if client % 2 == 0 { request.header("Accept", RESPOND) } else { request };
                while !over.load(Ordering::SeqCst) {
                    match request.send(server.address()).map(|answer| answer.status) {
                        Ok(200) => served.fetch_add(1, Ordering::SeqCst),
                        Ok(status) => {
                            assert_eq!(status, 503);
                            std::thread::sleep(Duration::from_millis(20));
                            0
                        }
                        Err(_) => 0,
                    };
                }
            });
        }
        // Also when the probe fails.
        let _end = End(&over);
        probe();
    });
    served.load(Ordering::SeqCst)
}

/// Asks `/health` for a time: all answers are 200, and the slowest hundredth is quick.
fn health_is_quick(server: &Server, time: Duration) {
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < time {
        let (answer, took) = ask(server, "/health");
        assert_eq!(answer.status, 200, "{}", answer.text());
        times.push(took);
        std::thread::sleep(Duration::from_millis(5));
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!("/health: {} answers, p50 {:?}, p99 {p99:?}", times.len(), times[times.len() / 2]);
    assert!(p99 < QUICK, "{p99:?}");
}

/// `/ready` says 503 now and again, names what is the matter, and lets nobody wait.
fn is_not_ready(server: &Server, why: &str) {
    for _ in 0..2 {
        let (answer, took) = ask(server, "/ready");
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some() && answer.text().contains(why), "{}", answer.text());
        assert!(took < PATIENCE, "{took:?}");
    }
}

/// `/ready` says 200 before long, and what it says is true.
fn becomes_ready(server: &Server) {
    let begun = Instant::now();
    while ask(server, "/ready").0.status != 200 {
        assert!(begun.elapsed() < RECOVERY, "it does not recover");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("/ready: 200 after {:?}", begun.elapsed());
    let answer = server.send(push(&[ct(1)]));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn health_is_quick_while_64_clients_push() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), None);
    let served = under_load(&server, || health_is_quick(&server, Duration::from_secs(5)));
    println!("{served} pushes beside it");
    assert!(served > 200, "{served} pushes are no load");
}

/// Somebody else who holds the only lock for writing that a file of SQLite has.
struct Locked {
    runtime: tokio::runtime::Runtime,
    connection: SqliteConnection,
}

impl Locked {
    fn new(database: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::from_secs(30));
        let mut connection = runtime.block_on(options.connect()).unwrap();
        runtime.block_on(connection.execute("BEGIN IMMEDIATE")).unwrap();
        Self { runtime, connection }
    }

    fn release(self) {
        self.runtime.block_on(self.connection.close()).unwrap();
    }
}

#[test]
fn a_locked_database_is_told_by_ready_and_not_felt_by_health() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.db");
    let server = start(folder.path(), Some(&format!("sqlite:///{}", file.display())));
    becomes_ready(&server);
    under_load(&server, || {
        let locked = Locked::new(&file);
        health_is_quick(&server, Duration::from_secs(2));
        is_not_ready(&server, "the database does not answer");
        locked.release();
    });
    becomes_ready(&server);
}

#[test]
fn a_database_that_is_gone_or_hangs_is_told_by_ready_and_not_felt_by_health() {
    let Some(mut postgres) = rig::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), Some(&postgres.url));
    becomes_ready(&server);
    under_load(&server, || {
        postgres.crash();
        is_not_ready(&server, "the database does not answer");
        health_is_quick(&server, Duration::from_secs(2));
        postgres.restart();
        becomes_ready(&server);
        let frozen = postgres.freeze();
        is_not_ready(&server, "the database does not answer");
        health_is_quick(&server, Duration::from_secs(2));
        let (answer, took) = timed(&server, push(&[ct(1)]).header("X-API-Key", &server.key));
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some() && took < HANGING, "{took:?}");
        drop(frozen);
    });
    becomes_ready(&server);
}

/// More requests than the database has connections, each half sent.
fn begin_slow_requests(server: &Server) -> Vec<TcpStream> {
    let whole = push(&[ct(1)]);
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nAccept: {RESPOND}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        server.key,
        whole.headers[0].1,
        whole.body.len()
    );
    let begin = |_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&whole.body[..whole.body.len() / 2]).unwrap();
        stream
    };
    (0..40).map(begin).collect()
}

fn slow_requests_hold_up_nobody(server: &Server) {
    let slow = begin_slow_requests(server);
    std::thread::sleep(Duration::from_secs(1));
    for request in
        [push(&[ct(2)]), Request::new("GET", "/v1/usage"), Request::new("GET", "/dicom-web/studies")]
    {
        let (answer, took) = timed(server, request.header("X-API-Key", &server.key));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    assert_eq!(ask(server, "/ready").0.status, 200);
    drop(slow);
}

#[test]
fn a_slow_request_holds_no_connection_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    slow_requests_hold_up_nobody(&start(folder.path(), None));
    let Some(postgres) = rig::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    slow_requests_hold_up_nobody(&start(folder.path(), Some(&postgres.url)));
}

#[test]
fn an_archive_that_takes_nothing_is_told_by_ready() {
    let server = Server::start();
    becomes_ready(&server);
    let (archive, aside) = (server.data().join("archive"), server.data().join("aside"));
    std::fs::rename(&archive, &aside).unwrap();
    std::fs::write(&archive, "in its place").unwrap();
    is_not_ready(&server, "the storage of the server fails");
    std::fs::remove_file(&archive).unwrap();
    std::fs::rename(&aside, &archive).unwrap();
    becomes_ready(&server);
    let left = std::fs::read_dir(&archive).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(left.count(), 0, "asking leaves nothing");
}
