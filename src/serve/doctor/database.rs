//! The database: is it there, is its schema ours, does it take what is written; the master key that opens it, and the
//! audit chains under the key that it holds.

use super::clock::Clocks;
use super::{Finding, PATIENCE};
use crate::config::Config;
use crate::db::account::Installation;
use crate::db::condition::Condition;
use crate::db::{Address, Db, Fault};
use crate::serve::{folder, keeper, master, warden, witness};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

const DATABASE: &str = "database";
const MASTER: &str = "master key";
const AUDIT: &str = "audit key";

/// All that hangs on the database.
pub(super) async fn examine(config: &Config, clocks: &mut Clocks) -> Vec<Finding> {
    let address = folder::address(config);
    if let Address::File(file) = &address
        && !file.is_file()
    {
        return new_file(config, file.exists());
    }
    match timeout(PATIENCE, look(config, &address, clocks)).await {
        Ok(found) => found,
        Err(_) => vec![Finding::fault(DATABASE, "does not answer in time", "look at its server")],
    }
}

/// No file yet: the first start makes it, in the data folder with a key.
fn new_file(config: &Config, is_taken: bool) -> Vec<Finding> {
    if is_taken {
        return vec![Finding::fault(
            DATABASE,
            "its file is no file",
            "move away what is there, or set `database`",
        )];
    }
    let first = Finding::ok(DATABASE, "SQLite, made at the first start");
    match master::files(&config.data).iter().any(|file| file.exists()) {
        // A key without its database: somebody moved or lost one of the two.
        true if config.database.is_none() => vec![Finding::warning(
            DATABASE,
            "is not there, though DATA/master.key is",
            "if there was one put it back; else the next start makes a new one",
        )],
        _ => vec![first],
    }
}

async fn look(config: &Config, address: &Address, clocks: &mut Clocks) -> Vec<Finding> {
    let db = match Db::look_at(address).await {
        Ok(db) => db,
        Err(fault) => return vec![broken(fault)],
    };
    let found = match db.condition().await {
        Ok(condition) => {
            if let Some(millis) = condition.clock.and_then(|it| u64::try_from(it).ok()) {
                clocks.see("the database", SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
            }
            let mut found = as_a_whole(&db, &condition).await;
            if condition.schema > 0 && !condition.is_newer() {
                found.extend(keys(config, &db).await);
            }
            found
        }
        Err(fault) => vec![broken(fault)],
    };
    db.close().await;
    found
}

fn broken(fault: Fault) -> Finding {
    let advice = match fault {
        Fault::Down(_) => "see that its server runs, that `database` names it, and that its disk is not full",
        _ => "check `database`: host, database, user and password, and that they may change the schema",
    };
    Finding::fault(DATABASE, fault.to_string(), advice)
}

async fn as_a_whole(db: &Db, condition: &Condition) -> Vec<Finding> {
    let Condition { product, schema, newest, .. } = condition;
    let doubts = condition.doubts.iter();
    let mut found: Vec<Finding> = doubts
        .map(|(seen, advice)| Finding::warning(DATABASE, format!("{product}: {seen}"), *advice))
        .collect();
    if condition.is_newer() {
        found.push(Finding::fault(
            DATABASE,
            format!("{product}, schema {schema}; this program knows {newest}"),
            "run the newer program that made it",
        ));
    } else if condition.is_old() {
        let advice = "nothing: the next start, or `veilgate db migrate`, does it; keep a backup from before";
        let seen = format!("{product}, schema {schema} is brought to {newest}");
        found.push(if *schema == 0 {
            Finding::ok(DATABASE, seen)
        } else {
            Finding::warning(DATABASE, seen, advice)
        });
    } else if db.is_writable().await {
        found.push(Finding::ok(DATABASE, format!("{product}, schema {schema}, takes what is written")));
    } else {
        let advice = "free its disk, and see that its user may write, and that nobody else holds it locked";
        found.push(Finding::fault(DATABASE, format!("{product}, schema {schema}, takes nothing"), advice));
    }
    found
}

/// The master key, and what it opens.
async fn keys(config: &Config, db: &Db) -> Vec<Finding> {
    const ADVICE: &str = "put back DATA/master.key, or name in master_key_file, the key that this database was made \
        under: without it no pseudonym can be made again";
    let given = config.master_key.clone();
    let is_given = given.is_some();
    let keys = given.map_or_else(|| master::kept(&config.data), |key| vec![key]);
    if keys.is_empty() {
        return vec![Finding::fault(MASTER, "is missing or no key, and the database needs it", ADVICE)];
    }
    for key in &keys {
        match db.present_installation(key).await {
            Ok(Some(installation)) => {
                let place = if is_given { "that the settings name" } else { "in the data folder" };
                let opens = Finding::ok(MASTER, format!("the one {place} opens the database"));
                return vec![opens, chains(config, db, &installation).await];
            }
            Ok(None) => return vec![Finding::ok(MASTER, "is there, for a database that is new")],
            Err(Fault::Sealed) => {}
            Err(fault) => return vec![broken(fault)],
        }
    }
    vec![Finding::fault(MASTER, "does not open the database", ADVICE)]
}

/// The ends of the audit chains, under the key that signs them, beside what was witnessed.
async fn chains(config: &Config, db: &Db, installation: &Installation) -> Finding {
    const ADVICE: &str = "run `veilgate audit verify`; the database may have been set back to an older copy";
    let told = warden::told(&witness::file(&config.data));
    match warden::contradicted(db, &keeper(config, installation), &told).await {
        Ok(chains) if chains.is_empty() => {
            Finding::ok(AUDIT, format!("opens, and {} witnessed chains end as they were signed", told.len()))
        }
        Ok(chains) => Finding::fault(
            AUDIT,
            format!("{} chains are not those that were witnessed", chains.len()),
            ADVICE,
        ),
        Err(fault @ Fault::Down(_)) => broken(fault),
        Err(fault) => Finding::fault(AUDIT, fault.to_string(), ADVICE),
    }
}
