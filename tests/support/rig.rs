//! Real components, started through the scripts of `tests/rigs` and ended when dropped.
//! Where one is not installed: outside CI the test is told so and skips; with `CI` set it fails.

use super::files::{self, File, rigs_home};
use super::http::{Request, Response};
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A throw-away Orthanc with DICOMweb.
pub struct Orthanc {
    /// `http://127.0.0.1:PORT/dicom-web`.
    pub url: String,
    pid: String,
    _folder: tempfile::TempDir,
}

/// Start Orthanc without authentication; None when it is missing and this is not CI.
pub fn orthanc() -> Option<Orthanc> {
    orthanc_with(&[])
}

/// Start Orthanc with further arguments of `start-orthanc.sh` (`--user NAME:PASSWORD`, `--server NAME URL HEADER`).
pub fn orthanc_with(arguments: &[&str]) -> Option<Orthanc> {
    let installed = have("Orthanc") && rigs_home().join("loopback_bind.so").is_file();
    if !installed {
        return missing("Orthanc");
    }
    // Between choosing a free port and using it another process may take it: try again on a new one.
    (0..5)
        .find_map(|_| start_orthanc(arguments))
        .or_else(|| panic!("Orthanc is installed but does not start"))
}

fn start_orthanc(arguments: &[&str]) -> Option<Orthanc> {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let mut command = Command::new(script("start-orthanc.sh"));
    let (url, pid) = ready(command.arg(&port).arg(folder.path()).args(arguments))?;
    Some(Orthanc { url, pid, _folder: folder })
}

impl Orthanc {
    /// host:port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").split('/').next().unwrap_or_default()
    }

    /// GET of a path below the DICOMweb root, such as `/studies`.
    pub fn get(&self, path: &str, accept: &str) -> Response {
        let request = Request::new("GET", &format!("/dicom-web{path}")).header("Accept", accept);
        request.send(self.address()).unwrap()
    }
}

impl Orthanc {
    /// Put an instance into it by its own API, not DICOMweb.
    pub fn keep(&self, instance: &[u8]) {
        let request = Request::new("POST", "/instances").body(instance);
        let answer = request.send(self.address()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Push all it holds, as a DICOMweb client, to the server it was started with under this name.
    pub fn push(&self, server: &str) -> Response {
        let studies = Request::new("GET", "/studies").send(self.address()).unwrap().json();
        self.order(server, "stow", &serde_json::json!({ "Resources": studies, "Synchronous": true }))
    }

    /// Have it ask that server, as a DICOMweb client: `stow`, `qido`, `get`, `retrieve`.
    pub fn order(&self, server: &str, what: &str, order: &serde_json::Value) -> Response {
        let request = Request::new("POST", &format!("/dicom-web/servers/{server}/{what}"));
        request.body(order.to_string()).send(self.address()).unwrap()
    }

    /// Every instance it holds.
    pub fn instances(&self) -> Vec<Vec<u8>> {
        let get = |path: &str| Request::new("GET", path).send(self.address()).unwrap();
        let ids = get("/instances").json();
        let ids = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap());
        ids.map(|id| get(&format!("/instances/{id}/file")).body).collect()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = Command::new(script("stop-rig.sh")).arg(&self.pid).output();
    }
}

/// A throw-away stand-in for Stripe; what it can do tells `stripe_front.py --help`.
pub struct StripeStand {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pid: String,
    _folder: tempfile::TempDir,
}

/// Start the stand-in for Stripe, which signs its events with `secret` and delivers them to `webhook`; None when Python
/// is missing and this is not CI.
pub fn stripe(webhook: &str, secret: &str) -> Option<StripeStand> {
    if !have("python3") || !have("curl") {
        return missing("python3 or curl");
    }
    (0..5)
        .find_map(|_| start_stripe(webhook, secret))
        .or_else(|| panic!("the stand-in for Stripe does not start"))
}

fn start_stripe(webhook: &str, secret: &str) -> Option<StripeStand> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(script("start-stripe-front.sh"));
    command.arg(free_port().to_string()).arg(folder.path()).args(["--webhook", webhook, secret, "--alone"]);
    let (url, pid) = ready(&mut command)?;
    Some(StripeStand { url, pid, _folder: folder })
}

