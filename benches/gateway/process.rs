//! Starts and stops the processes that are measured, and reads their memory.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server under measurement; ended when dropped.
pub struct Process {
    child: Child,
    /// Host and port.
    pub address: String,
    /// The API key, if it has one.
    pub key: String,
    _data: Option<tempfile::TempDir>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The floor program: this executable again.
pub fn floor() -> Process {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.arg("--floor");
    start(command, None)
}

/// The store handler without layers: this executable again.
pub fn bare() -> Process {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.arg("--bare");
    start(command, None)
}

/// The gateway with these settings in its environment.
pub fn gateway(settings: &[(&str, &str)]) -> Process {
    let data = tempfile::tempdir().expect("data folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
    // What is measured is the work, not the wait for a token.
    command.env("VEILGATE_RATE_ENTERPRISE", "0");
    command.envs(settings.iter().copied());
    start(command, Some(data))
}

fn start(mut command: Command, data: Option<tempfile::TempDir>) -> Process {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("start");
    let output = child.stdout.take().expect("output");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let ready = lines.find(|line| line.contains("ready")).expect("ready line");
    std::thread::spawn(move || lines.for_each(drop));
    let last = ready.split_whitespace().last().unwrap_or_default();
    let address = last.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
    let key = data.as_ref().map(|data| data.path().join("first-api-key"));
    let key = key.and_then(|path: PathBuf| std::fs::read_to_string(path).ok()).unwrap_or_default();
    Process { child, address, key: key.trim().to_owned(), _data: data }
}

impl Process {
    /// Resident memory now, in MiB.
    pub fn resident(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// Peak resident memory since the last reset, in MiB.
    pub fn peak(&self) -> f64 {
        self.status("VmHWM:")
    }

    /// Bytes that it has read until now, from files and connections.
    pub fn read(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default()
    }

    /// Forgets the peak.
    pub fn reset_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    fn status(&self, name: &str) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kib: f64 = line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0.0);
        kib / 1024.0
    }
}
