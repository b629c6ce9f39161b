//! Back and forth: what was pseudonymized and comes back is led back to what it was, over samples and corpus; what is not
//! about one known patient is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod drive;
mod support;

use drive::back::{OF_STUDY, World, as_own, given_out, replaced};
use support::build::{self, Element, Length, Part10, sequence, text};
use support::compare::compare;
use support::walk::{Leaf, walk};
use support::{Tag, files, samples, syntax};
use veilgate::deid::patient::Patient;
use veilgate::deid::refusal::Refusal;

const SOP_INSTANCE: Tag = (0x0008, 0x0018);
/// Dates of the making of an instance, a series or a statement.
const MAKING: [Tag; 7] = [
    (0x0008, 0x0012),
    (0x0008, 0x0021),
    (0x0008, 0x0023),
    (0x0018, 0xa002),
    (0x0040, 0xa030),
    (0x0040, 0xa032),
    (0x0070, 0x0082),
];

const STAMPS: [Tag; 4] = [(0x0012, 0x0062), (0x0012, 0x0063), (0x0012, 0x0064), (0x0028, 0x0303)];

fn trimmed(leaf: &Leaf) -> Vec<u8> {
    let value = leaf.bytes();
    let end = value.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    value[..end].to_vec()
}

/// What is not as it was in the original, of that which should be.
fn differences(original: &[u8], given: &[u8], back: &[u8], dates: bool) -> Vec<String> {
    let (before, pseudonymous, after) = (walk(original), walk(given), walk(back));
    let mut wrong = Vec::new();
    if let Some(fault) = &after.fault {
        wrong.push(fault.clone());
    }
    for tag in OF_STUDY {
        let value = |walked: &support::walk::Walked| walked.top(*tag).map(trimmed).unwrap_or_default();
        let plain = value(&before).iter().all(|byte| byte.is_ascii() && *byte != 0x1b);
        if plain && value(&before) != value(&after) {
            wrong.push(format!("{tag:04x?} of the study"));
        }
    }
    let examined = before.text((0x0008, 0x0020)).unwrap_or_default();
    for (old, given) in compare(&before, &pseudonymous).changed {
        // Whoever made it then made it after the examination: the date is taken for the sender's own.
        if MAKING.contains(&old.tag) && trimmed(&given).get(..8) >= Some(examined.as_bytes()) {
            continue;
        }
        let shifted = dates && matches!(old.vr, Some([b'D', b'A' | b'T'])) && trimmed(&old).len() >= 8;
        let uid = old.vr == Some(*b"UI") && old.tag != SOP_INSTANCE;
        let now = after.leaves.iter().find(|leaf| leaf.path == old.path && leaf.tag == old.tag);
        let same = now.is_some_and(|now| trimmed(now) == trimmed(&old));
        if (uid || shifted) && !same && !trimmed(&old).is_empty() {
            wrong.push(old.place());
        }
    }
    let patient = pseudonymous.text((0x0010, 0x0020)).unwrap_or_default();
    let named = |leaf: &&Leaf| !patient.is_empty() && trimmed(leaf) == patient.as_bytes();
    wrong.extend(after.leaves.iter().filter(named).map(|leaf| format!("{} is the pseudonym", leaf.place())));
    wrong.extend(
        STAMPS.iter().filter(|tag| after.top(**tag).is_some()).map(|tag| format!("{tag:04x?} is there")),
    );
    wrong
}

