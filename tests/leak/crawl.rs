//! Asks a DICOMweb server for everything: what every answer mentions, every resource below it in every form, and what is not
//! there. Every byte that comes back is searched: body, headers, and the address that was asked.

use super::Search;
use crate::support::http::{Request, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A crawl of one server.
pub struct Crawl<'a> {
    /// host:port.
    address: &'a str,
    /// Headers of every request, such as the key.
    headers: Vec<(String, String)>,
    queue: VecDeque<Ask>,
    seen: BTreeSet<Ask>,
    asked: usize,
    /// Answers by status.
    pub statuses: BTreeMap<u16, usize>,
    /// URLs that were mentioned and lead elsewhere.
    pub strangers: BTreeSet<String>,
}

/// A request: method, path and query, Accept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    method: String,
    target: String,
    accept: String,
}

impl Ask {
    pub fn new(method: &str, target: &str, accept: &str) -> Ask {
        Ask { method: method.to_owned(), target: target.to_owned(), accept: accept.to_owned() }
    }

    pub fn get(target: &str) -> Ask {
        Ask::new("GET", target, "*/*")
    }
}

const OBJECTS: &[&str] = &[
    "multipart/related; type=\"application/dicom\"; transfer-syntax=*",
    "multipart/related; type=\"application/dicom\"",
    "application/dicom; transfer-syntax=*",
    "application/zip",
];
const TEXTS: &[&str] =
    &["application/dicom+json", "multipart/related; type=\"application/dicom+xml\"", "text/html"];
const OCTETS: &[&str] = &[
    "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*",
    "multipart/related; type=\"application/octet-stream\"",
    "multipart/related; type=\"image/jpeg\"",
    "application/octet-stream",
    "*/*",
];
const PICTURES: &[&str] = &["image/jpeg", "image/png", "image/gif", "application/dicom"];

/// The forms in which a resource can be asked for, by the end of its path.
fn accepts(path: &str) -> &'static [&'static str] {
    let parts: Vec<&str> = path.trim_end_matches('/').rsplit('/').collect();
    match parts.as_slice() {
        ["metadata" | "studies" | "series" | "instances", ..] => TEXTS,
        ["rendered" | "thumbnail", ..] => PICTURES,
        [_, "frames", ..] => OCTETS,
        _ if path.contains("/bulk") => OCTETS,
        [_, "studies" | "series" | "instances", ..] => OBJECTS,
        _ => &["*/*"],
    }
}

/// What hangs below a study, a series or an instance.
fn below(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.rsplit('/').collect();
    let level: &[&str] = match parts.as_slice() {
        [_, "studies", ..] => {
            &["/series", "/instances", "/series?includefield=all", "/instances?includefield=all"]
        }
        [_, "series", _, "studies", ..] => &["/instances", "/instances?includefield=all"],
        [_, "instances", _, "series", _, "studies", ..] => &[
            "/frames/1",
            "/frames/1,2",
            "/frames/0",
            "/frames/9/rendered",
            "/frames/1/rendered",
            "/frames/1/thumbnail",
        ],
        _ => return Vec::new(),
    };
    let all = ["", "/metadata", "/rendered", "/thumbnail", "/nothing"];
    all.iter().chain(level).map(|end| format!("{path}{end}")).collect()
}

impl<'a> Crawl<'a> {
    pub fn new(address: &'a str, headers: &[(&str, &str)]) -> Crawl<'a> {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let (queue, seen, asked) = (VecDeque::new(), BTreeSet::new(), 0);
        Crawl { address, headers, queue, seen, asked, statuses: BTreeMap::new(), strangers: BTreeSet::new() }
    }

    /// Ask this too, once.
    pub fn push(&mut self, ask: Ask) {
        if self.seen.insert(ask.clone()) {
            self.queue.push_back(ask);
        }
    }

    /// Ask until nothing new is mentioned, or so many times; the number of requests so far.
    pub fn run(&mut self, most: usize, search: &mut Search) -> usize {
        while let Some(ask) = self.queue.pop_front().filter(|_| self.asked < most) {
            self.asked += 1;
            let answer = self.send(&ask);
            *self.statuses.entry(answer.status).or_default() += 1;
            self.look(&ask, &answer, search);
            for target in self.links(&answer) {
                self.follow(&target);
            }
        }
        self.asked
    }

    fn send(&self, ask: &Ask) -> Response {
        let mut request = Request::new(&ask.method, &ask.target).header("Accept", &ask.accept);
        request.headers.extend(self.headers.iter().cloned());
        request.send(self.address).unwrap_or_else(|error| panic!("{ask:?}: {error}"))
    }

    fn look(&self, ask: &Ask, answer: &Response, search: &mut Search) {
        let place = format!("{} {} ({}) -> {}", ask.method, ask.target, ask.accept, answer.status);
        let headers: String =
            answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        search.look(&format!("headers of {place}"), headers.as_bytes());
        search.look(&place, &answer.body);
    }

    /// Everything at a mentioned place, in every form.
    fn follow(&mut self, target: &str) {
        let resources = [vec![target.to_owned()], below(target)].concat();
        for target in resources {
            for accept in accepts(target.split('?').next().unwrap_or_default()) {
                self.push(Ask::new("GET", &target, accept));
            }
            self.push(Ask::new("OPTIONS", &target, "application/json"));
        }
    }

    /// Paths and queries of this server that an answer mentions, in its headers (Location, Link, Content-Location) or its
    /// body. Other servers' are set aside.
    fn links(&mut self, answer: &Response) -> BTreeSet<String> {
        let headers: Vec<&str> = answer.headers.iter().map(|(_, value)| value.as_str()).collect();
        let body = String::from_utf8_lossy(&answer.body);
        let own = format!("http://{}", self.address);
        let mut out = BTreeSet::new();
        for text in [&headers.join("\n"), body.as_ref()] {
            for (at, _) in text.match_indices("http") {
                let url =
                    text[at..].split(|end: char| !end.is_ascii_graphic() || "\"<>\\,;'".contains(end)).next();
                let url = url.unwrap_or_default().replace("&amp;", "&");
                match url.strip_prefix(&own) {
                    Some(target) if target.starts_with('/') => drop(out.insert(target.to_owned())),
                    Some(_) => {}
                    None if url.contains("://") => drop(self.strangers.insert(url)),
                    None => {}
                }
            }
        }
        out
    }
}
