//! `/openapi.json` against the router: no route without an operation, no operation without a route, nothing left hanging.
//! That answers are what it says, is `rig_openapi.rs`'s.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use support::http::Request;
use support::server::Server;

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "options"];

fn server() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("VEILGATE_ADMIN_KEY", "an admin key of the tests")];
    (Server::on(&folder.path().join("data"), &[], &environment), folder)
}

fn document(server: &Server) -> Value {
    let answer = server.send_bare(Request::new("GET", "/openapi.json"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// Method and path of each operation.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    operations.collect()
}

/// Method and path of each route that the router's source names by itself; those of DICOMweb come from one table.
fn routes() -> BTreeSet<(String, String)> {
    let source = |file: &str| {
        std::fs::read_to_string(format!("{}/src/api/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let source = source("mod.rs") + &source("admin/mod.rs") + &source("metrics.rs");
    let mut routes = BTreeSet::new();
    for route in source.split(".route(\"").skip(1) {
        let (path, rest) = route.split_once('"').unwrap();
        let handlers = rest.split([';', '}']).next().unwrap();
        let methods: Vec<&str> =
            METHODS.into_iter().filter(|method| handlers.contains(&format!("{method}("))).collect();
        assert!(!methods.is_empty(), "no method of {path} is seen");
        routes.extend(methods.into_iter().map(|method| (method.to_owned(), path.to_owned())));
    }
    assert!(routes.len() > 40, "only {} routes are seen", routes.len());
    routes
}

#[test]
fn each_route_has_its_operation() {
    let (server, _folder) = server();
    let documented = operations(&document(&server));
    let missing: Vec<_> = routes().difference(&documented).cloned().collect();
    assert!(missing.is_empty(), "not in src/api/openapi/operations.tsv: {missing:?}");
}

#[test]
fn each_operation_has_its_route() {
    let (server, _folder) = server();
    for (method, path) in operations(&document(&server)) {
        if (method.as_str(), path.as_str()) == ("get", "/v1/pseudonym") {
            // It is there to say that originals have no place in a URL.
            continue;
        }
        let path = path.replace("{file}", "page.css").replace("{sequence}", "1").replace("{frames}", "1");
        let path = path.split('/').map(|step| if step.starts_with('{') { "1.2" } else { step });
        let target = path.collect::<Vec<_>>().join("/");
        let answer = server.send_bare(Request::new(&method.to_uppercase(), &target));
        assert!(![404, 405].contains(&answer.status), "{method} {target}: {}", answer.status);
    }
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn what_it_refers_to_is_there_and_what_is_there_is_referred_to() {
    let (server, _folder) = server();
    let document = document(&server);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in &found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    for kind in ["parameters", "requestBodies", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(reference.as_str()), "{reference} is of no use");
        }
    }
}

#[test]
fn names_of_operations_are_of_one_each_and_keys_are_told() {
    let (server, _folder) = server();
    let document = document(&server);
    let mut names = BTreeSet::new();
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][&method];
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 4), "{method} {path}");
        let open = operation["security"].as_array().unwrap().is_empty();
        assert_eq!(open, operation["responses"]["401"].is_null(), "{method} {path}");
    }
}
