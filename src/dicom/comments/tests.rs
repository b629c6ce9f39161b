//! Streams with a name wherever one can stand, whole and in pieces of every size.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

const MARK: &[u8] = b"Patient COMNAME^Moritz";
const BASELINE: &str = "1.2.840.10008.1.2.4.50";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
const J2K: &str = "1.2.840.10008.1.2.4.90";
const XL: &str = "1.2.840.10008.1.2.4.110";

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &len[..], body].concat()
}

/// A JPEG stream with these segments before and between its scans, and something behind it.
fn jpeg(segments: &[Vec<u8>], behind: &[u8]) -> Vec<u8> {
    let more = segments.concat();
    let coded = [0x11, 0xFF, 0, 0xFE, 0xFF, 0xD0, 0xE1, 0xFF, 0x7F, 0x22];
    let parts = [
        vec![0xFF, 0xD8],
        more.clone(),
        segment(0xDB, &[0xFF, 0xE1, 0, 9]),
        vec![0xFF, 0xFF],
        segment(0xC0, b"frame"),
        segment(0xDA, b"scan"),
        coded.to_vec(),
        more,
        segment(0xDA, b"scan"),
        coded.to_vec(),
        vec![0xFF, 0xD9],
        behind.to_vec(),
    ];
    parts.concat()
}

fn named_jpeg() -> Vec<u8> {
    let exif = segment(0xE1, &[b"Exif\0\0", MARK, &[0xFF, 0xD9]].concat());
    jpeg(&[segment(0xFE, MARK), exif, segment(0xEE, &[b"Adobe", MARK].concat())], MARK)
}

fn clean_jpeg() -> Vec<u8> {
    let exif = segment(0xE1, &[0; 6 + MARK.len() + 2]);
    let adobe = segment(0xEE, &[0; 5 + MARK.len()]);
    let comment = segment(0xFE, &[b' '; MARK.len()]);
    jpeg(&[comment, exif, adobe], &[0; MARK.len()])
}

fn j2k_of(comment: &[u8], unknown: &[u8], behind: &[u8]) -> Vec<u8> {
    let comment = segment(0x64, &[&[0, 1], comment].concat());
    // Coded data that look like a comment.
    let coded = [0x11, 0xFF, 0x64, 0, 9, b'M', 0xFF, 0x52];
    let len = u32::try_from(12 + comment.len() + 2 + coded.len()).unwrap().to_be_bytes();
    let parts = [
        vec![0xFF, 0x4F],
        segment(0x51, b"size"),
        comment.clone(),
        segment(0x52, b"style"),
        segment(0x66, unknown),
        segment(0x90, &[&[0, 0], &len[..], &[0, 2]].concat()),
        comment.clone(),
        vec![0xFF, 0x93],
        coded.to_vec(),
        segment(0x90, &[0, 0, 0, 0, 0, 0, 1, 2]),
        comment,
        vec![0xFF, 0x93],
        coded.to_vec(),
        vec![0xFF, 0xD9],
        behind.to_vec(),
    ];
    parts.concat()
}

fn named_j2k() -> Vec<u8> {
    j2k_of(MARK, MARK, MARK)
}

fn clean_j2k() -> Vec<u8> {
    j2k_of(&[b' '; MARK.len()], &[0; MARK.len()], &[0; MARK.len()])
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&len[..], kind, body].concat()
}

fn jp2_of(text: &[u8], profile: &[u8], stream: &[u8]) -> Vec<u8> {
    let head =
        [boxed(b"ihdr", b"0123456789"), boxed(b"colr", b"\x01\0\0\0\0\0\x10"), boxed(b"colr", profile)];
    let long = [&1u32.to_be_bytes()[..], b"xml ", &(16 + text.len() as u64).to_be_bytes(), text].concat();
    let parts = [
        JP2.start.to_vec(),
        boxed(b"ftyp", b"jp2 "),
        boxed(b"uuid", text),
        long,
        boxed(b"jp2h", &head.concat()),
        boxed(b"jp2c", stream),
        boxed(b"xml ", text),
    ];
    parts.concat()
}

