//! The tamper matrix on a real database: each kind of tampering is done by SQL, and `veilgate audit verify` finds and
//! locates it. On PostgreSQL too, where `VEILGATE_TEST_DATABASE` names one.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod chain;

use chain::{PROJECT, Scene, change, in_place, rebuild};

/// What is found in a chain of 100 entries, a checkpoint kept every ten, after these statements.
async fn after(statements: &str) -> Vec<String> {
    let scene = Scene::of(100).await;
    scene.sql(statements).await;
    let verdict = scene.verify(&[]);
    assert_eq!(verdict.status, Some(1), "{statements}: {verdict:?}");
    verdict.found()
}

#[tokio::test(flavor = "multi_thread")]
async fn untouched_chains_of_all_projects_are_whole_beside_a_witness() {
    let scene = Scene::of(100).await;
    scene.grow("project-2", 7).await;
    scene.grow("gateway", 1).await;
    scene.witness().await;
    let verdict = scene.verify(&[]);
    assert_eq!((verdict.status, verdict.err.as_str()), (Some(0), ""), "{verdict:?}");
    let told = [
        "project gateway: 1 entries",
        "project project-1: 100 entries up to number 100",
        "project project-2: 7",
    ];
    for part in told {
        assert!(verdict.out.contains(part), "{part}: {}", verdict.out);
    }
    assert!(verdict.out.contains("signed up to number 100; of those kept 10 agree"), "{}", verdict.out);
    assert_eq!(scene.verify(&["--project", "project-2"]).out.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_entry_is_found_whatever_was_put_into_its_row() {
    let edit = |what: &str| format!("UPDATE audit_entry SET {what} WHERE sequence = 37");
    let other = "body = replace(body, '\"outcome\":\"done\"', '\"outcome\":\"failed\"')";
    assert_eq!(after(&edit(other)).await, ["edited 37"]);
    assert_eq!(after(&edit("body = 'nothing'")).await, ["edited 37"]);
    assert_eq!(after(&edit("hash = 'nothing'")).await, ["edited 37"]);
    let number = "body = replace(body, '\"sequence\":37', '\"sequence\":39')";
    assert_eq!(after(&edit(number)).await, ["edited 37"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_an_edit_and_no_failure() {
    let scene = Scene::of(100).await;
    if scene.is_sqlite() {
        scene.sql("UPDATE audit_entry SET body = x'ff00fe', hash = 4.5 WHERE sequence = 37").await;
        scene.sql("UPDATE audit_entry SET body = CAST(x'ff00fe' AS TEXT) WHERE sequence = 38").await;
        scene.sql("UPDATE audit_checkpoint SET body = x'ff00fe' WHERE sequence = 50").await;
        let verdict = scene.verify(&[]);
        assert_eq!(verdict.found()[0], "edited 37", "{verdict:?}");
        assert!(verdict.found().contains(&"malformed 50".to_owned()), "{verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_entry_that_was_hashed_anew_is_found() {
    let scene = Scene::of(100).await;
    let mut entries = scene.entries(PROJECT).await;
    change(&mut entries[36].body);
    entries[36].hash = entries[36].body.hash();
    scene.replace(PROJECT, &in_place(entries)).await;
    assert_eq!(scene.verify(&[]).found(), ["edited 37"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_entries_are_found() {
    assert_eq!(after("DELETE FROM audit_entry WHERE sequence = 37").await, ["deleted 37"]);
    assert_eq!(after("DELETE FROM audit_entry WHERE sequence BETWEEN 37 AND 52").await, ["deleted 37-52"]);
    assert_eq!(after("DELETE FROM audit_entry WHERE sequence < 10").await, ["deleted 1-9"]);
    let closed_up = "DELETE FROM audit_entry WHERE sequence = 37; \
        UPDATE audit_entry SET sequence = 1000 - sequence WHERE sequence > 37; \
        UPDATE audit_entry SET sequence = 999 - sequence WHERE sequence > 37";
    assert_eq!(after(closed_up).await, ["deleted 37"], "the rows behind it moved up");
}

#[tokio::test(flavor = "multi_thread")]
async fn inserted_entries_are_found() {
    let scene = Scene::of(100).await;
    let entries = scene.entries(PROJECT).await;
    let copy = entries[36].clone();
    let later = entries.iter().cloned().map(|it| (it.body.sequence + u64::from(it.body.sequence > 37), it));
    scene.replace(PROJECT, &later.chain([(38, copy)]).collect::<Vec<_>>()).await;
    assert_eq!(scene.verify(&[]).found(), ["inserted 37"], "the same entry once more, the others moved");

    let scene = Scene::of(100).await;
    let mut entries = scene.entries(PROJECT).await;
    let mut forged = entries[99].clone();
    (forged.body.sequence, forged.body.previous) = (101, forged.hash);
    forged.hash = forged.body.hash();
    entries.push(forged);
    scene.replace(PROJECT, &in_place(entries)).await;
    assert_eq!(scene.verify(&[]).found(), ["inserted 101"], "one more at the end, which fits");
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_entries_are_found() {
    let swap = "UPDATE audit_entry SET sequence = -1 WHERE sequence = 37; \
        UPDATE audit_entry SET sequence = 37 WHERE sequence = 41; UPDATE audit_entry SET sequence = 41 WHERE sequence = -1";
    assert_eq!(after(swap).await, ["reordered 41", "reordered 37"]);
    let first = "UPDATE audit_entry SET sequence = -5 WHERE sequence = 37";
    assert_eq!(after(first).await, ["reordered 37"]);
    let last = "UPDATE audit_entry SET sequence = 500 WHERE sequence = 37";
    assert_eq!(after(last).await, ["reordered 37"]);
    let behind = "UPDATE audit_entry SET sequence = 500 WHERE sequence = 100";
    assert_eq!(after(behind).await, ["reordered 500"], "its order is right, its row's number is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_tail_is_found_also_where_the_head_was_adjusted() {
    let cut = "DELETE FROM audit_entry WHERE sequence > 87";
    assert_eq!(after(cut).await, ["truncated 88-100"]);
    let unkept = format!("{cut}; DELETE FROM audit_checkpoint WHERE sequence > 87");
    assert_eq!(after(&unkept).await, ["truncated 88-100"], "the head's own signature tells");
    let adjusted = format!(
        "{unkept}; UPDATE audit_head SET sequence = 87, kept_sequence = 80, \
         hash = (SELECT hash FROM audit_entry WHERE sequence = 87)"
    );
    assert_eq!(after(&adjusted).await, ["edited 87", "truncated 88-100"]);
    let unsigned = format!("{adjusted}; UPDATE audit_head SET checkpoint = NULL");
    assert_eq!(after(&unsigned).await, ["bad-signature 87"]);
    let older = format!(
        "{adjusted}; UPDATE audit_head SET checkpoint = (SELECT body FROM audit_checkpoint WHERE sequence = 80)"
    );
    assert_eq!(after(&older).await, ["edited 87", "inserted 81-87"]);
    assert_eq!(after("DELETE FROM audit_entry").await, ["truncated 1-100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_or_deleted_head_is_found() {
    assert_eq!(after("UPDATE audit_head SET sequence = 95").await, ["edited 95"]);
    let hash = "UPDATE audit_head SET hash = (SELECT hash FROM audit_entry WHERE sequence = 95)";
    assert_eq!(after(hash).await, ["edited 100"]);
    assert_eq!(after("UPDATE audit_head SET checkpoint = 'nothing'").await, ["malformed 100"]);
    assert_eq!(after("DELETE FROM audit_head").await, ["deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_and_deleted_checkpoints_are_found() {
    let other = "UPDATE audit_checkpoint SET body = (SELECT body FROM audit_checkpoint WHERE sequence = 40) \
        WHERE sequence = 50";
    assert_eq!(after(other).await, ["reordered 50"]);
    assert_eq!(after("UPDATE audit_checkpoint SET body = 'x' WHERE sequence = 50").await, ["malformed 50"]);
    let time = "UPDATE audit_checkpoint SET body = replace(body, '\"sequence\":50', '\"sequence\":51'), sequence = 51 \
        WHERE sequence = 50";
    assert_eq!(after(time).await, ["bad-signature 51"]);
    assert_eq!(after("DELETE FROM audit_checkpoint WHERE sequence = 100").await, ["deleted 100"]);
    let scene = Scene::of(100).await;
    scene.witness().await;
    scene.sql("DELETE FROM audit_checkpoint WHERE sequence IN (30, 60)").await;
    assert_eq!(scene.verify(&[]).found(), ["deleted 30", "deleted 60"], "the witness knows of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_another_project_are_found() {
    let scene = Scene::of(100).await;
    scene.grow("project-2", 100).await;
    scene
        .sql("UPDATE audit_entry SET project_id = 'aside' WHERE project_id = 'project-1' AND sequence = 37")
        .await;
    scene.sql("UPDATE audit_entry SET project_id = 'project-1' WHERE project_id = 'project-2' AND sequence = 37").await;
    scene.sql("DELETE FROM audit_entry WHERE project_id = 'aside'").await;
    let first = scene.verify(&["--project", PROJECT]);
    assert_eq!(first.found(), ["wrong-project 37", "deleted 37"], "{first:?}");
    assert_eq!(scene.verify(&["--project", "project-2"]).found(), ["deleted 37"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_chain_is_found() {
    let scene = Scene::of(100).await;
    let entries = scene.entries(PROJECT).await;
    let mut twin = entries[36].clone();
    change(&mut twin.body);
    twin.hash = twin.body.hash();
    let later = entries.into_iter().map(|it| (it.body.sequence + u64::from(it.body.sequence > 37), it));
    scene.replace(PROJECT, &later.chain([(38, twin)]).collect::<Vec<_>>()).await;
    assert_eq!(scene.verify(&[]).found(), ["forked 37"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_set_back_to_an_old_copy_is_found_by_witness_checkpoint_and_receipt() {
    const TABLES: [&str; 3] = ["audit_head", "audit_entry", "audit_checkpoint"];
    let scene = Scene::of(60).await;
    scene.sql(&TABLES.map(|it| format!("CREATE TABLE old_{it} AS SELECT * FROM {it};")).concat()).await;
    let receipt = scene.grow(PROJECT, 37).await;
    scene.witness().await;
    let kept = scene.run(&["audit", "checkpoint", "--project", PROJECT]);
    assert_eq!(kept.status, Some(0), "{kept:?}");
    std::fs::write(scene.path("kept"), &kept.out).unwrap();
    std::fs::write(scene.path("receipt"), receipt.canonical()).unwrap();
    let restore = TABLES.map(|it| format!("DELETE FROM {it}; INSERT INTO {it} SELECT * FROM old_{it};"));
    scene.sql(&restore.concat()).await;
    assert_eq!(scene.verify(&[]).found(), ["rolled-back 61-90"], "the witness on the machine itself");
    scene.forget_witness();
    assert_eq!(scene.verify(&[]).status, Some(0), "a backup is whole in itself");
    assert_eq!(scene.verify(&["--checkpoint", "kept"]).found(), ["rolled-back 61-97"]);
    assert_eq!(scene.verify(&["--receipt", "receipt"]).found(), ["rolled-back 61-97"]);
    scene.grow(PROJECT, 40).await;
    assert_eq!(
        scene.verify(&["--receipt", "receipt"]).found(),
        ["rewritten 1-97"],
        "also when it has grown past it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_written_anew_without_the_signing_key_is_found_and_never_signed_by_us() {
    let scene = Scene::of(100).await;
    let mut entries = scene.entries(PROJECT).await;
    change(&mut entries[46].body);
    rebuild(&mut entries, 47);
    let hash = entries[99].hash.to_hex();
    scene.replace(PROJECT, &in_place(entries)).await;
    scene.sql(&format!("UPDATE audit_head SET hash = '{hash}'")).await;
    assert_eq!(scene.verify(&[]).found(), ["rewritten 41-50", "edited 100"]);
    scene
        .sql("DELETE FROM audit_checkpoint WHERE sequence > 40; UPDATE audit_head SET kept_sequence = 40")
        .await;
    assert_eq!(scene.verify(&[]).found(), ["edited 100", "rewritten 41-100"]);
    let settled = scene.writer().settle(chain::settlement(PROJECT, 1)).await;
    assert!(settled.is_err(), "the gateway goes on with what it did not sign");
    scene.sql("UPDATE audit_head SET checkpoint = NULL").await;
    assert!(scene.writer().settle(chain::settlement(PROJECT, 1)).await.is_err());
    assert!(
        scene.writer().settle(chain::settlement("project-2", 1)).await.is_ok(),
        "others are not concerned"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_written_anew_with_the_signing_key_is_found_by_all_that_was_kept() {
    let scene = Scene::of(100).await;
    scene.witness().await;
    let receipt = scene.grow(PROJECT, 3).await;
    std::fs::write(scene.path("receipt"), receipt.canonical()).unwrap();
    let mut entries = scene.entries(PROJECT).await;
    change(&mut entries[46].body);
    rebuild(&mut entries, 47);
    scene.replace(PROJECT, &in_place(entries.clone())).await;
    scene.sign_anew(PROJECT, &entries).await;
    let found = scene.verify(&[]).found();
    assert_eq!(found[0], "rewritten 41-50", "the witness: {found:?}");
    scene.forget_witness();
    assert_eq!(scene.verify(&[]).status, Some(0), "who has the key can make anything that nobody kept");
    assert_eq!(scene.verify(&["--receipt", "receipt"]).found(), ["rewritten 1-103"]);
}
