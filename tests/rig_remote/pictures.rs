//! Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): Orthanc's pictures where it makes some, ours where
//! it does not.

use super::{Rig, path, rig, series, slice, slices, study};
use crate::support::files::fixture;
use crate::support::multipart;
use crate::support::samples;

/// Width and height of a JPEG or PNG.
fn size(rig: &Rig, target: &str, accept: &str) -> (u32, u32) {
    let answer = rig.get(target, accept);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some(accept)),
        "{target}: {}",
        answer.text()
    );
    if accept == "image/png" {
        let reader = png::Decoder::new(std::io::Cursor::new(&answer.body)).read_info().unwrap();
        return (reader.info().width, reader.info().height);
    }
    let mut decoder = jpeg_decoder::Decoder::new(&answer.body[..]);
    decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    (info.width.into(), info.height.into())
}

#[test]
fn instances_are_rendered_whatever_orthanc_can_decode() {
    let Some(rig) = rig(&slices()) else { return };
    for number in 0..5 {
        let path = path(&slice(number));
        for accept in ["image/jpeg", "image/png"] {
            assert_eq!(size(&rig, &format!("{path}/rendered"), accept), (64, 64), "{number} {accept}");
            assert_eq!(
                size(&rig, &format!("{path}/frames/1/rendered"), accept),
                (64, 64),
                "{number} {accept}"
            );
        }
        let fitted = format!("{path}/rendered?viewport=32,32&window=600,1200,linear&quality=50");
        assert_eq!(size(&rig, &fitted, "image/jpeg"), (32, 32), "{number}");
        assert_eq!(rig.get(&format!("{path}/frames/2/rendered"), "image/jpeg").status, 404, "{number}");
    }
    let one = path(&slice(0));
    for level in [study(&one), series(&one)] {
        let answer = rig.get(&format!("{level}/rendered"), "multipart/related; type=\"image/jpeg\"");
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        assert_eq!(parts.len(), 5, "{level}");
        assert!(parts.iter().all(|part| part.body.starts_with(&[0xFF, 0xD8])));
    }
}

#[test]
fn one_picture_stands_for_all_below_a_place() {
    let frames = fixture("SC_rgb_rle_2frame.dcm");
    let Some(rig) = rig(&[slices(), vec![frames.clone()]].concat()) else { return };
    let one = path(&slice(4));
    for place in [study(&one), series(&one), one.as_str()] {
        assert_eq!(
            size(&rig, &format!("{place}/thumbnail?viewport=16,16"), "image/jpeg"),
            (16, 16),
            "{place}"
        );
    }
    let two = path(&frames);
    let middle = rig.get(&format!("{two}/thumbnail?viewport=100,100"), "image/png").body;
    assert_eq!(middle, rig.get(&format!("{two}/frames/2/rendered?viewport=100,100"), "image/png").body);
    assert_eq!(rig.get("studies/1.2.3/thumbnail", "image/jpeg").status, 404);
}

#[test]
fn a_document_is_rendered_as_itself_and_what_has_no_picture_says_so() {
    let (pdf, report) = (samples::pdf().write(), samples::key_object().write());
    let Some(rig) = rig(&[pdf.clone(), report.clone()]) else { return };
    let answer = rig.get(&format!("{}/rendered", path(&pdf)), "application/pdf");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pdf")));
    assert!(answer.body.starts_with(b"%PDF-1.4"));
    for (instance, target) in [(&report, "rendered"), (&report, "thumbnail"), (&pdf, "thumbnail")] {
        assert_eq!(rig.get(&format!("{}/{target}", path(instance)), "image/jpeg").status, 406, "{target}");
    }
    let text = rig.get(&format!("{}/rendered", path(&report)), "text/html");
    assert_eq!((text.status, text.header("content-type")), (200, Some("text/html; charset=utf-8")));
}
