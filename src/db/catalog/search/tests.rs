//! The plans of searches in a catalog of a million instances, and how long they take; on
//! SQLite or PostgreSQL.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::db::Kind;
use crate::db::tests::founded;
use std::time::{Duration, Instant};

const STUDIES: i64 = 10_000;
const SERIES: i64 = 2;
const INSTANCES: i64 = 50;
const PATIENTS: i64 = 2_500;

/// Fills the catalog by SQL alone: studies of ten years, each with as many series and instances.
async fn fill(db: &Db, project: &str) {
    let numbers =
        "WITH RECURSIVE n (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2 - 1)";
    let attributes = |filler: usize| {
        format!("'{{\"00100021\":{{\"vr\":\"LO\",\"Value\":[\"{}\"]}}}}'", "x".repeat(filler))
    };
    let (study, series, instance) = (attributes(700), attributes(300), attributes(40));
    let studies = format!(
        "INSERT INTO study (project_id, study_uid, patient_id, created_ms, patient_name, study_date, study_time, \
         accession_number, attributes) {numbers} SELECT $1, '2.25.' || i, 'P' || (i % {PATIENTS}), 0, \
         '=doe^' || i || '=', CAST(20150101 + (i * 7919 % 10) * 10000 + (i % 12) * 100 + i % 28 AS TEXT), \
         '101112.000000', 'A' || i, {study} FROM n"
    );
    let series = format!(
        "INSERT INTO series (project_id, study_uid, series_uid, created_ms, modality, series_number, instance_count, \
         attributes) {numbers} SELECT $1, '2.25.' || (i / {SERIES}), '2.25.1.' || i, 0, 'CT', i % {SERIES}, \
         {INSTANCES}, {series} FROM n"
    );
    let instances = format!(
        "INSERT INTO instance (project_id, instance_uid, series_uid, study_uid, sop_class_uid, transfer_syntax_uid, \
         size_bytes, sha256, object, stored_ms, instance_number, attributes) {numbers} \
         SELECT $1, '2.25.2.' || i, '2.25.1.' || (i / {INSTANCES}), '2.25.' || (i / {SERIES} / {INSTANCES}), '1.2', \
         '1.2.840.10008.1.2.1', 1, '', i, 0, i % {INSTANCES}, {instance} FROM n"
    );
    let counts = [STUDIES, STUDIES * SERIES, STUDIES * SERIES * INSTANCES];
    for (statement, count) in [studies, series, instances].into_iter().zip(counts) {
        let mut transaction = db.write().await.unwrap();
        let query = sqlx::query(AssertSqlSafe(statement)).bind(project).bind(count);
        query.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    // As the servers do by themselves in time.
    sqlx::query("ANALYZE").execute(&db.writers).await.unwrap();
}

/// The plan of a search as the database tells it.
async fn plan(db: &Db, search: &Search<'_>, limit: u64) -> String {
    let (word, column) = match db.kind {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Kind::Postgres => ("EXPLAIN", 0),
    };
    let statement = Statement::page(search, limit, 0).before(word);
    let rows = statement.query().fetch_all(&db.readers).await.unwrap();
    rows.iter().map(|row| row.try_get::<String, _>(column).unwrap() + "\n").collect()
}

/// No table is read from end to end, and an index gives the rows.
fn uses(plan: &str, index: &str) -> bool {
    let scans = |line: &str| {
        line.contains("Seq Scan")
            || (line.starts_with("SCAN") && !line.contains("INDEX") && !line.ends_with("SCAN k"))
    };
    plan.contains(index) && !plan.lines().any(scans)
}

fn patient(number: i64) -> Test {
    Test::OneOf(Column::PatientId, vec![format!("P{number}")])
}

/// The time within which 99 of 100 searches end; the best of some rounds, as others use the machine too.
async fn p99(db: &Db, search: impl Fn(i64) -> Search<'static>, limit: u64) -> Duration {
    let mut best = Duration::MAX;
    for round in 0..5 {
        let mut times = Vec::new();
        for number in 0..100 {
            let search = search(round * 100 + number);
            let from = Instant::now();
            let page = db.search(&search, limit, 0).await.unwrap();
            let studies: Vec<&str> = page.found.iter().map(|found| found.study.as_str()).collect();
            db.modalities(search.project, &studies).await.unwrap();
            times.push(from.elapsed());
            assert!(!page.found.is_empty());
        }
        times.sort();
        best = best.min(times[98]);
    }
    best
}

#[tokio::test]
async fn a_million_instances_are_searched_by_indexes_within_20_ms() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    fill(&db, &project).await;
    let project: &'static str = project.leak();
    let search = |rank, tests| Search { project, rank, tests };
    let one = |column, uid: &str| Test::OneOf(column, vec![uid.to_owned()]);
    for (rank, tests, index) in [
        (Rank::Study, vec![], "study_by_date"),
        (Rank::Study, vec![patient(7)], "study_by_patient"),
        (Rank::Study, vec![Test::Within(Column::StudyDate, Some("20200101".into()), None)], "study_by_date"),
        (Rank::Study, vec![one(Column::AccessionNumber, "A77")], "study_by_accession"),
        (Rank::Series, vec![one(Column::StudyUid, "2.25.7")], "series"),
        (Rank::Series, vec![], "series_in_order"),
        (Rank::Series, vec![patient(7)], "study_by_patient"),
        (Rank::Instance, vec![], "instance_in_order"),
        (
            Rank::Instance,
            vec![one(Column::StudyUid, "2.25.7"), one(Column::SeriesUid, "2.25.1.15")],
            "instance_in_order",
        ),
        (Rank::Instance, vec![one(Column::InstanceUid, "2.25.2.7")], "instance"),
        (Rank::Instance, vec![patient(7)], "study_by_patient"),
    ] {
        let plan = plan(&db, &search(rank, tests.clone()), 101).await;
        assert!(uses(&plan, index), "{rank:?} {tests:?} by {index}:\n{plan}");
    }
    let list = p99(&db, |_| search(Rank::Study, vec![]), 101).await;
    let patients = p99(&db, |number| search(Rank::Study, vec![patient(number)]), 101).await;
    println!("a million instances: p99 of the study list {list:?}, of a patient's studies {patients:?}");
    // As it is released; a debug build that shares its machine with other tests has more time.
    let most = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 20 });
    assert!(list < most && patients < most, "{list:?} {patients:?}");
    let from = Instant::now();
    let deep = db.search(&search(Rank::Instance, vec![]), 10, 999_995).await.unwrap();
    println!("a page behind 999995 instances: {:?}", from.elapsed());
    assert_eq!((deep.found.len(), deep.remaining), (5, 0));
    assert_eq!(db.search(&search(Rank::Instance, vec![]), 1, 0).await.unwrap().remaining, COUNTED + 1);
}
