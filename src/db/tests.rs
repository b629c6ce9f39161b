//! A database for each test: SQLite, or PostgreSQL where `VEILGATE_TEST_DATABASE` holds the URL of a server that lets us
//! make databases. So the same tests hold for both.
#![allow(clippy::unwrap_used)]

use super::account::{FreshKey, Hand};
use super::catalog::Entry;
use super::chain::Keeper;
use super::seal::MasterKey;
use super::*;
use crate::deid::pseudonym::ProjectKey;

/// Where a new database may be made: in `folder`, or on the server.
pub(crate) async fn place(folder: &Path) -> Address {
    let Ok(server) = std::env::var("VEILGATE_TEST_DATABASE") else {
        return Address::File(folder.join("a db?#%"));
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let name = format!("test_{}", seal::hex(&random));
    let admin = Db::look_at(&Address::Postgres(server.clone())).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"));
    sqlx::raw_sql(create).execute(&admin.writers).await.unwrap();
    admin.close().await;
    let (root, _) = server.rsplit_once('/').unwrap();
    Address::Postgres(format!("{root}/{name}"))
}

/// A new database.
pub(crate) async fn fresh(folder: &Path) -> Db {
    Db::open(&place(folder).await).await.unwrap()
}

/// A database that nobody has connected to.
pub(crate) fn absent() -> Db {
    sqlx::any::install_default_drivers();
    let all = AnyPoolOptions::new().connect_lazy("sqlite::memory:").unwrap();
    Db { readers: all.clone(), writers: all, kind: Kind::Sqlite }
}

/// A new database with its first customer, project and key (of SHA-256 3333…); the project's name.
pub(crate) async fn founded(folder: &Path) -> (Db, String) {
    let db = fresh(folder).await;
    let master = MasterKey::new([1; 32]);
    let hand = hand(&db, &master).await;
    let key = FreshKey { sha256: [3; 32], ..FreshKey::of("") };
    assert!(db.found(&hand, &master, &ProjectKey::from_bytes([2; 32]), &key).await.unwrap());
    let project = db.first_project().await.unwrap().unwrap();
    (db, project)
}

/// An operator's hand; the installation is made if it is new.
pub(crate) async fn hand(db: &Db, master: &MasterKey) -> Hand {
    let key = db.installation(master).await.unwrap().audit_key();
    Hand::operator(Keeper::new(key, 1000, Duration::from_secs(600)))
}

/// Under which the chains of a founded database are written.
pub(crate) async fn keeper(db: &Db) -> Keeper {
    let key = db.installation(&MasterKey::new([1; 32])).await.unwrap().audit_key();
    Keeper::new(key, 1000, Duration::from_secs(600))
}

/// Begins a project's chain, as its first settlement does.
pub(crate) async fn begin_chain(db: &Db, project: &str) {
    let keeper = keeper(db).await;
    let mut transaction = db.write().await.unwrap();
    chain::lock(&mut transaction, &keeper, project).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A second project of the first customer; its name.
pub(crate) async fn another_project(db: &Db) -> String {
    sqlx::query(
        "INSERT INTO project (id, customer_id, name, sealed_secret, created_ms) \
         SELECT 'another', customer_id, 'another', '', 0 FROM project",
    )
    .execute(&db.writers)
    .await
    .unwrap();
    "another".to_owned()
}

/// Enters instances into the catalog, without an account.
pub(crate) async fn enter(db: &Db, project: &str, entries: &[Entry]) -> Result<Vec<String>, Fault> {
    let mut transaction = db.write().await?;
    let useless = catalog::enter(&mut transaction, project, entries).await?;
    transaction.commit().await?;
    Ok(useless)
}

#[tokio::test]
async fn a_second_start_finds_the_schema_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let address = place(folder.path()).await;
    for _ in 0..2 {
        let db = Db::open(&address).await.unwrap();
        assert!(db.is_writable().await);
        db.close().await;
    }
    if let Address::File(file) = &address {
        assert!(file.is_file(), "the file has another name");
    }
    let db = Db::open(&address).await.unwrap();
    sqlx::query("INSERT INTO schema_version (version) VALUES (99)").execute(&db.writers).await.unwrap();
    db.close().await;
    assert_eq!(Db::open(&address).await.err(), Some(Fault::Newer(99)));
}

#[tokio::test]
async fn each_transaction_on_sqlite_is_as_safe_as_it_was_asked_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let db = fresh(folder.path()).await;
    if db.kind == Kind::Postgres {
        return;
    }
    let level = async |mut transaction: Write| -> i64 {
        let level = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *transaction).await.unwrap();
        transaction.rollback().await.unwrap();
        level
    };
    for _ in 0..2 {
        assert_eq!(level(db.write_relaxed().await.unwrap()).await, 1, "NORMAL");
        drop(db.write_relaxed().await.unwrap());
        assert_eq!(level(db.write().await.unwrap()).await, 2, "FULL");
    }
}

#[tokio::test]
async fn another_master_key_is_refused_and_the_right_one_finds_the_same_installation() {
    let folder = tempfile::tempdir().unwrap();
    let db = fresh(folder.path()).await;
    let first = db.installation(&MasterKey::new([1; 32])).await.unwrap();
    let again = db.installation(&MasterKey::new([1; 32])).await.unwrap();
    assert_eq!((first.id, first.audit_seed), (again.id, again.audit_seed));
    assert_eq!(db.installation(&MasterKey::new([9; 32])).await.err(), Some(Fault::Sealed));
}
