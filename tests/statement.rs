//! The conformance statement: its tables are what the code says, and `/conformance` gives the same as data.
//! `VEILGATE_REWRITE=1 cargo test --test statement` writes the tables anew.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use support::http::Request;
use support::server::Server;
use veilgate::api::conformance::statement;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/statement.md");

/// A value as it stands in a cell.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    text.replace('|', "\\|").replace('*', "\\*")
}

/// A table of these members, a dot leading into an object.
fn table(rows: &Value, columns: &[(&str, &str)]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(columns.iter().map(|(head, _)| (*head).to_owned()).collect());
    text += &format!("|{}\n", "---|".repeat(columns.len()));
    for row in rows.as_array().unwrap() {
        let member = |path: &str| path.split('.').fold(row, |value, name| &value[name]);
        text += &line(columns.iter().map(|(_, path)| cell(member(path))).collect());
    }
    text
}

/// One line for each thing that can be done to a resource.
fn services(resources: &Value) -> Value {
    let methods = resources.as_array().unwrap().iter().flat_map(|resource| {
        resource["methods"].as_array().unwrap().iter().map(move |method| {
            let service = match method["id"].as_str().unwrap() {
                "store" => "STOW-RS",
                "search" => "QIDO-RS",
                _ => "WADO-RS",
            };
            serde_json::json!({
                "path": format!("`{}`", resource["path"].as_str().unwrap()),
                "name": method["name"],
                "service": service,
                "gives": method["response"]["representations"],
            })
        })
    });
    methods.collect()
}

type Columns = &'static [(&'static str, &'static str)];

/// Tables by name: where in the data their rows stand, and their columns.
const TABLES: [(&str, &str, Columns); 12] = [
    (
        "services",
        "services",
        &[
            ("resource", "path"),
            ("method", "name"),
            ("service", "service"),
            ("media types of the answer", "gives"),
        ],
    ),
    (
        "search",
        "search",
        &[("level", "level"), ("always returned", "always"), ("returned if known", "if_known")],
    ),
    (
        "syntaxes",
        "transfer_syntaxes",
        &[
            ("UID", "uid"),
            ("name", "name"),
            ("goes out as", "goes_out_as"),
            ("frames as", "media"),
            ("decoded", "decoded"),
        ],
    ),
    ("classes", "sop_classes", &[("UID", "uid"), ("SOP class", "name")]),
    (
        "options",
        "profile.options",
        &[
            ("option", "name"),
            ("PS3.15", "clause"),
            ("code", "code"),
            ("meaning", "meaning"),
            ("built", "available"),
        ],
    ),
    (
        "presets",
        "profile.presets",
        &[
            ("preset", "name"),
            ("options", "options"),
            ("codes it earns", "codes"),
            ("X means", "removed"),
            ("burned-in text", "burned_in"),
            ("recognizable features", "recognizable_visual_features"),
            ("private SOP classes", "private_sop_class"),
        ],
    ),
    (
        "rows",
        "rows",
        &[
            ("tag", "tag"),
            ("attribute", "keyword"),
            ("Basic Profile", "basic_profile"),
            ("basic", "actions.basic"),
            ("research", "actions.research"),
            ("blank", "actions.blank"),
        ],
    ),
    (
        "gaps",
        "outside_table",
        &[
            ("tag", "tag"),
            ("attribute", "keyword"),
            ("class", "class"),
            ("basic", "actions.basic"),
            ("research", "actions.research"),
            ("blank", "actions.blank"),
        ],
    ),
    ("defaults", "by_vr", &[("VR or tag", "selector"), ("action", "action"), ("why", "why")]),
    (
        "pixels",
        "pixel_policy",
        &[("SOP class", "sop_class"), ("modality", "modality"), ("image type", "image_type"), ("why", "why")],
    ),
    (
        "clauses",
        "clauses",
        &[("part", "part"), ("met", "met"), ("done otherwise", "deviating"), ("not built", "later")],
    ),
    (
        "deviations",
        "deviations",
        &[
            ("rule", "id"),
            ("part", "part"),
            ("clause", "clause"),
            ("what is done instead", "instead"),
            ("why", "reason"),
        ],
    ),
];

fn tables(data: &Value) -> BTreeMap<&'static str, String> {
    let rows = |path: &str| match path {
        "services" => services(&data["services"]),
        path => path.split('.').fold(data, |value, name| &value[name]).clone(),
    };
    TABLES.into_iter().map(|(name, path, columns)| (name, table(&rows(path), columns))).collect()
}

/// The text with its tables made anew. Each stands between two marks with its name.
fn rewritten(text: &str, tables: &BTreeMap<&str, String>) -> String {
    tables.iter().fold(text.to_owned(), |text, (name, table)| {
        let (begin, end) = (format!("<!-- table {name} -->\n"), format!("<!-- end {name} -->"));
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no table {name}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no end of table {name}"));
        format!("{before}{begin}\n{table}\n{end}{after}")
    })
}

#[test]
fn the_tables_of_the_statement_are_what_the_code_says() {
    let text = std::fs::read_to_string(PATH).unwrap();
    let data = statement();
    let wanted = rewritten(&text, &tables(&data));
    if std::env::var_os("VEILGATE_REWRITE").is_some() {
        std::fs::write(PATH, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "the tables are not what the code says: VEILGATE_REWRITE=1 cargo test --test statement"
        );
    }
    let edition = data["table"]["edition"].as_str().unwrap();
    assert!(text.contains(&format!("edition {edition}")), "the edition is {edition}");
}

#[test]
fn anybody_may_have_the_same_as_data() {
    let server = Server::start();
    let answer = server.send_bare(Request::new("GET", "/conformance"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), statement());
}

#[test]
fn each_row_has_an_action_in_each_preset_and_the_presets_differ() {
    let data = statement();
    let rows = data["rows"].as_array().unwrap();
    assert!(rows.len() > 600, "{}", rows.len());
    assert_eq!(rows.len() as u64, data["table"]["rows"].as_u64().unwrap());
    for row in rows.iter().chain(data["outside_table"].as_array().unwrap()) {
        for preset in ["basic", "research", "blank"] {
            assert!(row["actions"][preset].as_str().is_some_and(|action| !action.is_empty()), "{row}");
        }
    }
    let of = |tag: &str| &rows.iter().find(|row| row["tag"] == tag).unwrap()["actions"];
    assert_eq!(of("00100010")["basic"], "patient-name");
    assert_eq!(of("00080020")["research"], "shift");
    assert_eq!(of("0020000D")["blank"], "keep");
}
