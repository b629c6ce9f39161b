//! What the tests of faults share: a gateway to be harmed, clients in numbers, and what must hold after each fault.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

pub mod clients;
pub mod disk;

use crate::stow::{ct, push};
use crate::support::http::Request;
use crate::support::server::Server;
use crate::support::walk::walk;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a server may take to clear up after requests that broke off.
const CLEARED: Duration = Duration::from_secs(15);

/// A gateway on `folder`/data, its database in a file there, that lets clients ask as often as they like.
pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Server {
    let data = folder.join("data");
    let database = format!("sqlite:///{}", data.join("veilgate.db").display());
    let all =
        [&[("VEILGATE_RATE_ENTERPRISE", "unlimited"), ("VEILGATE_DATABASE", &database)], settings].concat();
    Server::on(&data, &[], &all)
}

/// The server answers, and takes an instance.
pub fn serves(server: &Server) {
    assert_eq!(server.send_bare(Request::new("GET", "/health")).status, 200);
    let answer = server.send(push(&[ct(1)]));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// After any fault: the chain verifies, usage equals what the chain tells of, the archive holds whole instances and each
/// of them is entered, and no temporary file is left.
pub fn is_whole(server: &Server) {
    let books = Books::of(server);
    let begun = Instant::now();
    loop {
        let (reserved, entered) = (books.number("SELECT COUNT(*) FROM reservation"), books.objects());
        let (held, spooled) = (objects(server.data()), files(&server.data().join("spool")).len());
        if reserved == 0 && entered == held && spooled == 0 {
            break;
        }
        let late = begun.elapsed() > CLEARED;
        assert!(!late, "{reserved} reserved, {spooled} spooled, {} entered of {held:?}", entered.len());
        std::thread::sleep(Duration::from_millis(50));
    }
    for (name, size) in books.sizes() {
        let bytes = std::fs::read(server.data().join("archive").join(&name)).unwrap();
        assert_eq!(bytes.len() as u64, size, "{name}");
        assert_eq!(walk(&bytes).fault, None, "{name}");
    }
    let told =
        "SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%\"kind\":\"instance\",\"outcome\":\"done\"%'";
    let used = books.number("SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM usage");
    assert_eq!(used, books.number(told), "what is used is what the chain tells of");
    verifies(server);
}

/// `veilgate audit verify` finds nothing.
pub fn verifies(server: &Server) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    let output = command.args(["audit", "verify", "--data"]).arg(server.data()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// UIDs of the instances that the catalog lists.
pub fn catalogued(server: &Server) -> BTreeSet<String> {
    Books::of(server).texts("SELECT instance_uid FROM instance")
}

/// When the last instance was entered, in milliseconds since 1970 by the server's clock.
pub fn entered_last(server: &Server) -> i64 {
    Books::of(server).number("SELECT MAX(stored_ms) FROM instance")
}

/// Names of all files in the archive, however they came there.
fn objects(data: &Path) -> BTreeSet<String> {
    let archive = data.join("archive");
    let name = |path: PathBuf| path.strip_prefix(&archive).unwrap().to_string_lossy().into_owned();
    files(&archive).into_iter().map(name).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(folder).into_iter().flatten();
    all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// The database, read by SQL beside the server.
struct Books {
    runtime: tokio::runtime::Runtime,
    file: PathBuf,
}

impl Books {
    fn of(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, file: server.data().join("veilgate.db") }
    }

    fn rows(&self, query: &'static str) -> Vec<sqlx::sqlite::SqliteRow> {
        self.runtime.block_on(async {
            let options =
                SqliteConnectOptions::new().filename(&self.file).busy_timeout(Duration::from_secs(10));
            let mut connection = options.connect().await.unwrap();
            let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            rows
        })
    }

    fn number(&self, query: &'static str) -> i64 {
        self.rows(query)[0].get(0)
    }

    fn texts(&self, query: &'static str) -> BTreeSet<String> {
        self.rows(query).iter().map(|row| row.get(0)).collect()
    }

    fn objects(&self) -> BTreeSet<String> {
        self.texts("SELECT object FROM instance")
    }

    fn sizes(&self) -> Vec<(String, u64)> {
        let rows = self.rows("SELECT object, size_bytes FROM instance");
        rows.iter().map(|row| (row.get(0), row.get::<i64, _>(1) as u64)).collect()
    }
}
