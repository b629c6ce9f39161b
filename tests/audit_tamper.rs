//! The tamper matrix: each kind of tampering with a chain is found, named and located, and nothing else is. Who tampers
//! can write all that is stored and work out hashes, but cannot sign, unless a test says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, PROJECT, as_entry, at, change, found, id, key, later, one, rebuild, rehash, report};
use veilgate::audit::export::{Line, Reader};
use veilgate::audit::finding::Kind;
use veilgate::audit::key::SigningKey;
use veilgate::audit::verify::Verifier;

/// 40 entries, a checkpoint after each ten.
fn export() -> Vec<Line> {
    Ledger::of(40, 10).export()
}

#[test]
fn an_untouched_chain_is_whole() {
    let ledger = Ledger::of(40, 10);
    let kept = [Ledger::of(20, 10).checkpoint(), Ledger::of(13, 10).checkpoint(), ledger.checkpoint()];
    let report = report(&ledger.export(), &kept);
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.seen.entries, report.seen.checkpoints, report.seen.vouched), (40, 5, 40));
    assert_eq!((report.seen.agreeing, report.seen.uncompared), (3, 0));
    assert_eq!(report.head, Some(ledger.head));
}

#[test]
fn an_empty_chain_is_whole() {
    assert_eq!(found(&Ledger::of(0, 10).export(), &[]), []);
}

#[test]
fn an_edited_entry_is_found_at_its_number_and_line() {
    for sequence in [1, 2, 10, 11, 39, 40] {
        let mut lines = export();
        change(&mut lines, sequence, later);
        assert_eq!(found(&lines, &[]), one(Kind::Edited, sequence, sequence));
        let line = at(&lines, sequence) as u64 + 1;
        assert_eq!(report(&lines, &[]).findings[0].line, Some(line));
    }
}

#[test]
fn an_entry_edited_and_hashed_anew_is_found_by_its_successor() {
    let mut lines = export();
    change(&mut lines, 5, later);
    rehash(&mut lines, 5);
    assert_eq!(found(&lines, &[]), one(Kind::Edited, 5, 5));
}

#[test]
fn a_changed_hash_alone_is_found_once() {
    let mut lines = export();
    let place = at(&lines, 5);
    if let Line::Entry(entry) = &mut lines[place] {
        entry.hash.0[0] ^= 1;
    }
    assert_eq!(found(&lines, &[]), one(Kind::Edited, 5, 5));
}

#[test]
fn an_entry_with_another_number_is_found_once() {
    for claimed in [0, 3, 9, u64::MAX] {
        let mut lines = export();
        change(&mut lines, 5, |entry| entry.sequence = claimed);
        assert_eq!(found(&lines, &[]), one(Kind::Edited, 5, 5), "{claimed}");
    }
}

#[test]
fn deleted_entries_are_found_with_their_numbers() {
    for (first, last) in [(1, 1), (5, 5), (5, 8), (8, 13), (21, 39)] {
        let mut lines = export();
        lines.retain(|line| !as_entry(line).is_some_and(|it| (first..=last).contains(&it.body.sequence)));
        let all: Vec<u64> = found(&lines, &[])
            .into_iter()
            .flat_map(|(kind, range)| {
                assert_eq!(kind, Kind::Deleted);
                let (first, last) = range.unwrap();
                first..=last
            })
            .collect();
        assert_eq!(all, (first..=last).collect::<Vec<_>>());
    }
}

#[test]
fn a_deletion_closed_by_new_numbers_contradicts_the_next_checkpoint() {
    let mut lines = export();
    lines.remove(at(&lines, 15));
    rebuild(&mut lines, 15);
    let found = found(&lines, &[]);
    assert_eq!(found[0], (Kind::Rewritten, Some((11, 20))), "{found:?}");
}

#[test]
fn an_inserted_copy_is_found() {
    for (copied, behind) in [(5, 5), (5, 9), (9, 5)] {
        let mut lines = export();
        let copy = lines[at(&lines, copied)].clone();
        lines.insert(at(&lines, behind) + 1, copy);
        let found = found(&lines, &[]);
        assert!(found.iter().all(|(_, range)| range.is_some_and(|(first, _)| (5..=9).contains(&first))));
        assert!(found.iter().any(|(kind, _)| *kind == Kind::Inserted), "{copied} behind {behind}: {found:?}");
    }
}

#[test]
fn an_entry_forged_in_between_is_found() {
    let mut lines = export();
    let place = at(&lines, 5);
    let mut forged = as_entry(&lines[place]).unwrap().clone();
    forged.body.previous = forged.hash;
    forged.body.sequence = 6;
    forged.hash = forged.body.hash();
    lines.insert(place + 1, Line::Entry(Box::new(forged)));
    assert_eq!(found(&lines, &[]), one(Kind::Forked, 6, 6), "the true entry 6 follows entry 5 too");
}

