//! Where settings come from: file, environment, flags; flags win over the environment,
//! the environment over the file. What a value means is `super`.

use super::setting::Setting;
use super::settings::SETTINGS;
use super::{Mistake, Mistakes};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The texts of all settings that somebody set, by name, and what is wrong so far.
pub(super) struct Sources {
    texts: BTreeMap<&'static str, (String, String)>,
    pub(super) mistakes: Mistakes,
}

impl Sources {
    /// Reads the three sources. `environment` may hold foreign variables.
    pub(super) fn read(
        file: Option<&str>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Self {
        let mut sources = Self { texts: BTreeMap::new(), mistakes: Mistakes::default() };
        if let Some(text) = file {
            sources.file(text);
        }
        // The most direct name last, so that it holds.
        let mut variables: Vec<_> = environment.map(|(name, text)| (named_by(&name), name, text)).collect();
        variables.sort_by_key(|(found, ..)| std::cmp::Reverse(found.map(|(_, rank)| rank)));
        for (found, variable, text) in variables {
            sources.variable(found, variable, text);
        }
        for (name, text) in flags {
            sources.put(name, (*name).to_owned(), text.clone());
        }
        sources
    }

    /// The text of a setting, its default if nobody set it.
    pub(super) fn text(&self, name: &str) -> &str {
        let default = || setting(name).map(|setting| setting.default).unwrap_or_default();
        self.texts.get(name).map_or_else(default, |(_, text)| text)
    }

    /// Reads a setting through `parse`; a mistake is noted and answered by the default.
    pub(super) fn take<T: Default>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let parsed = parse(self.text(name));
        parsed.unwrap_or_else(|mistake| {
            self.wrong(name, mistake);
            T::default()
        })
    }

    /// The files that are named as such that hold a secret.
    pub(super) fn secret_files(&self) -> Vec<(&'static str, PathBuf)> {
        let named = SETTINGS.iter().map(|setting| (setting.name, self.text(setting.name)));
        let secret = |name: &str| {
            let direct = name.strip_suffix("_file").and_then(setting);
            direct.is_some_and(|direct| direct.secret) || name.ends_with("key_file")
        };
        let files = named.filter(|(name, file)| secret(name) && !file.is_empty());
        files.map(|(name, file)| (name, PathBuf::from(file))).collect()
    }

    /// Notes a mistake about a setting; the value of a secret is left out.
    pub(super) fn wrong(&mut self, name: &str, text: String) {
        let text = match setting(name) {
            Some(setting) if setting.secret => "its value cannot be used".to_owned(),
            _ => text,
        };
        let place = self.place(name);
        self.mistakes.0.push(Mistake { place, text });
    }

    /// Notes what a secret must be: a text that is the same whatever its value.
    pub(super) fn wrong_secret(&mut self, name: &str, must: &'static str) {
        let place = self.place(name);
        self.mistakes.0.push(Mistake { place, text: must.to_owned() });
    }

    /// Where a setting was found.
    fn place(&self, name: &str) -> String {
        self.texts.get(name).map_or_else(|| name.to_owned(), |(place, _)| place.clone())
    }

    fn file(&mut self, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.table("", &table),
            Err(error) => {
                // The excerpt of a TOML error would show secrets: message and place only.
                let line =
                    error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count());
                let place = format!("configuration file, line {}", line.max(1));
                self.mistakes.0.push(Mistake { place, text: "is not TOML".to_owned() });
            }
        }
    }

    fn table(&mut self, prefix: &str, table: &toml::Table) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => self.table(&format!("{name}."), inner),
                value => match scalar(value) {
                    Some(text) => self.put(&name, format!("configuration file, {name}"), text),
                    None => self.unknown(&name, "must be a text, a number, true, false or a list of texts"),
                },
            }
        }
    }

    fn variable(&mut self, found: Option<(&'static Setting, usize)>, variable: String, text: String) {
        match found {
            // An alias is another program's variable too: an empty one says nothing.
            Some((_, 1..)) if text.is_empty() => {}
            Some((setting, _)) => self.put(setting.name, variable, text),
            None if variable.starts_with("VEILGATE_") && !super::OTHERS.contains(&variable.as_str()) => {
                self.unknown(&variable, "no such setting");
            }
            None => {}
        }
    }

    fn put(&mut self, name: &str, place: String, text: String) {
        match setting(name) {
            Some(setting) => {
                self.texts.insert(setting.name, (place, text));
            }
            None => self.unknown(&place, "no such setting"),
        }
    }

    fn unknown(&mut self, place: &str, text: &str) {
        self.mistakes.0.push(Mistake { place: place.to_owned(), text: text.to_owned() });
    }
}

fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The setting that an environment variable names, and how directly.
fn named_by(variable: &str) -> Option<(&'static Setting, usize)> {
    SETTINGS.iter().find_map(|setting| setting.named_by(variable).map(|rank| (setting, rank)))
}

/// Scalars as text; lists of texts one entry a line.
fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(entries) => {
            let entries: Option<Vec<&str>> = entries.iter().map(toml::Value::as_str).collect();
            entries.map(|entries| entries.join("\n"))
        }
        _ => None,
    }
}
