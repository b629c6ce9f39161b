//! How commands come to a server's data: its settings, and a runtime to work with its database beside it.

use super::Failure;
use super::args::StoreArgs;
use crate::config::Config;
use crate::db::Fault;
use crate::serve;

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Machine(fault.to_string())
    }
}

impl From<serve::Failure> for Failure {
    fn from(failure: serve::Failure) -> Self {
        Self::Machine(failure.to_string())
    }
}

/// The settings of the server that these data are of.
///
/// # Errors
/// They are wrong (usage).
pub(super) fn settings(args: &StoreArgs) -> Result<Config, Failure> {
    let data = args.data.as_ref().map(|data| ("data", data.display().to_string()));
    let flags: Vec<(&str, String)> = data.into_iter().collect();
    Config::load(args.config.as_deref(), &flags).map_err(|mistakes| Failure::Usage(mistakes.to_string()))
}

/// Runs a command's work to its end.
///
/// # Errors
/// Those of the work, or the system gives no threads.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|_| Failure::Machine("the system gives no threads".to_owned()))?.block_on(work)
}