#[test]
fn an_entry_forged_behind_the_last_is_found() {
    let mut lines = export();
    let mut forged = as_entry(&lines[at(&lines, 40)]).unwrap().clone();
    forged.body.previous = forged.hash;
    forged.body.sequence = 41;
    forged.hash = forged.body.hash();
    lines.insert(lines.len() - 1, Line::Entry(Box::new(forged)));
    assert_eq!(found(&lines, &[]), one(Kind::Inserted, 41, 41));
}

#[test]
fn entries_out_of_order_are_found() {
    let mut lines = export();
    let place = at(&lines, 5);
    lines.swap(place, place + 1);
    assert_eq!(found(&lines, &[]), one(Kind::Reordered, 5, 5));

    let mut lines = export();
    let moved = lines.remove(at(&lines, 5));
    lines.insert(at(&lines, 33), moved);
    assert_eq!(found(&lines, &[]), one(Kind::Reordered, 5, 5));

    let mut lines = export();
    let place = at(&lines, 12);
    lines[place..place + 5].reverse();
    let found = found(&lines, &[]);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|(kind, _)| *kind == Kind::Reordered), "{found:?}");
}

#[test]
fn entries_that_change_places_with_new_numbers_are_found() {
    let mut lines = export();
    change(&mut lines, 5, |entry| entry.sequence = 600);
    change(&mut lines, 6, |entry| entry.sequence = 5);
    change(&mut lines, 600, |entry| entry.sequence = 6);
    let found = found(&lines, &[]);
    assert!(found.contains(&(Kind::Edited, Some((5, 5)))), "{found:?}");
    assert!(found.contains(&(Kind::Edited, Some((6, 6)))), "{found:?}");
}

#[test]
fn a_fork_is_found_where_it_begins() {
    // Two writers took the same head, and both went on.
    let mut ledger = Ledger::of(20, 100);
    let fork = ledger.head.clone();
    ledger.push();
    ledger.push();
    let mut other = Ledger::of(20, 100);
    other.head = fork;
    let (head, first) =
        other.head.append([(audit::time(900), audit::event(&audit::plan("basic"), 1))]).unwrap();
    let (_, second) = head.append([(audit::time(901), audit::event(&audit::plan("basic"), 2))]).unwrap();
    let mut lines = ledger.export();
    for entry in first.into_iter().chain(second) {
        lines.insert(at(&lines, entry.body.sequence) + 1, Line::Entry(Box::new(entry)));
    }
    let found = found(&lines, &[]);
    assert_eq!(found, [(Kind::Forked, Some((21, 21))), (Kind::Forked, Some((22, 22)))]);
}

#[test]
fn two_entries_with_one_predecessor_but_different_numbers_are_a_fork() {
    let mut lines = export();
    let fourth = as_entry(&lines[at(&lines, 5)]).unwrap().body.previous;
    change(&mut lines, 6, |entry| entry.previous = fourth);
    rehash(&mut lines, 6);
    let found = found(&lines, &[]);
    assert_eq!(found[0], (Kind::Forked, Some((6, 6))), "{found:?}");
}

#[test]
fn a_tail_cut_off_an_export_is_found_by_its_closing_checkpoint() {
    let mut lines = export();
    lines.retain(|line| as_entry(line).is_none_or(|it| it.body.sequence <= 33));
    lines.retain(|line| !matches!(line, Line::Checkpoint(it) if it.body.sequence > 33));
    assert_eq!(found(&lines, &[]), one(Kind::Truncated, 34, 40));

    let mut lines = export();
    lines.truncate(30);
    assert_eq!(found(&lines, &[]), [(Kind::Truncated, None)]);
}

#[test]
fn a_tail_cut_off_a_database_is_found_by_its_last_checkpoint() {
    let ledger = Ledger::of(40, 10);
    let mut verifier = Verifier::new(key().public().clone(), Some(id(PROJECT)));
    for line in &ledger.lines {
        match line {
            Line::Entry(entry) if entry.body.sequence <= 37 => verifier.entry(entry),
            Line::Checkpoint(checkpoint) => verifier.checkpoint(checkpoint),
            _ => {}
        }
    }
    let report = verifier.finish();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].kind, report.findings[0].entries), (Kind::Truncated, Some((38, 40))));
    assert_eq!(report.findings[0].line, None);
}

#[test]
fn a_rolled_back_database_is_found_by_a_kept_checkpoint() {
    let kept = Ledger::of(40, 10).checkpoint();
    let restored = Ledger::of(25, 10).export();
    assert_eq!(found(&restored, &[]), [], "without the checkpoint nobody can know");
    assert_eq!(found(&restored, std::slice::from_ref(&kept)), one(Kind::RolledBack, 26, 40));
}

#[test]
fn a_database_rolled_back_and_grown_again_contradicts_a_kept_checkpoint() {
    let (kept, agreeing) = (Ledger::of(40, 10).checkpoint(), Ledger::of(20, 10).checkpoint());
    let mut grown = Ledger::of(25, 10);
    for number in 0..40 {
        grown.push_event(audit::event(&audit::plan("basic"), 777 + number));
    }
    assert_eq!(found(&grown.export(), &[agreeing, kept]), one(Kind::Rewritten, 21, 40));
}

