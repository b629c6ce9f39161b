//! Proves the checkers before they prove the product: the walker and the builder of `tests/support` against
//! each other, against the real files, and against dcmdump.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use support::build::{self, Element, Value};
use support::walk::{Content, Leaf, walk};
use support::{files, multipart, rig, samples, syntax};

/// The tree as the leaves a reader must report: (place, content) in order.
fn expected(elements: &[Element], path: &str, out: &mut Vec<(String, Content)>) {
    for element in elements {
        let place = format!("{path}{:04x},{:04x}", element.tag.0, element.tag.1);
        match &element.value {
            Value::Bytes(value) => out.push((place, Content::Value(value.clone()))),
            Value::Fragments(parts) => out.push((place, Content::Fragments(parts.clone()))),
            Value::Items(_, items) => {
                out.push((place.clone(), Content::Sequence(items.len())));
                for (number, item) in items.iter().enumerate() {
                    expected(item, &format!("{place}[{number}]."), out);
                }
            }
        }
    }
}

fn told(leaves: &[Leaf]) -> Vec<(String, Content)> {
    leaves
        .iter()
        .map(|leaf| (leaf.place(), leaf.content.clone()))
        .collect()
}

#[test]
fn walker_reads_what_the_builder_wrote_in_every_transfer_syntax() {
    let plain = [
        syntax::IMPLICIT_LE,
        syntax::EXPLICIT_LE,
        syntax::EXPLICIT_BE,
        syntax::DEFLATED_LE,
    ];
    for uid in plain.iter().chain(&samples::ENCAPSULATED) {
        let file = samples::ct(uid, 1);
        let walked = walk(&file.write());
        let mut tree = Vec::new();
        expected(&file.elements, "", &mut tree);
        assert_eq!(walked.fault, None, "{uid}");
        assert_eq!(told(&walked.leaves), tree, "{uid}");
        assert_eq!(walked.syntax, **uid);
        assert_eq!(walked.meta_text((2, 0x10)).as_deref(), Some(*uid));
    }
}

#[test]
fn walker_reads_every_odd_sample_to_its_last_byte() {
    for (name, bytes) in samples::all() {
        let walked = walk(&bytes);
        assert_eq!(walked.fault, None, "{name}");
        let names_patient = walked
            .leaves
            .iter()
            .any(|leaf| leaf.bytes().starts_with(b"Rigpatient^Rosa"));
        assert!(names_patient, "{name}: the patient's name was not found");
    }
}

#[test]
fn walker_sees_inside_sequences_of_unknown_vr() {
    let walked = walk(&samples::unknown().write());
    let inner = walked
        .leaves
        .iter()
        .find(|leaf| leaf.place() == "0029,1020[0].0010,0020")
        .unwrap();
    assert_eq!(inner.bytes(), b"RIG-0001");
}

#[test]
fn walker_reports_a_cut_file() {
    let whole = samples::ct(syntax::EXPLICIT_LE, 1).write();
    let cut = walk(&whole[..whole.len() - 3]);
    assert!(cut.fault.is_some());
}

#[test]
fn walker_reads_the_same_values_in_every_byte_order_of_one_real_picture() {
    let base = walk(&files::fixture("MR_small.dcm"));
    let swapped = walk(&files::fixture("MR_small_bigendian.dcm"));
    let implicit = walk(&files::fixture("MR_small_implicit.dcm"));
    for other in [&swapped, &implicit] {
        assert_eq!(other.fault, None);
        assert_eq!(
            other.pixels().unwrap().bytes(),
            base.pixels().unwrap().bytes()
        );
        for tag in [
            (0x0010, 0x0010),
            (0x0010, 0x0020),
            (0x0028, 0x0010),
            (0x0018, 0x0087),
        ] {
            assert_eq!(
                other.top(tag).map(Leaf::bytes),
                base.top(tag).map(Leaf::bytes),
                "{tag:04x?}"
            );
        }
    }
}

/// Real files that are broken: the walker must say so, and may for these alone.
const BROKEN: [&str; 5] = [
    "MR_truncated.dcm",
    "bad.dcm",
    "no_meta.dcm",
    "rtplan_truncated.dcm",
    "rust_anonymization_test.dcm",
];

