//! Whole instances (PS3.18 10.4.1.1.1): forms, transfer syntaxes, ranges, refusals.

use super::{Pushed, get, lenient, parts, put};
use crate::stow::{ct, ct_of_study, large_ct, push};
use crate::support::http::Request;
use crate::support::server::Server;
use crate::support::{files, rig, walk};

const DICOM: &str = "multipart/related; type=\"application/dicom\"";

#[test]
fn wado_01_02_05_14_every_level_gives_every_instance_as_it_was_stored() {
    let server = Server::start();
    let pushed: Vec<Pushed> = (1..=3).map(|number| put(&server, &ct(number))).collect();
    let large = put(&server, &large_ct(9, 6_000_001));
    for target in [pushed[0].study(), pushed[0].series()] {
        let answer = get(&server, target, &format!("{DICOM}; transfer-syntax=*"));
        assert_eq!(answer.status, 200);
        let mut bodies: Vec<_> = parts(&answer).into_iter().map(|part| part.body).collect();
        let mut expected: Vec<_> = pushed.iter().map(|one| one.file.clone()).collect();
        expected.extend((target == large.study() || target == large.series()).then(|| large.file.clone()));
        bodies.sort();
        expected.sort();
        assert!(bodies == expected, "{target}: {} parts", bodies.len());
    }
    for one in pushed.iter().chain([&large]) {
        let answer = get(&server, &one.path, "*/*");
        assert!(answer.header("content-type").unwrap().starts_with(DICOM), "the default is multipart");
        assert!(parts(&answer)[0].body == one.file);
    }
}

#[test]
fn wado_08_09_parts_name_their_syntax_and_their_resource() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let answer = get(&server, one.series(), DICOM);
    let part = &parts(&answer)[0];
    assert_eq!(part.header("content-type"), Some("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"));
    assert_eq!(part.header("content-length"), Some(&*one.file.len().to_string()));
    let location = part.header("content-location").unwrap();
    assert_eq!(location, format!("{}{}", server.url, one.path));
}

#[test]
fn wado_03_a_single_file_is_for_a_single_instance_only() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let answer = get(&server, &one.path, "application/dicom");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"))
    );
    assert!(answer.body == one.file);
    for target in [one.series(), one.study()] {
        assert_eq!(get(&server, target, "application/dicom").status, 406, "{target}");
    }
}

#[test]
fn a_file_comes_in_ranges_and_not_again_to_who_has_it() {
    let server = Server::start();
    let one = put(&server, &large_ct(1, 3_000_001));
    let ask = |name: &str, value: &str| {
        server.send(Request::new("GET", &one.path).header("Accept", "application/dicom").header(name, value))
    };
    let part = ask("Range", "bytes=1000000-2500000");
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some(&*format!("bytes 1000000-2500000/{}", one.file.len())));
    assert!(part.body == one.file[1_000_000..=2_500_000]);
    let beyond = ask("Range", "bytes=99999999-");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some(&*format!("bytes */{}", one.file.len())))
    );
    let tag = part.header("etag").unwrap().to_owned();
    assert_eq!(ask("If-None-Match", &tag).status, 304);
    assert_eq!(ask("If-None-Match", "\"other\"").status, 200);
}

#[test]
fn wado_04_older_clients_get_the_pixels_of_an_instance_as_octets() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let octets = "multipart/related; type=\"application/octet-stream\"";
    let (whole, bulk) =
        (get(&server, &one.path, octets), get(&server, &format!("{}/bulk/7FE00010", one.path), octets));
    assert_eq!((whole.status, bulk.status), (200, 200));
    assert_eq!(parts(&whole)[0].body, parts(&bulk)[0].body);
    assert_eq!(get(&server, one.series(), octets).status, 406);
}

#[test]
fn a_zip_archive_holds_every_instance() {
    let server = Server::start();
    let pushed: Vec<Pushed> = (1..=2).map(|number| put(&server, &ct(number))).collect();
    let answer = get(&server, pushed[0].study(), "application/zip");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/zip")));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.body)).unwrap();
    assert_eq!(archive.len(), 2);
    let mut read = Vec::new();
    for index in 0..2 {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_index(index).unwrap(), &mut bytes).unwrap();
        read.push(bytes);
    }
    assert!(pushed.iter().all(|one| read.contains(&one.file)));
}

#[test]
fn wado_07_unknown_illegal_and_mixed_requests_hear_what_is_wrong() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let status = |target: &str, accept: &str| get(&server, target, accept).status;
    assert_eq!(status("/dicom-web/studies/1.2.3", DICOM), 404);
    assert_eq!(status(&format!("{}/series/1.2.3", one.study()), DICOM), 404);
    assert_eq!(status(&format!("{}/instances/1.2.3", one.series()), DICOM), 404);
    assert_eq!(status("/dicom-web/studies/01.2", DICOM), 400);
    assert_eq!(status("/dicom-web/studies/x", DICOM), 400);
    assert_eq!(status(&one.path, "text/html"), 406);
    assert_eq!(status(&one.path, &format!("{DICOM}; transfer-syntax=1.2.840.10008.1.2")), 406);
    assert_eq!(status(&one.path, "application/dicom, image/jpeg"), 400, "acc_01");
    let refused = get(&server, "/dicom-web/studies/1.2.3", DICOM);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"), "wado_13");
    assert_eq!(server.send_bare(Request::new("GET", &one.path)).status, 401);
}

