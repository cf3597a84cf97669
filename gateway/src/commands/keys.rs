//! `usher keys`: changing keys without logging anybody out.

use clap::{ArgMatches, Command};

use super::{data_dir, data_dir_arg};
use crate::config::secrets::keys_dir;
use crate::identity::access;

pub(super) fn command() -> Command {
    let rotate = Command::new("rotate")
        .about("Sign access tokens with another key from the next start on")
        .long_about(
            "Makes another key that signs access tokens. What the key of before signed goes on to \
             verify: its public half is kept. Takes effect at the next start of the server.",
        )
        .arg(data_dir_arg());
    Command::new("keys")
        .about("Change keys")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(rotate)
}

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let (_, matches) = matches.subcommand().expect("a subcommand is required");
    let retired = access::rotate(&keys_dir(&data_dir(matches))?)?;
    println!("key {retired} is retired; restart the server, and the new one signs");
    Ok(())
}
