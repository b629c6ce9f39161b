//! Instances and frames (PS3.18 10.4.1.1.1, 10.4.1.1.6): untouched where that is asked for, decoded where it must be,
//! whatever Orthanc can make of its own files.

use super::{ANY_FRAMES, AS_STORED, DICOM, OCTETS, SLICES, path, pixels, rig, series, slice, slices, study};
use crate::support::files::fixture;
use crate::support::http::Request;
use crate::support::multipart;
use crate::support::{syntax, walk};

#[test]
fn instances_come_as_they_are_kept_and_name_their_syntax() {
    let Some(rig) = rig(&slices()) else { return };
    for (number, name) in SLICES.iter().enumerate() {
        let (file, path) = (slice(number), path(&slice(number)));
        let part = rig.parts(&path, AS_STORED).remove(0);
        assert!(part.body == file, "{name}");
        let said = format!("application/dicom; transfer-syntax={}", walk::walk(&file).syntax);
        assert_eq!(part.header("content-type"), Some(said.as_str()));
        let place = format!("{}/dicom-web/{path}", rig.gateway.url);
        assert_eq!(part.header("content-location"), Some(place.as_str()));
    }
    let one = path(&slice(0));
    for level in [study(&one), series(&one)] {
        let parts = rig.parts(level, AS_STORED);
        let mut places: Vec<_> = parts.iter().map(|part| part.header("content-location").unwrap()).collect();
        places.sort_unstable();
        let expected: Vec<_> =
            slices().iter().map(|file| format!("{}/dicom-web/{}", rig.gateway.url, path(file))).collect();
        assert_eq!(places, expected);
    }
}

#[test]
fn without_a_syntax_everything_is_explicit_little_endian_with_the_same_pixels() {
    let Some(rig) = rig(&slices()) else { return };
    let one = path(&slice(0));
    let parts = rig.parts(study(&one), DICOM);
    assert_eq!(parts.len(), SLICES.len());
    for part in &parts {
        let file = walk::walk(&part.body);
        assert_eq!((file.syntax.as_str(), &file.fault), (syntax::EXPLICIT_LE, &None));
        assert_eq!(file.pixels().unwrap().bytes(), pixels());
        let rows = file.top((0x0028, 0x0010)).unwrap().bytes();
        assert_eq!(rows, 64u16.to_le_bytes(), "numbers are in the right order, too");
    }
    let single = rig.get(&path(&slice(3)), "application/dicom");
    assert_eq!((single.status, walk::walk(&single.body).pixels().unwrap().bytes()), (200, pixels()));
    let other = format!("{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.80");
    assert_eq!(rig.get(&one, &other).status, 406);
    let zip = rig.get(study(&one), "application/zip");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip.body)).unwrap();
    assert_eq!(archive.len(), SLICES.len());
    let mut file = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_index(0).unwrap(), &mut file).unwrap();
    assert!(slices().contains(&file), "files in an archive are as they are kept");
}

#[test]
fn a_deflated_instance_is_given_as_it_is_and_inflated() {
    let file = fixture("CT_small_deflated.dcm");
    let plain = walk::walk(&fixture("CT_small.dcm"));
    let Some(rig) = rig(std::slice::from_ref(&file)) else { return };
    let path = path(&fixture("CT_small.dcm"));
    assert_eq!(rig.one(study(&path), AS_STORED), file);
    let given = walk::walk(&rig.one(&path, DICOM));
    assert_eq!(given.pixels().unwrap().bytes(), plain.pixels().unwrap().bytes());
    for accept in [ANY_FRAMES, OCTETS] {
        assert_eq!(rig.one(&format!("{path}/frames/1"), accept), plain.pixels().unwrap().bytes(), "{accept}");
    }
    assert_eq!(rig.get(&format!("{path}/frames/2"), ANY_FRAMES).status, 404);
}

