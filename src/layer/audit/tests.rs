//! Tests of the audit layer around a stub service, with a real database and archive.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::archive::{Archive, Site};
use crate::audit::chain::Sealed;
use crate::audit::checkpoint::EntryReceipt;
use crate::audit::key::SigningKey;
use crate::db::Db;
use crate::db::account::Tier;
use crate::db::catalog::Entry;
use crate::db::catalog::described::Described;
use crate::db::chain::Keeper;
use crate::db::tests::founded;
use crate::db::usage::{Month, Quotas};
use crate::db::writer::Terms;
use crate::deid::receipt::Names;
use crate::destination::{Custody, Stored};
use crate::layer::context::tests::called;
use crate::layer::quota::tests::QUOTAS;
use crate::layer::task;
use axum::body::Body;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Extension, Router};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

struct Rig {
    folder: tempfile::TempDir,
    db: Db,
    project: String,
    writer: Writer,
    archive: Archive,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    std::fs::create_dir(folder.path().join("archive")).unwrap();
    let archive = Archive::open(&Site::Folder(folder.path().join("archive")), db.clone()).unwrap();
    let keeper = Keeper::new(SigningKey::from_seed(&[5; 32]), 10, Duration::from_secs(3600));
    let quotas = Quotas { free: None, pro: None, enterprise: None };
    let writer = Writer::start(db.clone(), Terms::new(keeper, quotas, "one".to_owned()));
    Rig { folder, db, project, writer, archive }
}

impl Rig {
    /// The layer around a handler, below the one that sees requests through to their end.
    fn app(&self, handler: axum::routing::MethodRouter) -> Router {
        let caller = crate::layer::context::tests::caller(&self.project, "key-1", Tier::Enterprise);
        Router::new()
            .route("/", handler)
            .layer(from_fn_with_state(self.writer.clone(), audit))
            .layer(from_fn(task::own))
            .layer(Extension(called("request-1")))
            .layer(Extension(caller))
    }

    /// One object in the archive that waits for the account.
    async fn stored(&self) -> Stored {
        let mut writer = self.archive.writer(&self.project).unwrap();
        let object = writer.object().to_owned();
        writer.write("bytes".into()).await.unwrap();
        writer.finish().await.unwrap();
        let name = |text: &str| text.to_owned();
        let names = Names {
            sop_class: name("1.2"),
            instance: name("2.25.1"),
            series: name("2.25.2"),
            study: name("2.25.3"),
        };
        let (patient_id, transfer_syntax, sha256) = (name("DEID-1"), name("1.2.840.10008.1.2.1"), name("00"));
        let described = Described::default();
        let entry = Entry { names, patient_id, transfer_syntax, size: 5, sha256, object, described };
        Stored { archive: self.archive.clone(), entries: vec![entry] }
    }

    fn objects(&self) -> Vec<PathBuf> {
        fn files(folder: &Path) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
        }
        files(&self.folder.path().join("archive"))
    }

    async fn entries(&self) -> Vec<Sealed> {
        self.db.audit_entries(&self.project, 0, 100).await.unwrap()
    }
}

