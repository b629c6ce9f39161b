//! The crosswalk on either database: what is entered is found, by its own project only, and never stands there in clear.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::db::seal::MasterKey;
use crate::db::tests::{another_project, founded, hand};
use sqlx::Row as _;

fn key(byte: u8) -> ProjectKey {
    ProjectKey::from_bytes([byte; 32])
}

fn pair(kind: Kind, pseudonym: &str, original: &str) -> (Kind, String, Phi<String>) {
    (kind, pseudonym.to_owned(), Phi::new(original.to_owned()))
}

fn uids(range: std::ops::Range<u32>) -> Vec<(Kind, String, Phi<String>)> {
    range.map(|number| pair(Kind::Uid, &format!("2.25.{number}"), &format!("1.2.{number}"))).collect()
}

async fn original(crosswalk: &Crosswalk, kind: Kind, pseudonym: &str) -> Option<String> {
    crosswalk.original(kind, pseudonym).await.unwrap().map(|original| original.expose().clone())
}

/// Every row as text, and how many there are.
async fn stored(db: &Db) -> (String, usize) {
    let all = "SELECT project_id, kind, pseudonym, original, value FROM crosswalk";
    let rows = sqlx::query(all).fetch_all(&db.readers).await.unwrap();
    let text =
        |row: &sqlx::any::AnyRow| (0..5).map(|at| row.get::<String, _>(at)).collect::<Vec<_>>().join(" ");
    (rows.iter().map(text).collect::<Vec<_>>().join("\n"), rows.len())
}

async fn age(db: &Db, project: &str, by: i64) {
    let sql = "UPDATE crosswalk SET seen_ms = seen_ms - $2 WHERE project_id = $1";
    sqlx::query(sql).bind(project.to_owned()).bind(by).execute(&db.writers).await.unwrap();
}

#[tokio::test]
async fn what_is_entered_is_found_after_a_restart_and_unknown_names_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let patient = "id\nMüller-1\nHospital";
    let before = Crosswalk::new(db.clone(), &project, &key(1));
    let pairs = vec![pair(Kind::Uid, "2.25.1", "1.2.3"), pair(Kind::Patient, "PABC", patient)];
    before.enter(pairs).await.unwrap();
    for crosswalk in [before, Crosswalk::new(db.clone(), &project, &key(1))] {
        assert_eq!(original(&crosswalk, Kind::Uid, "2.25.1").await.as_deref(), Some("1.2.3"));
        assert_eq!(original(&crosswalk, Kind::Patient, "PABC").await.as_deref(), Some(patient));
        assert_eq!(original(&crosswalk, Kind::Patient, "2.25.1").await, None, "kinds are apart");
        assert_eq!(original(&crosswalk, Kind::Uid, "2.25.2").await, None);
        assert_eq!(original(&crosswalk, Kind::Uid, "").await, None);
    }
}

#[tokio::test]
async fn a_pseudonym_of_another_project_is_not_found_even_under_the_same_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let other = another_project(&db).await;
    Crosswalk::new(db.clone(), &project, &key(1)).enter(uids(0..3)).await.unwrap();
    for secret in [1, 2] {
        let crosswalk = Crosswalk::new(db.clone(), &other, &key(secret));
        assert_eq!(original(&crosswalk, Kind::Uid, "2.25.1").await, None);
    }
    let wrong = Crosswalk::new(db.clone(), &project, &key(2));
    assert_eq!(original(&wrong, Kind::Uid, "2.25.1").await, None, "without the secret no row is found");
    // A row that somebody put under another project does not open there.
    let moved = "UPDATE crosswalk SET project_id = $1";
    sqlx::query(moved).bind(&other).execute(&db.writers).await.unwrap();
    let crosswalk = Crosswalk::new(db.clone(), &other, &key(1));
    assert!(crosswalk.original(Kind::Uid, "2.25.1").await.is_err());
}

#[tokio::test]
async fn nothing_stands_there_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let crosswalk = Crosswalk::new(db.clone(), &project, &key(1));
    let names = [("2.25.4711", "1.2.840.4711"), ("PSEUDONYM", "id\nPATIENT-7\nISSUER-7")];
    crosswalk.enter(vec![pair(Kind::Uid, names[0].0, names[0].1)]).await.unwrap();
    crosswalk.enter(vec![pair(Kind::Patient, names[1].0, names[1].1)]).await.unwrap();
    let (text, rows) = stored(&db).await;
    assert_eq!(rows, 2);
    assert!(text.contains(&project));
    for mark in ["4711", "PSEUDONYM", "PATIENT-7", "ISSUER-7"] {
        for form in [mark.to_owned(), rows::text(mark.as_bytes()), crate::db::seal::hex(mark.as_bytes())] {
            assert!(!text.contains(&form), "{form}");
        }
    }
}

