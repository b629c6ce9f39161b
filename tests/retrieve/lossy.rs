//! Lossy JPEG decoded here, beside what DCMTK makes of it: decoders may round differently, and no more.

use super::{get, lenient, parts, put};
use crate::support::{files, rig, walk};

const NATIVE: &str =
    "multipart/related; type=\"application/octet-stream\"; transfer-syntax=1.2.840.10008.1.2.1";

/// File, what DCMTK is to go by (+cp: the photometric interpretation; +ca: it is wrong, and JFIF is right), bytes of a
/// sample, the greatest difference of a sample and that of all in the middle. Where the chrominance has fewer samples than
/// the picture, those between are made in more than one way.
const FILES: [(&str, &str, usize, i32, f64); 7] = [
    ("JPEG-lossy.dcm", "+cp", 2, 1, 0.05),
    ("Tools-for-Heal__privateTag.dcm", "+cp", 2, 1, 0.05),
    ("SC_rgb_jpeg_dcmtk.dcm", "+cp", 1, 3, 1.0),
    ("SC_jpeg_no_color_transform.dcm", "+cp", 1, 3, 1.0),
    ("healthcare-dic__example.dcm", "+ca", 1, 3, 1.0),
    ("fo-dicom__JPEGwithIcon.dcm", "+cp", 1, 3, 1.0),
    ("examples_ybr_color.dcm", "+cp", 1, 3, 1.0),
];

/// The first frame as DCMTK decodes it.
fn decoded(name: &str, colours: &str, length: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("native.dcm");
    let source = files::fixtures_dir().join(name);
    let run = rig::tool("dcmdjpeg").unwrap().arg(colours).arg(source).arg(&out).output().unwrap();
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    let file = std::fs::read(out).unwrap();
    walk::walk(&file).top((0x7fe0, 0x0010)).unwrap().bytes()[..length].to_vec()
}

fn samples(bytes: &[u8], width: usize) -> Vec<i32> {
    bytes
        .chunks_exact(width)
        .map(|cell| cell.iter().rev().fold(0, |all, it| all << 8 | i32::from(*it)))
        .collect()
}

#[test]
fn jpeg_of_8_and_of_12_bits_is_decoded_as_dcmtk_decodes_it() {
    if rig::tool("dcmdjpeg").is_none() {
        return;
    }
    let server = lenient();
    for (name, colours, width, greatest, middle) in FILES {
        let one = put(&server, &files::fixture(name));
        let answer = get(&server, &format!("{}/frames/1", one.path), NATIVE);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let ours = parts(&answer).remove(0).body;
        let theirs = samples(&decoded(name, colours, ours.len()), width);
        let differences: Vec<i32> =
            samples(&ours, width).iter().zip(&theirs).map(|(one, other)| (one - other).abs()).collect();
        let mean = f64::from(differences.iter().sum::<i32>()) / differences.len() as f64;
        let most = differences.iter().max().unwrap();
        assert!(*most <= greatest && mean <= middle, "{name}: up to {most}, in the middle {mean:.3}");
    }
}
