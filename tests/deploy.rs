//! The files in `deploy/` and the Dockerfile against the code: every setting, metric, route and command that they name is
//! one, they are legal together, and no secret stands in them.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use veilgate::archive::Site;
use veilgate::config::{CONFIG_VARIABLE, Config, SETTINGS};
use veilgate::db::Address;
use veilgate::db::account::Source;
use yaml_rust2::{Yaml, YamlLoader};

/// Passwords of the other services in `deploy/compose`.
const FOREIGN_SECRETS: [&str; 2] = ["POSTGRES_PASSWORD", "ORTHANC_PASSWORD"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file of a deployment, by its name below the repository, with its text.
fn files() -> Vec<(String, String)> {
    let below = walkdir::WalkDir::new(root().join("deploy")).into_iter().map(Result::unwrap);
    let mut files: Vec<PathBuf> =
        below.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect();
    files.push(root().join("Dockerfile"));
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Words of this kind that begin with `start`.
fn words(text: &str, start: &str, is_part: impl Fn(char) -> bool) -> BTreeSet<String> {
    let found = text.match_indices(start).map(|(at, _)| &text[at..]);
    found.map(|rest| rest.chars().take_while(|it| is_part(*it)).collect()).collect()
}

fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    // `VEILGATE_…` in a comment names none.
    words(text, "VEILGATE_", is_part).into_iter().filter(|name| name != "VEILGATE_").collect()
}

fn yaml(name: &str) -> Vec<Yaml> {
    let documents = YamlLoader::load_from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!documents.is_empty() && documents.iter().all(|it| it.as_hash().is_some()), "{name}");
    documents
}

#[test]
fn every_variable_in_a_deployment_is_a_setting() {
    let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.env).chain([CONFIG_VARIABLE]).collect();
    let mut seen = BTreeSet::new();
    for (file, text) in files() {
        for name in variables(&text) {
            assert!(known.contains(&name.as_str()), "{file}: {name} is no setting");
            seen.insert(name);
        }
    }
    assert!(seen.len() >= 15, "{seen:?}");
}

#[test]
fn every_file_can_be_read_as_what_its_name_says() {
    for (name, text) in files() {
        let ending = name.rsplit(['.', '/']).next().unwrap_or_default();
        match ending {
            "yaml" => drop(yaml(&name)),
            "toml" => drop(text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{name}: {error}"))),
            "json" => drop(
                serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|error| panic!("{name}: {error}")),
            ),
            "service" => assert!(text.contains("\n[Service]\n") && text.contains("\n[Install]\n"), "{name}"),
            "md" | "js" | "env" | "Dockerfile" => assert!(!text.trim().is_empty(), "{name}"),
            _ => panic!("{name}: say here how it is read"),
        }
    }
}

