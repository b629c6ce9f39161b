//! Retention and export on a real database: sealed segments keep their place in the chain, and what is exported verifies
//! offline. On PostgreSQL too, where `VEILGATE_TEST_DATABASE` names one.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod chain;

use chain::{PROJECT, Scene, in_place};

fn seal(scene: &Scene, through: &str) -> chain::Verdict {
    scene.run(&["audit", "seal", "--project", PROJECT, "--through", through])
}

/// Exports, and verifies that offline.
fn exported(scene: &Scene, args: &[&str]) -> chain::Verdict {
    let key = scene.run(&["audit", "public-key"]);
    std::fs::write(scene.path("key.pem"), &key.out).unwrap();
    let _ = std::fs::remove_file(scene.path("chain.jsonl"));
    let export = scene.run(&["audit", "export", "--project", PROJECT, "--out", "chain.jsonl"]);
    assert_eq!(export.status, Some(0), "{export:?}");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"));
    command.args(["audit", "verify", "chain.jsonl", "--public-key", "key.pem"]).args(args);
    let output = command.current_dir(scene.data()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    chain::Verdict { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_offline_tells_of_itself_and_overwrites_nothing() {
    let scene = Scene::of(2345).await;
    let verdict = exported(&scene, &["--project", PROJECT]);
    assert_eq!(verdict.status, Some(0), "{verdict:?}");
    assert!(verdict.out.contains("2346 entries up to number 2346"), "with its own: {}", verdict.out);
    let text = std::fs::read_to_string(scene.path("chain.jsonl")).unwrap();
    let entry = text.lines().rev().nth(1).unwrap();
    assert!(entry.contains("\"action\":\"export-audit\",\"actor\":\"operator\""), "{entry}");
    let again = scene.run(&["audit", "export", "--project", PROJECT, "--out", "chain.jsonl"]);
    assert!(again.status == Some(2) && again.err.contains("is there already"), "{again:?}");
    assert_eq!(std::fs::read_to_string(scene.path("chain.jsonl")).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_the_database_shows_in_an_export() {
    let scene = Scene::of(50).await;
    scene.sql("UPDATE audit_entry SET body = 'x' WHERE sequence = 7; DELETE FROM audit_entry WHERE sequence = 20").await;
    let verdict = exported(&scene, &[]);
    assert_eq!(verdict.found(), ["malformed", "deleted 7", "deleted 20"], "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_verifies_across_sealed_segments() {
    let scene = Scene::of(100).await;
    let kept = scene.db.kept_checkpoints(|_| 0).await.unwrap();
    let lines: String = kept.iter().map(|it| it.canonical() + "\n").collect();
    std::fs::write(scene.path("kept"), lines).unwrap();
    scene.witness().await;
    assert_eq!(seal(&scene, "37").status, Some(0));
    assert_eq!(seal(&scene, "60").status, Some(0));
    for verdict in [scene.verify(&[]), exported(&scene, &[])] {
        assert_eq!(verdict.status, Some(0), "{verdict:?}");
        assert!(verdict.out.contains("60 entries deleted in 2 sealed segments"), "{}", verdict.out);
    }
    let verdict = scene.verify(&["--checkpoint", "kept"]);
    assert!(verdict.status == Some(0) && verdict.out.contains("could not be compared: whole"), "{verdict:?}");
    scene.grow(PROJECT, 10).await;
    assert_eq!(seal(&scene, "1000000").status, Some(0), "all of it");
    assert_eq!(scene.verify(&[]).status, Some(0));
    let left = scene.entries(PROJECT).await;
    assert_eq!((left.len(), left[0].body.event.subject().unwrap().as_str()), (1, "61-113"));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_sealed_by_their_age() {
    let scene = Scene::of(30).await;
    let entries = scene.entries(PROJECT).await;
    let day = |text: &str| text.get(..10).unwrap().to_owned();
    let first =
        scene.run(&["audit", "seal", "--project", PROJECT, "--before", &day(entries[0].body.time.as_str())]);
    assert!(first.status == Some(0) && first.err.contains("no entry is that old"), "{first:?}");
    let time = entries[20].body.time.as_str();
    assert_eq!(scene.run(&["audit", "seal", "--project", PROJECT, "--before", time]).status, Some(0));
    assert_eq!(scene.entries(PROJECT).await[0].body.sequence, 21);
    for wrong in [&["--before", "yesterday"][..], &[], &["--before", "2026-01-01", "--through", "3"]] {
        assert_eq!(scene.run(&[&["audit", "seal"], wrong].concat()).status, Some(2), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_not_whole_is_not_sealed() {
    let scene = Scene::of(50).await;
    scene.sql("DELETE FROM audit_entry WHERE sequence = 45").await;
    let verdict = seal(&scene, "20");
    assert!(verdict.status == Some(1) && verdict.err.contains("nothing was sealed"), "{verdict:?}");
    assert_eq!(scene.entries(PROJECT).await.len(), 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_with_sealed_segments_is_found() {
    let scene = Scene::of(100).await;
    let entries = scene.entries(PROJECT).await;
    assert_eq!(seal(&scene, "40").status, Some(0));
    scene.sql("CREATE TABLE aside AS SELECT * FROM audit_segment").await;
    let restore = "DELETE FROM audit_segment; INSERT INTO audit_segment SELECT * FROM aside";
    scene.sql("UPDATE audit_segment SET body = replace(body, '\"last\":40', '\"last\":41')").await;
    assert_eq!(scene.verify(&[]).found(), ["bad-signature 1-41", "deleted 1-40"]);
    scene.sql(restore).await;
    assert_eq!(scene.verify(&[]).status, Some(0));
    scene.sql("DELETE FROM audit_segment").await;
    assert_eq!(scene.verify(&[]).found(), ["deleted 1-40"]);
    scene.sql(restore).await;
    let mut rows = in_place(scene.entries(PROJECT).await);
    rows.push((7, entries[6].clone()));
    scene.replace(PROJECT, &rows).await;
    assert_eq!(scene.verify(&[]).found(), ["inserted 7"], "an entry that was deleted is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_grows_meanwhile_verifies_and_exports() {
    let scene = std::sync::Arc::new(Scene::of(500).await);
    let growing = tokio::spawn({
        let scene = std::sync::Arc::clone(&scene);
        async move { scene.grow(PROJECT, 3000).await }
    });
    while !growing.is_finished() {
        let verdict = scene.verify(&[]);
        assert_eq!(verdict.status, Some(0), "{verdict:?}");
    }
    growing.await.unwrap();
    assert_eq!(exported(&scene, &[]).status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_kept_on_demand_and_when_it_is_due() {
    let scene = Scene::of(5).await;
    scene.grow(PROJECT, 3).await;
    let kept = async || scene.db.kept_checkpoints(|_| 0).await.unwrap().last().unwrap().body.sequence;
    assert_eq!(kept().await, 5, "the first entries get one at once");
    scene.db.keep_due(&scene.keeper()).await.unwrap();
    assert_eq!(kept().await, 5, "none is due");
    scene.sql("UPDATE audit_head SET kept_ms = 0").await;
    scene.db.keep_due(&scene.keeper()).await.unwrap();
    assert_eq!(kept().await, 8);
    scene.grow(PROJECT, 1).await;
    let printed = scene.run(&["audit", "checkpoint", "--project", PROJECT]);
    assert!(printed.out.contains("\"sequence\":9"), "{printed:?}");
    assert_eq!(kept().await, 9);
    assert_eq!(scene.verify(&[]).status, Some(0));
    let none = scene.run(&["audit", "checkpoint", "--project", "project-9"]);
    assert!(none.status == Some(2), "{none:?}");
}
