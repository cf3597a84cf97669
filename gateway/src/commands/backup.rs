//! `usher backup` and `usher restore`.
//!
//! A running server makes its own backup, below its data directory and nowhere else; this asks it
//! to and moves the result. A stopped one's data is copied from here.

use super::{data_dir, data_dir_arg};
use crate::config::secrets::read_private;
use anyhow::{Context as _, bail, ensure};
use clap::{Arg, ArgMatches, Command, value_parser};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};
use usher_persistence::check::{self, BackupReport};
use usher_persistence::{
    DataDir, FileSnapshots, Journal as _, JournalError, PlanStore, SledJournal, SledOptions,
};
use usher_wire::{BackupAnswer, BackupRequest, Problem};

/// Snapshots that opening keeps; see `FileSnapshots`.
const SNAPSHOTS_KEPT: usize = 2;

pub(super) fn backup_command() -> Command {
    Command::new("backup")
        .about("Copy everything but the keys into a new directory, while the server sells or not")
        .arg(data_dir_arg())
        .arg(
            Arg::new("ops")
                .long("ops")
                .value_name("ADDR")
                .value_parser(value_parser!(SocketAddr))
                .default_value("127.0.0.1:9090")
                .help("Operators' address of the running server, if there is one"),
        )
        .arg(dir_arg("to", "A directory that is empty or does not exist yet"))
        .after_help(KEYS_HELP)
}

pub(super) fn restore_command() -> Command {
    Command::new("restore")
        .about("Bring a backup into a data directory that is empty or does not exist yet")
        .arg(data_dir_arg())
        .arg(dir_arg("from", "The backup"))
        .after_help(KEYS_HELP)
}

const KEYS_HELP: &str = "Keys (DATA_DIR/keys) are not in a backup, since a destroyed key would live \
                         on in it. Keep a copy of them apart: without them, ids, tickets and \
                         contacts of the time before cannot be read.";

pub(super) fn run_backup(matches: &ArgMatches) -> anyhow::Result<()> {
    let data = DataDir::new(data_dir(matches));
    let to = dir(matches, "to")?;
    let options = SledOptions::new(data.journal());
    if !data.journal().is_dir() {
        bail!("{} is no data directory: it has no journal", data.root().display());
    }
    let (journal, _) = match SledJournal::open(options) {
        Ok(opened) => opened,
        Err(JournalError::InUse(_)) => {
            let address = matches.get_one::<SocketAddr>("ops").expect("it has a default");
            return ask_server(*address, &data, &to);
        }
        Err(error) => return Err(error).context("open the journal"),
    };
    let snapshots = FileSnapshots::open(data.snapshots(), SNAPSHOTS_KEPT)?;
    let plans = PlanStore::open(data.plans())?;
    let report = check::backup(journal.reader().as_ref(), &snapshots, &plans, &to)?;
    print_report(&report, &to);
    println!("keys are not in it: keep a copy of {} apart", data.keys().display());
    Ok(())
}

pub(super) fn run_restore(matches: &ArgMatches) -> anyhow::Result<()> {
    let data = data_dir(matches);
    let report = check::restore(&dir(matches, "from")?, &data)?;
    print_report(&report, &data);
    let keys = DataDir::new(&data).keys();
    println!("before you start the server, copy the keys to {}", keys.display());
    Ok(())
}

/// Has the running server make the backup, with its operator key.
fn ask_server(address: SocketAddr, data: &DataDir, to: &Path) -> anyhow::Result<()> {
    let key = match std::env::var("USHER_OPERATOR_KEY") {
        Ok(key) => key,
        Err(_) => read_private(&data.keys().join("operator_key"))?
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .context("the server is running; asking it needs USHER_OPERATOR_KEY")?,
    };
    refuse_used(to)?;
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer: BackupAnswer = runtime.block_on(async {
        let response = reqwest::Client::new()
            .post(format!("http://{address}/ops/v1/backup"))
            .bearer_auth(key.trim())
            .json(&BackupRequest::default())
            .send()
            .await
            .with_context(|| format!("ask the running server at {address} (--ops)"))?;
        if response.status().is_success() {
            return response.json().await.context("read its answer");
        }
        let problem: Problem = response.json().await.context("read its answer")?;
        bail!("{}: {}", problem.code, problem.detail.unwrap_or(problem.title))
    })?;
    let made = Path::new(&answer.directory);
    bring(made, to).with_context(|| format!("the backup is whole at {}", made.display()))?;
    println!("{}: {} bytes, up to record {}", to.display(), answer.bytes, answer.at_sequence);
    println!("keys are not in it: keep a copy of {} apart", data.keys().display());
    Ok(())
}

/// A backup goes where nothing is.
fn refuse_used(to: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(to) {
        Ok(entries) => entries.count(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("look at {}", to.display())),
    };
    ensure!(entries == 0, "{} is not empty", to.display());
    Ok(())
}

/// Moves a directory, by copying where it goes to another file system.
fn bring(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    }
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    copy(from, to)?;
    fs::remove_dir_all(from).with_context(|| format!("remove {}", from.display()))
}

/// Copies a directory, each file flushed to the device.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)
                .and_then(|_| fs::File::open(&target)?.sync_all())
                .with_context(|| format!("copy to {}", target.display()))?;
        }
    }
    fs::File::open(to)?.sync_all().with_context(|| format!("flush {}", to.display()))
}

fn dir_arg(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name("DIR").value_parser(value_parser!(PathBuf)).required(true).help(help)
}

/// Made absolute, since the server that is asked may be at home elsewhere.
fn dir(matches: &ArgMatches, name: &str) -> anyhow::Result<PathBuf> {
    let path = matches.get_one::<PathBuf>(name).expect("it is required");
    std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))
}

fn print_report(report: &BackupReport, dir: &Path) {
    println!(
        "{}: up to record {}: a snapshot up to record {}, {} records behind it, {} seating plans",
        dir.display(),
        report.last_seq,
        report.snapshot_seq,
        report.records,
        report.plans
    );
}
