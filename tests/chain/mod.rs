//! A real database with audit chains that the writer made: SQLite, or PostgreSQL where `VEILGATE_TEST_DATABASE` holds the
//! URL of a server that lets us make databases. And the tools of one who tampers with it by SQL, without the gateway.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use veilgate::audit::action::{Action, Outcome};
use veilgate::audit::chain::{Entry, Head, Sealed};
use veilgate::audit::checkpoint::{Checkpoint, EntryReceipt, Signed};
use veilgate::audit::event::{By, Event};
use veilgate::audit::key::SigningKey;
use veilgate::audit::value::{Id, Time};
use veilgate::db::chain::Keeper;
use veilgate::db::seal::MasterKey;
use veilgate::db::usage::Quotas;
use veilgate::db::writer::{Settlement, Terms, Writer};
use veilgate::db::{Address, Db};
use veilgate::serve::witness;

pub const PROJECT: &str = "project-1";
const MASTER: [u8; 32] = [1; 32];

/// A data folder with a database.
pub struct Scene {
    folder: tempfile::TempDir,
    pub db: Db,
    address: Address,
    seed: [u8; 32],
}

/// How a verification by the command ended.
#[derive(Debug)]
pub struct Verdict {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Verdict {
    /// Kind and place of each finding, as printed: `edited 7`, `deleted 3-5`, `deleted` where no entry is named.
    pub fn found(&self) -> Vec<String> {
        let finding = |line: &str| {
            let (kind, rest) = line.split_once(": ")?;
            let place = rest.strip_prefix("entry ").or_else(|| rest.strip_prefix("entries "));
            let place = place.and_then(|place| place.split_once(": ")).map(|(place, _)| place);
            let named = !line.starts_with("project ");
            named.then(|| {
                format!("{kind} {}", place.unwrap_or_default().replace(" to ", "-")).trim().to_owned()
            })
        };
        self.out.lines().filter_map(finding).collect()
    }
}

impl Scene {
    /// An empty database, under a master key of its own.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = place(folder.path()).await;
        let db = Db::open(&address).await.unwrap();
        let installation = db.installation(&MasterKey::new(MASTER)).await.unwrap();
        Self { folder, db, address, seed: installation.audit_seed }
    }