fn back_and_forth(preset: &str, all: Vec<(String, Vec<u8>)>) -> usize {
    let engine = drive::lenient(preset);
    let (mut wrong, mut through) = (Vec::new(), 0);
    for (name, original) in all {
        let Some((given, world)) = given_out(&engine, &original) else { continue };
        let (own, uid) = as_own(&given);
        let (back, receipt) = match world.restore(&own, 4096) {
            Ok(done) => done,
            // A patient or study without a name cannot be found again.
            Err(refused) if matches!(refused.refusal, Refusal::UnknownName(_) | Refusal::NoIdentity(_)) => {
                continue;
            }
            Err(refused) => {
                wrong.push(format!("{name}: {}", refused.refusal));
                continue;
            }
        };
        through += 1;
        assert_eq!((receipt.bytes_in, receipt.bytes_out), (own.len() as u64, back.len() as u64), "{name}");
        assert_eq!(walk(&back).text(SOP_INSTANCE).unwrap(), uid, "{name}");
        let pixels = |file: &[u8]| walk(file).pixels().map(Leaf::bytes);
        assert!(pixels(&given) == pixels(&back), "{name}: the pixels");
        // The Basic Profile leaves no date that could come back.
        let found = differences(&original, &given, &back, preset != "basic");
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    through
}

#[test]
fn reid_02_03_every_sample_comes_back_as_it_was_in_every_transfer_syntax() {
    for preset in ["basic", "research"] {
        let through = back_and_forth(preset, samples::all());
        assert!(through > 40, "{through} with {preset}");
    }
}

#[test]
fn the_corpus_comes_back_as_it_was() {
    let corpus = || files::corpus().into_iter().map(|file| (file.name, file.bytes)).collect();
    for preset in ["basic", "research"] {
        let through = back_and_forth(preset, corpus());
        assert!(through > 60, "{through} with {preset}");
    }
}

/// A study that was given out, and a document about it in words of its maker.
fn report(more: Vec<Element>) -> (World, Vec<u8>) {
    report_on(&samples::ct(syntax::EXPLICIT_LE, 1).write(), more)
}

fn report_on(original: &[u8], more: Vec<Element>) -> (World, Vec<u8>) {
    let (given, world) = given_out(&drive::lenient("research"), original).unwrap();
    let given = walk(&given);
    let copy = |tag: Tag, vr: &[u8; 2]| text(tag, vr, &given.text(tag).unwrap_or_default());
    let mut elements = vec![
        text((0x0008, 0x0016), b"UI", "1.2.840.10008.5.1.4.1.1.88.11"),
        text(SOP_INSTANCE, b"UI", "1.2.826.0.1.1"),
        copy((0x0008, 0x0020), b"DA"),
        copy((0x0010, 0x0010), b"PN"),
        copy((0x0010, 0x0020), b"LO"),
        copy((0x0020, 0x000d), b"UI"),
        text((0x0020, 0x000e), b"UI", "1.2.826.0.1.2"),
    ];
    elements.retain(|element| !more.iter().any(|other| other.tag == element.tag));
    elements.extend(more);
    (world, Part10::new(syntax::EXPLICIT_LE, elements).sorted().write())
}

fn restored(world: &World, instance: &[u8]) -> support::walk::Walked {
    match world.restore(instance, usize::MAX) {
        Ok((bytes, _)) => walk(&bytes),
        Err(refused) => panic!("{}", refused.refusal),
    }
}

fn refusal(world: &World, instance: &[u8]) -> Refusal {
    match world.restore(instance, usize::MAX) {
        Ok(_) => panic!("it passed"),
        Err(refused) => refused.refusal,
    }
}

/// The first pair whose original is this.
fn pseudonym(world: &World, original: &str) -> String {
    world.uids.iter().find(|(_, it)| *it == original).unwrap().0.clone()
}

#[test]
fn dates_of_the_sender_stay_and_shifted_ones_come_back() {
    let (world, instance) = report(Vec::new());
    let shifted = walk(&instance).text((0x0008, 0x0020)).unwrap();
    assert_ne!(shifted, "20240229");
    let item = vec![text((0x0040, 0xa121), b"DA", &shifted), text((0x0040, 0xa032), b"DT", "20260502101500")];
    let more = vec![
        text((0x0008, 0x0012), b"DA", "20261129"),
        text((0x0008, 0x0022), b"DA", &shifted),
        text((0x0008, 0x0023), b"DA", "20240301"),
        text((0x0018, 0x9074), b"DT", "20261130235959"),
        sequence((0x0040, 0xa730), Length::Defined, vec![item]),
    ];
    let (world, instance) = (world, report(more).1);
    let back = restored(&world, &instance);
    assert_eq!(back.text((0x0008, 0x0012)).unwrap(), "20261129", "made on or behind the examination's day");
    assert_eq!(back.text((0x0008, 0x0022)).unwrap(), "20240229");
    assert_eq!(back.text((0x0008, 0x0023)).unwrap(), "20240301");
    assert_eq!(back.text((0x0018, 0x9074)).unwrap(), "20261130235959", "it would lie in the future");
    let nested: Vec<Vec<u8>> = back.leaves.iter().filter(|leaf| !leaf.path.is_empty()).map(trimmed).collect();
    assert_eq!(nested, [b"20240229".to_vec(), b"20260502101500".to_vec()]);
}

#[test]
fn the_patient_s_pseudonym_in_a_text_becomes_name_and_id() {
    let (_, plain) = report(Vec::new());
    let id = walk(&plain).text((0x0010, 0x0020)).unwrap();
    let item = vec![
        text((0x0040, 0xa123), b"PN", &id),
        text((0x0040, 0xa160), b"UT", &id),
        text((0x0040, 0xa168), b"SH", "other"),
    ];
    let (world, instance) = report(vec![sequence((0x0040, 0xa730), Length::Undefined, vec![item])]);
    let back = restored(&world, &instance);
    let nested: Vec<Vec<u8>> = back.leaves.iter().filter(|leaf| !leaf.path.is_empty()).map(trimmed).collect();
    assert_eq!(nested, [b"Rigpatient^Rosa".to_vec(), b"RIG-0001".to_vec(), b"other".to_vec()]);
}

/// A CT slice of a patient whose name takes more than ASCII.
fn of_mueller() -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
    file.elements.retain(|element| element.tag != (0x0010, 0x0010));
    file.elements.push(text((0x0010, 0x0010), b"PN", "Müller^Jürgen"));
    file.sorted().write()
}

