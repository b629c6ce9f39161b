//! SEQ: special sequences and payloads (PS3.15 Table E.1-1).

use crate::drive;
use crate::instance::{PHOTOGRAPHY, anywhere, basic, ct, item, of_class, out, reference};
use crate::support::build::{Length, bytes, fragments, sequence, text};
use crate::support::{samples, syntax};

#[test]
fn seq_01_02_03_05_old_values_signatures_icons_and_photos_go() {
    let secret = || vec![text((0x0010, 0x0010), b"PN", "Rosa^R")];
    let nested =
        item((0x0008, 0x1115), vec![item((0xfffa, 0xfffa), secret()), item((0x0400, 0x0561), secret())]);
    let tags = [
        (0x0400, 0x0561),
        (0x0400, 0x0550),
        (0xfffa, 0xfffa),
        (0x4ffe, 0x0001),
        (0x0088, 0x0200),
        (0x0010, 0x1100),
    ];
    let mut elements: Vec<_> = tags.iter().map(|tag| item(*tag, secret())).collect();
    elements.push(nested);
    let walked = basic(&ct(elements));
    for tag in tags {
        assert!(!anywhere(&walked, tag), "{tag:04x?}");
    }
}

#[test]
fn seq_03_an_icon_inside_a_directory_like_item_goes_too() {
    let icon = item((0x0088, 0x0200), vec![bytes((0x7fe0, 0x0010), b"OW", &[1; 32])]);
    let series = sequence(
        (0x0008, 0x1115),
        Length::Undefined,
        vec![vec![reference((0x0008, 0x1199), "2.25.9"), icon]],
    );
    assert!(!anywhere(&basic(&ct(vec![series])), (0x0088, 0x0200)));
}

#[test]
fn seq_04_a_document_is_refused_and_where_let_pass_replaced_by_a_dummy_of_its_type() {
    let file = samples::pdf();
    assert!(drive::whole(&drive::preset("basic"), &file.write()).is_err());
    let walked = out(&drive::lenient("basic"), &file);
    let document = walked.top((0x0042, 0x0011)).unwrap().bytes();
    assert!(document.starts_with(b"%PDF-1.4") && document.len().is_multiple_of(2));
    assert!(!document.windows(10).any(|window| window == b"Rigpatient"));
    let unknown = crate::instance::with(file, vec![text((0x0042, 0x0012), b"LO", "application/x-secret")]);
    assert!(
        drive::whole(&drive::lenient("basic"), &unknown.write()).is_err(),
        "no dummy is known for this type"
    );
}

#[test]
fn seq_06_positions_maker_notes_and_owners_of_cameras_go() {
    let positions = (0x70..=0x8e).map(|element| text((0x0016, element), b"LO", "48.1N Rosa"));
    let owner = [text((0x0016, 0x0033), b"LO", "Rosa"), bytes((0x0016, 0x002b), b"OB", b"maker note Rosa ")];
    let file = of_class(PHOTOGRAPHY, positions.chain(owner).collect());
    let walked = out(&drive::lenient("basic"), &file);
    let left: Vec<_> =
        walked.leaves.iter().filter(|leaf| leaf.bytes().windows(4).any(|window| window == b"Rosa")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn seq_07_comments_and_application_data_in_compressed_pixels_go() {
    let jpeg = b"\xff\xd8\xff\xe1\0\x0cExif\0\0Rosa\xff\xe2\0\x0bICC Rosa \xff\xfe\0\x06Rosa\xff\xda\0\x02\x01\xff\xd9Rosa";
    let mut file = samples::ct(syntax::JPEG_BASELINE, 1);
    file.elements.retain(|element| element.tag != (0x7fe0, 0x0010));
    file.elements.push(fragments(&[jpeg]));
    let walked = out(&drive::lenient("basic"), &file.sorted());
    let pixels = walked.pixels().unwrap().bytes();
    assert!(pixels.len() >= jpeg.len() && pixels.starts_with(b"\xff\xd8\xff\xe1\0\x0c"));
    assert!(!pixels.windows(4).any(|window| window == b"Rosa"), "{pixels:?}");
}
