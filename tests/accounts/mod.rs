//! For the tests of accounts: the built binary's commands on a server's data folder, the admin API, pushes with any key.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use crate::stow::{push, stored};
use crate::support::http::{Request, Response};
use crate::support::server::{Server, postgres_for};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// The admin key of the tests.
pub const ADMIN: &str = "an admin key of the tests";

/// A server with an admin API, on a data folder below `folder`.
pub fn start(folder: &Path, environment: &[(&str, &str)]) -> Server {
    let admin = [("VEILGATE_ADMIN_KEY", ADMIN)];
    Server::on(&folder.join("data"), &[], &[&admin, environment].concat())
}

/// Runs the binary beside the server.
pub fn run(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    if let Some(url) = postgres_for(server.data()) {
        command.env("VEILGATE_DATABASE", url).env_remove("VEILGATE_TEST_DATABASE");
    }
    command.args(arguments).arg("--data").arg(server.data()).output().unwrap()
}

/// What a command prints as JSON.
pub fn told(server: &Server, arguments: &[&str]) -> Value {
    let output = run(server, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Status and message of a command that is refused.
pub fn refused(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(server, arguments);
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A new key of a project.
pub fn key(server: &Server, project: &str, name: &str) -> String {
    text(&told(server, &["key", "add", project, name]), "key")
}

/// A member that is a text.
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} in {value}")).to_owned()
}

/// Pushes instances with this key.
pub fn pushed(server: &Server, key: &str, instances: &[Vec<u8>]) -> Response {
    server.send_bare(push(instances).header("X-API-Key", key))
}

/// The pseudonymous UID under which a project has an instance.
pub fn pseudonym(server: &Server, key: &str, instance: &[u8]) -> String {
    let answer = pushed(server, key, &[instance.to_vec()]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    stored(&answer).remove(0)
}

/// A call of the admin API.
pub fn admin(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::new(method, &format!("/admin/v1{path}")).header("X-Admin-Key", ADMIN);
    server.send_bare(request.body(body))
}

/// What a caller's customer used.
pub fn usage(server: &Server, key: &str) -> Value {
    server.send_bare(Request::new("GET", "/v1/usage").header("X-API-Key", key)).json()
}
