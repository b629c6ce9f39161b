//! The HTTP surface around the handlers: keys, limits, CORS, capabilities, paths, logs, the orderly end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use stow::{ct, ct_of_study, large_ct, push};
use support::http::{Framing, Request, Response};
use support::server::{Server, terminate, wait};

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

fn with(settings: &[(&str, &str)]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(&folder.path().join("data"), &[], settings);
    (folder, server)
}

fn has_cors(answer: &Response) -> bool {
    answer.header("access-control-allow-origin") == Some("*")
}

#[test]
fn http_11_without_a_valid_key_nothing_is_read_and_the_answer_challenges() {
    let server = Server::start();
    let wrong = format!("Bearer {}x", server.key);
    for key in [
        None,
        Some(("X-API-Key", "vg_wrong")),
        Some(("Authorization", wrong.as_str())),
        Some(("X-API-Key", "")),
    ] {
        let request = push(&[large_ct(1, 20_000_000)]);
        let request = key.map_or(request.clone(), |(name, value)| request.header(name, value));
        for request in [request.clone().expect_continue(), request] {
            let answer = server.send_bare(request);
            assert_eq!(answer.status, 401, "{key:?}");
            // Basic would make a browser ask its user, and hold the answer back from the page that sent the key.
            let challenges = answer.headers.iter().filter(|header| header.0 == "www-authenticate");
            let schemes: Vec<_> =
                challenges.filter_map(|(_, value)| value.split_whitespace().next()).collect();
            let wanted: &[&str] = if key.is_some() { &["Bearer"] } else { &["Bearer", "Basic"] };
            assert_eq!(schemes, wanted, "{key:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
    assert!(!server.data().join("archive").read_dir().unwrap().any(|_| true), "nothing was stored");
}

#[test]
fn a_key_is_taken_in_each_of_its_three_forms() {
    use base64::Engine;
    let server = Server::start();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{}", server.key));
    for (name, value) in [
        ("X-API-Key", server.key.clone()),
        ("Authorization", format!("Bearer {}", server.key)),
        ("authorization", format!("basic {basic}")),
    ] {
        assert_eq!(server.send_bare(push(&[ct(1)]).header(name, &value)).status, 200, "{name}");
    }
}

#[test]
fn http_07_a_uid_that_is_none_gets_400_and_is_not_repeated() {
    let server = Server::start();
    let long = "1".repeat(65);
    for uid in ["1.2.3%00", "1.2.3%20", "abc", "1..2", "1.02", long.as_str(), "%2e%2e"] {
        let mut request = push(&[ct(1)]);
        request.target = format!("/dicom-web/studies/{uid}");
        let answer = server.send(request);
        assert_eq!(answer.status, 400, "{uid}");
        assert!(!answer.text().contains(uid), "{uid}");
    }
}

#[test]
fn http_08_a_missing_accept_is_anything_unless_the_server_is_strict() {
    let server = Server::start();
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    let (_folder, strict) = with(&[("VEILGATE_LENIENT_ACCEPT", "false")]);
    assert_eq!(strict.send(push(&[ct(1)])).status, 406);
    assert_eq!(strict.send(push(&[ct(1)]).header("Accept", "*/*")).status, 200);
}

#[test]
fn http_09_10_answers_have_a_type_and_exactly_one_framing() {
    let server = Server::start();
    let requests = [
        push(&[ct(1)]),
        push(&[ct(1)]).header("Accept", stow::RESPOND),
        push(&[b"junk".to_vec()]),
        get("/health"),
        get("/nowhere"),
        Request::new("OPTIONS", "/dicom-web"),
    ];
    for request in requests {
        let answer = server.send(request.clone());
        assert!(answer.header("content-type").is_some(), "{}", request.target);
        assert_eq!(answer.header("content-encoding"), None);
        let framings =
            ["content-length", "transfer-encoding"].iter().filter(|name| answer.header(name).is_some());
        assert_eq!(framings.count(), 1, "{} {}", request.method, request.target);
    }
    let preflight = Request::new("OPTIONS", "/dicom-web/studies")
        .header("Origin", "http://v")
        .header("Access-Control-Request-Method", "POST");
    let answer = server.send_bare(preflight);
    assert_eq!((answer.status, answer.header("transfer-encoding"), answer.body.len()), (204, None, 0));
}

#[test]
fn http_12_18_what_is_not_there_is_404_with_the_same_body_everywhere() {
    let server = Server::start();
    let bodies: Vec<String> =
        ["/nothing", "/dicom-web/nothing", "/dicom-web/studies/1.2/x", "/x?PatientID=1"]
            .iter()
            .map(|path| {
                let answer = server.send(get(path));
                assert_eq!(answer.status, 404, "{path}");
                answer.text()
            })
            .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn http_13_a_method_that_is_not_there_is_405_with_allow() {
    let server = Server::start();
    for method in ["DELETE", "PUT"] {
        let answer = server.send(Request::new(method, "/dicom-web/studies"));
        assert_eq!(answer.status, 405);
        let allow = answer.header("allow").unwrap();
        assert!(allow.contains("POST") && allow.contains("OPTIONS"), "{allow}");
    }
}

#[test]
fn http_15_a_target_over_the_limit_gets_414() {
    let server = Server::start();
    assert_eq!(server.send(get(&format!("/health?{}", "a".repeat(20_000)))).status, 414);
    assert_eq!(server.send(get(&format!("/health?{}", "a".repeat(4000)))).status, 200);
}

#[test]
fn http_16_too_many_requests_at_once_get_503_with_retry_after() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_CONCURRENT", "1")]);
    let mut slow = TcpStream::connect(server.address()).unwrap();
    open_post(&mut slow, &server, 1000);
    std::thread::sleep(Duration::from_millis(300));
    let answer = server.send(push(&[ct(1)]));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    drop(slow);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.send(push(&[ct(1)])).status, 200, "the place is free again");
}

/// Sends the head of a store request with a body of `length` bytes, of which nothing comes yet.
fn open_post(stream: &mut TcpStream, server: &Server, length: usize) {
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/dicom\r\nContent-Length: {length}\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).unwrap();
}

#[test]
fn a_client_that_stops_sending_gets_408_after_the_idle_time() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_IDLE_TIME", "300 ms")]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    open_post(&mut stream, &server, 1000);
    let mut answer = [0; 12];
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn a_client_that_never_ends_its_headers_is_let_go() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_HEADER_TIME", "300 ms")]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"POST /dicom-web/studies HTTP/1.1\r\nX-A: b\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn an_answer_to_a_client_that_is_still_sending_arrives() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_REQUEST", "1 MiB")]);
    for _ in 0..5 {
        let answer = server.send(push(&[large_ct(1, 12_000_000)]).framing(Framing::Chunked(100_000)));
        assert_eq!(answer.status, 413);
    }
}