/// The settings of these variables, with `${…}` filled in; files are left out, for they are not on this machine.
fn config(file: Option<&str>, variables: Vec<(String, String)>) -> Config {
    let filled = variables.into_iter().filter(|(name, _)| !name.ends_with("_FILE")).map(|(name, text)| {
        let Some((before, rest)) = text.split_once("${") else { return (name, text) };
        let (_, after) = rest.split_once('}').unwrap();
        (name, format!("{before}filled{after}"))
    });
    Config::from_sources(file, filled, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn pairs(map: &Yaml) -> Vec<(String, String)> {
    let text = |it: &Yaml| it.as_str().unwrap_or_else(|| panic!("{it:?} is no text")).to_owned();
    map.as_hash().unwrap().iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn with(mut variables: Vec<(String, String)>, secrets: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.extend(secrets.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    variables
}

#[test]
fn the_settings_of_compose_put_the_veil_before_orthanc() {
    let compose = &yaml("deploy/compose/compose.yaml")[0];
    let gateway = &compose["services"]["gateway"];
    let config = config(None, pairs(&gateway["environment"]));
    assert!(matches!(config.database, Some(Address::Postgres(_))));
    assert_eq!((config.origin, config.downstream.is_some()), (Source::Veil, true));
    let known: Vec<&str> =
        compose["services"].as_hash().unwrap().keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(known, ["gateway", "postgres", "orthanc", "ohif"]);
    assert_eq!(gateway["read_only"], Yaml::Boolean(true));
    let networks = |service: &str| -> BTreeSet<String> {
        let all = compose["services"][service]["networks"].as_vec().unwrap();
        all.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let shared = |one: &str, other: &str| networks(one).intersection(&networks(other)).count();
    assert_eq!((shared("orthanc", "ohif"), shared("orthanc", "postgres")), (0, 0), "it holds originals");
    assert_eq!(shared("orthanc", "gateway"), 1);
}

#[test]
fn nobody_is_told_to_look_for_a_key_in_a_log() {
    for (name, text) in files() {
        let reads = |line: &str| line.contains("journalctl") || line.contains(" logs ");
        let asked = text.lines().find(|line| reads(line) && line.contains("key"));
        assert_eq!(asked, None, "{name}");
    }
}

#[test]
fn the_readme_gives_a_url_wherever_it_listens_on_all_addresses() {
    let readme = read("README.md");
    let blocks = readme.split("```").skip(1).step_by(2);
    let open = blocks.filter(|it| it.contains("docker run") || it.contains("LISTEN=0.0.0.0"));
    let open: Vec<&str> = open.collect();
    assert!(open.len() >= 2 && open.iter().all(|it| it.contains("VEILGATE_PUBLIC_BASE_URL=")), "{open:?}");
    assert!(!readme.contains("-p 8080:8080"), "that opens it to the network");
}

#[test]
fn the_settings_of_kubernetes_let_several_replicas_share_all_that_lasts() {
    let objects = yaml("deploy/kubernetes/veilgate.yaml");
    let of = |kind: &str| objects.iter().find(|it| it["kind"].as_str() == Some(kind)).unwrap();
    let map = pairs(&of("ConfigMap")["data"]);
    assert!(map.iter().any(|(name, _)| name == "VEILGATE_MASTER_KEY_FILE"), "replicas share the key");
    // The data folder is made by the process below the mount, which belongs to root.
    let data = map.iter().find(|(name, _)| name == "VEILGATE_DATA").unwrap().1.clone();
    let pod = &of("Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let mounts = container["volumeMounts"].as_vec().unwrap();
    assert!(mounts.iter().any(|it| data.starts_with(&format!("{}/", it["mountPath"].as_str().unwrap()))));
    let secrets = [
        ("VEILGATE_DATABASE", "postgres://u:p@h/d"),
        ("VEILGATE_ARCHIVE_ACCESS_KEY_ID", "id"),
        ("VEILGATE_ARCHIVE_SECRET_ACCESS_KEY", "secret"),
    ];
    let config = config(None, with(map, &secrets));
    assert!(matches!(config.archive, Site::Bucket(_)) && !config.archive_is_own);
    assert_eq!(pod["enableServiceLinks"], Yaml::Boolean(false), "they would be taken for settings");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], Yaml::Boolean(true));
    let (replicas, at_least) =
        (&of("Deployment")["spec"]["replicas"], &of("PodDisruptionBudget")["spec"]["minAvailable"]);
    assert!(replicas.as_i64() > at_least.as_i64() && at_least.as_i64() >= Some(1));
    let grace = u64::try_from(pod["terminationGracePeriodSeconds"].as_i64().unwrap()).unwrap();
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64().unwrap();
    assert!(
        grace > config.times.drain.as_secs() + pause.unsigned_abs(),
        "requests may end before the pod does"
    );
    let ingress = &of("NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"];
    assert_eq!(ingress, &container["ports"][0]["name"]);
}

#[test]
fn the_settings_of_fly_keep_nothing_on_its_machines() {
    let fly: toml::Table = read("deploy/fly/fly.toml").parse().unwrap();
    let environment = fly["env"].as_table().unwrap().iter();
    let environment = environment.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()));
    let secrets = [
        ("VEILGATE_DATABASE", "postgres://u:p@h/d"),
        ("VEILGATE_MASTER_KEY", &"ab".repeat(32)),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_S3", "https://fly.storage.tigris.dev"),
        ("AWS_REGION", "auto"),
        ("BUCKET_NAME", "veilgate-example"),
    ];
    let config = config(None, with(environment.collect(), &secrets));
    assert!(matches!((&config.archive, &config.database), (Site::Bucket(_), Some(Address::Postgres(_)))));
    assert!(fly.get("mounts").is_none());
}

#[test]
fn the_settings_of_systemd_are_legal_and_lie_where_the_unit_may_write() {
    let config = config(Some(&read("deploy/systemd/veilgate.toml")), Vec::new());
    let unit = read("deploy/systemd/veilgate.service");
    let state = unit.lines().find_map(|line| line.strip_prefix("StateDirectory=")).unwrap();
    assert_eq!(config.data, Path::new("/var/lib").join(state));
    for line in
        ["NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "PrivateDevices=yes"]
    {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn the_image_listens_where_its_health_check_asks() {
    let dockerfile = read("Dockerfile");
    let line = dockerfile.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let pairs = line.split(' ').map(|pair| pair.split_once('=').unwrap());
    let config = config(None, pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect());
    assert!(config.listen.ip().is_unspecified());
    assert!(dockerfile.contains(&format!("\nEXPOSE {}\n", config.listen.port())));
    assert!(dockerfile.contains(&format!("\nVOLUME {}\n", config.data.display())));
    assert!(
        dockerfile.contains("CMD [\"/veilgate\", \"health\"]") && dockerfile.ends_with("CMD [\"serve\"]\n")
    );
}

#[test]
fn images_are_named_by_an_exact_version_and_ours_by_this_one() {
    let version = env!("CARGO_PKG_VERSION");
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("image.version=\"{version}\"")), "the label");
    let mut images = 0;
    for (name, text) in files() {
        let named = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("image: ").or_else(|| line.strip_prefix("ARG RUST="))
        });
        for image in named {
            let (repository, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image}"));
            let number = tag.trim_start_matches('v').split('-').next().unwrap();
            assert!(
                number.split('.').count() >= 2 && number.split('.').all(|it| it.parse::<u32>().is_ok()),
                "{image}"
            );
            assert!(!repository.ends_with("veilgate") || tag == version, "{name}: {image}");
            images += 1;
        }
    }
    assert!(images >= 6, "{images}");
}

#[test]
fn no_secret_stands_in_a_deployment() {
    let ours = SETTINGS.iter().filter(|setting| setting.secret);
    let secrets: Vec<&str> = ours
        .flat_map(|it| std::iter::once(it.env).chain(it.aliases.iter().copied()))
        .chain(FOREIGN_SECRETS)
        .collect();
    let mut named = 0;
    for (file, text) in files() {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim().trim_end_matches('"');
            for secret in &secrets {
                let rest = line.strip_prefix(secret).filter(|rest| rest.starts_with([':', '=']));
                let Some(rest) = rest else { continue };
                let value = rest.trim_start_matches([':', '=', ' ', '"']);
                assert!(value.is_empty() || value.contains("${"), "{file}:{}: {secret}", number + 1);
                named += 1;
            }
            let long = line.split(|it: char| !it.is_ascii_hexdigit()).any(|word| word.len() >= 24);
            let known =
                ["sk_live", "sk_test", "whsec_", "AKIA", "BEGIN PRIVATE"].iter().any(|it| line.contains(it));
            assert!(!long && !known, "{file}:{}: looks like a secret", number + 1);
        }
    }
    assert!(named >= 4, "{named}");
}

