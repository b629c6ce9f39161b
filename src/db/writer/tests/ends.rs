//! Tests of chains that are gone on from where they were left, while others write into them, too.

use super::*;

/// A writer that has written its first entry, and so knows where the chain ends.
async fn left() -> (Rig, Writer) {
    let rig = rig(None).await;
    let writer = rig.writer("one");
    let first = writer.settle(rig.settlement(Some(rig.ticket("a")), 1)).await.unwrap();
    assert_eq!(first.receipt.unwrap().sequence, 1);
    (rig, writer)
}

/// The number of the next entry, if one can be made.
async fn next(rig: &Rig, writer: &Writer) -> Result<u64, Fault> {
    let settled = writer.settle(rig.settlement(Some(rig.ticket("a")), 1)).await?;
    Ok(settled.receipt.unwrap().sequence)
}

async fn run(rig: &Rig, statement: &'static str) -> u64 {
    sqlx::query(statement).execute(&rig.db.writers).await.unwrap().rows_affected()
}

#[tokio::test]
async fn a_chain_that_another_process_wrote_into_goes_on_behind_it() {
    let (rig, writer) = left().await;
    let by = By { actor: Id::new("operator").unwrap(), request: None, action: Action::ChangeProject };
    let keeper = rig.terms("one").keeper;
    for round in 1..4 {
        let act = rig.db.act(&keeper, &rig.project, Event::request(&by, Outcome::Done, 0, 0)).await.unwrap();
        assert_eq!(act.body.sequence, 2 * round);
        assert_eq!(next(&rig, &writer).await, Ok(2 * round + 1));
    }
    assert_eq!(rig.used_and_reserved().await, (4, 0), "what was tried twice counts once");
    rig.db.keep_checkpoint(&keeper, &rig.project).await.unwrap();
    assert_eq!(next(&rig, &writer).await, Ok(8), "a checkpoint was kept of the end");
}

#[tokio::test]
async fn nothing_is_appended_to_an_end_that_is_not_what_was_left() {
    for tampered in [
        "UPDATE audit_head SET hash = 'x' WHERE sequence = 1",
        "UPDATE audit_head SET checkpoint = 'x' WHERE sequence = 1",
        "UPDATE audit_head SET checkpoint = NULL WHERE sequence = 1",
        "UPDATE audit_head SET sequence = 0 WHERE sequence = 1",
        "DELETE FROM audit_head WHERE sequence = 1",
    ] {
        let (rig, writer) = left().await;
        assert_eq!(run(&rig, tampered).await, 1, "{tampered}");
        assert!(next(&rig, &writer).await.is_err(), "{tampered}");
        assert_eq!(rig.used_and_reserved().await, (1, 0), "{tampered}");
    }
}

#[tokio::test]
async fn a_month_that_has_not_begun_begins_with_the_first_that_is_counted() {
    let rig = rig(None).await;
    let writer = rig.writer("one");
    writer.sent(&rig.customer, &Month::now(), 5);
    let read = Ticket { reserves: false, ..rig.ticket("a") };
    writer.settle(Settlement { read: 2, ..rig.settlement(Some(read), 0) }).await.unwrap();
    assert_eq!(rig.read().await, (2, 5));
    let nobody = Ticket { customer: "nobody".to_owned(), reserves: false, ..rig.ticket("b") };
    let settled = writer.settle(Settlement { read: 1, ..rig.settlement(Some(nobody), 0) }).await;
    assert_eq!(settled.err(), Some(Fault::Missing));
    assert_eq!(next(&rig, &writer).await, Ok(2), "it sank nothing else");
}
