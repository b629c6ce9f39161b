//! Damaged and hostile input: cut, flipped, spliced, lying, nested without end. Never a panic, never more memory than the
//! limits say, never without end, and never an output that another chunk size would not give.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod drive;
mod support;

use std::time::{Duration, Instant};
use support::build::{Element, Length, Part10, sequence, text};
use support::walk::walk;
use support::{files, samples, syntax};
use veilgate::deid::engine::Engine;
use veilgate::deid::refusal::Refusal;
use veilgate::deid::rewriter::Options;
use veilgate::dicom::FaultKind;
use veilgate::dicom::instance::Limits;

/// Bounds so small that a length which is believed would show.
fn bounded() -> Options {
    Options { limits: Limits { head: 1 << 20, depth: 32, inflated: 4 << 20 }, ..Options::default() }
}

/// Small real files and the samples: what is damaged here.
fn seeds(limit: usize) -> Vec<(String, Vec<u8>)> {
    let named = |file: files::File| (file.name, file.bytes);
    let all = files::fixtures().into_iter().map(named).chain(samples::all());
    all.filter(|(_, bytes)| bytes.len() < limit).collect()
}

/// One damaged input through the engine: whatever comes out is well-formed, and no larger than what went in allows.
fn survives(engine: &Engine, name: &str, input: &[u8]) -> bool {
    let whole = drive::rewrite_with(engine, input, usize::MAX, bounded()).map(|(output, _)| output);
    let pieces = drive::rewrite_with(engine, input, 97, bounded()).map(|(output, _)| output);
    assert!(whole == pieces, "{name}: pieces end otherwise: {:?} and {:?}", whole.err(), pieces.err());
    match whole {
        Ok(output) => {
            assert_eq!(walk(&output).fault, None, "{name}: the output is not well-formed");
            let most = input.len() * 4 + (4 << 20);
            assert!(output.len() <= most, "{name}: {} bytes became {}", input.len(), output.len());
            true
        }
        Err(refusal) => {
            assert!(refusal.to_string().is_ascii(), "{name}: {refusal}");
            false
        }
    }
}

/// A small generator of numbers with a seed (xorshift), so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_ends_where_an_element_ends() {
    let engine = drive::lenient("research");
    let (mut cuts, mut passed) = (0, 0);
    for (name, bytes) in seeds(3_000) {
        for end in 0..bytes.len() {
            cuts += 1;
            if let Ok((output, _)) = drive::rewrite_with(&engine, &bytes[..end], usize::MAX, bounded()) {
                passed += 1;
                assert_eq!(walk(&output).fault, None, "{name} cut at {end}: the output is not well-formed");
            }
        }
    }
    println!("{cuts} cuts, {passed} at the end of an element");
    assert!(cuts > 50_000 && passed < cuts / 5, "{passed} of {cuts}");
}

