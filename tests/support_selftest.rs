//! Proves the checkers before they prove the product: the walker and the builder of `tests/support` against
//! each other, against the real files, and against dcmdump.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use support::build::{self, Element, Value};
use support::walk::{Content, Leaf, walk};
use support::{compare, files, multipart, plant, rig, samples, syntax};

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
    leaves.iter().map(|leaf| (leaf.place(), leaf.content.clone())).collect()
}

#[test]
fn walker_reads_what_the_builder_wrote_in_every_transfer_syntax() {
    let plain = [syntax::IMPLICIT_LE, syntax::EXPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE];
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
        let names_patient = walked.leaves.iter().any(|leaf| leaf.bytes().starts_with(b"Rigpatient^Rosa"));
        assert!(names_patient, "{name}: the patient's name was not found");
    }
}

#[test]
fn walker_sees_inside_sequences_of_unknown_vr() {
    let walked = walk(&samples::unknown().write());
    let inner = walked.leaves.iter().find(|leaf| leaf.place() == "0029,1020[0].0010,0020").unwrap();
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
        assert_eq!(other.pixels().unwrap().bytes(), base.pixels().unwrap().bytes());
        for tag in [(0x0010, 0x0010), (0x0010, 0x0020), (0x0028, 0x0010), (0x0018, 0x0087)] {
            assert_eq!(other.top(tag).map(Leaf::bytes), base.top(tag).map(Leaf::bytes), "{tag:04x?}");
        }
    }
}

/// Real files that are broken: the walker must say so, and may for these alone.
const BROKEN: [&str; 5] =
    ["MR_truncated.dcm", "bad.dcm", "no_meta.dcm", "rtplan_truncated.dcm", "rust_anonymization_test.dcm"];

