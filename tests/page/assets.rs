//! The files of the page: policy, names of copies, compression; nothing in them comes from elsewhere.

use super::support::http::{Request, Response};
use super::support::server::Server;
use std::io::Read;

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::new("GET", path);
    let with = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    server.send_bare(headers.iter().fold(request, with))
}

/// Paths that a text refers to; none from the root, so that a proxy may put all of them below a prefix.
fn paths(text: &str) -> Vec<String> {
    assert!(!text.contains("\"/page/") && !text.contains("'/page/"), "a path from the root");
    let quoted =
        text.split(['"', '\'']).filter(|piece| piece.starts_with("page/") || piece.starts_with("./"));
    let mut paths: Vec<String> = quoted.map(|piece| format!("/{}", piece.replace("./", "page/"))).collect();
    paths.retain(|path| path.ends_with(".js") || path.ends_with(".css") || path.ends_with(".svg"));
    paths
}

/// Every file that the page leads to, with its path.
fn all(server: &Server) -> Vec<(String, Response)> {
    let (mut found, mut open) = (Vec::new(), vec!["/".to_owned()]);
    while let Some(path) = open.pop() {
        if found.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let answer = get(server, &path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        if path != "/page/vue.js" {
            open.extend(paths(&answer.text()));
        }
        found.push((path, answer));
    }
    found
}

#[test]
fn every_file_comes_under_a_strict_policy_with_its_own_name() {
    let server = Server::start();
    let files = all(&server);
    assert!(files.len() >= 14, "{} files", files.len());
    for (path, answer) in &files {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"),
            "{path}: {policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let kind = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
    }
    let etags: std::collections::HashSet<_> =
        files.iter().map(|(_, answer)| answer.header("etag").unwrap()).collect();
    assert_eq!(etags.len(), files.len());
}

#[test]
fn a_copy_that_is_still_right_is_not_sent_again() {
    let server = Server::start();
    let first = get(&server, "/page/page.js", &[]);
    let etag = first.header("etag").unwrap();
    assert!(etag.starts_with('"') && etag.len() == 66, "a strong name from SHA-256: {etag}");
    assert_eq!(first.header("cache-control"), Some("public, no-cache"));
    for name in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = get(&server, "/page/page.js", &[("If-None-Match", &name)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag)), "{name}");
    }
    assert_eq!(get(&server, "/page/page.js", &[("If-None-Match", "\"x\"")]).status, 200);
}

#[test]
fn files_are_compressed_for_whoever_takes_that_under_another_name() {
    let server = Server::start();
    let plain = get(&server, "/page/vue.js", &[]);
    assert_eq!(plain.header("content-encoding"), None);
    let gzip = get(&server, "/page/vue.js", &[("Accept-Encoding", "br, gzip;q=0.8")]);
    assert_eq!(
        (gzip.header("content-encoding"), gzip.header("vary")),
        (Some("gzip"), Some("Accept-Encoding"))
    );
    assert_ne!(gzip.header("etag"), plain.header("etag"));
    assert!(gzip.body.len() * 2 < plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(gzip.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain.body);
    for refused in ["br", "gzip;q=0", ""] {
        let answer = get(&server, "/page/vue.js", &[("Accept-Encoding", refused)]);
        assert_eq!(answer.header("content-encoding"), None, "{refused}");
    }
}

#[test]
fn nothing_inline_nothing_from_elsewhere_and_vue_has_its_licence_beside_it() {
    let server = Server::start();
    let licence = get(&server, "/page/vue.LICENSE.txt", &[]).text();
    assert!(licence.starts_with("The MIT License (MIT)") && licence.contains("Evan"));
    for (path, answer) in all(&server) {
        let text = answer.text();
        if path == "/" {
            assert_eq!(text.matches("<script").count(), text.matches("<script type=\"module\" src=").count());
            assert!(!text.contains("<style") && !text.contains("style=") && !text.contains(" on"), "{text}");
        }
        if path == "/page/vue.js" {
            continue;
        }
        assert!(!text.contains("eval(") && !text.contains("innerHTML"), "{path}");
        for at in ["http://", "https://", "localStorage"] {
            let ours = text.matches("http://www.w3.org/").count();
            let found = text.matches(at).count();
            assert!(found == 0 || (at == "http://" && found == ours), "{path} names {at}");
        }
    }
    assert_eq!(get(&server, "/page/none.js", &[]).status, 404);
    assert_eq!(server.send_bare(Request::new("POST", "/")).status, 405);
}
