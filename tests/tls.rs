//! HTTPS by the gateway itself: what is served, who is let in, bad handshakes, certificates that change.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod stow;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use stow::{ct, large_ct, push, stored};
use support::authority::{Authority, connect};
use support::http::{Request, Response};
use support::server::{Server, signal};

/// A gateway under a certificate of an authority, and where its files lie.
struct Scene {
    folder: tempfile::TempDir,
    authority: Authority,
    server: Server,
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

/// Writes certificate and key, the key for its owner alone.
fn write(folder: &Path, (certificate, key): &(Vec<u8>, Vec<u8>)) {
    std::fs::write(path(folder, "cert.pem"), certificate).unwrap();
    std::fs::write(path(folder, "key.pem"), key).unwrap();
    std::fs::set_permissions(path(folder, "key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
}

impl Scene {
    fn start(settings: &[(&str, &str)]) -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        write(folder.path(), &authority.issue("127.0.0.1"));
        std::fs::write(path(folder.path(), "ca.pem"), authority.pem()).unwrap();
        let files = [
            ("VEILGATE_TLS_CERTIFICATE_FILE", path(folder.path(), "cert.pem")),
            ("VEILGATE_TLS_KEY_FILE", path(folder.path(), "key.pem")),
        ];
        let files = files.each_ref().map(|(name, file)| (*name, file.to_str().unwrap()));
        let server = Server::on(&folder.path().join("data"), &[], &[&files, settings].concat());
        Self { folder, authority, server }
    }

    /// With clients' certificates, of this authority.
    fn asking(word: &str) -> Self {
        // The server runs in the folder of its files.
        Self::start(&[("VEILGATE_TLS_CLIENT", word), ("VEILGATE_TLS_CLIENT_CA_FILE", "ca.pem")])
    }

    /// The answer to a request with the first key, sent by a client that trusts `authority` and shows `shown`.
    fn ask_as(
        &self,
        authority: &Authority,
        shown: Option<&(Vec<u8>, Vec<u8>)>,
        request: Request,
    ) -> std::io::Result<Response> {
        let mut stream = connect(self.server.address(), &authority.client(&["http/1.1"], shown))?;
        let request = request.header("X-API-Key", &self.server.key);
        request.over(&mut stream, self.server.address())
    }

    fn ask(&self, request: Request) -> Response {
        self.ask_as(&self.authority, None, request).unwrap()
    }

    /// Waits until the log says so.
    fn said(&self, text: &str) {
        self.server.said_at_last(text, 1);
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn health() -> Request {
    Request::new("GET", "/health")
}

#[test]
fn https_is_served_over_http_1_and_2_and_links_say_so() {
    let scene = Scene::start(&[]);
    assert!(scene.server.url.starts_with("https://127.0.0.1:"), "{}", scene.server.url);
    let answer = scene.ask(push(&[ct(1)]));
    assert_eq!((answer.status, stored(&answer).len()), (200, 1), "{}", answer.text());
    let link = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
    let root = format!("{}/dicom-web/studies/", scene.server.url);
    assert!(link.starts_with(&root), "{link}");
    let pulled =
        scene.ask(Request::new("GET", &link[scene.server.url.len()..]).header("Accept", "application/dicom"));
    assert_eq!(pulled.status, 200, "{}", pulled.text());
    let config = scene.authority.client(&["h2", "http/1.1"], None);
    let mut stream = connect(scene.server.address(), &config).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    // The preface and empty SETTINGS (RFC 9113 3.4); the first frame of the other side is SETTINGS, too.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "{frame:?}");
}

#[test]
fn who_is_refused_while_still_sending_reads_the_answer() {
    let scene = Scene::start(&[]);
    let mut stream = connect(scene.server.address(), &scene.authority.client(&["http/1.1"], None)).unwrap();
    let answer = push(&[large_ct(1, 8_000_000)]).over(&mut stream, scene.server.address()).unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
}

#[test]
fn bad_handshakes_end_are_told_by_address_alone_and_hold_up_nobody() {
    let scene = Scene::start(&[("VEILGATE_LIMITS_HEADER_TIME", "1 s")]);
    let open = || TcpStream::connect(scene.server.address()).unwrap();
    let mut silent: Vec<TcpStream> = (0..50).map(|_| open()).collect();
    let mut plain = open();
    plain.write_all(b"GET /secret-path HTTP/1.1\r\nHost: secret-host\r\n\r\n").unwrap();
    let started = Instant::now();
    assert_eq!(scene.ask(health()).status, 200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}: others waited", started.elapsed());
    scene.said("client=127.0.0.1 why=\"not TLS\"");
    let stranger = scene.ask_as(&Authority::new(), None, health());
    assert_eq!(stranger.unwrap_err().kind(), ErrorKind::InvalidData, "the client does not trust it");
    scene.said("client=127.0.0.1 why=\"the client breaks off\"");
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert!(!matches!(stream.read(&mut [0; 64]), Ok(1..)), "nothing is said to who says nothing");
    }
    scene.said("why=\"the client takes too long\"");
    assert!(!scene.server.said().contains("secret"), "{}", scene.server.said());
    assert_eq!(scene.ask(health()).status, 200);
}

#[test]
fn a_stop_waits_for_no_handshake() {
    let scene = Scene::start(&[]);
    let _silent = TcpStream::connect(scene.server.address()).unwrap();
    assert_eq!(scene.ask(health()).status, 200);
    let started = Instant::now();
    assert!(scene.server.stop().success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_new_certificate_holds_for_new_connections_and_a_broken_one_changes_nothing() {
    let scene = Scene::start(&[]);
    let old = scene.authority.client(&["http/1.1"], None);
    let mut open = connect(scene.server.address(), &old).unwrap();
    let next = Authority::new();
    write(scene.folder.path(), &next.issue("127.0.0.1"));
    signal("HUP", scene.server.pid());
    until("the new certificate", || scene.ask_as(&next, None, health()).is_ok());
    assert!(scene.ask_as(&scene.authority, None, health()).is_err(), "the old one is gone");
    let kept = health().over(&mut open, scene.server.address()).unwrap();
    assert_eq!(kept.status, 200, "a connection that is there stays");
    let key = path(scene.folder.path(), "key.pem");
    for (text, told) in [
        (next.issue("127.0.0.1").1, "not the key of the certificate"),
        (b"rubbish".to_vec(), "no PEM private key"),
    ] {
        std::fs::write(&key, text).unwrap();
        signal("HUP", scene.server.pid());
        scene.said(told);
        assert_eq!(scene.ask_as(&next, None, health()).unwrap().status, 200, "{told}");
    }
    std::fs::remove_file(&key).unwrap();
    scene.said("cannot be read");
    assert_eq!(scene.ask_as(&next, None, health()).unwrap().status, 200, "without its file");
    // Without a signal, too: the files are looked at now and then.
    write(scene.folder.path(), &scene.authority.issue("127.0.0.1"));
    until("the next certificate", || scene.ask_as(&scene.authority, None, health()).is_ok());
}

#[test]
fn a_key_that_everybody_may_read_is_warned_of() {
    let scene = Scene::start(&[]);
    let warning = "tls.key_file is open to everybody";
    assert!(!scene.server.said().contains(warning), "{}", scene.server.said());
    write(scene.folder.path(), &scene.authority.issue("127.0.0.1"));
    std::fs::set_permissions(path(scene.folder.path(), "key.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    signal("HUP", scene.server.pid());
    scene.said(warning);
}

#[test]
fn where_clients_must_show_a_certificate_nobody_else_gets_in() {
    let scene = Scene::asking("required");
    let own = scene.authority.issue("viewer");
    assert_eq!(scene.ask_as(&scene.authority, Some(&own), health()).unwrap().status, 200);
    assert!(scene.ask_as(&scene.authority, None, health()).is_err(), "without");
    scene.said("why=\"the client shows no certificate\"");
    let stranger = Authority::new().issue("secret-name");
    assert!(scene.ask_as(&scene.authority, Some(&stranger), health()).is_err(), "of a stranger");
    scene.said("why=\"the client's certificate is not to be trusted\"");
    assert!(!scene.server.said().contains("secret-name"), "{}", scene.server.said());
    let keyless = connect(scene.server.address(), &scene.authority.client(&["http/1.1"], Some(&own)));
    let answer = push(&[ct(1)]).over(&mut keyless.unwrap(), scene.server.address()).unwrap();
    assert_eq!(answer.status, 401, "a certificate is no key");
}

#[test]
fn where_clients_may_show_a_certificate_it_still_must_be_a_good_one() {
    let scene = Scene::asking("optional");
    let own = scene.authority.issue("viewer");
    assert_eq!(scene.ask_as(&scene.authority, Some(&own), health()).unwrap().status, 200);
    assert_eq!(scene.ask(health()).status, 200);
    let stranger = Authority::new().issue("stranger");
    assert!(scene.ask_as(&scene.authority, Some(&stranger), health()).is_err());
}

#[test]
fn health_asks_here_under_the_name_that_the_certificate_has() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    write(folder.path(), &authority.issue("gateway.example"));
    std::fs::write(path(folder.path(), "ca.pem"), authority.pem()).unwrap();
    let files = [("VEILGATE_TLS_CERTIFICATE_FILE", "cert.pem"), ("VEILGATE_TLS_KEY_FILE", "key.pem")];
    let files = files.map(|(name, file)| (name, path(folder.path(), file).to_str().unwrap().to_owned()));
    let files = files.each_ref().map(|(name, file)| (*name, file.as_str()));
    let server = Server::on(&folder.path().join("data"), &[], &files);
    let health = |public: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(["health", "--listen", server.address()]).args(more).current_dir(folder.path());
        command.envs(files).env("VEILGATE_PUBLIC_BASE_URL", public).env_remove("VEILGATE_TEST_DATABASE");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let ca = ["--ca", "ca.pem"];
    assert_eq!(health("https://gateway.example/dicom-web", &ca), (Some(0), "ready\n".to_owned()));
    for (public, more) in [
        ("https://other.example/dicom-web", &ca[..]),
        ("https://192.0.2.1/dicom-web", &ca),
        ("https://gateway.example/dicom-web", &[]),
    ] {
        let (status, said) = health(public, more);
        assert!(status == Some(1) && said.contains("its certificate is not for the name"), "{said}");
    }
}

#[test]
fn files_that_cannot_be_used_are_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let start = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        command.env_remove("VEILGATE_TEST_DATABASE");
        command.env("VEILGATE_TLS_CERTIFICATE_FILE", "cert.pem").env("VEILGATE_TLS_KEY_FILE", "key.pem");
        command.envs(more.chunks(2).map(|pair| (pair[0], pair[1])));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(start(&[]).contains("tls.certificate_file: cannot be read"));
    let (certificate, _) = authority.issue("127.0.0.1");
    write(folder.path(), &(certificate, authority.issue("127.0.0.1").1));
    let said = start(&[]);
    assert!(said.contains("tls.key_file: is of a kind") && !said.contains("PRIVATE"), "{said}");
    write(folder.path(), &authority.issue("127.0.0.1"));
    std::fs::write(path(folder.path(), "ca.pem"), "none").unwrap();
    let asks = ["VEILGATE_TLS_CLIENT", "required", "VEILGATE_TLS_CLIENT_CA_FILE", "ca.pem"];
    assert!(start(&asks).contains("tls.client_ca_file: holds no PEM certificates"));
}
