//! `usher journal verify` and `usher journal cut`: for the operator at ten past ten.

use super::data_dir_arg;
use anyhow::{Context as _, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;
use std::process::ExitCode;
use usher_persistence::DataDir;
use usher_persistence::check::{self, GenerationReport, StoreVerdict, VerifyReport};

/// The exit code when the journal is damaged.
const EXIT_DAMAGED: u8 = 2;

pub(super) fn command() -> Command {
    let verify = Command::new("verify")
        .about("Read the whole journal, change nothing, and say where it is damaged (exit code 2)")
        .arg(data_dir_arg())
        .arg(
            Arg::new("scratch")
                .long("scratch")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Also copy each generation to this directory and let sled open the copy"),
        );
    let cut = Command::new("cut")
        .about("End the journal behind its last good record; what is given up is kept aside")
        .arg(data_dir_arg())
        .arg(
            Arg::new("at")
                .long("at")
                .value_name("SEQUENCE")
                .value_parser(value_parser!(u64))
                .help("End behind this record instead"),
        )
        .arg(
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Do it; without this, only say what would be given up"),
        );
    Command::new("journal")
        .about("Look at the journal of a stopped server, or cut it")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(verify)
        .subcommand(cut)
}

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match matches.subcommand() {
        Some(("verify", matches)) => {
            let scratch = matches.get_one::<PathBuf>("scratch");
            let report = check::verify(&data_dir(matches).journal(), scratch.map(PathBuf::as_path))
                .context("read the journal")?;
            print_report(&report);
            Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DAMAGED) })
        }
        Some(("cut", matches)) => cut(matches),
        other => unreachable!("the command line allows no {other:?}"),
    }
}

fn cut(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let journal = data_dir(matches).journal();
    let at = matches.get_one::<u64>("at").copied();
    let report = check::verify(&journal, None).context("read the journal")?;
    let last = at.unwrap_or(report.good_seq);
    if let Some(acknowledged) = report.acknowledged.filter(|acknowledged| *acknowledged > last) {
        println!(
            "records {} to {acknowledged} were acknowledged: holds, orders or payments in them \
             will be gone, though buyers were told otherwise",
            last + 1
        );
    }
    if !matches.get_flag("yes") {
        print_report(&report);
        bail!("nothing was changed; `--yes` cuts behind record {last}");
    }
    let report = check::cut(&journal, at)?;
    println!("the journal ends with record {}", report.last_seq);
    for dir in &report.put_aside {
        println!("put aside: {}", dir.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn data_dir(matches: &ArgMatches) -> DataDir {
    DataDir::new(super::data_dir(matches))
}

fn print_report(report: &VerifyReport) {
    for generation in &report.generations {
        print_generation(generation);
    }
    if !report.unreachable.is_empty() {
        let numbers: Vec<_> = report.unreachable.iter().map(|g| g.0.to_string()).collect();
        println!("cannot be reached behind the damage: generation {}", numbers.join(", "));
    }
    match report.acknowledged {
        Some(acknowledged) => println!("acknowledged at least up to record {acknowledged}"),
        None => println!("nothing was acknowledged"),
    }
    match &report.damage {
        Some((place, damage)) => println!("DAMAGED at {place}: {damage}"),
        None => println!("whole up to record {}", report.good_seq),
    }
}

fn print_generation(generation: &GenerationReport) {
    println!(
        "generation {}: records {} to {}, {} bytes",
        generation.generation.0, generation.first_seq, generation.last_seq, generation.bytes
    );
    if let Some(torn) = generation.torn {
        println!(
            "  an unfinished batch from record {} on, {} of {} parts: starting cuts it off",
            torn.first_seq, torn.chunks, torn.chunks_expected
        );
    }
    match &generation.store {
        StoreVerdict::NotTried => {}
        StoreVerdict::Opens { last_seq } => println!("  sled opens it, up to record {last_seq}"),
        StoreVerdict::Refuses { reason } => println!("  sled does not open it: {reason}"),
    }
}
