//! Push and forward: what a downstream server says or fails to say, mapped back; a real Orthanc.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use stow::double::{Double, Manner, header};
use stow::{burned_in, ct, failed, large_ct, others, push, stored, uid};
use support::http::{Framing, Response};
use support::rig;
use support::server::Server;
use support::walk::walk;

struct Gateway {
    server: Server,
    _folder: tempfile::TempDir,
}

/// A gateway that forwards to `url`.
fn gateway(url: &str, more: &[(&str, &str)]) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = vec![
        ("VEILGATE_DESTINATION", "forward"),
        ("VEILGATE_DOWNSTREAM_URL", url),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "1500 ms"),
        ("VEILGATE_DOWNSTREAM_CONNECT_TIME", "1 s"),
        ("VEILGATE_DOWNSTREAM_RETRIES", "1"),
    ];
    settings.extend(more);
    Gateway { server: Server::on(&folder.path().join("data"), &[], &settings), _folder: folder }
}

fn pushed(manner: Manner, instances: &[Vec<u8>]) -> (Double, Response) {
    let double = Double::start(manner);
    let answer = gateway(&double.url, &[]).server.send(push(instances));
    (double, answer)
}

#[test]
fn small_and_large_instances_arrive_pseudonymized_and_are_reported_in_the_order_sent() {
    let instances = [ct(1), large_ct(2, 3_000_000), burned_in(3), ct(4)];
    let (double, answer) = pushed(Manner::Store, &instances);
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!((stored(&answer).len(), failed(&answer).len()), (3, 1));
    let mut arrived = double.seen(|seen| seen.instances.clone());
    arrived.sort_by_key(|file| walk(file).text((0x0020, 0x0013)));
    assert_eq!(arrived.iter().map(|file| uid(file)).collect::<Vec<_>>(), stored(&answer));
    for file in &arrived {
        assert!(support::multipart::find(file, b"Rigpatient").is_none());
        assert_eq!(walk(file).fault, None);
    }
    let pixels = |file: &[u8]| walk(file).pixels().unwrap().bytes();
    assert!(pixels(&arrived[1]) == pixels(&instances[1]), "a streamed instance keeps its pixels");
}

#[test]
fn the_request_downstream_is_plain_stow_that_orthanc_takes() {
    let double = Double::start(Manner::Store);
    let settings = [
        ("VEILGATE_DOWNSTREAM_USER", "u"),
        ("VEILGATE_DOWNSTREAM_PASSWORD", "p"),
        ("VEILGATE_DOWNSTREAM_HEADERS", "X-Tenant: a, b\nX-More: c"),
    ];
    gateway(&double.url, &settings).server.send(push(&[ct(1)]));
    let head = double.seen(|seen| seen.heads[0].clone());
    assert!(head.starts_with("POST /dicom-web/studies HTTP/1.1\r\n"), "{head}");
    assert!(
        header(&head, "content-type")
            .unwrap()
            .starts_with("multipart/related; type=\"application/dicom\"; boundary=")
    );
    assert_eq!(header(&head, "content-encoding"), None);
    assert_eq!(header(&head, "authorization").as_deref(), Some("Basic dTpw"));
    assert_eq!(
        (header(&head, "x-tenant").as_deref(), header(&head, "x-more").as_deref()),
        (Some("a, b"), Some("c"))
    );
    assert!(header(&head, "content-length").is_some(), "a body in memory has a length");
}

#[test]
fn many_small_instances_share_requests_within_the_bound_of_concurrency() {
    let instances: Vec<Vec<u8>> = (0..1000).map(ct).collect();
    let double = Double::start(Manner::Store);
    let gateway = gateway(&double.url, &[("VEILGATE_DOWNSTREAM_CONCURRENT", "2")]);
    let answer = gateway.server.send(push(&instances).framing(Framing::Chunked(30_000)));
    assert_eq!((answer.status, stored(&answer).len()), (200, 1000));
    let (requests, most, arrived) = double.seen(|seen| (seen.requests, seen.most, seen.instances.len()));
    assert_eq!(arrived, 1000);
    assert!(requests <= 10, "{requests} requests");
    assert!((1..=2).contains(&most), "{most} at once");
}

