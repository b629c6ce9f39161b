//! `veilgate serve`: reads the settings and hands over to `serve`.

use super::args::ServeArgs;
use super::{Exit, Failure};
use crate::config::Config;
use crate::serve;

/// Serves until the process is asked to stop.
///
/// # Errors
/// Settings are wrong (usage), or the server cannot start.
pub fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let data = args.data.as_ref().map(|data| ("data", data.display().to_string()));
    let listen = args.listen.clone().map(|listen| ("listen", listen));
    let flags: Vec<(&str, String)> = data.into_iter().chain(listen).collect();
    let config = Config::load(args.config.as_deref(), &flags)
        .map_err(|mistakes| Failure::Usage(mistakes.to_string()))?;
    serve::run(config).map_err(|failure| Failure::Machine(failure.to_string()))?;
    Ok(Exit::Done)
}