impl StripeStand {
    /// Send with a test key and read the answer as JSON.
    pub fn ask(&self, method: &str, path: &str, content_type: &str, body: &str) -> serde_json::Value {
        let request = Request::new(method, path).header("Authorization", "Bearer sk_test_rig");
        let request = request.header("Content-Type", content_type).body(body);
        request.send(self.url.trim_start_matches("http://")).unwrap().json()
    }
}

impl Drop for StripeStand {
    fn drop(&mut self) {
        let _ = Command::new(script("stop-rig.sh")).arg(&self.pid).output();
    }
}

/// A throw-away PostgreSQL with one empty database.
pub struct Postgres {
    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/DATABASE`.
    pub url: String,
    port: String,
    pid: String,
    folder: tempfile::TempDir,
}

/// Start PostgreSQL as it runs in earnest: what is committed outlasts a kill -9. None when it is missing and this is not CI.
pub fn postgres() -> Option<Postgres> {
    let installed =
        std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    if !installed {
        return missing("PostgreSQL");
    }
    (0..5)
        .find_map(|_| {
            let (folder, port) = (tempfile::tempdir().unwrap(), free_port().to_string());
            let (url, pid) = start_postgres(folder.path(), &port)?;
            Some(Postgres { url, port, pid, folder })
        })
        .or_else(|| panic!("PostgreSQL is installed but does not start"))
}

fn start_postgres(folder: &Path, port: &str) -> Option<(String, String)> {
    ready(Command::new(script("start-postgres.sh")).arg(port).arg(folder).arg("--durable"))
}

impl Postgres {
    /// End it at once with all its processes, as a power cut would (kill -9), and start it again on its data.
    pub fn crash_and_restart(&mut self) {
        self.crash();
        self.restart();
    }

    /// End it at once with all its processes.
    pub fn crash(&self) {
        self.signal("KILL");
    }

    /// Let it answer nobody, as a machine does that hangs, until what is returned is dropped.
    pub fn freeze(&self) -> Frozen<'_> {
        self.signal("STOP");
        Frozen(self)
    }

    /// To it and to the processes of its connections; it is stopped first, so that it begins no other meanwhile.
    fn signal(&self, name: &str) {
        const SEND: &str = "kill -STOP $0 && children=$(cat /proc/$0/task/$0/children) && kill -$1 $0 && \
            { kill -$1 $children 2>/dev/null || true; }";
        let sent = Command::new("bash").args(["-c", SEND, &self.pid, name]).status().unwrap();
        assert!(sent.success(), "kill -{name} of PostgreSQL failed");
    }

    /// Start it again on its data.
    pub fn restart(&mut self) {
        let again = (0..20).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(500));
            start_postgres(self.folder.path(), &self.port)
        });
        self.pid = again.expect("PostgreSQL does not start again").1;
    }
}

/// A PostgreSQL that hangs.
pub struct Frozen<'a>(&'a Postgres);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new(script("stop-rig.sh")).arg(&self.pid).output();
    }
}

/// A throw-away S3 server with the empty bucket `rig`.
pub struct S3 {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Access key and secret that may do everything.
    pub key: (String, String),
    /// Access key and secret that may only read.
    pub reader: (String, String),
    pid: String,
    _folder: tempfile::TempDir,
}

/// What lies in a bucket.
#[derive(Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Keys of its objects.
    pub objects: Vec<String>,
    /// Keys of its unfinished uploads.
    pub uploads: Vec<String>,
}

/// Start an S3 server that verifies signatures and rights; None when it is missing and this is not CI.
pub fn s3() -> Option<S3> {
    if !s3_python().is_file() {
        return missing("moto");
    }
    (0..5).find_map(|_| start_s3()).or_else(|| panic!("moto is installed but does not start"))
}

fn s3_python() -> PathBuf {
    rigs_home().join("venv-s3/bin/python")
}

fn start_s3() -> Option<S3> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(script("start-s3.sh"));
    let (url, pid) = ready(command.arg(free_port().to_string()).arg(folder.path()))?;
    let keys = std::fs::read_to_string(folder.path().join("keys")).unwrap();
    let pair = |name: &str| {
        let found = keys.split_whitespace().find_map(|word| word.strip_prefix(name)).unwrap();
        let (id, secret) = found.split_once(':').unwrap();
        (id.to_owned(), secret.to_owned())
    };
    Some(S3 { url, key: pair("key="), reader: pair("reader="), pid, _folder: folder })
}

impl S3 {
    /// Look into the bucket with Amazon's own client.
    pub fn look(&self) -> Bucket {
        let mut command = Command::new(s3_python());
        command.arg(script("s3_look.py")).args([&self.url, &format!("{}:{}", self.key.0, self.key.1), "rig"]);
        let output = command.output().unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("s3_look.py: {}", String::from_utf8_lossy(&output.stderr)));
        let objects = seen["objects"].as_object().unwrap().keys().cloned().collect();
        let uploads = seen["uploads"].as_array().unwrap().iter();
        Bucket { objects, uploads: uploads.map(|key| key.as_str().unwrap().to_owned()).collect() }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = Command::new(script("stop-rig.sh")).arg(&self.pid).output();
    }
}

/// Run a start script; the address and process of its ready line, None when it failed.
fn ready(command: &mut Command) -> Option<(String, String)> {
    let output = command.output().unwrap();
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let pid = line.split("pid=").nth(1)?.split_whitespace().next()?.to_owned();
    let url = line.split_whitespace().find(|word| word.contains("://"))?.to_owned();
    Some((url, pid))
}

/// The rigs' Python with dicomweb-client and pydicom; None when it is missing and this is not CI.
pub fn python() -> Option<PathBuf> {
    let python = rigs_home().join("venv/bin/python");
    if python.is_file() { Some(python) } else { missing("the Python environment") }
}

/// The reference Python client on a DICOMweb root: `store FILE...`, `search`, `retrieve STUDY DIR` (see
/// `tests/rigs/reference_client.py`), with an API key; its JSON answer and exit code. None when it is missing and this is
/// not CI.
pub fn dicomweb_client(
    command: &str,
    url: &str,
    key: &str,
    arguments: &[&OsStr],
) -> Option<(serde_json::Value, i32)> {
    let mut run = Command::new(python()?);
    run.arg(script("reference_client.py")).args([command, url]).args(arguments);
    let output = run.env("DICOMWEB_KEY", key).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("reference_client.py: {}", String::from_utf8_lossy(&output.stderr)));
    Some((answer, output.status.code().unwrap_or(-1)))
}

/// What it takes to drive pages in a browser.
pub struct Browser {
    /// Folder of the npm packages.
    pub packages: PathBuf,
    chromium: PathBuf,
    node: PathBuf,
}

/// The browser, with these files of npm packages; None when a piece of it is missing and this is not CI.
pub fn browser(more: &[&str]) -> Option<Browser> {
    let (home, chromium) = (rigs_home(), PathBuf::from("/usr/bin/chromium"));
    let (packages, node) = (home.join("npm/node_modules"), home.join("venv/bin/node"));
    let driver = ["playwright-core/package.json"];
    let packaged = driver.iter().chain(more).map(|file| packages.join(file));
    match packaged.chain([chromium.clone(), node.clone()]).find(|piece| !piece.is_file()) {
        Some(piece) => missing(&piece.display().to_string()),
        None => Some(Browser { packages, chromium, node }),
    }
}

impl Browser {
    /// Drive it with a script beside this as this plan says, its files in `folder`; the result.
    pub fn run(&self, driver: &str, mut plan: serde_json::Value, folder: &Path) -> serde_json::Value {
        plan["packages"] = self.packages.display().to_string().into();
        plan["chromium"] = self.chromium.display().to_string().into();
        let path = folder.join("plan.json");
        std::fs::write(&path, plan.to_string()).unwrap();
        let output = Command::new(&self.node).arg(script(driver)).arg(path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{driver}, its files in {}: {said}", folder.display());
        eprintln!("{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Files of `make-dicom.py` with these arguments, by name; None when Python is missing and this is not CI.
pub fn made(arguments: &[&str]) -> Option<Vec<File>> {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new(python()?);
    let output = run.arg(script("make-dicom.py")).arg(folder.path()).args(arguments).output().unwrap();
    assert!(output.status.success(), "make-dicom.py: {}", String::from_utf8_lossy(&output.stderr));
    Some(files::read(folder.path()))
}

/// A command of the system, such as `dcmdump`; None when it is missing and this is not CI.
pub fn tool(name: &str) -> Option<Command> {
    if have(name) { Some(Command::new(name)) } else { missing(name) }
}

/// A script of `tests/rigs`.
pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rigs").join(name)
}

/// A port nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn have(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(name).is_file())
}

/// None, told so; with `CI` set a failure.
pub fn missing<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what} is missing: run tests/rigs/install.sh");
    eprintln!("skipped: {what} is missing (tests/rigs/install.sh brings it)");
    None
}
