//! `usher serve`.

use crate::config::Config;
use crate::config::raw::{RawConfig, with_flags};
use crate::config::settings::ENV_CONFIG;
use crate::{server, telemetry};
use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command, value_parser};
use std::path::PathBuf;

pub(super) fn command() -> Command {
    let command = Command::new("serve").about("Sell").arg(
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .env(ENV_CONFIG)
            .help("Configuration file in TOML"),
    );
    with_flags(command)
}

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let file = matches.get_one::<PathBuf>("config");
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("read the configuration file {}", path.display()))?,
        None => String::new(),
    };
    let file = file.map(|path| (path.as_path(), text.as_str()));
    let raw = RawConfig::gather(file, std::env::vars_os(), matches)?;
    let config = Config::check(&raw)?;
    telemetry::start_logs(&config.log)?;
    actix_web::rt::System::new().block_on(server::serve(config))
}