#[test]
fn a_chain_made_anew_without_the_key_contradicts_the_next_checkpoint_once() {
    let mut lines = export();
    change(&mut lines, 15, later);
    rebuild(&mut lines, 15);
    assert_eq!(found(&lines, &[]), one(Kind::Rewritten, 11, 20));
}

#[test]
fn a_chain_made_anew_with_the_key_contradicts_what_was_kept() {
    let kept = Ledger::of(20, 10).checkpoint();
    let mut forged = Ledger::of(12, 10);
    for number in 0..28 {
        forged.push_event(audit::event(&audit::plan("basic"), 500 + number));
    }
    assert_eq!(found(&forged.export(), &[]), [], "all of its signatures are good");
    assert_eq!(found(&forged.export(), std::slice::from_ref(&kept)), one(Kind::Rewritten, 1, 20));
}

#[test]
fn a_chain_under_another_key_is_found_once() {
    let mut foreign = Ledger::new(PROJECT, SigningKey::from_seed(&[2; 32]));
    (0..20).for_each(|_| drop(foreign.push()));
    let checkpoint = foreign.checkpoint();
    foreign.lines.push(Line::Checkpoint(checkpoint));
    assert_eq!(found(&foreign.export(), &[]), [(Kind::WrongKey, None)]);
}

#[test]
fn a_chain_under_another_key_cannot_pose_as_ones_own() {
    let mut foreign = Ledger::new(PROJECT, SigningKey::from_seed(&[2; 32]));
    (0..20).for_each(|_| drop(foreign.push()));
    let mut lines = foreign.export();
    if let Line::Header(header) = &mut lines[0] {
        header.key_id = key().public().id();
    }
    let found = found(&lines, &[]);
    assert!(found.iter().any(|(kind, _)| *kind == Kind::Rewritten), "the genesis binds the key: {found:?}");
    assert!(found.iter().any(|(kind, _)| *kind == Kind::WrongKey), "{found:?}");
}

#[test]
fn another_projects_chain_is_found_once() {
    let mut other = Ledger::new("project-2", key());
    (0..20).for_each(|_| drop(other.push()));
    let kept = Ledger::of(20, 10).checkpoint();
    assert_eq!(found(&other.export(), &[]), [], "whole, but whose it is only a kept checkpoint tells");
    let found = found(&other.export(), &[kept]);
    assert_eq!(found, [(Kind::WrongProject, None), (Kind::RolledBack, Some((1, 20)))]);
}

#[test]
fn an_entry_of_another_project_is_found() {
    let mut other = Ledger::new("project-2", key());
    let stranger = other.push();
    let mut lines = export();
    lines.insert(at(&lines, 5), Line::Entry(Box::new(stranger)));
    assert_eq!(found(&lines, &[]), one(Kind::WrongProject, 1, 1));
}

#[test]
fn a_signature_that_does_not_hold_is_found() {
    let mut lines = export();
    let mut moved = Ledger::of(10, 10).checkpoint();
    moved.body.sequence = 9;
    lines.insert(at(&lines, 10), Line::Checkpoint(moved));
    assert_eq!(found(&lines, &[]), one(Kind::BadSignature, 9, 9));

    let mut kept = Ledger::of(10, 10).checkpoint();
    kept.body.hash.0[3] ^= 1;
    assert_eq!(found(&export(), &[kept]), one(Kind::BadSignature, 10, 10));
}

#[test]
fn lines_that_do_not_belong_there_are_found() {
    let mut lines = export();
    lines.insert(7, lines[0].clone());
    assert_eq!(found(&lines, &[]), [(Kind::Inserted, None)]);

    let mut lines = export();
    lines.push(lines[3].clone());
    assert_eq!(found(&lines, &[]), [(Kind::Inserted, None)]);

    let mut lines = export();
    lines.remove(0);
    assert_eq!(found(&lines, &[]), [(Kind::Malformed, None)]);

    let mut lines = export();
    if let Some(Line::End(end)) = lines.last_mut() {
        end.entries += 1;
    }
    assert_eq!(found(&lines, &[]), [(Kind::Edited, None)]);
}

#[test]
fn a_member_that_no_hash_covers_is_refused() {
    let mut reader = Reader::new(Verifier::new(key().public().clone(), None));
    for (number, line) in export().iter().enumerate() {
        let text = line.text();
        let text =
            if number == 5 { text.replace("\"sequence\":", "\"note\":\"x\",\"sequence\":") } else { text };
        reader.line(&text);
    }
    let kinds: Vec<Kind> = reader.finish().findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Kind::Malformed, Kind::Deleted]);
}

#[test]
fn several_tamperings_are_each_found_in_their_place() {
    let mut lines = export();
    change(&mut lines, 4, later);
    lines.remove(at(&lines, 14));
    let place = at(&lines, 24);
    lines.swap(place, place + 1);
    let found = found(&lines, &[]);
    let wanted =
        [(Kind::Edited, Some((4, 4))), (Kind::Reordered, Some((24, 24))), (Kind::Deleted, Some((14, 14)))];
    assert_eq!(found, wanted, "what may still turn up is missing only at the end");
}
