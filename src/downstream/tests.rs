//! The client against servers that misbehave, on bare sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use futures_util::TryStreamExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

mod wires;

const TYPE: &str = "application/dicom+json";

/// A client for the server at this URL, patient for 200 ms.
pub(super) fn client(url: &str) -> Downstream {
    Downstream::new(settings(url), &Servers::default()).unwrap()
}

fn settings(url: &str) -> Settings {
    let time = Duration::from_millis(200);
    Settings {
        url: url.to_owned(),
        credentials: Credentials::Bearer(Secret::new("T0k3n")),
        headers: Vec::new(),
        ca: None,
        connect: time,
        answer: time,
        concurrent: 2,
        retries: 1,
    }
}

/// A server that writes to its n-th connection (from 0) what `script` says, waits, and closes.
struct Server {
    client: Downstream,
    connections: Arc<AtomicUsize>,
}

struct Act {
    bytes: Vec<u8>,
    wait: Duration,
}

fn says(bytes: impl Into<Vec<u8>>) -> Act {
    Act { bytes: bytes.into(), wait: Duration::ZERO }
}

async fn server(script: impl Fn(usize) -> Act + Send + 'static) -> Server {
    listening(move |number, stream| act(stream, script(number))).await
}

/// A server that does this with its n-th connection (from 0).
async fn listening<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(usize, TcpStream) -> F + Send + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}/dicom-web", listener.local_addr().unwrap()));
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(count.fetch_add(1, Ordering::SeqCst), stream));
        }
    });
    Server { client, connections }
}

async fn act(mut stream: TcpStream, act: Act) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        asked.push(byte[0]);
    }
    let _ = stream.write_all(&act.bytes).await;
    tokio::time::sleep(act.wait).await;
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: {TYPE}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

