//! The archive in a bucket of a real S3-speaking server, over HTTP from both sides: what is pushed is found and comes
//! back, crashes leave nothing half, outages are told and pass.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "rig_s3/relay.rs"]
mod relay;
mod stow;
mod support;

use relay::Relay;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use stow::{JSON, RESPOND, ct, large_ct, push};
use support::http::{Request, Response};
use support::multipart;
use support::rig::{self, S3};
use support::server::{self, Server};
use support::{build, samples, syntax};
use veilgate::archive::{Archive, Bucket, Site};
use veilgate::db::{Address, Db};
use veilgate::secret::Secret;

const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const FRAME: usize = 512 << 10;

/// Settings of a gateway whose archive is below `prefix` in the bucket, reached through `endpoint`.
fn settings<'a>(url: &'a str, endpoint: &'a str, key: &'a (String, String)) -> Vec<(&'a str, &'a str)> {
    vec![
        ("VEILGATE_ARCHIVE_URL", url),
        ("VEILGATE_ARCHIVE_ENDPOINT", endpoint),
        ("AWS_ACCESS_KEY_ID", &key.0),
        ("AWS_SECRET_ACCESS_KEY", &key.1),
    ]
}

fn get(server: &Server, target: &str, accept: &str) -> Response {
    server.send(Request::new("GET", target).header("Accept", accept))
}

/// Where instances lie that a push says it stored.
fn paths(answer: &Response) -> Vec<String> {
    let items = stow::items(&answer.json(), "00081199");
    let urls = items.iter().map(|item| item["00081190"]["Value"][0].as_str().unwrap());
    urls.map(|url| url[url.find("/dicom-web/").unwrap()..].to_owned()).collect()
}

/// The file behind a path.
fn file(server: &Server, path: &str) -> Vec<u8> {
    let answer = get(server, path, "application/dicom; transfer-syntax=*");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// What the gateway makes of an instance.
fn made_of(server: &Server, instance: &[u8]) -> Vec<u8> {
    let back = server.send(push(&[instance.to_vec()]).header("Accept", RESPOND));
    multipart::read(back.header("content-type").unwrap(), &back.body).unwrap().remove(0).body
}

/// An image of so many frames, each of one value.
fn frames_of(frames: u8) -> Vec<u8> {
    let mut elements = samples::identified(samples::sop::CT, "CT", 1);
    elements.extend(samples::picture(512, 1024, 8));
    elements.push(build::text((0x0028, 0x0008), b"IS", &frames.to_string()));
    let pixels: Vec<u8> = (0..frames).flat_map(|frame| vec![frame + 1; FRAME]).collect();
    elements.push(build::bytes((0x7fe0, 0x0010), b"OW", &pixels));
    build::Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

#[test]
fn what_is_pushed_into_a_bucket_is_found_and_comes_back_and_a_frame_costs_its_own_size() {
    let Some(s3) = rig::s3() else { return };
    let relay = Relay::to(&s3.url);
    let folder = tempfile::tempdir().unwrap();
    let endpoint = relay.url();
    let server =
        Server::on(&folder.path().join("data"), &[], &settings("s3://rig/trial/7", &endpoint, &s3.key));
    let instances = [ct(2), frames_of(60)];
    let kept = server.send(push(&instances).header("Accept", JSON));
    assert_eq!(kept.status, 200, "{}", kept.text());
    let paths = paths(&kept);
    let found = get(&server, "/dicom-web/studies?PatientID=*", JSON);
    assert_eq!((found.status, found.json().as_array().unwrap().len()), (200, 1));
    for (path, instance) in paths.iter().zip(&instances) {
        assert!(file(&server, path) == made_of(&server, instance), "{path}");
    }
    for number in [1, 60] {
        let before = relay.bytes_down();
        let frame = get(&server, &format!("{}/frames/{number}", paths[1]), OCTETS);
        let parts = multipart::read(frame.header("content-type").unwrap(), &frame.body).unwrap();
        assert!(parts[0].body == vec![number; FRAME], "frame {number}");
        let read = relay.bytes_down() - before;
        assert!(read < 2 * FRAME as u64, "{read} bytes read of 30 MiB for a frame of {FRAME}");
    }
    let bucket = s3.look();
    assert_eq!((bucket.objects.len(), bucket.uploads.len()), (2, 0), "{bucket:?}");
    assert!(bucket.objects.iter().all(|key| key.starts_with("trial/7/") && !key.contains("2.25.")));
    assert!(!server.data().join("archive").exists(), "nothing of it is on the disk");
}

#[test]
fn a_push_that_breaks_off_leaves_nothing_in_the_bucket() {
    let Some(s3) = rig::s3() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], &settings("s3://rig", &s3.url, &s3.key));
    let stalled = begin(server.address(), &server.key);
    wait_for("the upload", || !s3.look().uploads.is_empty());
    drop(stalled);
    wait_for("its end", || s3.look().uploads.is_empty());
    assert!(s3.look().objects.is_empty());
    // Refused at its end, when most of it is in the bucket already.
    let mut cut = large_ct(1, 12_000_000);
    cut.truncate(11_000_000);
    assert_eq!(server.send(push(&[cut])).status, 409);
    let bucket = s3.look();
    assert!(bucket.objects.is_empty() && bucket.uploads.is_empty(), "{bucket:?}");
}