#[test]
fn walker_accounts_for_every_byte_of_the_real_files() {
    let mut wrong = Vec::new();
    for file in files::fixtures() {
        let walked = walk(&file.bytes);
        if walked.fault.is_some() != BROKEN.contains(&file.name.as_str()) {
            wrong.push(format!("{}: {:?} after {} leaves", file.name, walked.fault, walked.leaves.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Real files that dcmdump reads otherwise, and why the walker is right to differ.
const OTHERWISE: [(&str, &str); 3] = [
    ("bad_sequence.dcm", "a sequence of defined length under VR UN: dcmdump sees bytes"),
    ("priv_SQ.dcm", "an implicit private sequence of defined length: dcmdump sees bytes"),
    ("rtdose_rle.dcm", "a sequence of defined length under VR UN: dcmdump sees bytes"),
];

#[test]
fn walker_meets_the_same_tags_as_dcmdump() {
    let (mut elements, mut wrong) = (0, Vec::new());
    for file in files::fixtures() {
        let Some(mut dcmdump) = rig::tool("dcmdump") else {
            return;
        };
        let output = dcmdump.args(["-q", "-M"]).arg(&file.path).output().unwrap();
        if !output.status.success() || OTHERWISE.iter().any(|(name, _)| *name == file.name) {
            continue;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<String> = text.lines().filter_map(tag_of_dump_line).collect();
        let ours: Vec<String> = walk(&file.bytes).leaves.iter().map(tag_of_leaf).collect();
        elements += ours.len();
        if ours != theirs {
            wrong.push(format!("{}: {} elements, dcmdump {}", file.name, ours.len(), theirs.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(elements > 10_000, "only {elements} elements compared");
}

fn tag_of_leaf(leaf: &Leaf) -> String {
    format!("{:04x},{:04x}", leaf.tag.0, leaf.tag.1)
}

/// `(0008,0018) UI ...` of the data set; None for comments, items, delimiters and group 0002.
fn tag_of_dump_line(line: &str) -> Option<String> {
    let tag = line.trim_start().strip_prefix('(')?.get(..9)?;
    (!tag.starts_with("fffe") && !tag.starts_with("0002")).then(|| tag.to_owned())
}

#[test]
fn builder_writes_files_that_dcmdump_reads() {
    let folder = tempfile::tempdir().unwrap();
    for uid in
        [syntax::IMPLICIT_LE, syntax::EXPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE, syntax::RLE]
    {
        let Some(mut dcmdump) = rig::tool("dcmdump") else {
            return;
        };
        let path = folder.path().join("sample.dcm");
        std::fs::write(&path, samples::ct(uid, 1).write()).unwrap();
        let output = dcmdump.arg(&path).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{uid}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("Rigpatient^Rosa"), "{uid}: {text}");
    }
}

#[test]
fn odd_values_and_private_blocks_are_written_as_asked() {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.push(build::odd((0x0010, 0x4000), b"LT", b"odd"));
    elements.extend(build::private(0x0011, 0x20, "CREATOR", &[(0x7f, b"SH", b"x")]));
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
    let read =
        multipart::read("multipart/related; type=\"application/dicom\"; boundary=\"edge\"", &body).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].body, parts[0].body);
    assert_eq!(read[1].header("content-type"), Some("application/dicom+json"));
    assert!(
        multipart::read("multipart/related; boundary=edge", &body[..body.len() - 6]).is_none(),
        "cut body accepted"
    );
    assert_eq!(multipart::parameter("a/b; x=1; y=\"2;3\" ; z=4", "z").as_deref(), Some("4"));
}

#[test]
fn orthanc_rig_stores_what_is_sent_and_stops() {
    let Some(orthanc) = rig::orthanc() else {
        return;
    };
    let body = multipart::write(&[multipart::Part::dicom(files::fixture("CT_small.dcm"))], "edge", "\r\n");
    let request = support::http::Request::new("POST", "/dicom-web/studies")
        .header("Content-Type", "multipart/related; type=\"application/dicom\"; boundary=edge")
        .header("Accept", "application/dicom+json")
        .framing(support::http::Framing::Chunked(1000))
        .body(body);
    let answer = request.send(orthanc.address()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["00081199"]["Value"].as_array().map(Vec::len), Some(1));
    assert_eq!(orthanc.get("/studies", "application/dicom+json").json().as_array().map(Vec::len), Some(1));
    let address = orthanc.address().to_owned();
    drop(orthanc);
    assert!(std::net::TcpStream::connect(address).is_err(), "Orthanc still listens after its end");
}

#[test]
fn comparison_tells_kept_changed_removed_and_added_leaves_apart() {
    let before = samples::ct(syntax::IMPLICIT_LE, 1);
    let mut after = samples::ct(syntax::EXPLICIT_LE, 1);
    after.elements.retain(|element| element.tag != (0x0010, 0x0020));
    let name = after.elements.iter_mut().find(|element| element.tag == (0x0010, 0x0010)).unwrap();
    *name = build::text((0x0010, 0x0010), b"PN", "Other^Name");
    after.elements.push(build::text((0x0012, 0x0062), b"CS", "YES"));
    let told = compare::compare(&walk(&before.write()), &walk(&after.sorted().write()));
    let tags = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.tag).collect::<Vec<_>>();
    assert_eq!(tags(&told.removed), [(0x0010, 0x0020)]);
    assert_eq!(tags(&told.added), [(0x0012, 0x0062)]);
    assert_eq!(told.changed.len(), 1);
    assert!(told.kept.iter().any(|leaf| leaf.tag == (0x7fe0, 0x0010)));
}

#[test]
fn planted_marks_are_distinct_legal_and_found_at_every_depth() {
    let rows: Vec<_> = support::vr::ALL
        .iter()
        .enumerate()
        .map(|(at, name)| ((0x0040, 0x0100 + at as u16), **name))
        .collect();
    let explicit = [syntax::EXPLICIT_LE, syntax::IMPLICIT_LE];
    for uid in explicit {
        let planted = plant::plant(uid, &rows, &plant::NESTING);
        let file = planted.file.write();
        let walked = walk(&file);
        assert_eq!(walked.fault, None);
        assert_eq!(planted.marks.len(), 4 * rows.len());
        assert_eq!(planted.found(&file).len(), planted.marks.len(), "{uid}");
        let values: std::collections::BTreeSet<_> = planted.marks.iter().map(|mark| &mark.value).collect();
        assert_eq!(values.len(), planted.marks.len(), "two marks are alike");
        assert!(walked.leaves.iter().any(|leaf| leaf.path.len() == 3));
        assert!(planted.found(&samples::ct(uid, 1).write()).is_empty());
    }
}

#[test]
fn reference_client_stores_into_and_retrieves_from_orthanc() {
    let Some(orthanc) = rig::orthanc() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = files::fixtures_dir().join("CT_small.dcm");
    let store = rig::dicomweb_client("store", &orthanc.url, "none", &[file.as_os_str()]);
    let Some((stored, code)) = store else {
        return;
    };
    assert_eq!((code, stored["referenced"].as_array().map(Vec::len)), (0, Some(1)), "{stored}");
    let (found, _) = rig::dicomweb_client("search", &orthanc.url, "none", &[]).unwrap();
    let study = found["studies"][0].as_str().unwrap();
    let arguments = [study.as_ref(), folder.path().as_os_str()];
    rig::dicomweb_client("retrieve", &orthanc.url, "none", &arguments).unwrap();
    let back = walk(&std::fs::read(folder.path().join("0.dcm")).unwrap());
    let sent = walk(&std::fs::read(&file).unwrap());
    assert_eq!(back.pixels().map(Leaf::bytes), sent.pixels().map(Leaf::bytes));
}

#[test]
fn one_orthanc_pushes_to_another_as_a_dicomweb_client() {
    let Some(receiver) = rig::orthanc() else {
        return;
    };
    let Some(sender) = rig::orthanc_with(&["--server", "next", &receiver.url, "X-API-Key: key"]) else {
        return;
    };
    sender.keep(&files::fixture("CT_small.dcm"));
    let pushed = sender.push("next");
    assert_eq!(pushed.status, 200, "{}", pushed.text());
    assert_eq!(receiver.get("/studies", "application/dicom+json").json().as_array().map(Vec::len), Some(1));
}
#[test]
fn rows_of_the_table_are_read_for_planting() {
    let rows = plant::table_rows();
    assert!(rows.len() > 640, "{} rows", rows.len());
    let name = rows.iter().find(|row| row.tag == (0x0010, 0x0010)).unwrap();
    assert_eq!((name.vr, name.column("basic")), (*b"PN", "Z"));
    let rows: Vec<_> = rows.iter().map(|row| (row.tag, row.vr)).collect();
    assert!(rows.contains(&((0x601e, 0x3000), *b"OB")) && rows.contains(&((0x5000, 0x3000), *b"OW")));
    let planted = plant::plant(syntax::EXPLICIT_LE, &rows, &plant::NESTING);
    let file = planted.file.write();
    assert_eq!(walk(&file).fault, None);
    let missed = planted.marks.len() - planted.found(&file).len();
    assert_eq!(missed, 0, "{missed} of {} marks are not in the planted file itself", planted.marks.len());
}
