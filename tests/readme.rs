//! The README's tables against the code: settings from the one list, routes from the router's source.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic)]

use veilgate::config::{SETTINGS, Setting};
use veilgate::metrics::METRICS;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

fn row(setting: &Setting) -> String {
    let default = match setting.default {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    let variables: Vec<String> =
        std::iter::once(&setting.env).chain(setting.aliases).map(|name| format!("`{name}`")).collect();
    let (variables, help) = (variables.join(", "), setting.help.replace('|', "\\|"));
    format!("| `{}` | {variables} | {default} | {help} |", setting.name)
}

#[test]
fn the_table_of_settings_is_the_list_in_the_code() {
    let head = "| in the file | environment | default | what it does |\n|---|---|---|---|\n";
    let rows: Vec<String> = SETTINGS.iter().map(row).collect();
    let table = format!("{head}{}\n", rows.join("\n"));
    assert!(readme().contains(&table), "the README's table of settings must read:\n\n{table}");
}

#[test]
fn the_table_of_metrics_is_the_list_in_the_code() {
    let head = "| metric | kind | labels | what it tells |\n|---|---|---|---|\n";
    let row = |metric: &veilgate::metrics::Described| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", metric.name, metric.kind, labels.join(", "), metric.help)
    };
    let rows: Vec<String> = METRICS.iter().map(row).collect();
    let table = format!("{head}{}\n", rows.join("\n"));
    assert!(readme().contains(&table), "the README's table of metrics must read:\n\n{table}");
}

#[test]
fn every_route_of_the_router_stands_in_the_readme() {
    let router = |file: &str| {
        std::fs::read_to_string(format!("{}/src/api/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let source = router("mod.rs") + &router("admin/mod.rs") + &router("metrics.rs");
    let routes: Vec<&str> =
        source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.len() >= 14, "the router lists its routes");
    let readme = readme();
    for route in routes {
        assert!(readme.contains(&format!("`{route}`")), "{route} is missing in the README");
    }
}