fn encapsulated(fragments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in [&[&b"\x01\0\0\0"[..]], fragments].concat() {
        out.extend_from_slice(b"\xFE\xFF\0\xE0");
        out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        out.extend_from_slice(value);
    }
    out.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    out
}

fn stream(syntax: &str, bytes: &[u8], step: usize) -> Result<Vec<u8>, Fault> {
    let mut streams = CodeStreams::of(syntax).unwrap();
    let pieces = bytes.chunks(step).map(|chunk| streams.push(Bytes::copy_from_slice(chunk)));
    Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
}

fn value(syntax: &str, bytes: &[u8], step: usize) -> Result<Vec<u8>, Fault> {
    let mut comments = Comments::of(syntax);
    let pieces = bytes.chunks(step).map(|chunk| comments.push(Bytes::copy_from_slice(chunk)));
    Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
}

#[test]
fn comments_and_application_data_of_jpeg_go_and_nothing_else_changes() {
    for step in [1, 2, 3, 7, 64, 10_000] {
        for syntax in [BASELINE, "1.2.840.10008.1.2.4.70", JPEG_LS] {
            assert_eq!(stream(syntax, &named_jpeg(), step).unwrap(), clean_jpeg(), "{step}");
        }
    }
}

#[test]
fn what_a_picture_is_decoded_by_stays_and_says_nothing_else() {
    let kept = |marker, body: &[u8]| {
        let out = stream(BASELINE, &jpeg(&[segment(marker, body)], b""), 1).unwrap();
        out[6..6 + body.len()].to_vec()
    };
    assert_eq!(kept(0xE0, b"JFIF\0\x01\x02\x01\0\x90\0\x90\0\0"), b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    assert_eq!(kept(0xE0, b"JFIF\0\x01\x02MORITZ\x01thumb"), b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0\0\0\0\0\0");
    assert_eq!(kept(0xE0, b"JFXX\0thumbnail"), b"JF\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(kept(0xEE, b"Adobe\0\x65MORI\x02"), b"Adobe\0\x64\0\0\0\0\x02");
    assert_eq!(kept(0xE8, b"mrfx\x01"), b"mrfx\x01");
    assert_eq!(kept(0xE8, b"SPIFF\0 Moritz"), [0; 13]);
    assert_eq!(kept(0xE2, b"ICC_PROFILE\0 Moritz"), [0; 19]);
    assert_eq!(kept(0xF8, b"\x01LSE"), b"\x01LSE");
}

#[test]
fn comments_of_jpeg_2000_go_in_main_and_tile_part_headers() {
    for step in [1, 2, 3, 7, 64, 10_000] {
        for syntax in [J2K, "1.2.840.10008.1.2.4.93", "1.2.840.10008.1.2.4.203"] {
            assert_eq!(stream(syntax, &named_j2k(), step).unwrap(), clean_j2k(), "{step}");
        }
    }
}

#[test]
fn boxes_keep_what_describes_the_picture_only() {
    let blank = [0; MARK.len()];
    let profile = [b"\x02", MARK].concat();
    let ignored = [&b"\xFF"[..], &blank].concat();
    let inner = j2k_of(&[b' '; MARK.len()], &blank, &blank);
    let named = jp2_of(MARK, &profile, &named_j2k());
    let mut clean = jp2_of(&blank, &ignored, &inner);
    // Behind the code stream not even the header of a box stays.
    let behind = clean.len() - MARK.len() - 8;
    clean[behind..].fill(0);
    let xl = |text: &[u8]| {
        let parts = [
            JXL_FILE.start.to_vec(),
            boxed(b"ftyp", b"jxl "),
            boxed(b"Exif", text),
            boxed(b"jxlc", b"coded"),
        ];
        parts.concat()
    };
    for step in [1, 3, 64, 10_000] {
        assert_eq!(stream(J2K, &named, step).unwrap(), clean, "{step}");
        assert_eq!(stream(XL, &xl(MARK), step).unwrap(), xl(&blank), "{step}");
    }
}

#[test]
fn a_frame_may_be_cut_into_fragments_anywhere_and_another_may_follow() {
    for (syntax, named, clean) in [(BASELINE, named_jpeg(), clean_jpeg()), (J2K, named_j2k(), clean_j2k())] {
        for cut in 0..=named.len() {
            let fragments = |bytes: &[u8]| encapsulated(&[&bytes[..cut], &bytes[cut..], bytes]);
            assert_eq!(value(syntax, &fragments(&named), 10_000).unwrap(), fragments(&clean), "{cut}");
            assert_eq!(value(syntax, &fragments(&named), 1).unwrap(), fragments(&clean), "{cut}");
        }
    }
}

#[test]
fn a_frame_that_ends_too_early_does_not_hide_the_next() {
    for (syntax, named, clean) in [(BASELINE, named_jpeg(), clean_jpeg()), (J2K, named_j2k(), clean_j2k())] {
        for cut in 4..named.len() {
            let fragments = encapsulated(&[&named[..cut], &named]);
            // In the head of JPEG 2000 nothing else than a marker may come.
            let Ok(out) = value(syntax, &fragments, 5) else {
                assert_eq!(syntax, J2K, "{cut}");
                continue;
            };
            assert_eq!(out[..20 + cut], encapsulated(&[&clean[..cut], &clean])[..20 + cut], "{cut}");
            assert!(!out.windows(7).any(|window| window == b"COMNAME"), "{cut}");
        }
    }
}

#[test]
fn what_is_not_of_its_syntax_is_a_fault_and_no_byte_of_it_passes() {
    for syntax in [BASELINE, J2K, XL] {
        assert_eq!(stream(syntax, MARK, 1).unwrap_err().kind, FaultKind::BadCodeStream);
        assert!(value(syntax, &encapsulated(&[MARK]), 7).is_err());
    }
    // Other kinds of JPEG under a wrong name are decoded all the same.
    assert_eq!(stream(BASELINE, &named_j2k(), 9).unwrap(), clean_j2k());
    let lost = [&[0xFF, 0x4F][..], &segment(0x51, b"size"), MARK].concat();
    assert!(stream(J2K, &lost, 4).is_err());
    assert!(stream(BASELINE, b"\xFF\xD8\xFF\xFE\0\x01", 4).is_err());
}

#[test]
fn rle_and_video_pass_and_what_says_nothing_passes_uncopied() {
    for syntax in ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.100.1", "1.2.840.10008.1.2.8.1"] {
        let bytes = encapsulated(&[MARK]);
        assert_eq!(value(syntax, &bytes, 7).unwrap(), bytes);
    }
    let chunk = Bytes::from(encapsulated(&[&clean_jpeg()]));
    let out = Comments::of(BASELINE).push(chunk.clone()).unwrap();
    assert_eq!(out.as_ptr(), chunk.as_ptr());
    let odd = [&clean_jpeg()[..], &[0xFF]].concat();
    assert_eq!(stream(BASELINE, &odd, 100).unwrap(), odd, "padding stays");
}

#[test]
fn of_fragments_that_nobody_names_the_known_ones_are_cleaned_and_others_pass() {
    let any = |frame: &[u8]| Comments::of_any().push(encapsulated(&[frame]).into()).unwrap();
    assert_eq!(any(&named_jpeg()), encapsulated(&[&clean_jpeg()]));
    assert_eq!(any(MARK), encapsulated(&[MARK]));
}

proptest! {
    #[test]
    fn whatever_comes_keeps_its_length_and_its_output_is_the_same_in_any_pieces(
        kind in 0usize..3, at in 0usize..400, noise in proptest::collection::vec(any::<u8>(), 0..40), step in 1usize..50,
    ) {
        let jp2 = jp2_of(MARK, MARK, &named_j2k());
        let (syntax, seed) = [(BASELINE, named_jpeg()), (J2K, named_j2k()), (J2K, jp2)][kind].clone();
        let at = at.min(seed.len());
        let bytes = [&seed[..at], &noise, &seed[at..]].concat();
        let whole = stream(syntax, &bytes, bytes.len());
        prop_assert_eq!(&whole, &stream(syntax, &bytes, step));
        if let Ok(out) = whole {
            prop_assert_eq!(out.len(), bytes.len());
            prop_assert_eq!(stream(syntax, &out, bytes.len()), Ok(out));
        }
    }
}
