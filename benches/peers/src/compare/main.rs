//! Measures Usher beside what people would use instead, interleaved in one run, and prints ratios.
//!
//! Absolute figures on a shared machine mean little, so nothing here is one: every row is measured
//! round by round, each contender in turn, and the ratio is that of the medians. `scripts/bench`
//! installs the peers and builds everything first.

mod client;
mod contenders;
mod processes;
mod rows;
mod table;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use contenders::Stage;

/// As in the servers, so that the client is not what limits them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Usher beside its peers.
#[derive(Debug, Parser)]
struct Cli {
    /// Rows to measure, by number; all where none is given.
    rows: Vec<u32>,
    /// Rounds in which each contender has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a turn, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Where the servers' binaries are.
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Where the table goes, as text and as JSON.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    fs::create_dir_all(&cli.out).context("the folder for the results")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let turn = Duration::from_secs_f64(cli.seconds);
    let rows = runtime.block_on(async {
        let mut stage = Stage::set(&cli.binaries).await?;
        rows::measure(&mut stage, &cli.rows, cli.rounds, turn).await
    })?;
    let text = table::text(&rows);
    print!("{text}");
    fs::write(cli.out.join("table.txt"), text)?;
    fs::write(cli.out.join("table.json"), serde_json::to_vec_pretty(&table::json(&rows))?)?;
    Ok(())
}
