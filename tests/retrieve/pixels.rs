//! Frames and bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6): which bytes, as which type, in which parts.

use super::{ANY_FRAMES, get, lenient, parts, put};
use crate::stow::ct;
use crate::support::http::Request;
use crate::support::server::Server;
use crate::support::{build, files, samples, syntax};

const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";

/// A native image of `frames` frames of 3 × 5 pixels of 8 bits, each frame of one value.
fn frames_of(frames: u8) -> Vec<u8> {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.extend(samples::picture(3, 5, 8));
    elements.push(build::text((0x0028, 0x0008), b"IS", &frames.to_string()));
    let mut pixels: Vec<u8> = (0..frames).flat_map(|frame| vec![frame + 1; 15]).collect();
    pixels.resize(pixels.len() + pixels.len() % 2, 0);
    elements.push(build::bytes((0x7fe0, 0x0010), b"OW", &pixels));
    build::Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

#[test]
fn frm_01_03_wado_14_frames_come_in_the_order_asked_each_with_its_place() {
    let server = Server::start();
    let one = put(&server, &frames_of(5));
    let answer = get(&server, &format!("{}/frames/2,4", one.path), OCTETS);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = parts(&answer);
    assert_eq!(parts.iter().map(|part| part.body.clone()).collect::<Vec<_>>(), [vec![2; 15], vec![4; 15]]);
    for (part, number) in parts.iter().zip([2, 4]) {
        let place = format!("{}{}/frames/{number}", server.url, one.path);
        assert_eq!(part.header("content-location"), Some(&*place));
    }
}

#[test]
fn frm_02_frames_that_are_not_there_are_told() {
    let server = Server::start();
    let one = put(&server, &frames_of(2));
    for (list, status) in [("0", 400), ("2,1", 400), ("a", 400), ("1,1", 400), ("3", 404), ("1,3", 404)] {
        assert_eq!(get(&server, &format!("{}/frames/{list}", one.path), OCTETS).status, status, "{list}");
    }
}

#[test]
fn bulk_05_what_viewers_send_for_frames_is_answered_in_the_letters_they_look_for() {
    let server = lenient();
    let one = put(&server, &files::fixture("emri_small_jpeg_ls_lossless.dcm"));
    for accept in [
        ANY_FRAMES,
        "multipart/related; type=\"application/octet-stream\"; transfer-syntax=\"*\"",
        "multipart/related; type=\"image/jls\"; transfer-syntax=\"1.2.840.10008.1.2.4.80\"; transfer-syntax=\"*\"",
        "multipart/related; type=\"image/jls\"; transfer-syntax=\"1.2.840.10008.1.2.4.80\"",
        "multipart/related; type=\"image/x-jls\"",
    ] {
        let answer = get(&server, &format!("{}/frames/1", one.path), accept);
        assert_eq!(answer.status, 200, "{accept}: {}", answer.text());
        let media = if accept.contains("octet") { "application/octet-stream" } else { "image/jls" };
        let outer = answer.header("content-type").unwrap();
        assert!(outer.starts_with(&format!("multipart/related; type=\"{media}\"; boundary=")), "{outer}");
        let head = String::from_utf8_lossy(&answer.body[..200]).into_owned();
        let line = format!("\r\nContent-Type: {media}; transfer-syntax=1.2.840.10008.1.2.4.80\r\n");
        assert!(head.starts_with("--") && head.contains(&line), "{head}");
        // OHIF looks for the end of the head among the first 512 bytes.
        assert!(answer.body[..512].windows(4).any(|four| four == b"\r\n\r\n"), "{head}");
        let body = &parts(&answer)[0].body;
        assert!(body.starts_with(&[0xFF, 0xD8]) && body.ends_with(&[0xFF, 0xD9]), "bulk_05");
    }
    for (accept, status) in [
        ("multipart/related; type=\"image/jpeg\"; transfer-syntax=1.2.840.10008.1.2.4.50", 406),
        ("multipart/related; type=\"*/*\"", 200),
        ("multipart/related; type=\"image/jls\"; transfer-syntax=1.2.840.10008.1.2.4.81", 406),
    ] {
        assert_eq!(get(&server, &format!("{}/frames/1", one.path), accept).status, status, "{accept}");
    }
    let microscopy = ["jpeg", "jls", "x-jls", "jp2", "jpx", "jhc", "x-dicom-rle", "dicom-rle", "dicom+jpeg"];
    let microscopy = microscopy.map(|kind| format!("multipart/related; type=\"image/{kind}\"")).join(", ");
    let answer = get(&server, &format!("{}/frames/1", one.path), &microscopy);
    assert!(
        answer.status == 200 && answer.header("content-type").unwrap().contains("image/jls"),
        "{microscopy}"
    );
    let htj2k = put(&server, &samples::ct("1.2.840.10008.1.2.4.202", 1).write());
    let by_query = Request::new("GET", &format!("{}/frames/1?accept=image/jhc", htj2k.path));
    let answer = server.send(by_query);
    assert_eq!(answer.header("content-type"), Some("image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"));
    assert!(answer.status == 200 && answer.body.starts_with(&[0xFF, 0x4F]), "untouched");
    let by_query = Request::new("GET", &format!("{}/frames/1?accept=image/jls", one.path));
    let answer = server.send(by_query);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"))
    );
}

