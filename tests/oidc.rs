//! Tokens of an OpenID Connect issuer over HTTP: who is let in, as whom, with which rights; what is not believed; keys that
//! change, and an issuer that is down.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
#[path = "oidc/issuer.rs"]
mod issuer;
mod stow;
mod support;

use accounts::{start, told};
use issuer::{AUDIENCE, Issuer, Key, encode, hs256, now};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stow::{ct, ct_of_study, large_ct, push, stored};
use support::authority::Authority;
use support::http::{Request, Response};
use support::rig;
use support::server::Server;

struct Scene {
    issuer: Issuer,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new(keys: &[&Key], settings: &[(&str, &str)]) -> Self {
        Self::of(Issuer::new(keys), settings)
    }

    fn of(issuer: Issuer, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = [("VEILGATE_OIDC_ISSUER", issuer.url.as_str()), ("VEILGATE_OIDC_AUDIENCE", AUDIENCE)];
        let server = start(folder.path(), &[&own, settings].concat());
        Self { issuer, server, _folder: folder }
    }

    fn send(&self, token: &str, request: Request) -> Response {
        self.server.send_bare(request.header("Authorization", &format!("Bearer {token}")))
    }

    /// Status of a request that costs nothing.
    fn status(&self, token: &str) -> u16 {
        self.send(token, usage()).status
    }
}

/// What the gateway calls the project that a first start makes.
const OURS: &str = "default/default";

fn usage() -> Request {
    Request::new("GET", "/v1/usage")
}

/// Kept so short that a test can wait for it.
const SOON: (&str, &str) = ("VEILGATE_OIDC_REFRESH_PAUSE", "1 s");

#[test]
fn a_good_token_pushes_and_pulls_and_the_record_names_nobody() {
    for key in [Key::ed("one"), Key::ec("two")] {
        let scene = Scene::new(&[&key], &[]);
        let token = scene.issuer.token(&key, "jane.doe", OURS);
        let pushed = scene.send(&token, push(&[ct(1)]));
        assert_eq!((pushed.status, stored(&pushed).len()), (200, 1), "{}", pushed.text());
        let found = scene.send(&token, Request::new("GET", "/dicom-web/studies"));
        assert_eq!(found.json().as_array().map(Vec::len), Some(1), "{}", found.text());
        let actor = scene.send(&token, Request::new("GET", "/api/profile")).json()["key"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(actor.len() == 21 && actor.starts_with("oidc:"), "{actor}");
        let chain = scene.server.send(Request::new("GET", "/v1/audit/export")).text();
        assert!(chain.contains(&format!("\"actor\":\"{actor}\"")), "{chain}");
        let said = scene.server.said();
        for name in ["jane", token.as_str(), "clinic.example"] {
            assert!(!chain.contains(name) && !said.contains(name), "{name}");
        }
        assert_eq!(scene.server.send(usage()).status, 200, "keys go on beside");
    }
}

#[test]
fn a_token_opens_the_project_it_claims_and_no_other() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[]);
    told(&scene.server, &["customer", "add", "clinic"]);
    let other =
        told(&scene.server, &["project", "add", "clinic", "trial"])["id"].as_str().unwrap().to_owned();
    let token = |project: &str| scene.issuer.token(&key, "s", project);
    assert_eq!(scene.send(&token(OURS), push(&[ct(1)])).status, 200);
    assert_eq!(scene.send(&token("clinic/trial"), push(&[ct_of_study("2.25.9", 2)])).status, 200);
    let studies = |project: &str| {
        let found = scene.send(&token(project), Request::new("GET", "/dicom-web/studies"));
        let found = found.json();
        let uids = found.as_array().unwrap().iter().map(|study| study["0020000D"]["Value"][0].clone());
        uids.collect::<Vec<Value>>()
    };
    let (ours, theirs) = (studies(OURS), studies("clinic/trial"));
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_ne!(ours, theirs);
    assert_eq!(studies(&other), theirs, "by its id");
    let foreign = format!("/dicom-web/studies/{}/metadata", ours[0].as_str().unwrap());
    assert_eq!(scene.send(&token("clinic/trial"), Request::new("GET", &foreign)).status, 404);
    for project in [
        "clinic/default",
        "default/trial",
        "trial",
        "clinic/",
        "/trial",
        "/",
        "clinic/trial/x",
        "nobody/trial",
    ] {
        assert_eq!(scene.status(&token(project)), 401, "{project}");
    }
}

