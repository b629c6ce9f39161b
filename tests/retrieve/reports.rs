//! Structured reports as text (PS3.18 8.7.4, category Text): what `/rendered` and the URI service make of them, and of what
//! stands beside them in a study.

use super::{Pushed, get, parts, put};
use crate::support::build::{Element, Length, Part10, bytes, sequence, text};
use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::{samples, syntax};

/// What browsers send.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

const COMPREHENSIVE: &str = "1.2.840.10008.5.1.4.1.1.88.33";

/// A server whose profile keeps what reports say; not for real use, for names in free text pass.
fn keeping() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (profile, settings) = (folder.path().join("keep.toml"), folder.path().join("veilgate.toml"));
    let rules: String = ["ContentSequence", "TextValue", "ConceptNameCodeSequence"]
        .iter()
        .map(|keyword| format!("[[rule]]\nkeyword = \"{keyword}\"\naction = \"keep\"\n"))
        .collect();
    std::fs::write(&profile, format!("name = \"t\"\nbase = \"basic\"\nburned_in = \"pass\"\n{rules}"))
        .unwrap();
    std::fs::write(&settings, format!("profile = '{}'\n", profile.display())).unwrap();
    (Server::with(&["--config", settings.to_str().unwrap()]), folder)
}

fn code(tag: (u16, u16), meaning: &str) -> Element {
    let item = vec![
        text((0x0008, 0x0100), b"SH", "C1"),
        text((0x0008, 0x0102), b"SH", "99T"),
        text((0x0008, 0x0104), b"LO", meaning),
    ];
    sequence(tag, Length::Defined, vec![item])
}