#[tokio::test]
async fn what_is_known_costs_no_sql_and_many_come_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let crosswalk = Crosswalk::new(db.clone(), &project, &key(1));
    let together = (0..8).map(|_| crosswalk.enter([uids(0..1203), uids(0..700)].concat()));
    for entered in futures_util::future::join_all(together).await {
        entered.unwrap();
    }
    assert_eq!(db.crosswalk_rows(&project).await.unwrap(), 1203);
    let names: Vec<String> = uids(0..1300).into_iter().map(|(_, name, _)| name).collect();
    let anew = Crosswalk::new(db.clone(), &project, &key(1));
    let found = anew.originals(Kind::Uid, &names).await.unwrap();
    assert_eq!(found.len(), 1203);
    assert!(found.iter().all(|(name, original)| name.replace("2.25.", "1.2.") == *original.expose()));
    db.close().await;
    for crosswalk in [&crosswalk, &anew] {
        crosswalk.enter(uids(0..1203)).await.unwrap();
        assert_eq!(crosswalk.originals(Kind::Uid, &names[..1203]).await.unwrap().len(), 1203);
    }
    assert!(crosswalk.enter(uids(1203..1204)).await.is_err(), "what is new needs the database");
    assert!(crosswalk.originals(Kind::Uid, &names[1203..]).await.is_err());
}

#[tokio::test]
async fn a_pseudonym_that_names_another_patient_now_tells_of_that_one() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let stale = Crosswalk::new(db.clone(), &project, &key(1));
    for patient in ["id\nA\n", "id\nB\n"] {
        let crosswalk = Crosswalk::new(db.clone(), &project, &key(1));
        for crosswalk in [&stale, &crosswalk] {
            crosswalk.enter(vec![pair(Kind::Patient, "S-001", patient)]).await.unwrap();
            assert_eq!(original(crosswalk, Kind::Patient, "S-001").await.as_deref(), Some(patient));
        }
    }
    let anew = Crosswalk::new(db.clone(), &project, &key(1));
    assert_eq!(original(&anew, Kind::Patient, "S-001").await.as_deref(), Some("id\nB\n"));
    assert_eq!(stored(&db).await.1, 1);
}

#[tokio::test]
async fn a_pseudonym_of_the_project_s_own_holds_whatever_was_met_before() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let table = b"patient_id,issuer,pseudonym\nB,,S-001\nC,,S-002\n";
    let own = OwnPseudonyms::parse(table, &key(1)).ok().unwrap();
    let crosswalk = Crosswalk::with_own(db.clone(), &project, &key(1), &own);
    let met = vec![pair(Kind::Patient, "S-001", "id\nA\n"), pair(Kind::Uid, "S-002", "1.2.3")];
    crosswalk.enter(met).await.unwrap();
    assert_eq!(original(&crosswalk, Kind::Patient, "S-001").await.as_deref(), Some("id\nB\n"));
    assert_eq!(original(&crosswalk, Kind::Patient, "S-002").await.as_deref(), Some("id\nC\n"));
    assert_eq!(original(&crosswalk, Kind::Uid, "S-002").await.as_deref(), Some("1.2.3"), "kinds are apart");
}

#[tokio::test]
async fn beyond_the_bound_the_longest_unseen_go_and_what_is_used_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let other = another_project(&db).await;
    Crosswalk::new(db.clone(), &project, &key(1)).enter(uids(0..2500)).await.unwrap();
    Crosswalk::new(db.clone(), &other, &key(1)).enter(uids(0..5)).await.unwrap();
    age(&db, &project, 2 * STALE).await;
    // Met again, in a process that found them in the database.
    let crosswalk = Crosswalk::new(db.clone(), &project, &key(1));
    let used: Vec<String> = (0..100).map(|number| format!("2.25.{number}")).collect();
    assert_eq!(crosswalk.originals(Kind::Uid, &used).await.unwrap().len(), 100);
    crosswalk.enter(uids(0..100)).await.unwrap();
    assert_eq!(db.trim_crosswalks(200).await.unwrap(), 2300);
    assert_eq!(db.crosswalk_rows(&project).await.unwrap(), 200);
    assert_eq!(db.crosswalk_rows(&other).await.unwrap(), 5);
    assert_eq!(db.trim_crosswalks(200).await.unwrap(), 0);
    let anew = Crosswalk::new(db.clone(), &project, &key(1));
    assert_eq!(anew.originals(Kind::Uid, &used).await.unwrap().len(), 100);
}

#[tokio::test]
async fn another_master_key_leaves_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let (old, new) = (MasterKey::new([1; 32]), MasterKey::new([8; 32]));
    let hand = hand(&db, &old).await;
    let secret = db.project_settings(&old, &project).await.unwrap().secret;
    Crosswalk::new(db.clone(), &project, &secret).enter(uids(0..50)).await.unwrap();
    let before = stored(&db).await;
    db.rotate_master_key(&hand, &old, &new).await.unwrap();
    assert_eq!(stored(&db).await, before);
    let secret = db.project_settings(&new, &project).await.unwrap().secret;
    let names: Vec<String> = uids(0..50).into_iter().map(|(_, name, _)| name).collect();
    let crosswalk = Crosswalk::new(db.clone(), &project, &secret);
    assert_eq!(crosswalk.originals(Kind::Uid, &names).await.unwrap().len(), 50);
}
