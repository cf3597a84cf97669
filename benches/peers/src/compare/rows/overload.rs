//! Row 14: what is left of a server at three times the load that it can take.
//!
//! Only prompt answers count, from the moment at which they were due. Who finds all connections
//! taken waits for one, and goes away after a quarter of a second; who is turned away does not come
//! again. Peak and overload have as many connections, so that only the load differs.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::say;
use crate::Settings;
use crate::client::{self, Figures};
use crate::contenders::{SHOW_SEATS, Sale};
use crate::table::{Figure, Measured, Row, Wanted};
use crate::usher::Usher;

/// Connections at the processors' limit.
const CONNECTIONS: usize = 512;
/// How much more is asked for than can be done.
const TIMES: f64 = 3.0;
/// How long each flush of the slow disk takes longer, in milliseconds.
const SLOW_FLUSH_MS: u32 = 20;
/// One shard with a short lane, as one would have it on a disk as slow as that.
const SLOW_OPTIONS: [&str; 4] = ["--shards", "1", "--lane-buyers-capacity", "64"];
/// Slows flushes down for a process that it is loaded into. It is there for `scripts/torture`.
const FAULTS: &str = include_str!("../../../../../scripts/torture.d/faults.c");
/// Size of the file that tells it what to do; flushes' delay is the first field.
const ORDERS_BYTES: usize = 80;

/// Measures both limits.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let processors = {
        let usher = Usher::start(settings, &[]).await?;
        row(settings, &usher, "the processors", Wanted::AtLeast(0.7, 0.85)).await?
    };
    let directory = settings.directory()?;
    let (library, orders) = slow_disk(directory.path())?;
    let usher = Usher::start_with(settings, &SLOW_OPTIONS, library, orders).await?;
    let disk = row(settings, &usher, "a slow disk", Wanted::AtLeast(0.9, 0.97)).await?;
    Ok(vec![processors, disk])
}

async fn row(
    settings: &Settings,
    usher: &Usher,
    limit: &str,
    wanted: Wanted,
) -> anyhow::Result<Row> {
    let sale = Sale::prepare(usher, SHOW_SEATS).await?;
    let holds = sale.holds();
    let turn = settings.seconds;
    let (mut peaks, mut overloads): (Vec<Figures>, Vec<Figures>) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        sale.last_for(usher, turn).await?;
        let peak = client::run(&holds.load(CONNECTIONS, turn, None)).await?;
        let rate = Some(TIMES * peak.prompt_per_second());
        peaks.push(peak);
        sale.last_for(usher, turn).await?;
        overloads.push(client::run(&holds.load(CONNECTIONS, turn, rate)).await?);
    }
    let last = overloads.last().map(|overload| {
        format!("{}; p99 of the good {:.0} ms", overload.told(), overload.quantile_ms(0.99))
    });
    let row = Row {
        number: 14,
        what: format!("prompt holds at {TIMES} times the load / peak, limit: {limit}"),
        figure: Figure::Ratio {
            ours: measured("three times the load", &overloads),
            theirs: measured("peak", &peaks),
            unit: "1/s",
        },
        wanted,
        note: last.unwrap_or_default(),
    };
    say(&row);
    Ok(row)
}

fn measured(name: &'static str, turns: &[Figures]) -> Measured {
    let of_turn = |turn: &Figures| json!({ "told": turn.told(), "p99Ms": turn.quantile_ms(0.99) });
    Measured {
        name,
        rounds: turns.iter().map(Figures::prompt_per_second).collect(),
        details: turns.iter().map(of_turn).collect::<Value>(),
    }
}

/// The library that makes flushes slow, and its orders.
fn slow_disk(directory: &std::path::Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (source, library) = (directory.join("faults.c"), directory.join("faults.so"));
    std::fs::write(&source, FAULTS)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-fPIC", "-shared", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let compiled = compiler.output()?;
    anyhow::ensure!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let orders = directory.join("orders");
    // No call fails: "-"; the clock is as it is; all files.
    let fields = [SLOW_FLUSH_MS.to_string(), "-".into(), "0".into(), "0".into(), "/".into()];
    let text: String = fields.iter().map(|field| format!("{field:<15}\n")).collect();
    anyhow::ensure!(text.len() == ORDERS_BYTES, "the orders have another length");
    std::fs::write(&orders, text)?;
    Ok((library, orders))
}