#[test]
fn frames_of_every_encoding_are_the_same_pixels() {
    let Some(rig) = rig(&slices()) else { return };
    for (number, name) in SLICES.iter().enumerate() {
        let frame = format!("{}/frames/1", path(&slice(number)));
        assert_eq!(rig.one(&frame, OCTETS), pixels(), "{name}: decoded");
        let part = rig.parts(&frame, ANY_FRAMES).remove(0);
        let native = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"];
        let kept = walk::walk(&slice(number)).syntax;
        let said = if native.contains(&kept.as_str()) { syntax::EXPLICIT_LE } else { kept.as_str() };
        let expected = format!("application/octet-stream; transfer-syntax={said}");
        assert_eq!(part.header("content-type"), Some(expected.as_str()), "{name}");
        if said == syntax::EXPLICIT_LE {
            assert_eq!(part.body, pixels(), "{name}");
        }
        assert_eq!(rig.get(&format!("{}/frames/2", path(&slice(number))), ANY_FRAMES).status, 404, "{name}");
    }
    let compressed = format!("{}/frames/1", path(&slice(4)));
    let own = rig.parts(&compressed, "multipart/related; type=\"image/jp2\"").remove(0);
    assert_eq!(own.header("content-type"), Some("image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90"));
    assert!(own.body.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]));
    assert_eq!(rig.get(&compressed, "multipart/related; type=\"image/jls\"").status, 406);
}

#[test]
fn several_frames_come_in_the_order_asked() {
    let file = fixture("SC_rgb_rle_2frame.dcm");
    let Some(rig) = rig(std::slice::from_ref(&file)) else { return };
    let path = path(&file);
    let both = rig.parts(&format!("{path}/frames/1,2"), OCTETS);
    assert_eq!(both.len(), 2);
    let stored = rig.parts(&format!("{path}/frames/1,2"), ANY_FRAMES);
    assert_ne!(stored[0].body, stored[1].body);
    for (number, (part, raw)) in (1..).zip(both.iter().zip(&stored)) {
        let place = format!("{}/dicom-web/{path}/frames/{number}", rig.gateway.url);
        assert_eq!(part.header("content-location"), Some(place.as_str()));
        assert_eq!(raw.header("content-location"), Some(place.as_str()));
        assert_eq!(rig.one(&format!("{path}/frames/{number}"), OCTETS), part.body);
        assert_eq!(rig.one(&format!("{path}/frames/{number}"), ANY_FRAMES), raw.body);
    }
    assert_eq!(rig.get(&format!("{path}/frames/1,3"), ANY_FRAMES).status, 404);
    let all = rig.parts(&format!("{path}/bulk/7FE00010"), ANY_FRAMES);
    assert_eq!(all.iter().map(|part| &part.body).collect::<Vec<_>>(), [&stored[0].body, &stored[1].body]);
}

#[test]
fn pixel_data_are_bulk_data_in_ranges() {
    let Some(rig) = rig(&slices()) else { return };
    for (number, name) in SLICES.iter().enumerate() {
        let bulk = format!("/dicom-web/{}/bulk/7FE00010", path(&slice(number)));
        let get = |range: Option<&str>, accept: &str| {
            let request = Request::new("GET", &bulk).header("Accept", accept);
            rig.send(range.map_or(request.clone(), |range| request.header("Range", range)))
        };
        let whole = get(None, OCTETS);
        let parts = multipart::read(whole.header("content-type").unwrap(), &whole.body).unwrap();
        assert_eq!((parts.len(), &parts[0].body), (1, &pixels()), "{name}");
        if number < 3 {
            let part = get(Some("bytes=10-19"), "application/octet-stream");
            assert_eq!((part.status, part.body.as_slice()), (206, &pixels()[10..20]), "{name}");
            assert_eq!(part.header("content-range"), Some("bytes 10-19/8192"));
            assert_eq!(get(Some("bytes=8192-"), "application/octet-stream").status, 416);
        }
    }
}