/// A client that stalls amid a large instance.
fn begin(address: &str, key: &str) -> TcpStream {
    let request = push(&[large_ct(9000, 20_000_000)]);
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        request.headers[0].1,
        request.body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&request.body[..12_000_000]).unwrap();
    stream
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn kill_9_amid_pushes_loses_nothing_acknowledged_and_the_sweep_removes_the_rest() {
    let Some(s3) = rig::s3() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let environment = settings("s3://rig/a", &s3.url, &s3.key);
    let server = Server::on(&data, &[], &environment);
    let _stalled = begin(server.address(), &server.key);
    wait_for("the upload", || !s3.look().uploads.is_empty());
    let done = Arc::new(AtomicUsize::new(0));
    let pushers: Vec<_> = (0..4)
        .map(|thread| {
            let (address, key, done) = (server.address().to_owned(), server.key.clone(), Arc::clone(&done));
            std::thread::spawn(move || until_refused(&address, &key, thread * 1000, &done))
        })
        .collect();
    wait_for("some pushes", || done.load(Ordering::SeqCst) >= 24);
    server.kill();
    let acknowledged: Vec<String> = pushers.into_iter().flat_map(|it| it.join().unwrap()).collect();
    assert!(acknowledged.len() >= 24);

    let server = Server::on(&data, &[], &environment);
    for path in &acknowledged {
        let file = file(&server, path);
        assert!(support::walk::walk(&file).fault.is_none(), "{path}");
    }
    let held = get(&server, "/dicom-web/instances?limit=5000", JSON).json().as_array().unwrap().len();
    server.kill();
    let left = s3.look();
    assert!(!left.uploads.is_empty() && left.objects.len() >= held, "{left:?}");
    sweep(&s3, &data);
    let left = s3.look();
    assert!(left.uploads.is_empty() && left.objects.len() == held, "{held} in the catalog, {left:?}");
}

/// Pushes small and large instances; the paths of those that were acknowledged.
fn until_refused(address: &str, key: &str, from: u32, done: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in from.. {
        let instance = if number % 5 == 0 { large_ct(number, 6_000_000) } else { ct(number) };
        match push(&[instance]).header("X-API-Key", key).send(address) {
            Ok(answer) if answer.status == 200 => {
                acknowledged.extend(paths(&answer));
                done.fetch_add(1, Ordering::SeqCst);
            }
            _ => break,
        }
    }
    acknowledged
}

/// The sweep as it will be when all that is there is old.
fn sweep(s3: &S3, data: &Path) {
    let site = Site::Bucket(Box::new(Bucket {
        name: "rig".to_owned(),
        prefix: "a".to_owned(),
        endpoint: s3.url.clone(),
        region: "us-east-1".to_owned(),
        access_key_id: s3.key.0.clone(),
        secret_access_key: Secret::new(&s3.key.1),
        ca: None,
        answer: Duration::from_secs(10),
    }));
    let address =
        server::postgres_for(data).map_or(Address::File(data.join("veilgate.db")), Address::Postgres);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let archive = Archive::open(&site, Db::open(&address).await.unwrap()).unwrap();
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(archive.sweep(SystemTime::now() - day).await, Ok(0), "all is young");
        assert!(archive.sweep(SystemTime::now() + day).await.unwrap() > 0);
    });
}

