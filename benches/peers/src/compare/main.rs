//! Measures Usher beside what people would use instead, interleaved in one run, and whole servers
//! beside what they must reach; prints one table.
//!
//! Absolute figures on a shared machine mean little, so wherever there is something to compare
//! with, a row is a ratio: measured round by round, each contender in turn, of the medians.
//! `scripts/bench` installs the peers and builds everything first.

mod client;
mod contenders;
mod instructions;
mod processes;
mod rows;
mod table;
mod usher;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

/// As in the servers, so that the client is not what limits them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Usher beside its peers.
#[derive(Debug, Parser)]
pub(crate) struct Settings {
    /// Rows to measure, by number; all where none is given.
    numbers: Vec<u32>,
    /// Rounds in which each contender has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a turn, in seconds.
    #[arg(long, default_value = "3", value_parser = seconds)]
    seconds: Duration,
    /// A hundredth of the shows, seats and readers: to try whether it works, not to measure.
    #[arg(long)]
    small: bool,
    /// Instead of the table: what the servers execute for one request, counted by callgrind.
    #[arg(long)]
    instructions: bool,
    /// Where the servers' binaries are.
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Where servers keep their data meanwhile: on a disk, not in memory, and for all to reach,
    /// since PostgreSQL does not run as root.
    #[arg(long, default_value = "/tmp")]
    scratch: PathBuf,
    /// Where the table goes, as text and as JSON.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

impl Settings {
    /// A directory that goes away with what is in it.
    pub(crate) fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        let named = tempfile::Builder::new().prefix("usher-compare-").tempdir_in(&self.scratch);
        named.with_context(|| format!("a directory in {}", self.scratch.display()))
    }

    /// So many, or a hundredth of it where this is only a trial.
    pub(crate) fn sized(&self, many: u32) -> u32 {
        if self.small { many.div_ceil(100) } else { many }
    }
}

/// Servers and their data go with what is not waited for any more.
async fn unless_ended<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::select! {
        done = work => Ok(done),
        () = told_to_end() => Err(anyhow::anyhow!("told to end")),
    }
}

async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).expect("signals can be waited for");
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse();
    fs::create_dir_all(&settings.out).context("the folder for the results")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The load generator's client keeps to one thread.
    let tasks = tokio::task::LocalSet::new();
    if settings.instructions {
        let counts = tasks.block_on(&runtime, unless_ended(instructions::count(&settings)))??;
        print!("\n{}", instructions::text(&counts));
        return Ok(ExitCode::SUCCESS);
    }
    let (rows, failures) = tasks.block_on(&runtime, unless_ended(rows::measure(&settings)))?;
    let text = table::text(&rows);
    print!("\n{text}");
    fs::write(settings.out.join("table.txt"), text)?;
    let json = serde_json::to_vec_pretty(&table::json(&rows))?;
    fs::write(settings.out.join("table.json"), json)?;
    for failure in &failures {
        eprintln!("not measured: {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
