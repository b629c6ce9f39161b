//! A collector of traces on a bare socket: takes OTLP over HTTP, decodes it, keeps it.

use crate::stow::double::header;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The running collector.
pub struct Collector {
    /// Where spans are sent to.
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What it took.
#[derive(Default)]
pub struct Seen {
    /// Heads of requests.
    pub heads: Vec<String>,
    /// Bodies as they came.
    pub bodies: Vec<Vec<u8>>,
    /// Spans in them.
    pub spans: Vec<Span>,
}

impl Collector {
    pub fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Collector { url, seen }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// The spans, once there are as many of this name.
    pub fn spans(&self, name: &str, number: usize) -> Vec<Span> {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let named = |seen: &Seen| seen.spans.iter().filter(|span| span.name == name).cloned().collect();
            let spans: Vec<Span> = self.seen(named);
            if spans.len() >= number {
                return spans;
            }
            assert!(Instant::now() < until, "{} spans called {name}", spans.len());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What a span says, as text.
pub fn said(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn serve(stream: TcpStream, seen: &Mutex<Seen>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let mut body = vec![0; header(&head, "content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP as protobuf");
        let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        {
            let mut seen = seen.lock().unwrap();
            seen.spans.extend(scopes.flat_map(|scope| scope.spans));
            seen.heads.push(head);
            seen.bodies.push(body);
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}