#[test]
fn walker_accounts_for_every_byte_of_the_real_files() {
    let mut wrong = Vec::new();
    for file in files::fixtures() {
        let walked = walk(&file.bytes);
        if walked.fault.is_some() != BROKEN.contains(&file.name.as_str()) {
            wrong.push(format!(
                "{}: {:?} after {} leaves",
                file.name,
                walked.fault,
                walked.leaves.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn walker_meets_the_same_tags_as_dcmdump() {
    let mut compared = 0;
    for name in [
        "CT_small.dcm",
        "rtstruct.dcm",
        "test-SR.dcm",
        "ExplVR_BigEnd.dcm",
        "image_dfl.dcm",
        "highdicom__sr_document.dcm",
    ] {
        let Some(mut dcmdump) = rig::tool("dcmdump") else {
            return;
        };
        let output = dcmdump
            .args(["-q", "-M", "+L"])
            .arg(files::fixtures_dir().join(name))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<String> = text.lines().filter_map(tag_of_dump_line).collect();
        let ours: Vec<String> = walk(&files::fixture(name))
            .leaves
            .iter()
            .map(|leaf| format!("{:04x},{:04x}", leaf.tag.0, leaf.tag.1))
            .collect();
        assert_eq!(ours, theirs, "{name}");
        compared += ours.len();
    }
    assert!(compared > 400, "only {compared} elements compared");
}

/// `(0008,0018) UI ...` of the data set; None for comments, items, delimiters and group 0002.
fn tag_of_dump_line(line: &str) -> Option<String> {
    let tag = line.trim_start().strip_prefix('(')?.get(..9)?;
    (!tag.starts_with("fffe") && !tag.starts_with("0002")).then(|| tag.to_owned())
}

#[test]
fn builder_writes_files_that_dcmdump_reads() {
    let folder = tempfile::tempdir().unwrap();
    for uid in [
        syntax::IMPLICIT_LE,
        syntax::EXPLICIT_LE,
        syntax::EXPLICIT_BE,
        syntax::DEFLATED_LE,
        syntax::RLE,
    ] {
        let Some(mut dcmdump) = rig::tool("dcmdump") else {
            return;
        };
        let path = folder.path().join("sample.dcm");
        std::fs::write(&path, samples::ct(uid, 1).write()).unwrap();
        let output = dcmdump.arg(&path).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{uid}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.contains("Rigpatient^Rosa"), "{uid}: {text}");
    }
}

#[test]
fn odd_values_and_private_blocks_are_written_as_asked() {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.push(build::odd((0x0010, 0x4000), b"LT", b"odd"));
    elements.extend(build::private(
        0x0011,
        0x20,
        "CREATOR",
        &[(0x7f, b"SH", b"x")],
    ));
    let walked = walk(&build::Part10::new(syntax::EXPLICIT_LE, elements).write());
    assert_eq!(walked.top((0x0010, 0x4000)).unwrap().bytes(), b"odd");
    assert_eq!(walked.top((0x0011, 0x207f)).unwrap().bytes(), b"x ");
    assert_eq!(walked.text((0x0011, 0x0020)).as_deref(), Some("CREATOR"));
}

#[test]
fn multipart_reader_takes_apart_what_the_writer_wrote() {
    let parts = [
        multipart::Part::dicom(b"one\r\n--two".to_vec()),
        multipart::Part::new("application/dicom+json", b"[]".to_vec()),
    ];
    let body = multipart::write(&parts, "edge", "\r\n");
    let read = multipart::read(
        "multipart/related; type=\"application/dicom\"; boundary=\"edge\"",
        &body,
    )
    .unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].body, parts[0].body);
    assert_eq!(
        read[1].header("content-type"),
        Some("application/dicom+json")
    );
    assert!(
        multipart::read("multipart/related; boundary=edge", &body[..body.len() - 6]).is_none(),
        "cut body accepted"
    );
    assert_eq!(
        multipart::parameter("a/b; x=1; y=\"2;3\" ; z=4", "z").as_deref(),
        Some("4")
    );
}

#[test]
fn orthanc_rig_stores_what_is_sent_and_stops() {
    let Some(orthanc) = rig::orthanc() else {
        return;
    };
    let body = multipart::write(
        &[multipart::Part::dicom(files::fixture("CT_small.dcm"))],
        "edge",
        "\r\n",
    );
    let request = support::http::Request::new("POST", "/dicom-web/studies")
        .header(
            "Content-Type",
            "multipart/related; type=\"application/dicom\"; boundary=edge",
        )
        .header("Accept", "application/dicom+json")
        .framing(support::http::Framing::Chunked(1000))
        .body(body);
    let answer = request.send(orthanc.address()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json()["00081199"]["Value"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        orthanc
            .get("/studies", "application/dicom+json")
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let address = orthanc.address().to_owned();
    drop(orthanc);
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "Orthanc still listens after its end"
    );
}