#[test]
fn acc_12_wado_10_12_lossless_is_decoded_lossy_stays_and_a_star_leaves_all_as_it_is() {
    let server = lenient();
    let rle = put(&server, &files::fixture("MR_small_RLE.dcm"));
    let jpeg = put(&server, &files::fixture("SC_rgb_small_odd_jpeg.dcm"));
    let syntax = |one: &Pushed, accept: &str| {
        let answer = get(&server, &one.path, accept);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let part = &parts(&answer)[0];
        let syntax = part.header("content-type").unwrap().rsplit_once('=').unwrap().1.to_owned();
        (syntax, part.body.clone())
    };
    let any = format!("{DICOM}; transfer-syntax=*");
    assert_eq!(syntax(&rle, &any), ("1.2.840.10008.1.2.5".to_owned(), rle.file.clone()));
    assert_eq!(syntax(&jpeg, DICOM), ("1.2.840.10008.1.2.4.50".to_owned(), jpeg.file.clone()));
    let (native, file) = syntax(&rle, DICOM);
    assert_eq!(native, "1.2.840.10008.1.2.1");
    let read = walk::walk(&file);
    assert!(read.fault.is_none() && read.meta_text((0x0002, 0x0010)).unwrap() == native, "acc_17");
    let uncompressed = put(&server, &files::fixture("MR_small.dcm"));
    let (plain, _) = syntax(&uncompressed, DICOM);
    assert_eq!(plain, native);
    let pixels = |file: &[u8]| file[file.len() - 8192..].to_vec();
    assert!(pixels(&file) == pixels(&uncompressed.file), "the same picture, once compressed and once not");
    let (forced, _) = syntax(&jpeg, &format!("{DICOM}; transfer-syntax=1.2.840.10008.1.2.1"));
    assert_eq!(forced, native);
}

#[test]
fn acc_16_wado_06_parts_of_one_answer_may_differ_in_syntax() {
    let server = lenient();
    let study = "2.25.71";
    let one = put(&server, &ct_of_study(study, 1));
    let rle = crate::support::samples::ct(crate::support::syntax::RLE, 2).write();
    let kept = server.send(push(&[rle]));
    assert_eq!(kept.status, 200, "{}", kept.text());
    let answer = get(&server, one.study(), &format!("{DICOM}; transfer-syntax=*"));
    let mut syntaxes: Vec<_> =
        parts(&answer).iter().map(|part| part.header("content-type").unwrap().to_owned()).collect();
    syntaxes.sort();
    assert_eq!(syntaxes.len(), 2);
    assert!(syntaxes[0].ends_with("=1.2.840.10008.1.2.1") && syntaxes[1].ends_with("=1.2.840.10008.1.2.5"));
    let partial = get(&server, one.study(), &format!("{DICOM}; transfer-syntax=1.2.840.10008.1.2.5"));
    assert_eq!((partial.status, parts(&partial).len()), (206, 1), "wado_06: the rest cannot be given so");
}

#[test]
fn wado_11_acc_15_query_parameters_stand_for_headers_or_for_nothing() {
    let server = Server::start();
    let one = put(&server, &ct(1));
    let answer = get(&server, &format!("{}?accept=application/dicom", one.path), "*/*");
    assert!(answer.header("content-type").unwrap().starts_with("application/dicom;"));
    let ignored = get(&server, &format!("{}?transferSyntax=1.2.840.10008.1.2.5&foo", one.path), "*/*");
    assert_eq!(ignored.status, 200);
}

#[test]
fn the_reference_client_retrieves_a_study() {
    let server = Server::start();
    let pushed: Vec<Pushed> = (1..=3).map(|number| put(&server, &ct(number))).collect();
    let folder = tempfile::tempdir().unwrap();
    let study = pushed[0].study().rsplit('/').next().unwrap();
    let arguments = [study.as_ref(), folder.path().as_os_str()];
    let url = format!("{}/dicom-web", server.url);
    let Some((answer, code)) = rig::dicomweb_client("retrieve", &url, &server.key, &arguments) else {
        return;
    };
    assert_eq!((code, answer["instances"].as_u64()), (0, Some(3)), "{answer}");
    for number in 0..3 {
        let file = std::fs::read(folder.path().join(format!("{number}.dcm"))).unwrap();
        assert!(walk::walk(&file).fault.is_none());
    }
}

#[test]
fn an_archive_in_memory_serves_as_long_as_it_runs_and_is_empty_again_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let memory = [("VEILGATE_ARCHIVE_URL", "memory://")];
    let server = Server::on(&data, &[], &memory);
    let one = put(&server, &ct(1));
    assert!(get(&server, &one.path, "application/dicom; transfer-syntax=*").body == one.file);
    server.kill();
    let server = Server::on(&data, &[], &memory);
    let found = get(&server, "/dicom-web/instances", "application/dicom+json");
    assert_eq!((found.status, found.text().as_str()), (200, "[]"));
    assert!(!data.join("archive").exists());
}
