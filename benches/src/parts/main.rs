//! `usher-parts`: the parts of Usher measured by themselves, each in a process of its own.
//!
//! Each subcommand does one thing once and prints its figures as one JSON object. Whoever compares
//! (`usher-compare`, from `scripts/bench`) runs them in turn, round by round; whoever profiles
//! runs one of them under `perf` or `valgrind`.

mod engine;
mod expiry;
mod floor;
mod instructions;
mod rush;

use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures parts of Usher.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A hold in the engine: limits, idempotency, bitmap, wheel, record encoding.
    Hold {
        /// How many holds; at most 100,000.
        #[arg(long, default_value_t = 100_000)]
        times: u32,
    },
    /// Four seats side by side in a hall of 100,000 that is partly sold.
    Best {
        /// How many searches.
        #[arg(long, default_value_t = 10_000)]
        times: u32,
        /// Seats in a hundred that are free, at random.
        #[arg(long, default_value_t = 50)]
        free: u32,
    },
    /// Holds that end together, in the engine.
    Expire {
        /// How many holds.
        #[arg(long, default_value_t = 100_000)]
        holds: u32,
    },
    /// Instructions of one hold and of one search, counted by valgrind.
    Instructions,
    /// Durable holds through shards and the sled journal; then a restart.
    Rush(rush::Options),
    /// Batches of that size in a bare sled, flushed as the journal flushes.
    Sled(floor::Batches),
    /// Batches of that size written one behind the other to a file of that length and flushed.
    File(floor::Batches),
    /// Holds of one show that end together, and what buyers of another notice.
    Expiry {
        /// How many holds.
        #[arg(long, default_value_t = 100_000)]
        holds: u32,
    },
}

#[actix::main]
async fn main() {
    let figures: Value = match Cli::parse().part {
        Part::Hold { times } => engine::hold(times),
        Part::Best { times, free } => engine::best(times, free),
        Part::Expire { holds } => engine::expire(holds),
        Part::Instructions => instructions::count(),
        Part::Rush(options) => rush::run(&options).await,
        Part::Sled(batches) => floor::sled(&batches),
        Part::File(batches) => floor::file(&batches),
        Part::Expiry { holds } => expiry::run(holds).await,
    };
    println!("{figures}");
}
