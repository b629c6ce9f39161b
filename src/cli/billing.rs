//! `veilgate billing`: what an operator has to look at. Selling and telling usage is the server's.

use super::args::BillingCommand;
use super::{Exit, Failure, stdio};
use crate::billing::outbox::Parked;
use crate::config::Config;
use crate::db::billing::Stuck;
use crate::db::{self, Db};
use chrono::DateTime;
use std::path::PathBuf;

/// Runs one of the commands below `veilgate billing`.
pub fn run(command: &BillingCommand) -> Result<Exit, Failure> {
    let BillingCommand::Parked { config, data } = command;
    let flags: Vec<_> = data.iter().map(|data| ("data", data.display().to_string())).collect();
    let config = Config::load(config.as_deref(), &flags).map_err(|bad| Failure::Usage(bad.to_string()))?;
    let parked = read(&config).map_err(|fault| Failure::Machine(fault.to_string()))?;
    stdio::print(&parked.iter().map(line).collect::<String>())?;
    Ok(if parked.is_empty() { Exit::Done } else { Exit::Refused })
}

fn read(config: &Config) -> Result<Vec<Stuck>, db::Fault> {
    let missing = |file: &PathBuf| !file.is_file();
    let address = config.database.clone().unwrap_or_else(|| crate::serve::database(&config.data));
    if matches!(&address, db::Address::File(file) if missing(file)) {
        return Err(db::Fault::Missing);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| db::Fault::Failing("the system gives no threads"))?;
    runtime.block_on(async {
        let db = Db::open(&address).await?;
        let parked = db.parked_usage().await;
        db.close().await;
        parked
    })
}

fn line(stuck: &Stuck) -> String {
    let event = &stuck.event;
    let at = DateTime::from_timestamp(event.at, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ");
    let why = match stuck.why {
        Parked::TooOld => "too-old",
        Parked::Doubtful => "doubtful",
        Parked::Refused => "refused",
    };
    format!("{at}\t{}\t{}\t{why}\t{}\n", event.stripe_customer, event.value, event.identifier)
}