#[test]
fn frm_04_without_a_syntax_frames_are_decoded() {
    let server = lenient();
    for (compressed, plain, bytes) in [
        ("MR_small_RLE.dcm", "MR_small.dcm", 8192),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm", 8192),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm", 8192),
    ] {
        // One after the other: they are the same instance.
        let frame = |name: &str| {
            let one = put(&server, &files::fixture(name));
            let answer = get(&server, &format!("{}/frames/1", one.path), OCTETS);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let part = parts(&answer).remove(0);
            let said = part.header("content-type").map(str::to_owned);
            assert_eq!(
                said.as_deref(),
                Some("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1")
            );
            part.body
        };
        let (one, other) = (frame(compressed), frame(plain));
        assert_eq!(one.len(), bytes);
        assert!(one == other, "{compressed}: the same picture");
    }
}

#[test]
fn of_pixels_that_are_not_decoded_is_said_how_they_can_be_had() {
    let server = Server::start();
    let one = put(&server, &samples::ct("1.2.840.10008.1.2.4.53", 1).write());
    for (path, accept) in [
        ("frames/1", "*/*"),
        ("frames/1", OCTETS),
        ("bulk/7FE00010", "application/octet-stream"),
        ("bulk/7FE00010", "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"),
    ] {
        let answer = get(&server, &format!("{}/{path}", one.path), accept);
        assert_eq!(answer.status, 406, "{path} {accept}");
        let problem = answer.json();
        let said = |member: &str| problem[member].as_str().unwrap().to_owned();
        assert_eq!(said("detail"), "pixels of this transfer syntax are not decoded", "{path} {accept}");
        assert!(said("remedy").contains("transfer-syntax=*"), "{problem}");
    }
    // What no decoder could give is another matter.
    let jls = format!("{OCTETS}; transfer-syntax=1.2.840.10008.1.2.4.80");
    let answer = get(&server, &format!("{}/frames/1", one.path), &jls);
    assert!(answer.status == 406 && answer.text().contains("available"), "{}", answer.text());
    assert_eq!(get(&server, &format!("{}/frames/1", one.path), ANY_FRAMES).status, 200);
}

#[test]
fn frm_05_frames_of_one_bit_begin_at_a_byte() {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.extend(samples::picture(3, 5, 1));
    elements.push(build::text((0x0028, 0x0008), b"IS", "2"));
    // Frame 1 all zero, frame 2 all ones, 15 bits each.
    elements.push(build::bytes((0x7fe0, 0x0010), b"OW", &[0, 0x80, 0xFF, 0x3F]));
    let server = Server::start();
    let one = put(&server, &build::Part10::new(syntax::EXPLICIT_LE, elements).sorted().write());
    let answer = get(&server, &format!("{}/frames/1,2", one.path), OCTETS);
    let bodies: Vec<_> = parts(&answer).into_iter().map(|part| part.body).collect();
    assert_eq!(bodies, [vec![0, 0], vec![0xFF, 0x7F]]);
}

#[test]
fn frm_06_float_pixels_are_served_the_same_way() {
    let server = lenient();
    for name in ["pydicom-data__parametric_map_float.dcm", "pydicom-data__parametric_map_double_float.dcm"] {
        let one = put(&server, &files::fixture(name));
        let answer = get(&server, &format!("{}/frames/1", one.path), OCTETS);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!parts(&answer)[0].body.is_empty());
    }
}

