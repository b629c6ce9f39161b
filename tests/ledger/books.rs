//! What the database says, read by SQL beside the gateways.

use crate::support::http::Request;
use crate::support::server::Server;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Row};
use veilgate::audit::chain::{Entry, Sealed};
use veilgate::audit::checkpoint::Signed;
use veilgate::audit::digest::Digest;
use veilgate::audit::key::PublicKey;
use veilgate::audit::report::Report;
use veilgate::audit::value::Id;
use veilgate::audit::verify::Verifier;

pub struct Books {
    runtime: tokio::runtime::Runtime,
    pool: PgPool,
}

impl Books {
    pub fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pool = runtime.block_on(PgPoolOptions::new().max_connections(2).connect(url)).unwrap();
        Self { runtime, pool }
    }

    /// Gives the only customer a quota and a place at Stripe.
    pub fn limit(&self, quota: u64) {
        let update = format!("UPDATE customer SET quota = {quota}, stripe_customer = 'cus_rig'");
        let done = self.runtime.block_on(sqlx::query(AssertSqlSafe(update)).execute(&self.pool));
        assert_eq!(done.unwrap().rows_affected(), 1);
    }

    /// Instances used and reserved.
    pub fn usage(&self) -> (u64, u64) {
        let query = "SELECT CAST(SUM(used) AS BIGINT), CAST(SUM(reserved) AS BIGINT) FROM usage";
        let row = self.runtime.block_on(sqlx::query(query).fetch_one(&self.pool)).unwrap();
        (row.get::<i64, _>(0) as u64, row.get::<i64, _>(1) as u64)
    }

    /// Instances in lines for billing.
    pub fn billed(&self) -> u64 {
        self.number("SELECT CAST(COALESCE(SUM(instances), 0) AS BIGINT) FROM usage_line")
    }

    /// Instances that the chain says were pseudonymized and delivered.
    pub fn done_instances(&self) -> u64 {
        self.number(
            "SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%\"kind\":\"instance\",\"outcome\":\"done\"%'",
        )
    }

    fn number(&self, query: &'static str) -> u64 {
        self.runtime.block_on(sqlx::query_scalar::<_, i64>(query).fetch_one(&self.pool)).unwrap() as u64
    }

    /// Verifies the chain of the only project, and that its head is the last entry.
    pub fn verify(&self, gateway: &Server) -> Report {
        let pem = gateway.send_bare(Request::new("GET", "/.well-known/veilgate-audit-key")).text();
        let mut verifier = Verifier::new(PublicKey::from_pem(&pem).unwrap(), None);
        let head = "SELECT project_id, checkpoint FROM audit_head WHERE project_id <> 'gateway'";
        let head = self.runtime.block_on(sqlx::query(head).fetch_one(&self.pool)).unwrap();
        let project: String = head.get(0);
        verifier.begin(&Id::new(project.as_str()).unwrap(), PublicKey::from_pem(&pem).unwrap().id());
        let query = "SELECT hash, body FROM audit_entry WHERE project_id = $1 ORDER BY sequence";
        let rows = self.runtime.block_on(sqlx::query(query).bind(&project).fetch_all(&self.pool)).unwrap();
        for row in rows {
            let (hash, body): (String, String) = (row.get(0), row.get(1));
            let body = Entry::parse(&body).unwrap();
            verifier.entry(&Sealed { body, hash: Digest::from_hex(&hash).unwrap() });
        }
        verifier.close(&Signed::parse(&head.get::<String, _>(1)).unwrap());
        verifier.finish()
    }
}