#[test]
fn larger_files_survive_cuts_all_over() {
    let engine = drive::lenient("research");
    for (name, bytes) in seeds(10_000).iter().filter(|(_, bytes)| bytes.len() >= 3_000) {
        for end in (0..bytes.len()).step_by(61) {
            survives(&engine, name, &bytes[..end]);
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let engine = drive::lenient("research");
    let mut chance = Chance(0x5eed_0001);
    let (mut tried, mut passed) = (0, 0);
    for (name, bytes) in seeds(10_000) {
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..=chance.below(4) {
                let at = chance.below(damaged.len());
                damaged[at] ^= 1 << chance.below(8);
            }
            tried += 1;
            passed += usize::from(survives(&engine, &format!("{name} {tried}"), &damaged));
        }
    }
    println!("{tried} tried, {passed} passed");
    assert!(passed > 0 && passed < tried);
}

#[test]
fn splices_of_two_files_never_panic() {
    let engine = drive::lenient("research");
    let seeds = seeds(10_000);
    let mut chance = Chance(0x5eed_0002);
    for _ in 0..4_000 {
        let (one, two) = (&seeds[chance.below(seeds.len())], &seeds[chance.below(seeds.len())]);
        let (to, from) = (chance.below(one.1.len()), chance.below(two.1.len()));
        let spliced = [&one.1[..to], &two.1[from..]].concat();
        survives(&engine, &format!("{} to {to}, {} from {from}", one.0, two.0), &spliced);
    }
}

/// The places of all length fields, found as the builder's own headers are: by VR letters or item tags.
fn length_fields(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    for at in 132..bytes.len().saturating_sub(8) {
        let letters = [bytes[at], bytes[at + 1]];
        if support::vr::known(letters) {
            out.push(if support::vr::long(letters) { (at + 4, 4) } else { (at + 2, 2) });
        }
        if bytes[at..].starts_with(&[0xfe, 0xff]) {
            out.push((at + 4, 4));
        }
    }
    out
}

#[test]
fn no_length_field_is_believed() {
    let engine = drive::lenient("research");
    let (mut lies, mut told) = (0, 0);
    let synthetic = [
        samples::ct(syntax::EXPLICIT_LE, 1),
        samples::ct(syntax::RLE, 1),
        samples::unknown(),
        samples::key_object(),
        samples::pdf(),
    ];
    for (number, file) in synthetic.iter().enumerate() {
        let bytes = file.write();
        for (at, width) in length_fields(&bytes) {
            let Some(field) = bytes.get(at..at + width) else { continue };
            let old = field.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
            for new in [
                0,
                1,
                u32::MAX,
                u32::MAX - 1,
                0x7fff_ffff,
                0xffff,
                old.wrapping_add(1),
                old.wrapping_sub(1),
                old / 2,
            ] {
                let mut lying = bytes.clone();
                lying[at..at + width].copy_from_slice(&new.to_le_bytes()[..width]);
                lies += 1;
                told += usize::from(!survives(
                    &engine,
                    &format!("sample {number}, length at {at} is {new}"),
                    &lying,
                ));
            }
        }
    }
    println!("{lies} lies, {told} refused");
    assert!(lies > 1_500 && told > lies / 3, "{told} of {lies}");
}

#[test]
fn a_value_that_claims_four_gigabytes_is_refused_when_the_bytes_end() {
    let mut bytes = samples::ct(syntax::IMPLICIT_LE, 1).write();
    bytes.extend([0x10, 0x00, 0x20, 0x00, 0xfe, 0xff, 0xff, 0xff]);
    let began = Instant::now();
    assert!(drive::rewrite_with(&drive::preset("basic"), &bytes, 7, bounded()).is_err());
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// Sequences in sequences, `depth` deep.
fn nested(depth: usize, wrap: impl Fn(Vec<Vec<Element>>) -> Element) -> Vec<u8> {
    let mut inner = vec![text((0x0008, 0x1155), b"UI", "2.25.70001")];
    for _ in 0..depth {
        inner = vec![wrap(vec![inner])];
    }
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.extend(inner);
    Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

/// The same, opened as often as asked and closed again, written without recursion.
fn opened(times: usize, first: &[u8], others: &[u8]) -> Vec<u8> {
    let mut bytes = Part10::new(syntax::EXPLICIT_LE, samples::identified(samples::sop::CT, "CT", 1)).write();
    for time in 0..times {
        let header = if time == 0 { first } else { others };
        bytes.extend([header, b"\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"].concat());
    }
    for _ in 0..times {
        bytes.extend(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
    }
    bytes
}

#[test]
fn ten_thousand_nested_sequences_are_refused_without_using_up_the_stack() {
    let engine = drive::preset("basic");
    let removed = b"\x40\0\x30\xa7SQ\0\0";
    let kept = b"\x40\0\x70\xa1SQ\0\0";
    // Inside UN everything is implicit (PS3.5 6.2.2).
    let (unknown, implicit) = (b"\x29\0\x10\x10UN\0\0", b"\x29\0\x10\x10");
    for (first, others) in [(removed, &removed[..]), (kept, kept), (unknown, implicit)] {
        let refusal = drive::whole(&engine, &opened(10_000, first, others)).map(|_| ()).unwrap_err();
        let Refusal::Fault(fault) = refusal else { panic!("{refusal}") };
        assert_eq!(fault.kind, FaultKind::TooDeep);
    }
}

#[test]
fn defined_lengths_nested_to_the_limit_pass_and_one_deeper_is_refused() {
    let engine = drive::preset("basic");
    let most = Limits::default().depth;
    let defined = |items| sequence((0x0008, 0x1115), Length::Defined, items);
    assert!(drive::whole(&engine, &nested(most, defined)).is_ok());
    assert!(drive::whole(&engine, &nested(most + 1, defined)).is_err());
}

#[test]
fn nested_unknown_values_cost_no_more_than_their_size() {
    // Each UN value may hold items, which hold UN values: looking into each of them anew would take exponential time.
    let mut inner = text((0x0010, 0x0010), b"PN", "Rigpatient^Rosa");
    for _ in 0..24 {
        inner = Element { vr: *b"UN", ..sequence((0x0029, 0x1010), Length::Defined, vec![vec![inner]]) };
    }
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.push(inner);
    let bytes = Part10::new(syntax::EXPLICIT_LE, elements).sorted().write();
    let began = Instant::now();
    let _ = drive::whole(&drive::preset("research"), &bytes);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_deflate_bomb_is_refused_at_its_limit() {
    let mut file = samples::ct(syntax::DEFLATED_LE, 1);
    file.elements.retain(|element| element.tag != (0x7fe0, 0x0010));
    file.elements.push(support::build::bytes((0x7fe0, 0x0010), b"OW", &vec![0; 64 << 20]));
    let bytes = file.sorted().write();
    assert!(bytes.len() < 1 << 20);
    let refusal =
        drive::rewrite_with(&drive::preset("basic"), &bytes, 4096, bounded()).map(|_| ()).unwrap_err();
    let Refusal::Fault(fault) = refusal else { panic!("{refusal}") };
    assert_eq!(fault.kind, FaultKind::InflatesTooLarge);
}

#[test]
fn a_head_over_its_limit_is_refused_whether_it_comes_at_once_or_in_pieces() {
    let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
    file.elements.push(support::build::bytes((0x0029, 0x1012), b"OB", &vec![7; 2 << 20]));
    let bytes = file.sorted().write();
    for step in [4096, usize::MAX] {
        let refusal =
            drive::rewrite_with(&drive::preset("basic"), &bytes, step, bounded()).map(|_| ()).unwrap_err();
        let Refusal::Fault(fault) = refusal else { panic!("{refusal}") };
        assert_eq!(fault.kind, FaultKind::HeadTooLarge);
    }
}
