//! Marks in every attribute of a study, and in whatever else a client can put into a request: pushed and pulled, refused and
//! malformed. None of them stands in the metrics, in the log (text or JSON, at the level debug), in the names of requests or in
//! the spans of their traces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "otlp")]

mod leak;
mod pulled;
mod stow;
mod support;
mod watch;

#[path = "watch/collector.rs"]
mod collector;

use collector::Collector;
use leak::marks::{Mark, of_file};
use leak::{Search, plant};
use pulled::{Origin, Pulled, value};
use stow::double::{Double, Manner};
use stow::{RESPOND, burned_in, ct, push, push_parts};
use support::http::{Request, Response};
use support::multipart::{Part, write};
use support::server::Server;
use support::syntax;
use watch::{TOKEN, scrape};

/// What a client may know of a patient, in the places where it can put it.
const SAID: [&str; 4] =
    ["Plantedname^Paula", "PLANTED-ID-4711", "1.2.826.0.1.3680043.9.7777.4711.1", "Planted Words"];

fn said() -> Vec<Mark> {
    let mark = |text: &&str| Mark::new(format!("`{text}` in a request"), true, *b"LT", text.as_bytes());
    SAID.iter().map(mark).collect()
}

/// A request with marks in its headers.
fn marked(request: Request) -> Request {
    let [name, id, uid, words] = SAID;
    request
        .header("X-Request-Id", id)
        .header("traceparent", &format!("00-{uid}-{id}-01"))
        .header("tracestate", &format!("rig={id}"))
        .header("User-Agent", words)
        .header("Referer", &format!("http://{id}/{uid}"))
        .header("X-Forwarded-For", id)
        .header("Cookie", &format!("patient={name}"))
        .header("Baggage", &format!("patient={name}"))
}

/// Requests that must not be served, or not as they are, with marks wherever one fits.
fn provoke(send: &dyn Fn(Request) -> Response) {
    let [name, id, uid, words] = SAID;
    let escaped = words.replace(' ', "%20");
    for target in [
        format!("/dicom-web/studies/{uid}"),
        format!("/dicom-web/studies/{uid}/metadata"),
        format!("/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/frames/{id}"),
        format!("/dicom-web/studies?PatientName={name}&PatientID={id}"),
        format!("/dicom-web/studies?{id}={escaped}"),
        format!("/dicom-web/studies?StudyDate={escaped}&limit={id}"),
        format!("/wado?requestType=WADO&studyUID={uid}&seriesUID={uid}&objectUID={uid}"),
        format!("/{id}/{escaped}"),
        format!("/v1/pseudonym?patient={id}"),
        format!("/v1/audit?after={id}"),
        format!("/v1/audit/entries/{id}/receipt"),
        format!("/page/{id}"),
        format!("/admin/v1/customers/{id}"),
        format!("/metrics/{id}"),
    ] {
        for method in ["GET", "POST", "DELETE", id] {
            send(marked(Request::new(method, &target)).header("Accept", &format!("application/{id}")));
        }
    }
    let post = |path: &str| marked(Request::new("POST", path));
    for media in ["application/dicom", "application/json", "multipart/related", id, words] {
        for path in
            ["/dicom-web/studies", "/v1/anonymize", "/api/deidentify", "/v1/preview", "/v1/reidentify"]
        {
            send(post(path).header("Content-Type", media).body(SAID.join("\n")));
        }
    }
    let form = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}/{id}.dcm\"\r\n\r\n{words}\r\n--XX--\r\n"
    );
    send(post("/v1/anonymize").header("Content-Type", "multipart/form-data; boundary=XX").body(form));
    let names = serde_json::json!({"uids": [uid], "patients": [{"patient_id": id}]}).to_string();
    send(post("/v1/pseudonym").header("Content-Type", "application/json").body(names));
    let boundary = format!("multipart/related; type=\"application/dicom\"; boundary=\"{id}\"");
    send(
        post("/dicom-web/studies")
            .header("Content-Type", &boundary)
            .body(format!("--{id}\r\n{words}: {name}\r\n")),
    );
}

/// The instances as they are, cut, and with bytes changed; as parts, alone, for preview.
fn mangle(send: &dyn Fn(Request) -> Response, instances: &[Vec<u8>]) {
    for (number, instance) in instances.iter().enumerate() {
        let cut = instance[..instance.len() * (number + 1) / (instances.len() + 1)].to_vec();
        let mut changed = instance.clone();
        changed.iter_mut().skip(400 + number).step_by(997).for_each(|byte| *byte ^= 0x55);
        for body in [cut, changed, instance.clone()] {
            send(push(std::slice::from_ref(&body)));
            send(push(std::slice::from_ref(&body)).header("Accept", RESPOND));
            let alone = |path: &str| Request::new("POST", path).header("Content-Type", "application/dicom");
            send(alone("/v1/preview").body(body.clone()));
            send(alone("/v1/preview/image").body(body.clone()));
            send(alone("/api/deidentify").body(body));
        }
    }
    let data_set = serde_json::json!([{
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": SAID[0]}]},
        "00100020": {"vr": "LO", "Value": [SAID[1]]},
        "0020000D": {"vr": "UI", "Value": [SAID[2]]},
        "00081030": {"vr": "??", "Value": [SAID[3]]},
    }]);
    let json = Part::new("application/dicom+json", data_set.to_string());
    let kind = "multipart/related; type=\"application/dicom+json\"; boundary=XX";
    let body = write(&[json], "XX", "\r\n");
    send(Request::new("POST", "/dicom-web/studies").header("Content-Type", kind).body(body));
    send(push_parts(&[Part::dicom(SAID.join(" ").into_bytes())]));
}

