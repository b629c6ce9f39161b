//! The calls that clients of the vault make, unchanged but for the host, and their archive tools on what comes back.

use super::form::{self, Field};
use super::stow::{ct, large_ct};
use super::support::http::Response;
use super::support::rig;
use super::support::server::Server;
use std::path::Path;
use std::process::Command;

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The archive as an answer, for `form`.
fn archive(path: &Path) -> Response {
    Response { status: 200, headers: Vec::new(), body: std::fs::read(path).unwrap() }
}

/// Every archive tool there is finds the archive whole.
fn tools_read(path: &Path) {
    if let Some(mut unzip) = rig::tool("unzip") {
        assert!(succeeds(unzip.arg("-t").arg(path)).contains("No errors detected"));
    }
    if let Some(mut python) = rig::tool("python3") {
        let said = succeeds(python.args(["-m", "zipfile", "-t"]).arg(path));
        assert!(!said.contains("corrupted"), "{said}");
    }
}

#[test]
fn the_curl_line_of_its_readme_works() {
    let Some(mut curl) = rig::tool("curl") else { return };
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("scan1.dcm", ct(1)), ("large scan.dcm", large_ct(2, 3 << 20)), ("say \"aah\".dcm", ct(3))]
    {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    curl.current_dir(folder.path()).args(["-sS", "-X", "POST", "-D", "headers", "-o", "out.zip"]);
    curl.arg("-H").arg(format!("X-API-Key: {}", server.key));
    curl.args([
        "-F",
        "files=@scan1.dcm",
        "-F",
        "files=@large scan.dcm",
        "-F",
        "files=@\"say \\\"aah\\\".dcm\"",
    ]);
    succeeds(curl.arg(format!("{}/v1/anonymize", server.url)));
    let headers = std::fs::read_to_string(folder.path().join("headers")).unwrap().to_lowercase();
    assert!(headers.contains("x-files-processed: 3"), "{headers}");
    let out = folder.path().join("out.zip");
    assert_eq!(form::names(&archive(&out)), ["scan1.dcm", "large scan.dcm", "say _aah_.dcm"]);
    tools_read(&out);
}

#[test]
fn curl_stops_on_an_error_whose_detail_it_can_show() {
    let Some(mut curl) = rig::tool("curl") else { return };
    let server = Server::start();
    let said = succeeds(
        curl.args(["-sS", "-w", "\n%{http_code}", "-F", "files=@Cargo.toml", "-H"])
            .arg(format!("X-API-Key: {}", server.key))
            .arg(format!("{}/v1/anonymize", server.url)),
    );
    let (body, status) = said.rsplit_once('\n').unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(status, "422");
    assert!(body["detail"].as_str().unwrap().starts_with("1 refused"), "{body}");
    assert!(!body.to_string().contains("Cargo"), "{body}");
}

#[test]
fn archive_tools_read_every_kind_of_compression() {
    let folder = tempfile::tempdir().unwrap();
    let fields = [
        Field::file("\u{e9}tude/a.dcm", large_ct(1, 2_500_000)),
        Field::file("\u{e9}tude/b.dcm", ct(2)),
        Field::file("c", ct(3)),
    ];
    for compression in ["stored", "fast", "best"] {
        let server =
            Server::on(&folder.path().join(compression), &[], &[("VEILGATE_VAULT_COMPRESSION", compression)]);
        let path = folder.path().join(format!("{compression}.zip"));
        std::fs::write(&path, server.send(form::upload(&fields)).body).unwrap();
        tools_read(&path);
        assert_eq!(form::names(&archive(&path)), ["\u{e9}tude/a.dcm", "\u{e9}tude/b.dcm", "c"]);
    }
}

#[test]
fn the_requests_library_is_understood() {
    let Some(python) = rig::python() else { return };
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.dcm"), ct(1)).unwrap();
    std::fs::write(folder.path().join("client.py"), REQUESTS).unwrap();
    let mut run = Command::new(python);
    run.current_dir(folder.path()).args(["client.py", &server.url, &server.key]);
    let said = succeeds(&mut run);
    assert_eq!(said.trim(), "200 2 application/zip out/in.dcm out/a/\u{756b} _b_.dcm manifest.json");
}

const REQUESTS: &str = r#"import io, sys, zipfile, requests
sys.stdout.reconfigure(encoding="utf-8")
files = [("files", open("in.dcm", "rb")), ("files", ("a/\u756b \"b\".dcm", open("in.dcm", "rb"), "application/dicom"))]
answer = requests.post(sys.argv[1] + "/v1/anonymize", headers={"X-API-Key": sys.argv[2]}, files=files, data={"note": "x"})
names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
print(answer.status_code, answer.headers["X-Files-Processed"], answer.headers["Content-Type"], *names)
"#;

/// What Python's own libraries send: parts in the order of a dictionary, CRLF, names of other scripts in `filename*`.
#[test]
fn a_python_client_of_the_standard_library_is_understood() {
    let Some(mut python) = rig::tool("python3") else { return };
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.dcm"), ct(1)).unwrap();
    std::fs::write(folder.path().join("client.py"), CLIENT).unwrap();
    python.current_dir(folder.path()).args(["client.py", &server.url, &server.key]);
    let said = succeeds(&mut python);
    assert_eq!(said.trim(), "200 2 0 0 out/plain.dcm out/\u{e9}t\u{e9}.dcm manifest.json");
}

const CLIENT: &str = r#"import io, sys, urllib.request, zipfile
sys.stdout.reconfigure(encoding="utf-8")
data = open("in.dcm", "rb").read()
body = b""
for disposition in ('name="note"', 'name="files"; filename="plain.dcm"', "name=\"files\"; filename*=utf-8''%C3%A9t%C3%A9.dcm"):
    body += b"--b0undary\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"
body += b"--b0undary--\r\n"
request = urllib.request.Request(sys.argv[1] + "/v1/anonymize", data=body, method="POST")
request.add_header("Content-Type", "multipart/form-data; boundary=b0undary")
request.add_header("X-API-Key", sys.argv[2])
with urllib.request.urlopen(request) as answer:
    counts = [answer.headers["X-Files-" + name] for name in ("Processed", "Failed", "Rejected-BurnedIn")]
    names = zipfile.ZipFile(io.BytesIO(answer.read())).namelist()
    print(answer.status, *counts, *names)
"#;
