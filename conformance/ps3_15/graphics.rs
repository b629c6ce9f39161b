//! GFX: overlays, curves, graphic annotation (PS3.15 E.3.3).

use crate::drive;
use crate::instance::{PRESENTATION_STATE, basic, ct, item, items, of_class, options, out, with};
use crate::support::build::{bytes, fragments, text, us};
use crate::support::samples;
use crate::support::syntax;
use veilgate::deid::refusal::Refusal;

#[test]
fn gfx_01_02_06_curves_and_overlays_go_with_their_whole_group() {
    let mut elements = Vec::new();
    for low in [0x00, 0x02, 0x1e] {
        elements.push(bytes((0x5000 + low, 0x3000), b"OW", b"curve!"));
        elements.push(us((0x5000 + low, 0x0005), 2));
        elements.push(us((0x6000 + low, 0x0010), 4));
        elements.push(bytes((0x6000 + low, 0x3000), b"OW", &[0xff; 4]));
        elements.push(text((0x6000 + low, 0x4000), b"LT", "Rosa"));
    }
    for engine in [drive::preset("basic"), options(&["clean-graphics"]), drive::preset("blank")] {
        let walked = out(&engine, &ct(elements.clone()));
        assert!(walked.leaves.iter().all(|leaf| !matches!(leaf.tag.0, 0x5000..=0x50ff | 0x6000..=0x60ff)));
    }
}

/// An overlay in bit 12 of 16-bit pixels, as PS3.3 C.9.2 had it.
fn embedded() -> Vec<crate::support::build::Element> {
    vec![us((0x6000, 0x0100), 16), us((0x6000, 0x0102), 12), us((0x6000, 0x0010), 4), us((0x6000, 0x0011), 4)]
}

#[test]
fn gfx_03_overlays_in_unused_bits_of_the_pixels_are_cleared() {
    let pixels: Vec<u8> = (0..16u16).flat_map(|cell| (cell | 0x1000).to_le_bytes()).collect();
    for uid in [syntax::EXPLICIT_LE, syntax::IMPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE] {
        let mut more = embedded();
        more.push(us((0x0028, 0x0101), 12));
        more.push(us((0x0028, 0x0102), 11));
        more.push(bytes((0x7fe0, 0x0010), b"OW", &pixels));
        let file = with(samples::ct(uid, 1), more);
        for step in [1, 3, usize::MAX] {
            let (output, _) = drive::rewrite(&drive::preset("basic"), &file.write(), step).unwrap();
            let cleared = crate::support::walk::walk(&output).pixels().unwrap().bytes();
            let expected: Vec<u8> = (0..16u16).flat_map(|cell| cell.to_le_bytes()).collect();
            assert_eq!(cleared, expected, "{uid}, chunks of {step}");
        }
    }
}

#[test]
fn gfx_03_an_overlay_in_compressed_pixels_is_refused() {
    let mut more = embedded();
    more.push(fragments(&[&[1, 2, 3, 4]]));
    let file = with(samples::ct(syntax::RLE, 1), more);
    let refusal = drive::whole(&drive::preset("basic"), &file.write()).map(|_| ()).unwrap_err();
    assert_eq!(refusal, Refusal::OverlayInPixels);
}

#[test]
fn gfx_04_clean_graphics_keeps_no_graphic_at_all_and_earns_its_code() {
    let words = item((0x0070, 0x0008), vec![text((0x0070, 0x0006), b"ST", "Rosa")]);
    let file = of_class(PRESENTATION_STATE, vec![item((0x0070, 0x0001), vec![words])]);
    let walked = out(&options(&["clean-graphics"]), &file);
    assert_eq!(items(&walked, (0x0070, 0x0001)), None);
    let codes: Vec<_> =
        walked.leaves.iter().filter(|leaf| leaf.tag == (0x0008, 0x0100)).map(|leaf| leaf.bytes()).collect();
    assert_eq!(codes, [b"113100".to_vec(), b"113103".to_vec()]);
}

#[test]
fn gfx_05_graphic_annotation_becomes_a_dummy_in_the_basic_profile() {
    let words = item((0x0070, 0x0008), vec![text((0x0070, 0x0006), b"ST", "Rosa")]);
    let walked = basic(&of_class(PRESENTATION_STATE, vec![item((0x0070, 0x0001), vec![words])]));
    assert_eq!(items(&walked, (0x0070, 0x0001)), Some(1));
    assert!(walked.leaves.iter().all(|leaf| !leaf.bytes().starts_with(b"Rosa")));
    let kind = crate::instance::text_inside(&walked, &[(0x0070, 0x0001), (0x0070, 0x0009)], (0x0070, 0x0023));
    assert_eq!(kind.as_deref(), Some("POINT"));
}