    /// With a chain of `entries`, a checkpoint kept every ten.
    pub async fn of(entries: u64) -> Self {
        let scene = Self::new().await;
        scene.grow(PROJECT, entries).await;
        scene
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.address, Address::File(_))
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.seed)
    }

    pub fn keeper(&self) -> Keeper {
        Keeper::new(self.key(), 10, Duration::from_secs(3600))
    }

    pub fn writer(&self) -> Writer {
        let quotas = Quotas { free: None, pro: None, enterprise: None };
        Writer::start(self.db.clone(), Terms::new(self.keeper(), quotas, "test".to_owned()))
    }

    /// Lets the writer append; the receipt of the last entry.
    pub async fn grow(&self, project: &str, entries: u64) -> EntryReceipt {
        self.grow_by(project, entries, 10).await
    }

    /// The same, so many entries a transaction.
    pub async fn grow_by(&self, project: &str, entries: u64, batch: u64) -> EntryReceipt {
        let writer = self.writer();
        let mut receipt = None;
        let mut left = entries;
        while left > 0 {
            let some = left.min(batch);
            receipt = writer.settle(settlement(project, some)).await.unwrap().receipt;
            left -= some;
        }
        receipt.unwrap()
    }

    /// Runs SQL as somebody who has got hold of the database.
    pub async fn sql(&self, statements: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = match &self.address {
            Address::File(file) => format!("sqlite://{}", file.display()),
            Address::Postgres(url) => url.clone(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }

    /// The entries as they are stored.
    pub async fn entries(&self, project: &str) -> Vec<Sealed> {
        self.db.audit_entries(project, 0, 1_000_000).await.unwrap()
    }

    /// Puts other entries in their place, by the numbers of `at`.
    pub async fn replace(&self, project: &str, entries: &[(u64, Sealed)]) {
        let mut connection = self.connect().await;
        let delete = sqlx::query("DELETE FROM audit_entry WHERE project_id = $1").bind(project.to_owned());
        delete.execute(&mut connection).await.unwrap();
        for (number, entry) in entries {
            sqlx::query("INSERT INTO audit_entry (project_id, sequence, hash, body) VALUES ($1, $2, $3, $4)")
                .bind(project.to_owned())
                .bind(*number as i64)
                .bind(entry.hash.to_hex())
                .bind(entry.body.canonical())
                .execute(&mut connection)
                .await
                .unwrap();
        }
        connection.close().await.unwrap();
    }

    /// Tells the witness of all checkpoints that were kept so far.
    pub async fn witness(&self) {
        let kept = self.db.kept_checkpoints(|_| 0).await.unwrap();
        witness::append(&witness::file(self.data()), &kept).unwrap();
    }

    pub fn forget_witness(&self) {
        std::fs::remove_file(witness::file(self.data())).unwrap();
    }

    /// The kept checkpoints' rows and the head's, signed anew by who has the key, for these entries.
    pub async fn sign_anew(&self, project: &str, entries: &[Sealed]) {
        let mut connection = self.connect().await;
        let rows = sqlx::query("SELECT sequence FROM audit_checkpoint WHERE project_id = $1")
            .bind(project.to_owned())
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for row in rows {
            let number: i64 = row.get(0);
            let Some(entry) = entries.iter().find(|it| it.body.sequence == number as u64) else { continue };
            sqlx::query("UPDATE audit_checkpoint SET body = $3 WHERE project_id = $1 AND sequence = $2")
                .bind(project.to_owned())
                .bind(number)
                .bind(checkpoint(entry, &self.key()).canonical())
                .execute(&mut connection)
                .await
                .unwrap();
        }
        let last = entries.last().unwrap();
        sqlx::query("UPDATE audit_head SET sequence = $2, hash = $3, checkpoint = $4 WHERE project_id = $1")
            .bind(project.to_owned())
            .bind(last.body.sequence as i64)
            .bind(last.hash.to_hex())
            .bind(checkpoint(last, &self.key()).canonical())
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// The built binary, on this data.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(args).arg("--data").arg(self.data()).current_dir(self.data());
        command.env_remove("VEILGATE_TEST_DATABASE");
        command.env("VEILGATE_MASTER_KEY", MASTER.map(|byte| format!("{byte:02x}")).concat());
        if let Address::Postgres(url) = &self.address {
            command.env("VEILGATE_DATABASE", url);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Verdict {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Verdict { status: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// `veilgate audit verify` on the database.
    pub fn verify(&self, args: &[&str]) -> Verdict {
        self.run(&[&["audit", "verify"], args].concat())
    }
}

/// Where a new database may be made.
async fn place(folder: &Path) -> Address {
    let Ok(server) = std::env::var("VEILGATE_TEST_DATABASE") else {
        return Address::File(folder.join("veilgate.db"));
    };
    sqlx::any::install_default_drivers();
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let name = format!("test_{:016x}", u64::from_ne_bytes(random));
    let mut admin = AnyConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    Address::Postgres(format!("{}/{name}", server.rsplit_once('/').unwrap().0))
}

pub fn settlement(project: &str, entries: u64) -> Settlement {
    let by = By { actor: Id::new("key").unwrap(), request: None, action: Action::Store };
    // No two chains are alike, as no two are in life.
    static CLOCK: AtomicI64 = AtomicI64::new(1_795_000_000_000);
    let tick = || CLOCK.fetch_add(1000, Ordering::Relaxed);
    let event = |number| (tick(), Event::request(&by, Outcome::Done, number, 0));
    Settlement {
        project: project.to_owned(),
        key: "key".to_owned(),
        ticket: None,
        used: 0,
        read: 0,
        charged: false,
        left: false,
        events: (0..entries).map(event).collect(),
        stored: Vec::new(),
        names: Default::default(),
    }
}

pub fn checkpoint(entry: &Sealed, key: &SigningKey) -> Signed<Checkpoint> {
    let head = Head { project: entry.body.project.clone(), sequence: entry.body.sequence, hash: entry.hash };
    Checkpoint::sign(&head, entry.body.time.clone(), key)
}

/// Each at its own number.
pub fn in_place(entries: Vec<Sealed>) -> Vec<(u64, Sealed)> {
    entries.into_iter().map(|entry| (entry.body.sequence, entry)).collect()
}

/// Changes what an entry tells.
pub fn change(entry: &mut Entry) {
    entry.time = Time::from_unix_millis(1_796_000_000_000).unwrap();
}

/// Makes all entries from `sequence` on fit each other again, as anyone can.
pub fn rebuild(entries: &mut [Sealed], sequence: u64) {
    let mut before = None;
    for entry in entries {
        if entry.body.sequence >= sequence {
            entry.body.previous = before.unwrap_or(entry.body.previous);
            entry.hash = entry.body.hash();
        }
        before = Some(entry.hash);
    }
}