#[test]
fn an_outage_of_the_store_is_told_to_clients_and_passes() {
    let Some(s3) = rig::s3() else { return };
    let mut relay = Relay::to(&s3.url);
    let folder = tempfile::tempdir().unwrap();
    let endpoint = relay.url();
    let mut environment = settings("s3://rig", &endpoint, &s3.key);
    environment.push(("VEILGATE_ARCHIVE_ANSWER_TIME", "500 ms"));
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    let path = paths(&server.send(push(&[ct(1)]))).remove(0);
    let accept = "application/dicom; transfer-syntax=*";
    let fails = |what: &str| {
        let began = Instant::now();
        let pulled = get(&server, &path, accept);
        assert_eq!(
            (pulled.status, pulled.header("retry-after")),
            (503, Some("5")),
            "{what}: {}",
            pulled.text()
        );
        assert!(!pulled.text().contains("127.0.0.1") && !pulled.text().contains("rig"), "{}", pulled.text());
        let pushed = server.send(push(&[ct(2)]));
        assert_eq!(
            (pushed.status, pushed.header("retry-after")),
            (503, Some("5")),
            "{what}: {}",
            pushed.text()
        );
        assert_eq!(pushed.json()["failure_reason"], 0xA700, "{what}");
        let both = server.send(push(&[ct(2), stow::burned_in(3)]));
        let reasons: Vec<u64> = stow::failed(&both).into_iter().map(|(_, reason)| reason).collect();
        assert!(both.status == 409 && reasons.contains(&0xA700), "{what}: {reasons:X?}");
        assert_eq!(get(&server, "/dicom-web/studies", JSON).status, 200, "the catalog answers");
        assert!(began.elapsed() < Duration::from_secs(40), "{what}: {:?}", began.elapsed());
    };
    relay.cut();
    fails("nobody listens");
    relay.mend();
    assert_eq!(get(&server, &path, accept).status, 200);
    relay.dam(true);
    fails("nothing is answered");
    relay.dam(false);
    assert_eq!(server.send(push(&[ct(2)])).status, 200);
    assert_eq!(get(&server, &path, accept).status, 200);
    assert_eq!(s3.look().objects.len(), 2);
}

#[test]
fn a_start_says_what_is_wrong_with_the_bucket_and_shows_no_secret() {
    let Some(s3) = rig::s3() else { return };
    let folder = tempfile::tempdir().unwrap();
    let forged = (s3.key.0.clone(), "0123456789abcdefghij0123456789abcdefghij".to_owned());
    let nobody = format!("http://127.0.0.1:{}", rig::free_port());
    for (url, endpoint, key, words) in [
        ("s3://none", &s3.url, &s3.key, "no such bucket"),
        ("s3://rig", &s3.url, &forged, "denies access"),
        ("s3://rig", &s3.url, &s3.reader, "denies access"),
        ("s3://rig", &nobody, &s3.key, "cannot be reached"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
        command.envs(settings(url, endpoint, key)).stdout(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(words) && !said.contains(&key.0) && !said.contains(&key.1), "{words}: {said}");
    }
}

#[test]
fn two_gateways_share_one_bucket_and_one_database_and_no_folder() {
    let (Some(s3), Some(postgres)) = (rig::s3(), rig::postgres()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let master = "5a".repeat(32);
    let start = |name: &str| {
        let mut environment = settings("s3://rig/shared", &s3.url, &s3.key);
        environment.extend([("VEILGATE_DATABASE", &*postgres.url), ("VEILGATE_MASTER_KEY", &*master)]);
        Server::on(&folder.path().join(name), &[], &environment)
    };
    let one = start("one");
    let mut two = start("two");
    two.key = one.key.clone();
    let instances = [ct(1), large_ct(2, 7_000_000)];
    // The same instances through both at the same time.
    let kept = std::thread::scope(|scope| {
        let pushes = [&one, &two].map(|server| scope.spawn(|| server.send(push(&instances))));
        pushes.map(|push| push.join().unwrap())
    });
    assert_eq!(kept.each_ref().map(|answer| answer.status), [200, 200]);
    let paths = paths(&kept[0]);
    for (path, instance) in paths.iter().zip(&instances) {
        let made = made_of(&one, instance);
        assert!([&one, &two].map(|server| file(server, path)).iter().all(|file| *file == made), "{path}");
    }
    let alone = paths_of_one(&one, &two);
    assert_eq!(file(&two, &alone), file(&one, &alone));
    wait_for("useless doubles to go", || s3.look().objects.len() == 3);
}

/// Pushed through one, asked of the other at once.
fn paths_of_one(one: &Server, two: &Server) -> String {
    let path = paths(&one.send(push(&[ct(3)]))).remove(0);
    assert_eq!(get(two, &format!("{path}/metadata"), JSON).status, 200);
    path
}
