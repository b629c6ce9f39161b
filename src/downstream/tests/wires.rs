//! The connections of what is pulled, against servers on bare sockets: kept, given up, closed, secured.

use super::*;
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncWrite;
use tokio_rustls::TlsAcceptor;

/// Answers requests that come on one connection, so many, then closes it.
async fn serve(mut stream: impl AsyncReadExt + AsyncWrite + Unpin, many: usize, answer: &[u8]) {
    serve_open(&mut stream, many, answer).await;
    let _ = stream.shutdown().await;
}

/// Answers requests that come on one connection, so many.
async fn serve_open(stream: &mut (impl AsyncReadExt + AsyncWrite + Unpin), many: usize, answer: &[u8]) {
    for _ in 0..many {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => asked.push(byte),
                Err(_) => return,
            }
        }
        let _ = stream.write_all(answer).await;
        let _ = stream.flush().await;
    }
}

/// A server that answers `many` requests on each connection, its connections counted.
async fn keeping(many: usize, answer: &'static str) -> Server {
    listening(move |_, stream| serve(stream, many, answer.as_bytes())).await
}

const KEPT: &str = "HTTP/1.1 200 X\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc";
const CHUNKED: &str =
    "HTTP/1.1 200 X\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

#[tokio::test]
async fn a_connection_whose_body_was_read_serves_the_next_request() {
    for answer in [KEPT, CHUNKED] {
        let server = keeping(usize::MAX, answer).await;
        for _ in 0..5 {
            assert_eq!(server.get().await.unwrap(), b"abc");
        }
        assert_eq!(server.connections(), 1, "{answer}");
    }
}

