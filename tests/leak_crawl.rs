//! A mark in every attribute of a study at the origin; every URL the gateway mentions is asked for in every form; no mark of an
//! attribute that the profile hides comes out: not in an answer, a header, the log, the audit, or a file on disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod leak;
mod pulled;
mod stow;
mod support;

use leak::Search;
use leak::crawl::{Ask, Crawl};
use leak::plant::{self, Study};
use pulled::{Origin, Pulled};
use support::rig;
use support::syntax;

/// Where a crawl begins: what a client knows without being told.
fn begin(crawl: &mut Crawl) {
    for level in ["/studies", "/series", "/instances"] {
        for query in [
            "",
            "?includefield=all",
            "?includefield=all&limit=1&offset=1",
            "?limit=0",
            "?fuzzymatching=true&PatientName=a",
        ] {
            for accept in
                ["application/dicom+json", "multipart/related; type=\"application/dicom+xml\"", "*/*"]
            {
                crawl.push(Ask::new("GET", &format!("/dicom-web{level}{query}"), accept));
            }
        }
    }
}

/// What must be refused, with what the asker knows of the patient in it: the answer must not repeat it, nor the log.
fn provoke(crawl: &mut Crawl) {
    let instance = plant::path(0);
    let study = instance.split("/series").next().unwrap();
    let places = ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulk/00420011", "/frames/x"];
    let known = places.iter().map(|place| format!("{instance}{place}"));
    let queries = [
        "PatientName=Mark%5EN000001",
        "PatientID=*Mark*",
        "00100020=Mark%20000001&includefield=all",
        "StudyDate=10000615-99990615",
        "AccessionNumber=Mark%20000007",
        "NoSuchKeyword=Mark%20000007",
        "limit=Mark",
        "StudyDate=Mark",
        "includefield=Mark%20000007",
    ];
    let queries = queries.iter().map(|query| format!("/studies?{query}"));
    let rest = [study, "/studies/Mark%20000001/metadata", "/studies/1.2.3.4", "/studies/00", "/nowhere"];
    let rest = rest.iter().map(|path| path.to_string());
    for target in known.chain(queries).chain(rest).chain([format!("{study}/metadata")]) {
        for accept in ["application/dicom+json", "image/png", "text/plain;q=x", "multipart/related"] {
            crawl.push(Ask::new("GET", &format!("/dicom-web{target}"), accept));
        }
        for method in ["PUT", "DELETE", "POST", "PATCH", "OPTIONS"] {
            crawl.push(Ask::new(method, &format!("/dicom-web{target}"), "*/*"));
        }
    }
    let uids: Vec<&str> = instance.split('/').skip(2).step_by(2).collect();
    let by_query = format!("studyUID={}&seriesUID={}&objectUID={}", uids[0], uids[1], uids[2]);
    crawl.push(Ask::get(&format!("/wado?requestType=WADO&{by_query}")));
    crawl.push(Ask::get("/wado?requestType=WADO"));
}

/// What the gateway tells of itself and of its caller.
fn about(crawl: &mut Crawl) {
    for path in [
        "/health",
        "/ready",
        "/metrics",
        "/v1/usage",
        "/v1/audit",
        "/v1/audit?limit=1000",
        "/v1/audit/export",
    ] {
        crawl.push(Ask::get(path));
    }
    crawl.push(Ask::get("/.well-known/veilgate-audit-key"));
    crawl.push(Ask::get("/v1/audit/entries/1/receipt"));
    crawl.push(Ask::new("POST", "/v1/audit/checkpoint", "*/*"));
    crawl.push(Ask::new("OPTIONS", "/dicom-web", "application/vnd.sun.wadl+xml"));
}

/// WADO-URI of each instance the gateway knows.
fn by_query(pulled: &Pulled, crawl: &mut Crawl) {
    for instance in pulled.found("/instances") {
        let [study, series, uid] =
            ["0020000D", "0020000E", "00080018"].map(|tag| pulled::value(&instance, tag));
        let target = format!("/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={uid}");
        crawl.push(Ask::get(&target));
        crawl.push(Ask::get(&format!("{target}&contentType=application/dicom&transferSyntax=*")));
        crawl.push(Ask::get(&format!("{target}&contentType=image/png")));
    }
}

