//! `veilgate billing`: what an operator has to look at. Selling and telling usage is the server's.

use super::args::BillingCommand;
use super::store::{block_on, settings};
use super::{Exit, Failure, stdio};
use crate::billing::outbox::Parked;
use crate::db::billing::Stuck;
use crate::serve;
use chrono::DateTime;

/// Runs one of the commands below `veilgate billing`.
pub fn run(command: &BillingCommand) -> Result<Exit, Failure> {
    let BillingCommand::Parked(store) = command;
    let config = settings(store)?;
    let parked = block_on(async {
        let db = serve::database_beside(&config).await?;
        let parked = db.parked_usage().await;
        db.close().await;
        Ok(parked?)
    })?;
    stdio::print(&parked.iter().map(line).collect::<String>())?;
    Ok(if parked.is_empty() { Exit::Done } else { Exit::Refused })
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
