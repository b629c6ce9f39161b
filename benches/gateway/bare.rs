//! The store handler without any layer: what the layers' cost is measured against.

use axum::Extension;
use std::sync::Arc;
use std::time::Duration;
use veilgate::api::{self, Service, Vault};
use veilgate::archive::{Archive, Site};
use veilgate::audit::key::SigningKey;
use veilgate::budget::Budget;
use veilgate::db::account::{Rights, Source, Tier};
use veilgate::db::chain::Keeper;
use veilgate::db::crosswalk::Crosswalk;
use veilgate::db::seal::{Keyring, MasterKey};
use veilgate::db::usage::Quotas;
use veilgate::db::{Address, Db};
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::destination::{Packing, Target};
use veilgate::dicom::instance::Limits;
use veilgate::dicomweb::links::Links;
use veilgate::layer::context::{Allowance, Caller};
use veilgate::origin::{ArchiveOrigin, Decoders};
use veilgate::spool::Spools;

/// Serves on a free port, told on standard output, until killed.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("folder");
        let db = Db::open(&Address::File(folder.path().join("db"))).await.expect("database");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        println!("ready {}", listener.local_addr().expect("address"));
        let caller = caller(folder.path(), &db);
        let service = service(folder.path(), db);
        let app = api::metered(service).layer(Extension(caller)).layer(Extension(Allowance::unlimited()));
        axum::serve(listener, app).await.expect("serve");
    });
}

fn service(folder: &std::path::Path, db: Db) -> Arc<Service> {
    let budget = Budget::new(1 << 29);
    Arc::new(Service {
        archive: archive(folder, &db),
        db,
        keys: Keyring::new(MasterKey::new([7; 32]), Vec::new),
        keeper: Keeper::new(SigningKey::from_seed(&[7; 32]), 1000, Duration::from_secs(600)),
        quotas: Quotas { free: None, pro: None, enterprise: None },
        links: Links::new("http://localhost/dicom-web").expect("links"),
        limits: Limits::default(),
        instance: 1 << 34,
        parts: 100_000,
        metadata: 1 << 28,
        spools: Spools::new(1 << 24, folder.to_owned(), budget.clone()),
        budget,
        vault: Vault { request: 1 << 31, files: 1000, packing: Packing::Fast },
        lenient_accept: true,
        store_warning: false,
        choose: false,
        #[cfg(feature = "billing")]
        billing: None,
    })
}

fn archive(folder: &std::path::Path, db: &Db) -> Archive {
    Archive::open(&Site::Folder(folder.to_owned()), db.clone()).expect("archive")
}

fn caller(folder: &std::path::Path, db: &Db) -> Caller {
    let plan = Plan::new(&Profile::preset("basic").expect("preset"));
    Caller {
        customer: "bench".to_owned(),
        project: "bench".to_owned(),
        key: "bench".to_owned(),
        tier: Tier::Enterprise,
        rate: None,
        rights: Rights::default(),
        engine: Engine::new(plan, &ProjectKey::from_bytes([7; 32])),
        crosswalk: Crosswalk::new(db.clone(), "bench", &ProjectKey::from_bytes([7; 32])),
        keeps_pushed: true,
        target: Target::Archive(archive(folder, db)),
        origin: Arc::new(ArchiveOrigin::new(archive(folder, db), db.clone(), "bench", Decoders::default())),
        source: Source::Archive,
    }
}