#[test]
fn texts_of_another_character_set_become_unicode_where_the_patient_s_name_needs_it() {
    let latin = |value: &[u8]| {
        vec![
            text((0x0008, 0x0005), b"CS", "ISO_IR 100"),
            build::bytes((0x0008, 0x103e), b"LO", b"Sch\xe4del"),
            sequence(
                (0x0040, 0xa730),
                Length::Defined,
                vec![vec![build::bytes((0x0040, 0xa160), b"UT", value)]],
            ),
        ]
    };
    let (world, instance) = report_on(&of_mueller(), latin(b"gro\xdfe L\xe4sion"));
    let back = restored(&world, &instance);
    assert_eq!(back.text((0x0008, 0x0005)).unwrap(), "ISO_IR 192");
    assert_eq!(back.text((0x0010, 0x0010)).unwrap(), "Müller^Jürgen");
    assert_eq!(back.text((0x0008, 0x103e)).unwrap(), "Schädel");
    assert!(back.leaves.iter().any(|leaf| trimmed(leaf) == "große Läsion".as_bytes()));
    // A name in ASCII stands in any character set: then nothing changes.
    let (world, instance) = report(latin(b"gro\xdfe L\xe4sion"));
    let back = restored(&world, &instance);
    assert_eq!(back.text((0x0008, 0x0005)).unwrap(), "ISO_IR 100");
    assert_eq!(trimmed(back.top((0x0008, 0x103e)).unwrap()), b"Sch\xe4del");
}

#[test]
fn text_that_is_not_in_its_character_set_is_refused_where_it_must_change() {
    let text_in = |set: Option<&str>| {
        let mut elements = vec![build::bytes((0x0008, 0x103e), b"LO", b"Sch\xe4del")];
        elements.extend(set.map(|set| text((0x0008, 0x0005), b"CS", set)));
        elements
    };
    for set in [None, Some("ISO_IR 192")] {
        let (world, instance) = report_on(&of_mueller(), text_in(set));
        assert_eq!(refusal(&world, &instance), Refusal::Text(dicom_core::Tag(0x0008, 0x103e)), "{set:?}");
    }
}

#[test]
fn reid_03_signatures_group_lengths_and_what_said_that_it_is_pseudonymous_go() {
    let mac = vec![vec![text((0x0400, 0x0015), b"CS", "SHA256")]];
    let more = vec![
        build::bytes((0x0008, 0x0000), b"UL", &[1, 0, 0, 0]),
        text((0x0012, 0x0062), b"CS", "YES"),
        text((0x0012, 0x0063), b"LO", "Veilgate"),
        text((0x0028, 0x0303), b"CS", "MODIFIED"),
        sequence((0x4ffe, 0x0001), Length::Defined, mac.clone()),
        sequence((0xfffa, 0xfffa), Length::Defined, mac),
    ];
    let (world, instance) = report(more);
    let back = restored(&world, &instance);
    for tag in [(0x0008, 0x0000), (0x4ffe, 0x0001), (0xfffa, 0xfffa), (0x0012, 0x0062), (0x0028, 0x0303)] {
        assert!(back.top(tag).is_none(), "{tag:04x?}");
    }
    assert_eq!(back.text((0x0010, 0x0030)).unwrap(), "19600115", "the sender did not send it at all");
}