#[test]
fn every_route_that_is_asked_is_one() {
    let router = read("src/api/mod.rs");
    let is_route = |path: &str| router.contains(&format!("\"{path}\""));
    let pod = &yaml("deploy/kubernetes/veilgate.yaml")[2]["spec"]["template"]["spec"]["containers"][0];
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = pod[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(is_route(path), "{probe}: {path}");
    }
    let fly: toml::Table = read("deploy/fly/fly.toml").parse().unwrap();
    let check = fly["http_service"]["checks"][0]["path"].as_str().unwrap();
    assert!(is_route(check), "{check}");
}

/// Names of metrics, without what Prometheus puts behind a histogram's.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |it: char| it.is_ascii_lowercase() || it == '_';
    let found = words(text, "veilgate_", is_part).into_iter().chain(words(text, "process_", is_part));
    let bare = |name: String| {
        let suffix = ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it));
        suffix.map_or(name.clone(), str::to_owned)
    };
    found.map(bare).collect()
}

#[test]
fn every_metric_that_is_watched_is_one_of_the_program() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("deploy/grafana/veilgate.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let shown: Vec<String> = targets.map(|it| it["expr"].as_str().unwrap().to_owned()).collect();
    let rules = yaml("deploy/prometheus/alerts.yaml")[0]["groups"][0]["rules"].as_vec().unwrap().clone();
    let watched: Vec<String> = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect();
    for rule in &rules {
        assert!(rule["annotations"]["do"].as_str().is_some_and(|it| !it.is_empty()), "{rule:?}: what to do?");
    }
    let expressions = format!("{} {}", shown.join(" "), watched.join(" "));
    let (shown, watched) = (metrics(&shown.join(" ")), metrics(&watched.join(" ")));
    assert!(shown.len() >= 20 && watched.len() >= 12, "{shown:?} {watched:?}");
    // Until there is something to scrape there is nothing to compare with; from then on the list must be found.
    if !read("src/api/mod.rs").contains("\"/metrics\"") {
        return;
    }
    let list = read("src/metrics/mod.rs");
    for name in shown.union(&watched) {
        assert!(list.contains(&format!("\"{name}\"")), "{name} is no metric");
    }
    let code = walkdir::WalkDir::new(root().join("src")).into_iter().map(Result::unwrap);
    let code: String = code.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
    let is_code = |before: &str| before.ends_with("reason") || before.ends_with("outcome");
    let equals = expressions.match_indices("=\"").filter(|(at, _)| is_code(&expressions[..*at]));
    for rest in equals.map(|(at, equal)| &expressions[at + equal.len()..]) {
        let value = rest.split('"').next().unwrap();
        assert!(code.contains(&format!("\"{value}\"")), "{value} is no code of the program");
    }
}