/// Tokens that are not to be believed, each with a word of the log that says why.
fn bad(issuer: &Issuer, key: &Key) -> Vec<(String, &'static str)> {
    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims("s", OURS);
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = issuer.claims("s", OURS);
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&claims)
    };
    let good = issuer.claims("s", OURS);
    let unsigned =
        |alg: &str| format!("{}.{}.", encode(json!({"alg": alg}).to_string()), encode(good.to_string()));
    let token = key.sign(&good);
    let (head, tail) = (token.split('.').next().unwrap(), token.rsplit('.').next().unwrap());
    let mut greedy = good.clone();
    greedy["veilgate_rights"] = json!(["reidentify"]);
    vec![
        (with("exp", json!(now() - 120)), "it has expired"),
        (with("exp", json!("soon")), "exp, iss, aud or sub is missing"),
        (with("nbf", json!(now() + 120)), "it does not hold yet"),
        (with("aud", json!("another")), "for another audience"),
        (with("aud", json!(["another", "third"])), "for another audience"),
        (with("iss", json!("https://id.example")), "another issuer"),
        (with("iss", json!(format!("{}/", issuer.url))), "another issuer"),
        (without("exp"), "exp, iss, aud or sub is missing"),
        (without("aud"), "exp, iss, aud or sub is missing"),
        (without("iss"), "exp, iss, aud or sub is missing"),
        (without("sub"), "exp, iss, aud or sub is missing"),
        (without("veilgate_project"), "no claim names one project"),
        (with("veilgate_project", json!([OURS, "clinic/trial"])), "no claim names one project"),
        (with("veilgate_project", json!("clinic/nowhere")), "it claims a project that is not there"),
        (unsigned("none"), "no JWT of a known algorithm"),
        (unsigned("None"), "no JWT of a known algorithm"),
        (unsigned("EdDSA"), "its signature"),
        (hs256(&key.public(), &key.id, &good), "an algorithm with a shared secret"),
        (hs256(key.published().to_string().as_bytes(), &key.id, &good), "an algorithm with a shared secret"),
        (Key::ed(&key.id).sign(&good), "its signature"),
        (Key::ec(&key.id).sign(&good), "no key of the issuer that it names"),
        (
            key.sign_as(&json!({"alg": "EdDSA", "kid": "unknown"}), &good),
            "no key of the issuer that it names",
        ),
        (key.sign_as(&json!({"alg": "EdDSA", "kid": key.id, "crit": ["exp"]}), &good), "malformed"),
        (format!("{head}.{}.{tail}", encode(greedy.to_string())), "its signature"),
        (format!("{head}.%%%.{tail}"), "its signature"),
        (with("padding", json!("x".repeat(20_000))), "too long"),
    ]
}

#[test]
fn what_is_not_to_be_believed_is_401_before_the_body_and_tells_nothing_of_the_token() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[]);
    let good = scene.issuer.token(&key, "s", OURS);
    assert_eq!(scene.status(&good), 200);
    let first = scene.send(&format!("{good}x"), usage()).json();
    for (token, why) in bad(&scene.issuer, &key) {
        let answer = scene.send(&token, push(&[large_ct(1, 2_000_000)]).expect_continue());
        assert_eq!(answer.status, 401, "{why}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer realm=\"veilgate\", error=\"invalid_token\"", "{why}");
        assert_eq!(answer.json(), first, "{why}: all are answered alike");
        let said = scene.server.said_at_last(why, 1);
        assert!(!said.contains(&token), "{why}");
    }
    assert!(!scene.server.data().join("archive").read_dir().unwrap().any(|_| true), "nothing was stored");
    assert_eq!(scene.status(&good), 200);
}

#[test]
fn clocks_may_be_a_minute_apart_and_no_more() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[]);
    let with = |name: &str, at: i64| {
        let mut claims = scene.issuer.claims("s", OURS);
        claims[name] = json!(now() + at);
        scene.status(&key.sign(&claims))
    };
    assert_eq!([with("exp", -30), with("nbf", 30)], [200, 200]);
    assert_eq!([with("exp", -90), with("nbf", 90)], [401, 401]);
}

#[test]
fn rsa_signs_in_both_ways_and_its_public_key_is_no_secret_to_sign_with() {
    let Some(mut openssl) = rig::tool("openssl") else { return };
    let made =
        openssl.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = Key::rsa("rsa", &made.stdout);
    let scene = Scene::new(&[&key], &[]);
    let claims = scene.issuer.claims("s", OURS);
    for algorithm in ["RS256", "PS256"] {
        let token = key.sign_as(&json!({"alg": algorithm, "kid": "rsa"}), &claims);
        assert_eq!(scene.status(&token), 200, "{algorithm}");
    }
    let crossed = key.sign_as(&json!({"alg": "RS384", "kid": "rsa"}), &claims);
    assert_eq!(scene.status(&crossed), 401, "signed with another algorithm than it says");
    assert_eq!(scene.status(&hs256(&key.public(), "rsa", &claims)), 401);
    assert_eq!(
        scene.status(&key.sign_as(&json!({"alg": "RS256"}), &claims)),
        200,
        "the only key needs no name"
    );
}

#[test]
fn a_right_comes_from_its_claim_alone() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[("VEILGATE_OIDC_RIGHTS_CLAIM", "realm_access.roles")]);
    let ask = |rights: Value| {
        let mut claims = scene.issuer.claims("s", OURS);
        claims["realm_access"] = json!({"roles": rights});
        claims["veilgate_rights"] = json!(["reidentify"]);
        let request = Request::new("POST", "/v1/reidentify").header("Content-Type", "application/json");
        scene.send(&key.sign(&claims), request.body(json!({"uids": ["2.25.1"]}).to_string())).status
    };
    assert_eq!(ask(json!(["user"])), 403);
    assert_eq!(ask(json!(["user", "reidentify"])), 200);
}