#[test]
fn a_success_that_lists_nothing_is_not_believed() {
    let (_, answer) = pushed(Manner::Empty200, &[ct(1), ct(2)]);
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[test]
fn a_short_list_fails_what_it_leaves_out() {
    let (double, answer) = pushed(Manner::ListShort, &[ct(1), ct(2), ct(3)]);
    // The last one is asked about again alone, and then nothing is listed at all.
    assert_eq!((answer.status, stored(&answer).len()), (202, 2), "{}", answer.text());
    assert_eq!(failed(&answer).len(), 1);
    assert!(double.seen(|seen| seen.requests) >= 2);
}

#[test]
fn a_downstream_error_becomes_502_without_a_word_of_its_text() {
    let (_, answer) = pushed(Manner::Text500, &[ct(1)]);
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("Rosa"), "{}", answer.text());
}

#[test]
fn refused_credentials_are_a_matter_of_the_operator() {
    let (double, answer) = pushed(Manner::Denies, &[ct(1)]);
    assert_eq!((answer.status, double.seen(|seen| seen.requests)), (502, 1), "not repeated");
}

#[test]
fn a_downstream_that_is_busy_is_asked_again_and_then_given_up() {
    for (times, status) in [(1, 200), (9, 503)] {
        let (double, answer) = pushed(Manner::Busy(503, times), &[ct(1)]);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(double.seen(|seen| seen.requests), 2, "one repetition");
        assert_eq!(answer.header("retry-after").is_some(), status == 503);
    }
}

#[test]
fn a_downstream_that_never_answers_or_takes_nothing_becomes_504() {
    for manner in [Manner::Hang, Manner::Stall] {
        let double = Double::start(manner.clone());
        let gateway = gateway(&double.url, &[("VEILGATE_DOWNSTREAM_RETRIES", "0")]);
        for instance in [ct(1), large_ct(2, 30_000_000)] {
            let begun = std::time::Instant::now();
            let answer = gateway.server.send(push(&[instance]));
            assert!(
                begun.elapsed().as_secs() < 10,
                "{manner:?}: the client waits as long as the setting says"
            );
            assert_eq!(answer.status, 504, "{manner:?}: {}", answer.text());
        }
    }
}

#[test]
fn a_downstream_that_breaks_off_or_is_not_there_becomes_502() {
    let (_, broken) = pushed(Manner::Reset, &[large_ct(1, 30_000_000)]);
    assert_eq!(broken.status, 502, "{}", broken.text());
    let nobody = format!("http://127.0.0.1:{}/dicom-web", rig::free_port());
    let gateway = gateway(&nobody, &[("VEILGATE_DOWNSTREAM_RETRIES", "0")]);
    for instance in [ct(1), large_ct(2, 3_000_000)] {
        assert_eq!(gateway.server.send(push(&[instance])).status, 502);
    }
}

#[test]
fn reasons_of_the_downstream_come_back_for_each_instance() {
    let (_, answer) = pushed(Manner::Refuse(0xA700), &[ct(1), ct(2)]);
    assert_eq!(answer.status, 409);
    assert_eq!(failed(&answer).iter().map(|it| it.1).collect::<Vec<_>>(), [0xA700, 0xA700]);
}

#[test]
fn a_group_that_is_refused_as_a_whole_goes_again_one_by_one() {
    let (double, answer) = pushed(Manner::OnlySingle, &[ct(1), ct(2), ct(3)]);
    assert_eq!((answer.status, stored(&answer).len()), (200, 3), "{}", answer.text());
    assert_eq!(double.seen(|seen| seen.requests), 4);
}

