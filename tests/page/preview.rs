//! Previews over HTTP: complete, bounded, not counted, on record without values, and never in a log.

use super::support::http::{Request, Response};
use super::support::server::{Server, terminate, wait};
use super::support::{files, samples, syntax, walk};
use super::{one, stow, used, with};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn preview(body: Vec<u8>) -> Request {
    Request::new("POST", "/v1/preview").header("Content-Type", "application/dicom").body(body)
}

fn image(side: &str, body: Vec<u8>) -> Request {
    Request::new("POST", &format!("/v1/preview/image?side={side}")).body(body)
}

fn line<'a>(told: &'a Value, keyword: &str) -> &'a Value {
    let lines = told["attributes"].as_array().unwrap();
    lines.iter().find(|line| line["keyword"] == keyword && line["path"] == serde_json::json!([])).unwrap()
}

#[test]
fn every_attribute_is_told_with_old_and_new_value_and_the_clause() {
    let server = Server::start();
    let answer = server.send(preview(stow::ct(1)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let told = answer.json();
    let name = line(&told, "PatientName");
    assert_eq!((&name["old"], &name["outcome"]), (&"Rigpatient^Rosa".into(), &"replaced".into()));
    assert!(name["reason"].as_str().unwrap().contains("PS3.15 Table E.1-1"));
    let codes =
        ["PatientName", "Rows", "PatientIdentityRemoved"].map(|keyword| line(&told, keyword)["code"].clone());
    assert_eq!(codes, ["table", "default", "written"]);
    assert!(!answer.text().contains(".tsv"), "no file of ours is named to people");
    let out = walk::walk(&server.send(one(stow::ct(1))).body);
    assert_eq!(name["new"].as_str(), out.text((0x0010, 0x0010)).as_deref(), "what would go out does go out");
    let uid = line(&told, "SOPInstanceUID");
    assert_eq!(
        (uid["old"].as_str(), uid["new"].as_str()),
        (Some("2.25.70001"), out.text(stow::SOP_INSTANCE).as_deref())
    );
    assert_eq!(line(&told, "InstitutionName")["outcome"], "removed");
    assert_eq!(line(&told, "PatientIdentityRemoved")["outcome"], "added");
    let lines = told["attributes"].as_array().unwrap();
    let nested = lines.iter().find(|line| line["path"] == serde_json::json!(["(0008,1140)[1]"])).unwrap();
    assert_eq!(nested["keyword"], "ReferencedSOPClassUID");
    assert!(told["refused"].is_null() && told["pixels"] == true);
}

#[test]
fn a_refusal_is_told_beside_the_attributes_and_what_is_no_dicom_is_422() {
    let server = Server::start();
    let told = server.send(preview(stow::burned_in(1))).json();
    assert_eq!(
        (&told["refused"]["code"], &told["refused"]["tag"]),
        (&"pixels".into(), &"(0028,0301)".into())
    );
    assert_eq!(told["refused"]["keyword"], "BurnedInAnnotation");
    assert_eq!(line(&told, "PatientID")["old"], "RIG-0001");
    let answer = server.send(preview(b"nothing of the kind, again and again. ".repeat(20)));
    assert_eq!((answer.status, &answer.json()["files"][0]["code"]), (422, &"malformed".into()));
    assert_eq!(server.send(preview(Vec::new())).status, 400);
}

#[test]
fn the_head_is_enough_and_is_bounded() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_HEAD", "4 KiB")]);
    // Pixels are not waited for: the same is told of a file that ends within them.
    let whole = stow::large_ct(1, 300_000);
    let told = server.send(preview(whole[..whole.len() - 200_000].to_vec()));
    assert_eq!((told.status, told.json()), (200, server.send(preview(whole)).json()));
    let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
    file.elements.push(super::support::build::text((0x0010, 0x4000), b"LT", &"x".repeat(9000)));
    let answer = server.send(preview(file.sorted().write()));
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("head limit"), "{}", answer.text());
}