#[test]
fn bulk_05_frames_without_a_table_are_found_and_tables_are_believed_only_if_true() {
    let stream = |number: u8| vec![0xFF, 0xD8, 0xFF, 0xDA, 0, 3, number, 4, 0xFF, 0xD9];
    let (first, second) = (stream(1), stream(2));
    let halves = (second[..4].to_vec(), second[4..].to_vec());
    let right = [0u32.to_le_bytes(), 18u32.to_le_bytes()].concat();
    let wrong = [0u32.to_le_bytes(), 4u32.to_le_bytes()].concat();
    let server = lenient();
    for table in [&[][..], &right, &wrong] {
        let mut elements = samples::identified(samples::sop::CT, "CT", 1);
        elements.extend(samples::picture(3, 5, 8));
        elements.push(build::text((0x0028, 0x0008), b"IS", "2"));
        let items = [table, &first, &halves.0, &halves.1].map(<[u8]>::to_vec).to_vec();
        elements.push(build::Element { value: build::Value::Fragments(items), ..build::fragments(&[]) });
        let one = put(&server, &build::Part10::new(syntax::JPEG_BASELINE, elements).sorted().write());
        let answer = get(&server, &format!("{}/frames/1,2", one.path), ANY_FRAMES);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let bodies: Vec<_> = parts(&answer).into_iter().map(|part| part.body).collect();
        assert_eq!(bodies, [first.clone(), second.clone()], "{table:?}");
    }
}

#[test]
fn bulk_02_04_values_come_as_octets_framed_or_alone_and_in_ranges() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let target = format!("{}/bulk/7FE00010", one.path);
    let framed = parts(&get(&server, &target, OCTETS)).remove(0).body;
    let alone = get(&server, &target, "application/octet-stream");
    assert!(alone.header("content-type").unwrap().starts_with("application/octet-stream"));
    assert_eq!(alone.body, framed);
    let part = server.send(
        Request::new("GET", &target)
            .header("Accept", "application/octet-stream")
            .header("Range", "bytes=1-3"),
    );
    assert_eq!((part.status, part.body), (206, framed[1..=3].to_vec()));
    assert_eq!(get(&server, &format!("{}/bulk/00100010/x", one.path), OCTETS).status, 404);
    assert_eq!(get(&server, &format!("{}/bulk/00091001", one.path), OCTETS).status, 404);
}

#[test]
fn a_pdf_comes_as_what_it_is() {
    let server = lenient();
    let one = put(&server, &samples::pdf().write());
    let target = format!("{}/bulk/00420011", one.path);
    let ohif =
        "multipart/related; type=\"application/pdf\", multipart/related; type=\"application/octet-stream\"";
    let answer = get(&server, &target, ohif);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(parts(&answer)[0].header("content-type"), Some("application/pdf"));
    let alone = get(&server, &target, "application/pdf");
    assert_eq!((alone.status, alone.header("content-type")), (200, Some("application/pdf")));
}

#[test]
fn frm_07_a_video_is_one_representation_and_no_frames() {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.extend(samples::picture(3, 5, 8));
    elements.push(build::text((0x0028, 0x0008), b"IS", "10"));
    elements.push(build::fragments(&[b"ftyp of a video ", b"and its second half!"]));
    let server = lenient();
    let one = put(&server, &build::Part10::new("1.2.840.10008.1.2.4.102", elements).sorted().write());
    let whole = b"ftyp of a video and its second half!";
    assert_eq!(get(&server, &format!("{}/frames/1", one.path), ANY_FRAMES).status, 404);
    for (resource, accept) in [("bulk/7FE00010", "video/mp4"), ("rendered", "video/mp4"), ("rendered", "*/*")]
    {
        let answer = get(&server, &format!("{}/{resource}", one.path), accept);
        assert_eq!(answer.status, 200, "{resource}: {}", answer.text());
        assert!(answer.header("content-type").unwrap().starts_with("video/mp4"), "{resource}");
        assert_eq!(answer.body, whole, "{resource}");
    }
    let ranged = Request::new("GET", &format!("{}/rendered", one.path)).header("Range", "bytes=14-19");
    let part = server.send(ranged.header("Accept", "video/mp4"));
    assert_eq!((part.status, part.body), (206, whole[14..=19].to_vec()), "across fragments");
}