#[test]
fn what_is_about_nothing_that_was_given_out_is_refused() {
    use dicom_core::Tag as T;
    let study = T(0x0020, 0x000d);
    let (world, instance) = report(vec![text((0x0020, 0x000d), b"UI", "2.25.71")]);
    assert_eq!(refusal(&world, &instance), Refusal::UnknownName(study), "an original name is none");
    let (world, instance) = report(vec![text((0x0010, 0x0020), b"LO", "RIG-0001")]);
    assert_eq!(refusal(&world, &instance), Refusal::UnknownName(T(0x0010, 0x0020)));
    let (world, instance) = report(vec![text((0x0010, 0x0020), b"LO", "")]);
    assert_eq!(refusal(&world, &instance), Refusal::UnknownName(T(0x0010, 0x0020)));
    let foreign = veilgate::deid::engine::Engine::new(
        veilgate::deid::plan::Plan::new(&veilgate::deid::profile::Profile::preset("basic").unwrap()),
        &veilgate::deid::pseudonym::ProjectKey::from_bytes([8; 32]),
    );
    let item = vec![text((0x0008, 0x1155), b"UI", &foreign.uid("2.25.70001"))];
    let (world, instance) = report(vec![sequence((0x0008, 0x1140), Length::Defined, vec![item])]);
    assert!(matches!(refusal(&world, &instance), Refusal::UnknownName(_)), "a pseudonym of another project");
    let item = vec![text((0x0020, 0x000d), b"UI", "1.2.3.4")];
    let (world, instance) = report(vec![sequence((0x0040, 0xa375), Length::Defined, vec![item])]);
    assert_eq!(refusal(&world, &instance), Refusal::UnknownName(study), "a study of its own");
    let (mut world, instance) = report(Vec::new());
    world.path_study = Some("2.25.1".to_owned());
    assert_eq!(refusal(&world, &instance), Refusal::OtherStudy);
}

#[test]
fn a_name_that_the_crosswalk_forgot_comes_back_if_the_origin_tells_it_again() {
    let (mut world, given) = report(Vec::new());
    let frame = world.engine.uid("1.2.3.9");
    let (_, instance) = report(vec![text((0x0020, 0x0052), b"UI", &frame)]);
    assert!(matches!(refusal(&world, &instance), Refusal::UnknownName(_)));
    world.again.insert(frame, "1.2.3.9".to_owned());
    assert_eq!(restored(&world, &instance).text((0x0020, 0x0052)).unwrap(), "1.2.3.9");
    // One that is told to be an original's is one.
    let name = world.engine.uid("1.2.3.10");
    world.again.insert(name.clone(), "1.2.3.10".to_owned());
    let (_, overwriting) = report(vec![text(SOP_INSTANCE, b"UI", &name)]);
    assert_eq!(refusal(&world, &overwriting), Refusal::Duplicate);
    assert!(world.restore(&given, 5).is_ok());
}

#[test]
fn what_is_about_another_patient_or_two_is_refused() {
    use dicom_core::Tag as T;
    let other = || Patient::of("OTHER", "", "");
    let (mut world, instance) = report(Vec::new());
    world.patients.values_mut().for_each(|patient| *patient = other());
    assert_eq!(refusal(&world, &instance), Refusal::OtherPatient(T(0x0010, 0x0020)), "not the study's");
    let (mut world, instance) = report(Vec::new());
    world.others.push(other());
    assert!(matches!(refusal(&world, &instance), Refusal::OtherPatient(_)), "another study's");
    let item = vec![text((0x0010, 0x0020), b"LO", "PSOMEBODYELSE2345")];
    let (world, instance) = report(vec![sequence((0x0008, 0x1140), Length::Defined, vec![item])]);
    assert_eq!(refusal(&world, &instance), Refusal::OtherPatient(T(0x0010, 0x0020)), "inside a sequence");
}