/// A report in the study and series of the samples, in Latin 1.
fn report(number: u32) -> Vec<u8> {
    let said = vec![
        text((0x0040, 0xa010), b"CS", "CONTAINS"),
        text((0x0040, 0xa040), b"CS", "TEXT"),
        code((0x0040, 0xa043), "Finding"),
        bytes((0x0040, 0xa160), b"UT", b"<script>alert(1)</script> gr\xF6\xDFer"),
    ];
    let section = vec![
        text((0x0040, 0xa010), b"CS", "CONTAINS"),
        text((0x0040, 0xa040), b"CS", "CONTAINER"),
        code((0x0040, 0xa043), "Findings"),
        sequence((0x0040, 0xa730), Length::Undefined, vec![said]),
    ];
    let mut elements = samples::identified(COMPREHENSIVE, "SR", number);
    elements.retain(|element| element.tag != (0x0008, 0x0005));
    elements.extend([
        text((0x0008, 0x0005), b"CS", "ISO_IR 100"),
        text((0x0040, 0xa040), b"CS", "CONTAINER"),
        code((0x0040, 0xa043), "Imaging Report"),
        text((0x0040, 0xa491), b"CS", "COMPLETE"),
        text((0x0040, 0xa493), b"CS", "UNVERIFIED"),
        sequence((0x0040, 0xa730), Length::Defined, vec![section]),
    ]);
    Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

fn kind(answer: &Response) -> &str {
    answer.header("content-type").unwrap_or_default()
}

#[test]
fn rend_02_a_report_is_html_plain_text_or_xml() {
    let (server, _folder) = keeping();
    let one = put(&server, &report(3));
    let target = format!("{}/rendered", one.path);
    for (accept, expected) in [
        (BROWSER, "html"),
        ("*/*", "html"),
        ("text/*", "html"),
        ("text/html", "html"),
        ("text/plain", "plain"),
        ("text/xml", "xml"),
        ("image/jpeg, text/xml;q=0.5", "xml"),
    ] {
        let answer = get(&server, &target, accept);
        assert_eq!(
            (answer.status, kind(&answer)),
            (200, &*format!("text/{expected}; charset=utf-8")),
            "{accept}"
        );
        let text = answer.text();
        assert!(text.contains("Imaging Report") && text.contains("gr\u{f6}\u{df}er"), "{accept}: {text}");
        assert!(!text.contains("Rigpatient") && !text.contains("RIG-0001"), "no attribute of the patient");
        assert_eq!(text.contains("<script"), expected == "plain", "{accept}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let page = get(&server, &target, "text/html").text();
    assert!(page.contains("<h1>Imaging Report</h1>\n<p>Completion: COMPLETE</p>"), "{page}");
    assert!(page.contains("<h2>Findings</h2>\n<div>\n<p><b>Finding</b>: <span>&lt;script&gt;"), "{page}");
    let asked = get(&server, &format!("{target}?accept=text/plain&viewport=10,10"), "*/*");
    assert_eq!((asked.status, kind(&asked)), (200, "text/plain; charset=utf-8"));
}

#[test]
fn rend_02_what_cannot_be_made_of_an_instance_is_told_with_what_can() {
    let (server, _folder) = keeping();
    let (report, image) =
        (put(&server, &report(3)), put(&server, &samples::ct(syntax::EXPLICIT_LE, 1).write()));
    let target = |one: &Pushed| format!("{}/rendered", one.path);
    let refused = get(&server, &target(&report), "image/jpeg");
    let told = refused.text();
    assert!(refused.status == 406 && told.contains("available: text/html, text/plain, text/xml"), "{told}");
    assert_eq!(get(&server, &target(&report), "application/pdf").status, 406);
    assert_eq!(get(&server, &format!("{}/frames/1/rendered", report.path), "*/*").status, 406);
    assert_eq!(get(&server, &format!("{}/thumbnail", report.path), "*/*").status, 406);
    for accept in ["text/html", "text/plain", "text/xml", "text/*"] {
        assert_eq!(get(&server, &target(&image), accept).status, 406, "{accept}");
    }
    let picture = get(&server, &target(&image), BROWSER);
    assert_eq!((picture.status, kind(&picture)), (200, "image/jpeg"), "a browser still gets the picture");
    let document = put(&server, &samples::pdf().write());
    assert_eq!(kind(&get(&server, &target(&document), BROWSER)), "application/pdf");
}

#[test]
fn rend_02_of_a_study_pictures_and_reports_come_as_the_client_takes_them() {
    let (server, _folder) = keeping();
    let image = put(&server, &samples::ct(syntax::EXPLICIT_LE, 1).write());
    put(&server, &report(3));
    put(&server, &samples::pdf().write());
    let kinds = |accept: &str| {
        let answer = get(&server, &format!("{}/rendered", image.study()), accept);
        assert_eq!(answer.status, 200, "{accept}: {}", answer.text());
        let mut kinds: Vec<String> =
            parts(&answer).iter().map(|part| part.header("content-type").unwrap().to_owned()).collect();
        kinds.sort();
        kinds
    };
    let (jpeg, html) = ("multipart/related; type=\"image/jpeg\"", "multipart/related; type=\"text/html\"");
    let page = "text/html; charset=utf-8";
    assert_eq!(kinds("*/*"), ["application/pdf", "image/jpeg", page]);
    assert_eq!(kinds(jpeg), ["image/jpeg"]);
    assert_eq!(kinds(html), [page]);
    assert_eq!(kinds(&format!("{jpeg}, {html};q=0.1")), ["image/jpeg", page]);
    assert_eq!(kinds("multipart/related; type=\"text/plain\""), ["text/plain; charset=utf-8"]);
    for single in ["text/html", "image/jpeg"] {
        assert_eq!(get(&server, &format!("{}/rendered", image.series()), single).status, 406, "rend_09");
    }
}

#[test]
fn rend_02_the_uri_service_gives_reports_too() {
    let (server, _folder) = keeping();
    let one = put(&server, &report(3));
    for (more, expected) in
        [("", "html"), ("&contentType=text/html", "html"), ("&contentType=text/plain", "plain")]
    {
        let answer = get(&server, &format!("{}{more}", one.by_query()), "*/*");
        assert_eq!(
            (answer.status, kind(&answer)),
            (200, &*format!("text/{expected}; charset=utf-8")),
            "{more}"
        );
    }
    assert_eq!(get(&server, &format!("{}&contentType=image/jpeg", one.by_query()), "*/*").status, 406);
}

#[test]
fn what_the_profile_took_out_of_a_report_is_not_in_its_text() {
    let server = super::lenient();
    let one = put(&server, &samples::key_object().write());
    for accept in ["text/html", "text/plain", "text/xml"] {
        let answer = get(&server, &format!("{}/rendered", one.path), accept);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        assert!(text.contains("Comment") && !text.contains("Rigpatient"), "{text}");
    }
}