#[test]
fn a_new_key_is_learned_and_an_old_one_forgotten() {
    let (old, new) = (Key::ed("old"), Key::ec("new"));
    let scene = Scene::new(&[&old], &[SOON]);
    let before = scene.issuer.token(&old, "s", OURS);
    assert_eq!(scene.status(&before), 200);
    scene.issuer.publish(&[&new]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(scene.status(&scene.issuer.token(&new, "s", OURS)), 200);
    assert_eq!(scene.status(&before), 401, "its key is published no more");
}

#[test]
fn made_up_keys_do_not_make_it_ask_over_and_over() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[("VEILGATE_OIDC_REFRESH_PAUSE", "1 h")]);
    let claims = scene.issuer.claims("s", OURS);
    std::thread::scope(|scope| {
        for number in 0..20 {
            let token = key.sign_as(&json!({"alg": "EdDSA", "kid": format!("made-up-{number}")}), &claims);
            scope.spawn({
                let scene = &scene;
                move || assert_eq!(scene.status(&token), 401)
            });
        }
    });
    assert_eq!(scene.status(&key.sign(&claims)), 200);
    assert_eq!(scene.issuer.fetches(), 1);
}

#[test]
fn while_the_issuer_is_down_known_keys_go_on_and_others_are_503() {
    let (known, new) = (Key::ed("known"), Key::ed("new"));
    let scene = Scene::new(&[&known], &[SOON]);
    scene.issuer.change(|state| state.is_up = false);
    let token = scene.issuer.token(&known, "s", OURS);
    let answer = scene.send(&token, push(&[ct(1)]).expect_continue());
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{}", answer.text());
    scene.issuer.change(|state| state.is_up = true);
    let until = Instant::now() + Duration::from_secs(10);
    while scene.status(&token) != 200 {
        assert!(Instant::now() < until, "the issuer is up again");
        std::thread::sleep(Duration::from_millis(200));
    }
    scene.issuer.change(|state| state.is_up = false);
    scene.issuer.publish(&[&known, &new]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(scene.status(&scene.issuer.token(&new, "s", OURS)), 503);
    assert_eq!(scene.status(&token), 200);
}

#[test]
fn keys_are_believed_only_by_the_issuers_own_word_within_bounds() {
    let key = Key::ed("one");
    for (change, why) in [
        (|state: &mut issuer::State| state.claims_to_be = Some("https://other.example".to_owned()))
            as fn(&mut _),
        |state: &mut issuer::State| state.names_keys_at = Some("http://192.0.2.1/keys".to_owned()),
        |state: &mut issuer::State| state.names_keys_at = Some("file:///etc/keys".to_owned()),
        |state: &mut issuer::State| state.padding = 300 << 10,
    ]
    .into_iter()
    .zip(["names another issuer", "neither https nor", "neither https nor", "it says too much"])
    {
        let scene = Scene::new(&[&key], &[]);
        scene.issuer.change(change);
        assert_eq!(scene.status(&scene.issuer.token(&key, "s", OURS)), 503, "{why}");
        scene.server.said_at_last(why, 1);
    }
}

#[test]
fn an_issuer_is_believed_under_a_certificate_of_a_trusted_authority_alone() {
    let (key, authority) = (Key::ed("one"), Authority::new());
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), authority.pem()).unwrap();
    let trusting = [("VEILGATE_OIDC_CA_FILE", ca.path().to_str().unwrap())];
    for (settings, status) in [(trusting.as_slice(), 200), (&[], 503)] {
        let scene = Scene::of(Issuer::over_tls(&[&key], &authority), settings);
        assert_eq!(scene.status(&scene.issuer.token(&key, "s", OURS)), status);
    }
}

#[test]
fn each_subject_has_a_rate_of_its_own() {
    let key = Key::ed("one");
    let scene = Scene::new(&[&key], &[("VEILGATE_RATE_ENTERPRISE", "30")]);
    let busy = scene.issuer.token(&key, "busy", OURS);
    let spent = (0..30).any(|_| scene.status(&busy) == 429);
    assert!(spent, "30 requests passed a bucket of 15");
    assert_eq!(
        scene.status(&scene.issuer.token(&key, "busy", OURS)),
        429,
        "another token of the same subject"
    );
    assert_eq!(scene.status(&scene.issuer.token(&key, "other", OURS)), 200);
}

#[test]
fn without_an_issuer_a_token_is_no_key() {
    let key = Key::ed("one");
    let issuer = Issuer::new(&[&key]);
    let server = Server::start();
    let token = format!("Bearer {}", issuer.token(&key, "s", OURS));
    let answer = server.send_bare(usage().header("Authorization", &token));
    assert_eq!(answer.status, 401);
    assert_eq!(issuer.fetches(), 0);
}