fn picture(answer: &Response) -> (u32, u32, Vec<u8>) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")), "{}", answer.text());
    let mut reader = png::Decoder::new(std::io::Cursor::new(&answer.body)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

#[test]
fn the_picture_is_shown_before_and_after_in_every_encoding() {
    let server = Server::start();
    let of = |name: &str, side: &str| picture(&server.send(image(side, files::fixture(name))));
    let wanted = of("MR_small.dcm", "before");
    assert_eq!((wanted.0, wanted.1), (64, 64));
    let span = wanted.2.iter().max().unwrap() - wanted.2.iter().min().unwrap();
    assert!(span > 100, "there is something to see: {span}");
    for name in [
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
    ] {
        assert!(of(name, "before") == wanted && of(name, "after") == wanted, "{name}");
    }
}

#[test]
fn pictures_are_refused_and_bounded() {
    let server = Server::start();
    let answer = server.send(image("after", stow::burned_in(1)));
    assert_eq!((answer.status, &answer.json()["files"][0]["code"]), (422, &"pixels".into()));
    assert_eq!(server.send(image("before", stow::burned_in(1))).status, 200, "its sender may see it");
    for (target, status) in
        [("side=both", 400), ("", 400), ("side=after&frame=2", 404), ("side=after&frame=x", 400)]
    {
        let request = Request::new("POST", &format!("/v1/preview/image?{target}")).body(stow::ct(1));
        let answer = server.send(request);
        assert_eq!(answer.status, status, "{target}");
        assert!(status != 404 || answer.text().contains("there is no such frame"), "{}", answer.text());
    }
    let told = server.send(Request::new("GET", "/api/profile")).json();
    let most = told["limits"]["picture"].as_u64().unwrap() as usize;
    assert_eq!(server.send(image("before", stow::large_ct(1, most))).status, 413);
}

/// Who is slow delays himself: nobody waits for what of him is not here yet.
#[test]
fn slow_senders_keep_nobody_from_pictures_and_previews() {
    let server = Server::start();
    let slow = |path: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 500000\r\n\r\n",
            server.key
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&stow::ct(1)[..400]).unwrap();
        stream
    };
    let senders: Vec<_> =
        (0..12).map(|number| slow(["/v1/preview", "/v1/preview/image?side=after"][number % 2])).collect();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    for request in [preview(stow::ct(2)), image("after", stow::ct(2))] {
        assert_eq!(server.send(request).status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(senders);
}

#[test]
fn previews_do_not_count_and_are_on_record_without_a_value() {
    let server = Server::start();
    for request in [preview(stow::ct(1)), image("before", stow::ct(1)), image("after", stow::ct(1))] {
        assert_eq!(server.send(request).status, 200);
    }
    assert_eq!(used(&server), 0);
    let chain = server.send(Request::new("GET", "/v1/audit")).text();
    assert_eq!(chain.matches("\"action\":\"preview\"").count(), 3, "{chain}");
    for planted in ["Rigpatient", "RIG-0001", "2.25.70001", "Riverside"] {
        assert!(!chain.contains(planted), "{planted}");
    }
}

#[test]
fn no_value_of_a_file_comes_into_the_log_whatever_its_level() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .envs([("VEILGATE_LOG_LEVEL", "trace"), ("VEILGATE_LIMITS_SPOOL_MEMORY", "0")])
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut ready)
        .unwrap();
    let address = ready.trim().trim_start_matches("veilgate ready on http://").trim_end_matches("/dicom-web");
    let key = std::fs::read_to_string(data.join("first-api-key")).unwrap().trim().to_owned();
    let archive = super::archive(super::zipped(&[("Rigpatient/Rosa.dcm", stow::ct(1))]));
    let requests = [
        preview(stow::ct(1)),
        preview(stow::burned_in(2)),
        image("before", stow::ct(1)),
        image("after", stow::burned_in(2)),
        one(stow::ct(1)),
        archive,
    ];
    for request in requests {
        let answer = request.header("X-API-Key", &key).send(address).unwrap();
        assert!(answer.status == 200 || answer.status == 422);
    }
    terminate(child.id());
    assert!(wait(&mut child, Duration::from_secs(20)).unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/v1/preview/image"), "the route is logged: {log}");
    for planted in ["Rigpatient", "Rosa", "RIG-0001", "2.25.7", "Riverside", "19600115", &key] {
        assert!(!log.contains(planted), "{planted} in the log:\n{log}");
    }
}
