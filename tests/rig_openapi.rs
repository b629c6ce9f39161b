//! `/openapi.json` and what the gateway does, held against each other by schemathesis: no failure on the server's side, no
//! answer that the document does not tell, nothing taken that it forbids. What may differ, and why, stands in
//! `tests/rigs/openapi/schemathesis.toml`.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use support::files::rigs_home;
use support::http::Request;
use support::rig::{StripeStand, missing, script, stripe};
use support::samples;
use support::server::Server;
use support::syntax::EXPLICIT_LE;

const ADMIN: &str = "the admin key of a rig";
const SECRET: &str = "whsec_rig";
const FORM: &str = "application/x-www-form-urlencoded";

/// The same numbers each time: what it finds is found again.
const SEED: &str = "20261130";

/// A gateway with all that it can have: an admin, something to buy, a choice of profile, a study.
struct Scene {
    server: Server,
    /// A key with every right.
    key: String,
    sample: PathBuf,
    _stand: StripeStand,
    folder: tempfile::TempDir,
}

fn scene() -> Option<(Scene, PathBuf)> {
    let program = rigs_home().join("venv-openapi/bin/st");
    if !program.is_file() {
        return missing("schemathesis");
    }
    let stand = stripe("http://127.0.0.1:9/", SECRET)?;
    for (id, interval) in [("price_m", "month"), ("price_a", "year")] {
        let form = format!(
            "id={id}&currency=eur&unit_amount=9900&recurring[interval]={interval}&product_data[name]=v"
        );
        stand.ask("POST", "/v1/prices", FORM, &form);
    }
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("VEILGATE_ADMIN_KEY", ADMIN),
        ("VEILGATE_PAGE_CHOOSE", "true"),
        ("VEILGATE_RATE_ENTERPRISE", "unlimited"),
        ("STRIPE_API_KEY", "sk_test_rig"),
        ("STRIPE_PRICE_ID", "price_m"),
        ("STRIPE_PRICE_ID_ANNUAL", "price_a"),
        ("STRIPE_WEBHOOK_SECRET", SECRET),
        ("VEILGATE_BILLING_BASE_URL", &stand.url),
    ];
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    let sample = folder.path().join("sample.dcm");
    std::fs::write(&sample, samples::ct(EXPLICIT_LE, 1).write()).unwrap();
    let key = key(&server);
    Some((Scene { server, key, sample, _stand: stand, folder }, program))
}

fn key(server: &Server) -> String {
    let order = json!({"name": "rig", "rights": ["reidentify"]});
    let request = Request::new("POST", "/admin/v1/projects/default/keys").header("X-Admin-Key", ADMIN);
    let made = server.send_bare(request.body(order.to_string()));
    made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned()
}

impl Scene {
    /// Pushes the sample; the paths of its study, series and instance.
    fn stored(&self) -> [String; 3] {
        let push = Request::new("POST", "/dicom-web/studies")
            .header("Content-Type", "application/dicom")
            .header("Accept", "application/dicom+json");
        let answer = self.server.send(push.body(std::fs::read(&self.sample).unwrap())).json();
        let url = answer["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
        let names: Vec<String> = url.split('/').skip(5).step_by(2).map(str::to_owned).collect();
        names.try_into().unwrap()
    }

    /// Runs schemathesis with further settings and arguments; how many operations it tested. Panics with what it found.
    fn run(&self, program: &PathBuf, settings: &str, arguments: &[&str]) -> usize {
        let shared = std::fs::read_to_string(script("openapi/schemathesis.toml")).unwrap();
        std::fs::copy(script("openapi/hooks.py"), self.folder.path().join("hooks.py")).unwrap();
        std::fs::write(self.folder.path().join("schemathesis.toml"), format!("{shared}\n{settings}"))
            .unwrap();
        let mut run = Command::new(program);
        run.args(["run", &format!("{}/openapi.json", self.server.url), "--no-color", "--seed", SEED]);
        run.args(arguments).current_dir(self.folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        run.env("VEILGATE_KEY", &self.key).env("VEILGATE_ADMIN", ADMIN).env("VEILGATE_SAMPLE", &self.sample);
        let output = run.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        eprintln!("{}", said.split("= SUMMARY =").nth(1).unwrap_or(&all));
        assert!(output.status.success(), "{all}");
        let tested = said.split("Tested: ").nth(1).and_then(|rest| rest.split_whitespace().next());
        tested.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{all}"))
    }
}

#[test]
fn what_an_api_key_opens_is_as_documented() {
    let Some((scene, program)) = scene() else { return };
    // Without what it learns from answers: a project that it changes is no longer the one that is examined.
    let settings = "[phases]\nstateful.enabled = false";
    let tested = scene.run(&program, settings, &["--exclude-tag", "administration", "-n", "8"]);
    assert!(tested >= 70, "{tested} operations");
}

#[test]
fn what_is_retrieved_is_as_documented() {
    let Some((scene, program)) = scene() else { return };
    let [study, series, instance] = scene.stored();
    let settings = format!(
        "[parameters]\n\"path.study\" = \"{study}\"\n\"path.series\" = \"{series}\"\n\"path.instance\" = \"{instance}\"\n\
         \"path.frames\" = \"1\"\n\"path.path\" = \"7FE00010\"\n\"query.studyUID\" = \"{study}\"\n\
         \"query.seriesUID\" = \"{series}\"\n\"query.objectUID\" = \"{instance}\"\n"
    );
    let tested = scene.run(
        &program,
        &settings,
        &["--include-tag", "DICOMweb", "--exclude-method", "OPTIONS", "--mode", "positive", "-n", "12"],
    );
    assert!(tested >= 24, "{tested} operations");
}

#[test]
fn what_the_admin_key_opens_is_as_documented() {
    let Some((scene, program)) = scene() else { return };
    let tested = scene.run(&program, "", &["--include-tag", "administration", "-n", "12"]);
    assert!(tested >= 16, "{tested} operations");
}