#[tokio::test]
async fn of_a_body_whose_end_nobody_waited_for_the_connection_is_kept_and_of_one_given_up_it_is_not() {
    let server = keeping(usize::MAX, CHUNKED).await;
    for _ in 0..3 {
        let mut body = server.client.get("studies", TYPE, None).await.unwrap().body().unwrap();
        assert_eq!(body.try_next().await.unwrap().unwrap(), "abc");
    }
    assert_eq!(server.connections(), 1);
    let long = "HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\nabc";
    let broken = keeping(usize::MAX, long).await;
    for _ in 0..2 {
        drop(broken.client.get("studies", TYPE, None).await.unwrap());
    }
    assert_eq!(broken.connections(), 2, "its bytes would come as those of the next answer");
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_no_request() {
    let server = keeping(1, KEPT).await;
    for _ in 0..4 {
        assert_eq!(server.get().await.unwrap(), b"abc");
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_connection_that_nobody_takes_is_closed() {
    let idle = keeping(2, KEPT).await;
    assert_eq!(idle.get().await.unwrap(), b"abc");
    assert_eq!(idle.client.pulls.inner().inner().kept_now(), 1);
    tokio::time::sleep(2 * client::IDLE + Duration::from_millis(500)).await;
    assert_eq!(idle.client.pulls.inner().inner().kept_now(), 0);
}

#[tokio::test]
async fn what_comes_unasked_is_no_answer_however_busy_the_task_is_that_asks() {
    let server = listening(|_, mut stream| async move {
        serve_open(&mut stream, 1, KEPT.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let _ = stream.write_all(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n").await;
        serve_open(&mut stream, 9, KEPT.as_bytes()).await;
    })
    .await;
    // 128 steps may a task do before it has to wait for others: then nothing seems to come.
    for steps in (0..128).step_by(40).chain(120..128) {
        for _ in 0..steps {
            tokio::task::coop::consume_budget().await;
        }
        assert_eq!(server.get().await.unwrap(), b"abc", "after {steps} steps");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_refusal_that_is_told_at_length_costs_no_connection() {
    let told = "HTTP/1.1 404 X\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = "HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for answer in [told, chunked] {
        let server = keeping(usize::MAX, answer).await;
        for _ in 0..4 {
            assert_eq!(server.get().await, Err(Fault::NotFound));
        }
        assert_eq!(server.connections(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_must_not_be_kept_is_not() {
    for answer in [
        "HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.0 200 X\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nabcd",
        "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nabc\r\n",
        "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let server = keeping(usize::MAX, answer).await;
        for _ in 0..3 {
            assert_eq!(server.get().await.unwrap(), b"abc", "{answer}");
            assert_eq!(server.client.pulls.inner().inner().kept_now(), 0, "{answer}");
        }
        assert_eq!(server.connections(), 3, "{answer}");
    }
    for answer in [
        "HTTP/1.1 204 X\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 304 X\r\n\r\nabc",
        "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\nabc",
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX",
        "HTTP/1.1 200 X\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ] {
        let server = keeping(usize::MAX, answer).await;
        for number in 1..4 {
            let _ = server.get().await;
            assert_eq!(server.client.pulls.inner().inner().kept_now(), 0, "{answer}");
            assert!(server.connections() >= number, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_in_many_small_pieces_lets_others_work() {
    let pieces = 50_000;
    let body = "1\r\na\r\n".repeat(pieces);
    let server =
        server(move |_| says(format!("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n")))
            .await;
    let turns = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    let mut body = server.client.get("studies", TYPE, None).await.unwrap().body().unwrap();
    let (mut all, mut longest, mut since, mut seen) = (0, 0, 0, 0);
    while let Some(piece) = body.try_next().await.unwrap() {
        let now = turns.load(Ordering::SeqCst);
        since = if now == seen { since + 1 } else { 0 };
        (all, longest, seen) = (all + piece.len(), since.max(longest), now);
    }
    other.abort();
    assert_eq!(all, pieces);
    assert!(longest < 1000, "{longest} pieces at a stretch");
}

#[tokio::test]
async fn who_does_not_finish_to_connect_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = client(&format!("https://{}/dicom-web", listener.local_addr().unwrap()));
    let settings = Settings { answer: Duration::from_secs(9), ..(*plain.settings).clone() };
    let client = Downstream::new(settings, &Servers::default()).unwrap();
    assert_eq!(client.get("studies", TYPE, None).await.err(), Some(Fault::Unreachable), "TLS does not begin");
}

#[test]
fn connections_of_a_runtime_that_ended_trouble_nobody() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let servers = runtime();
    let server = servers.block_on(keeping(usize::MAX, KEPT));
    let first = runtime();
    let unread = first.block_on(async {
        let (read, unread) =
            (server.client.get("studies", TYPE, None), server.client.get("studies", TYPE, None));
        let (read, unread) = (read.await.unwrap(), unread.await.unwrap());
        assert_eq!(read.held(9).await.unwrap(), "abc");
        unread
    });
    assert_eq!(server.client.pulls.inner().inner().kept_now(), 1);
    drop(first);
    drop(unread);
    assert_eq!(runtime().block_on(server.get()).unwrap(), b"abc");
}

#[tokio::test]
async fn servers_are_found_by_each_form_of_url() {
    for host in ["localhost", "user:p%40w@127.0.0.1", "[::ffff:127.0.0.1]"] {
        let server = keeping(9, KEPT).await;
        let port = server.client.root.port().unwrap();
        let client = client(&format!("http://{host}:{port}/a%20b/{{c}}|d"));
        let got = client.get("studies?x=a|b^c\"{}", TYPE, None).await;
        assert_eq!(got.unwrap().held(9).await.unwrap(), "abc", "{host}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_comes_whole_however_it_is_cut() {
    let head = "HTTP/1.1 200 X\r\nContent-Type: multipart/related; boundary=XX\r\n\r\n";
    let long = vec![b'x'; 3 << 20];
    let body = [b"--XX\r\n\r\n".as_slice(), &long, b"\r\n--XX--"].concat();
    for cut in [0, 10, body.len()] {
        let (first, rest) = body.split_at(cut);
        let script = [head.as_bytes(), first].concat();
        let rest = rest.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&format!("http://{}/dicom-web", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&script).await;
            // What comes then was not read with the head.
            tokio::time::sleep(Duration::from_millis(30)).await;
            let _ = stream.write_all(&rest).await;
        });
        let mut parts = client.get("studies", TYPE, None).await.unwrap().parts().unwrap();
        let (_, part) = parts.next().await.unwrap().unwrap();
        assert!(part.try_collect::<Vec<_>>().await.unwrap().concat() == long, "cut at {cut}");
        assert!(parts.next().await.unwrap().is_none());
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// TLS of a server of this name.
fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let issued = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A client that believes this authority, of a server that gives `answer` on each of its TLS connections.
async fn secured(
    acceptor: TlsAcceptor,
    ca: Option<Vec<u8>>,
    closes: bool,
    answer: &'static str,
) -> Downstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = client(&format!("https://{}/dicom-web", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                serve_open(&mut stream, 1, answer.as_bytes()).await;
                if closes {
                    let _ = stream.shutdown().await;
                }
            }
        }
    });
    Downstream::new(Settings { ca, ..(*plain.settings).clone() }, &Servers::default()).unwrap()
}

#[tokio::test]
async fn a_server_is_believed_under_its_name_and_a_known_authority() {
    let authority = authority();
    let ca = authority.pem().into_bytes();
    for (name, ca, believed) in
        [("127.0.0.1", Some(ca.clone()), true), ("pacs.example", Some(ca), false), ("127.0.0.1", None, false)]
    {
        let client = secured(acceptor(&authority, name), ca, true, KEPT).await;
        let got = client.get("studies", TYPE, None).await;
        match believed {
            true => assert_eq!(got.unwrap().held(9).await.unwrap(), "abc"),
            false => assert_eq!(got.err(), Some(Fault::Unreachable), "{name}"),
        }
    }
}

#[tokio::test]
async fn a_body_that_tls_does_not_end_was_cut_wherever_that_was() {
    let authority = authority();
    let ca = authority.pem().into_bytes();
    for body in ["", "abc", "--XX\r\n\r\nabc", "--XX\r\n\r\nabc\r\n--XX--"] {
        for (closes, empty) in [(true, Fault::NotFound), (false, Fault::CutOff)] {
            let answer =
                format!("HTTP/1.1 200 X\r\nContent-Type: multipart/related; boundary=XX\r\n\r\n{body}");
            let acceptor = acceptor(&authority, "127.0.0.1");
            let client = secured(acceptor, Some(ca.clone()), closes, answer.leak()).await;
            let mut body_of = client.get("studies", TYPE, None).await.unwrap().unframed();
            let mut got = Vec::new();
            let ended = loop {
                match body_of.try_next().await {
                    Ok(Some(bytes)) => got.extend_from_slice(&bytes),
                    ended => break ended.map(|_| ()),
                }
            };
            assert_eq!(ended, if closes { Ok(()) } else { Err(Fault::CutOff) }, "{body}");
            assert_eq!(got, body.as_bytes());
            if body.is_empty() {
                let mut parts = client.get("studies", TYPE, None).await.unwrap().parts().unwrap();
                assert_eq!(parts.next().await.err(), Some(empty), "a cut is no proof that there is nothing");
            }
        }
    }
}
