//! META: file meta and container (PS3.15 E.1.1, PS3.10 7.1).

use crate::drive;
use crate::instance::{basic, ct, options, out};
use crate::support::build::{bytes, text};
use crate::support::samples;
use crate::support::syntax;
use crate::support::walk::walk;

#[test]
fn core_09_meta_01_the_preamble_is_zeros_even_where_it_held_a_tiff_header() {
    let mut file = ct(Vec::new());
    let mut tiff = [0x44; 128];
    tiff[..4].copy_from_slice(b"II*\0");
    file.preamble = Some(tiff);
    assert_eq!(basic(&file).preamble, Some(vec![0; 128]));
}

#[test]
fn meta_02_class_instance_and_syntax_are_those_of_the_data_set() {
    for (_, bytes) in samples::all() {
        let Ok((output, receipt)) = drive::whole(&drive::lenient("basic"), &bytes) else { continue };
        let walked = walk(&output);
        assert_eq!(walked.meta_text((2, 2)), walked.text((8, 0x16)));
        assert_eq!(walked.meta_text((2, 3)), walked.text((8, 0x18)));
        assert_eq!(walked.meta_text((2, 3)).as_deref(), Some(receipt.names.instance.as_str()));
        assert_eq!(walked.meta_text((2, 0x10)).as_deref(), Some(walked.syntax.as_str()));
    }
}

#[test]
fn core_09_meta_03_the_implementation_is_the_gateways_own_even_when_uids_are_retained() {
    let mut file = ct(Vec::new());
    file.more_meta.push(text((2, 0x13), b"SH", "RIVERSIDE_PACS"));
    for engine in [drive::preset("basic"), options(&["retain-uids"]), drive::preset("blank")] {
        let walked = out(&engine, &file);
        assert_eq!(
            walked.meta_text((2, 0x12)).as_deref(),
            Some(veilgate::dicom::meta::IMPLEMENTATION_CLASS_UID)
        );
        assert!(walked.meta_text((2, 0x13)).unwrap().starts_with("VEILGATE"));
    }
}

#[test]
fn meta_04_05_titles_addresses_and_private_information_are_gone() {
    let mut file = ct(Vec::new());
    let titles = [0x16, 0x17, 0x18].map(|element| text((2, element), b"AE", "RIVERSIDE"));
    let addresses = [0x26, 0x27, 0x28].map(|element| text((2, element), b"UR", "http://riverside.example"));
    file.more_meta.extend(titles.into_iter().chain(addresses));
    file.more_meta.push(text((2, 0x0100), b"UI", "2.25.5"));
    file.more_meta.push(bytes((2, 0x0102), b"OB", b"Rosa"));
    let walked = basic(&file);
    let elements: Vec<u16> = walked.meta.iter().map(|leaf| leaf.tag.1).collect();
    assert_eq!(elements, [0x01, 0x02, 0x03, 0x10, 0x12, 0x13]);
}

#[test]
fn meta_06_trailing_padding_is_gone() {
    let file = ct(Vec::new());
    assert!(file.elements.iter().any(|element| element.tag == (0xfffc, 0xfffc)));
    assert!(basic(&file).top((0xfffc, 0xfffc)).is_none());
}

#[test]
fn meta_07_bytes_after_the_data_set_are_not_carried_over() {
    let file = ct(Vec::new());
    let plain = drive::done(&drive::preset("basic"), &file.write());
    let padded = drive::done(&drive::preset("basic"), &[file.write(), vec![0; 300]].concat());
    assert!(plain == padded, "zeros after the data set go");
    let trailing = [file.write(), b"Rosa was here ".to_vec()].concat();
    assert!(drive::whole(&drive::preset("basic"), &trailing).is_err(), "anything else is refused");
    assert_eq!(walk(&plain).syntax, syntax::EXPLICIT_LE);
}
