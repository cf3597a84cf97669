//! What was said about settings, by whom, as text: flags over environment over file over default.
//!
//! Nothing is checked here but names; [`super::Config`] turns the texts into values once. Every
//! value remembers where it came from, so that a complaint can say what to correct.

use super::ConfigError;
use super::settings::{ENV_CONFIG, ENV_PREFIX, SETTINGS, Setting, find};
use clap::{Arg, ArgMatches, Command};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(String),
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

/// The text of every setting, and where it came from.
#[derive(Debug)]
pub struct RawConfig {
    values: BTreeMap<&'static str, (String, Source)>,
}

impl RawConfig {
    /// Only defaults.
    pub fn defaults() -> Self {
        let values = SETTINGS
            .iter()
            .map(|setting| (setting.key, (setting.default.to_owned(), Source::Default)))
            .collect();
        Self { values }
    }

    /// Everything that was said: the file's text with its name, the environment, the flags.
    pub fn gather(
        file: Option<(&Path, &str)>,
        environment: impl Iterator<Item = (OsString, OsString)>,
        flags: &ArgMatches,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self::defaults();
        if let Some((path, text)) = file {
            raw.read_file(path, text)?;
        }
        raw.read_environment(environment)?;
        for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
            if let Some(text) = flags.get_one::<String>(setting.key) {
                raw.set(setting, text.clone(), Source::Flag);
            }
        }
        Ok(raw)
    }

    /// The text of a setting and what to call it in a complaint.
    ///
    /// # Panics
    /// If the table has no such key: that is a fault of this program.
    pub fn get(&self, key: &str) -> (&str, Named<'_>) {
        let (setting, (text, source)) = find(key)
            .zip(self.values.get(key))
            .unwrap_or_else(|| panic!("the table of settings lacks {key}"));
        (text, Named { setting, source })
    }

    fn set(&mut self, setting: &'static Setting, text: String, source: Source) {
        self.values.insert(setting.key, (text, source));
    }

    fn read_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file = path.display().to_string();
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            ConfigError::File { file: file.clone(), reason: error.to_string() }
        })?;
        self.read_table("", table, &file)
    }

    fn read_table(
        &mut self,
        prefix: &str,
        table: toml::Table,
        file: &str,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            let text = match value {
                toml::Value::Table(inner) => {
                    self.read_table(&format!("{key}_"), inner, file)?;
                    continue;
                }
                toml::Value::String(text) => text,
                toml::Value::Array(items) => join(&key, items, file)?,
                scalar => scalar.to_string(),
            };
            let setting = find(&key).ok_or_else(|| ConfigError::UnknownKey {
                name: key.clone(),
                place: format!("in {file}"),
                hint: nearest(&key),
            })?;
            self.set(setting, text, Source::File(file.to_owned()));
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(ENV_PREFIX)) else {
                continue;
            };
            // No setting: it switches on a bug, in a build that has bugs planted in it.
            let is_switch = cfg!(feature = "planted") && name == "USHER_PLANTED_BUG";
            if name == ENV_CONFIG || is_switch {
                continue;
            }
            let key = name[ENV_PREFIX.len()..].to_ascii_lowercase();
            let setting = find(&key).ok_or_else(|| ConfigError::UnknownKey {
                name: name.to_owned(),
                place: "in the environment".to_owned(),
                hint: nearest(&key),
            })?;
            let text = value.into_string().map_err(|_| ConfigError::BadValue {
                name: name.to_owned(),
                reason: "is not UTF-8".to_owned(),
            })?;
            self.set(setting, text, Source::Environment);
        }
        Ok(())
    }
}

/// A setting as the person who set it called it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    setting: &'static Setting,
    source: &'a Source,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Default => write!(f, "{} (default)", self.setting.key),
            Source::File(file) => write!(f, "{} (in {file})", self.setting.key),
            Source::Environment => f.write_str(&self.setting.env()),
            Source::Flag => write!(f, "--{}", self.setting.flag()),
        }
    }
}

/// Adds a flag for every setting that may have one, and explains the rest.
pub fn with_flags(command: Command) -> Command {
    let secrets: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| format!("  {}\n          {}", setting.env(), setting.help))
        .collect();
    let after = format!(
        "Only by environment or file, since other users see flags:\n{}\n\n\
         Every setting can be given as a flag, in the environment, or in the file (--config, or \
         USHER_CONFIG), where its name has underscores: `listen = \"0.0.0.0:8080\"`. Flags win \
         over the environment, the environment over the file.",
        secrets.join("\n")
    );
    SETTINGS.iter().filter(|setting| !setting.secret).fold(
        command.after_help(after),
        |command, setting| {
            let default = match setting.default {
                "" => String::new(),
                text => format!(" [default: {text}]"),
            };
            command.arg(
                Arg::new(setting.key)
                    .long(setting.flag())
                    .value_name(value_name(setting.key))
                    .help(format!("{}{default} [env: {}]", setting.help, setting.env()))
                    // A negative number is a bad value, not an unknown flag.
                    .allow_hyphen_values(true),
            )
        },
    )
}

fn value_name(key: &str) -> &'static str {
    match key {
        "data_dir" => "DIR",
        "listen" | "ops_listen" => "ADDR",
        "public_url" | "challenge_verify_url" => "URL",
        "cors_origins" => "ORIGINS",
        "tls_cert" | "tls_key" => "FILE",
        "log_format" => "FORMAT",
        "challenge_when" => "WHEN",
        "challenge_method" => "METHOD",
        "challenge_site_key" => "KEY",
        "log_level" => "LEVEL",
        "sandbox_enabled" | "risk_holds" => "BOOL",
        key if key.ends_with("_share") => "SHARE",
        _ => "N",
    }
}

fn join(key: &str, items: Vec<toml::Value>, file: &str) -> Result<String, ConfigError> {
    let texts: Result<Vec<String>, ConfigError> = items
        .into_iter()
        .map(|item| match item {
            toml::Value::String(text) => Ok(text),
            _ => Err(ConfigError::BadValue {
                name: format!("{key} (in {file})"),
                reason: "must be a list of strings".to_owned(),
            }),
        })
        .collect();
    Ok(texts?.join(","))
}

/// A known key that a mistyped one may have meant.
fn nearest(key: &str) -> String {
    let close = SETTINGS
        .iter()
        .map(|setting| (distance(setting.key, key), setting.key))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    close.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default()
}

/// How many letters must be changed, put in or left out to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
