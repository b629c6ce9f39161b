//! `veilgate serve`: reads the settings and hands over to `serve`; tells in its help what they are.

use super::args::ServeArgs;
use super::{Exit, Failure};
use crate::config::{CONFIG_VARIABLE, Config, Mistakes, SETTINGS, Setting};
use crate::serve;

/// Serves until the process is asked to stop.
///
/// # Errors
/// Settings are wrong (usage), or the server cannot start.
pub fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let config = load(args).map_err(|mistakes| Failure::Usage(mistakes.to_string()))?;
    serve::run(config).map_err(|failure| Failure::Machine(failure.to_string()))?;
    Ok(Exit::Done)
}

/// The settings, as these arguments name them.
///
/// # Errors
/// All mistakes together.
pub(super) fn load(args: &ServeArgs) -> Result<Config, Mistakes> {
    let data = args.data.as_ref().map(|data| ("data", data.display().to_string()));
    let listen = args.listen.clone().map(|listen| ("listen", listen));
    let flags: Vec<(&str, String)> = data.into_iter().chain(listen).collect();
    Config::load(args.config.as_deref(), &flags)
}

/// What stands below the arguments in `--help`: the settings, each from the one list.
pub fn help() -> String {
    let settings: String = SETTINGS.iter().map(describe).collect();
    format!(
        "\
Without any setting: makes ./data (0700) with a database, a master key, an archive and a
first API key, which is kept in data/first-api-key, and shown once if this is a terminal.
Prints its URL, and that of its page, when it is ready. SIGTERM and SIGINT let running requests end.

Settings, each from a flag, else the environment, else the file (TOML; dots are tables;
the file's name may also come from {CONFIG_VARIABLE}), else its default:
{settings}
Exit status: 0 stopped on request; 2 wrong usage or settings; 3 could not start.

Examples:
  veilgate serve
  veilgate serve --listen 0.0.0.0:8080 --data /var/lib/veilgate
  VEILGATE_PROFILE=research veilgate serve --config veilgate.toml"
    )
}

fn describe(setting: &Setting) -> String {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let aliases = match setting.aliases {
        [] => String::new(),
        aliases => format!(" [also: {}]", aliases.join(", ")),
    };
    format!("  {}, {}\n      {}{default}{aliases}\n", setting.name, setting.env, setting.help)
}