/// The log and all files.
fn at_rest(pulled: &Pulled, search: &mut Search) {
    search.look("the log", pulled.server.said().as_bytes());
    for (path, bytes) in pulled.files() {
        search.look(&format!("the file {}", path.display()), &bytes);
    }
}

/// More requests than there are resources: the gateway's crawl ends by itself.
const MOST: usize = 20_000;

/// Opens the metrics.
const TOKEN: &str = "a token for the metrics of tests";

/// The encodings of a data set.
const ALL: [&str; 5] =
    [syntax::EXPLICIT_LE, syntax::IMPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE, syntax::RLE];

fn crawls(origin: Origin, encodings: &[&str]) {
    let settings = [("VEILGATE_LOG_LEVEL", "trace"), ("VEILGATE_METRICS_TOKEN", TOKEN)];
    let Some(pulled) = origin.start("pass.toml", &settings) else { return };
    let Study { instances, marks } = plant::study(encodings);
    pulled.hold(&instances);
    let mut search = Search::new(marks);
    let mut crawl = Crawl::new(
        pulled.server.address(),
        &[("X-API-Key", &pulled.server.key), ("Authorization", &format!("Bearer {TOKEN}"))],
    );
    begin(&mut crawl);
    by_query(&pulled, &mut crawl);
    provoke(&mut crawl);
    crawl.run(MOST, &mut search);
    about(&mut crawl);
    let requests = crawl.run(MOST, &mut search);
    at_rest(&pulled, &mut search);
    let (leaked, lost) = (search.found(|mark| mark.secret), search.lost(|mark| !mark.secret));
    println!(
        "{origin:?}: {requests} requests, {} bytes searched; of {} marks to hide {} found, of {} others {}; {:?}",
        search.bytes,
        search.planted(|mark| mark.secret),
        leaked.len(),
        search.planted(|mark| !mark.secret),
        search.found(|mark| !mark.secret).len(),
        crawl.statuses,
    );
    assert!(leaked.is_empty(), "{} leaked:\n{}", leaked.len(), leaked.join("\n"));
    // What the profile keeps comes out: a search that finds nothing at all would prove nothing.
    assert!(lost.is_empty(), "{} not found: {}", lost.len(), lost.join("; "));
    assert!(requests > 500 && requests < MOST, "{requests} requests");
    assert!(crawl.statuses.keys().all(|status| *status < 500), "{:?}", crawl.statuses);
    // The standard's own, what was planted, and the namespace of the capabilities.
    let names = ["http://dicom.nema.org/", "http://mark.example/", "http://wadl.dev.java.net/2009/02"];
    let known = |url: &&String| !names.iter().any(|name| url.starts_with(name));
    let strangers: Vec<&String> = crawl.strangers.iter().filter(known).collect();
    assert!(strangers.is_empty(), "links that lead elsewhere: {strangers:?}");
}

#[test]
fn nothing_that_was_planted_comes_out_of_the_archive() {
    crawls(Origin::Archive, &ALL);
}

#[test]
fn nothing_that_was_planted_comes_through_the_veil() {
    // Others are the origin's to read, and with so many attributes each answer of its own takes it half a second.
    crawls(Origin::Veil, &[syntax::EXPLICIT_LE]);
}

#[test]
fn the_same_crawl_of_a_clinical_server_without_a_gateway_finds_all_that_was_planted() {
    let Some(orthanc) = rig::orthanc() else { return };
    let Study { instances, marks } = plant::study(&ALL);
    instances.iter().for_each(|instance| orthanc.keep(instance));
    let mut search = Search::new(marks);
    let mut crawl = Crawl::new(orthanc.address(), &[]);
    begin(&mut crawl);
    let document = format!("/dicom-web{}", plant::path(instances.len() - 1));
    crawl.push(Ask::new("GET", &document, &format!("{}; transfer-syntax=*", stow::RESPOND)));
    // It gives every small value by reference: thousands of URLs that tell nothing new.
    let requests = crawl.run(100, &mut search);
    let (bytes, lost) = (search.bytes, search.lost(|_| true));
    println!(
        "Orthanc: {requests} requests, {bytes} bytes searched; of {} marks {} not found",
        search.planted(|_| true),
        lost.len()
    );
    assert!(lost.is_empty(), "{} not found: {}", lost.len(), lost.join("; "));
}