/// Everything in its ordinary forms, under the names that the gateway gave.
fn pull(pulled: &Pulled, send: &dyn Fn(Request) -> Response) {
    for instance in pulled.found("/instances?limit=3") {
        let [study, series, uid] = ["0020000D", "0020000E", "00080018"].map(|tag| value(&instance, tag));
        let place = format!("/dicom-web/studies/{study}/series/{series}/instances/{uid}");
        for end in ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulk/00420011"] {
            send(marked(Request::new("GET", &format!("{place}{end}"))));
        }
        send(marked(Request::new("GET", &format!("/dicom-web/studies/{study}"))));
    }
}

/// What the gateway told of its own working, once the collector has all of it.
fn told(server: &Server, collector: &Collector, ids: &str) -> Vec<(&'static str, Vec<u8>)> {
    collector.spans("POST /dicom-web/studies", 1);
    let metrics = scrape(server).0;
    // The next beat brings the last spans.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    vec![
        ("the metrics", metrics.into_bytes()),
        ("the log", server.said().into_bytes()),
        ("the names of requests", ids.as_bytes().to_vec()),
        ("the spans", collector.seen(|seen| seen.bodies.concat())),
        ("the heads of the spans' messages", collector.seen(|seen| seen.heads.concat().into_bytes())),
    ]
}

fn works(origin: Origin, format: &str, encodings: &[&str]) {
    let collector = Collector::start();
    let settings = [
        ("VEILGATE_LOG_LEVEL", "debug"),
        ("VEILGATE_LOG_FORMAT", format),
        ("VEILGATE_METRICS_TOKEN", TOKEN),
        ("VEILGATE_OTLP_ENDPOINT", collector.url.as_str()),
        ("VEILGATE_RATE_ENTERPRISE", "unlimited"),
    ];
    let Some(pulled) = origin.start("pass.toml", &settings) else { return };
    let plant::Study { instances, marks } = plant::study(encodings);
    let mut search = Search::new(marks.into_iter().chain(said()).collect());
    pulled.hold(&instances);
    let (ids, requests) = (std::cell::RefCell::new(String::new()), std::cell::Cell::new(0));
    let send = |request: Request| {
        let answer = pulled.server.send_bare(request.header("X-API-Key", &pulled.maker));
        requests.set(requests.get() + 1);
        ids.borrow_mut().push_str(answer.header("x-request-id").unwrap());
        ids.borrow_mut().push('\n');
        assert!(answer.status < 500 || answer.status == 503, "{}", answer.text());
        answer
    };
    pull(&pulled, &send);
    mangle(&send, &instances);
    provoke(&send);
    let told = told(&pulled.server, &collector, &ids.borrow());
    let spans = collector.seen(|seen| seen.spans.len());
    for (place, bytes) in &told {
        search.look(place, bytes);
    }
    println!(
        "{origin:?}, {format}: {} requests, {spans} spans, {} bytes searched",
        requests.get(),
        search.bytes
    );
    let leaked = search.found(|mark| mark.secret);
    assert!(leaked.is_empty(), "{} leaked:\n{}", leaked.len(), leaked.join("\n"));
    assert!(requests.get() > 100 && spans > requests.get(), "{} requests, {spans} spans", requests.get());
    let log = String::from_utf8_lossy(&told[1].1).into_owned();
    assert!(log.matches("request refused").count() > 50, "the log tells of refusals:\n{log}");
    // The same search finds them where they are.
    search.look("what was sent", &instances.concat());
    search.look("what was said", SAID.join("\n").as_bytes());
    assert!(search.found(|mark| mark.secret).len() > 2000);
}

#[test]
fn what_an_archive_tells_of_its_work_in_text_holds_no_mark() {
    works(Origin::Archive, "text", &[syntax::EXPLICIT_LE, syntax::DEFLATED_LE]);
}

#[test]
fn what_the_veil_tells_of_its_work_in_json_holds_no_mark() {
    works(Origin::Veil, "json", &[syntax::EXPLICIT_LE]);
}

#[test]
fn what_a_downstream_server_says_of_a_patient_is_told_nowhere() {
    let (collector, double) = (Collector::start(), Double::start(Manner::Text500));
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_LOG_LEVEL", "debug"),
        ("VEILGATE_LOG_FORMAT", "json"),
        ("VEILGATE_OTLP_ENDPOINT", collector.url.as_str()),
        ("VEILGATE_DESTINATION", "forward"),
        ("VEILGATE_DOWNSTREAM_URL", double.url.as_str()),
    ];
    let server = watch::start(folder.path(), &settings);
    let instances = [ct(1), burned_in(2)];
    let marks = instances.iter().flat_map(|instance| of_file("an instance", instance, &[]));
    let quoted = Mark::new("the server's text".to_owned(), true, *b"LT", b"Rigpatient^Rosa made me fail");
    let mut search = Search::new(marks.chain([quoted]).collect());
    let answer = server.send(push(&instances));
    let ids = answer.header("x-request-id").unwrap().to_owned();
    assert!(answer.status >= 400, "{}", answer.text());
    for (place, bytes) in told(&server, &collector, &ids) {
        search.look(place, &bytes);
    }
    let leaked = search.found(|_| true);
    assert!(leaked.is_empty(), "{} leaked:\n{}", leaked.len(), leaked.join("\n"));
    let client = collector.spans("POST", 1).remove(0);
    assert_eq!(collector::said(&client, "error.type").as_deref(), Some("refused"));
    assert!(search.planted(|_| true) > 10);
}
