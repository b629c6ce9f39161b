//! The built binary as a child process that serves on a free loopback port, ended when dropped.

use super::http::{Request, Response};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How long a start may take before the test fails.
const START: Duration = Duration::from_secs(60);

/// A running `veilgate serve`.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`, or `https` under TLS, taken from the ready line.
    pub url: String,
    /// The first API key, from `first-api-key` in the data folder.
    pub key: String,
    data: PathBuf,
    said: Said,
    // Held so that the folder lives as long as the server.
    _folder: Option<tempfile::TempDir>,
}

/// Both outputs of a child, line by line, as far as they came.
type Said = Arc<Mutex<String>>;

impl Server {
    /// With a data folder of its own and no configuration.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// With a data folder of its own and these further arguments of `serve`.
    pub fn with(arguments: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::on(&folder.path().join("data"), arguments, &[]);
        server._folder = Some(folder);
        server
    }

    /// On a given data folder (a second start on the same one, for crash tests), with environment settings.
    pub fn on(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
        if let Some(url) = postgres_for(data) {
            command.env("VEILGATE_DATABASE", url).env_remove("VEILGATE_TEST_DATABASE");
        }
        command.envs(environment.iter().copied()).current_dir(data.parent().unwrap_or(data));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Said::default();
        let lines = pump(&mut child, &said);
        let url = wait_ready(&mut child, &lines);
        let key = std::fs::read_to_string(data.join("first-api-key")).unwrap_or_default().trim().to_owned();
        Server { child, url, key, data: data.to_owned(), said, _folder: None }
    }

    /// host:port.
    pub fn address(&self) -> &str {
        self.url.split("://").nth(1).unwrap_or_default()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it wrote to both outputs so far: its log.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// What it wrote, once that holds this text so many times; its lines come a moment after its answers.
    pub fn said_at_last(&self, text: &str, times: usize) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let said = self.said();
            if said.matches(text).count() >= times {
                return said;
            }
            assert!(Instant::now() < until, "not {times} times `{text}`: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Send with the first API key added.
    pub fn send(&self, request: Request) -> Response {
        request.header("X-API-Key", &self.key).send(self.address()).unwrap()
    }

    /// Send as it is, without a key.
    pub fn send_bare(&self, request: Request) -> Response {
        request.send(self.address()).unwrap()
    }

    /// End at once, as a power cut would (kill -9).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ask to drain (SIGTERM) and wait for the end.
    pub fn stop(mut self) -> ExitStatus {
        terminate(self.child.id());
        wait(&mut self.child, Duration::from_secs(30)).expect("the server did not drain in 30 s")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `VEILGATE_TEST_DATABASE` holds the URL of a PostgreSQL server that lets us make databases: one for this data
/// folder, the same at a second start.
pub fn postgres_for(data: &Path) -> Option<String> {
    let server = std::env::var("VEILGATE_TEST_DATABASE").ok()?;
    let name: String = data.display().to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("t{}", &name[name.len().saturating_sub(60)..]);
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    // At the second start it is there already.
    let made = Command::new("psql").args([&server, "-qc", &create]).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() || said.contains("already exists"), "{said}");
    Some(format!("{}/{name}", server.rsplit_once('/')?.0))
}

/// Send SIGTERM.
pub fn terminate(pid: u32) {
    signal("TERM", pid);
}

/// Send a signal; by the shell's own kill, as the standard library has none.
pub fn signal(name: &str, pid: u32) {
    let kill = format!("kill -{name} \"$0\"");
    let status = Command::new("sh").args(["-c", &kill]).arg(pid.to_string()).status().unwrap();
    assert!(status.success(), "kill -{name} {pid} failed");
}

/// Wait for an end, no longer than `most`.
pub fn wait(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + most;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Read both outputs to their ends in threads, so that the child never blocks on a full pipe; the lines come out merged.
fn pump(child: &mut Child, said: &Said) -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|it| Box::new(it) as _), child.stderr.take().map(|it| Box::new(it) as _)];
    for output in outputs.into_iter().flatten() {
        let (to, said) = (to.clone(), said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                *said.lock().unwrap() += &format!("{line}\n");
                // Nobody listens after the ready line; reading goes on all the same.
                let _ = to.send(line);
            }
        });
    }
    lines
}

/// The URL in the first line that has one, once a connection to it is taken.
fn wait_ready(child: &mut Child, lines: &mpsc::Receiver<String>) -> String {
    let mut said = String::new();
    let until = Instant::now() + START;
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if let Some(url) = url_in(&line) {
            return url;
        }
        said += &line;
        said.push('\n');
    }
    let _ = child.kill();
    panic!("no ready line with a URL from veilgate serve; it said:\n{said}");
}

fn url_in(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("://")?;
    let scheme = before.rsplit(' ').next().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = rest.split(['/', ' ', '"', ',', ')']).next()?;
    host.contains(':').then(|| format!("{scheme}://{host}"))
}