impl Server {
    async fn get(&self) -> Result<Vec<u8>, Fault> {
        let reply = self.client.get("studies", TYPE, None).await?;
        Ok(reply.body()?.try_collect::<Vec<_>>().await?.concat())
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn statuses_become_kinds_and_nothing_of_the_answer_passes() {
    for (status, expected) in [
        ("404", Fault::NotFound),
        ("401", Fault::Denied),
        ("403", Fault::Denied),
        ("400", Fault::Unsupported),
        ("406", Fault::Unsupported),
        ("302", Fault::Refused(302)),
        ("500", Fault::Failing),
        ("504", Fault::TimedOut),
    ] {
        let text = answer(status, "Location: http://127.0.0.1:1/\r\n", "Rigpatient^Rosa");
        let server = server(move |_| says(text.clone())).await;
        assert_eq!(server.get().await.err(), Some(expected), "{status}");
        assert_eq!(server.connections(), 1, "{status}: not repeated, not followed");
    }
    let server = server(|_| says("HTTP/1.1 204 X\r\n\r\n")).await;
    assert!(server.client.get("studies", TYPE, None).await.unwrap().nothing);
}

#[tokio::test]
async fn a_body_that_is_not_whole_ends_in_an_error() {
    let chunked = "HTTP/1.1 200 X\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let short = "HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nabc";
    for text in [chunked, short] {
        let server = server(move |_| says(text)).await;
        assert_eq!(server.get().await, Err(Fault::CutOff), "{text}");
    }
    let whole = server(move |_| says(format!("{chunked}0\r\n\r\n"))).await;
    assert_eq!(whole.get().await.unwrap(), b"abc");
    let endless = server(|_| says("HTTP/1.1 200 X\r\nContent-Type: a/b\r\n\r\nabc")).await;
    assert_eq!(endless.get().await, Err(Fault::Nonsense), "nobody could tell its end from a cut");
    for more in ["Transfer-Encoding: gzip\r\n", "Content-Length: 9\r\nTransfer-Encoding: identity\r\n"] {
        let text = format!("HTTP/1.1 200 X\r\nContent-Type: a/b\r\n{more}\r\nabc");
        let coded = server(move |_| says(text.clone())).await;
        assert_eq!(coded.get().await, Err(Fault::Nonsense), "{more}: so it ends with its connection");
    }
}

#[tokio::test]
async fn silence_has_an_end_before_the_answer_and_within() {
    let wait = Duration::from_secs(30);
    let silent = server(move |_| Act { bytes: Vec::new(), wait }).await;
    assert_eq!(silent.get().await, Err(Fault::TimedOut));
    assert_eq!(silent.connections(), 1, "whom we waited for in vain is not asked again");
    let half = b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nabc".to_vec();
    let stuck = server(move |_| Act { bytes: half.clone(), wait }).await;
    assert_eq!(stuck.get().await, Err(Fault::TimedOut));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_began_is_not() {
    let closes =
        server(|number| says(if number == 0 { String::new() } else { answer("200", "", "abc") })).await;
    assert_eq!((closes.get().await.unwrap(), closes.connections()), (b"abc".to_vec(), 2));
    let busy = |after: &'static str| move |_| says(answer("503", after, ""));
    let soon = server(busy("Retry-After: 0\r\n")).await;
    assert_eq!(soon.get().await, Err(Fault::Busy { retry_after: Some(0) }));
    assert_eq!(soon.connections(), 2);
    let late = server(busy("Retry-After: 999999\r\n")).await;
    let fault = late.get().await.unwrap_err();
    assert_eq!((fault.retry_after(), late.connections()), (Some(600), 1), "nobody is kept waiting for that");
    let begun = server(|_| says("HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nabc")).await;
    assert_eq!((begun.get().await, begun.connections()), (Err(Fault::CutOff), 1));
}

#[tokio::test]
async fn rubbish_huge_heads_and_codings_are_no_answers() {
    let huge = format!("X-Patient: {}\r\n", "x".repeat(2 << 20));
    for text in [
        "rubbish\r\n\r\n".to_owned(),
        answer("200", &huge, "abc"),
        answer("200", &"A: b\r\n".repeat(10_000), "abc"),
    ] {
        let server = server(move |_| says(text.clone())).await;
        assert_eq!(server.get().await, Err(Fault::CutOff));
    }
    let zipped = server(|_| says(answer("200", "Content-Encoding: gzip\r\n", "abc"))).await;
    assert_eq!(zipped.get().await, Err(Fault::Nonsense));
    let plain = server(|_| says(answer("200", "Content-Encoding: identity\r\n", "abc"))).await;
    assert!(plain.get().await.is_ok());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left_alone() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client(&format!("http://{port}/dicom-web"));
    let mut faults = Vec::new();
    for _ in 0..4 {
        faults.push(client.get("studies", TYPE, None).await.err().unwrap());
    }
    // Two attempts each: the fifth failure opens.
    assert_eq!(faults[..2], [Fault::Unreachable; 2]);
    assert!(matches!(faults[3], Fault::Resting { retry_after: 1..=6 }), "{faults:?}");
    let refusing = server(|_| says(answer("500", "", ""))).await;
    for _ in 0..10 {
        assert_eq!(refusing.get().await, Err(Fault::Failing), "who answers is there");
    }
}

#[tokio::test]
async fn all_projects_that_ask_one_server_leave_it_alone_together() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = Servers::default();
    let project = |path: &str, ca: Option<Vec<u8>>| {
        Downstream::new(Settings { ca, ..settings(&format!("http://{port}/{path}")) }, &servers).unwrap()
    };
    let (one, other, beside) = (project("pacs", None), project("pacs", None), project("beside", None));
    let trusting = project("pacs", Some(wires::authority().pem().into_bytes()));
    for _ in 0..3 {
        assert!(one.get("studies", TYPE, None).await.is_err());
    }
    let fault = async |client: &Downstream| client.get("studies", TYPE, None).await.err().unwrap();
    assert!(matches!(fault(&other).await, Fault::Resting { .. }));
    assert_eq!(fault(&trusting).await, Fault::Unreachable, "who believes it otherwise is not kept from it");
    assert_eq!(fault(&beside).await, Fault::Unreachable, "it may be another behind the same proxy");
    drop((one, other));
    assert_eq!(fault(&project("pacs", None)).await, Fault::Unreachable, "nobody asks it any more: forgotten");
}

#[tokio::test]
async fn all_projects_that_ask_one_server_wait_for_the_same_places() {
    let server = server(|_| says(answer("200", "", "abc"))).await;
    let servers = Servers::default();
    let project = || Downstream::new(settings(server.client.url()), &servers).unwrap();
    let (one, other) = (project(), project());
    let held = (one.get("1", TYPE, None).await.unwrap(), other.get("2", TYPE, None).await.unwrap());
    assert_eq!(one.get("3", TYPE, None).await.err(), Some(Fault::Busy { retry_after: None }));
    let push = async |project: &Downstream| timeout(Duration::from_millis(200), project.place()).await;
    let pushes = (push(&one).await.unwrap(), push(&other).await.unwrap());
    assert!(push(&one).await.is_err(), "as many as pulls");
    drop(held);
    assert!(other.get("4", TYPE, None).await.is_ok(), "who pushes keeps nobody from reading");
    drop(pushes);
}

#[tokio::test]
async fn a_place_is_held_until_the_body_ended_or_was_dropped() {
    let server = server(|_| says(answer("200", "", "abc"))).await;
    let get = || server.client.get("studies", TYPE, None);
    let (first, second) = (get().await.unwrap(), get().await.unwrap());
    assert_eq!(get().await.err(), Some(Fault::Busy { retry_after: None }), "both places are taken");
    drop(first);
    let third = get().await.unwrap();
    assert_eq!(second.held(3).await.unwrap(), "abc");
    assert_eq!(get().await.unwrap().held(2).await, Err(Fault::TooLarge));
    drop(third);
}

#[tokio::test]
async fn ranges_are_believed_only_if_they_are_what_was_asked_for() {
    let part = |range: &str| answer("206", &format!("Content-Range: {range}\r\n"), "abc");
    for (range, fits) in
        [("bytes 5-7/10", true), ("bytes 4-6/10", false), ("bytes 5-17/100", false), ("x", false)]
    {
        let text = part(range);
        let server = server(move |_| says(text.clone())).await;
        let reply = server.client.get("bulk", TYPE, Some(5..10)).await;
        assert_eq!(
            reply.map(|reply| reply.range),
            if fits { Ok(Some(5..8)) } else { Err(Fault::Nonsense) },
            "{range}"
        );
    }
    let whole = server(|_| says(answer("200", "", "abc"))).await;
    assert_eq!(whole.client.get("bulk", TYPE, Some(5..10)).await.unwrap().range, None);
    let few = server(move |_| says(answer("206", "", "abc"))).await;
    assert!(few.client.get("studies/1", TYPE, None).await.unwrap().partial);
}
