//! The built gateway and the stand-in for Stripe, each knowing the other; what tests do to both, and what the gateway's
//! database says.
// Each test binary compiles this file whole and uses a part of it.
#![allow(dead_code)]

use crate::support::http::{Request, Response};
use crate::support::multipart::{self, Part};
use crate::support::rig::{StripeStand, stripe};
use crate::support::samples;
use crate::support::server::{Server, postgres_for};
use crate::support::syntax::EXPLICIT_LE;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use veilgate::db::account::Tier;
use veilgate::db::usage::{Month, Quotas, Usage};
use veilgate::db::{Address, Db};

pub const SECRET: &str = "whsec_rig";
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const DAY: i64 = 86_400;

/// A gateway that sells, on a data folder that outlasts it.
pub struct Stage {
    pub stand: StripeStand,
    pub server: Option<Server>,
    folder: tempfile::TempDir,
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Both, with a customer on the tier free; None where the stand-in cannot run.
pub fn stage() -> Option<Stage> {
    let stand = stripe("http://127.0.0.1:9/", SECRET)?;
    for (id, interval) in [("price_m", "month"), ("price_a", "year")] {
        let form = format!(
            "id={id}&currency=eur&unit_amount=9900&recurring[interval]={interval}&product_data[name]=v"
        );
        stand.ask("POST", "/v1/prices", FORM, &form);
    }
    let meter = "display_name=i&event_name=veilgate_instances&default_aggregation[formula]=sum";
    stand.ask("POST", "/v1/billing/meters", FORM, meter);
    let mut stage = Stage { stand, server: None, folder: tempfile::tempdir().unwrap() };
    stage.start();
    stage.sql("UPDATE customer SET tier = 'free'");
    Some(stage)
}

impl Stage {
    /// Start the gateway, again on the same data, and tell the stand-in where it is.
    pub fn start(&mut self) {
        let environment = [
            ("STRIPE_API_KEY", "sk_test_rig"),
            ("STRIPE_PRICE_ID", "price_m"),
            ("STRIPE_PRICE_ID_ANNUAL", "price_a"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_next,whsec_rig"),
            ("VEILGATE_BILLING_BASE_URL", &self.stand.url),
            ("VEILGATE_BILLING_METER_TIME", "100 ms"),
        ];
        let server = Server::on(&self.data(), &[], &environment);
        let hook = json!({ "url": format!("{}/v1/billing/webhook", server.url), "secret": SECRET });
        self.control("/_config/webhooks/cli", &hook);
        self.server = Some(server);
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Run a command on the gateway's data.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.args(arguments).arg("--data").arg(self.data());
        if let Some(url) = postgres_for(&self.data()) {
            command.env("VEILGATE_DATABASE", url);
        }
        command.env_remove("VEILGATE_TEST_DATABASE").output().unwrap()
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub fn control(&self, path: &str, what: &Value) -> Value {
        self.stand.ask("POST", path, "application/json", &what.to_string())
    }

    pub fn post(&self, path: &str, body: &Value) -> Response {
        let request = Request::new("POST", path).header("Content-Type", "application/json");
        self.server().send(request.body(body.to_string()))
    }

    pub fn checkout(&self, more: Value) -> Response {
        let mut order =
            json!({ "success_url": "https://clinic.example/paid", "cancel_url": "https://clinic.example/" });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/billing/checkout-session", &order)
    }

    /// Pay on the page of a checkout.
    pub fn pay(&self, ordered: &Response) {
        assert_eq!(ordered.status, 200, "{}", ordered.text());
        let page = ordered.json()["checkout_url"].as_str().unwrap().to_owned();
        let page = Request::new("POST", page.strip_prefix(&self.stand.url).unwrap()).body("do=pay");
        assert_eq!(page.send(self.stand.url.trim_start_matches("http://")).unwrap().status, 303);
    }

    /// The only subscription at the stand-in that is not cancelled.
    pub fn subscription(&self) -> Value {
        let all = self.stand.ask("GET", "/v1/subscriptions", FORM, "");
        all["data"].as_array().unwrap().iter().find(|it| it["status"] != "canceled").unwrap().clone()
    }

    /// Deliver an event of this type, signed as Stripe does; its answer.
    pub fn deliver(&self, id: &str, created: i64, kind: &str, object: &Value) -> Response {
        let event = json!({ "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object } });
        self.deliver_raw(event.to_string().as_bytes(), SECRET)
    }

    pub fn deliver_raw(&self, body: &[u8], secret: &str) -> Response {
        let header = signature(secret, body);
        let request = Request::new("POST", "/v1/billing/webhook").header("Stripe-Signature", &header);
        self.server().send_bare(request.body(body))
    }

    /// The customer's month as the gateway counts it, and its tier.
    pub fn usage(&self) -> Usage {
        let quotas = Quotas { free: Some(50), pro: Some(10_000), enterprise: None };
        let customer = self.customer();
        run(async {
            let address = match postgres_for(&self.data()) {
                Some(url) => Address::Postgres(url),
                None => Address::File(self.data().join("veilgate.db")),
            };
            let db = Db::open(&address).await.unwrap();
            let usage = db.usage(&quotas, &customer, &Month::now()).await.unwrap();
            db.close().await;
            usage
        })
    }

    pub fn customer(&self) -> String {
        run(async {
            let pool = self.pool().await;
            let id = sqlx::query_scalar("SELECT id FROM customer").fetch_one(&pool).await.unwrap();
            pool.close().await;
            id
        })
    }

    async fn pool(&self) -> sqlx::AnyPool {
        sqlx::any::install_default_drivers();
        let file = || format!("sqlite://{}", self.data().join("veilgate.db").display());
        let url = postgres_for(&self.data()).unwrap_or_else(file);
        sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&url).await.unwrap()
    }

    pub fn wait_for(&self, tier: Tier) {
        self.wait(&format!("the tier {}", tier.word()), 20, || self.usage().tier == tier);
    }

    pub fn wait(&self, what: &str, seconds: u64, mut there: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(seconds);
        while !there() {
            assert!(Instant::now() < until, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Run a statement on the gateway's database.
    pub fn sql(&self, statement: &'static str) {
        run(async {
            let pool = self.pool().await;
            sqlx::query(statement).execute(&pool).await.unwrap();
            pool.close().await;
        });
    }

    pub fn number(&self, query: &'static str) -> i64 {
        run(async {
            let pool = self.pool().await;
            let number = sqlx::query_scalar(query).fetch_one(&pool).await.unwrap();
            pool.close().await;
            number
        })
    }

    /// Push so many instances in one request.
    pub fn push(&self, instances: u32) -> std::io::Result<Response> {
        push(self.server().address(), &self.server().key, instances)
    }

    /// What the meter at Stripe says.
    pub fn metered(&self, customer: &str) -> u64 {
        let totals = self.stand.ask("GET", "/_test/meter", FORM, "");
        totals["veilgate_instances"][customer].as_f64().unwrap_or(0.0) as u64
    }
}

pub fn push(address: &str, key: &str, instances: u32) -> std::io::Result<Response> {
    let parts: Vec<Part> =
        (0..instances).map(|number| Part::dicom(samples::ct(EXPLICIT_LE, number + 1).write())).collect();
    Request::new("POST", "/dicom-web/studies")
        .header("X-API-Key", key)
        .header("Accept", "multipart/related; type=\"application/dicom\"")
        .header("Content-Type", "multipart/related; type=\"application/dicom\"; boundary=b")
        .body(multipart::write(&parts, "b", "\r\n"))
        .send(address)
}

pub fn signature(secret: &str, body: &[u8]) -> String {
    let time = now();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect();
    format!("t={time},v1={hex}")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
