//! PS3.18 clause 8 over HTTP: query parameters, choice of the answer, framing. Named by the ids of the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use stow::{JSON, RESPOND, ct, push, stored};
use support::http::{Request, Response};
use support::multipart::{self, parameter};
use support::samples;
use support::server::Server;
use support::syntax::{DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, JPEG_BASELINE};
use support::walk::{Content, walk};

/// A store request with this query that takes anything.
fn push_with(query: &str) -> Request {
    let mut request = push(&[ct(1)]).header("Accept", "*/*");
    request.target += query;
    request
}

fn problem(answer: &Response) -> (u16, Option<&str>) {
    (answer.status, answer.header("content-type"))
}

const PROBLEM: Option<&str> = Some("application/problem+json");

/// What a bare socket hears for these bytes, which ask for the connection to be closed or break it.
fn said(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer does not take the answer back.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn http_01_each_request_hears_a_status_of_three_digits() {
    let server = Server::start();
    let key = &server.key;
    let chunked = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/dicom\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbad"
    );
    for (what, bytes, status) in [
        ("good", "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("old", "GET /health HTTP/1.0\r\n\r\n", "200"),
        ("no such path", "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
        ("unknown method", "BREW /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405"),
        ("bad request line", "GET\r\n\r\n", "400"),
        ("bad header", "GET /health HTTP/1.1\r\nHo st: x\r\n\r\n", "400"),
        ("bad length", "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "400"),
        ("bad chunk", chunked.as_str(), "400"),
    ] {
        let answer = said(&server, bytes.as_bytes());
        assert_eq!(answer.split(' ').nth(1), Some(status), "{what}: {answer:?}");
    }
}

#[test]
fn http_03_an_accept_parameter_without_a_media_type_gets_400() {
    let server = Server::start();
    for value in ["", "nonsense", "%FF%FE", "*/*", ",", "application/dicom%2Bjson;q=7"] {
        let answer = server.send(push_with(&format!("?accept={value}")));
        assert_eq!(problem(&answer), (400, PROBLEM), "{value}");
        assert!(value.len() < 4 || !answer.text().contains(value), "{value} is repeated");
    }
    let usable = server.send(push_with("?accept=nonsense,application/dicom%2Bjson"));
    assert_eq!(problem(&usable), (200, Some(JSON)), "one usable entry is enough (ACC-08)");
    assert_eq!(usable.header("veilgate-stored"), Some("1"));
}

#[test]
fn http_02_04_a_query_without_sense_changes_nothing() {
    let server = Server::start();
    for query in ["?", "??", "?&&", "?=", "?=x", "?x", "?%", "?%zz=%00", "?limit=-1&fuzzymatching=maybe"] {
        let answer = server.send(push_with(query));
        assert_eq!(problem(&answer), (200, Some(JSON)), "{query}");
    }
}

#[test]
fn http_05_parameter_names_are_case_sensitive() {
    let server = Server::start();
    for name in ["Accept", "ACCEPT", "accepT"] {
        let answer = server.send(push_with(&format!("?{name}=application/zip")));
        assert_eq!(problem(&answer), (200, Some(JSON)), "{name}");
    }
    let answer = server.send(push_with("?accept=application/zip"));
    assert_eq!(problem(&answer), (200, Some("application/zip")));
}

#[test]
fn http_06_values_are_decoded_after_the_query_is_split() {
    let server = Server::start();
    let whole = server
        .send(push_with("?x=%23%5B%5D&accept=multipart%2Frelated%3B%20type%3D%22application%2Fdicom%22"));
    let content_type = whole.header("content-type").unwrap();
    assert_eq!(parameter(content_type, "type").as_deref(), Some("application/dicom"));
    let list = server.send(push_with("?accept=application/foo%2Capplication/zip"));
    assert_eq!(problem(&list), (200, Some("application/zip")), "an encoded comma is one of the list");
    let hidden = server.send(push_with("?x=1%26accept=application/zip"));
    assert_eq!(problem(&hidden), (200, Some(JSON)), "an encoded & separates nothing");
    let plus = server.send(push_with("?accept=application/dicom+json"));
    assert_eq!(problem(&plus), (200, Some(JSON)), "a plus sign is no space");
}

#[test]
fn http_10_a_payload_has_one_framing_and_its_length_is_true() {
    let server = Server::start();
    for accept in [JSON, RESPOND, "application/zip", "multipart/related; type=\"application/dicom+xml\""] {
        let request = push(&[ct(1), ct(2)]).header("Accept", accept).header("X-API-Key", &server.key);
        let head = format!(
            "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n",
            request.body.len(),
            request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>()
        );
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(&[head.as_bytes(), &request.body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = multipart::find(&answer, b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length: usize =
            head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert_eq!(length, answer.len() - end - 4, "{accept}");
        assert_eq!(head.matches("content-length:").count(), 1, "{accept}");
        assert!(!head.contains("transfer-encoding"), "{accept}");
    }
}

#[test]
fn http_17_a_range_is_ignored_where_it_has_no_meaning() {
    let server = Server::start();
    for request in [push(&[ct(1)]).header("Accept", RESPOND), Request::new("GET", "/health")] {
        let answer = server.send(request.header("Range", "bytes=0-0"));
        assert_eq!((answer.status, answer.header("content-range")), (200, None));
        assert!(answer.body.len() > 1);
    }
}

#[test]
fn http_18_a_refusal_does_not_tell_whether_something_is_known() {
    let server = Server::start();
    assert_eq!(server.send(push(&[ct(1)])).status, 200);
    let to = |study: &str, key: &str| {
        let mut request = push(&[ct(1)]).header("X-API-Key", key);
        request.target = format!("/dicom-web/studies/{study}");
        server.send_bare(request)
    };
    let (known, unknown) = (to("2.25.71", "vg_wrong"), to("2.25.72", "vg_wrong"));
    assert_eq!((known.status, known.text()), (401, unknown.text()));
    let (known, unknown) = (
        server.send(Request::new("GET", "/dicom-web/studies/2.25.71/x")),
        server.send(Request::new("GET", "/x")),
    );
    assert_eq!((known.status, known.text()), (404, unknown.text()));
}

#[test]
fn http_24_no_part_is_implicit_or_big_endian_or_deflated() {
    let server = Server::start();
    let sent = [IMPLICIT_LE, EXPLICIT_BE, DEFLATED_LE, EXPLICIT_LE];
    let files: Vec<_> = (1..).zip(sent).map(|(number, syntax)| samples::ct(syntax, number).write()).collect();
    let answer = server.send(push(&files).header("Accept", RESPOND));
    assert_eq!((answer.status, answer.header("veilgate-stored")), (200, Some("4")), "{:?}", answer.headers);
    for part in multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap() {
        let file = walk(&part.body);
        assert_eq!((file.fault, file.syntax.as_str()), (None, EXPLICIT_LE));
    }
}

#[test]
fn acc_04_05_the_parameter_then_the_header_then_the_default_then_406() {
    let server = Server::start();
    for (accept, query, status, content_type) in [
        ("application/zip, application/dicom+json;q=0.1", "?accept=application/dicom%2Bjson", 200, JSON),
        ("application/zip, image/x;q=0.1", "?accept=image/x", 200, "application/zip"),
        ("*/*", "?accept=image/x", 200, JSON),
        ("text/html", "?accept=text/html", 406, "application/problem+json"),
        ("text/html", "?accept=application/zip", 406, "application/problem+json"),
    ] {
        let mut request = push(&[ct(1)]).header("Accept", accept);
        request.target += query;
        let answer = server.send(request);
        assert_eq!(problem(&answer), (status, Some(content_type)), "{accept} {query}");
    }
}

#[test]
fn acc_09_any_type_means_the_store_instances_response_in_json() {
    let server = Server::start();
    for accept in ["*/*", "*/*;q=0.1", "text/html, */*;q=0.001", "application/*", "garbage, */*"] {
        let answer = server.send(push(&[ct(1)]).header("Accept", accept));
        assert_eq!(problem(&answer), (200, Some(JSON)), "{accept}");
        assert_eq!(stored(&answer).len(), 1);
    }
}

#[test]
fn acc_11_16_17_each_part_names_its_one_syntax_and_frames_pass_untouched() {
    let server = Server::start();
    let files = [samples::ct(EXPLICIT_LE, 1).write(), samples::ct(JPEG_BASELINE, 2).write()];
    let any = format!("{RESPOND}; transfer-syntax=*");
    let answer = server.send(push(&files).header("Accept", &any));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    for (part, syntax) in parts.iter().zip([EXPLICIT_LE, JPEG_BASELINE]) {
        let content_type = part.header("content-type").unwrap();
        assert_eq!(content_type.matches("transfer-syntax=").count(), 1, "{content_type}");
        assert!(!content_type.contains("charset"), "{content_type}");
        assert_eq!(parameter(content_type, "transfer-syntax").as_deref(), Some(syntax));
        assert_eq!(walk(&part.body).syntax, syntax, "the file says the same");
    }
    let Content::Fragments(sent) = &walk(&files[1]).pixels().unwrap().content.clone() else { panic!() };
    let Content::Fragments(back) = &walk(&parts[1].body).pixels().unwrap().content.clone() else { panic!() };
    assert_eq!(sent, back);
}

#[test]
fn acc_17_the_file_meta_counts_where_the_part_says_another_syntax() {
    let server = Server::start();
    let mut part = multipart::Part::dicom(samples::ct(IMPLICIT_LE, 1).write());
    part.headers[0].1 = format!("application/dicom; transfer-syntax={JPEG_BASELINE}");
    let answer = server.send(stow::push_parts(&[part]).header("Accept", RESPOND));
    assert_eq!(answer.status, 200, "{:?}", answer.headers);
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    assert_eq!(walk(&parts[0].body).text((0x0020, 0x0013)).as_deref(), Some("1"));
}

#[test]
fn acc_19_unknown_character_sets_are_ignored() {
    let server = Server::start();
    for (header, query) in [("klingon", ""), ("utf-8;q=0, *", "?charset=klingon"), ("", "?charset=%FF")] {
        let answer = server.send(push_with(query).header("Accept-Charset", header));
        assert_eq!(problem(&answer), (200, Some(JSON)), "{header} {query}");
    }
}

#[test]
fn cap_02_03_capabilities_are_a_wadl_tree_of_all_resources_where_that_is_asked() {
    let server = Server::start();
    let asked = |accept: &str| server.send(Request::new("OPTIONS", "/dicom-web").header("Accept", accept));
    let answer = asked("application/vnd.sun.wadl+xml");
    assert_eq!(problem(&answer), (200, Some("application/vnd.sun.wadl+xml")));
    let tree = wadl::read(&answer.text());
    assert_eq!((tree.applications, tree.bases.len()), (1, 1));
    assert!(tree.bases[0].ends_with("/dicom-web/"), "{:?}", tree.bases);
    let told: Vec<(String, String)> =
        asked("application/json").json()["application"]["resources"]["resource"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|resource| {
                let path = resource["path"].as_str().unwrap().replace('*', "");
                let methods = resource["methods"].as_array().unwrap().clone();
                methods.into_iter().map(move |it| (path.clone(), it["name"].as_str().unwrap().to_owned()))
            })
            .collect();
    let (mut expected, mut found) = (told, tree.methods);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(found.len() > 20, "{found:?}");
}

/// A reader of WADL, as far as its tree goes.
mod wadl {
    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    #[derive(Default)]
    pub struct Tree {
        pub applications: usize,
        pub bases: Vec<String>,
        /// Path from the base, and name.
        pub methods: Vec<(String, String)>,
    }

    pub fn read(text: &str) -> Tree {
        let (mut reader, mut tree, mut open) = (Reader::from_str(text), Tree::default(), Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => match start.name().as_ref() {
                    "application" => {
                        assert_eq!(value(&start, "xmlns"), "http://wadl.dev.java.net/2009/02");
                        tree.applications += 1;
                    }
                    "resources" => tree.bases.push(value(&start, "base")),
                    "resource" => open.push(value(&start, "path")),
                    "method" => tree.methods.push((format!("/{}", open.join("/")), value(&start, "name"))),
                    _ => {}
                },
                Event::End(end) if end.name().as_ref() == "resource" => drop(open.pop()),
                Event::Eof => return tree,
                _ => {}
            }
        }
    }

    fn value(start: &BytesStart<'_>, name: &str) -> String {
        start.try_get_attribute(name).unwrap().unwrap().value.to_string()
    }
}

#[test]
fn cap_02_04_capabilities_are_json_whatever_else_is_asked() {
    let server = Server::start();
    for (name, value) in
        [("Accept", "application/json"), ("Accept", "*/*"), ("If-None-Match", "\"x\""), ("Accept", "image/x")]
    {
        let answer = server.send(Request::new("OPTIONS", "/dicom-web").header(name, value));
        assert_eq!(problem(&answer), (200, Some("application/json")), "{name}: {value}");
        assert!(answer.json()["application"]["resources"]["resource"].is_array());
    }
}
