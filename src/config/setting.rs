//! What a setting is: its names, its default, its help. Which ones there are is `settings`.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in the file; a dot stands for a TOML table.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Other environment variables that hold if that one is not set, the first first: names that other programs use.
    pub aliases: &'static [&'static str],
    /// What holds if nobody says otherwise; empty for "not set".
    pub default: &'static str,
    /// What it does, for `--help` and the README.
    pub help: &'static str,
    /// Its value is a secret and is never printed.
    pub secret: bool,
}

pub(super) const fn plain(
    name: &'static str,
    env: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, env, aliases: &[], default, help, secret: false }
}

pub(super) const fn secret(name: &'static str, env: &'static str, help: &'static str) -> Setting {
    Setting { name, env, aliases: &[], default: "", help, secret: true }
}

impl Setting {
    /// The same, also under other variables.
    pub(super) const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// How directly a variable names this setting: 0 by its own, more by an alias; `None` if it does not.
    pub(super) fn named_by(&self, variable: &str) -> Option<usize> {
        let mut names = std::iter::once(&self.env).chain(self.aliases);
        names.position(|name| *name == variable)
    }
}

/// Two lists as one, which has room for `ALL`: as many as both hold.
pub(super) const fn join<const ALL: usize>(first: &[Setting], second: &[Setting]) -> [Setting; ALL] {
    let mut joined = [plain("", "", "", ""); ALL];
    let mut room: &mut [Setting] = &mut joined;
    let mut lists: &[&[Setting]] = &[first, second];
    while let Some((list, others)) = lists.split_first() {
        let mut list = *list;
        while let Some((setting, rest)) = list.split_first() {
            let Some((place, more)) = room.split_first_mut() else { return joined };
            *place = *setting;
            (list, room) = (rest, more);
        }
        lists = others;
    }
    joined
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::SETTINGS;

    #[test]
    fn an_environment_variable_follows_from_the_name_of_its_setting() {
        for setting in SETTINGS {
            let name = setting.name.to_uppercase().replace('.', "_");
            assert_eq!(setting.env, format!("VEILGATE_{name}"), "{}", setting.name);
        }
    }

    #[test]
    fn a_secret_has_no_default_and_every_help_is_a_sentence() {
        for setting in SETTINGS {
            assert!(!setting.secret || setting.default.is_empty(), "{}", setting.name);
            assert!(setting.help.ends_with('.'), "{}", setting.name);
        }
    }
}
