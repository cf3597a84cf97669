//! What the `usher` binary can be told to do.
//!
//! ```text
//!   usher serve            sell
//!   usher journal verify   read the journal, change nothing, say where it is damaged
//!   usher journal cut      give up what lies behind the damage, with the server stopped
//!   usher backup           copy a stopped server's data (a running one: POST /ops/v1/backup)
//!   usher restore          bring a backup into an empty data directory
//!   usher keys rotate      sign access tokens with another key from the next start on
//! ```

mod backup;
mod journal;
mod keys;
mod serve;

use crate::config::settings;
use clap::{Arg, ArgMatches, Command, value_parser};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs what the command line asks for, and says how it ended.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    match dispatch(&matches) {
        Ok(code) => code,
        Err(error) => {
            // One line per cause, so that the name of a setting or file is never cut off.
            eprintln!("usher: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The whole command line.
pub fn command() -> Command {
    Command::new("usher")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sells tickets when everybody wants one at the same second")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve::command())
        .subcommand(journal::command())
        .subcommand(backup::backup_command())
        .subcommand(backup::restore_command())
        .subcommand(keys::command())
}

fn dispatch(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches).map(|()| ExitCode::SUCCESS),
        Some(("journal", matches)) => journal::run(matches),
        Some(("backup", matches)) => backup::run_backup(matches).map(|()| ExitCode::SUCCESS),
        Some(("restore", matches)) => backup::run_restore(matches).map(|()| ExitCode::SUCCESS),
        Some(("keys", matches)) => keys::run(matches).map(|()| ExitCode::SUCCESS),
        other => unreachable!("the command line allows no {other:?}"),
    }
}

/// The data directory, called as `serve` calls it.
fn data_dir_arg() -> Arg {
    let setting = settings::find("data_dir").expect("the table has it");
    Arg::new(setting.key)
        .long(setting.flag())
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .env(setting.env())
        .default_value(setting.default)
        .help(setting.help)
}

fn data_dir(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("data_dir").expect("it has a default").clone()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
