//! Push and archive: whole instances or none, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use stow::{JSON, RESPOND, ct, items, large_ct, push, stored, uid};
use support::http::Request;
use support::server::Server;
use support::walk::walk;
use support::{multipart, samples, syntax};

/// All files below the archive folder.
fn objects(data: &Path) -> Vec<std::path::PathBuf> {
    let files = walkdir::WalkDir::new(data.join("archive")).into_iter().flatten();
    files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn the_archive_holds_exactly_the_bytes_that_respond_gives_back() {
    let server = Server::start();
    for instance in [ct(1), large_ct(2, 12_000_001)] {
        let kept = server.send(push(std::slice::from_ref(&instance)));
        assert_eq!(kept.status, 200);
        let back = server.send(push(&[instance]).header("Accept", RESPOND));
        let part = &multipart::read(back.header("content-type").unwrap(), &back.body).unwrap()[0].body;
        let held = objects(server.data()).into_iter().map(|path| std::fs::read(path).unwrap());
        assert!(held.into_iter().any(|bytes| bytes == *part));
    }
    assert_eq!(objects(server.data()).len(), 2);
}

#[test]
fn object_names_hold_no_uid() {
    let server = Server::start();
    let uids = stored(&server.send(push(&[ct(1)])));
    for path in objects(server.data()) {
        let path = path.display().to_string();
        assert!(!path.contains(&uids[0]) && !path.contains("2.25."), "{path}");
    }
}

#[test]
fn writers_of_the_same_instance_at_the_same_time_leave_one_whole_object() {
    let server = Arc::new(Server::start());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.send(push(&[large_ct(1, 7_000_000), ct(2)])).status)
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 200));
    let objects = objects(server.data());
    assert_eq!(objects.len(), 2);
    assert!(objects.iter().all(|path| walk(&std::fs::read(path).unwrap()).fault.is_none()));
}

#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    let server = Server::start();
    let request = push(&[ct(1), large_ct(2, 9_000_000)]);
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        server.key,
        request.headers[0].1,
        request.body.len()
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    std::io::Write::write_all(&mut stream, &request.body[..8_000_000]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!objects(server.data()).is_empty(), "it is being written");
    drop(stream);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !objects(server.data()).is_empty() {
        assert!(std::time::Instant::now() < until, "{:?}", objects(server.data()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn kill_9_amid_a_thousand_pushes_leaves_whole_instances_and_a_repeat_completes_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::on(&data, &[], &[]);
    let done = Arc::new(AtomicUsize::new(0));
    let (address, key) = (server.address().to_owned(), server.key.clone());
    let pushers: Vec<_> = (0..4u32)
        .map(|thread| {
            let (address, key, done) = (address.clone(), key.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let numbers = (0..1000).filter(|number| number % 4 == thread);
                let acknowledged = numbers.take_while(|number| {
                    let answer = push(&[of_size(*number)]).header("X-API-Key", &key).send(&address);
                    let good = answer.is_ok_and(|answer| answer.status == 200);
                    done.fetch_add(usize::from(good), Ordering::SeqCst);
                    good
                });
                acknowledged.collect::<Vec<u32>>()
            })
        })
        .collect();
    while done.load(Ordering::SeqCst) < 300 {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.kill();
    let acknowledged: Vec<u32> = pushers.into_iter().flat_map(|pusher| pusher.join().unwrap()).collect();
    assert!((300..1000).contains(&acknowledged.len()));

    let server = Server::on(&data, &[], &[]);
    await_sweep(&data);
    let held: std::collections::HashSet<String> = objects(&data).iter().map(|path| whole(path)).collect();
    for chunk in acknowledged.chunks(100) {
        let names = names(&server, chunk);
        assert!(names.iter().all(|name| held.contains(name)), "an acknowledged instance is lost");
    }
    for number in 0..1000 {
        assert_eq!(server.send(push(&[of_size(number)])).status, 200);
    }
    assert_eq!(objects(&data).len(), 1000, "the repeat completes the archive, without doubles");
    objects(&data).iter().for_each(|path| drop(whole(path)));
}

#[test]
fn what_was_left_is_swept_at_the_next_start_but_in_a_folder_that_may_be_shared_only_if_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (folder.path().join("data"), folder.path().join("data/archive"));
    let shared = [("VEILGATE_ARCHIVE_URL", elsewhere.to_str().unwrap())];
    let server = Server::on(&data, &[], &[]);
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    server.kill();
    let kept = objects(&data).remove(0);
    let (young, old) = (kept.with_file_name("young.dcm"), kept.with_file_name("old.dcm"));
    std::fs::write(&young, "left").unwrap();
    let two_days_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 86_400);
    std::fs::File::create(&old).unwrap().set_modified(two_days_ago).unwrap();
    let server = Server::on(&data, &[], &shared);
    await_sweep(&data);
    server.kill();
    assert!(young.exists() && !old.exists(), "another gateway may be about to enter what is young");
    let _server = Server::on(&data, &[], &[]);
    await_sweep(&data);
    assert_eq!(objects(&data), [kept]);
}

/// Waits until the sweep after a start has removed nothing for a while.
fn await_sweep(data: &Path) {
    let (mut before, mut still) = (usize::MAX, 0);
    while still < 20 {
        std::thread::sleep(Duration::from_millis(50));
        let now = objects(data).len();
        still = if now == before { still + 1 } else { 0 };
        before = now;
    }
}

/// Most are small; some are streamed.
fn of_size(number: u32) -> Vec<u8> {
    if number.is_multiple_of(50) { large_ct(number, 5_500_000) } else { ct(number) }
}

/// The UID of an object, which must be whole.
fn whole(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(walk(&bytes).fault, None, "{}", path.display());
    uid(&bytes)
}

/// The pseudonymous UIDs of these instances.
fn names(server: &Server, numbers: &[u32]) -> Vec<String> {
    let instances: Vec<Vec<u8>> = numbers.iter().map(|number| ct(*number)).collect();
    let answer = server.send(push(&instances).header("Accept", RESPOND));
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    parts.iter().map(|part| uid(&part.body)).collect()
}

#[test]
fn an_instance_without_study_or_series_has_no_place_in_the_archive_and_is_still_given_back() {
    let server = Server::start();
    for missing in [(0x0020, 0x000d), (0x0020, 0x000e)] {
        let mut file = samples::ct(syntax::EXPLICIT_LE, 1);
        file.elements.retain(|element| element.tag != missing);
        let file = file.sorted().write();
        let kept = server.send(push(&[file.clone(), ct(2)]).header("Accept", JSON));
        assert_eq!(kept.status, 202, "{}", kept.text());
        assert_eq!(items(&kept.json(), "00081198")[0]["00081197"]["Value"][0], 0xA900);
        assert_eq!(server.send(push(&[file]).header("Accept", RESPOND)).status, 200);
    }
    let found = server.send(Request::new("GET", "/dicom-web/instances").header("Accept", JSON)).json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
}