fn request() -> Request {
    Request::post("/").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_answer_carries_hash_and_receipt_of_its_entry() {
    let rig = rig().await;
    let answer = rig.app(post(async || StatusCode::BAD_REQUEST)).oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let entry = &rig.entries().await[0];
    assert_eq!(answer.headers()[HASH].to_str().unwrap(), entry.hash.to_hex());
    let receipt = EntryReceipt::parse(answer.headers()[RECEIPT].to_str().unwrap()).unwrap();
    assert_eq!(receipt.check(SigningKey::from_seed(&[5; 32]).public()), Ok(true));
    let event = &entry.body.event;
    assert_eq!((event.action(), event.outcome()), (Action::Store, Outcome::Refused));
    assert_eq!((event.actor().as_str(), event.request_id().unwrap().as_str()), ("key-1", "request-1"));
}

#[tokio::test]
async fn without_commit_the_answer_is_withheld_and_the_objects_are_withdrawn() {
    let rig = rig().await;
    let (project, stored) = (rig.project.clone(), rig.stored().await);
    assert_eq!(rig.objects().len(), 1);
    let handler = async move || {
        let mut response = "what must not leave".into_response();
        // Nobody's account: the database refuses it.
        response.extensions_mut().insert(Ticket {
            id: "request-1".to_owned(),
            customer: "nobody".to_owned(),
            month: Month::now(),
            project,
            key: "key-1".to_owned(),
            action: Action::Store,
            reserves: true,
        });
        response.extensions_mut().insert(Tally { custody: Custody::Stored(stored), ..Tally::default() });
        response
    };
    withheld(rig.app(post(handler)).oneshot(request()).await.unwrap()).await;
    assert_eq!(rig.objects(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_is_read_is_counted_with_its_entry() {
    let rig = rig().await;
    let owner = rig.db.key_owner([3; 32]).await.unwrap().unwrap();
    let (customer, project) = (owner.customer.clone(), rig.project.clone());
    let handler = async move || {
        let mut response = "three instances".into_response();
        response.extensions_mut().insert(Ticket {
            id: "request-1".to_owned(),
            customer,
            month: Month::now(),
            project,
            key: "key-1".to_owned(),
            action: Action::Retrieve,
            reserves: false,
        });
        response.extensions_mut().insert(Tally { read: 3, ..Tally::default() });
        response
    };
    let request = Request::get("/").body(Body::empty()).unwrap();
    let answer = rig.app(get(handler)).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let usage = rig.db.usage(&QUOTAS, &owner.customer, &Month::now()).await.unwrap();
    assert_eq!((usage.read, usage.used), (3, 0));
    let event = &rig.entries().await[0].body.event;
    assert_eq!((event.action(), event.instances()), (Action::Retrieve, [Some(3), Some(0)]));
}

#[tokio::test]
async fn in_an_outage_the_answer_is_withheld_and_the_objects_are_left_to_the_sweep() {
    let rig = rig().await;
    let (db, stored) = (rig.db.clone(), rig.stored().await);
    let handler = async move || {
        db.close().await;
        let mut response = "what must not leave".into_response();
        response.extensions_mut().insert(Tally { custody: Custody::Stored(stored), ..Tally::default() });
        response
    };
    withheld(rig.app(post(handler)).oneshot(request()).await.unwrap()).await;
    assert_eq!(
        rig.objects().len(),
        1,
        "they may have been entered: nobody knows before the database is back"
    );
}

async fn withheld(answer: Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after") && !answer.headers().contains_key(RECEIPT));
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    assert!(!body.windows(9).any(|part| part == b"must not "), "the answer left without being on record");
}

#[tokio::test]
async fn with_commit_the_objects_are_entered_and_stay() {
    let rig = rig().await;
    let stored = rig.stored().await;
    let object = stored.entries[0].object.clone();
    let handler = async move || {
        let mut response = "answer".into_response();
        response.extensions_mut().insert(Tally { custody: Custody::Stored(stored), ..Tally::default() });
        response
    };
    let answer = rig.app(post(handler)).oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(rig.db.knows_object(&object).await.unwrap());
    assert_eq!(rig.objects().len(), 1);
}

#[tokio::test]
async fn a_request_whose_client_left_is_on_record_all_the_same() {
    let rig = rig().await;
    let stored = rig.stored().await;
    let object = stored.entries[0].object.clone();
    let handler = async move || {
        sleep(Duration::from_millis(100)).await;
        let mut response = "nobody reads it".into_response();
        response.extensions_mut().insert(Tally { custody: Custody::Stored(stored), ..Tally::default() });
        response
    };
    let answer = timeout(Duration::from_millis(10), rig.app(post(handler)).oneshot(request())).await;
    assert!(answer.is_err(), "the client left");
    assert!(rig.entries().await.is_empty());
    let recorded = async {
        while rig.entries().await.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), recorded).await.unwrap();
    assert!(rig.db.knows_object(&object).await.unwrap(), "entries and catalog are one transaction");
}

#[tokio::test]
async fn names_that_were_asked_for_are_counted_and_withheld_where_that_is_not_on_record() {
    let rig = rig().await;
    let handler = async || {
        let mut response = "an original".into_response();
        response.extensions_mut().insert(Action::Reidentify);
        response.extensions_mut().insert(Asked { found: 3, unknown: 2 });
        response
    };
    let answered = rig.app(post(handler)).oneshot(request()).await.unwrap();
    assert_eq!(answered.status(), StatusCode::OK);
    let event = rig.entries().await[0].body.event.clone();
    assert_eq!((event.action(), event.outcome()), (Action::Reidentify, Outcome::Partial));
    assert_eq!(event.instances(), [Some(3), Some(2)]);
    rig.db.close().await;
    let withheld = rig.app(post(handler)).oneshot(request()).await.unwrap();
    assert_eq!(withheld.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = axum::body::to_bytes(withheld.into_body(), 1 << 16).await.unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("an original"));
}

#[tokio::test]
async fn what_the_handler_says_was_asked_for_is_what_is_recorded() {
    let rig = rig().await;
    let handler = async || {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Action::ExportAudit);
        response
    };
    rig.app(post(handler)).oneshot(request()).await.unwrap();
    let event = &rig.entries().await[0].body.event;
    assert_eq!((event.action(), event.outcome()), (Action::ExportAudit, Outcome::Failed));
}