#[test]
fn a_result_comes_into_a_series_of_its_study_or_of_its_sender() {
    let (mut world, own) = report(Vec::new());
    let series = (0x0020, 0x000e);
    let given = pseudonym(&world, "2.25.72");
    let (_, into) = report(vec![text(series, b"UI", &given)]);
    assert_eq!(restored(&world, &into).text(series).unwrap(), "2.25.72");
    let item = vec![text(series, b"UI", &given)];
    let (_, naming) = report(vec![sequence((0x0008, 0x1115), Length::Defined, vec![item])]);
    let elsewhere = |study: &str| std::collections::BTreeSet::from([study.to_owned()]);
    world.series.insert("2.25.72".to_owned(), elsewhere("2.25.9"));
    assert_eq!(refusal(&world, &into), Refusal::OtherSeries);
    assert!(world.restore(&naming, 9).is_ok(), "another study of the patient");
    world.series.clear();
    assert_eq!(refusal(&world, &into), Refusal::NoSeries);
    assert_eq!(refusal(&world, &naming), Refusal::NoSeries);
    assert!(world.restore(&own, 9).is_ok());
    world.series.insert("1.2.826.0.1.2".to_owned(), elsewhere("2.25.9"));
    assert_eq!(refusal(&world, &own), Refusal::OtherSeries, "the sender's own name, and somebody else's");
}

#[test]
fn an_instance_of_the_origin_is_never_overwritten_and_one_of_the_sender_s_is() {
    let (mut world, instance) = report(Vec::new());
    let original = samples::ct(syntax::EXPLICIT_LE, 1).write();
    let own = walk(&original).text(SOP_INSTANCE).unwrap();
    let named = |name: &str| report(vec![text(SOP_INSTANCE, b"UI", name)]).1;
    assert_eq!(refusal(&world, &named(&pseudonym(&world, &own))), Refusal::Duplicate, "its pseudonym");
    assert_eq!(refusal(&world, &named(&own)), Refusal::Duplicate, "its very name");
    world.taken = true;
    assert_eq!(refusal(&world, &instance), Refusal::Duplicate, "the origin has it");
    world.restored = Some("2.25.81".to_owned());
    assert_eq!(refusal(&world, &instance), Refusal::Duplicate, "it was stored in another study");
    world.restored = Some("2.25.71".to_owned());
    assert!(world.restore(&instance, 7).is_ok(), "a repetition");
}

#[test]
fn receipts_and_refusals_name_pseudonyms_only() {
    let (world, instance) = report(Vec::new());
    let (_, receipt) = world.restore(&instance, 100).unwrap_or_else(|refused| panic!("{}", refused.refusal));
    assert_eq!(receipt.names.study, pseudonym(&world, "2.25.71"));
    assert_eq!(receipt.names.instance, world.engine.uid("1.2.826.0.1.1"));
    assert_eq!(receipt.names.series, world.engine.uid("1.2.826.0.1.2"));
    assert_eq!((receipt.sent.as_deref(), receipt.arrives_as()), (Some("1.2.826.0.1.1"), "1.2.826.0.1.1"));
    let originals = receipt.originals.expose();
    assert_eq!((originals.study.as_str(), originals.patient_id.as_str()), ("2.25.71", "RIG-0001"));
    // Of an instance that nobody can place, not even its own name is repeated.
    let identified = samples::ct(syntax::EXPLICIT_LE, 9).write();
    let refused = world.restore(&identified, 100).err().unwrap();
    assert_eq!(refused.sent, None);
    let names = refused.names.unwrap();
    assert_eq!(names.study, world.engine.uid("2.25.71"));
    assert_eq!(names.instance, world.engine.uid("2.25.70009"));
}

#[test]
fn damage_is_told_at_every_cut_and_nothing_panics() {
    let (given, world) = given_out(&drive::lenient("research"), &samples::key_object().write()).unwrap();
    let (own, _) = as_own(&given);
    assert!(world.restore(&own, 1).is_ok());
    let body = own.len() - 200;
    for cut in (0..own.len()).step_by(3) {
        let whole = walk(&own[..cut]).fault.is_none();
        assert!(world.restore(&own[..cut], 50).is_err() || whole && cut > body / 2, "{cut}");
    }
    for at in (132..own.len()).step_by(5) {
        let mut broken = own.clone();
        broken[at] ^= 0xff;
        let _ = world.restore(&broken, usize::MAX);
    }
    let same_length = replaced(&own, b"TEXT", b"TEXT");
    assert!(same_length == own);
}