#[test]
fn a_late_refusal_breaks_off_the_one_request_that_carries_the_instance() {
    let mut cut = large_ct(2, 6_000_000);
    cut.truncate(5_000_001);
    let (double, answer) = pushed(Manner::Store, &[ct(1), cut, ct(3)]);
    assert_eq!((answer.status, stored(&answer).len()), (202, 2), "{}", answer.text());
    assert_eq!(failed(&answer).len() + others(&answer).len(), 1);
    let (truncated, arrived) = double.seen(|seen| (seen.truncated, seen.instances.len()));
    assert_eq!((truncated, arrived), (1, 2));
}

#[test]
fn a_client_that_leaves_leaves_no_half_instance_downstream() {
    let double = Double::start(Manner::Store);
    let gateway = gateway(&double.url, &[]);
    let request = push(&[large_ct(1, 8_000_000)]);
    let mut stream = std::net::TcpStream::connect(gateway.server.address()).unwrap();
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        gateway.server.key,
        request.headers[0].1,
        request.body.len()
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    std::io::Write::write_all(&mut stream, &request.body[..4_000_000]).unwrap();
    drop(stream);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while double.seen(|seen| seen.truncated) == 0 {
        assert!(std::time::Instant::now() < until, "the request downstream was not broken off");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(double.seen(|seen| seen.instances.len()), 0);
}

#[test]
fn orthanc_downstream_holds_the_study_with_consistent_references() {
    let Some(orthanc) = rig::orthanc_with(&["--user", "rig:secret"]) else { return };
    let settings = [
        ("VEILGATE_DOWNSTREAM_USER", "rig"),
        ("VEILGATE_DOWNSTREAM_PASSWORD", "secret"),
        ("VEILGATE_DOWNSTREAM_ANSWER_TIME", "60 s"),
    ];
    let gateway = gateway(&orthanc.url, &settings);
    let key_object = support::samples::key_object().write();
    let answer = gateway.server.send(push(&[ct(1), ct(2), key_object, large_ct(4, 2_000_000)]));
    assert_eq!((answer.status, stored(&answer).len()), (200, 4), "{}", answer.text());
    let study =
        answer.json()["00081190"]["Value"][0].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let request = support::http::Request::new("GET", &format!("/dicom-web/studies/{study}/metadata"));
    let metadata = request
        .header("Accept", "application/dicom+json")
        .header("Authorization", "Basic cmlnOnNlY3JldA==")
        .send(orthanc.address())
        .unwrap();
    assert_eq!(metadata.status, 200);
    let held = metadata.json();
    assert_eq!(held.as_array().unwrap().len(), 4, "one study holds all");
    for planted in ["Rigpatient", "RIG-0001", "\"2.25.71\"", "\"2.25.70001\""] {
        assert!(!metadata.text().contains(planted), "{planted}");
    }
    let evidence = held
        .as_array()
        .unwrap()
        .iter()
        .find_map(|set| set.get("0040A375"))
        .expect("the key object's references");
    assert!(evidence.to_string().contains(&stored(&answer)[0]), "it refers to the pseudonymized CT");
}

#[test]
fn orthanc_as_a_client_pushes_through_the_gateway() {
    let double = Double::start(Manner::Store);
    let gateway = gateway(&double.url, &[]);
    let url = format!("{}/dicom-web", gateway.server.url);
    let key = format!("X-API-Key: {}", gateway.server.key);
    let Some(orthanc) = rig::orthanc_with(&["--server", "gw", &url, &key]) else { return };
    let upload = push(&[ct(1), ct(2)]).send(orthanc.address()).unwrap();
    assert_eq!(upload.status, 200);
    let instances = support::http::Request::new("GET", "/instances").send(orthanc.address()).unwrap().json();
    let job = serde_json::json!({"Resources": instances, "Synchronous": true}).to_string();
    let request = support::http::Request::new("POST", "/dicom-web/servers/gw/stow").body(job);
    let sent = request.send(orthanc.address()).unwrap();
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(double.seen(|seen| seen.instances.len()), 2);
}
