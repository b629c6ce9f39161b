//! The commands about customers, projects and keys: they work on the server's database, also beside a running server.
//! Here, how they come to it, and how results are shown.

mod customer;
mod erase;
mod key;
mod project;
mod pseudonyms;
mod store;

pub use customer::run as customer;
pub use key::run as key;
pub use project::run as project;
pub use store::{db, master_key};

use super::args::{AccountArgs, StoreArgs};
use super::store::{block_on, settings};
use super::{Exit, Failure, stdio};
use crate::config::Config;
use crate::db::account::{Hand, is_ahead, moment};
use crate::db::seal::MasterKey;
use crate::db::{Db, Fault};
use crate::serve;
use serde::Serialize;
use serde_json::Value;

/// The database, opened by an operator.
struct Desk {
    config: Config,
    db: Db,
    master: MasterKey,
    hand: Hand,
}

/// Works at the database until `work` is done.
fn at_desk<T>(store: &StoreArgs, work: impl AsyncFnOnce(&Desk) -> Result<T, Failure>) -> Result<T, Failure> {
    let config = settings(store)?;
    block_on(async {
        let db = serve::database_beside(&config).await?;
        let (installation, master) = serve::unlock_beside(&config, &db).await?;
        let hand = Hand::operator(serve::keeper(&config, &installation));
        let desk = Desk { config, db, master, hand };
        let done = work(&desk).await;
        desk.db.close().await;
        done
    })
}

/// A fault of what was asked, or of the database.
pub(super) fn wrong(called: &str, fault: Fault) -> Failure {
    match fault {
        Fault::Missing
        | Fault::Exists
        | Fault::Ambiguous
        | Fault::Name
        | Fault::Ended
        | Fault::Destroyed
        | Fault::NoDownstream
        | Fault::BehindVeil
        | Fault::NoVeil => Failure::Usage(format!("{called}: {fault}")),
        fault => Failure::Machine(fault.to_string()),
    }
}

fn moment_of(flag: &str, text: Option<&String>) -> Result<Option<i64>, Failure> {
    let wrong = || Failure::Usage(format!("{flag}: give 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h or 5m"));
    text.map(|text| moment(text).ok_or_else(wrong)).transpose()
}

/// When a new key is to end: not before it was made.
fn end_of(flag: &str, text: Option<&String>) -> Result<Option<i64>, Failure> {
    let past = || Failure::Usage(format!("{flag}: that is past, so the key would open nothing"));
    let end = moment_of(flag, text)?;
    if end.is_none_or(is_ahead) { Ok(end) } else { Err(past()) }
}

fn value(entry: &impl Serialize) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}

/// Prints one entry: its members, one a line, or as JSON.
fn show(common: &AccountArgs, entry: &Value) -> Result<Exit, Failure> {
    if common.json {
        return json(entry);
    }
    let members = entry.as_object().into_iter().flatten();
    let lines: String = members.map(|(name, value)| format!("{:<18}{}\n", name, cell(value))).collect();
    stdio::print(&lines)?;
    Ok(Exit::Done)
}

/// Prints entries: a line each with these members, or all as JSON below `name`.
fn list(
    common: &AccountArgs,
    name: &str,
    entries: &[impl Serialize],
    members: &[&str],
) -> Result<Exit, Failure> {
    let entries: Vec<Value> = entries.iter().map(value).collect();
    if common.json {
        return json(&Value::from_iter([(name.to_owned(), Value::from(entries))]));
    }
    let head: Vec<String> = members.iter().map(|member| member.to_uppercase()).collect();
    let rows = entries.iter().map(|entry| {
        members.iter().map(|member| cell(entry.get(*member).unwrap_or(&Value::Null))).collect::<Vec<_>>()
    });
    stdio::print(&table(std::iter::once(head).chain(rows).collect()))?;
    Ok(Exit::Done)
}

fn table(rows: Vec<Vec<String>>) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// The first line of a text, what stands in a list, `-` for nothing.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => match text.split_once('\n') {
            Some((first, _)) => format!("{first} …"),
            None if text.is_empty() => "-".to_owned(),
            None => text.clone(),
        },
        Value::Array(all) if all.is_empty() => "-".to_owned(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn json(value: &Value) -> Result<Exit, Failure> {
    stdio::print(&format!("{value:#}\n"))?;
    Ok(Exit::Done)
}