#[test]
fn errors_of_every_layer_carry_cors_headers() {
    let (_folder, server) = with(&[("VEILGATE_LIMITS_REQUEST", "1 KiB")]);
    let origin = |request: Request| request.header("Origin", "http://viewer");
    let answers = [
        (401, server.send_bare(origin(push(&[ct(1)])).expect_continue())),
        (404, server.send(origin(get("/nowhere")))),
        (405, server.send(origin(Request::new("PUT", "/dicom-web/studies")))),
        (413, server.send(origin(push(&[large_ct(1, 10_000)])))),
        (414, server.send(origin(get(&format!("/{}", "a".repeat(20_000)))))),
        (415, server.send(origin(Request::new("POST", "/dicom-web/studies")))),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        assert!(has_cors(&answer), "{status}");
        assert!(answer.header("access-control-expose-headers").unwrap().contains("Retry-After"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn cap_06_a_preflight_needs_no_key_and_is_told_from_a_capabilities_request() {
    let server = Server::start();
    let options = || Request::new("OPTIONS", "/dicom-web/studies").header("Origin", "http://viewer");
    let asked = "authorization,content-type,x-api-key,traceparent";
    let preflight = options()
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", asked);
    let answer = server.send_bare(preflight);
    assert_eq!(answer.status, 204);
    assert!(has_cors(&answer));
    assert_eq!(answer.header("access-control-allow-headers"), Some(asked));
    for method in ["GET", "POST", "OPTIONS", "HEAD"] {
        assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
    }
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let capabilities = server.send_bare(options());
    assert_eq!((capabilities.status, capabilities.header("content-type")), (200, Some("application/json")));
}

#[test]
fn origins_can_be_narrowed() {
    let (_folder, server) = with(&[("VEILGATE_CORS_ORIGINS", "https://a.example, https://b.example")]);
    for (origin, allowed) in
        [("https://b.example", Some("https://b.example")), ("https://evil.example", None)]
    {
        let answer = server.send(get("/health").header("Origin", origin));
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[test]
fn cap_01_02_stow_38_the_root_describes_what_it_can() {
    let server = Server::start();
    let answer = server.send_bare(Request::new("OPTIONS", "/dicom-web/"));
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let resources = json["application"]["resources"]["resource"].as_array().unwrap();
    let paths: Vec<_> = resources.iter().map(|it| it["path"].as_str().unwrap()).collect();
    let stores: Vec<_> = resources.iter().filter(|it| it["methods"][0]["id"] == "store").collect();
    assert_eq!((paths[0], paths[1], stores.len()), ("/studies", "/studies/{study}", 2));
    assert_eq!(
        json["application"]["resources"]["base"].as_str().unwrap(),
        format!("{}/dicom-web", server.url)
    );
}

#[test]
fn slashes_too_many_are_tolerated_and_head_works() {
    let server = Server::start();
    for target in ["/dicom-web/studies/", "//dicom-web//studies", "/dicom-web//studies//2.25.71/"] {
        let mut request = push(&[ct(1)]);
        request.target = target.to_owned();
        assert_eq!(server.send(request).status, 200, "{target}");
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn neither_log_nor_errors_hold_uids_names_or_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env("VEILGATE_LOG_LEVEL", "trace")
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut ready)
        .unwrap();
    let address = ready
        .trim()
        .trim_start_matches("veilgate ready on http://")
        .trim_end_matches("/dicom-web")
        .to_owned();
    let key = std::fs::read_to_string(data.join("first-api-key")).unwrap().trim().to_owned();
    let mut answers = String::new();
    for (path, instance) in [
        ("/2.25.71", ct(1)),
        ("/2.25.71", ct_of_study("2.25.9988", 2)),
        ("/2.25.424242", ct(3)),
        ("/Rigpatient^Rosa", ct(1)),
    ] {
        let mut request =
            push(&[instance, stow::burned_in(4), b"Rigpatient^Rosa".to_vec()]).header("X-API-Key", &key);
        request.target = format!("/dicom-web/studies{path}?PatientName=Rigpatient");
        let answer = request.send(&address).unwrap();
        answers += &format!("{:?}{}", answer.headers, answer.text());
    }
    let bad = push(&[ct(1)]).header("X-API-Key", "vg_stolen").send(&address).unwrap();
    assert_eq!(bad.status, 401);
    terminate(child.id());
    assert!(wait(&mut child, Duration::from_secs(20)).unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/dicom-web/studies/{study}"), "the route template is logged: {log}");
    for planted in [
        "Rigpatient",
        "Rosa",
        "RIG-0001",
        "2.25.71",
        "2.25.9988",
        "2.25.424242",
        "2.25.7000",
        "vg_stolen",
        &key,
    ] {
        let whole = |text: &str| {
            text.match_indices(planted)
                .any(|(at, _)| !text[at + planted.len()..].starts_with(|it: char| it.is_ascii_digit()))
        };
        assert!(!whole(&log), "{planted} in the log:\n{log}");
        assert!(!whole(&answers), "{planted} in an answer:\n{answers}");
    }
}

#[test]
fn sigterm_lets_running_requests_end_and_takes_no_new_ones() {
    let server = Server::start();
    let instance = ct(1);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    open_post(&mut stream, &server, instance.len());
    stream.write_all(&instance[..100]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let (address, pid) = (server.address().to_owned(), server.pid());
    let finish = std::thread::spawn(move || {
        terminate(pid);
        std::thread::sleep(Duration::from_millis(300));
        assert!(TcpStream::connect(&address).is_err(), "no new connection");
        stream.write_all(&instance[100..]).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    });
    finish.join().unwrap();
    assert!(server.stop().success());
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_wrong_settings_are_told_together() {
    let server = Server::start();
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server"));
    let wrong = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "nowhere"])
        .env("VEILGATE_PROFILE", "none")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("nowhere") && told.contains("VEILGATE_PROFILE"), "{told}");
    assert_eq!(wrong.status.code(), Some(2));
}
